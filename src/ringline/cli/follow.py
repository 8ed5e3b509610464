"""Follows a call: prints each entry of its timeline as it is written, until the call is over."""

import time
from collections.abc import Iterator

import sqlalchemy as sa

from ringline.cli import call_view
from ringline.cli.call_view import Letters
from ringline.cli.database import Database, opened
from ringline.cli.lookup import Found, find_call, still_alive
from ringline.cli.output import console, printable
from ringline.cli.record import read_call
from ringline.core.settings import Settings
from ringline.store.tables import delivery_attempts, timeline
from ringline.timeline.entries import Entry, WebhookAttempted
from ringline.timeline.export import CallRecord
from ringline.timeline.readers import since

EVERY_S = 0.25
"""How often the store is asked whether there is something new: two indexed counts."""

Key = tuple[object, ...]


def follow(settings: Settings, which: str, *, whole_session: bool, reveal: bool) -> None:
    """Print what was written so far, then what is; ends with the call and its last webhook, or at Ctrl-C."""
    out = console()
    with opened(settings) as database:
        found = database.read(find_call, which, whole_session=whole_session)
        for record, fresh in _changes(database, found, whole_session=whole_session, reveal=reveal):
            letters = Letters(record)
            for entry in fresh:
                out.print(printable(call_view.line(entry, since(record.entries, entry.at), letters)))
        record = database.read(read_call, found, whole_session=whole_session, reveal=reveal)
    out.print()
    for line in call_view.heads(record):
        out.print(printable(line))


def _changes(
    database: Database, found: Found, *, whole_session: bool, reveal: bool
) -> Iterator[tuple[CallRecord, list[Entry]]]:
    """The record each time it has grown, with what is new in it, in order."""
    seen: set[Key] = set()
    before: tuple[int, int] | None = None
    leg_ids = found.leg_ids
    while True:
        # Asked before reading: what is written between the two is found in the next round, or here.
        alive = database.read(still_alive, leg_ids)
        now = database.read(_counts, found.session_id)
        if now != before:
            before = now
            record = database.read(read_call, found, whole_session=whole_session, reveal=reveal)
            fresh = [entry for entry in record.entries if _key(entry) not in seen]
            seen.update(map(_key, fresh))
            leg_ids = tuple(leg.leg_id for leg in record.legs)
            yield record, fresh
        if not alive:
            return
        time.sleep(EVERY_S)


def _counts(conn: sa.Connection, session_id: str) -> tuple[int, int]:
    entries = sa.select(sa.func.count()).select_from(timeline).where(timeline.c.session_id == session_id)
    attempts = (
        sa.select(sa.func.count())
        .select_from(delivery_attempts)
        .where(
            delivery_attempts.c.leg_id.in_(
                sa.select(timeline.c.leg_id).where(timeline.c.session_id == session_id).distinct()
            )
        )
    )
    return conn.execute(entries).scalar_one(), conn.execute(attempts).scalar_one()


def _key(entry: Entry) -> Key:
    """What tells entries apart: attempts to deliver webhooks have no number of their own."""
    match entry.body:
        case WebhookAttempted() as tried:
            return entry.leg_id, tried.event_id, tried.attempt, tried.url, entry.at
        case _:
            return entry.leg_id, entry.seq
