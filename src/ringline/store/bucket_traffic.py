"""How much buckets are used: operations and bytes by hour and category (spec ai-api §12)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from ringline.store import buckets
from ringline.store.bucket_tables import bucket_traffic


@dataclass(frozen=True, slots=True)
class Tally:
    """What was counted."""

    ops: int = 0
    successful_ops: int = 0
    bytes_sent: int = 0
    bytes_received: int = 0

    def __add__(self, other: "Tally") -> "Tally":
        return Tally(
            self.ops + other.ops,
            self.successful_ops + other.successful_ops,
            self.bytes_sent + other.bytes_sent,
            self.bytes_received + other.bytes_received,
        )


@dataclass(frozen=True, slots=True)
class Use:
    """What was counted of one category in the hour that begins at `hour`."""

    hour: datetime
    category: str
    tally: Tally


def add(conn: sa.Connection, account_id: str, name: str, counted: Sequence[Use]) -> None:
    """Add to what is known of a bucket; of one that is gone nothing is kept."""
    try:
        bucket = buckets.lock(conn, account_id, name)
    except buckets.NoSuchBucket:
        return
    one = bucket_traffic.c
    for use in counted:
        same = (one.bucket_id == bucket.id, one.hour == use.hour, one.category == use.category)
        row = conn.execute(sa.select(bucket_traffic).where(*same)).one_or_none()
        conn.execute(bucket_traffic.delete().where(*same))
        tally = use.tally + _tally(row) if row else use.tally
        conn.execute(
            bucket_traffic.insert().values(
                bucket_id=bucket.id,
                hour=use.hour,
                category=use.category,
                ops=tally.ops,
                successful_ops=tally.successful_ops,
                bytes_sent=tally.bytes_sent,
                bytes_received=tally.bytes_received,
            )
        )


def between(conn: sa.Connection, account_id: str, name: str, start: datetime, end: datetime) -> list[Use]:
    """What was counted in the hours that begin from `start` up to, not including, `end`, in their order.

    Raises `NoSuchBucket`.
    """
    bucket = buckets.find(conn, account_id, name)
    one = bucket_traffic.c
    rows = conn.execute(
        sa.select(bucket_traffic)
        .where(one.bucket_id == bucket.id, one.hour >= start, one.hour < end)
        .order_by(one.hour, one.category)
    )
    return [Use(row.hour, row.category, _tally(row)) for row in rows]


def _tally(row: sa.Row[Any]) -> Tally:
    return Tally(row.ops, row.successful_ops, row.bytes_sent, row.bytes_received)
