"""Chat over the API, answered by a scripted engine."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import openai
import pytest

from ringline.core.clock import SystemClock
from ringline.core.settings import load
from ringline.node.inference import make_client, make_inference
from ringline.node.reports import Meter
from ringline.node.web import WebServer
from ringline.store import conversations
from ringline.store.conversations import Conversation
from ringline.store.usage_tables import usage_records
from tests.api.conftest import client_of
from tests.api.house import KEY, House
from tests.inference.engine import Exchange, ScriptedEngine, refusing, saying, scripted_engine

pytestmark = pytest.mark.unit

BASES = ("", "/ai", "/ai/openai")
HI = [{"role": "user", "content": "Hi"}]
CONVERSATION = "11111111-2222-4333-8444-555555555555"
ASKED: dict[str, Any] = {"messages": HI}
SCHEMA = {
    "type": "object",
    "properties": {"a": {"type": "integer"}},
    "required": ["a"],
    "additionalProperties": False,
}
STRICT = {"name": "n", "schema": SCHEMA, "strict": True}


@pytest.fixture
async def engine(house: House) -> AsyncIterator[ScriptedEngine]:
    """An engine, and the house's inference on it."""
    async with scripted_engine() as made, make_client() as client:
        settings = load(
            None,
            {},
            {
                "data": house.folder,
                "inference.upstream": made.url,
                "inference.upstream_dialect": "vllm",
                "inference.in_flight": 1,
                "inference.waiting": 1,
            },
        )
        house.inference = make_inference(
            settings, SystemClock(), house.ids, client, Meter(house.usage, house.clock)
        )
        house.inference.start()
        yield made
        await house.inference.stop()


@pytest.fixture
async def chat(house: House, engine: ScriptedEngine) -> AsyncIterator[httpx.AsyncClient]:
    """A client of a house that has an engine."""
    async with client_of(house, KEY) as client:
        yield client


@pytest.fixture
async def served(house: House, engine: ScriptedEngine) -> AsyncIterator[str]:
    """The same over real HTTP."""
    web = WebServer(house.app(), "127.0.0.1", 0)
    await web.start()
    yield f"{web.url}/v2"
    await web.stop()


def events(text: str) -> list[Any]:
    told = text.removesuffix("\n\n").split("\n\n")
    assert all(event.startswith("data: ") for event in told)
    return [event[6:] if event == "data: [DONE]" else json.loads(event[6:]) for event in told]


# ---------------------------------------------------------------------- answers


@pytest.mark.parametrize("base", BASES)
async def test_every_alias_answers(chat: httpx.AsyncClient, base: str) -> None:
    answer = await chat.post(f"{base}/chat/completions", json=ASKED)
    assert answer.status_code == 200
    body = answer.json()
    assert body["id"].startswith("chatcmpl-")
    assert body == {
        "id": body["id"],
        "object": "chat.completion",
        "created": body["created"],
        "model": "scripted",
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": "Hello there", "refusal": None},
                "logprobs": None,
                "finish_reason": "stop",
            }
        ],
        "usage": {"prompt_tokens": 7, "completion_tokens": 2, "total_tokens": 9},
    }


async def test_a_stream_is_what_openai_writes(chat: httpx.AsyncClient) -> None:
    answer = await chat.post("/chat/completions", json=ASKED | {"stream": True})
    assert answer.headers["content-type"].startswith("text/event-stream")
    *chunks, done = events(answer.text)
    assert done == "[DONE]"
    assert [chunk["choices"][0]["delta"] for chunk in chunks] == [
        {"role": "assistant", "content": ""},
        {"content": "Hello"},
        {"content": " there"},
        {},
    ]
    assert [chunk["choices"][0]["finish_reason"] for chunk in chunks] == [None, None, None, "stop"]
    assert len({(chunk["id"], chunk["created"], chunk["model"], chunk["object"]) for chunk in chunks}) == 1
    assert all("usage" not in chunk for chunk in chunks)


