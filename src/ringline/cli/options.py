"""Options that several commands share, and how they become settings."""

from pathlib import Path
from typing import Annotated

import typer

from ringline.cli.failure import fail
from ringline.core.errors import ConfigError
from ringline.core.settings import Settings, load

Config = Annotated[
    Path | None, typer.Option("--config", metavar="FILE", help="Settings file (TOML).", dir_okay=False)
]
Data = Annotated[
    Path | None, typer.Option("--data", metavar="DIR", help="Folder of everything ringline keeps.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]


def settings_of(config: Path | None, data: Path | None, **overrides: object) -> Settings:
    """The effective settings; a mistake ends the command with one line that says what to do."""
    values = {name.replace("__", "."): value for name, value in overrides.items()}
    try:
        return load(config, overrides={"data": data, **values})
    except ConfigError as error:
        raise fail(str(error)) from error


def host_and_port(text: str | None, option: str) -> tuple[str | None, int | None]:
    """`HOST:PORT` taken apart; IPv6 hosts stand in brackets."""
    if text is None:
        return None, None
    host, _, port = text.rpartition(":")
    if not host or not port.isdigit():
        raise fail(f"{option} {text}: give HOST:PORT, as 127.0.0.1:5060")
    return host.strip("[]"), int(port)
