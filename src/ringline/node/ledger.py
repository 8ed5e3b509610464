"""Writes what a leg decided: timeline, events and the leg's row, in one transaction (design: webhooks)."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import sqlalchemy as sa

from ringline.calls.options import WebhookOptions
from ringline.calls.state import Application, Instant, Leg, State
from ringline.core.ids import Ids
from ringline.store import legs as rows
from ringline.store.db import Store
from ringline.store.deliveries import Claimed
from ringline.timeline import log as timeline_log
from ringline.timeline.entries import AnyBody, Entry, WebhookQueued
from ringline.webhooks import policy
from ringline.webhooks.outbox import Lease, QueuedEvent, queue_event
from ringline.webhooks.payload import Payload
from ringline.webhooks.payloads import encode


@dataclass(slots=True)
class _Page:
    """What the ledger remembers of a leg between commits."""

    seq: int = 0
    row: rows.Leg | None = None


class Desk(Protocol):
    """Who delivers what the ledger queues (`webhooks.delivery`)."""

    def offer(self, event: QueuedEvent) -> Lease | None:
        """The lease to queue it under, if it is to be handed over after the commit."""
        ...

    def take(self, deliveries: Sequence[Claimed]) -> None:
        """The commit is done."""
        ...


class StoreLedger:
    """The ledger of one node, kept in the store."""

    def __init__(self, store: Store, ids: Ids, node: str, desk: Desk) -> None:
        self._store = store
        self._desk = desk
        self._ids = ids
        self._node = node
        self._pages: dict[str, _Page] = {}

    async def commit(
        self, leg: Leg, at: Instant, entries: Sequence[AnyBody], events: Sequence[Payload]
    ) -> None:
        """Append the entries, queue the events, bring the leg's row up to date; all or nothing.

        Raises `StoreUnavailable`; a later call with the same values writes them once.
        """
        page = self._pages.setdefault(leg.id, _Page())
        hooks = hooks_of(leg.facts.application, leg.webhooks)
        queued = [self._event(leg, at, payload, hooks) for payload in events]
        bodies = [*entries, *[WebhookQueued(event.event_type, event.id) for event in queued]]
        written = [
            Entry(page.seq + number, at.ns, at.utc, leg.facts.leg_id, leg.facts.session_id, body)
            for number, body in enumerate(bodies, 1)
        ]
        first_event = page.seq + len(entries) + 1
        numbered = [replace(event, leg_seq=first_event + number) for number, event in enumerate(queued)]
        row = row_of(leg, self._node, hooks)
        leased = [(event, self._desk.offer(event)) for event in numbered]
        handed = await self._store.tx(_write, row, page.row, written, leased)
        if handed:
            self._desk.take(handed)
        page.seq += len(bodies)
        page.row = row

    def forget(self, leg: Leg) -> None:
        """Nothing more will be written of this leg."""
        self._pages.pop(leg.id, None)

    def _event(self, leg: Leg, at: Instant, payload: Payload, hooks: policy.Hooks) -> QueuedEvent:
        return QueuedEvent(
            id=self._ids.uuid(),
            account_id=leg.facts.application.account_id,
            event_type=payload.event_type,
            occurred_at=at.utc,
            payload=encode(payload),
            targets=policy.targets(payload.event_type, hooks),
            leg_id=leg.facts.leg_id,
            session_id=leg.facts.session_id,
        )


def hooks_of(application: Application, options: WebhookOptions) -> policy.Hooks:
    """Everything that was said about where a leg's events go."""
    return policy.Hooks(
        url=application.webhook_url or None,
        failover_url=application.failover_url or None,
        timeout_ms=application.webhook_timeout_s * 1000 if application.webhook_timeout_s else None,
        version="1" if application.webhook_version == "1" else "2",
        leg_url=options.url,
        leg_method=options.method,
        urls=dict(options.urls),
        urls_method=options.urls_method,
        retries_ms=dict(options.retries_ms),
    )


def row_of(leg: Leg, node: str, hooks: policy.Hooks) -> rows.Leg:
    """The leg as the store keeps it."""
    facts, end = leg.facts, leg.end
    return rows.Leg(
        call_control_id=leg.id,
        account_id=facts.application.account_id,
        leg_id=facts.leg_id,
        session_id=facts.session_id,
        connection_id=facts.application.connection_id,
        direction=facts.direction,
        from_=facts.from_,
        to=facts.to,
        state=leg.state.value,
        alive=leg.state is not State.ENDED,
        node=node,
        started_at=facts.started.utc,
        webhooks=hooks,
        client_state=leg.client_state,
        answered_at=leg.answered.utc if leg.answered else None,
        ended_at=leg.ended.utc if leg.ended else None,
        hangup_cause=end.cause if end else None,
        hangup_source=end.source if end else None,
        sip_hangup_cause=end.sip if end else None,
        recording_id=leg.first_recording or leg.on_answer.recording_id,
    )


def _write(
    conn: sa.Connection,
    row: rows.Leg,
    before: rows.Leg | None,
    entries: Sequence[Entry],
    events: Sequence[tuple[QueuedEvent, Lease | None]],
) -> list[Claimed]:
    """Returns the deliveries that were queued under a lease."""
    if before is None:
        rows.add_leg(conn, row)
    elif row != before:
        rows.save_leg(conn, row)
    timeline_log.append(conn, entries)
    handed: list[Claimed] = []
    for event, lease in events:
        made = queue_event(conn, event, lease)
        if lease is not None:
            handed += made
    return handed
