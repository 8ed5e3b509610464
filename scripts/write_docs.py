"""Writes the pages that follow from the code: `docs/configuration.md` and `docs/cli.md`.

python scripts/write_docs.py            write them
python scripts/write_docs.py --check    say which is stale; exit status 1 if any is
"""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from ringline.cli.main import COMMANDS
from ringline.core.settings import Section, Settings, names, variable

ROOT = Path(__file__).resolve().parent.parent
NOTICE = "<!-- Written by scripts/write_docs.py from the code: change that, then run `make docs`. -->"


def configuration() -> str:
    """The page of settings."""
    lines = [
        "# Settings",
        "",
        NOTICE,
        "",
        "Every setting can stand in a TOML file (`ringline serve --config FILE`) or in the environment. The",
        "command line wins over the environment, the environment over the file, the file over the default;",
        "`ringline config` shows what came of it, and `ringline config --toml` prints a file to start from.",
        "",
        "```toml",
        'data = "/var/lib/ringline"',
        "",
        "[sip]",
        'host = "192.0.2.10"',
        'external_address = "203.0.113.7"',
        "",
        "[net]",
        'allow = ["10.0.0.0/8"]      # in the environment: RINGLINE_NET_ALLOW=10.0.0.0/8,192.168.0.0/16',
        "```",
    ]
    section = None
    for name, meaning, default in names():
        head, _, _ = name.rpartition(".")
        if head != section:
            section = head
            lines += ["", f"## {head or 'Top level'}", "", *_section_words(head)]
            lines += ["| Setting | Environment | Default | Meaning |", "|---|---|---|---|"]
        lines.append(f"| `{name}` | `{variable(name)}` | {_default(default)} | {_cell(meaning)} |")
    return "\n".join(lines) + "\n"


def commands() -> str:
    """The page of commands."""
    lines = [
        "# Commands",
        "",
        NOTICE,
        "",
        "`ringline --help` and `ringline COMMAND --help` say the same. Commands that look at calls, keys and",
        "webhooks work on the store itself, whether or not the server runs; give them the `--data` or",
        "`--config` of the server. Errors are one line on standard error and exit status 1; a command line",
        "that cannot be read is exit status 2. `--json` prints one JSON document.",
        "",
        "| Command | |",
        "|---|---|",
    ]
    lines += [
        f"| [`ringline {entry.name}`](#ringline-{entry.name}) | {_cell(entry.help)} |" for entry in COMMANDS
    ]
    for entry in COMMANDS:
        lines += ["", *_command(f"ringline {entry.name}", entry.load(), level=2)]
    return "\n".join(lines) + "\n"


PAGES = {"docs/configuration.md": configuration, "docs/cli.md": commands}


def stale(root: Path = ROOT) -> Iterator[str]:
    """The pages that are not what the code says."""
    for name, write in PAGES.items():
        page = root / name
        if not page.is_file() or page.read_text(encoding="utf-8") != write():
            yield name


def main(words: list[str]) -> int:
    """Write or check; returns the exit status."""
    if words not in ([], ["--check"]):
        sys.stderr.write(f"{__doc__}\n")
        return 2
    if words:
        found = list(stale())
        for name in found:
            sys.stderr.write(f"{name} is stale: run `make docs`\n")
        return 1 if found else 0
    for name, write in PAGES.items():
        page = ROOT / name
        page.parent.mkdir(parents=True, exist_ok=True)
        page.write_text(write(), encoding="utf-8")
    return 0


def _section_words(head: str) -> list[str]:
    if not head:
        return []
    section = Settings.model_fields[head].default
    assert isinstance(section, Section)
    return [(type(section).__doc__ or "").strip(), ""]


def _default(value: object) -> str:
    match value:
        case SecretStr():
            text = value.get_secret_value()
        case tuple():
            text = ",".join(map(str, value))
        case _:
            text = str(value)
    return f"`{text}`" if text else "–"


def _command(path: str, command: Any, level: int) -> Iterator[str]:
    yield f"{'#' * level} {path}"
    yield ""
    inner = getattr(command, "commands", {})
    if inner:
        yield command.help or ""
        for name, one in inner.items():
            yield ""
            yield from _command(f"{path} {name}", one, level + 1)
        return
    yield "```"
    yield " ".join([path, *_usage(command)])
    yield "```"
    yield ""
    yield " ".join((command.help or "").split())
    shown = [parameter for parameter in command.params if parameter.name != "help"]
    if shown:
        yield ""
        yield "| | |"
        yield "|---|---|"
    for parameter in shown:
        yield f"| `{_name(parameter)}` | {_cell(parameter.help or '')}{_given(parameter)} |"


def _usage(command: Any) -> Iterator[str]:
    if any(parameter.param_type_name == "option" for parameter in command.params):
        yield "[OPTIONS]"
    for parameter in command.params:
        if parameter.param_type_name == "argument":
            yield _name(parameter)


def _name(parameter: Any) -> str:
    if parameter.param_type_name == "argument":
        return str(parameter.metavar or parameter.name.upper())
    names = ", ".join(parameter.opts)
    return names if parameter.is_flag else f"{names} {parameter.metavar or parameter.name.upper()}"


def _given(parameter: Any) -> str:
    default = parameter.default
    if parameter.param_type_name == "argument" or parameter.is_flag or default in (None, ""):
        return ""
    return f" Default `{default}`."


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
