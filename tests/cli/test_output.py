"""Words for numbers, and columns that stay whole in a pipe."""

from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringline.cli.output import columns, moment, printable, seconds, size

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "–"),
        (0, "0.00 s"),
        (0.214, "0.21 s"),
        (59.99, "59.99 s"),
        (60, "1:00"),
        (187.4, "3:07"),
        (3729, "1:02:09"),
    ],
)
def test_seconds(value: float | None, text: str) -> None:
    assert seconds(value) == text


@pytest.mark.parametrize(
    ("count", "text"),
    [(0, "0 B"), (999, "999 B"), (1000, "1.0 kB"), (63_206_368, "63.2 MB"), (2_000_000_000_000, "2000.0 GB")],
)
def test_size(count: int, text: str) -> None:
    assert size(count) == text


def test_moment() -> None:
    assert moment(None) == "–"
    assert moment(datetime(2030, 1, 1, 12, 0, 0, 999).astimezone()) == "2030-01-01 12:00:00"


@given(st.text(max_size=50))
def test_printable_text_is_as_long_and_has_no_control_characters(text: str) -> None:
    shown = printable(text)
    assert len(shown) == len(text)
    assert shown.isprintable()
    assert printable(shown) == shown


@pytest.mark.parametrize("terminal", [False, True])
def test_columns_are_never_folded_nor_cut(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, terminal: bool
) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    monkeypatch.setenv("TERM", "dumb")
    if terminal:
        monkeypatch.setenv("FORCE_COLOR", "1")
    long = "x" * 500
    columns(("a", "b"), [(long, "[bold]1[/bold]"), ("2", "3")])
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 3
    assert lines[1].split() == [long, "[bold]1[/bold]"]
    assert lines[2].index("3") == lines[0].index("b")
