"""Deliveries and their attempts: claimed, advanced, listed. The policy behind them is `webhooks.policy`."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from ringline.store.tables import deliveries, delivery_attempts, events
from ringline.store.types import EPOCH, UtcMicros

PENDING = "pending"
_IS_PENDING = deliveries.c.state == sa.literal_column("'pending'")


@dataclass(frozen=True, slots=True)
class Claimed:
    """A pending delivery that this node holds; `target`, `progress` as `webhooks.policy` wrote them."""

    id: str
    account_id: str
    event_id: str
    event_type: str
    occurred_at: datetime
    payload: bytes
    leg_id: str | None
    origin: str
    target: Any
    progress: Any
    attempts: int
    next_at: datetime


@dataclass(frozen=True, slots=True)
class Attempt:
    """One attempt as it is kept. `error` is None when the app answered 2xx."""

    delivery_id: str
    attempt: int
    account_id: str
    event_id: str
    leg_id: str | None
    url: str
    method: str
    started_at: datetime
    started_ns: int
    finished_at: datetime
    latency_us: int
    status: int | None
    error: str | None
    body: str


@dataclass(frozen=True, slots=True)
class Delivery:
    """One event on its way to one app, with its attempts, newest first."""

    id: str
    account_id: str
    event_id: str
    event_type: str
    occurred_at: datetime
    payload: bytes
    leg_id: str | None
    state: str
    target: Any
    started_at: datetime | None
    finished_at: datetime | None
    attempts: tuple[Attempt, ...]


@dataclass(frozen=True, slots=True)
class DeliveryFilter:
    """Which deliveries to list; None means any."""

    state: str | None = None
    event_type: str | None = None
    event_id: str | None = None
    leg_id: str | None = None
    webhook_contains: str | None = None
    attempts_contain: str | None = None
    started_from: datetime | None = None
    started_to: datetime | None = None
    finished_from: datetime | None = None
    finished_to: datetime | None = None


def claim(
    conn: sa.Connection, *, owner: str, now: datetime, until: datetime, limit: int, without: Collection[str]
) -> list[Claimed]:
    """Take up to `limit` pending deliveries that nobody holds, oldest first; none for the origins `without`.

    They are this `owner`'s until `until`, unless `renew` says longer.
    """
    values = {
        "lease_owner": owner,
        "lease_until": until,
        "now": now,
        "limit": limit,
        "without": list(without),
    }
    found = conn.execute(_CLAIM, values).scalars().all()
    if not found:
        return []
    return [
        Claimed(
            row.id,
            row.account_id,
            row.event_id,
            row.event_type,
            row.occurred_at,
            row.payload,
            row.leg_id,
            row.origin,
            row.target,
            row.progress,
            row.attempts,
            row.next_at,
        )
        for row in conn.execute(_CLAIMED, {"seqs": found})
    ]


def renew(conn: sa.Connection, ids: Collection[str], *, owner: str, until: datetime) -> None:
    """Hold on to `ids`, those of them that `owner` still has. What it lost sight of runs out."""
    one = deliveries.c
    rest = list(ids)
    while rest:
        group, rest = rest[:500], rest[500:]
        held = deliveries.update().where(one.id.in_(group), one.lease_owner == owner)
        conn.execute(held.values(lease_until=until))


def release(conn: sa.Connection, *, owner: str) -> int:
    """Let go of everything that `owner` holds: at a stop, or at a start what an earlier life of it held."""
    held = deliveries.update().where(_IS_PENDING, deliveries.c.lease_owner == owner)
    return conn.execute(held.values(lease_owner=None, lease_until=EPOCH)).rowcount


def record_attempt(
    conn: sa.Connection,
    attempt: Attempt,
    *,
    owner: str,
    state: str,
    progress: Any,
    next_at: datetime,
) -> bool:
    """Keep an attempt and what follows from it; False when `owner` does not hold the delivery any more."""
    done = state != PENDING
    held = conn.execute(
        _ADVANCE,
        {
            "the_id": attempt.delivery_id,
            "the_owner": owner,
            "begun": attempt.started_at,
            "state": state,
            "progress": progress,
            "attempts": attempt.attempt,
            "next_at": next_at,
            "finished_at": attempt.finished_at if done else None,
            "lease_owner": None if done else owner,
            "ended": done,
        },
    )
    if held.rowcount == 0:
        return False
    conn.execute(_INSERT_ATTEMPT, _attempt_row(attempt))
    return True


def send_again(conn: sa.Connection, event_id: str, *, now: datetime, account_id: str | None = None) -> int:
    """Make the finished deliveries of an event pending once more; returns how many.

    Their attempts go on counting. The caller announces it (`webhooks.outbox.redeliver` does).
    """
    one = deliveries.c
    again = sa.select(one.id, one.attempts).where(one.event_id == event_id, one.state != PENDING)
    if account_id is not None:
        again = again.where(one.account_id == account_id)
    found = conn.execute(again).all()
    for row in found:
        conn.execute(
            deliveries.update()
            .where(one.id == row.id)
            .values(
                state=PENDING,
                progress={"attempt": row.attempts + 1},
                next_at=now,
                finished_at=None,
                lease_owner=None,
                lease_until=EPOCH,
            )
        )
    return len(found)


def pending_count(conn: sa.Connection) -> int:
    """How many deliveries are not finished."""
    return conn.execute(sa.select(sa.func.count()).select_from(deliveries).where(_IS_PENDING)).scalar_one()


def list_deliveries(
    conn: sa.Connection, account_id: str, only: DeliveryFilter, *, limit: int, offset: int = 0
) -> tuple[list[Delivery], int]:
    """One page, newest first, and the number of all that match."""
    one = deliveries.c
    conditions = [one.account_id == account_id, *_conditions(only)]
    total = conn.execute(
        sa.select(sa.func.count())
        .select_from(deliveries.join(events, events.c.id == one.event_id))
        .where(*conditions)
    ).scalar_one()
    page = _joined().where(*conditions).order_by(one.seq.desc()).limit(limit).offset(offset)
    return _with_attempts(conn, conn.execute(page).all()), total


def find_delivery(conn: sa.Connection, account_id: str, delivery_id: str) -> Delivery | None:
    """One delivery with its attempts."""
    query = _joined().where(deliveries.c.id == delivery_id, deliveries.c.account_id == account_id)
    found = _with_attempts(conn, conn.execute(query).all())
    return found[0] if found else None


def purge(conn: sa.Connection, before: datetime, limit: int = 2_000) -> int:
    """Delete up to `limit` finished events older than `before`, deliveries too; returns how many events."""
    pending = sa.select(deliveries.c.event_id).where(_IS_PENDING)
    old = (
        sa.select(events.c.id).where(events.c.occurred_at < before, events.c.id.not_in(pending)).limit(limit)
    )
    found = conn.execute(old).scalars().all()
    if found:
        conn.execute(delivery_attempts.delete().where(delivery_attempts.c.event_id.in_(found)))
        conn.execute(deliveries.delete().where(deliveries.c.event_id.in_(found)))
        conn.execute(events.delete().where(events.c.id.in_(found)))
    return len(found)


def _joined() -> sa.Select[Any]:
    return sa.select(deliveries, events.c.occurred_at, events.c.payload).join(
        events, events.c.id == deliveries.c.event_id
    )


def _conditions(only: DeliveryFilter) -> list[sa.ColumnElement[bool]]:
    one = deliveries.c
    found: list[sa.ColumnElement[bool]] = []
    for column, value in (
        (one.state, only.state),
        (one.event_type, only.event_type),
        (one.event_id, only.event_id),
        (one.leg_id, only.leg_id),
    ):
        if value is not None:
            found.append(column == value)
    for column, low, high in (
        (one.started_at, only.started_from, only.started_to),
        (one.finished_at, only.finished_from, only.finished_to),
    ):
        if low is not None:
            found.append(column >= low)
        if high is not None:
            found.append(column <= high)
    if only.webhook_contains:
        text = sa.type_coerce(events.c.payload, sa.Text).contains(only.webhook_contains, autoescape=True)
        found.append(sa.or_(text, one.event_type.contains(only.webhook_contains, autoescape=True)))
    if only.attempts_contain:
        tried = delivery_attempts.c
        found.append(
            sa.exists().where(
                tried.delivery_id == one.id,
                sa.or_(
                    tried.url.contains(only.attempts_contain, autoescape=True),
                    tried.body.contains(only.attempts_contain, autoescape=True),
                    tried.error.contains(only.attempts_contain, autoescape=True),
                ),
            )
        )
    return found


def _with_attempts(conn: sa.Connection, rows: Sequence[sa.Row[Any]]) -> list[Delivery]:
    tried = delivery_attempts.c
    query = (
        sa.select(delivery_attempts)
        .where(tried.delivery_id.in_([row.id for row in rows]))
        .order_by(tried.attempt.desc())
    )
    attempts: dict[str, list[Attempt]] = {}
    for row in conn.execute(query):
        attempts.setdefault(row.delivery_id, []).append(Attempt(*(getattr(row, name) for name in _FIELDS)))
    return [
        Delivery(
            row.id,
            row.account_id,
            row.event_id,
            row.event_type,
            row.occurred_at,
            row.payload,
            row.leg_id,
            row.state,
            row.target,
            row.started_at,
            row.finished_at,
            tuple(attempts.get(row.id, ())),
        )
        for row in rows
    ]


_FIELDS = tuple(Attempt.__dataclass_fields__)

# Built once: putting a statement together costs more than running it.
_FREE = (
    sa.select(deliveries.c.seq)
    .where(_IS_PENDING, deliveries.c.lease_until <= sa.bindparam("now", type_=UtcMicros))
    .where(deliveries.c.origin.not_in(sa.bindparam("without", expanding=True)))
    .order_by(deliveries.c.seq)
    .limit(sa.bindparam("limit", type_=sa.Integer))
    .with_for_update(skip_locked=True)
)
_CLAIM = (
    deliveries.update()
    .where(deliveries.c.seq.in_(_FREE))
    .values(lease_owner=sa.bindparam("lease_owner"), lease_until=sa.bindparam("lease_until"))
    .returning(deliveries.c.seq)
)
_CLAIMED = (
    sa.select(deliveries, events.c.occurred_at, events.c.payload)
    .join(events, events.c.id == deliveries.c.event_id)
    .where(deliveries.c.seq.in_(sa.bindparam("seqs", expanding=True)))
    .order_by(deliveries.c.seq)
)
_INSERT_ATTEMPT = delivery_attempts.insert()
_ADVANCE = (
    deliveries.update()
    .where(deliveries.c.id == sa.bindparam("the_id"), deliveries.c.lease_owner == sa.bindparam("the_owner"))
    .values(
        state=sa.bindparam("state"),
        progress=sa.bindparam("progress"),
        attempts=sa.bindparam("attempts"),
        next_at=sa.bindparam("next_at"),
        finished_at=sa.bindparam("finished_at"),
        lease_owner=sa.bindparam("lease_owner"),
        lease_until=sa.case(
            (sa.bindparam("ended", type_=sa.Boolean), sa.literal(EPOCH, UtcMicros)),
            else_=deliveries.c.lease_until,
        ),
        started_at=sa.func.coalesce(deliveries.c.started_at, sa.bindparam("begun", type_=UtcMicros)),
    )
)


def _attempt_row(attempt: Attempt) -> dict[str, Any]:
    return {name: getattr(attempt, name) for name in _FIELDS}
