"""The openai SDK, the telnyx SDK and LangChain, unmodified, against a server whose engines are scripted."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import httpx
import openai
import pytest
import pytest_asyncio
import telnyx
from langchain_core.messages import HumanMessage, ToolMessage
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI
from pydantic import BaseModel, Field

from ringline.testing import Server
from tests.inference.engine import Exchange, Script, ScriptedEngine, saying, scripted_engine

pytestmark = [pytest.mark.system, pytest.mark.asyncio(loop_scope="session")]

ENGINES = """
[[engine]]
name = "knowing"
urls = ["{url}"]
models = ["test/native"]
dialect = "openai"

[[engine]]
name = "plain"
urls = ["{url}"]
models = ["test/plain"]
dialect = "llama.cpp"

[[engine]]
name = "vllm"
urls = ["{url}"]
models = ["test/vllm"]
dialect = "vllm"

[[engine]]
name = "older"
urls = ["{url}"]
models = ["test/older"]
dialect = "vllm-guided"
"""

NATIVE, PLAIN, VLLM, OLDER = "test/native", "test/plain", "test/vllm", "test/older"


class Weather(BaseModel):
    """A report."""

    city: str = Field(max_length=30)
    celsius: int = Field(ge=-90, le=60)
    sky: Literal["clear", "cloudy"]


REPORT = '{"city":"Oslo","celsius":-4,"sky":"clear"}'
WEATHER_TOOL: Any = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "Weather of a city",
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string"}},
            "required": ["city"],
            "additionalProperties": False,
        },
    },
}
FLAT_TOOL: Any = {"type": "function", "strict": True, **WEATHER_TOOL["function"]}


def calling(*calls: tuple[str, str], finish: str = "tool_calls") -> Script:
    """An engine that tells calls as OpenAI does: name first, arguments in two pieces."""

    async def script(exchange: Exchange) -> None:
        await exchange.head()
        for index, (name, arguments) in enumerate(calls):
            half = len(arguments) // 2
            first = {"index": index, "id": f"call_{index}", "type": "function"}
            pieces = (
                {**first, "function": {"name": name, "arguments": arguments[:half]}},
                {"index": index, "function": {"arguments": arguments[half:]}},
            )
            for piece in pieces:
                await exchange.event({"choices": [{"index": 0, "delta": {"tool_calls": [piece]}}]})
        await exchange.event({"choices": [{"index": 0, "delta": {}, "finish_reason": finish}]})
        await exchange.event({"choices": [], "usage": {"prompt_tokens": 9, "completion_tokens": 5}})
        await exchange.event("[DONE]")

    return script


def cut_short(text: str) -> Script:
    """An engine that ran out of tokens."""

    async def script(exchange: Exchange) -> None:
        await exchange.head()
        await exchange.text(text)
        await exchange.text(None, "length")
        await exchange.event("[DONE]")

    return script


@dataclass
class House:
    """A server and its engine."""

    engine: ScriptedEngine
    server: Server
    client: openai.AsyncOpenAI
    telnyx: telnyx.AsyncTelnyx
    http: httpx.AsyncClient

    def says(self, *scripts: Script) -> None:
        """What the engine answers next."""
        self.engine.asked.clear()
        self.engine.scripts.clear()
        self.engine.scripts.extend(scripts)

    @property
    def asked(self) -> dict[str, Any]:
        """The last thing that the engine was asked."""
        return self.engine.asked[-1]

    def langchain(self, model: str) -> ChatOpenAI:
        """LangChain's client."""
        base: Any = {"base_url": f"{self.server.url}/ai/openai", "api_key": self.server.api_key}
        return ChatOpenAI(model=model, http_async_client=self.http, **base)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def house(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[House]:
    """One server for this module."""
    folder: Path = tmp_path_factory.mktemp("flows")
    async with scripted_engine() as engine:
        engine.models = (NATIVE, PLAIN, VLLM, OLDER)
        file = folder / "engines.toml"
        file.write_text(ENGINES.format(url=engine.url))
        async with Server(folder, settings={"inference.engines": file}) as server:
            base = f"{server.url}/ai/openai"
            async with (
                openai.AsyncOpenAI(base_url=base, api_key=server.api_key, max_retries=0) as client,
                telnyx.AsyncTelnyx(base_url=server.url, api_key=server.api_key, max_retries=0) as other,
                httpx.AsyncClient() as http,
            ):
                yield House(engine, server, client, other, http)


def user(text: str) -> Any:
    return [{"role": "user", "content": text}]


# ---------------------------------------------------------------------- chat


@pytest.mark.parametrize("prefix", ["", "/ai", "/ai/openai"])
async def test_chat_on_every_base_url(house: House, prefix: str) -> None:
    house.says(saying("Hello", " there"))
    client = house.client.with_options(base_url=house.server.url + prefix)
    answer = await client.chat.completions.create(model=NATIVE, messages=user("Hi"))
    assert answer.choices[0].message.content == "Hello there"
    assert (answer.model, answer.choices[0].finish_reason) == (NATIVE, "stop")
    assert answer.usage is not None
    assert answer.usage.total_tokens == 9


async def test_a_stream_ends_with_its_usage(house: House) -> None:
    house.says(saying("One", " two"))
    stream = await house.client.chat.completions.create(
        model=NATIVE, messages=user("Count"), stream=True, stream_options={"include_usage": True}
    )
    chunks = [chunk async for chunk in stream]
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices) == "One two"
    assert chunks[-1].usage is not None
    assert {chunk.id for chunk in chunks} == {chunks[0].id}


