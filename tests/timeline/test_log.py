"""The log: what is written comes back in one order, attempts among it; the old is forgotten."""

from datetime import timedelta

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from ringline.core.clock import VirtualClock
from ringline.core.ids import Ids
from ringline.store import deliveries
from ringline.store.db import Store
from ringline.timeline import log
from ringline.timeline.entries import (
    AnyBody,
    Entry,
    StateChanged,
    WebhookAttempted,
    WebhookQueued,
    decode_body,
    encode_body,
)
from ringline.webhooks.outbox import QueuedEvent, delivery_id, queue_event
from ringline.webhooks.policy import Target
from tests.timeline.calls import CALL, LEG, OTHER, SESSION, START, entry, story

pytestmark = pytest.mark.unit


async def test_entries_come_back_as_they_were(store: Store) -> None:
    await store.tx(log.append, CALL[:10])
    await store.tx(log.append, CALL[10:])
    assert await store.read(log.read_leg, LEG) == CALL
    assert await store.read(log.last_seq, LEG) == len(CALL)
    assert await store.read(log.read_leg, "unknown") == []
    assert await store.read(log.last_seq, "unknown") == 0
    await store.tx(log.append, [])


async def test_an_entry_cannot_be_written_twice(store: Store) -> None:
    await store.tx(log.append, CALL[:1])
    with pytest.raises(sa.exc.IntegrityError):
        await store.tx(log.append, CALL[:1])


async def test_the_legs_of_a_session_are_read_together_in_time(store: Store) -> None:
    other = story((10, StateChanged("dialling")), (2_000, StateChanged("answered")), leg=OTHER)
    await store.tx(log.append, other)
    await store.tx(log.append, CALL)
    read = await store.read(log.read_session, SESSION)
    assert len(read) == len(CALL) + 2
    assert [one.at for one in read] == sorted(one.at for one in read)
    for leg in (LEG, OTHER):
        seqs = [one.seq for one in read if one.leg_id == leg]
        assert seqs == sorted(seqs)


async def test_attempts_are_read_where_they_happened(store: Store, clock: VirtualClock, ids: Ids) -> None:
    event = QueuedEvent(
        ids.uuid(),
        "account",
        "call.initiated",
        START,
        b"{}",
        (Target(url="https://a.example/"),),
        LEG,
        SESSION,
    )
    entries = story(
        (0, WebhookQueued("call.initiated", event.id)), (5, StateChanged("a")), (30, StateChanged("b"))
    )
    await store.tx(log.append, entries)
    await store.tx(queue_event, event)
    await store.tx(
        deliveries.claim, owner="n", now=clock.utc(), until=clock.utc() + timedelta(1), limit=1, without=()
    )
    attempt = deliveries.Attempt(
        delivery_id=delivery_id(event.id, 0),
        attempt=1,
        account_id="account",
        event_id=event.id,
        leg_id=LEG,
        url="https://a.example/",
        method="POST",
        started_at=START + timedelta(milliseconds=10),
        started_ns=17,
        finished_at=START + timedelta(milliseconds=20),
        latency_us=10_000,
        status=503,
        error="HTTP status 503",
        body="",
    )
    await store.tx(deliveries.record_attempt, attempt, owner="n", state="failed", progress={}, next_at=START)

    first, second, tried, last = await store.read(log.read_leg, LEG)
    assert [first, second, last] == entries
    assert tried == Entry(
        0,
        17,
        attempt.started_at,
        LEG,
        SESSION,
        WebhookAttempted("call.initiated", event.id, 1, "https://a.example/", 503, 10_000, "HTTP status 503"),
    )


@given(st.lists(st.integers(0, 50), max_size=12), st.lists(st.integers(0, 50), max_size=6))
def test_no_clock_can_turn_a_legs_sequence_around(times: list[int], tried: list[int]) -> None:
    """The wall clock may be set back in the middle of a call."""
    own = story(*((ms, StateChanged("x")) for ms in times))
    attempts = [entry(0, ms, WebhookAttempted("e", "i", 1, "u", 200, 1)) for ms in sorted(tried)]
    merged = log.merge(own, attempts)
    assert [one for one in merged if one.seq] == own
    assert [one for one in merged if not one.seq] == attempts


@pytest.mark.parametrize("body", [one.body for one in CALL], ids=lambda body: type(body).__name__)
def test_every_kind_survives_its_bytes(body: AnyBody) -> None:
    assert decode_body(encode_body(body)) == body


async def test_a_purge_forgets_what_is_older(store: Store) -> None:
    await store.tx(log.append, CALL)
    noon = START + timedelta(milliseconds=1_000.5)
    assert await store.tx(log.purge, START) == 0
    assert await store.tx(log.purge, noon) == sum(one.at < noon for one in CALL) == 10
    assert await store.read(log.read_leg, LEG) == CALL[10:]


async def test_a_purge_takes_small_steps(store: Store) -> None:
    await store.tx(log.append, CALL)
    end = START + timedelta(hours=1)
    assert await store.tx(log.purge, end, 20) == 20
    assert await store.tx(log.purge, end, 20) == len(CALL) - 20
    assert await store.tx(log.purge, end, 20) == 0
