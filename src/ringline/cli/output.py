"""What commands print: aligned columns, coloured on a terminal and plain elsewhere, or JSON."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

import msgspec
import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

WIDTH = 100_000
"""Columns of the output: nothing is folded or cut, a terminal wraps what is too long for it."""
HEIGHT = 25
"""Of no use to us; rich takes a width on a dumb terminal only together with a height."""

STYLES = {
    "ok": "green",
    "delivered": "green",
    "answered": "green",
    "present": "green",
    "warn": "yellow",
    "pending": "yellow",
    "waiting": "yellow",
    "fail": "bold red",
    "failed": "bold red",
    "failing": "bold red",
}
"""Words that have a colour wherever they stand alone in a cell."""


def console() -> Console:
    """Standard output, coloured on a terminal; text is printed as it is, without markup."""
    return Console(markup=False, highlight=False, emoji=False, soft_wrap=True, width=WIDTH, height=HEIGHT)


def columns(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print a table without lines; cells may hold anything that came from outside."""
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    for head in heads:
        table.add_column(head, no_wrap=True)
    for row in rows:
        table.add_row(*(Text(text := printable(cell), style=STYLES.get(text, "")) for cell in row))
    console().print(table)


def print_json(value: Any) -> None:
    """One JSON document, indented."""
    typer.echo(msgspec.json.format(msgspec.json.encode(value), indent=2).decode())


def printable(text: str) -> str:
    """The text without what would move a terminal's cursor: strangers choose SIP headers and URLs."""
    return "".join(char if char.isprintable() else "�" for char in text)


def moment(at: datetime | None) -> str:
    """Local time to the second, or a dash."""
    return "–" if at is None else at.astimezone().strftime("%Y-%m-%d %H:%M:%S")


def seconds(value: float | None) -> str:
    """A duration for people: `0.21 s`, `3:07`, `1:02:09`; a dash for None."""
    if value is None:
        return "–"
    if value < 60:
        return f"{value:.2f} s"
    minutes, rest = divmod(round(value), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def size(count: int) -> str:
    """Bytes for people, in powers of ten: `63.2 MB`."""
    value = float(count)
    for unit in ("B", "kB", "MB"):
        if value < 1000:
            return f"{value:.0f} B" if unit == "B" else f"{value:.1f} {unit}"
        value /= 1000
    return f"{value:.1f} GB"