async def test_models_are_listed_and_found(house: House) -> None:
    listed = [model.id async for model in await house.client.models.list()]
    assert {NATIVE, PLAIN, VLLM} <= set(listed)
    assert (await house.client.models.retrieve(PLAIN)).id == PLAIN
    with pytest.raises(openai.NotFoundError):
        await house.client.models.retrieve("nobody/nothing")


async def test_the_telnyx_sdk_chats(house: House) -> None:
    house.says(saying("Hello"))
    answer: Any = await house.telnyx.ai.openai.chat.create_completion(model=NATIVE, messages=user("Hi"))
    assert answer["choices"][0]["message"]["content"] == "Hello"
    house.says(saying("yes"))
    answer = await house.telnyx.ai.openai.chat.create_completion(
        model=PLAIN, messages=user("Is it?"), extra_body={"guided_choice": ["yes", "no"]}
    )
    assert answer["choices"][0]["message"]["content"] == "yes"
    assert house.asked["grammar"] == 'root ::= "yes" | "no"\n'


# ---------------------------------------------------------------------- structured output


@pytest.mark.parametrize("model", [NATIVE, PLAIN, VLLM])
async def test_parse_gives_the_callers_type(house: House, model: str) -> None:
    house.says(saying(REPORT[:10], REPORT[10:]))
    answer = await house.client.chat.completions.parse(
        model=model, messages=user("Weather in Oslo?"), response_format=Weather
    )
    assert answer.choices[0].message.parsed == Weather(city="Oslo", celsius=-4, sky="clear")
    # An engine with grammars is not trusted with the schema's bounds.
    assert ("grammar" in house.asked) == (model == PLAIN)
    assert ("response_format" in house.asked) == (model != PLAIN)


async def test_a_stream_of_structured_output_parses(house: House) -> None:
    house.says(saying(*REPORT))
    async with house.client.chat.completions.stream(
        model=PLAIN, messages=user("Weather?"), response_format=Weather
    ) as stream:
        events = [event.type async for event in stream]
        final = await stream.get_final_completion()
    assert final.choices[0].message.parsed == Weather(city="Oslo", celsius=-4, sky="clear")
    assert events.count("content.delta") >= len(REPORT)


async def test_an_answer_that_breaks_its_schema_is_an_error(house: House) -> None:
    house.says(saying('{"city":"Oslo","celsius":-400,"sky":"clear"}'))
    with pytest.raises(openai.InternalServerError, match="-400 is less than the minimum"):
        await house.client.chat.completions.parse(
            model=NATIVE, messages=user("Weather?"), response_format=Weather
        )


