"""How a batch is cut into runs."""

from itertools import combinations, pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ringline.inference.embedding_runs import plan

pytestmark = pytest.mark.unit

RUN_COST = 6


def cost(lengths: list[int], runs: list[list[int]]) -> int:
    return sum(RUN_COST + max(lengths[place] for place in run) * len(run) for run in runs)


def test_texts_of_one_length_share_a_run() -> None:
    assert plan([9] * 5, texts=32, tokens=4096, run_cost=RUN_COST) == [[0, 1, 2, 3, 4]]


def test_short_texts_are_not_padded_to_a_long_one() -> None:
    assert plan([5, 200, 6, 5], texts=32, tokens=4096, run_cost=RUN_COST) == [[1], [2, 0, 3]]


def test_a_little_padding_is_cheaper_than_a_run() -> None:
    assert plan([10, 11, 12], texts=32, tokens=4096, run_cost=RUN_COST) == [[2, 1, 0]]


def test_the_dearer_a_run_the_more_padding() -> None:
    assert plan([10, 14], texts=32, tokens=4096, run_cost=3) == [[1], [0]]
    assert plan([10, 14], texts=32, tokens=4096, run_cost=5) == [[1, 0]]


def test_runs_keep_their_limits() -> None:
    assert list(map(len, plan([4] * 10, texts=4, tokens=4096, run_cost=RUN_COST))) in (
        [4, 4, 2],
        [2, 4, 4],
        [4, 3, 3],
        [3, 4, 3],
    )
    assert all(len(run) <= 2 for run in plan([50] * 6, texts=32, tokens=100, run_cost=RUN_COST))


def test_a_text_longer_than_a_run_may_be_has_its_own() -> None:
    assert plan([500, 3], texts=32, tokens=100, run_cost=RUN_COST) == [[0], [1]]


def test_nothing_needs_no_run() -> None:
    assert plan([], texts=32, tokens=4096, run_cost=RUN_COST) == []


@given(st.lists(st.integers(1, 60), min_size=1, max_size=9), st.integers(1, 5), st.integers(20, 200))
@settings(max_examples=60)
def test_no_cut_of_the_sorted_batch_is_cheaper(lengths: list[int], texts: int, tokens: int) -> None:
    runs = plan(lengths, texts, tokens, RUN_COST)
    assert sorted(place for run in runs for place in run) == list(range(len(lengths)))
    order = sorted(range(len(lengths)), key=lambda place: -lengths[place])
    allowed = []
    for count in range(len(order)):
        for cuts in combinations(range(1, len(order)), count):
            edges = [0, *cuts, len(order)]
            cut = [order[begin:end] for begin, end in pairwise(edges)]
            if all(len(r) == 1 or (len(r) <= texts and lengths[r[0]] * len(r) <= tokens) for r in cut):
                allowed.append(cost(lengths, cut))
    assert cost(lengths, runs) == min(allowed)
