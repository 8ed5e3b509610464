"""Legs as the API and a restarted node see them; while a leg lives, its actor knows more."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Literal

import sqlalchemy as sa

from ringline.store.tables import legs

Direction = Literal["incoming", "outgoing"]


@dataclass(frozen=True, slots=True)
class Leg:
    """One leg. `webhooks` is `webhooks.policy.Hooks`, as plain JSON when it was read."""

    call_control_id: str
    account_id: str
    leg_id: str
    session_id: str
    connection_id: str
    direction: Direction
    from_: str
    to: str
    state: str
    alive: bool
    node: str
    started_at: datetime
    webhooks: Any
    client_state: str | None = None
    answered_at: datetime | None = None
    ended_at: datetime | None = None
    hangup_cause: str | None = None
    hangup_source: str | None = None
    sip_hangup_cause: str | None = None
    recording_id: str | None = None

    def duration_s(self, now: datetime) -> int:
        """Whole seconds since the answer, up to the end; 0 for a leg that was not answered."""
        if self.answered_at is None:
            return 0
        return max(0, int(((self.ended_at or now) - self.answered_at).total_seconds()))

    def ended(self, at: datetime, *, cause: str, source: str, sip: str) -> "Leg":
        """The same leg, over."""
        return replace(
            self,
            state="ended",
            alive=False,
            ended_at=at,
            hangup_cause=cause,
            hangup_source=source,
            sip_hangup_cause=sip,
        )


_FIELDS = tuple(Leg.__dataclass_fields__)
_KEYS = ("call_control_id", "account_id", "leg_id")
_INSERT = legs.insert()
_UPDATE = (
    legs.update()
    .where(legs.c.call_control_id == sa.bindparam("the_leg"))
    .values({name: sa.bindparam(name) for name in _FIELDS if name not in _KEYS})
)


def add_leg(conn: sa.Connection, leg: Leg) -> None:
    """Keep a new leg."""
    conn.execute(_INSERT, {name: getattr(leg, name) for name in _FIELDS})


def save_leg(conn: sa.Connection, leg: Leg) -> None:
    """Overwrite what is kept of a leg; its ids and account never change."""
    values = {name: getattr(leg, name) for name in _FIELDS if name not in _KEYS}
    conn.execute(_UPDATE, {"the_leg": leg.call_control_id} | values)


def find_leg(conn: sa.Connection, account_id: str, call_control_id: str) -> Leg | None:
    """A leg of the account by its call_control_id."""
    query = sa.select(legs).where(legs.c.call_control_id == call_control_id, legs.c.account_id == account_id)
    return _one(conn, query)


def recent_legs(
    conn: sa.Connection, account_id: str, *, limit: int, offset: int = 0
) -> tuple[list[Leg], int]:
    """One page of the account's legs, newest first, and the number of all of them."""
    conditions = (legs.c.account_id == account_id,)
    query = sa.select(legs).where(*conditions).order_by(legs.c.started_at.desc(), legs.c.leg_id)
    return _all(conn, query.limit(limit).offset(offset)), _count(conn, conditions)


def lost_legs(conn: sa.Connection, node: str) -> list[Leg]:
    """Legs that were alive when `node` died: asked when it starts, before it has any of its own."""
    return _all(conn, sa.select(legs).where(legs.c.node == node, legs.c.alive.is_(True)))


def purge(conn: sa.Connection, before: datetime, limit: int = 2_000) -> int:
    """Delete up to `limit` legs that ended before `before`; returns how many."""
    old = sa.select(legs.c.call_control_id).where(legs.c.ended_at < before).limit(limit)
    return conn.execute(legs.delete().where(legs.c.call_control_id.in_(old))).rowcount


def _one(conn: sa.Connection, query: sa.Select[Any]) -> Leg | None:
    found = _all(conn, query)
    return found[0] if found else None


def _all(conn: sa.Connection, query: sa.Select[Any]) -> list[Leg]:
    return [Leg(**{name: getattr(row, name) for name in _FIELDS}) for row in conn.execute(query)]


def _count(conn: sa.Connection, conditions: Sequence[sa.ColumnElement[bool]]) -> int:
    return conn.execute(sa.select(sa.func.count()).select_from(legs).where(*conditions)).scalar_one()
