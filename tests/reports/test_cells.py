"""A line of CSV says what it was given, and nothing of it is run."""

import csv
import io
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ringline.reports.cells import line

pytestmark = pytest.mark.unit


def test_a_line_is_utf8_and_ends_as_rfc_4180_says() -> None:
    assert line(("a", "ü", 3, Decimal("0.250000"))) == "a,ü,3,0.250000\r\n".encode()


def test_what_needs_quotes_has_them() -> None:
    assert line(('say "hi"', "a,b", "two\nlines")) == b'"say ""hi""","a,b","two\nlines"\r\n'


@pytest.mark.parametrize(
    "text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", '=cmd|"/C calc"!A0']
)
def test_a_formula_becomes_text(text: str) -> None:
    (cells,) = csv.reader(io.StringIO(line((text,)).decode(), newline=""))
    assert cells == [f"'{text}"]


def test_numbers_stay_numbers() -> None:
    assert line((-1, Decimal("-0.5"))) == b"-1,-0.5\r\n"


def test_half_a_surrogate_pair_breaks_no_file() -> None:
    assert line(("a\ud800b",)) == b"a?b\r\n"


@settings(max_examples=80, deadline=None)
@given(st.lists(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")), min_size=2))
def test_any_texts_come_back_inert(texts: list[str]) -> None:
    (cells,) = csv.reader(io.StringIO(line(texts).decode(), newline=""))
    for cell, text in zip(cells, texts, strict=True):
        assert cell in (text, f"'{text}")
        assert not cell.startswith(("=", "+", "-", "@", "\t", "\r", "\n"))
