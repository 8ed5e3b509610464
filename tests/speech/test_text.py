import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ringline.speech.text import (
    COMMA_PAUSE_MS,
    LONGEST_CLAUSE,
    SENTENCE_PAUSE_MS,
    clauses,
    clean,
)

pytestmark = pytest.mark.unit


def texts(text: str, first: int = 30) -> list[str]:
    return [clause.text for clause in clauses(text, first)]


@pytest.mark.parametrize(
    ("text", "pieces"),
    [
        ("Hello. How are you? Fine!", ["Hello.", "How are you?", "Fine!"]),
        ("Dr. Smith is in the U.S. today. Yes.", ["Dr. Smith is in the U.S. today.", "Yes."]),
        ("Yes. No. Well.", ["Yes.", "No.", "Well."]),
        ("See J. Doe in room no. 5.", ["See J. Doe in room no. 5."]),
        (
            "Come at 6 p.m. today. Or at 7 p.m. We wait.",
            ["Come at 6 p.m. today.", "Or at 7 p.m.", "We wait."],
        ),
        ("Acme Inc. The end etc.", ["Acme Inc.", "The end etc."]),
        ("It is 3.5 or 1,000.25 now.", ["It is 3.5 or 1,000.25 now."]),
        ("one line\nanother line", ["one line", "another line"]),
        ("你好。再见！", ["你好。", "再见！"]),
        ("Well... maybe.", ["Well...", "maybe."]),
        ('She said "stop." Then left.', ['She said "stop."', "Then left."]),
        ("Note: read this carefully; it matters.", ["Note: read this carefully;", "it matters."]),
        ("...!? -", []),
        ("", []),
    ],
)
def test_sentences(text: str, pieces: list[str]) -> None:
    assert texts(text) == pieces


def test_a_long_first_sentence_starts_with_a_short_clause() -> None:
    pieces = clauses("Press 1 for sales, press 2 for support, or stay on the line and wait for somebody.")
    assert pieces[0].text == "Press 1 for sales,"
    assert len(pieces) == 2
    assert [piece.pause_ms for piece in pieces] == [COMMA_PAUSE_MS, SENTENCE_PAUSE_MS]


def test_later_sentences_stay_whole() -> None:
    later = "Press 1 for sales, press 2 for support, or stay on the line and wait for somebody."
    assert texts(f"Welcome. {later}") == ["Welcome.", later]
    assert texts(later, first=0) == [later]


def test_a_first_clause_without_comma_is_not_broken() -> None:
    text = "This sentence has no comma at all and yet is quite a bit longer than thirty characters."
    assert texts(text) == [text]


def test_characters_without_sound_are_gone() -> None:
    assert clean("a\x00b\u200bc \t d\r\n") == "a b c d"


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("**Hello** there, *you* and __me__", "Hello there, you and me"),
        ("# Title\n- one\n* two\n> three", "Title\none\ntwo\nthree"),
        ("see [our page](https://example.com/x) or ![a cat](cat.png)", "see our page or a cat"),
        ("run `ls` now", "run ls now"),
        ("Press * or # now, or **", "Press * or # now, or **"),
        ("snake_case_name and 2*3*4", "snake_case_name and 2*3*4"),
        ("-5 degrees", "-5 degrees"),
    ],
)
def test_markdown_is_not_read_and_telephone_keys_are(written: str, read: str) -> None:
    assert clean(written) == read


@given(st.text(alphabet=st.sampled_from("ab ,.!?;:\n1。"), max_size=800))
@settings(max_examples=150)
def test_nothing_that_sounds_is_lost_and_clauses_are_bounded(text: str) -> None:
    pieces = texts(text)
    sound = [sign for sign in text if sign.isalnum()]
    assert [sign for piece in pieces for sign in piece if sign.isalnum()] == sound
    assert all(len(piece) <= LONGEST_CLAUSE for piece in pieces)
    assert all(any(map(str.isalnum, piece)) for piece in pieces if len(piece) < LONGEST_CLAUSE // 2)


@given(st.text(max_size=300))
@settings(max_examples=100)
def test_any_text_can_be_cut(text: str) -> None:
    assert all(piece == piece.strip() for piece in texts(text))


@pytest.mark.parametrize(
    "unit", ["a", "a ", ". ", "a.", ", ", "\n", "a.b.c", "!", "*a", "**a ", "_a", "[a](", "[", "# ", "`"]
)
def test_repetition_is_cut_in_bounded_steps(unit: str) -> None:
    assert sum(map(len, texts(unit * 50_000))) <= len(unit) * 50_000
