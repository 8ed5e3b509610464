"""Events as they were queued, whoever they went to."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from ringline.store.tables import events


@dataclass(frozen=True, slots=True)
class Event:
    """One event. `payload` is JSON of `data.payload`."""

    id: str
    account_id: str
    event_type: str
    occurred_at: datetime
    payload: bytes
    leg_id: str | None
    session_id: str | None
    leg_seq: int | None


_FIELDS = tuple(Event.__dataclass_fields__)


def find_event(conn: sa.Connection, account_id: str, event_id: str) -> Event | None:
    """One event of the account."""
    found = _all(conn, sa.select(events).where(events.c.id == event_id, events.c.account_id == account_id))
    return found[0] if found else None


def session_events(conn: sa.Connection, session_id: str) -> list[Event]:
    """The events of a session's legs in the order in which they were queued."""
    return _all(conn, sa.select(events).where(events.c.session_id == session_id).order_by(events.c.seq))


def _all(conn: sa.Connection, query: sa.Select[Any]) -> list[Event]:
    return [Event(**{name: getattr(row, name) for name in _FIELDS}) for row in conn.execute(query)]
