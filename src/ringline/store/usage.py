"""What was used: one record for each piece of paid-for work, and its sums by day."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from ringline.store.tables import legs
from ringline.store.types import EPOCH, MICROSECOND
from ringline.store.usage_tables import usage_records

DAY = timedelta(days=1) // MICROSECOND
SECOND = timedelta(seconds=1) // MICROSECOND


class UsageKind(StrEnum):
    """What the work was."""

    CHAT = "chat"
    EMBEDDING = "embedding"
    RECOGNITION = "recognition"
    SYNTHESIS = "synthesis"
    CALL = "call"
    TRAINING = "training"


@dataclass(frozen=True, slots=True, kw_only=True)
class UsageRecord:
    """One request's worth of work; a quantity that its kind does not have is 0.

    chat: both kinds of tokens · embedding, training: `prompt_tokens` · recognition: `seconds` of audio heard
    · synthesis: `characters` spoken · call: `seconds` from answer to end. `source` is the id of the leg, job
    or task that it was done for: a second record of the same kind and source is not kept.
    """

    kind: UsageKind
    account_id: str
    at: datetime
    model: str = ""
    engine: str = ""
    source: str | None = None
    seconds: float = 0.0
    characters: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0


@dataclass(frozen=True, slots=True)
class Place:
    """Where a reading of records stands: after the record `seq`, which was noted `at`."""

    at: datetime
    seq: int


@dataclass(frozen=True, slots=True)
class UsageDay:
    """The sums of one day, engine and model."""

    day: date
    engine: str
    model: str
    requests: int
    seconds: float
    characters: int
    prompt_tokens: int
    completion_tokens: int


_FIELDS = tuple(field.name for field in fields(UsageRecord))


def add(conn: sa.Connection, records: Sequence[UsageRecord]) -> None:
    """Keep records; those whose kind and source are there already are left out."""
    if records:
        rows = [{name: getattr(record, name) for name in _FIELDS} for record in records]
        conn.execute(_once(conn), rows)


def add_ended_calls(conn: sa.Connection, since: datetime) -> None:
    """Note answered calls ended `since`, of which no record tells: their node was killed too early."""
    noted = sa.select(usage_records.c.seq).where(
        usage_records.c.kind == UsageKind.CALL, usage_records.c.source == legs.c.leg_id
    )
    length = sa.type_coerce(legs.c.ended_at, sa.BigInteger) - sa.type_coerce(
        legs.c.answered_at, sa.BigInteger
    )
    missing = sa.select(
        legs.c.account_id,
        sa.literal(str(UsageKind.CALL)),
        legs.c.ended_at,
        sa.literal(""),
        sa.literal(""),
        legs.c.leg_id,
        sa.cast(length, sa.Float) / SECOND,
        *(sa.literal(0) for _ in range(3)),
    ).where(legs.c.answered_at.is_not(None), legs.c.ended_at >= since, ~noted.exists())
    columns = ("account_id", "kind", "at", "engine", "model", "source", "seconds")
    counts = ("characters", "prompt_tokens", "completion_tokens")
    conn.execute(_once(conn).from_select([*columns, *counts], missing))


def records_after(
    conn: sa.Connection,
    account_id: str,
    kind: UsageKind,
    start: datetime,
    end: datetime,
    *,
    after: Place | None,
    limit: int,
) -> tuple[list[UsageRecord], Place | None]:
    """Up to `limit` records from `start` to `end`, both included, oldest first; and where to go on.

    The place is None when there are no more.
    """
    one = usage_records.c
    query = sa.select(usage_records).where(*_within(account_id, kind, start, end))
    if after is not None:
        query = query.where(sa.or_(one.at > after.at, sa.and_(one.at == after.at, one.seq > after.seq)))
    rows = conn.execute(query.order_by(one.at, one.seq).limit(limit)).all()
    place = Place(rows[-1].at, rows[-1].seq) if len(rows) == limit else None
    return [_record(row) for row in rows], place


def by_day(
    conn: sa.Connection,
    account_id: str,
    kind: UsageKind,
    start: datetime,
    end: datetime,
    *,
    offset: timedelta = timedelta(0),
) -> list[UsageDay]:
    """The sums from `start` to `end`, both included; days are those of a zone `offset` ahead of UTC."""
    one = usage_records.c
    day = ((sa.type_coerce(one.at, sa.BigInteger) + offset // MICROSECOND) // DAY).label("day")
    query = (
        sa.select(
            day,
            one.engine,
            one.model,
            sa.func.count(),
            sa.func.sum(one.seconds),
            *(
                sa.cast(sa.func.sum(count), sa.BigInteger)
                for count in (one.characters, one.prompt_tokens, one.completion_tokens)
            ),
        )
        .where(*_within(account_id, kind, start, end))
        .group_by(sa.text("day"), one.engine, one.model)
        .order_by(sa.text("day"), one.engine, one.model)
    )
    first = EPOCH.date()
    return [UsageDay(first + timedelta(days=number), *rest) for number, *rest in conn.execute(query)]


def purge(conn: sa.Connection, before: datetime, limit: int = 5_000) -> int:
    """Delete up to `limit` records of work done before `before`; returns how many."""
    old = sa.select(usage_records.c.seq).where(usage_records.c.at < before).limit(limit)
    return conn.execute(usage_records.delete().where(usage_records.c.seq.in_(old))).rowcount


def _within(
    account_id: str, kind: UsageKind, start: datetime, end: datetime
) -> tuple[sa.ColumnElement[bool], ...]:
    one = usage_records.c
    return (one.account_id == account_id, one.kind == kind, one.at >= start, one.at <= end)


def _once(conn: sa.Connection) -> sqlite.Insert | postgresql.Insert:
    if conn.dialect.name == "postgresql":
        return postgresql.insert(usage_records).on_conflict_do_nothing()
    return sqlite.insert(usage_records).on_conflict_do_nothing()


def _record(row: sa.Row[Any]) -> UsageRecord:
    values = {name: getattr(row, name) for name in _FIELDS}
    return UsageRecord(**values | {"kind": UsageKind(row.kind)})
