"""The part of an unfinished text that stays."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ringline.speech.agreement import StablePrefix

pytestmark = pytest.mark.unit


def told(*texts: str) -> list[str]:
    """What there is to tell after each text, empty for nothing new."""
    prefix = StablePrefix()
    return [prefix.text if prefix.hear(text) else "" for text in texts]


def test_two_decodes_must_agree() -> None:
    assert told("I", "I would", "I would like two", "I would like to change") == [
        "",
        "I",
        "I would",
        "I would like",
    ]


def test_a_word_that_changes_waits() -> None:
    assert told("wreck a nice", "recognise speech", "recognise speech now") == ["", "", "recognise speech"]


def test_marks_and_capitals_do_not_disagree() -> None:
    assert told("hello.", "Hello, how", "Hello, how are") == ["", "Hello,", "Hello, how"]


def test_the_mark_at_the_end_of_what_was_heard_is_not_told() -> None:
    assert told("Thank you.", "Thank you.") == ["", "Thank you"]


def test_what_was_told_stays_though_the_engine_thinks_otherwise() -> None:
    assert told("four score", "four score", "for score and", "for score and seven") == [
        "",
        "four score",
        "",
        "four score and",
    ]


def test_the_same_word_twice() -> None:
    assert told("no no", "no no no", "no no no no.") == ["", "no no", "no no no"]


def test_a_lone_mark_is_a_word_of_its_own() -> None:
    assert told("so …", "so … well") == ["", "so …"]


words = st.lists(st.sampled_from(["a", "A", "a.", "b", "b,", "…", "c"]), max_size=6).map(" ".join)


@given(st.lists(words, max_size=8))
@settings(max_examples=100)
def test_what_is_told_grows_by_whole_words_and_stands_in_the_last_two_texts(texts: list[str]) -> None:
    prefix = StablePrefix()
    before: list[str] = []
    for last, text in zip(["", *texts], texts, strict=False):
        grew = prefix.hear(text)
        now = prefix.text.split()
        assert now[: len(before)] == before
        assert grew == (len(now) > len(before))
        for at in range(len(before), len(now)):
            for heard in (last, text):
                assert heard.split()[at].rstrip(".,").casefold() == now[at].rstrip(".,").casefold()
        before = now
