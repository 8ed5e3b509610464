"""Deliveries as rows: who may take one, what an attempt leaves behind, what can be listed."""

import sqlite3
from dataclasses import replace
from datetime import timedelta

import pytest
import sqlalchemy as sa
from msgspec import to_builtins

from ringline.core.clock import VirtualClock
from ringline.core.ids import Ids
from ringline.store import deliveries
from ringline.store.db import Store
from ringline.store.deliveries import Attempt, Claimed, DeliveryFilter
from ringline.webhooks.outbox import QueuedEvent, delivery_id, queue_event, redeliver
from ringline.webhooks.policy import Target

pytestmark = pytest.mark.unit
MINUTE = timedelta(minutes=1)


def event(
    ids: Ids, clock: VirtualClock, *urls: str, leg: str = "leg", kind: str = "call.answered"
) -> QueuedEvent:
    targets = tuple(Target(url=url) for url in urls or ("http://app.example/hook",))
    return QueuedEvent(ids.uuid(), "account", kind, clock.utc(), b'{"n":1}', targets, leg, "session", 3)


def attempt(of: QueuedEvent, clock: VirtualClock, number: int = 1, *, error: str | None = None) -> Attempt:
    return Attempt(
        delivery_id=delivery_id(of.id, 0),
        attempt=number,
        account_id=of.account_id,
        event_id=of.id,
        leg_id=of.leg_id,
        url=of.targets[0].url,
        method="POST",
        started_at=clock.utc(),
        started_ns=clock.now_ns(),
        finished_at=clock.utc(),
        latency_us=1_500,
        status=None if error else 200,
        error=error,
        body="fine",
    )


async def claimed(store: Store, clock: VirtualClock, owner: str = "n1", **more: object) -> list[str]:
    rows = await store.tx(
        deliveries.claim,
        **{"owner": owner, "now": clock.utc(), "until": clock.utc() + MINUTE, "limit": 10, "without": ()}
        | more,
    )
    return [row.id for row in rows]


async def test_an_event_and_its_deliveries_are_one(store: Store, clock: VirtualClock, ids: Ids) -> None:
    queued = event(ids, clock, "http://a.example/x", "http://b.example/y")

    def undone(conn: sa.Connection) -> None:
        queue_event(conn, queued)
        raise KeyError

    with pytest.raises(KeyError):
        await store.tx(undone)
    assert await store.read(deliveries.pending_count) == 0
    await store.tx(queue_event, queued)
    assert await store.read(deliveries.pending_count) == 2


async def test_an_event_for_nobody_is_kept_and_not_delivered(
    store: Store, clock: VirtualClock, ids: Ids
) -> None:
    from ringline.store.events import find_event

    nobody = QueuedEvent(ids.uuid(), "account", "call.answered", clock.utc(), b"{}", ())
    await store.tx(queue_event, nobody)
    assert await store.read(deliveries.pending_count) == 0
    kept = await store.read(find_event, "account", nobody.id)
    assert kept is not None
    assert kept.payload == b"{}"
    assert await store.read(find_event, "another account", nobody.id) is None


async def test_what_queueing_returns_is_what_a_claim_would_give(
    store: Store, clock: VirtualClock, ids: Ids
) -> None:
    queued = event(ids, clock, "http://a.example/x", "http://b.example/y")
    made = await store.tx(queue_event, queued)
    soon = clock.utc() + MINUTE
    found = await store.tx(deliveries.claim, owner="n", now=clock.utc(), until=soon, limit=10, without=())
    assert [one.id for one in made] == [delivery_id(queued.id, 0), delivery_id(queued.id, 1)]
    assert [as_kept(one) for one in made] == [as_kept(one) for one in found]


def as_kept(one: Claimed) -> Claimed:
    """With the policy's values as the JSON that they are kept as."""
    return replace(one, target=to_builtins(one.target), progress=to_builtins(one.progress))


async def test_claims_are_exclusive_and_in_order(store: Store, clock: VirtualClock, ids: Ids) -> None:
    events = [event(ids, clock) for _ in range(5)]
    for one in events:
        await store.tx(queue_event, one)
    expected = [delivery_id(one.id, 0) for one in events]
    assert await claimed(store, clock, "n1", limit=3) == expected[:3]
    assert await claimed(store, clock, "n2") == expected[3:]
    assert await claimed(store, clock, "n1") == []


