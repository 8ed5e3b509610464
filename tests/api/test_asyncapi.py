"""The description of events and frames says what is really sent."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import ringline
from ringline.api.asyncapi import OF_CALLS, WEBHOOKS, describe
from ringline.webhooks import payloads

pytestmark = pytest.mark.unit

SOURCES = Path(ringline.__file__).parent
SAMPLES = {"cli/doctor/apps.py"}
"""Make an event that is posted to an app by hand."""


def made() -> Iterator[str]:
    """Names of the payloads that some module of the server makes."""
    for file in SOURCES.rglob("*.py"):
        tree = ast.parse(file.read_text("utf-8"))
        if str(file.relative_to(SOURCES)) in SAMPLES:
            continue
        modules, names = set(), set()
        for node in ast.walk(tree):
            match node:
                case ast.ImportFrom(module="ringline.webhooks"):
                    modules |= {one.asname or one.name for one in node.names if one.name == "payloads"}
                case ast.ImportFrom(module="ringline.webhooks.payloads"):
                    names |= {one.asname or one.name for one in node.names}
        for node in ast.walk(tree):
            match node:
                case ast.Call(func=ast.Attribute(value=ast.Name(id=module), attr=name)) if module in modules:
                    yield name
                case ast.Call(func=ast.Name(id=name)) if name in names:
                    yield name


def test_the_events_described_are_those_that_the_server_makes() -> None:
    kinds = {kind.__name__ for kind in payloads.EVENTS.values()}
    assert {kind.__name__ for kind in OF_CALLS} == kinds & set(made())


def test_nothing_is_described_that_is_not_there_yet() -> None:
    messages = describe()["components"]["messages"]
    assert not [
        name for name in messages if re.search(r"fork|siprec|refer|queue|machine|deepfake|cost", name)
    ]


def test_every_event_and_frame_is_described_once() -> None:
    document = describe()
    messages = document["components"]["messages"]
    assert set(WEBHOOKS) <= set(messages)
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
