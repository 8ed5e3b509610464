import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringline.core.clock import SECOND
from ringline.sip.policy import Admission, FailureLimit, TokenBucket, Verdict

pytestmark = pytest.mark.unit


def test_a_bucket_gives_its_burst_then_its_rate() -> None:
    bucket = TokenBucket(rate=10, burst=3)
    assert [bucket.take(0) for _ in range(4)] == [True, True, True, False]
    assert not bucket.take(SECOND // 20)
    assert bucket.take(SECOND // 10)
    assert [bucket.take(100 * SECOND) for _ in range(4)] == [True, True, True, False]


def test_a_clock_that_jumps_back_gives_nothing_away() -> None:
    bucket = TokenBucket(rate=1, burst=1)
    assert bucket.take(10 * SECOND)
    assert not bucket.take(0)
    assert not bucket.take(10 * SECOND)
    assert bucket.take(11 * SECOND)


@given(st.lists(st.integers(0, SECOND), max_size=80))
def test_never_more_than_burst_and_rate_allow(waits: list[int]) -> None:
    bucket, now, taken = TokenBucket(rate=5, burst=4), 0, 0
    for wait in waits:
        now += wait
        taken += bucket.take(now)
    assert taken <= 4 + 5 * now / SECOND + 1e-6


def test_overload_refuses_first_and_drops_when_refusals_are_too_many() -> None:
    admission = Admission(rate=1, burst=2)
    verdicts = [admission.ask(0) for _ in range(20)]
    assert verdicts[:2] == [Verdict.ADMIT] * 2
    assert verdicts[2:12] == [Verdict.REFUSE] * 10
    assert verdicts[12:] == [Verdict.DROP] * 8


def test_failures_within_the_window_silence_one_address_for_a_while() -> None:
    limit = FailureLimit(limit=3, window_ns=60 * SECOND)
    for second in range(3):
        assert not limit.silenced("a", second * SECOND)
        limit.note("a", second * SECOND)
    assert limit.silenced("a", 3 * SECOND)
    assert not limit.silenced("b", 3 * SECOND)
    assert limit.silenced("a", 59 * SECOND)
    assert not limit.silenced("a", 60 * SECOND)


def test_who_fails_again_is_remembered_longer() -> None:
    limit = FailureLimit(limit=2, window_ns=SECOND, capacity=2)
    for source in ("a", "b", "a", "c"):
        limit.note(source, 0)
    assert limit.silenced("a", 0)


def test_memory_for_failures_is_bounded() -> None:
    limit = FailureLimit(limit=1, window_ns=SECOND, capacity=5)
    for number in range(100):
        limit.note(str(number), 0)
    assert [limit.silenced(str(number), 0) for number in (94, 95, 99)] == [False, True, True]
