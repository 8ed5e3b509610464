"""Responses as values: what their items become, and the events that an answer becomes."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from pydantic import ValidationError

from ringline.api.models.chat import ChatBody
from ringline.api.models.response_answer import Writer
from ringline.api.models.responses import ResponseBody
from ringline.core.errors import ApiError
from ringline.core.ids import Ids
from ringline.inference.chat import (
    AnyJson,
    Delta,
    Effort,
    Finish,
    ImagePart,
    JsonSchema,
    Message,
    NamedTool,
    Role,
    TextPart,
    ToolCall,
    ToolFragment,
    ToolMode,
    Usage,
)
from ringline.inference.guided.errors import BadGuide
from ringline.workers import Priority

pytestmark = pytest.mark.unit


def body(**fields: Any) -> ResponseBody:
    return ResponseBody.model_validate({"input": "Hi", **fields})


def messages(*items: Any, **fields: Any) -> tuple[Message, ...]:
    return body(input=list(items), **fields).messages()


def test_words_are_a_users_message() -> None:
    assert body(instructions="Short.").messages() == (
        Message(Role.SYSTEM, "Short."),
        Message(Role.USER, "Hi"),
    )


def test_a_turn_of_words_and_calls_is_one_message() -> None:
    call = {"type": "function_call", "name": "f", "arguments": "{}", "id": "fc_1", "status": "completed"}
    assert messages(
        {"role": "developer", "content": "Be kind."},
        {"type": "reasoning", "id": "rs_1", "summary": []},
        {
            "type": "message",
            "role": "assistant",
            "content": [{"type": "output_text", "text": "Well", "annotations": []}],
        },
        {**call, "call_id": "1"},
        {**call, "call_id": "2"},
        {"type": "function_call_output", "call_id": "1", "output": "one"},
        {"type": "function_call_output", "call_id": "2", "output": [{"type": "input_text", "text": "two"}]},
    ) == (
        Message(Role.SYSTEM, "Be kind."),
        Message(Role.ASSISTANT, "Well", tool_calls=(ToolCall("1", "f", "{}"), ToolCall("2", "f", "{}"))),
        Message(Role.TOOL, "one", tool_call_id="1"),
        Message(Role.TOOL, "two", tool_call_id="2"),
    )


def test_a_picture_makes_parts() -> None:
    picture = {"type": "input_image", "image_url": "data:image/png;base64,AA==", "detail": "low"}
    (message,) = messages({"role": "user", "content": [{"type": "input_text", "text": "This?"}, picture]})
    assert message.content == (TextPart("This?"), ImagePart("data:image/png;base64,AA==", "low"))


def test_options_become_the_question() -> None:
    asked = body(
        tools=[{"type": "function", "name": "f", "parameters": {"type": "object"}, "strict": True}],
        tool_choice={"type": "function", "name": "f"},
        text={"format": {"type": "json_object"}},
        reasoning={"effort": "low", "summary": "auto"},
        service_tier="priority",
        temperature=0.5,
        max_output_tokens=9,
    ).request("account")
    assert (asked.tool_choice, asked.guide, asked.effort) == (NamedTool("f"), AnyJson(), Effort.LOW)
    assert (asked.priority, asked.account_id) == (Priority.LIVE, "account")
    assert (asked.sampling.temperature, asked.sampling.max_tokens) == (0.5, 9)
    assert body(tool_choice="required").request("a").tool_choice is ToolMode.REQUIRED


SCHEMA = {
    "type": "object",
    "properties": {"a": {"type": "string"}},
    "required": ["a"],
    "additionalProperties": False,
}


def formatted(schema: Any, *, strict: bool) -> ResponseBody:
    return body(text={"format": {"type": "json_schema", "name": "x", "schema": schema, "strict": strict}})


def test_strict_mode_takes_strict_schemas_only() -> None:
    guide = formatted(SCHEMA, strict=True).request("a").guide
    assert isinstance(guide, JsonSchema)
    assert json.loads(guide.schema) == SCHEMA
    loose = {"type": "object", "properties": {"a": {"type": "string"}}}
    assert formatted(loose, strict=False).request("a").guide is not None
    with pytest.raises(BadGuide, match="additionalProperties at #"):
        formatted(loose, strict=True).request("a")


@pytest.mark.parametrize(
    "fields",
    [
        {"input": []},
        {"input": [{"type": "item_reference", "id": "x"}]},
        {"input": [{"role": "tool", "content": "x"}]},
        {
            "input": [
                {"role": "user", "content": [{"type": "input_image", "image_url": "file:///etc/passwd"}]}
            ]
        },
        {"tools": [{"type": "web_search"}]},
        {"previous_response_id": "resp_1"},
        {"background": True},
        {"truncation": "auto"},
        {"include": ["reasoning.encrypted_content"]},
        {"max_output_tokens": 0},
    ],
)
def test_what_is_not_served_is_refused(fields: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        body(**fields)


def chat(**fields: Any) -> ChatBody:
    return ChatBody.model_validate({"messages": [{"role": "user", "content": "Hi"}], **fields})


@pytest.mark.parametrize("asking", [body, chat])
@pytest.mark.parametrize(
    ("fields", "pointer"),
    [
        ({"mode": "preferred"}, "/mode"),
        ({"mode": "strict"}, "/mode"),
        ({"mode": "strict", "region": "EU"}, "/region"),
        ({"mode": "preferred", "region": "EU"}, None),
    ],
)
def test_a_mode_needs_a_region_that_there_is(
    asking: Callable[..., ChatBody | ResponseBody], fields: dict[str, Any], pointer: str | None
) -> None:
    asked = asking(**fields)
    if pointer is None:
        assert asked.request("a").account_id == "a"
        return
    with pytest.raises(ApiError) as refused:
        asked.request("a")
    assert [problem.pointer for problem in refused.value.problems] == [pointer]


def events(*pieces: Delta | Usage) -> list[dict[str, Any]]:
    writer = Writer(body(), "model", Ids.seeded(1), 5)
    stream = writer.begin() + b"".join(map(writer.feed, pieces)) + writer.end()
    return [json.loads(event.partition("data: ")[2]) for event in stream.decode().strip().split("\n\n")]


def test_each_item_ends_before_the_next_begins() -> None:
    told = events(
        Delta(reasoning="Hm"),
        Delta(text="Well"),
        Delta(text="."),
        Delta(tool_calls=(ToolFragment(0, "c", "f", "{}"), ToolFragment(1, "d", "g", "{}"))),
        Delta(finish=Finish.TOOL_CALLS),
        Usage(3, 4),
    )
    open_items: list[str] = []
    for event in told:
        if event["type"] == "response.output_item.added":
            assert open_items == []
            open_items.append(event["item"]["id"])
        elif "item_id" in event:
            assert open_items == [event["item_id"]]
        elif event["type"] == "response.output_item.done":
            assert open_items.pop() == event["item"]["id"]
    assert [event["sequence_number"] for event in told] == list(range(len(told)))
    final = told[-1]["response"]
    assert [item["type"] for item in final["output"]] == [
        "reasoning",
        "message",
        "function_call",
        "function_call",
    ]
    assert final["output"][1]["content"][0]["text"] == "Well."
    assert [(item["call_id"], item["name"], item["arguments"]) for item in final["output"][2:]] == [
        ("c", "f", "{}"),
        ("d", "g", "{}"),
    ]
    assert final["usage"]["total_tokens"] == 7
    assert {item["status"] for item in final["output"]} == {"completed"}


@pytest.mark.parametrize(
    ("finish", "reason"), [(Finish.LENGTH, "max_output_tokens"), (Finish.CONTENT_FILTER, "content_filter")]
)
def test_what_was_cut_short_says_why(finish: Finish, reason: str) -> None:
    last = events(Delta(text="Once"), Delta(finish=finish), Usage(1, 1))[-1]
    assert last["type"] == "response.incomplete"
    assert last["response"]["incomplete_details"] == {"reason": reason}
    assert last["response"]["output"][0]["status"] == "incomplete"
