"""The body of a webhook: one event, one attempt (spec webhooks §1)."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

import msgspec

from ringline.webhooks.policy import Form


@dataclass(frozen=True, slots=True)
class Event:
    """What every attempt to deliver an event has in common."""

    id: str
    event_type: str
    occurred_at: datetime
    payload: bytes
    """JSON of `data.payload`."""


def timestamp(moment: datetime) -> str:
    """ISO-8601 UTC with microseconds and `Z`, as events carry it."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def body(event: Event, *, attempt: int, delivered_to: str, version: Form = "2") -> bytes:
    """The bytes to send and sign. `attempt` counts from 1; `delivered_to` is the URL of this attempt.

    In a flat one the payload's members stand beside the event's own, which they must not be called as.
    """
    if version == "flat":
        members = msgspec.json.decode(event.payload, type=dict[str, msgspec.Raw])
        return msgspec.json.encode(
            {
                "event_type": event.event_type,
                "id": event.id,
                "occurred_at": timestamp(event.occurred_at),
                **members,
            }
        )
    if version == "1":
        return msgspec.json.encode(
            {
                "record_type": "event",
                "event_type": legacy_name(event.event_type),
                "webhook_id": event.id,
                "created_at": timestamp(event.occurred_at),
                "payload": msgspec.Raw(event.payload),
            }
        )
    return msgspec.json.encode(
        {
            "data": {
                "record_type": "event",
                "event_type": event.event_type,
                "id": event.id,
                "occurred_at": timestamp(event.occurred_at),
                "payload": msgspec.Raw(event.payload),
            },
            "meta": {"attempt": attempt, "delivered_to": delivered_to},
        }
    )


def legacy_name(event_type: str) -> str:
    """The name that version 1 has for an event: `call.recording.saved` → `recording_saved`."""
    parts = event_type.split(".")
    return "_".join(parts[1:] if parts[0] == "call" and len(parts) > 2 else parts)


def query(event: Event) -> str:
    """The event as URL query parameters, for webhooks by GET (§2): nulls left out, lists as JSON."""
    fields: dict[str, Any] = {
        "event_type": event.event_type,
        "id": event.id,
        "occurred_at": timestamp(event.occurred_at),
        "record_type": "event",
    }
    fields |= msgspec.json.decode(event.payload)
    return "&".join(
        f"{quote(name, safe='')}={quote(_text(value), safe='')}"
        for name, value in fields.items()
        if value is not None
    )


def _text(value: Any) -> str:
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()
