"""The openai SDK, the telnyx SDK and LangChain with real weights.

`ringline models pull smollm2-135m-instruct all-minilm-l6-v2`, then RINGLINE_TEST_MODELS=<models folder>.

The model is a toy: what it says is not judged, only that it keeps what was promised for it.
"""

import asyncio
import json
import os
import random
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Literal

import httpx
import jsonschema_rs
import openai
import pytest
import pytest_asyncio
import re2
import telnyx
from langchain_core.messages import HumanMessage
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI, OpenAIEmbeddings
from pydantic import BaseModel, Field

from ringline.testing import Server
from tests.inference.guided import cases

MODELS = Path(os.environ.get("RINGLINE_TEST_MODELS", "ringline-data/models")).resolve()
CHAT, EMBEDDING = "smollm2-135m-instruct", "all-minilm-l6-v2"

pytestmark = [
    pytest.mark.models,
    pytest.mark.asyncio(loop_scope="session"),
    pytest.mark.skipif(
        not ((MODELS / CHAT).is_dir() and (MODELS / EMBEDDING).is_dir()),
        reason=f"no weights: `ringline models pull {CHAT} {EMBEDDING}`, then set RINGLINE_TEST_MODELS",
    ),
]


class Person(BaseModel):
    """Somebody."""

    name: str = Field(max_length=30)
    born: int = Field(ge=1000, le=2100)
    trade: Literal["poet", "mathematician", "sailor"]


WEATHER: Any = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "Current weather of a city",
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string", "maxLength": 20}, "unit": {"enum": ["C", "F"]}},
            "required": ["city", "unit"],
            "additionalProperties": False,
        },
    },
}


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def server(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Server]:
    """A server with the embedded models."""
    settings = {"speech.models": MODELS, "inference.model": CHAT}
    async with Server(tmp_path_factory.mktemp("models"), settings=settings) as running:
        yield running


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def client(server: Server) -> AsyncIterator[openai.AsyncOpenAI]:
    """The stock SDK."""
    base = f"{server.url}/ai/openai"
    async with openai.AsyncOpenAI(base_url=base, api_key=server.api_key, max_retries=0, timeout=120) as one:
        yield one


def user(text: str) -> Any:
    return [{"role": "user", "content": text}]


async def test_chat_whole_and_streamed(client: openai.AsyncOpenAI) -> None:
    whole = await client.chat.completions.create(
        model=CHAT, messages=user("What is the capital of France?"), max_tokens=30, temperature=0
    )
    assert whole.choices[0].message.content
    assert whole.usage is not None
    assert 0 < whole.usage.completion_tokens <= 30
    stream = await client.chat.completions.create(
        model=CHAT,
        messages=user("What is the capital of France?"),
        max_tokens=30,
        temperature=0,
        stream=True,
        stream_options={"include_usage": True},
    )
    chunks = [chunk async for chunk in stream]
    said = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    assert said == whole.choices[0].message.content
    assert chunks[-1].usage is not None
    assert chunks[-1].usage.prompt_tokens == whole.usage.prompt_tokens


async def test_models_are_listed_and_found(client: openai.AsyncOpenAI) -> None:
    assert {CHAT, EMBEDDING} <= {model.id async for model in await client.models.list()}
    assert (await client.models.retrieve(CHAT)).id == CHAT


async def test_parse(client: openai.AsyncOpenAI) -> None:
    answer = await client.chat.completions.parse(
        model=CHAT, messages=user("Who was Ada Lovelace?"), response_format=Person, max_tokens=100
    )
    assert isinstance(answer.choices[0].message.parsed, Person)
    response = await client.responses.parse(
        model=CHAT, input="Who was Ada Lovelace?", text_format=Person, max_output_tokens=100
    )
    assert isinstance(response.output_parsed, Person)


async def test_a_tools_loop_ends_in_words(client: openai.AsyncOpenAI) -> None:
    messages = user("What is the weather in Paris?")
    first = await client.chat.completions.create(
        model=CHAT, messages=messages, tools=[WEATHER], tool_choice="required", temperature=0, max_tokens=200
    )
    message = first.choices[0].message
    assert message.tool_calls
    messages.append(message.model_dump(exclude_none=True))
    for call in message.tool_calls:
        assert call.type == "function"
        arguments = json.loads(call.function.arguments)
        assert set(arguments) == {"city", "unit"}
        messages.append({"role": "tool", "tool_call_id": call.id, "content": "21 degrees, sunny"})
    second = await client.chat.completions.create(
        model=CHAT, messages=messages, tools=[WEATHER], temperature=0, max_tokens=60
    )
    assert second.choices[0].message.content
    assert not second.choices[0].message.tool_calls