async def test_a_broken_stream_hands_out_nothing_strict_that_is_wrong(house: House) -> None:
    house.says(saying('{"city":"Oslo"', "}"))
    said: list[str] = []

    async def listen() -> None:
        async for chunk in await house.client.chat.completions.create(
            model=VLLM,
            messages=user("Weather?"),
            stream=True,
            extra_body={"guided_json": Weather.model_json_schema()},
        ):
            said.extend(choice.delta.content or "" for choice in chunk.choices)

    with pytest.raises(openai.APIError, match="required property"):
        await listen()
    assert "".join(said) == ""


async def test_running_out_of_tokens_is_told_as_that(house: House) -> None:
    house.says(cut_short('{"city":"Os'))
    answer = await house.client.chat.completions.create(
        model=PLAIN,
        messages=user("Weather?"),
        max_tokens=5,
        extra_body={"guided_json": Weather.model_json_schema()},
    )
    assert answer.choices[0].finish_reason == "length"
    assert answer.choices[0].message.content == '{"city":"Os'


GUIDED: list[tuple[str, dict[str, Any], str, Callable[[dict[str, Any]], bool]]] = [
    (
        VLLM,
        {"guided_regex": r"\d{4}"},
        "1234",
        lambda asked: asked["structured_outputs"] == {"regex": r"\d{4}"},
    ),
    (VLLM, {"guided_choice": ["a"]}, "a", lambda asked: asked["structured_outputs"] == {"choice": ["a"]}),
    (OLDER, {"guided_regex": r"\d{4}"}, "1234", lambda asked: asked["guided_regex"] == r"\d{4}"),
    (OLDER, {"guided_choice": ["a", "b"]}, "b", lambda asked: asked["guided_choice"] == ["a", "b"]),
    (PLAIN, {"guided_regex": r"\d{4}"}, "1234", lambda asked: asked["grammar"] == "root ::= [0-9]{4}\n"),
    (
        PLAIN,
        {"response_format": {"type": "json_object"}},
        "{}",
        lambda asked: "object-rule" in asked["grammar"],
    ),
]


@pytest.mark.parametrize(("model", "guide", "said", "passed_on"), GUIDED)
async def test_guides_reach_engines_as_they_understand_them(
    house: House, model: str, guide: dict[str, Any], said: str, passed_on: Callable[[dict[str, Any]], bool]
) -> None:
    house.says(saying(said))
    answer = await house.client.chat.completions.create(model=model, messages=user("Go"), extra_body=guide)
    assert answer.choices[0].message.content == said
    assert passed_on(house.asked)


REFUSED: list[tuple[str, dict[str, Any], int, str]] = [
    (NATIVE, {"guided_regex": "a"}, 422, "guided_regex"),
    (NATIVE, {"guided_choice": ["a"]}, 422, "guided_choice"),
    (PLAIN, {"guided_regex": "(?=a)b"}, 400, "guided_regex"),
    (PLAIN, {"guided_regex": r"\bword\b"}, 422, "guided_regex"),
    (PLAIN, {"guided_json": {"not": {"type": "string"}}}, 422, "not at #"),
    (PLAIN, {"guided_json": {"type": "object", "patternProperties": {"^x": {}}}}, 422, "patternProperties"),
    (VLLM, {"guided_json": {"type": "bogus"}}, 400, "JSON Schema"),
    (VLLM, {"guided_json": {"$ref": "http://127.0.0.1/x"}}, 400, "JSON Schema"),
]


@pytest.mark.parametrize(("model", "guide", "status", "named"), REFUSED)
async def test_what_cannot_be_promised_is_refused_by_its_name(
    house: House, model: str, guide: dict[str, Any], status: int, named: str
) -> None:
    house.says(saying("never asked"))
    with pytest.raises(openai.APIStatusError, match=named) as refusal:
        await house.client.chat.completions.create(model=model, messages=user("Go"), extra_body=guide)
    assert refusal.value.status_code == status
    assert house.engine.asked == []


