"""The record of a call as commands show it: from the store, or from a file that was exported."""

import zipfile
from collections.abc import Sequence
from pathlib import Path

import msgspec
import sqlalchemy as sa

from ringline.cli.lookup import Found
from ringline.core.clock import SystemClock
from ringline.timeline import readers
from ringline.timeline.export import CallRecord, collect, from_json, from_zip


def read_call(conn: sa.Connection, found: Found, *, whole_session: bool, reveal: bool) -> CallRecord:
    """The record of the legs that were found, or of their whole session."""
    record = collect(conn, found.session_id, now=SystemClock().utc(), redacted=not reveal)
    return record if whole_session else only(record, found.leg_ids)


def read_file(file: Path) -> CallRecord:
    """A record that `calls export` or `calls show --json` has written; raises `ExportUnreadable`, OSError."""
    content = file.read_bytes()
    return from_zip(content) if zipfile.is_zipfile(file) else from_json(content)


def only(record: CallRecord, leg_ids: Sequence[str]) -> CallRecord:
    """What the record says of these legs."""
    events = tuple(event for event in record.events if event.leg_id in leg_ids)
    ids = {event.id for event in events}
    entries = tuple(entry for entry in record.entries if entry.leg_id in leg_ids)
    recorded = {span.id for span in readers.recordings(entries)}
    return msgspec.structs.replace(
        record,
        legs=tuple(leg for leg in record.legs if leg.leg_id in leg_ids),
        entries=entries,
        events=events,
        attempts=tuple(tried for tried in record.attempts if tried.event_id in ids),
        recordings=tuple(one for one in record.recordings if one in recorded),
    )
