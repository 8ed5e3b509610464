"""What `GET /call_events` reads: commands from the timeline, webhooks from the attempts to deliver them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

import sqlalchemy as sa

from ringline.store import events
from ringline.store.applications import has_profile
from ringline.store.tables import applications, deliveries, delivery_attempts, legs, timeline
from ringline.timeline.entries import CommandReceived, Entry, WebhookAttempted, decode_body
from ringline.timeline.readers import CallEvent, call_events

COMMAND = CommandReceived.__struct_config__.tag


@dataclass(frozen=True, slots=True, kw_only=True)
class EventQuery:
    """Which rows to list; None means any."""

    leg_id: str | None = None
    session_id: str | None = None
    connection_id: str | None = None
    from_: str | None = None
    to: str | None = None
    name: str | None = None
    type: Literal["command", "webhook"] | None = None
    failed: bool | None = None
    status: Literal["init", "in_progress", "completed"] | None = None
    """Of the call: not answered, up, over."""
    application_name_contains: str | None = None
    outbound_voice_profile_id: str | None = None
    at: datetime | None = None
    after: datetime | None = None
    from_time: datetime | None = None
    before: datetime | None = None
    to_time: datetime | None = None


def page(
    conn: sa.Connection, account_id: str, query: EventQuery, *, limit: int, offset: int = 0
) -> tuple[list[CallEvent], int]:
    """One page, newest first, and the number of all that match."""
    rows = _rows(account_id, query)
    total = conn.execute(sa.select(sa.func.count()).select_from(rows)).scalar_one()
    # A webhook follows the command of the same microsecond; the rest makes the order of a page certain.
    newest = (rows.c.at.desc(), rows.c.type.desc(), rows.c.number.desc(), rows.c.leg_id, rows.c.delivery_id)
    shown = conn.execute(sa.select(rows).order_by(*newest).limit(limit).offset(offset)).all()
    entries = [_command(conn, row) if row.type == "command" else _attempt(conn, row) for row in shown]
    tried = [entry.body.event_id for entry in entries if isinstance(entry.body, WebhookAttempted)]
    found = (events.find_event(conn, account_id, event_id) for event_id in set(tried))
    return call_events(entries, {event.id: event for event in found if event}), total


def _rows(account_id: str, query: EventQuery) -> sa.Subquery:
    command, attempt = timeline.c, delivery_attempts.c
    commands = (
        sa.select(
            sa.literal("command").label("type"),
            command.at,
            command.seq.label("number"),
            command.name,
            command.leg_id,
            legs.c.session_id,
            sa.null().label("delivery_id"),
        )
        .join(legs, legs.c.leg_id == command.leg_id)
        .where(command.kind == COMMAND, *_conditions(account_id, query, command.at, command.name))
    )
    webhooks = (
        sa.select(
            sa.literal("webhook").label("type"),
            attempt.started_at.label("at"),
            attempt.attempt.label("number"),
            deliveries.c.event_type.label("name"),
            attempt.leg_id,
            legs.c.session_id,
            attempt.delivery_id,
        )
        .join(deliveries, deliveries.c.id == attempt.delivery_id)
        .join(legs, legs.c.leg_id == attempt.leg_id)
        .where(*_conditions(account_id, query, attempt.started_at, deliveries.c.event_type))
    )
    if query.failed is not None:
        webhooks = webhooks.where(attempt.error.is_not(None) if query.failed else attempt.error.is_(None))
    if query.failed or query.type == "webhook":
        commands = commands.where(sa.false())  # a command that failed is not on the timeline
    if query.type == "command":
        webhooks = webhooks.where(sa.false())
    return sa.union_all(commands, webhooks).subquery()


def _conditions(
    account_id: str, query: EventQuery, at: sa.Column[Any], name: sa.Column[Any]
) -> Sequence[sa.ColumnElement[bool]]:
    leg = legs.c
    equal: tuple[tuple[sa.Column[Any], Any], ...] = (
        (leg.account_id, account_id),
        (leg.leg_id, query.leg_id),
        (leg.session_id, query.session_id),
        (leg.connection_id, query.connection_id),
        (leg.from_, query.from_),
        (leg.to, query.to),
        (name, query.name),
        (at, query.at),
    )
    found: list[sa.ColumnElement[bool]] = [column == value for column, value in equal if value is not None]
    if query.after is not None:
        found.append(at > query.after)
    if query.from_time is not None:
        found.append(at >= query.from_time)
    if query.before is not None:
        found.append(at < query.before)
    if query.to_time is not None:
        found.append(at <= query.to_time)
    match query.status:
        case "init":
            found.append(sa.and_(leg.alive, leg.answered_at.is_(None)))
        case "in_progress":
            found.append(sa.and_(leg.alive, leg.answered_at.is_not(None)))
        case "completed":
            found.append(~leg.alive)
    return (*found, *_of_application(query))


def _of_application(query: EventQuery) -> list[sa.ColumnElement[bool]]:
    one = applications.c
    conditions: list[sa.ColumnElement[bool]] = []
    if query.application_name_contains is not None:
        conditions.append(one.application_name.icontains(query.application_name_contains, autoescape=True))
    if query.outbound_voice_profile_id is not None:
        conditions.append(has_profile(one.outbound, query.outbound_voice_profile_id))
    return [legs.c.connection_id.in_(sa.select(one.id).where(*conditions))] if conditions else []


def _command(conn: sa.Connection, row: sa.Row[Any]) -> Entry:
    one = timeline.c
    found = conn.execute(sa.select(timeline).where(one.leg_id == row.leg_id, one.seq == row.number)).one()
    return Entry(found.seq, found.at_ns, found.at, found.leg_id, found.session_id, decode_body(found.data))


def _attempt(conn: sa.Connection, row: sa.Row[Any]) -> Entry:
    one = delivery_attempts.c
    query = sa.select(delivery_attempts).where(one.delivery_id == row.delivery_id, one.attempt == row.number)
    found = conn.execute(query).one()
    body = WebhookAttempted(
        row.name, found.event_id, found.attempt, found.url, found.status, found.latency_us, found.error or ""
    )
    return Entry(0, found.started_ns, found.started_at, found.leg_id, row.session_id, body)