@pytest.mark.parametrize("choice", ["auto", "none", "required"])
async def test_every_tool_choice_is_obeyed(client: openai.AsyncOpenAI, choice: Any) -> None:
    answer = await client.chat.completions.create(
        model=CHAT, messages=user("Weather in Oslo?"), tools=[WEATHER], tool_choice=choice, max_tokens=120
    )
    message = answer.choices[0].message
    assert bool(message.content) != bool(message.tool_calls)
    assert choice == "auto" or bool(message.tool_calls) == (choice == "required")


async def test_embeddings_of_near_things_are_near(client: openai.AsyncOpenAI) -> None:
    answer = await client.embeddings.create(
        model=EMBEDDING, input=["a small dog", "a little puppy", "tax law of 1987"]
    )
    dog, puppy, law = (item.embedding for item in answer.data)

    def product(one: list[float], other: list[float]) -> float:
        return sum(a * b for a, b in zip(one, other, strict=True))

    assert product(dog, puppy) > 0.5 > product(dog, law)


async def test_the_telnyx_sdk(server: Server) -> None:
    async with telnyx.AsyncTelnyx(base_url=server.url, api_key=server.api_key) as one:
        answer: Any = await one.ai.openai.chat.create_completion(
            model=CHAT, messages=user("Say hello."), max_tokens=10
        )
        assert answer["choices"][0]["message"]["content"]
        embedded: Any = await one.ai.openai.embeddings.create_embeddings(model=EMBEDDING, input="a dog")
        assert len(embedded.data[0].embedding) == 384


@tool
def get_weather(city: str) -> str:
    """Weather of a city."""
    return f"{city}: 21 degrees"


async def test_langchain(server: Server) -> None:
    async with httpx.AsyncClient(timeout=120) as http:
        base: Any = {
            "base_url": f"{server.url}/ai/openai",
            "api_key": server.api_key,
            "http_async_client": http,
        }
        chat = ChatOpenAI(model=CHAT, max_tokens=60, temperature=0, **base)
        assert (await chat.ainvoke("What is the capital of France?")).content
        forced = chat.bind_tools([get_weather], tool_choice="get_weather")
        called = await forced.ainvoke([HumanMessage("Weather in Oslo?")])
        assert {call["name"] for call in called.tool_calls} == {"get_weather"}
        person = await chat.with_structured_output(Person).ainvoke("Who was Ada Lovelace?")
        assert isinstance(person, Person)
        embeddings = OpenAIEmbeddings(model=EMBEDDING, check_embedding_ctx_length=False, **base)
        one, other = await embeddings.aembed_documents(["a dog", "a cat"])
        assert len(one) == len(other) == 384


class Guides:
    """Random guides put to the model; counts how the answers ended."""

    def __init__(self, client: openai.AsyncOpenAI) -> None:
        self._client = client
        self._two = asyncio.Semaphore(2)
        self.ends: Counter[str] = Counter()
        self.violations: list[tuple[Any, str]] = []

    async def put(self, seed: int) -> None:
        """One guide, of a kind that the seed decides."""
        rng = random.Random(seed)
        kind = ("guided_json", "guided_regex", "guided_choice")[seed % 3]
        guide: Any = {
            "guided_json": cases.schema,
            "guided_regex": cases.regex,
            "guided_choice": cases.choices,
        }[kind](rng)
        async with self._two:
            answer = await self._client.chat.completions.create(
                model=CHAT,
                messages=user(f"Give me an example. Number {seed}."),
                max_tokens=48,
                seed=seed,
                temperature=1.0,
                extra_body={kind: guide},
            )
        choice = answer.choices[0]
        self.ends[choice.finish_reason] += 1
        if choice.finish_reason == "stop" and not _holds(kind, guide, choice.message.content or ""):
            self.violations.append((guide, choice.message.content or ""))


def _holds(kind: str, guide: Any, text: str) -> bool:
    match kind:
        case "guided_json":
            return jsonschema_rs.is_valid(guide, json.loads(text), validate_formats=True)
        case "guided_regex":
            return re2.fullmatch(guide, text) is not None
        case _:
            return text in guide


@pytest.mark.timeout(600)
async def test_200_random_guides_find_no_violation(client: openai.AsyncOpenAI) -> None:
    guides = Guides(client)
    await asyncio.gather(*(guides.put(seed) for seed in range(200)))
    assert guides.violations == []
    assert guides.ends.keys() <= {"stop", "length"}
    assert guides.ends["stop"] > 120
