import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ringline.core.clock import SECOND
from ringline.workers.lifecycle import MOVES, Backoff, Event, IllegalMove, Life, State

pytestmark = pytest.mark.unit

BACKOFF = Backoff(first=0.5, longest=4.0, forgiven_after=10.0)


def after(*events: Event, now_ns: int = 0) -> Life:
    life = Life()
    for event in events:
        life = life.move(event, now_ns, BACKOFF)
    return life


def test_the_usual_life() -> None:
    assert after(Event.WANTED).state is State.STARTING
    assert after(Event.WANTED, Event.LOADED).state is State.READY
    assert after(Event.WANTED, Event.LOADED, Event.EVICTED).state is State.EVICTING
    assert after(Event.WANTED, Event.LOADED, Event.EVICTED, Event.EXITED) == Life()
    assert after(Event.WANTED, Event.LOADED, Event.CLOSED, Event.EXITED).state is State.STOPPED


def test_deaths_in_a_row_are_counted_through_restarts() -> None:
    life = after(Event.WANTED, Event.EXITED, Event.ELAPSED, Event.WANTED, Event.LOADED, Event.EXITED)
    assert (life.state, life.deaths) == (State.BACKOFF, 2)


def test_a_child_that_lived_long_is_forgiven() -> None:
    ready = after(Event.WANTED, Event.EXITED, Event.ELAPSED, Event.WANTED, Event.LOADED)
    assert ready.move(Event.EXITED, 9 * SECOND, BACKOFF).deaths == 2
    assert ready.move(Event.EXITED, 10 * SECOND, BACKOFF).deaths == 1


def test_waits_double_up_to_the_longest() -> None:
    assert [BACKOFF.seconds(deaths) for deaths in (1, 2, 3, 4, 5, 1000)] == [0.5, 1.0, 2.0, 4.0, 4.0, 4.0]


@pytest.mark.parametrize(
    ("state", "event"),
    [(state, event) for state in State for event in Event if event not in MOVES[state]],
)
def test_illegal_moves_have_a_name(state: State, event: Event) -> None:
    with pytest.raises(IllegalMove, match=f"{event} cannot happen while {state}"):
        Life(state).move(event, 0, BACKOFF)


@given(st.lists(st.sampled_from(Event), max_size=20))
@settings(max_examples=100)
def test_any_legal_history_stays_in_the_table_and_stopped_is_the_end(events: list[Event]) -> None:
    life, stopped = Life(), False
    for event in events:
        if event not in MOVES[life.state]:
            continue
        life = life.move(event, 0, BACKOFF)
        stopped = stopped or life.state is State.STOPPED
        assert life.deaths >= 0
        assert not stopped or life.state is State.STOPPED
