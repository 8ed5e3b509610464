"""Everything about one session in one file, for bug reports and archives; it can be read back."""

import zipfile
from collections.abc import Sequence
from datetime import UTC, datetime
from io import BytesIO
from typing import Any, TypeVar

import msgspec
import sqlalchemy as sa

from ringline.core.errors import RinglineError
from ringline.store.events import session_events
from ringline.store.tables import delivery_attempts, legs, recordings
from ringline.timeline.entries import Entry
from ringline.timeline.log import read_session
from ringline.timeline.redaction import mask_party, redact_all
from ringline.timeline.render_html import page
from ringline.timeline.sound import Sound
from ringline.timeline.text import show

S = TypeVar("S", bound=msgspec.Struct)

VERSION = 1
MAX_BYTES = 256 * 1024 * 1024
"""Largest record that is read back: a zip file may claim anything."""


class ExportUnreadable(RinglineError):
    """Not a file that `to_zip` or `to_json` has written, or one of a later version."""


class ExportedEvent(msgspec.Struct, frozen=True, kw_only=True):
    """An event as it was queued."""

    id: str
    event_type: str
    occurred_at: datetime
    leg_id: str | None
    payload: Any


class ExportedAttempt(msgspec.Struct, frozen=True, kw_only=True):
    """An attempt to deliver one."""

    event_id: str
    attempt: int
    url: str
    method: str
    started_at: datetime
    latency_us: int
    status: int | None
    error: str | None
    body: str


class ExportedLeg(msgspec.Struct, frozen=True, kw_only=True):
    """A leg's head."""

    leg_id: str
    call_control_id: str
    connection_id: str
    direction: str
    from_: str
    to: str
    state: str
    started_at: datetime
    answered_at: datetime | None
    ended_at: datetime | None
    hangup_cause: str | None
    hangup_source: str | None = None
    """Who ended it: caller, callee, unknown; none in exports that older versions wrote."""
    sip_hangup_cause: str | None = None


class CallRecord(msgspec.Struct, frozen=True, kw_only=True):
    """One session, whole. `redacted` says that digits, words and names were masked."""

    version: int = VERSION
    session_id: str
    exported_at: datetime
    redacted: bool
    legs: tuple[ExportedLeg, ...]
    entries: tuple[Entry, ...]
    events: tuple[ExportedEvent, ...]
    attempts: tuple[ExportedAttempt, ...]
    recordings: tuple[str, ...]
    """Their ids; the sound itself is on the page, or fetched from the API."""


def collect(conn: sa.Connection, session_id: str, *, now: datetime, redacted: bool = True) -> CallRecord:
    """Read everything about a session. Events' payloads name people: they are left out when `redacted`."""
    entries = read_session(conn, session_id)
    leg_rows = conn.execute(
        sa.select(legs).where(legs.c.session_id == session_id).order_by(legs.c.started_at, legs.c.leg_id)
    ).all()
    leg_ids = [row.leg_id for row in leg_rows]
    tried = conn.execute(
        sa.select(delivery_attempts)
        .where(delivery_attempts.c.leg_id.in_(leg_ids))
        .order_by(delivery_attempts.c.started_at, delivery_attempts.c.attempt)
    )
    saved = conn.execute(
        sa.select(recordings.c.id).where(recordings.c.call_session_id == session_id).order_by(recordings.c.id)
    )
    return CallRecord(
        session_id=session_id,
        exported_at=now,
        redacted=redacted,
        legs=tuple(_leg(row, redacted) for row in leg_rows),
        entries=tuple(redact_all(entries) if redacted else entries),
        events=tuple(
            ExportedEvent(
                id=event.id,
                event_type=event.event_type,
                occurred_at=event.occurred_at,
                leg_id=event.leg_id,
                payload=None if redacted else msgspec.json.decode(event.payload),
            )
            for event in session_events(conn, session_id)
        ),
        attempts=tuple(_struct(ExportedAttempt, row) for row in tried),
        recordings=tuple(saved.scalars()),
    )


def to_json(record: CallRecord) -> bytes:
    """The record alone."""
    return msgspec.json.encode(record)


def from_json(data: bytes) -> CallRecord:
    """Read what `to_json` wrote; raises `ExportUnreadable`."""
    try:
        record = msgspec.json.decode(data, type=CallRecord)
    except (msgspec.DecodeError, RecursionError) as error:
        raise ExportUnreadable(f"no call record: {error}") from error
    if record.version != VERSION:
        raise ExportUnreadable(f"call record of version {record.version}; this ringline reads {VERSION}")
    return record


def to_zip(record: CallRecord, *, sounds: Sequence[Sound] = ()) -> bytes:
    """The record with a page and a text made from it: `call.json`, `call.html`, `call.txt`.

    The page holds the sounds, to be looked at and listened to without anything else.
    """
    file = BytesIO()
    stamp = record.exported_at.astimezone(UTC).timetuple()[:6]
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in (
            ("call.json", to_json(record)),
            ("call.html", page(record.entries, sounds=sounds).encode()),
            ("call.txt", show(record.entries).encode()),
        ):
            archive.writestr(zipfile.ZipInfo(name, stamp), text, zipfile.ZIP_DEFLATED)
    return file.getvalue()


def from_zip(data: bytes) -> CallRecord:
    """Read what `to_zip` wrote; raises `ExportUnreadable`."""
    try:
        with zipfile.ZipFile(BytesIO(data)) as archive:
            if archive.getinfo("call.json").file_size > MAX_BYTES:
                raise ExportUnreadable("the record is larger than 256 MiB")
            return from_json(archive.read("call.json"))
    except (zipfile.BadZipFile, KeyError, EOFError, NotImplementedError) as error:
        raise ExportUnreadable(f"no export: {error}") from error


def _leg(row: sa.Row[Any], redacted: bool) -> ExportedLeg:
    leg = _struct(ExportedLeg, row)
    return (
        msgspec.structs.replace(leg, from_=mask_party(leg.from_), to=mask_party(leg.to)) if redacted else leg
    )


def _struct(kind: type[S], row: sa.Row[Any]) -> S:
    return kind(**{name: getattr(row, name) for name in kind.__struct_fields__})