async def test_a_stream_with_usage(chat: httpx.AsyncClient) -> None:
    asked = ASKED | {"stream": True, "stream_options": {"include_usage": True}}
    *chunks, last, done = events((await chat.post("/chat/completions", json=asked)).text)
    assert done == "[DONE]"
    assert all(chunk["usage"] is None and chunk["choices"] for chunk in chunks)
    assert last["choices"] == []
    assert last["usage"] == {"prompt_tokens": 7, "completion_tokens": 2, "total_tokens": 9}


async def test_usage_is_noted(chat: httpx.AsyncClient, house: House) -> None:
    await chat.post("/chat/completions", json=ASKED)
    await house.usage.flush()
    rows = await house.store.read(lambda conn: conn.execute(usage_records.select()).all())
    assert [(row.kind, row.account_id, row.prompt_tokens) for row in rows] == [("chat", house.account_id, 7)]


# ---------------------------------------------------------------------- what reaches the engine


async def test_every_field_reaches_the_engine(chat: httpx.AsyncClient, engine: ScriptedEngine) -> None:
    asked = {
        "model": "scripted",
        "messages": [{"role": "developer", "content": [{"type": "text", "text": "Be short."}]}, *HI],
        "temperature": 1,
        "top_p": 0.5,
        "min_p": 0.1,
        "max_completion_tokens": 9,
        "stop": "x",
        "seed": 3,
        "frequency_penalty": 0.5,
        "presence_penalty": -0.5,
        "logprobs": True,
        "top_logprobs": 2,
        "n": 2,
        "enable_thinking": False,
        "reasoning_effort": "low",
        "user": "ignored",
        "metadata": {"a": "b"},
        "unheard_of": 1,
    }
    assert (await chat.post("/ai/chat/completions", json=asked)).status_code == 200
    told = engine.asked[0]
    assert told.pop("messages") == [{"role": "system", "content": "Be short."}, *HI]
    assert told == {
        "model": "scripted",
        "stream": True,
        "stream_options": {"include_usage": True},
        "temperature": 1.0,
        "top_p": 0.5,
        "min_p": 0.1,
        "max_tokens": 9,
        "stop": ["x"],
        "seed": 3,
        "frequency_penalty": 0.5,
        "presence_penalty": -0.5,
        "logprobs": True,
        "top_logprobs": 2,
        "n": 2,
        "chat_template_kwargs": {"enable_thinking": False},
        "reasoning_effort": "low",
    }


async def test_of_the_beams_the_best_are_answered(chat: httpx.AsyncClient, engine: ScriptedEngine) -> None:
    async def beams(exchange: Exchange) -> None:
        texts = ("best", "good", "worst")[: exchange.body["n"]]
        await exchange.head()
        for index, text in enumerate(texts):
            delta = {"index": index, "delta": {"content": text}, "finish_reason": "stop"}
            await exchange.event({"choices": [delta]})
        await exchange.event({"choices": [], "usage": {"prompt_tokens": 7, "completion_tokens": len(texts)}})
        await exchange.event("[DONE]")

    engine.scripts.append(beams)
    asked = ASKED | {"use_beam_search": True, "best_of": 3, "n": 2, "length_penalty": 1.5}
    answer = (await chat.post("/chat/completions", json=asked)).json()
    assert [one["message"]["content"] for one in answer["choices"]] == ["best", "good"]
    assert answer["usage"]["completion_tokens"] == 3
    assert engine.asked[0]["length_penalty"] == 1.5


async def test_the_temperature_is_telnyx_own_by_default(
    chat: httpx.AsyncClient, engine: ScriptedEngine
) -> None:
    await chat.post("/chat/completions", json=ASKED | {"model": "meta-llama/Meta-Llama-3.1-8B-Instruct"})
    assert engine.asked[0]["temperature"] == 0.1
    assert engine.asked[0]["model"] == "scripted"


