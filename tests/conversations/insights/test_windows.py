"""Windows hold every message once and are never too long."""

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ringline.conversations.insights.windows import SMALLEST, Window, estimate, plan, text_of

pytestmark = pytest.mark.unit

TEXTS = st.lists(st.text(alphabet=st.sampled_from("ab 7é\n漢😀"), max_size=120), max_size=12)


def joined(windows: tuple[Window, ...]) -> dict[int, str]:
    """The messages, put together again."""
    pieces = sorted(
        (piece for window in windows for piece in window), key=lambda piece: piece.message
    )  # stable: the pieces of one message stay in order
    grouped = itertools.groupby(pieces, key=lambda piece: piece.message)
    return {number: "".join(piece.text for piece in group) for number, group in grouped}


@given(TEXTS, st.integers(SMALLEST, 80))
@settings(deadline=None)
def test_every_message_is_covered_once_and_no_window_is_over_budget(texts: list[str], budget: int) -> None:
    windows = plan(texts, budget)

    assert joined(windows) == dict(enumerate(texts))
    assert [piece.message for window in windows for piece in window] == sorted(
        piece.message for window in windows for piece in window
    )
    for window in windows:
        assert window
        assert estimate(text_of(window)) <= budget


@given(TEXTS, st.integers(SMALLEST, 80))
@settings(deadline=None)
def test_no_two_neighbours_would_fit_into_one(texts: list[str], budget: int) -> None:
    for first, second in itertools.pairwise(plan(texts, budget)):
        assert sum(piece.tokens + 1 for piece in (*first, second[0])) > budget


@given(st.text(max_size=60), st.text(max_size=60))
def test_the_estimate_is_subadditive(first: str, second: str) -> None:
    assert estimate(first + second) <= estimate(first) + estimate(second)


def test_the_estimate_is_rather_too_high() -> None:
    assert estimate("") == 0
    assert estimate("The caller asks for a refund.") >= 7  # as the tokenizer of GPT-4 counts it
    assert estimate("+13128675309") >= 11
    assert estimate("漢字") == 6
    assert estimate("\ud800") == 1


def test_short_messages_share_a_window_and_long_ones_are_cut_at_blanks() -> None:
    assert plan([], SMALLEST) == ()
    (window,) = plan(["hello", "hi"], SMALLEST)
    assert text_of(window) == "hello\nhi"
    words = " ".join(["word"] * 40)
    windows = plan([words], 20)
    assert len(windows) > 1
    assert all(piece.text.strip().split(" ") for window in windows for piece in window)
    assert {part for window in windows for piece in window for part in piece.text.split()} == {"word"}


def test_a_budget_that_holds_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="holds nothing"):
        plan(["a"], SMALLEST - 1)
