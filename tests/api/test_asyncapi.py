"""The description of events and frames says what is really sent."""

import re
from typing import Any

import pytest

from ringline.api.asyncapi import describe
from ringline.webhooks.payloads import EVENTS

pytestmark = pytest.mark.unit


def test_every_event_and_frame_is_described_once() -> None:
    document = describe()
    messages = document["components"]["messages"]
    assert set(EVENTS) <= set(messages)
    assert {"stream.start", "stream.media", "stream.mark", "app.media", "app.clear"} <= set(messages)
    hangup = messages["call.hangup"]["payload"]["properties"]["data"]["properties"]
    assert hangup["event_type"] == {"const": "call.hangup"}


def test_what_apps_of_insights_are_told_has_no_envelope() -> None:
    document = describe()
    channel = document["channels"]["insights"]["messages"]
    assert list(channel) == ["conversation.insights.completed"]
    assert "conversation.insights.completed" not in document["channels"]["webhooks"]["messages"]
    event, payload = document["components"]["messages"]["conversation.insights.completed"]["payload"]["allOf"]
    assert event["required"] == ["event_type", "id", "occurred_at"]
    assert event["properties"]["event_type"] == {"const": "conversation.insights.completed"}
    members = document["components"]["schemas"][payload["$ref"].rpartition("/")[2]]["properties"]
    assert list(members) == ["conversation_id", "insight_group_id", "insight_group_name", "insights"]


def test_every_reference_leads_somewhere() -> None:
    document = describe()
    references = set(_references(document))
    assert references
    for reference in references:
        target: Any = document
        for part in re.split("/", reference.removeprefix("#/")):
            assert part in target, reference
            target = target[part]


def test_enums_are_those_of_the_specification() -> None:
    schemas = describe()["components"]["schemas"]
    assert schemas["CallHangup"]["properties"]["hangup_source"]["enum"] == ["callee", "caller", "unknown"]


def _references(value: object) -> list[str]:
    if isinstance(value, dict):
        return [
            found
            for name, inner in value.items()
            for found in ([inner] if name == "$ref" else _references(inner))
        ]
    return [found for inner in value for found in _references(inner)] if isinstance(value, list) else []
