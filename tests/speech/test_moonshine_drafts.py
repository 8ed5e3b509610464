"""A draft makes decoding quicker and never different."""

from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ringline.speech.engines.moonshine_drafts import Written, decode
from ringline.speech.engines.moonshine_files import BEGIN, END

pytestmark = pytest.mark.unit


class Author:
    """Writes one text, and after any other beginning goes on by a rule that only knows that beginning."""

    def __init__(self, text: Sequence[int]) -> None:
        self._text = [*text, END]
        self._read: list[int] = []
        self.passes: list[int] = []

    def feed(self, tokens: Sequence[int]) -> list[tuple[int, float]]:
        self.passes.append(len(tokens))
        answers = []
        for token in tokens:
            self._read.append(token)
            answers.append((self._next(), -len(self._read) / 8))
        return answers

    def keep(self, count: int) -> None:
        assert count <= len(self._read)
        del self._read[count:]

    def _next(self) -> int:
        assert self._read[0] == BEGIN
        written = self._read[1:]
        if written == self._text[: len(written)] and len(written) < len(self._text):
            return self._text[len(written)]
        return 3 + hash(tuple(written)) % 7


def write(text: Sequence[int], draft: Sequence[int], longest: int = 100) -> tuple[Written, Author]:
    author = Author(text)
    return decode(author, draft, longest), author


def test_a_right_draft_takes_one_pass() -> None:
    written, author = write([5, 6, 7, 8], [5, 6, 7, 8])
    assert written.tokens == [5, 6, 7, 8]
    assert written.passes == 1
    assert author.passes == [5]


def test_no_draft_takes_a_pass_a_token() -> None:
    written, author = write([5, 6, 7], [])
    assert written.tokens == [5, 6, 7]
    assert author.passes == [1, 1, 1, 1]


@pytest.mark.parametrize(
    ("draft", "passes"),
    [
        ([5, 9, 7, 8, 9, 3], 2),  # one token is another
        ([5, 7, 8, 9, 3], 3),  # one is missing: the rest is a place too far, until it agrees again
        ([5, 4, 3, 6, 7, 8, 9, 3], 2),  # two are too many
        ([5, 6, 7, 8, 9, 3, 3, 3], 1),  # it goes on behind the end
        ([5, 6, 7], 4),  # it ends before it
    ],
)
def test_behind_a_difference_the_draft_goes_on(draft: list[int], passes: int) -> None:
    written, _ = write([5, 6, 7, 8, 9, 3], draft)
    assert written.tokens == [5, 6, 7, 8, 9, 3]
    assert written.passes == passes


def test_there_is_a_longest_text() -> None:
    assert write([5, 6, 7, 8], [5, 6, 7, 8], 2)[0].tokens == [5, 6]
    assert write([5] * 50, [], 10)[0].tokens == [5] * 10
    assert write([5], [5], 0)[0].tokens == []


def test_nobody_waits_any_more() -> None:
    answers = iter([False, False, True])
    written = decode(Author([5, 6, 7, 8]), [], 100, lambda: next(answers))
    assert written.tokens == [5, 6]


texts = st.lists(st.integers(3, 9), max_size=20)


@given(texts, texts, st.integers(0, 25))
@settings(max_examples=200)
def test_a_draft_never_changes_the_text(text: list[int], draft: list[int], longest: int) -> None:
    plain, _ = write(text, [], longest)
    drafted, author = write(text, draft, longest)
    assert drafted.tokens == plain.tokens
    assert drafted.log_probabilities == plain.log_probabilities
    assert drafted.passes <= plain.passes
    assert sum(author.passes) <= plain.passes * (len(draft) + 1)