async def test_origins_left_out_are_left_to_others(store: Store, clock: VirtualClock, ids: Ids) -> None:
    slow, quick = event(ids, clock, "http://slow.example/x"), event(ids, clock, "http://quick.example/x")
    await store.tx(queue_event, slow)
    await store.tx(queue_event, quick)
    assert await claimed(store, clock, without=["http://slow.example:80"]) == [delivery_id(quick.id, 0)]
    assert await claimed(store, clock) == [delivery_id(slow.id, 0)]


async def test_a_lease_runs_out_unless_it_is_renewed(store: Store, clock: VirtualClock, ids: Ids) -> None:
    one = event(ids, clock)
    await store.tx(queue_event, one)
    (row,) = await store.tx(
        deliveries.claim, owner="n1", now=clock.utc(), until=clock.utc() + MINUTE, limit=1, without=()
    )
    clock.advance(50)
    await store.tx(deliveries.renew, [row.id], owner="n2", until=clock.utc() + 5 * MINUTE)  # not his
    await store.tx(deliveries.renew, [row.id], owner="n1", until=clock.utc() + MINUTE)
    clock.advance(50)
    assert await claimed(store, clock, "n2") == []
    clock.advance(50)
    assert await claimed(store, clock, "n2") == [row.id]


async def test_what_one_lost_one_cannot_record(store: Store, clock: VirtualClock, ids: Ids) -> None:
    one = event(ids, clock)
    await store.tx(queue_event, one)
    await claimed(store, clock, "n1")
    clock.advance(120)
    await claimed(store, clock, "n2")

    def record(conn: sa.Connection, owner: str) -> bool:
        return deliveries.record_attempt(
            conn, attempt(one, clock), owner=owner, state="delivered", progress={}, next_at=clock.utc()
        )

    assert await store.tx(record, "n1") is False
    assert await store.tx(record, "n2") is True
    found = await store.read(deliveries.find_delivery, "account", delivery_id(one.id, 0))
    assert found is not None
    assert (found.state, len(found.attempts)) == ("delivered", 1)


async def test_a_release_gives_everything_back_at_once(store: Store, clock: VirtualClock, ids: Ids) -> None:
    one = event(ids, clock)
    await store.tx(queue_event, one)
    await claimed(store, clock, "n1")
    assert await store.tx(deliveries.release, owner="n2") == 0
    assert await store.tx(deliveries.release, owner="n1") == 1
    assert await claimed(store, clock, "n2") == [delivery_id(one.id, 0)]


async def test_attempts_are_listed_newest_first(store: Store, clock: VirtualClock, ids: Ids) -> None:
    one = event(ids, clock)
    await store.tx(queue_event, one)
    await claimed(store, clock)
    begun = clock.utc()
    record = {"owner": "n1", "progress": {"attempt": 2}, "next_at": clock.utc()}
    await store.tx(
        deliveries.record_attempt, attempt(one, clock, error="HTTP status 500"), state="pending", **record
    )
    clock.advance(1)
    await store.tx(deliveries.record_attempt, attempt(one, clock, 2), state="delivered", **record)

    found = await store.read(deliveries.find_delivery, "account", delivery_id(one.id, 0))
    assert found is not None
    assert [(tried.attempt, tried.error) for tried in found.attempts] == [(2, None), (1, "HTTP status 500")]
    assert (found.started_at, found.finished_at) == (begun, clock.utc())
    assert found.payload == b'{"n":1}'
    assert await store.read(deliveries.find_delivery, "another", delivery_id(one.id, 0)) is None