# ---------------------------------------------------------------------- tools


async def loop(house: House, model: str, *scripts: Script) -> tuple[list[str], str | None]:
    """The usual loop of a client: ask, call, tell the results, until there are words."""
    house.says(*scripts)
    messages = user("Weather in Oslo?")
    cities: list[str] = []
    for _ in range(4):
        answer = await house.client.chat.completions.create(
            model=model, messages=messages, tools=[WEATHER_TOOL]
        )
        message = answer.choices[0].message
        if not message.tool_calls:
            return cities, message.content
        assert answer.choices[0].finish_reason == "tool_calls"
        messages.append(message.model_dump(exclude_none=True))
        for call in message.tool_calls:
            assert call.type == "function"
            cities.append(json.loads(call.function.arguments)["city"])
            messages.append({"role": "tool", "tool_call_id": call.id, "content": "-4 and clear"})
    raise AssertionError("the loop did not end")


async def test_a_tools_loop_with_an_engine_that_knows_tools(house: House) -> None:
    calls = calling(("get_weather", '{"city":"Oslo"}'), ("get_weather", '{"city":"Bergen"}'))
    assert await loop(house, NATIVE, calls, saying("Cold.")) == (["Oslo", "Bergen"], "Cold.")
    assert house.asked["tools"][0]["function"]["name"] == "get_weather"
    assert house.asked["messages"][-1]["role"] == "tool"


async def test_a_tools_loop_with_an_engine_that_knows_none(house: House) -> None:
    first, *rest = "CALL ", '{"name": "get_weather", "argu', 'ments": {"city":"Oslo"}}'
    assert await loop(house, PLAIN, saying(first, *rest), saying("Cold.")) == (["Oslo"], "Cold.")
    asked, later = house.engine.asked
    assert "tools" not in asked
    assert "get_weather" in asked["messages"][0]["content"]
    assert '"CALL "' in asked["grammar"]
    assert [message["role"] for message in later["messages"]] == ["user"]
    assert "-4 and clear" in later["messages"][0]["content"]


async def test_calls_are_streamed_whole_and_numbered(house: House) -> None:
    line = '{"name": "get_weather", "arguments": {"city":"%s"}}'
    house.says(saying("CALL", " " + line % "Oslo", "\n" + line % "Bergen"))
    stream = await house.client.chat.completions.create(
        model=PLAIN, messages=user("Both?"), tools=[WEATHER_TOOL], stream=True
    )
    calls = [call async for chunk in stream for call in chunk.choices[0].delta.tool_calls or ()]
    assert [(call.index, call.function and call.function.arguments) for call in calls] == [
        (0, '{"city": "Oslo"}'),
        (1, '{"city": "Bergen"}'),
    ]
    assert all(call.id and call.id.startswith("call_") for call in calls)


@pytest.mark.parametrize(
    ("calls", "named"),
    [
        ((("get_weather", '{"town":"Oslo"}'),), "arguments that its schema forbids"),
        ((("get_wether", '{"city":"Oslo"}'),), "was not offered"),
        ((("get_weather", '{"city":'),), "no JSON"),
    ],
)
async def test_wrong_calls_of_an_engine_are_not_handed_on(
    house: House, calls: tuple[tuple[str, str], ...], named: str
) -> None:
    house.says(calling(*calls))
    with pytest.raises(openai.InternalServerError, match=named):
        await house.client.chat.completions.create(model=NATIVE, messages=user("?"), tools=[WEATHER_TOOL])


@pytest.mark.parametrize("choice", ["required", {"type": "function", "function": {"name": "get_weather"}}])
async def test_a_forced_call_needs_no_prefix(house: House, choice: Any) -> None:
    house.says(saying('{"name": "get_weather", "arguments": {"city": "Oslo"}}'))
    answer = await house.client.chat.completions.create(
        model=PLAIN, messages=user("?"), tools=[WEATHER_TOOL], tool_choice=choice, parallel_tool_calls=False
    )
    assert answer.choices[0].message.tool_calls is not None
    assert '"CALL "' not in house.asked["grammar"]
    assert "{0,7}" not in house.asked["grammar"]


