import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ringline.speech.numbers import TENS, UNITS, cardinal, decimal, digits, ordinal, year

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (0, "zero"),
        (7, "seven"),
        (13, "thirteen"),
        (40, "forty"),
        (99, "ninety-nine"),
        (100, "one hundred"),
        (101, "one hundred one"),
        (1_000, "one thousand"),
        (12_345, "twelve thousand three hundred forty-five"),
        (1_000_001, "one million one"),
        (10**12, "one trillion"),
        (-21, "minus twenty-one"),
    ],
)
def test_cardinals(number: int, words: str) -> None:
    assert cardinal(number) == words


def value(words: str) -> int:
    """The number that English words mean: the inverse, written another way."""
    total = part = 0
    for word in words.replace("-", " ").split():
        if word in UNITS:
            part += UNITS.index(word)
        elif word in TENS:
            part += 10 * TENS.index(word)
        elif word == "hundred":
            part *= 100
        else:
            total += part * {"thousand": 10**3, "million": 10**6, "billion": 10**9, "trillion": 10**12}[word]
            part = 0
    return total + part


@given(st.integers(0, 10**15 - 1))
@settings(max_examples=200)
def test_cardinals_mean_their_number(number: int) -> None:
    assert value(cardinal(number)) == number


def test_what_is_too_large_is_spelled() -> None:
    assert cardinal(10**15) == "one" + " zero" * 15


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (1, "first"),
        (2, "second"),
        (3, "third"),
        (5, "fifth"),
        (8, "eighth"),
        (9, "ninth"),
        (12, "twelfth"),
        (20, "twentieth"),
        (21, "twenty-first"),
        (100, "one hundredth"),
        (1003, "one thousand third"),
    ],
)
def test_ordinals(number: int, words: str) -> None:
    assert ordinal(number) == words


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (1066, "one thousand sixty-six"),
        (1900, "nineteen hundred"),
        (1905, "nineteen oh five"),
        (1985, "nineteen eighty-five"),
        (2000, "two thousand"),
        (2009, "two thousand nine"),
        (2026, "twenty twenty-six"),
        (2150, "two thousand one hundred fifty"),
    ],
)
def test_years(number: int, words: str) -> None:
    assert year(number) == words


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("3.50", "three point five zero"),
        ("-0.5", "minus zero point five"),
        ("1,234", "one thousand two hundred thirty-four"),
        ("007", "zero zero seven"),
        ("0", "zero"),
    ],
)
def test_decimals(text: str, words: str) -> None:
    assert decimal(text) == words


def test_digits_are_read_one_by_one() -> None:
    assert digits("1-0 9") == "one zero nine"