async def test_filters_choose(store: Store, clock: VirtualClock, ids: Ids) -> None:
    good, bad = event(ids, clock), event(ids, clock, leg="other", kind="call.hangup")
    for one, state, error in ((good, "delivered", None), (bad, "failed", "HTTP status 500")):
        await store.tx(queue_event, one)
        await claimed(store, clock)
        await store.tx(
            deliveries.record_attempt,
            attempt(one, clock, error=error),
            owner="n1",
            state=state,
            progress={},
            next_at=clock.utc(),
        )
        clock.advance(60)

    async def listed(**only: object) -> list[str]:
        found, total = await store.read(
            deliveries.list_deliveries, "account", DeliveryFilter(**only), limit=10
        )
        assert len(found) == total
        return [one.event_id for one in found]

    assert await listed() == [bad.id, good.id]
    assert await listed(state="failed") == [bad.id]
    assert await listed(event_type="call.answered") == [good.id]
    assert await listed(leg_id="other") == [bad.id]
    assert await listed(event_id=good.id) == [good.id]
    assert await listed(attempts_contain="status 500") == [bad.id]
    assert await listed(attempts_contain="50%") == []
    assert await listed(webhook_contains="hangup") == [bad.id]
    assert await listed(webhook_contains='"n":1') == [bad.id, good.id]
    assert await listed(started_from=clock.utc() - MINUTE) == [bad.id]
    assert await listed(finished_to=clock.utc() - 2 * MINUTE) == [good.id]
    page, total = await store.read(deliveries.list_deliveries, "account", DeliveryFilter(), limit=1, offset=1)
    assert ([one.event_id for one in page], total) == ([good.id], 2)


async def test_sending_again_counts_on(store: Store, clock: VirtualClock, ids: Ids) -> None:
    one = event(ids, clock)
    await store.tx(queue_event, one)
    assert await store.tx(redeliver, one.id, now=clock.utc()) == 0  # it is still on its way
    await claimed(store, clock)
    await store.tx(
        deliveries.record_attempt,
        attempt(one, clock, error="x"),
        owner="n1",
        state="failed",
        progress={},
        next_at=clock.utc(),
    )
    assert await store.tx(redeliver, one.id, now=clock.utc(), account_id="another") == 0
    assert await store.tx(redeliver, one.id, now=clock.utc(), account_id="account") == 1
    (row,) = await store.tx(
        deliveries.claim, owner="n1", now=clock.utc(), until=clock.utc() + MINUTE, limit=1, without=()
    )
    assert (row.attempts, row.progress) == (1, {"attempt": 2})


async def test_the_past_is_forgotten_but_nothing_pending(store: Store, clock: VirtualClock, ids: Ids) -> None:
    done, waiting = event(ids, clock), event(ids, clock)
    await store.tx(queue_event, done)
    await claimed(store, clock)
    await store.tx(
        deliveries.record_attempt,
        attempt(done, clock),
        owner="n1",
        state="delivered",
        progress={},
        next_at=clock.utc(),
    )
    await store.tx(queue_event, waiting)
    clock.advance(3600)
    young = event(ids, clock)
    await store.tx(queue_event, young)

    assert await store.tx(deliveries.purge, clock.utc() - MINUTE) == 1
    found, _ = await store.read(deliveries.list_deliveries, "account", DeliveryFilter(), limit=10)
    assert [one.event_id for one in found] == [young.id, waiting.id]


async def test_a_claim_reads_the_pending_rows_only(
    sqlite_store: Store, clock: VirtualClock, ids: Ids
) -> None:
    """However many deliveries are done: the index holds none of them, and the engine sees that it applies."""
    plans: list[str] = []

    def explained(conn: sa.Connection) -> None:
        @sa.event.listens_for(conn, "before_cursor_execute")
        def explain(
            _conn: object, cursor: sqlite3.Cursor, statement: str, parameters: tuple[object, ...], *_: object
        ) -> None:
            if statement.startswith("UPDATE deliveries"):
                rows = cursor.execute(f"EXPLAIN QUERY PLAN {statement}", parameters).fetchall()
                plans.extend(str(row[3]) for row in rows)

        deliveries.claim(
            conn, owner="n1", now=clock.utc(), until=clock.utc() + MINUTE, limit=9, without=["http://x:80"]
        )
        sa.event.remove(conn, "before_cursor_execute", explain)

    await sqlite_store.tx(queue_event, event(ids, clock))
    await sqlite_store.tx(explained)
    assert any("ix_deliveries_pending" in plan for plan in plans), plans
    assert not [plan for plan in plans if "SCAN" in plan and "ix_deliveries_pending" not in plan]
