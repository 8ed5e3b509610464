"""What a node owes the apps after it was killed: the end of the calls it carried, the recordings it saved."""

from collections.abc import Sequence
from datetime import datetime
from typing import TypedDict

import msgspec
import sqlalchemy as sa

from ringline.core.clock import Clock
from ringline.core.ids import Ids
from ringline.node.recordings import Shelf
from ringline.store import legs as rows
from ringline.store.db import Store
from ringline.store.recordings import Recording
from ringline.timeline import log as timeline_log
from ringline.timeline.entries import AnyBody, Ended, Entry, RecordingSaved, StateChanged, WebhookQueued
from ringline.webhooks import policy
from ringline.webhooks.outbox import QueuedEvent, queue_event
from ringline.webhooks.payload import Payload
from ringline.webhooks.payloads import CallHangup, CallRecordingSaved, RecordingUrls, encode


async def end_lost_legs(store: Store, *, node: str, clock: Clock, ids: Ids) -> int:
    """Tell the apps that the calls of this node's earlier life are over; returns how many there were."""
    lost = await store.read(rows.lost_legs, node)
    for leg in lost:
        now = clock.utc()
        over = leg.ended(now, cause="unspecified", source="unknown", sip="unspecified")
        hangup = CallHangup(
            **_common(over),
            from_=over.from_,
            to=over.to,
            state="hangup",
            start_time=over.started_at,
            end_time=now,
            hangup_cause="unspecified",
            hangup_source="unknown",
            sip_hangup_cause="unspecified",
            occurred_at=now,
            call_quality_stats=None,
        )
        notes = (Ended("unspecified", "unknown", "unspecified"), StateChanged("ended"))
        await store.tx(_tell, over, notes, hangup, clock.now_ns(), now, ids.uuid())
    return len(lost)


async def tell_saved(
    store: Store, shelf: Shelf, saved: Sequence[Recording], *, clock: Clock, ids: Ids
) -> None:
    """Tell the apps of recordings that were recovered from the disk."""
    for recording in saved:
        leg = await store.read(rows.find_leg, recording.account_id, recording.call_control_id or "")
        if leg is None:
            continue
        started = recording.recording_started_at or recording.created_at
        ended = recording.recording_ended_at or started
        now = clock.utc()
        payload = CallRecordingSaved(
            **_common(leg),
            channels=recording.channels,
            format=recording.format,
            recording_id=recording.id,
            recording_started_at=started,
            recording_ended_at=ended,
            start_time=started,
            end_time=ended,
            occurred_at=now,
            recording_urls=RecordingUrls(**{recording.format: shelf.link(recording)}),
            public_recording_urls=RecordingUrls(),
        )
        notes = (RecordingSaved(recording.id, recording.duration_millis),)
        await store.tx(_tell, leg, notes, payload, clock.now_ns(), now, ids.uuid())


class _Common(TypedDict):
    call_control_id: str
    call_leg_id: str
    call_session_id: str
    connection_id: str
    client_state: str | None


def _common(leg: rows.Leg) -> _Common:
    return {
        "call_control_id": leg.call_control_id,
        "call_leg_id": leg.leg_id,
        "call_session_id": leg.session_id,
        "connection_id": leg.connection_id,
        "client_state": leg.client_state,
    }


def _tell(
    conn: sa.Connection,
    leg: rows.Leg,
    notes: Sequence[AnyBody],
    payload: Payload,
    at_ns: int,
    at: datetime,
    event_id: str,
) -> None:
    hooks = msgspec.convert(leg.webhooks, policy.Hooks)
    first = timeline_log.last_seq(conn, leg.leg_id) + 1
    bodies = (*notes, WebhookQueued(payload.event_type, event_id))
    entries = [
        Entry(seq, at_ns, at, leg.leg_id, leg.session_id, body) for seq, body in enumerate(bodies, first)
    ]
    rows.save_leg(conn, leg)
    timeline_log.append(conn, entries)
    queue_event(
        conn,
        QueuedEvent(
            id=event_id,
            account_id=leg.account_id,
            event_type=payload.event_type,
            occurred_at=at,
            payload=encode(payload),
            targets=policy.targets(payload.event_type, hooks),
            leg_id=leg.leg_id,
            session_id=leg.session_id,
            leg_seq=entries[-1].seq,
        ),
    )
