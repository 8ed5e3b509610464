"""Finds calls and deliveries for the operator: in all accounts, by whatever part of an id is at hand."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from ringline.core.errors import RinglineError
from ringline.store import accounts, deliveries
from ringline.store.deliveries import Delivery, DeliveryFilter
from ringline.store.legs import Leg
from ringline.store.tables import deliveries as deliveries_table
from ringline.store.tables import events, legs

SHOWN = 5
"""Candidates that an ambiguous id is answered with."""

_FIELDS = tuple(Leg.__dataclass_fields__)


class NotFound(RinglineError):
    """There is no such thing, or there are several."""


@dataclass(frozen=True, slots=True)
class Found:
    """A session, and those of its legs that were asked for."""

    session_id: str
    leg_ids: tuple[str, ...]


def recent_legs(conn: sa.Connection, *, limit: int, alive: bool) -> list[Leg]:
    """The newest legs first; with `alive` only those that have not ended."""
    query = sa.select(legs).order_by(legs.c.started_at.desc(), legs.c.leg_id).limit(limit)
    return _legs(conn, query.where(legs.c.alive.is_(True)) if alive else query)


def find_call(conn: sa.Connection, text: str, *, whole_session: bool) -> Found:
    """The call that `text` names: a call_control_id, leg id or session id, or the beginning of just one.

    A session id means all of its legs. Raises `NotFound`.
    """
    one = legs.c
    exact = _legs(conn, sa.select(legs).where(sa.or_(one.call_control_id == text, one.leg_id == text)))
    found = exact or _legs(conn, sa.select(legs).where(one.session_id == text).order_by(one.started_at))
    if not found and text:
        begins = (
            column.startswith(text, autoescape=True)
            for column in (one.call_control_id, one.leg_id, one.session_id)
        )
        found = _legs(conn, sa.select(legs).where(sa.or_(*begins)).order_by(one.started_at).limit(100))
    sessions = {leg.session_id for leg in found}
    if not found:
        raise NotFound(f"no call is known as {text}; `ringline calls list` shows those there are")
    if len(sessions) > 1:
        named = ", ".join(leg.leg_id for leg in found[:SHOWN])
        raise NotFound(
            f"{len(sessions)} calls begin with {text}: {named}{', …' if len(found) > SHOWN else ''}"
        )
    if whole_session:
        found = legs_of(conn, found[0].session_id)
    return Found(found[0].session_id, tuple(leg.leg_id for leg in found))


def legs_of(conn: sa.Connection, session_id: str) -> list[Leg]:
    """The legs of a session, oldest first."""
    query = sa.select(legs).where(legs.c.session_id == session_id)
    return _legs(conn, query.order_by(legs.c.started_at, legs.c.leg_id))


def still_alive(conn: sa.Connection, leg_ids: Sequence[str]) -> bool:
    """Whether any of the legs lives, or has an event on its way."""
    living = (
        sa.select(sa.func.count()).select_from(legs).where(legs.c.leg_id.in_(leg_ids), legs.c.alive.is_(True))
    )
    one = deliveries_table.c
    waiting = (
        sa.select(sa.func.count())
        .select_from(deliveries_table)
        .where(one.leg_id.in_(leg_ids), one.state == deliveries.PENDING)
    )
    return bool(conn.execute(living).scalar_one() or conn.execute(waiting).scalar_one())


def recent_deliveries(conn: sa.Connection, only: DeliveryFilter, *, limit: int) -> list[Delivery]:
    """The newest deliveries of all accounts first, with their attempts."""
    found = [
        delivery
        for account in accounts.list_accounts(conn)
        for delivery in deliveries.list_deliveries(conn, account.id, only, limit=limit)[0]
    ]
    return sorted(found, key=lambda one: one.occurred_at, reverse=True)[:limit]


def find_event(conn: sa.Connection, text: str) -> str:
    """The id of the event that `text` is, or begins; raises `NotFound`."""
    query = sa.select(events.c.id).where(events.c.id.startswith(text, autoescape=True)).limit(SHOWN + 1)
    found = conn.execute(query).scalars().all()
    if text in found:
        return text
    if len(found) != 1:
        what = "no event is" if not found else "several events are"
        raise NotFound(f"{what} known as {text!r}; `ringline webhooks list` shows their ids")
    return str(found[0])


def _legs(conn: sa.Connection, query: sa.Select[Any]) -> list[Leg]:
    return [Leg(**{name: getattr(row, name) for name in _FIELDS}) for row in conn.execute(query)]
