"""What a leg decides is written once, whole, in order; a failed commit may be tried again."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime

import pytest
import sqlalchemy as sa

from ringline.calls import events
from ringline.calls.inputs import Answered
from ringline.calls.options import WebhookOptions
from ringline.calls.state import Application, End, Facts, Instant, Leg, State
from ringline.core.ids import Ids
from ringline.node.ledger import StoreLedger, hooks_of
from ringline.store import legs as rows
from ringline.store.db import Store
from ringline.store.deliveries import Claimed
from ringline.store.tables import deliveries
from ringline.store.tables import events as event_table
from ringline.timeline import log as timeline_log
from ringline.timeline.entries import StateChanged, WebhookQueued
from ringline.webhooks.outbox import Lease, QueuedEvent

pytestmark = pytest.mark.unit

NOW = Instant(5, datetime(2030, 1, 1, tzinfo=UTC))
SHOP = Application("1", "ann", webhook_url="http://app/hook", failover_url="http://spare/hook")


def a_leg() -> Leg:
    facts = Facts("v3:x", "leg", "session", "incoming", "+1", "+2", SHOP, NOW)
    return Leg(facts, State.PARKED)


class Counter:
    """A desk that takes what it is told to."""

    def __init__(self, lease: Lease | None = None) -> None:
        self.lease = lease
        self.taken: list[str] = []

    def offer(self, event: QueuedEvent) -> Lease | None:
        return self.lease

    def take(self, deliveries: Sequence[Claimed]) -> None:
        self.taken += [one.event_type for one in deliveries]


def a_ledger(store: Store, seed: int = 1, lease: Lease | None = None) -> StoreLedger:
    return StoreLedger(store, Ids.seeded(seed), "node", Counter(lease))


async def test_what_is_leased_is_handed_over_once_it_is_kept(store: Store) -> None:
    desk, leg = Counter(Lease("node", NOW.utc)), a_leg()
    ledger = StoreLedger(store, Ids.seeded(1), "node", desk)
    initiated = events.initiated(leg, NOW)
    assert initiated is not None
    await ledger.commit(leg, NOW, [StateChanged("parked")], [initiated.payload])
    assert desk.taken == ["call.initiated"]
    owner = await store.read(lambda conn: conn.execute(sa.select(deliveries.c.lease_owner)).scalars().all())
    assert owner == ["node"]
    twin = StoreLedger(store, Ids.seeded(2), "node", desk)
    with pytest.raises(sa.exc.IntegrityError):
        await twin.commit(leg, NOW, [StateChanged("parked")], [initiated.payload])
    assert desk.taken == ["call.initiated"], "nothing was kept, so nothing is sent"


async def test_entries_events_and_row_are_one(store: Store) -> None:
    ledger, leg = a_ledger(store), a_leg()
    initiated = events.initiated(leg, NOW)
    await ledger.commit(leg, NOW, [StateChanged("parked")], [initiated.payload])  # type: ignore[union-attr]
    leg.state = State.ANSWERED
    answered = events.answered(leg, Answered("PCMU", 8000))
    await ledger.commit(leg, NOW, [StateChanged("answered")], [answered.payload])  # type: ignore[union-attr]

    entries = await store.read(timeline_log.read_leg, "leg")
    assert [entry.seq for entry in entries] == [1, 2, 3, 4]
    queued = [entry.body for entry in entries if isinstance(entry.body, WebhookQueued)]
    assert [body.event_type for body in queued] == ["call.initiated", "call.answered"]
    row = await store.read(rows.find_leg, "ann", "v3:x")
    assert row is not None
    assert (row.state, row.alive) == ("answered", True)
    stored = await store.read(
        lambda conn: conn.execute(sa.select(event_table.c.id).order_by(event_table.c.seq)).scalars().all()
    )
    assert [body.event_id for body in queued] == list(stored)
    assert (
        await store.read(
            lambda conn: conn.execute(sa.select(sa.func.count()).select_from(deliveries)).scalar()
        )
        == 2
    )


async def test_a_commit_that_fails_leaves_nothing_and_can_be_repeated(store: Store) -> None:
    ledger, leg = a_ledger(store), a_leg()
    await ledger.commit(leg, NOW, [StateChanged("parked")], [])
    twin = a_ledger(store, 2)
    with pytest.raises(sa.exc.IntegrityError):
        await twin.commit(leg, NOW, [StateChanged("parked")], [])
    await ledger.commit(leg, NOW, [StateChanged("answered")], [])
    assert len(await store.read(timeline_log.read_leg, "leg")) == 2


async def test_an_ended_leg_is_no_longer_alive_and_may_still_take_notes(store: Store) -> None:
    ledger, leg = a_ledger(store), a_leg()
    await ledger.commit(leg, NOW, [StateChanged("parked")], [])
    leg.state, leg.ended, leg.end = State.ENDED, NOW, End("user_busy", "callee", "486")
    await ledger.commit(leg, NOW, [StateChanged("ended")], [])
    await ledger.commit(leg, NOW, [StateChanged("note")], [])
    ledger.forget(leg)
    row = await store.read(rows.find_leg, "ann", "v3:x")
    assert row is not None
    assert (row.alive, row.hangup_cause, row.sip_hangup_cause) == (False, "user_busy", "486")


def test_hooks_take_the_leg_before_the_application() -> None:
    options = WebhookOptions(
        url="http://leg",
        urls=(("call.hangup", ("http://a", "http://b")),),
        retries_ms=(("call.hangup", (5,)),),
    )
    hooks = hooks_of(replace(SHOP, webhook_timeout_s=7), options)
    assert (hooks.url, hooks.failover_url, hooks.leg_url, hooks.timeout_ms) == (
        "http://app/hook",
        "http://spare/hook",
        "http://leg",
        7000,
    )
    assert hooks.urls == {"call.hangup": ("http://a", "http://b")}
    assert hooks.retries_ms == {"call.hangup": (5,)}
