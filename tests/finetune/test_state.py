"""The life of a job."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringline.finetune.state import MOVES, Event, IllegalMove, Status, move

pytestmark = pytest.mark.unit


def test_the_good_life() -> None:
    status = Status.QUEUED
    for event in (Event.STARTED, Event.STARTED, Event.SUCCEEDED):
        status = move(status, event)
    assert status is Status.SUCCEEDED


@pytest.mark.parametrize("status", [Status.SUCCEEDED, Status.FAILED, Status.CANCELLED])
@pytest.mark.parametrize("event", Event)
def test_nothing_follows_an_end(status: Status, event: Event) -> None:
    with pytest.raises(IllegalMove, match=f"a job that is {status} cannot be {event}") as refused:
        move(status, event)
    assert (refused.value.status, refused.value.event) == (status, event)


def test_what_waits_cannot_have_succeeded() -> None:
    with pytest.raises(IllegalMove):
        move(Status.QUEUED, Event.SUCCEEDED)


@given(st.lists(st.sampled_from(Event)))
def test_any_events_leave_a_status_of_the_table(events: list[Event]) -> None:
    status = Status.QUEUED
    for event in events:
        try:
            status = move(status, event)
        except IllegalMove:
            assert event not in MOVES[status]
    assert status.ended == (not MOVES[status])