async def test_no_tools_when_none_are_wanted(house: House) -> None:
    house.says(saying("Words."))
    answer = await house.client.chat.completions.create(
        model=PLAIN, messages=user("?"), tools=[WEATHER_TOOL], tool_choice="none"
    )
    assert answer.choices[0].message.content == "Words."
    assert "grammar" not in house.asked


async def test_a_tool_that_is_not_there_cannot_be_chosen(house: House) -> None:
    with pytest.raises(openai.BadRequestError, match="no tool is called 'other'"):
        await house.client.chat.completions.create(
            model=PLAIN,
            messages=user("?"),
            tools=[WEATHER_TOOL],
            tool_choice={"type": "function", "function": {"name": "other"}},
        )


# ---------------------------------------------------------------------- responses


async def test_a_response_of_words(house: House) -> None:
    house.says(saying("Hello", " there"))
    response = await house.client.responses.create(
        model=NATIVE, instructions="Be short.", input="Hi", max_output_tokens=50
    )
    assert (response.output_text, response.status, response.model) == ("Hello there", "completed", NATIVE)
    assert response.usage is not None
    assert (response.usage.input_tokens, response.usage.output_tokens) == (7, 2)
    assert [message["role"] for message in house.asked["messages"]] == ["system", "user"]
    assert house.asked["max_tokens"] == 50


WORDS = [
    "response.created",
    "response.in_progress",
    "response.output_item.added",
    "response.content_part.added",
    "response.output_text.delta",
    "response.output_text.delta",
    "response.output_text.done",
    "response.content_part.done",
    "response.output_item.done",
    "response.completed",
]


async def test_the_events_of_a_response_come_in_openais_order(house: House) -> None:
    house.says(saying("Hello", " there"))
    stream = await house.client.responses.create(model=NATIVE, input="Hi", stream=True)
    events: list[Any] = [event async for event in stream]
    assert [event.type for event in events] == WORDS
    assert [event.sequence_number for event in events] == list(range(len(WORDS)))
    assert events[-1].response.output[0].content[0].text == "Hello there"


async def test_the_streaming_helper_parses(house: House) -> None:
    house.says(saying(REPORT[:7], REPORT[7:]))
    async with house.client.responses.stream(model=PLAIN, input="Weather?", text_format=Weather) as stream:
        async for _ in stream:
            pass
        final = await stream.get_final_response()
    assert final.output_parsed == Weather(city="Oslo", celsius=-4, sky="clear")
    house.says(saying(REPORT))
    parsed = await house.client.responses.parse(model=NATIVE, input="Weather?", text_format=Weather)
    assert parsed.output_parsed == Weather(city="Oslo", celsius=-4, sky="clear")


async def test_a_tools_loop_of_responses(house: House) -> None:
    house.says(calling(("get_weather", '{"city":"Oslo"}')), saying("Cold."))
    items: list[Any] = user("Weather in Oslo?")
    first = await house.client.responses.create(model=NATIVE, input=items, tools=[FLAT_TOOL])
    (call,) = first.output
    assert call.type == "function_call"
    assert (call.name, json.loads(call.arguments)) == ("get_weather", {"city": "Oslo"})
    items += [item.model_dump(exclude_none=True) for item in first.output]
    items.append({"type": "function_call_output", "call_id": call.call_id, "output": "-4"})
    second = await house.client.responses.create(model=NATIVE, input=items, tools=[FLAT_TOOL])
    assert second.output_text == "Cold."
    assert [message["role"] for message in house.asked["messages"]] == ["user", "assistant", "tool"]
    assert house.asked["messages"][1]["tool_calls"][0]["id"] == house.asked["messages"][2]["tool_call_id"]


