"""Who is embedded with whom, in time that a test passes in."""

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ringline.core.clock import MILLISECOND, SECOND
from ringline.inference.embedding_batching import Batching, BatchLimits, Piece
from ringline.workers import Busy, Priority

pytestmark = pytest.mark.unit

LIMITS = BatchLimits(texts=4, tokens=100, wait_ns=5 * MILLISECOND, waiting=10)


def requests(batch: tuple[Piece, ...]) -> list[int]:
    return [piece.request for piece in batch]


def crowded() -> Batching:
    """A batching whose last batch was of two requests, so that it waits for more."""
    batching = Batching(LIMITS)
    batching.add(100, [1], Priority.BATCH, 0)
    batching.add(101, [1], Priority.BATCH, 0)
    assert requests(batching.take(0)) == [100, 101]
    return batching


def test_whoever_is_alone_waits_for_nobody() -> None:
    batching = Batching(LIMITS)
    for number in range(3):
        batching.add(number, [7], Priority.BATCH, number * SECOND)
        assert batching.take(number * SECOND) == (Piece(number, 0, 7),)


def test_a_request_of_several_texts_is_still_alone() -> None:
    batching = Batching(LIMITS)
    batching.add(1, [7, 7], Priority.BATCH, 0)
    assert len(batching.take(0)) == 2
    batching.add(2, [7], Priority.BATCH, 0)
    assert requests(batching.take(0)) == [2]


def test_in_a_crowd_a_text_waits_for_others_but_not_for_long() -> None:
    batching = crowded()
    batching.add(1, [1], Priority.BATCH, 10)
    assert batching.take(10) == ()
    assert batching.due_ns() == 10 + LIMITS.wait_ns
    batching.add(2, [1], Priority.BATCH, 20)
    assert batching.take(10 + LIMITS.wait_ns - 1) == ()
    assert requests(batching.take(10 + LIMITS.wait_ns)) == [1, 2]
    assert batching.due_ns() is None


def test_a_full_batch_goes_at_once_by_texts_or_by_tokens() -> None:
    batching = crowded()
    for number in range(4):
        batching.add(number, [1], Priority.BATCH, 10)
    assert requests(batching.take(10)) == [0, 1, 2, 3]
    batching.add(5, [60], Priority.BATCH, 10)
    batching.add(6, [60], Priority.BATCH, 10)
    assert requests(batching.take(10)) == [5]


def test_a_text_larger_than_a_batch_goes_alone() -> None:
    batching = Batching(LIMITS)
    batching.add(1, [500, 3], Priority.BATCH, 0)
    assert batching.take(0) == (Piece(1, 0, 500),)
    assert batching.take(0) == (Piece(1, 1, 3),)


def test_live_calls_go_first() -> None:
    batching = Batching(LIMITS)
    batching.add(1, [1] * 6, Priority.BATCH, 0)
    batching.add(2, [1] * 3, Priority.LIVE, 0)
    assert requests(batching.take(0)) == [2, 2, 2, 1]


def test_a_long_request_does_not_keep_short_ones_waiting() -> None:
    batching = Batching(LIMITS)
    batching.add(1, [1] * 8, Priority.BATCH, 0)
    batching.add(2, [1], Priority.BATCH, 0)
    batching.add(3, [1], Priority.BATCH, 0)
    assert requests(batching.take(0)) == [1, 2, 3, 1]


def test_a_full_queue_sends_away_and_says_for_how_long() -> None:
    batching = Batching(LIMITS)
    batching.measured(tokens=10, took_ns=10 * SECOND)
    batching.add(1, [3] * 8, Priority.BATCH, 0)
    with pytest.raises(Busy) as refusal:
        batching.add(2, [1] * 3, Priority.BATCH, 0)
    assert refusal.value.retry_after == 24
    batching.add(3, [1] * 3, Priority.LIVE, 0)
    assert batching.waiting == 11


def test_one_request_is_let_in_however_long() -> None:
    batching = Batching(LIMITS)
    batching.add(1, [1] * 50, Priority.BATCH, 0)
    assert batching.waiting == 50


def test_a_withdrawn_request_leaves_nothing_behind() -> None:
    batching = Batching(LIMITS)
    batching.add(1, [1] * 6, Priority.BATCH, 0)
    assert len(batching.take(0)) == 4
    batching.withdraw(1)
    assert (batching.waiting, batching.due_ns(), batching.take(SECOND)) == (0, None, ())
    batching.withdraw(1)


@pytest.mark.parametrize("wrong", [{"texts": 0}, {"tokens": 0}, {"waiting": 0}, {"wait_ns": -1}])
def test_limits_that_let_nothing_through_are_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="limits start at 1"):
        BatchLimits(**wrong)


@given(
    st.lists(
        st.tuples(
            st.lists(st.integers(1, 300), min_size=1, max_size=9), st.sampled_from(Priority), st.booleans()
        ),
        max_size=12,
    )
)
@settings(max_examples=60)
def test_every_text_is_taken_once_and_in_order(asked: list[tuple[list[int], Priority, bool]]) -> None:
    batching = Batching(BatchLimits(texts=4, tokens=100, wait_ns=1, waiting=10_000))
    taken: list[Piece] = []
    now = 0
    for number, (tokens, priority, pause) in enumerate(asked):
        batching.add(number, tokens, priority, now)
        now += 1
        if pause:
            taken += batching.take(now)
    while batching.waiting:
        now += 1
        batch = batching.take(now)
        assert 1 <= len(batch) <= 4
        assert len(batch) == 1 or sum(piece.tokens for piece in batch) <= 100
        taken += batch
    assert Counter(piece.request for piece in taken) == Counter(
        {number: len(tokens) for number, (tokens, _, _) in enumerate(asked)}
    )
    for number, (tokens, _, _) in enumerate(asked):
        assert [piece.tokens for piece in taken if piece.request == number] == tokens
