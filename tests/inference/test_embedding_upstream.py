"""An OpenAI-compatible engine as far as embeddings go: a real HTTP server that a test scripts."""

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import httpx
import numpy as np
import pytest
from aiohttp import web
from hypothesis import given, settings
from hypothesis import strategies as st

from ringline.core.clock import SystemClock
from ringline.core.errors import ProtocolError
from ringline.inference.embedding import Embedded, EmbeddingRequest
from ringline.inference.embedding_upstream import UpstreamEmbeddings, UpstreamLimits, read, render
from ringline.inference.errors import EngineFailed, EngineRefused, EngineTimeout
from ringline.inference.replicas import FixedReplica
from ringline.workers import Busy

pytestmark = pytest.mark.unit

ASKED = EmbeddingRequest(["one", [7, 8]], dimensions=2)
ROWS = [[0.5, -1.0], [0.25, 2.0]]


def as_base64(row: list[float]) -> str:
    return base64.b64encode(np.array(row, "<f4").tobytes()).decode()


def answer(rows: list[object], **members: object) -> bytes:
    items = [{"object": "embedding", "index": index, "embedding": row} for index, row in enumerate(rows)]
    return json.dumps({"object": "list", "data": items[::-1], **members}).encode()


class Engine:
    """Answers what the test says, once `ready`, and remembers what it was asked."""

    def __init__(self, reply: Callable[[], web.Response]) -> None:
        self.reply = reply
        self.ready = asyncio.Event()
        self.ready.set()
        self.asked: list[tuple[str | None, dict[str, object]]] = []
        self.url = ""

    async def handle(self, request: web.Request) -> web.Response:
        self.asked.append((request.headers.get("Authorization"), await request.json()))
        await self.ready.wait()
        return self.reply()


@asynccontextmanager
async def serving(*engines: Engine) -> AsyncIterator[None]:
    runners = []
    for engine in engines:
        app = web.Application()
        app.router.add_post("/v1/embeddings", engine.handle)
        runner = web.AppRunner(app)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        engine.url = f"http://127.0.0.1:{runner.addresses[0][1]}/v1"
        runners.append(runner)
    yield
    for runner in runners:
        await runner.cleanup()


async def embed(*urls: str, key: str = "", limits: UpstreamLimits = UpstreamLimits()) -> Embedded:
    async with httpx.AsyncClient(trust_env=False) as client:
        replicas = [FixedReplica(url, key) for url in urls]
        upstream = UpstreamEmbeddings("gte", replicas, client, SystemClock(), limits)
        return await upstream.embed(ASKED)


def good() -> web.Response:
    return web.Response(body=answer([as_base64(row) for row in ROWS], usage={"prompt_tokens": 5}))


async def test_an_engine_is_asked_for_base64_and_answers_in_any_order() -> None:
    engine = Engine(good)
    async with serving(engine):
        embedded = await embed(engine.url, key="sk-1")
    assert embedded.vectors.tolist() == ROWS
    assert (embedded.prompt_tokens, embedded.model) == (5, "gte")
    body = {"model": "gte", "input": ["one", [7, 8]], "encoding_format": "base64", "dimensions": 2}
    assert engine.asked == [("Bearer sk-1", body)]


def test_numbers_are_as_good_as_base64() -> None:
    whole = answer(list(ROWS), model="gte-large-v1", usage={"prompt_tokens": 3, "total_tokens": 3})
    embedded = read(whole, ASKED, "gte")
    assert embedded.vectors.tolist() == ROWS
    assert embedded.vectors.dtype == np.float32
    assert embedded.model == "gte-large-v1"


def test_what_was_not_asked_is_not_sent() -> None:
    assert json.loads(render(EmbeddingRequest(["a"]), "m")) == {
        "model": "m",
        "input": ["a"],
        "encoding_format": "base64",
    }
    assert json.loads(render(EmbeddingRequest(["a"], cut=-1), "m"))["truncate_prompt_tokens"] == -1


@pytest.mark.parametrize(
    "body",
    [
        b"no JSON",
        b"{}",
        answer([ROWS[0]]),
        answer([ROWS[0], ROWS[1], ROWS[1]]),
        answer([ROWS[0], [1.0]]),
        answer([[1.0, 2.0, 3.0], [1.0, 2.0, 3.0]]),
        answer(["?!", "?!"]),
        answer(["AAAA", "AAAA"]),
        answer([as_base64([float("nan"), 1.0]), as_base64([1.0, 1.0])]),
    ],
)
def test_an_answer_that_does_not_fit_is_refused(body: bytes) -> None:
    with pytest.raises(ProtocolError):
        read(body, ASKED, "gte")


@given(st.binary(max_size=80) | st.text(max_size=80).map(str.encode))
@settings(max_examples=50)
def test_no_bytes_are_taken_for_embeddings(body: bytes) -> None:
    with pytest.raises(ProtocolError):
        read(body, ASKED, "gte")


async def test_another_replica_is_asked_where_one_cannot_answer() -> None:
    broken, busy, whole = (
        Engine(lambda: web.Response(status=503)),
        Engine(lambda: web.Response(status=429)),
        Engine(good),
    )
    async with serving(broken, busy, whole):
        embedded = await embed(broken.url, busy.url, whole.url)
    assert embedded.vectors.tolist() == ROWS
    assert (len(broken.asked), len(busy.asked), len(whole.asked)) == (1, 1, 1)


@pytest.mark.parametrize(
    "reply",
    [
        lambda: web.Response(status=500),
        lambda: web.Response(status=401),
        lambda: web.Response(body=b"no JSON"),
    ],
)
async def test_other_failures_are_tried_once(reply: Callable[[], web.Response]) -> None:
    broken, other = Engine(reply), Engine(good)
    async with serving(broken, other):
        with pytest.raises(EngineFailed):
            await embed(broken.url, other.url)
    assert (len(broken.asked), other.asked) == (1, [])


async def test_the_engines_own_refusal_is_not_tried_elsewhere() -> None:
    told = json.dumps({"error": {"message": "too long", "param": "input", "code": "context_length_exceeded"}})
    strict, other = Engine(lambda: web.Response(status=400, text=told)), Engine(good)
    async with serving(strict, other):
        with pytest.raises(EngineRefused, match="too long") as refusal:
            await embed(strict.url, other.url)
    assert (refusal.value.status, refusal.value.param) == (400, "input")
    assert other.asked == []


async def test_a_busy_engine_says_when_to_come_again() -> None:
    engine = Engine(lambda: web.Response(status=429, headers={"Retry-After": "7"}))
    async with serving(engine):
        with pytest.raises(Busy) as refusal:
            await embed(engine.url)
    assert refusal.value.retry_after == 7


async def test_an_engine_that_is_not_there_is_left_alone_for_a_while() -> None:
    async with httpx.AsyncClient(trust_env=False) as client:
        upstream = UpstreamEmbeddings("gte", [FixedReplica("http://127.0.0.1:9/v1")], client, SystemClock())
        with pytest.raises(EngineFailed, match="ConnectError"):
            await upstream.embed(ASKED)
        with pytest.raises(EngineFailed, match="can be reached") as refusal:
            await upstream.embed(ASKED)
    assert refusal.value.status == 503
    assert refusal.value.retry_after is not None


async def test_an_engine_that_does_not_answer_is_given_up() -> None:
    engine = Engine(good)
    engine.ready.clear()
    async with serving(engine):
        with pytest.raises(EngineTimeout):
            await embed(engine.url, limits=UpstreamLimits(answer_s=0.05))
        engine.ready.set()
