"""How often, and for how long without an answer."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringline.core.clock import MILLISECOND, SECOND
from ringline.streams.keepalive import Beat, Keepalive
from ringline.streams.pace import Pace

pytestmark = pytest.mark.unit


def test_one_each_second() -> None:
    pace = Pace(1.0)
    times_ms = [0, 1, 999, 1000, 1500, 1999, 2000, 60_000, 60_500]
    assert [pace.allows(ms * MILLISECOND) for ms in times_ms] == [
        True, False, False, True, False, False, True, True, False
    ]  # fmt: skip


def test_slack_forgives_bunching_but_not_a_faster_pace() -> None:
    pace = Pace(1.0, slack=0.25)
    assert [pace.allows(ms * MILLISECOND) for ms in (0, 800, 2000, 2760)] == [True, True, True, True]
    steady = Pace(1.0, slack=0.25)
    passed = sum(steady.allows(i * 900 * MILLISECOND) for i in range(100))
    assert passed <= 91


def test_a_burst_passes_and_is_paid_back() -> None:
    pace = Pace(0.1, burst=20)
    assert sum(pace.allows(0) for _ in range(50)) == 20
    assert not pace.allows(99 * MILLISECOND)
    assert pace.allows(100 * MILLISECOND)


@given(st.lists(st.integers(0, 10 * SECOND), max_size=50), st.integers(1, 5))
def test_never_more_than_the_burst_and_the_rate(times: list[int], burst: int) -> None:
    pace = Pace(1.0, burst=burst)
    passed = [moment for moment in sorted(times) if pace.allows(moment)]
    for i, first in enumerate(passed):
        for j in range(i, len(passed)):
            assert j - i + 1 <= burst + (passed[j] - first) / SECOND


def test_two_pongs_may_be_missing() -> None:
    keepalive = Keepalive(2)
    assert [keepalive.beat() for _ in range(3)] == [Beat.PING, Beat.PING, Beat.GIVE_UP]


def test_any_pong_starts_again() -> None:
    keepalive = Keepalive(2)
    for _ in range(10):
        assert keepalive.beat() is Beat.PING
        assert keepalive.beat() is Beat.PING
        keepalive.pong()
    assert keepalive.missing == 0
