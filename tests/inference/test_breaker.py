import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringline.core.clock import SECOND
from ringline.inference.breaker import Breaker, Circuit, Trip

pytestmark = pytest.mark.unit

TRIP = Trip(failures=2, first_s=1.0, longest_s=4.0)


def failed(breaker: Breaker, times: int, now: int = 0) -> Breaker:
    for _ in range(times):
        breaker = breaker.failed(now)
    return breaker


def test_failures_in_a_row_open_it_and_a_success_between_does_not() -> None:
    assert failed(Breaker(TRIP), 1).admits(0)
    assert failed(failed(Breaker(TRIP), 1).succeeded(), 1).admits(0)
    assert not failed(Breaker(TRIP), 2).admits(0)


def test_one_trial_passes_after_the_time_and_no_second() -> None:
    breaker = failed(Breaker(TRIP), 2)
    assert not breaker.admits(SECOND - 1)
    assert breaker.admits(SECOND)
    trying = breaker.began()
    assert trying.circuit is Circuit.TRYING
    assert not trying.admits(SECOND)


def test_a_failed_trial_waits_twice_as_long_up_to_the_longest() -> None:
    breaker, now, waits = failed(Breaker(TRIP), 2), 0, []
    for _ in range(4):
        waits.append((breaker.until_ns - now) / SECOND)
        now = breaker.until_ns
        breaker = breaker.began().failed(now)
    assert waits == [1.0, 2.0, 4.0, 4.0]


def test_a_trial_that_succeeds_closes_it() -> None:
    assert failed(Breaker(TRIP), 2).began().succeeded() == Breaker(TRIP)


def test_a_trial_whose_client_leaves_lets_the_next_one_try() -> None:
    abandoned = failed(Breaker(TRIP), 2).began().abandoned(SECOND)
    assert abandoned.admits(SECOND)
    assert Breaker(TRIP).abandoned(0) == Breaker(TRIP)


@given(st.lists(st.sampled_from(["began", "succeeded", "failed", "abandoned"]), max_size=30))
def test_it_always_admits_again(moves: list[str]) -> None:
    breaker, now = Breaker(TRIP), 0
    for move in moves:
        now += SECOND // 2
        if move == "began" and not breaker.admits(now):
            continue
        act = getattr(breaker, move)
        breaker = act() if move in ("began", "succeeded") else act(now)
    if breaker.circuit is Circuit.TRYING:
        breaker = breaker.failed(now)
    assert breaker.admits(now + round(TRIP.longest_s) * SECOND)
