"""`ringline config`: the effective settings."""

import os
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit, urlunsplit

import typer
from pydantic import SecretStr

from ringline.cli.options import AsJson, Config, Data, settings_of
from ringline.cli.output import columns, print_json
from ringline.core.settings import PREFIX, Settings, names, variable

MASK = "***"
SECRET_MEMBER = re.compile(r"([^&=]*(?:key|secret|token|password|sig)[^&=]*=)[^&]+", re.IGNORECASE)
NO_SETTINGS = ("RINGLINE_PURE", "RINGLINE_TEST_")
"""Variables that are not read by the server: of the build and of the tests."""
Value = str | int | float | bool | list[str]


@dataclass(frozen=True, slots=True)
class Effective:
    """One setting. `source` is `default`, the file, the variable or the option that it comes from."""

    name: str
    value: Value
    source: str


def config(
    file: Config = None,
    data: Data = None,
    toml: Annotated[bool, typer.Option("--toml", help="Print a settings file.")] = False,
    as_json: AsJson = False,
) -> None:
    """Show the effective settings and where each comes from.

    Secrets are masked. --toml prints what --config reads; masked secrets are left out of it.
    """
    settings = settings_of(file, data)
    found = effective(settings, file, os.environ, data)
    for warning in unknown_variables(os.environ):
        typer.echo(f"ringline: {warning}", err=True)
    if as_json:
        print_json([{"name": one.name, "value": one.value, "source": one.source} for one in found])
    elif toml:
        typer.echo(to_toml(found), nl=False)
    else:
        columns(("setting", "value", "from"), [(one.name, _shown(one.value), one.source) for one in found])


def effective(
    settings: Settings, file: Path | None, environ: Mapping[str, str], data: Path | None
) -> list[Effective]:
    """Every setting with its source, in the order of the file."""
    in_file: dict[str, Any] = tomllib.loads(file.read_text()) if file else {}
    return [
        Effective(name, _masked(name, value_of(settings, name)), _source(name, in_file, file, environ, data))
        for name, _, _ in names()
    ]


def value_of(settings: Settings, name: str) -> object:
    """A setting by its dotted name."""
    value: object = settings
    for part in name.split("."):
        value = getattr(value, part)
    return value


def unknown_variables(environ: Mapping[str, str]) -> list[str]:
    """A sentence for each `RINGLINE_…` variable that is no setting: most are misspelled."""
    known = [variable(name) for name, _, _ in names()]
    found = []
    for key in sorted(environ):
        if key.startswith(PREFIX) and not key.startswith(NO_SETTINGS) and key not in known:
            close = get_close_matches(key, known, 1)
            found.append(f"{key} is no setting" + (f"; did you mean {close[0]}?" if close else ""))
    return found


def without_secrets(url: str) -> str:
    """A URL whose password, and query members that are named like secrets, are masked."""
    parts = urlsplit(url)
    user, at, host = parts.netloc.rpartition("@")
    netloc = f"{user.partition(':')[0]}:{MASK}@{host}" if at and ":" in user else parts.netloc
    return urlunsplit(parts._replace(netloc=netloc, query=SECRET_MEMBER.sub(rf"\1{MASK}", parts.query)))


def to_toml(found: list[Effective]) -> str:
    """A settings file that says the same; ends with a newline."""
    lines: list[str] = []
    section = ""
    for one in found:
        head, _, name = one.name.rpartition(".")
        if head != section:
            lines += ["", f"[{head}]"]
            section = head
        hidden = isinstance(one.value, str) and MASK in one.value
        lines.append(f"{'# ' if hidden else ''}{name} = {_literal(one.value)}")
    return "\n".join(lines) + "\n"


def _literal(value: Value) -> str:
    match value:
        case bool():
            return "true" if value else "false"
        case int() | float():
            return repr(value)
        case str():
            # A TOML basic string: the escapes of JSON are among its own.
            escaped = value.replace("\\", "\\\\").replace('"', '\\"')
            return (
                '"'
                + "".join(f"\\u{ord(c):04x}" if ord(c) < 32 or ord(c) == 127 else c for c in escaped)
                + '"'
            )
        case _:
            return "[" + ", ".join(_literal(one) for one in value) + "]"


def _masked(name: str, value: object) -> Value:
    match value:
        case SecretStr():
            return MASK if value.get_secret_value() else ""
        case str() if "://" in value:
            return without_secrets(value)
        case Path():
            return str(value)
        case bool() | int() | float() | str():
            return value
        case tuple():
            return [str(one) for one in value]
        case _:
            raise TypeError(f"setting {name} has a value of an unknown kind: {type(value).__name__}")


def _source(
    name: str, in_file: dict[str, Any], file: Path | None, environ: Mapping[str, str], data: Path | None
) -> str:
    if name == "data" and data is not None:
        return "--data"
    if variable(name) in environ:
        return variable(name)
    section, _, inner = name.rpartition(".")
    if inner in (in_file.get(section, {}) if section else in_file):
        return str(file)
    return "default"


def _shown(value: Value) -> str:
    if isinstance(value, list):
        return ", ".join(value) or "–"
    return str(value) if value != "" else "–"
