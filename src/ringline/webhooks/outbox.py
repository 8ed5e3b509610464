"""The outbox: an event and its deliveries are rows of the transaction that caused them."""

import uuid
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from ringline.store.deliveries import Claimed, send_again
from ringline.store.tables import deliveries, events
from ringline.store.transaction import announce
from ringline.store.types import EPOCH
from ringline.webhooks.policy import Progress, Target

TOPIC = "webhooks"
"""Announced by a commit that leaves something to deliver."""

_INSERT_EVENT = events.insert()
_INSERT_DELIVERY = deliveries.insert()


@dataclass(frozen=True, slots=True)
class QueuedEvent:
    """An event to keep and, when it has targets, to deliver."""

    id: str
    account_id: str
    event_type: str
    occurred_at: datetime
    payload: bytes
    """JSON of `data.payload` (`payloads.encode`)."""
    targets: tuple[Target, ...]
    leg_id: str | None = None
    session_id: str | None = None
    leg_seq: int | None = None
    """The timeline's number of the `WebhookQueued` entry."""


@dataclass(frozen=True, slots=True)
class Lease:
    """Whose the deliveries are from the beginning, and until when unless he renews it."""

    owner: str
    until: datetime


def queue_event(conn: sa.Connection, event: QueuedEvent, lease: Lease | None = None) -> list[Claimed]:
    """Keep `event` and a delivery for each target. Nothing is sent unless the transaction is committed.

    With a `lease` nobody is told: its owner takes up what this returns by himself when the commit is done.
    """
    conn.execute(
        _INSERT_EVENT,
        {
            "account_id": event.account_id,
            "id": event.id,
            "event_type": event.event_type,
            "occurred_at": event.occurred_at,
            "leg_id": event.leg_id,
            "session_id": event.session_id,
            "leg_seq": event.leg_seq,
            "payload": event.payload,
        },
    )
    made = [_delivery(event, number, target) for number, target in enumerate(event.targets)]
    if made:
        conn.execute(_INSERT_DELIVERY, [_row(one, lease) for one in made])
        if lease is None:
            announce(conn, TOPIC)
    return made


def _delivery(event: QueuedEvent, number: int, target: Target) -> Claimed:
    return Claimed(
        id=delivery_id(event.id, number),
        account_id=event.account_id,
        event_id=event.id,
        event_type=event.event_type,
        occurred_at=event.occurred_at,
        payload=event.payload,
        leg_id=event.leg_id,
        origin=target.origin,
        target=target,
        progress=Progress(),
        attempts=0,
        next_at=event.occurred_at,
    )


def _row(one: Claimed, lease: Lease | None) -> dict[str, Any]:
    return {
        "account_id": one.account_id,
        "id": one.id,
        "event_id": one.event_id,
        "event_type": one.event_type,
        "leg_id": one.leg_id,
        "origin": one.origin,
        "target": one.target,
        "state": "pending",
        "attempts": one.attempts,
        "progress": one.progress,
        "next_at": one.next_at,
        "lease_owner": lease.owner if lease else None,
        "lease_until": lease.until if lease else EPOCH,
        "created_at": one.occurred_at,
    }


def delivery_id(event_id: str, number: int) -> str:
    """The id of an event's delivery to its `number`th target: follows from the event, so replays agree."""
    return str(uuid.uuid5(uuid.UUID(event_id), str(number)))


def redeliver(conn: sa.Connection, event_id: str, *, now: datetime, account_id: str | None = None) -> int:
    """Send a finished event again to everybody it went to; returns how many deliveries that makes."""
    count = send_again(conn, event_id, now=now, account_id=account_id)
    if count:
        announce(conn, TOPIC)
    return count
