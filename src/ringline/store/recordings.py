"""Recordings (spec voice-api §6.4): what is known of each, and where its bytes lie."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any, Literal

import sqlalchemy as sa

from ringline.store.tables import recordings


@dataclass(frozen=True, slots=True, kw_only=True)
class Recording:
    """A finished recording; `object_key` names its bytes in the object store."""

    id: str
    account_id: str
    call_control_id: str | None
    call_leg_id: str | None
    call_session_id: str | None
    connection_id: str | None
    from_: str | None
    to: str | None
    channels: Literal["single", "dual"]
    format: Literal["wav", "mp3"]
    recording_started_at: datetime | None
    recording_ended_at: datetime | None
    duration_millis: int
    file_name: str
    object_key: str
    size_bytes: int
    created_at: datetime
    updated_at: datetime
    conference_id: str | None = None
    sip_call_id: str | None = None
    source: Literal["call", "conference"] = "call"
    initiated_by: str | None = None
    status: Literal["completed"] = "completed"


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordingQuery:
    """Which recordings to list; None means any. Newest first."""

    call_control_id: str | None = None
    call_leg_id: str | None = None
    call_session_id: str | None = None
    connection_id: str | None = None
    conference_id: str | None = None
    sip_call_id: str | None = None
    from_: str | None = None
    to: str | None = None
    created_from: datetime | None = None
    created_to: datetime | None = None
    started_from: datetime | None = None
    started_to: datetime | None = None
    ended_from: datetime | None = None
    ended_to: datetime | None = None


def add(conn: sa.Connection, recording: Recording) -> None:
    """Keep a finished recording; its bytes are stored already."""
    conn.execute(
        recordings.insert().values({one.name: getattr(recording, one.name) for one in fields(recording)})
    )


def find(conn: sa.Connection, account_id: str, id: str) -> Recording | None:
    """One recording of an account."""
    one = recordings.c
    row = conn.execute(sa.select(recordings).where(one.id == id, one.account_id == account_id)).one_or_none()
    return _recording(row) if row else None


def page(
    conn: sa.Connection, account_id: str, query: RecordingQuery, *, limit: int, offset: int = 0
) -> tuple[list[Recording], int]:
    """One page, newest first, and the number of all that match."""
    one = recordings.c
    conditions = [one.account_id == account_id, *_conditions(query)]
    total = conn.execute(sa.select(sa.func.count()).select_from(recordings).where(*conditions)).scalar_one()
    rows = conn.execute(
        sa.select(recordings)
        .where(*conditions)
        .order_by(one.created_at.desc(), one.id)
        .limit(limit)
        .offset(offset)
    )
    return [_recording(row) for row in rows], total


def delete(conn: sa.Connection, account_id: str, ids: Sequence[str]) -> list[Recording]:
    """Forget those recordings that exist; returns them, so that their bytes can be deleted too."""
    one = recordings.c
    mine = sa.and_(one.account_id == account_id, one.id.in_(ids))
    found = [_recording(row) for row in conn.execute(sa.select(recordings).where(mine))]
    conn.execute(recordings.delete().where(mine))
    return found


def _conditions(query: RecordingQuery) -> list[sa.ColumnElement[bool]]:
    one = recordings.c
    equal: tuple[tuple[sa.Column[Any], str | None], ...] = (
        (one.call_control_id, query.call_control_id),
        (one.call_leg_id, query.call_leg_id),
        (one.call_session_id, query.call_session_id),
        (one.connection_id, query.connection_id),
        (one.conference_id, query.conference_id),
        (one.sip_call_id, query.sip_call_id),
        (one.from_, query.from_),
        (one.to, query.to),
    )
    between: tuple[tuple[sa.Column[Any], datetime | None, datetime | None], ...] = (
        (one.created_at, query.created_from, query.created_to),
        (one.recording_started_at, query.started_from, query.started_to),
        (one.recording_ended_at, query.ended_from, query.ended_to),
    )
    found = [column == value for column, value in equal if value is not None]
    found += [column >= low for column, low, _ in between if low is not None]
    found += [column <= high for column, _, high in between if high is not None]
    return found


def _recording(row: sa.Row[Any]) -> Recording:
    return Recording(**row._mapping)
