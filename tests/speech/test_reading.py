import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ringline.speech.reading import SayAs, read, say_as

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    ("written", "spoken"),
    [
        ("It costs $12.50.", "It costs twelve dollars and fifty cents."),
        ("$1 or $0.99", "one dollar or ninety-nine cents"),
        ("£1,234.01", "one thousand two hundred thirty-four pounds and one penny"),
        ("€3.5 million", "three point five million euros"),
        ("$0.125", "zero point one two five dollars"),
        ("at 10:30 pm", "at ten thirty P M"),
        ("at 9:05 a.m.", "at nine oh five A M"),
        ("at 9 or 9:00", "at nine or nine o'clock"),
        ("at 14:00", "at fourteen hundred hours"),
        ("+12025550123", "plus one, two zero two, five five five, zero one two three"),
        ("call (202) 555-0123 now", "call two zero two, five five five, zero one two three now"),
        ("0800123456", "zero eight zero, zero one two, three four five six"),
        ("2026-11-21", "November twenty-first, twenty twenty-six"),
        ("1/2/2025", "January second, twenty twenty-five"),
        ("on March 3, 2021", "on March third, twenty twenty-one"),
        ("since 1999", "since nineteen ninety-nine"),
        ("the 21st and 3rd", "the twenty-first and third"),
        ("Dr. Who vs. Mr. Fox", "doctor Who versus mister Fox"),
        ("5% of 1,000,000", "five percent of one million"),
        ("-5 or 3.14", "minus five or three point one four"),
        ("code 007", "code zero zero seven"),
        ("no. 5 and #7", "number five and number seven"),
        ("Q&A @ home", "Q and A at home"),
        ("mail joe.b@example.com", "mail joe dot b at example dot com"),
        ("version 1.2.3 of B52", "version 1.2.3 of B52"),
        ("Press * or #.", "Press star or pound."),
        ("Say no. Or yes.", "Say no. Or yes."),
    ],
)
def test_written_english_is_read_out(written: str, spoken: str) -> None:
    assert read(written, "en-US") == spoken


def test_other_languages_are_left_to_their_engine() -> None:
    assert read("Das kostet $12.50 um 10:30.", "de-DE") == "Das kostet $12.50 um 10:30."


@pytest.mark.parametrize(
    ("text", "how", "language", "spoken"),
    [
        ("1 23", SayAs.DIGITS, "en-US", "one, two, three"),
        ("123", SayAs.DIGITS, "de-DE", "1, 2, 3"),
        ("A-1", SayAs.CHARACTERS, "en-GB", "A, dash, one"),
        ("1 800 123", SayAs.TELEPHONE, "en-US", "one, eight zero zero, one two three"),
        (
            "+442079460000",
            SayAs.TELEPHONE,
            "en-US",
            "plus four four, two zero seven, nine four six, zero zero zero zero",
        ),
        ("later", SayAs.TELEPHONE, "en-US", "later"),
        (" 1,234.5 ", SayAs.CARDINAL, "en-US", "one thousand two hundred thirty-four point five"),
        ("lots", SayAs.CARDINAL, "en-US", "lots"),
        ("3", SayAs.ORDINAL, "en-US", "third"),
        ("22nd", SayAs.ORDINAL, "en-US", "twenty-second"),
        ("3", SayAs.ORDINAL, "fr-FR", "3"),
    ],
)
def test_say_as(text: str, how: SayAs, language: str, spoken: str) -> None:
    assert say_as(text, how, language) == spoken


@given(st.text(max_size=300), st.sampled_from(["en-US", "fr-FR"]))
@settings(max_examples=100)
def test_any_text_can_be_read(text: str, language: str) -> None:
    assert isinstance(read(text, language), str)
    for how in SayAs:
        assert isinstance(say_as(text, how, language), str)


@given(st.integers(0, 10**9), st.integers(0, 99))
@settings(max_examples=50)
def test_no_digit_of_an_amount_is_left_over(dollars: int, cents: int) -> None:
    spoken = read(f"You owe ${dollars:,}.{cents:02}.", "en-US")
    assert not re.search(r"\d|\$", spoken)


@pytest.mark.parametrize("unit", ["1", "1,", "$1", "1:", "1-", "(1", "a.", "a@", "+1", "1/", "January 1"])
def test_repetition_is_read_in_bounded_steps(unit: str) -> None:
    # The largest payload, many times over: quadratic patterns would run into the suite's time limit.
    assert read(unit * 100_000, "en-US")
