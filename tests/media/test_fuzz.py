"""Hostile octets in every run; under AddressSanitizer and ThreadSanitizer when RINGLINE_SANITIZE is set.

The sanitized build compiles the engine into a folder of its own and takes minutes.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.media import fuzz

pytestmark = pytest.mark.fault

ROOT = Path(__file__).parents[2]
SANITIZE = pytest.mark.skipif(
    "RINGLINE_SANITIZE" not in os.environ, reason="set RINGLINE_SANITIZE=1; takes minutes"
)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_no_datagram_does_harm(seed: int) -> None:
    rig = fuzz.receive(seed, 600)
    receiver = rig.legs[0].receiver
    assert receiver.packets > 0
    assert receiver.malformed > 0
    assert receiver.latch.strangers > 0


def build(folder: Path, sanitizer: str) -> None:
    shutil.copytree(ROOT / "src", folder / "src", ignore=shutil.ignore_patterns("*.so", "__pycache__"))
    for name in ("setup.py", "pyproject.toml"):
        shutil.copy(ROOT / name, folder / name)
    (folder / "README.md").touch()
    flags = f"-fsanitize={sanitizer} -fno-omit-frame-pointer -O1"
    subprocess.run(
        [sys.executable, "setup.py", "-q", "build_ext", "--inplace"],
        cwd=folder,
        env={**os.environ, "CFLAGS": flags, "LDFLAGS": f"-fsanitize={sanitizer}"},
        check=True,
        capture_output=True,
    )


@SANITIZE
@pytest.mark.timeout(1800)
@pytest.mark.parametrize(
    ("sanitizer", "library", "arguments"),
    [("address", "libasan.so", []), ("thread", "libtsan.so", ["plane"])],
)
def test_sanitizers_find_nothing(tmp_path: Path, sanitizer: str, library: str, arguments: list[str]) -> None:
    build(tmp_path, sanitizer)
    found = subprocess.run(["gcc", f"-print-file-name={library}"], check=True, capture_output=True, text=True)
    run = subprocess.run(
        [sys.executable, "-m", "tests.media.fuzz", *arguments],
        cwd=ROOT,
        env={
            **os.environ,
            "LD_PRELOAD": found.stdout.strip(),
            "ASAN_OPTIONS": "detect_leaks=0",
            "TSAN_OPTIONS": f"exitcode=66:suppressions={Path(__file__).with_name('tsan.supp')}",
            "PYTHONMALLOC": "malloc",
            "PYTHONPATH": f"{tmp_path / 'src'}:{ROOT}",
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert (run.returncode, run.stdout) == (0, "clean\n"), run.stderr[-4000:]