async def test_calls_are_events_too(house: House) -> None:
    house.says(calling(("get_weather", '{"city":"Oslo"}')))
    stream = await house.client.responses.create(model=NATIVE, input="?", tools=[FLAT_TOOL], stream=True)
    kinds = [event.type async for event in stream]
    assert kinds[2:-1] == [
        "response.output_item.added",
        "response.function_call_arguments.delta",
        "response.function_call_arguments.done",
        "response.output_item.done",
    ]


async def test_a_response_that_is_cut_short_says_so(house: House) -> None:
    house.says(cut_short("Once upon"), cut_short("Once upon"))
    response = await house.client.responses.create(model=NATIVE, input="Tell", max_output_tokens=2)
    assert response.status == "incomplete"
    assert response.incomplete_details is not None
    assert response.incomplete_details.reason == "max_output_tokens"
    stream = await house.client.responses.create(model=NATIVE, input="Tell", stream=True)
    assert [event.type async for event in stream][-1] == "response.incomplete"


async def test_a_response_that_breaks_off_fails(house: House) -> None:
    async def breaking(exchange: Exchange) -> None:
        await exchange.head()
        await exchange.text("Once")
        exchange.writer.transport.abort()

    house.says(breaking)
    stream = await house.client.responses.create(model=NATIVE, input="Tell", stream=True)
    events: list[Any] = [event async for event in stream]
    assert events[-1].type == "response.failed"
    assert events[-1].response.error.code == "server_error"


NOT_SERVED: list[tuple[dict[str, Any], str]] = [
    ({"previous_response_id": "resp_1"}, "previous_response_id"),
    ({"tools": [{"type": "web_search"}]}, "web_search"),
    ({"background": True}, "background"),
    (
        {
            "text": {
                "format": {"type": "json_schema", "name": "x", "strict": True, "schema": {"type": "object"}}
            }
        },
        "strict",
    ),
]


@pytest.mark.parametrize(("fields", "named"), NOT_SERVED)
async def test_what_responses_do_not_serve_is_refused_by_name(
    house: House, fields: dict[str, Any], named: str
) -> None:
    with pytest.raises(openai.APIStatusError, match=named) as refusal:
        await house.client.responses.create(model=NATIVE, input="Hi", **fields)
    assert refusal.value.status_code in {400, 422}


async def test_a_response_is_kept_by_its_conversation(house: House) -> None:
    house.says(saying("Hello."))
    conversation: Any = await house.telnyx.ai.conversations.create(name="kept")
    await house.client.responses.create(model=NATIVE, input="Hi", conversation=conversation.id)
    kept: Any = await house.telnyx.ai.conversations.messages.list(conversation.id)
    assert sorted((message.role, message.text) for message in kept.data) == [
        ("assistant", "Hello."),
        ("user", "Hi"),
    ]


# ---------------------------------------------------------------------- LangChain


@tool
def get_weather(city: str) -> str:
    """Weather of a city."""
    return f"{city}: -4 and clear"


async def test_langchain_chats_streams_and_calls_tools(house: House) -> None:
    house.says(saying("Hello", " there"), saying("Hello", " there"))
    chat = house.langchain(NATIVE)
    assert (await chat.ainvoke("Hi")).content == "Hello there"
    assert [chunk.content async for chunk in chat.astream("Hi") if chunk.content] == ["Hello", " there"]

    house.says(saying('CALL {"name": "get_weather", "arguments": {"city": "Oslo"}}'), saying("Cold."))
    bound = house.langchain(PLAIN).bind_tools([get_weather])
    asked = HumanMessage("Weather in Oslo?")
    called = await bound.ainvoke([asked])
    (call,) = called.tool_calls
    result = await asyncio.to_thread(get_weather.invoke, call)
    assert isinstance(result, ToolMessage)
    assert (await bound.ainvoke([asked, called, result])).content == "Cold."


async def test_langchain_gives_structured_output(house: House) -> None:
    house.says(saying(REPORT))
    chat = house.langchain(PLAIN).with_structured_output(Weather)
    assert await chat.ainvoke("Weather?") == Weather(city="Oslo", celsius=-4, sky="clear")