@pytest.mark.parametrize(
    ("guide", "answer"),
    [
        ({"guided_choice": ["yes", "no"]}, "yes"),
        ({"guided_regex": "[0-9]+"}, "42"),
        ({"guided_json": {"type": "object"}}, "{}"),
        ({"guided_json": '{"type":"object"}'}, "{}"),
        ({"response_format": {"type": "json_object"}}, '{"a": 1}'),
        ({"response_format": {"type": "text"}}, "anything"),
        (
            {
                "response_format": {
                    "type": "json_schema",
                    "json_schema": {"name": "n", "schema": {"type": "integer"}},
                }
            },
            "5",
        ),
        ({"response_format": {"type": "json_schema", "json_schema": STRICT}}, '{"a":1}'),
        ({"response_format": {"type": "json_schema", "json_schema": {"name": "n", "strict": True}}}, "[5]"),
    ],
)
async def test_guides_are_asked_for_and_kept(
    chat: httpx.AsyncClient, engine: ScriptedEngine, guide: dict[str, Any], answer: str
) -> None:
    engine.scripts.append(saying(*answer))
    said = await chat.post("/chat/completions", json=ASKED | guide)
    assert said.json()["choices"][0]["message"]["content"] == answer


# ---------------------------------------------------------------------- refusals


def check_union(answer: httpx.Response, status: int, param: str | None) -> dict[str, Any]:
    """All three envelopes, saying the same."""
    body: dict[str, Any] = answer.json()
    assert answer.status_code == status, body
    first = body["errors"][0]
    assert {"code", "title", "detail"} <= first.keys()
    assert body["detail"][0]["msg"] == first["detail"]
    assert first["detail"] in body["error"]["message"]
    assert body["error"]["param"] == param
    return body


CALL = {"id": "a", "function": {"name": "f"}}
WRONG: list[tuple[dict[str, Any], int, str | None]] = [
    ({"messages": []}, 422, "messages"),
    ({"messages": [{"role": "user"}]}, 422, "messages.0"),
    ({"messages": [{"role": "bard", "content": "x"}]}, 422, "messages.0.role"),
    ({"messages": [{"role": "user", "content": [{"type": "hologram"}]}]}, 422, "messages.0.content.0"),
    ({"messages": [{"role": "user", "content": "x", "tool_calls": [CALL]}]}, 422, "messages.0"),
    ({"temperature": 3}, 422, "temperature"),
    ({"top_p": 0}, 422, "top_p"),
    ({"min_p": 1.5}, 422, "min_p"),
    ({"max_tokens": 0}, 422, "max_tokens"),
    ({"n": 0}, 422, "n"),
    ({"stop": ["a"] * 5}, 422, "stop"),
    ({"seed": "x"}, 422, "seed"),
    ({"frequency_penalty": 9}, 422, "frequency_penalty"),
    ({"top_logprobs": 3}, 422, "top_logprobs"),
    ({"logprobs": True, "top_logprobs": 21}, 422, "top_logprobs"),
    ({"response_format": {"type": "yaml"}}, 422, "response_format"),
    ({"response_format": {"type": "json_object"}, "guided_regex": "a"}, 400, "guided_regex"),
    ({"guided_regex": "("}, 400, "guided_regex"),
    ({"guided_choice": []}, 422, "guided_choice"),
    ({"guided_choice": ["banana"], "stop": ["a"]}, 400, "stop"),
    ({"guided_json": "{"}, 422, "guided_json"),
    ({"tools": [{"type": "function"}]}, 422, "tools.0.function.function"),
    ({"tool_choice": "required"}, 400, "tool_choice"),
    ({"tool_choice": "sometimes"}, 422, "tool_choice"),
    ({"early_stopping": True}, 422, "early_stopping"),
    ({"length_penalty": 2}, 422, "length_penalty"),
    ({"best_of": 2}, 422, "best_of"),
    ({"n": 2, "best_of": 1}, 422, "best_of"),
    ({"use_beam_search": True, "early_stopping": True}, 422, "early_stopping"),
    ({"use_beam_search": True, "top_p": 0.5}, 422, "top_p"),
    ({"reasoning_effort": "extreme"}, 422, "reasoning_effort"),
    ({"mode": "strict"}, 422, "mode"),
    ({"region": "EU", "mode": "strict"}, 422, "region"),
    ({"region": "MOON"}, 422, "region"),
    ({"service_tier": "gold"}, 422, "service_tier"),
    ({"api_key_ref": "mine"}, 422, "api_key_ref"),
    ({"functions": [{"name": "f"}]}, 422, "functions"),
    ({"logit_bias": {"5": 1}}, 422, "logit_bias"),
    ({"model": "nobody/knows"}, 404, "model"),
    ({"conversation": "not there"}, 404, None),
]


