"""The append-only log: writing, reading and forgetting."""

from collections.abc import Sequence
from datetime import datetime

import sqlalchemy as sa

from ringline.store.tables import deliveries, delivery_attempts, timeline
from ringline.timeline.entries import Entry, WebhookAttempted, decode_body, encode_body

_INSERT = timeline.insert()


def append(conn: sa.Connection, entries: Sequence[Entry]) -> None:
    """Write entries whose `seq` the leg's actor has given. An entry written twice raises IntegrityError."""
    if not entries:
        return
    conn.execute(
        _INSERT,
        [
            {
                "leg_id": entry.leg_id,
                "seq": entry.seq,
                "session_id": entry.session_id,
                "at_ns": entry.at_ns,
                "at": entry.at,
                "kind": entry.kind,
                "name": entry.body.label,
                "sensitive": entry.body.sensitive,
                "data": encode_body(entry.body),
            }
            for entry in entries
        ],
    )


def read_leg(conn: sa.Connection, leg_id: str) -> list[Entry]:
    """Everything that happened to one leg, in order, webhook attempts included."""
    return _read(conn, timeline.c.leg_id == leg_id)


def read_session(conn: sa.Connection, session_id: str) -> list[Entry]:
    """Everything that happened to the legs of one session, in order of time."""
    return _read(conn, timeline.c.session_id == session_id)


def last_seq(conn: sa.Connection, leg_id: str) -> int:
    """The highest sequence number of a leg; 0 for one that has no entries."""
    return (
        conn.execute(sa.select(sa.func.max(timeline.c.seq)).where(timeline.c.leg_id == leg_id)).scalar() or 0
    )


def purge(conn: sa.Connection, before: datetime, limit: int = 5_000) -> int:
    """Delete up to `limit` entries older than `before`; returns how many. Call again until it returns 0."""
    old = sa.select(timeline.c.leg_id, timeline.c.seq).where(timeline.c.at < before).limit(limit).subquery()
    found = sa.select(old.c.leg_id, old.c.seq)
    return conn.execute(
        timeline.delete().where(sa.tuple_(timeline.c.leg_id, timeline.c.seq).in_(found))
    ).rowcount


def _read(conn: sa.Connection, condition: sa.ColumnElement[bool]) -> list[Entry]:
    rows = conn.execute(
        sa.select(timeline).where(condition).order_by(timeline.c.leg_id, timeline.c.seq)
    ).all()
    entries = [
        Entry(row.seq, row.at_ns, row.at, row.leg_id, row.session_id, decode_body(row.data)) for row in rows
    ]
    sessions = {entry.leg_id: entry.session_id for entry in entries}
    return merge(entries, _attempts(conn, sessions))


def _attempts(conn: sa.Connection, sessions: dict[str, str]) -> list[Entry]:
    """Attempts are kept where deliveries are; here they become entries."""
    one = delivery_attempts.c
    query = (
        sa.select(delivery_attempts, deliveries.c.event_type)
        .join(deliveries, deliveries.c.id == one.delivery_id)
        .where(one.leg_id.in_(sessions))
        .order_by(one.started_at, one.attempt)
    )
    return [
        Entry(
            0,
            row.started_ns,
            row.started_at,
            row.leg_id,
            sessions[row.leg_id],
            WebhookAttempted(
                row.event_type,
                row.event_id,
                row.attempt,
                row.url,
                row.status,
                row.latency_us,
                row.error or "",
            ),
        )
        for row in conn.execute(query)
    ]


def merge(entries: Sequence[Entry], attempts: Sequence[Entry]) -> list[Entry]:
    """One order for all: by time, but never against a leg's own sequence, should the clock be set back."""
    latest: dict[str, datetime] = {}
    keyed: list[tuple[datetime, int, Entry]] = []
    for entry in entries:
        at = max(entry.at, latest.get(entry.leg_id, entry.at))
        latest[entry.leg_id] = at
        keyed.append((at, 0, entry))
    keyed += [(attempt.at, 1, attempt) for attempt in attempts]
    keyed.sort(key=lambda item: item[:2])  # stable: equal times keep the sequence
    return [entry for _, _, entry in keyed]
