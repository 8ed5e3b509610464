"""What this server sends by itself, as an AsyncAPI 3.0 description: webhooks and media streams.

Made from the very types that are sent, so that it cannot say anything else of them. Payloads that are
specified but that no part of this server makes are left out: a test compares `OF_CALLS` with the sources.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

import ringline
from ringline.conversations.insights.events import Completed, CompletedOfCall
from ringline.streams.wire import APP_SHAPES, SERVER_SHAPES
from ringline.webhooks import payloads as p
from ringline.webhooks.payload import Payload

OF_CALLS: tuple[type[Payload], ...] = (
    p.CallInitiated,
    p.CallAnswered,
    p.CallBridged,
    p.CallHangup,
    p.CallHold,
    p.CallUnhold,
    p.CallDtmfReceived,
    p.CallGatherEnded,
    p.CallPlaybackStarted,
    p.CallPlaybackEnded,
    p.CallSpeakStarted,
    p.CallSpeakEnded,
    p.CallRecordingSaved,
    p.CallRecordingError,
    p.CallTranscription,
    p.StreamingStarted,
    p.StreamingStopped,
    p.StreamingFailed,
)
"""What legs tell their apps."""

WEBHOOKS: dict[str, type] = {
    **{kind.event_type: kind for kind in OF_CALLS},
    CompletedOfCall.event_type: CompletedOfCall,
}
"""Every payload that apps of calls are sent, by its event type."""

REF = "#/components/schemas/{name}"


def describe() -> dict[str, Any]:
    """The whole document."""
    (flat, *payloads), schemas = _schemas([Completed, *WEBHOOKS.values()])
    server, more = _schemas(list(SERVER_SHAPES.values()))
    app, rest = _schemas(list(APP_SHAPES.values()))
    messages = {
        **{kind: _webhook(kind, schema) for kind, schema in zip(WEBHOOKS, payloads, strict=True)},
        Completed.event_type: _flat(Completed.event_type, flat),
        **{f"stream.{name}": _frame(name, one) for name, one in zip(SERVER_SHAPES, server, strict=True)},
        **{f"app.{name}": _frame(name, one) for name, one in zip(APP_SHAPES, app, strict=True)},
    }
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "ringline events and media streams",
            "version": ringline.__version__,
            "description": "Webhooks that are posted to your app, and the frames of a media stream.",
        },
        "channels": {
            "webhooks": _channel("The URL of your application.", list(WEBHOOKS)),
            "insights": _channel("The `webhook` of an insight or its group.", [Completed.event_type]),
            "streamToApp": _channel(
                "The `stream_url` of a stream, as your app reads it.",
                [f"stream.{name}" for name in SERVER_SHAPES],
            ),
            "streamFromApp": _channel(
                "The same socket, as your app writes to it.", [f"app.{name}" for name in APP_SHAPES]
            ),
        },
        "operations": {
            "webhooks": _operation("send", "webhooks"),
            "insights": _operation("send", "insights"),
            "streamToApp": _operation("send", "streamToApp"),
            "streamFromApp": _operation("receive", "streamFromApp"),
        },
        "components": {"messages": messages, "schemas": {**schemas, **more, **rest}},
    }


def _schemas(types: Sequence[type]) -> tuple[tuple[dict[str, Any], ...], dict[str, Any]]:
    return msgspec.json.schema_components(types, ref_template=REF)


def _event(kind: str, **more: Mapping[str, Any]) -> dict[str, Any]:
    """An event's own members, and others beside them."""
    members = {
        "event_type": {"const": kind},
        "id": {"type": "string", "format": "uuid"},
        "occurred_at": {"type": "string", "format": "date-time"},
        **more,
    }
    return {"type": "object", "required": list(members), "properties": members}


def _flat(kind: str, payload: Mapping[str, Any]) -> dict[str, Any]:
    return _signed(kind, {"allOf": [_event(kind), payload]})


def _webhook(kind: str, payload: Mapping[str, Any]) -> dict[str, Any]:
    data = _event(kind, record_type={"const": "event"}, payload=payload)
    meta = {
        "type": "object",
        "properties": {"attempt": {"type": "integer", "minimum": 1}, "delivered_to": {"type": "string"}},
    }
    envelope = {"type": "object", "required": ["data", "meta"], "properties": {"data": data, "meta": meta}}
    return _signed(kind, envelope)


def _signed(kind: str, body: Mapping[str, Any]) -> dict[str, Any]:
    headers = {
        "type": "object",
        "properties": {
            "telnyx-signature-ed25519": {"type": "string", "description": "Base64 of the signature."},
            "telnyx-timestamp": {"type": "string", "description": "Unix seconds; part of what is signed."},
        },
    }
    return {"name": kind, "contentType": "application/json", "headers": headers, "payload": body}


def _frame(name: str, schema: Mapping[str, Any]) -> dict[str, Any]:
    return {"name": name, "contentType": "application/json", "payload": schema}


def _channel(description: str, messages: Sequence[str]) -> dict[str, Any]:
    return {
        "description": description,
        "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in messages},
    }


def _operation(action: str, channel: str) -> dict[str, Any]:
    return {"action": action, "channel": {"$ref": f"#/channels/{channel}"}}
