"""The scripted engine speaks the protocol as the stock SDK reads it, and obeys what it must."""

import json
import math
from collections.abc import AsyncIterator
from typing import Any

import openai
import pytest
import pytest_asyncio

from ringline.testing.engine import DIMENSIONS, Engine, Reply, smallest, vector_of

pytestmark = pytest.mark.unit
ASK: dict[str, Any] = {"model": "scripted", "messages": [{"role": "user", "content": "hello there"}]}


@pytest_asyncio.fixture
async def engine() -> AsyncIterator[Engine]:
    async with Engine() as running:
        yield running


@pytest_asyncio.fixture
async def sdk(engine: Engine) -> AsyncIterator[openai.AsyncOpenAI]:
    async with openai.AsyncOpenAI(api_key="x", base_url=engine.url, max_retries=0) as client:
        yield client


async def test_it_repeats_what_was_said_word_by_word(engine: Engine, sdk: openai.AsyncOpenAI) -> None:
    chunks = [chunk async for chunk in await sdk.chat.completions.create(**ASK, stream=True)]
    words = [chunk.choices[0].delta.content for chunk in chunks if chunk.choices]
    assert words == ["You", " said:", " hello", " there", None]
    assert chunks[-1].usage is not None
    assert chunks[-1].usage.completion_tokens == 4
    assert engine.asked[0]["messages"] == ASK["messages"]


async def test_a_script_says_anything_and_calls_tools(engine: Engine, sdk: openai.AsyncOpenAI) -> None:
    engine.script = lambda body: Reply(calls=(("look", '{"at":"sky"}'), ("wait", "{}")))
    chunks = [chunk async for chunk in await sdk.chat.completions.create(**ASK, stream=True)]
    calls = chunks[0].choices[0].delta.tool_calls or []
    assert [(one.index, one.function and one.function.name) for one in calls] == [(0, "look"), (1, "wait")]
    assert chunks[1].choices[0].finish_reason == "tool_calls"


async def test_what_a_tool_demands_is_obeyed(sdk: openai.AsyncOpenAI) -> None:
    schema = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}
    tools: Any = [{"type": "function", "function": {"name": "count", "parameters": schema}}]
    stream = await sdk.chat.completions.create(**ASK, stream=True, tools=tools, tool_choice="required")
    chunks = [chunk async for chunk in stream]
    first = chunks[0].choices[0].delta.tool_calls
    assert first is not None
    assert first[0].function is not None
    assert json.loads(first[0].function.arguments or "") == {"n": 0}


async def test_vectors_come_in_either_form_and_are_of_length_one(sdk: openai.AsyncOpenAI) -> None:
    text: dict[str, Any] = {"model": "arithmetic", "input": ["red apple", "red pear"]}
    floats = await sdk.embeddings.create(**text, encoding_format="float")
    decoded = await sdk.embeddings.create(**text)
    for one, other in zip(floats.data, decoded.data, strict=True):
        assert one.embedding == pytest.approx(other.embedding, abs=1e-6)
        assert math.hypot(*one.embedding) == pytest.approx(1)
        assert len(one.embedding) == DIMENSIONS


def test_texts_that_share_words_are_near() -> None:
    def likeness(one: str, other: str) -> float:
        return sum(a * b for a, b in zip(vector_of(one), vector_of(other), strict=True))

    assert likeness("the red apple pie", "the red apple") > likeness("the red apple pie", "no")


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        ({"const": 3}, 3),
        ({"enum": ["b", "a"]}, "b"),
        ({"anyOf": [{"type": "string"}, {"type": "null"}]}, ""),
        ({"type": "array", "items": {"type": "boolean"}, "minItems": 2}, [False, False]),
        ({"properties": {"a": {"type": "number"}, "b": {"type": "string"}}, "required": ["a"]}, {"a": 0}),
        ({"type": "null"}, None),
        (True, {}),
    ],
)
def test_the_smallest_value_of_a_schema(schema: dict[str, Any] | bool, value: object) -> None:
    assert smallest(schema) == value
