"""The record of a call as commands show it: from the store, or from a file that was exported."""

import zipfile
from collections.abc import Sequence
from pathlib import Path

import msgspec
import sqlalchemy as sa

from ringline.cli.lookup import Found, legs_of
from ringline.core.clock import SystemClock
from ringline.store.legs import Leg
from ringline.timeline.entries import Ended, Entry
from ringline.timeline.export import CallRecord, collect, from_json, from_zip
from ringline.timeline.log import merge


def read_call(conn: sa.Connection, found: Found, *, whole_session: bool, reveal: bool) -> CallRecord:
    """The record of the legs that were found, or of their whole session."""
    record = collect(conn, found.session_id, now=SystemClock().utc(), redacted=not reveal)
    record = with_ends(record, legs_of(conn, found.session_id))
    return record if whole_session else only(record, found.leg_ids)


def read_file(file: Path) -> CallRecord:
    """A record that `calls export` or `calls show --json` has written; raises `ExportUnreadable`, OSError."""
    content = file.read_bytes()
    return from_zip(content) if zipfile.is_zipfile(file) else from_json(content)


def only(record: CallRecord, leg_ids: Sequence[str]) -> CallRecord:
    """What the record says of these legs."""
    events = tuple(event for event in record.events if event.leg_id in leg_ids)
    ids = {event.id for event in events}
    return msgspec.structs.replace(
        record,
        legs=tuple(leg for leg in record.legs if leg.leg_id in leg_ids),
        entries=tuple(entry for entry in record.entries if entry.leg_id in leg_ids),
        events=events,
        attempts=tuple(tried for tried in record.attempts if tried.event_id in ids),
    )


def with_ends(record: CallRecord, legs: Sequence[Leg]) -> CallRecord:
    """The record with an `Ended` for each leg that is over.

    The leg's row knows cause and source from the moment of its end, whether or not the timeline says so too.
    """
    told = {entry.leg_id for entry in record.entries if isinstance(entry.body, Ended)}
    missing = [_end_of(leg, record.entries) for leg in legs if leg.ended_at and leg.leg_id not in told]
    return msgspec.structs.replace(record, entries=tuple(merge(record.entries, missing)))


def _end_of(leg: Leg, entries: Sequence[Entry]) -> Entry:
    assert leg.ended_at is not None
    last_ns = max((entry.at_ns for entry in entries if entry.leg_id == leg.leg_id), default=0)
    cause, source = leg.hangup_cause or "unspecified", leg.hangup_source or "unknown"
    body = Ended(cause, source, leg.sip_hangup_cause or "unspecified")
    return Entry(0, last_ns, leg.ended_at, leg.leg_id, leg.session_id, body)
