"""The operator's engines: `inference.upstream`, or a file of several with aliases."""

import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import msgspec

from ringline.core.errors import ConfigError
from ringline.inference.cards import BY_DIALECT, Capabilities, Dialect

SCHEMES = ("http://", "https://")


@dataclass(frozen=True, slots=True)
class Engine:
    """One OpenAI-compatible engine; each of `urls` ends before `/chat/completions`.

    Without `models` it serves what its `GET …/models` lists. `context` in tokens; 0 is what it says itself.
    """

    name: str
    urls: tuple[str, ...]
    key: str = ""
    dialect: Dialect = Dialect.OPENAI
    models: tuple[str, ...] = ()
    capabilities: Capabilities = BY_DIALECT[Dialect.OPENAI]
    context: int = 0
    max_completion: int | None = None


@dataclass(frozen=True, slots=True)
class EngineFile:
    """What an engines file says. An alias leads to a model's id; an empty one to the default model."""

    engines: tuple[Engine, ...] = ()
    aliases: Mapping[str, str] = field(default_factory=dict)


class _Engine(msgspec.Struct, forbid_unknown_fields=True):
    name: str
    urls: list[str]
    key: str = ""
    key_variable: str = ""
    dialect: Dialect = Dialect.OPENAI
    models: list[str] = []
    context: int = 0
    max_completion_tokens: int | None = None
    tools: bool | None = None
    logprobs: bool | None = None
    choices: int | None = None
    vision: bool | None = None
    audio: bool | None = None
    beam: bool | None = None
    min_p: bool | None = None
    thinking: bool | None = None


class _File(msgspec.Struct, forbid_unknown_fields=True):
    engine: list[_Engine] = []
    aliases: dict[str, str] = {}


SWITCHES = ("tools", "logprobs", "choices", "vision", "audio", "beam", "min_p", "thinking")


def checked_urls(urls: tuple[str, ...], where: str) -> tuple[str, ...]:
    """The URLs without a slash at their end; raises `ConfigError` for what is none."""
    for url in urls:
        if not url.startswith(SCHEMES):
            raise ConfigError(f"{where}: {url!r} is no URL of an engine, as http://127.0.0.1:8000/v1")
    return tuple(url.rstrip("/") for url in urls)


def parse_engines(text: str, where: str, environ: Mapping[str, str]) -> EngineFile:
    """Read an engines file; raises `ConfigError` that names `where` and what is wrong.

    `key_variable` names the variable of the environment that holds the key.
    """
    try:
        read = msgspec.convert(tomllib.loads(text), _File)
    except (tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise ConfigError(f"{where}: {error}") from error
    names = [one.name for one in read.engine]
    if len(set(names)) < len(names):
        raise ConfigError(f"{where}: two engines have the same name")
    return EngineFile(tuple(_engine(one, where, environ) for one in read.engine), read.aliases)


def load_engines(path: Path) -> EngineFile:
    """Read the file at a path; raises `ConfigError`."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"cannot read inference.engines {path}: {error}") from error
    return parse_engines(text, str(path), os.environ)


def _engine(one: _Engine, where: str, environ: Mapping[str, str]) -> Engine:
    if not one.urls:
        raise ConfigError(f"{where}: engine {one.name} needs urls")
    if one.key_variable and one.key_variable not in environ:
        raise ConfigError(f"{where}: engine {one.name} wants its key in {one.key_variable}, which is not set")
    said = {name: value for name in SWITCHES if (value := getattr(one, name)) is not None}
    return Engine(
        name=one.name,
        urls=checked_urls(tuple(one.urls), where),
        key=environ[one.key_variable] if one.key_variable else one.key,
        dialect=one.dialect,
        models=tuple(one.models),
        capabilities=replace(BY_DIALECT[one.dialect], **said),
        context=one.context,
        max_completion=one.max_completion_tokens,
    )