async def test_what_is_wrong_is_named(chat: httpx.AsyncClient, engine: ScriptedEngine) -> None:
    for change, status, param in WRONG:
        check_union(await chat.post("/ai/chat/completions", json=ASKED | change), status, param)
    assert engine.asked == []


@pytest.mark.parametrize(
    ("schema", "told"),
    [
        ({**SCHEMA, "additionalProperties": True}, "additionalProperties at # is required to be false"),
        ({**SCHEMA, "required": []}, "'a' is missing"),
        ({"type": "integer"}, "the root must have type"),
    ],
)
@pytest.mark.parametrize("base", BASES)
async def test_chat_and_responses_take_the_same_strict_schemas(
    chat: httpx.AsyncClient, engine: ScriptedEngine, base: str, schema: dict[str, Any], told: str
) -> None:
    named = {"name": "n", "schema": schema, "strict": True}
    by_chat = await chat.post(
        f"{base}/chat/completions",
        json=ASKED | {"response_format": {"type": "json_schema", "json_schema": named}},
    )
    by_responses = await chat.post(
        f"{base}/responses", json={"input": "Hi", "text": {"format": {"type": "json_schema", **named}}}
    )
    first = check_union(by_chat, 400, "response_format.json_schema.schema")["error"]
    second = check_union(by_responses, 400, "text.format.schema")["error"]
    assert told in first["message"]
    assert first["message"].removeprefix(first["param"]) == second["message"].removeprefix(second["param"])
    assert (first["type"], first["code"]) == (second["type"], second["code"])
    assert engine.asked == []


@pytest.mark.parametrize("strict", [True, False])
async def test_what_is_no_schema_is_refused_where_it_was_given(
    chat: httpx.AsyncClient, engine: ScriptedEngine, strict: bool
) -> None:
    named = {"name": "n", "schema": {**SCHEMA, "properties": []}, "strict": strict}
    for path, fields, param in (
        (
            "chat/completions",
            {"response_format": {"type": "json_schema", "json_schema": named}},
            "response_format",
        ),
        ("chat/completions", {"guided_json": named["schema"]}, "guided_json"),
        ("responses", {"input": "Hi", "text": {"format": {"type": "json_schema", **named}}}, "text.format"),
    ):
        answer = await chat.post(f"/ai/{path}", json=ASKED | fields)
        told = check_union(answer, 400, param)["error"]["message"]
        assert told.startswith(f"{param}: this is no JSON Schema")
    assert engine.asked == []


async def test_unknown_models_have_openais_code(chat: httpx.AsyncClient) -> None:
    body = check_union(await chat.post("/chat/completions", json=ASKED | {"model": "x"}), 404, "model")
    assert body["error"]["code"] == "model_not_found"


@pytest.mark.parametrize(
    "part",
    [
        {"type": "image_url", "image_url": "https://x.example/y.png"},
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA"}},
        {"type": "audio_url", "audio_url": {"url": "https://x.example/y.wav"}},
        {"type": "input_audio", "input_audio": {"data": "AA", "format": "wav"}},
    ],
)
async def test_pictures_and_sounds_are_for_engines_that_can(
    chat: httpx.AsyncClient, engine: ScriptedEngine, part: dict[str, Any]
) -> None:
    asked = {"messages": [{"role": "user", "content": [{"type": "text", "text": "What?"}, part]}]}
    check_union(await chat.post("/chat/completions", json=asked), 422, "messages")
    assert engine.asked == []


