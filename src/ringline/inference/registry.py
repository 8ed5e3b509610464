"""Which models there are and where each comes from: `models.toml`, and files of the operator's own."""

import re
import tomllib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from importlib.resources import files
from pathlib import Path

import msgspec

from ringline.core.errors import ConfigError

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
PYPI = re.compile(
    r"(?P<project>[A-Za-z0-9][A-Za-z0-9._-]*)==(?P<version>[0-9A-Za-z.+!_-]+)#sha256=(?P<hash>[0-9a-f]{64})"
)
HF = re.compile(
    r"(?P<repository>[\w.-]+/[\w.-]+)@(?P<revision>[\w.-]+)/(?P<file>[^#]+)#sha256=(?P<hash>[0-9a-f]{64})"
)
HASHED_FILE = re.compile(r"(?P<path>[^#]+)(?:#sha256=(?P<hash>[0-9a-f]{64}))?")


class Task(StrEnum):
    """What a model is for."""

    CHAT = "chat"
    EMBEDDING = "embedding"
    RECOGNITION = "recognition"  # live
    TRANSCRIPTION = "transcription"  # files
    SYNTHESIS = "synthesis"
    VAD = "vad"


@dataclass(frozen=True, slots=True)
class PypiWheel:
    """`pypi:NAME==VERSION#sha256=HASH`: one wheel, never its dependencies."""

    project: str
    version: str
    sha256: str


@dataclass(frozen=True, slots=True)
class HubFile:
    """`hf:OWNER/NAME@REVISION/FILE#sha256=HASH`: one file of a repository on the Hugging Face hub."""

    repository: str
    revision: str
    file: str
    sha256: str


@dataclass(frozen=True, slots=True)
class LocalFile:
    """`file:PATH[#sha256=HASH]`: a file, or a wheel, on this machine."""

    path: Path
    sha256: str | None


Source = PypiWheel | HubFile | LocalFile


@dataclass(frozen=True, slots=True)
class Model:
    """One entry. `bytes` is the exact size of its files; `files` maps each to the members it is joined from.

    A member is a path in a wheel, or the name of a source that is a plain file. `context` (tokens),
    `dimensions` and `parameters` (how many) are None where they mean nothing or nobody said.
    """

    name: str
    task: Task
    engine: str
    sources: tuple[Source, ...]
    files: dict[str, tuple[str, ...]]
    bytes: int
    licence: str
    provenance: str
    languages: tuple[str, ...] = ()
    platform: str | None = None
    context: int | None = None
    dimensions: int | None = None
    parameters: int | None = None


class _Entry(msgspec.Struct, forbid_unknown_fields=True):
    name: str
    task: Task
    engine: str
    sources: list[str]
    files: dict[str, list[str]]
    bytes: int
    licence: str
    provenance: str
    languages: list[str] = []
    platform: str | None = None
    context: int | None = None
    dimensions: int | None = None
    parameters: int | None = None


class _File(msgspec.Struct, forbid_unknown_fields=True):
    model: list[_Entry]


class Registry:
    """The models by name; a later one of the same name replaces an earlier one."""

    def __init__(self, models: Iterable[Model]) -> None:
        self._models = {model.name: model for model in models}

    def __iter__(self) -> Iterator[Model]:
        return iter(self._models.values())

    def __getitem__(self, name: str) -> Model:
        """The model of that name; raises `ConfigError` with the names there are."""
        model = self._models.get(name)
        if model is None:
            raise ConfigError(f"no model is called {name!r}; there are {', '.join(sorted(self._models))}")
        return model


def parse_source(text: str) -> Source:
    """Read `pypi:…`, `hf:…` or `file:…`; raises `ConfigError`."""
    scheme, _, rest = text.partition(":")
    match scheme:
        case "pypi" if found := PYPI.fullmatch(rest):
            return PypiWheel(found["project"], found["version"], found["hash"])
        case "hf" if found := HF.fullmatch(rest):
            return HubFile(found["repository"], found["revision"], found["file"], found["hash"])
        case "file" if found := HASHED_FILE.fullmatch(rest):
            return LocalFile(Path(found["path"]), found["hash"])
        case _:
            raise ConfigError(
                f"{text!r} is no source: use pypi:NAME==VERSION#sha256=…, "
                "hf:OWNER/NAME@REVISION/FILE#sha256=… or file:PATH"
            )


def parse_models(text: str, where: str) -> list[Model]:
    """Read a registry file; raises `ConfigError` that names `where` and what is wrong."""
    try:
        read = msgspec.convert(tomllib.loads(text), _File)
    except (tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise ConfigError(f"{where}: {error}") from error
    return [_model(entry, where) for entry in read.model]


def _model(entry: _Entry, where: str) -> Model:
    if not NAME.fullmatch(entry.name):
        raise ConfigError(f"{where}: {entry.name!r} cannot name a model")
    if not entry.sources or not entry.files or entry.bytes <= 0:
        raise ConfigError(f"{where}: {entry.name} needs sources, files and bytes")
    for file, members in entry.files.items():
        # File names become paths in the models folder: nothing that could lead out of it.
        if not NAME.fullmatch(file) or not members:
            raise ConfigError(f"{where}: {entry.name} has an unusable file {file!r}")
    return Model(
        name=entry.name,
        task=entry.task,
        engine=entry.engine,
        sources=tuple(parse_source(source) for source in entry.sources),
        files={file: tuple(members) for file, members in entry.files.items()},
        bytes=entry.bytes,
        licence=entry.licence,
        provenance=entry.provenance,
        languages=tuple(entry.languages),
        platform=entry.platform,
        context=entry.context,
        dimensions=entry.dimensions,
        parameters=entry.parameters,
    )


def load_registry(*more: Path) -> Registry:
    """The models that ringline ships, then those of further files; raises `ConfigError`."""
    models = parse_models(
        files(__package__).joinpath("models.toml").read_text(encoding="utf-8"), "models.toml"
    )
    for path in more:
        try:
            models += parse_models(path.read_text(encoding="utf-8"), str(path))
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError(f"cannot read {path}: {error}") from error
    return Registry(models)
