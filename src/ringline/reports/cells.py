"""Lines of CSV (RFC 4180) that a spreadsheet shows and never runs. Pure."""

import csv
import io
from collections.abc import Sequence
from decimal import Decimal

Cell = str | int | Decimal

_ACTIVE = ("=", "+", "-", "@", "\t", "\r", "\n")
"""What a spreadsheet takes for the beginning of a formula, or strips before it looks for one."""


def line(cells: Sequence[Cell]) -> bytes:
    """One line, ended by CR LF (RFC 4180 §2), in UTF-8.

    Text that could be a formula gets an apostrophe before it, which spreadsheets take for "this is text".
    """
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\r\n").writerow([_inert(cell) for cell in cells])
    return text.getvalue().encode("utf-8", "replace")


def _inert(cell: Cell) -> Cell:
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(_ACTIVE) else cell