async def test_an_engine_is_never_told_to_read_its_own_files(chat: httpx.AsyncClient) -> None:
    part = {"type": "image_url", "image_url": {"url": "file:///etc/passwd"}}
    answer = await chat.post("/chat/completions", json={"messages": [{"role": "user", "content": [part]}]})
    assert answer.status_code == 422
    assert "https://" in answer.json()["errors"][0]["detail"]


async def test_retrieval_is_not_there(chat: httpx.AsyncClient) -> None:
    tool = {"type": "retrieval", "retrieval": {"bucket_ids": ["manuals"]}}
    answer = await chat.post("/chat/completions", json=ASKED | {"tools": [tool]})
    (told,) = check_union(answer, 422, "tools.0.retrieval")["errors"]
    assert (told["code"], told["detail"]) == (
        "10038",
        "Retrieval from buckets is not available on this server.",
    )


async def test_no_key_no_json_no_such_path(chat: httpx.AsyncClient, house: House) -> None:
    async with client_of(house, None) as stranger:
        check_union(await stranger.post("/ai/chat/completions", json=ASKED), 401, None)
    check_union(await chat.post("/ai/chat/completions", content="{"), 400, None)
    check_union(await chat.get("/ai/nothing"), 404, None)
    check_union(await chat.put("/ai/chat/completions", json=ASKED), 405, None)
    assert "error" not in (await chat.get("/nothing")).json()


@pytest.mark.parametrize(
    ("script", "status", "code"),
    [
        (refusing(400, {"error": {"message": "no", "type": "exceed_context_size_error"}}), 400,
         "context_length_exceeded"),
        (refusing(401, {"error": "who?"}), 502, "engine_failed"),
        (refusing(500, {"error": "boom"}), 502, "engine_failed"),
        (refusing(503, {"error": "loading"}), 503, "engine_unavailable"),
        (refusing(429, {"error": "busy"}, "retry-after: 4\r\n"), 429, "rate_limit_exceeded"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("stream", [False, True])
async def test_an_engines_trouble_before_the_first_byte_is_an_http_error(
    chat: httpx.AsyncClient, engine: ScriptedEngine, script: Any, status: int, code: str, stream: bool
) -> None:
    engine.otherwise = script
    answer = await chat.post("/chat/completions", json=ASKED | {"stream": stream})
    assert check_union(answer, status, None)["error"]["code"] == code
    if status == 429:
        assert answer.headers["retry-after"] == "4"
    if status == 503:
        assert int(answer.headers["retry-after"]) >= 1


async def breaking(exchange: Exchange) -> None:
    await exchange.head()
    await exchange.text("Hel")
    await exchange.event({"error": {"message": "out of memory"}})


async def test_a_stream_that_breaks_says_so_and_ends(chat: httpx.AsyncClient, engine: ScriptedEngine) -> None:
    engine.scripts.append(breaking)
    *chunks, last = events((await chat.post("/chat/completions", json=ASKED | {"stream": True})).text)
    assert [chunk["choices"][0]["delta"].get("content") for chunk in chunks] == ["", "Hel"]
    assert "out of memory" in last["error"]["message"]


async def test_the_openai_sdk_raises_it(served: str, engine: ScriptedEngine) -> None:
    engine.scripts.append(breaking)
    async with openai.AsyncOpenAI(base_url=f"{served}/ai/openai", api_key=KEY, max_retries=0) as client:
        stream = await client.chat.completions.create(model="scripted", messages=HI, stream=True)  # type: ignore[call-overload]  # plain dicts
        with pytest.raises(openai.APIError, match="out of memory"):
            [chunk async for chunk in stream]
        with pytest.raises(openai.NotFoundError) as refused:
            await client.chat.completions.create(model="nobody", messages=HI)  # type: ignore[call-overload]  # plain dicts
        assert refused.value.code == "model_not_found"


# ---------------------------------------------------------------------- leaving and waiting


async def endless(exchange: Exchange) -> None:
    await exchange.head()
    while True:
        await exchange.text("bla ")
        await asyncio.sleep(0.005)


async def test_a_client_that_drops_its_stream_stops_the_engine(served: str, engine: ScriptedEngine) -> None:
    engine.otherwise = endless
    headers = {"authorization": f"Bearer {KEY}"}
    async with (
        httpx.AsyncClient(headers=headers) as client,
        client.stream("POST", f"{served}/chat/completions", json=ASKED | {"stream": True}) as answer,
    ):
        assert answer.status_code == 200
        await anext(answer.aiter_bytes())
    async with asyncio.timeout(3):
        await engine.left.wait()


@pytest.mark.parametrize("stream", [False, True])
async def test_a_client_that_leaves_before_the_first_byte_stops_the_engine(
    served: str, engine: ScriptedEngine, stream: bool
) -> None:
    began = asyncio.Event()

    async def silent(exchange: Exchange) -> None:
        began.set()
        await asyncio.Event().wait()

    engine.otherwise = silent
    async with httpx.AsyncClient(headers={"authorization": f"Bearer {KEY}"}) as client:
        asking = asyncio.create_task(
            client.post(f"{served}/chat/completions", json=ASKED | {"stream": stream})
        )
        async with asyncio.timeout(3):
            await began.wait()
        asking.cancel()
        await asyncio.gather(asking, return_exceptions=True)
    async with asyncio.timeout(3):
        await engine.left.wait()


async def test_a_full_queue_is_429_before_any_work(served: str, engine: ScriptedEngine) -> None:
    """One is answered, one may wait; of three more, two are sent away."""
    engine.otherwise = endless
    url, headers = f"{served}/chat/completions", {"authorization": f"Bearer {KEY}"}
    async with httpx.AsyncClient(headers=headers) as client:
        async with client.stream("POST", url, json=ASKED | {"stream": True}) as first:
            await anext(first.aiter_bytes())
            later = {asyncio.create_task(client.post(url, json=ASKED)) for _ in range(3)}
            while len(later) > 1:
                done, later = await asyncio.wait(later, timeout=5, return_when=asyncio.FIRST_COMPLETED)
                assert done
                for refused in done:
                    told = refused.result()
                    assert check_union(told, 429, None)["error"]["type"] == "rate_limit_error"
                    assert int(told.headers["retry-after"]) >= 1
            assert len(engine.asked) == 1
            engine.otherwise = saying("at last")
        (waited,) = later
        assert (await waited).json()["choices"][0]["message"]["content"] == "at last"


# ---------------------------------------------------------------------- conversations


@pytest.mark.parametrize("stream", [False, True])
async def test_a_turn_is_kept(chat: httpx.AsyncClient, house: House, stream: bool) -> None:
    now = house.clock.utc()
    kept = Conversation(id=CONVERSATION, account_id=house.account_id, created_at=now, last_message_at=now)
    await house.store.tx(conversations.create, kept)
    asked = {
        "messages": [
            {"role": "system", "content": "Be short."},
            {"role": "user", "content": "Earlier"},
            {"role": "assistant", "content": "Said"},
            {"role": "user", "content": "Hi"},
        ],
        "conversation": CONVERSATION,
        "stream": stream,
    }
    assert (await chat.post("/ai/openai/chat/completions", json=asked)).status_code == 200
    listed = (await chat.get(f"/ai/conversations/{CONVERSATION}/messages")).json()["data"]
    assert sorted((one["role"], one["text"]) for one in listed) == [
        ("assistant", "Hello there"),
        ("user", "Hi"),
    ]


@pytest.mark.parametrize(
    ("path", "asked"),
    [("/chat/completions", ASKED), ("/responses", {"input": "Hi"})],
    ids=["chat", "responses"],
)
async def test_a_conversation_without_ai_gets_no_answer(
    house: House, chat: httpx.AsyncClient, path: str, asked: dict[str, object]
) -> None:
    now = house.clock.utc()
    quiet = Conversation(
        id="c-quiet",
        account_id=house.account_id,
        created_at=now,
        last_message_at=now,
        metadata={"ai_disabled": "true"},
    )
    await house.store.tx(conversations.create, quiet)
    answer = await chat.post(path, json=asked | {"conversation": "c-quiet"})
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["source"] == {"pointer": "/conversation"}


async def test_another_accounts_conversation_is_not_there(house: House, chat: httpx.AsyncClient) -> None:
    now = house.clock.utc()
    theirs = Conversation(id="c-2", account_id=house.other_account_id, created_at=now, last_message_at=now)
    await house.store.tx(conversations.create, theirs)
    answer = await chat.post("/chat/completions", json=ASKED | {"conversation": {"id": "c-2"}})
    assert answer.status_code == 404


# ---------------------------------------------------------------------- models


@pytest.mark.parametrize("base", BASES)
async def test_models(chat: httpx.AsyncClient, engine: ScriptedEngine, house: House, base: str) -> None:
    await house.inference.find("scripted", "")
    listed = (await chat.get(f"{base}/models")).json()
    assert listed["object"] == "list"
    shown = {one["id"]: one for one in listed["data"]}["scripted"]
    assert shown["object"] == "model"
    assert (shown["owned_by"], shown["task"], shown["tier"]) == ("upstream", "text-generation", "unlisted")
    assert (await chat.get(f"{base}/models/scripted")).json() == shown
    assert (
        check_union(await chat.get(f"{base}/models/org/none"), 404, "model")["error"]["code"]
        == "model_not_found"
    )


async def test_ids_with_slashes(house: House, engine: ScriptedEngine) -> None:
    engine.models = ("org/big-7b",)
    async with client_of(house, KEY) as client:
        assert (await client.get("/ai/models/org/big-7b")).json()["organization"] == "org"
        assert (await client.get("/ai/models/org%2Fbig-7b")).json()["id"] == "org/big-7b"


# ---------------------------------------------------------------------- tools, as the SDK sends them


async def test_a_tools_result_turn_goes_round(served: str, engine: ScriptedEngine) -> None:
    async def calling(exchange: Exchange) -> None:
        function = {"name": "temperature", "arguments": '{"city":"Chicago"}'}
        call = {"index": 0, "id": "call_1", "type": "function", "function": function}
        await exchange.head()
        await exchange.event({"choices": [{"index": 0, "delta": {"tool_calls": [call]}}]})
        await exchange.event({"choices": [{"index": 0, "delta": {}, "finish_reason": "tool_calls"}]})
        await exchange.event("[DONE]")

    engine.scripts.extend([calling, saying("21 degrees.")])
    parameters = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
    tools = [{"type": "function", "function": {"name": "temperature", "parameters": parameters}}]
    async with openai.AsyncOpenAI(base_url=f"{served}/ai/openai", api_key=KEY, max_retries=0) as client:
        create: Any = client.chat.completions.create
        asked = (await create(model="scripted", messages=HI, tools=tools)).choices[0]
        assert asked.finish_reason == "tool_calls"
        (call,) = asked.message.tool_calls
        result = {"role": "tool", "tool_call_id": call.id, "content": "21"}
        told = await create(model="scripted", messages=[*HI, asked.message, result], tools=tools)
    assert told.choices[0].message.content == "21 degrees."
    assert engine.asked[1]["messages"][1:] == [
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [
                {
                    "id": "call_1",
                    "type": "function",
                    "function": {"name": "temperature", "arguments": '{"city":"Chicago"}'},
                }
            ],
        },
        {"role": "tool", "content": "21", "tool_call_id": "call_1"},
    ]
