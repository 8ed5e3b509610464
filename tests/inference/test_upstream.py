import asyncio
from contextlib import aclosing

import httpx
import pytest

from ringline.core.clock import SECOND, SystemClock
from ringline.inference.breaker import Circuit, Trip
from ringline.inference.chat import ChatRequest, Delta, Finish, Message, Role, Usage
from ringline.inference.errors import EngineFailed, EngineRefused, EngineTimeout
from ringline.inference.replicas import FixedReplica
from ringline.inference.upstream import Deadlines, Upstream
from ringline.workers import Busy
from tests.inference.engine import (
    Exchange,
    ScriptedEngine,
    closed_port_url,
    dropping,
    refusing,
    saying,
    scripted_engine,
)

pytestmark = pytest.mark.unit

ASKED = ChatRequest("m", (Message(Role.USER, "Hi"),))
QUICK = Deadlines(connect_s=1.0, first_s=0.2, idle_s=0.2, total_s=5.0)


def upstream(client: httpx.AsyncClient, *urls: str, deadlines: Deadlines = Deadlines()) -> Upstream:
    replicas = [FixedReplica(url, "the key") for url in urls]
    return Upstream(
        "u",
        replicas,
        client,
        SystemClock(),
        deadlines=deadlines,
        trip=Trip(failures=2, first_s=30.0),
        chance=lambda: 0.0,
    )


async def answer(one: Upstream, request: ChatRequest = ASKED) -> list[Delta | Usage]:
    async with aclosing(one.stream(request, "engine-name")) as pieces:
        return [piece async for piece in pieces]


def words(pieces: list[Delta | Usage]) -> str:
    return "".join(piece.text for piece in pieces if isinstance(piece, Delta))


async def test_a_stream_is_told_piece_by_piece(client: httpx.AsyncClient, engine: ScriptedEngine) -> None:
    pieces = await answer(upstream(client, engine.url))
    assert pieces == [Delta(text="Hello"), Delta(text=" there"), Delta(finish=Finish.STOP), Usage(7, 2)]
    assert engine.asked[0]["model"] == "engine-name"
    assert engine.headers[0]["authorization"] == "Bearer the key"


async def test_an_engine_that_does_not_stream_is_understood(
    client: httpx.AsyncClient, engine: ScriptedEngine
) -> None:
    whole = {"choices": [{"index": 0, "message": {"content": "Hi"}, "finish_reason": "stop"}]}
    engine.otherwise = refusing(200, whole | {"usage": {"prompt_tokens": 1, "completion_tokens": 1}})
    pieces = await answer(upstream(client, engine.url))
    assert pieces == [Delta(text="Hi", finish=Finish.STOP), Usage(1, 1)]


@pytest.mark.parametrize("status", [429, 502, 503])
async def test_another_replica_is_asked_before_the_first_piece(
    client: httpx.AsyncClient, engine: ScriptedEngine, status: int
) -> None:
    async with scripted_engine() as other:
        engine.otherwise = refusing(status, {"error": {"message": "not now"}})
        assert words(await answer(upstream(client, engine.url, other.url))) == "Hello there"
        assert (len(engine.asked), len(other.asked)) == (1, 1)


async def test_a_dead_replica_and_one_that_hangs_up_are_gone_round(
    client: httpx.AsyncClient, engine: ScriptedEngine
) -> None:
    async with scripted_engine() as dropper:
        dropper.otherwise = dropping
        one = upstream(client, closed_port_url(), dropper.url, engine.url)
        assert words(await answer(one)) == "Hello there"


async def test_three_tries_and_no_more(client: httpx.AsyncClient, engine: ScriptedEngine) -> None:
    engine.otherwise = refusing(429, {"error": "full"}, "retry-after: 7\r\n")
    with pytest.raises(Busy) as refused:
        await answer(upstream(client, engine.url))
    assert len(engine.asked) == 3
    assert refused.value.retry_after == 7


async def test_what_the_client_did_wrong_is_tried_once(
    client: httpx.AsyncClient, engine: ScriptedEngine
) -> None:
    engine.otherwise = refusing(400, {"error": {"message": "too long", "code": "context_length_exceeded"}})
    one = upstream(client, engine.url)
    with pytest.raises(EngineRefused, match="too long"):
        await answer(one)
    assert len(engine.asked) == 1
    assert one.balance.slots[0].breaker.circuit is Circuit.CLOSED


@pytest.mark.parametrize("status", [401, 404, 500])
async def test_other_failures_are_tried_once(
    client: httpx.AsyncClient, engine: ScriptedEngine, status: int
) -> None:
    engine.otherwise = refusing(status, {"error": "no"})
    with pytest.raises(EngineFailed) as failed:
        await answer(upstream(client, engine.url))
    assert (failed.value.status, len(engine.asked)) == (status, 1)


async def test_nothing_is_tried_again_after_the_first_piece(
    client: httpx.AsyncClient, engine: ScriptedEngine
) -> None:
    async def breaking(exchange: Exchange) -> None:
        await exchange.head()
        await exchange.text("Hel")

    engine.scripts.append(breaking)
    async with aclosing(upstream(client, engine.url).stream(ASKED, "m")) as pieces:
        assert await anext(pieces) == Delta(text="Hel")
        with pytest.raises(EngineFailed, match="ended before"):
            await anext(pieces)
    assert len(engine.asked) == 1


async def test_an_error_told_in_the_stream(client: httpx.AsyncClient, engine: ScriptedEngine) -> None:
    async def breaking(exchange: Exchange) -> None:
        await exchange.head()
        await exchange.text("Hel")
        await exchange.event({"error": {"message": "out of memory"}})

    engine.scripts.append(breaking)
    with pytest.raises(EngineFailed, match="out of memory"):
        await answer(upstream(client, engine.url))


@pytest.mark.parametrize("garbage", [b"data: {\n\n", b"data: [1]\n\n", b"\x00\xff\n\n"])
async def test_garbage_is_a_failure(
    client: httpx.AsyncClient, engine: ScriptedEngine, garbage: bytes
) -> None:
    async def talking_nonsense(exchange: Exchange) -> None:
        await exchange.head()
        await exchange.raw(garbage)

    engine.otherwise = talking_nonsense
    with pytest.raises(EngineFailed):
        await answer(upstream(client, engine.url))


async def test_failures_open_the_circuit_and_the_next_request_is_refused_without_asking(
    client: httpx.AsyncClient, engine: ScriptedEngine
) -> None:
    engine.otherwise = dropping
    one = upstream(client, engine.url)
    with pytest.raises(EngineFailed):
        await answer(one)
    assert len(engine.asked) == 2, "the circuit opens after two"
    with pytest.raises(EngineFailed, match="can be reached") as refused:
        await answer(one)
    assert len(engine.asked) == 2
    assert (refused.value.status, refused.value.retry_after) == (503, 30)


async def test_asking_for_models_closes_the_circuit_again(
    client: httpx.AsyncClient, engine: ScriptedEngine
) -> None:
    engine.scripts.extend([dropping, dropping])
    one = upstream(client, engine.url)
    with pytest.raises(EngineFailed):
        await answer(one)
    assert [model.id for model in await one.offered()] == ["scripted"]
    assert words(await answer(one)) == "Hello there"


async def test_no_models_from_nobody(client: httpx.AsyncClient) -> None:
    with pytest.raises(EngineFailed, match="lists its models"):
        await upstream(client, closed_port_url()).offered()


async def test_the_least_loaded_replica_is_asked(client: httpx.AsyncClient, engine: ScriptedEngine) -> None:
    hold, began = asyncio.Event(), asyncio.Event()

    async def holding(exchange: Exchange) -> None:
        began.set()
        await hold.wait()
        await saying("late")(exchange)

    async with scripted_engine() as other:
        engine.otherwise = holding
        one = upstream(client, engine.url, other.url)
        late = asyncio.create_task(answer(one))
        async with asyncio.timeout(2):
            await began.wait()
        for _ in range(3):
            assert words(await answer(one)) == "Hello there"
        hold.set()
        assert words(await late) == "late"
        assert [slot.in_flight for slot in one.balance.slots] == [0, 0]


async def test_idle_replicas_take_turns(client: httpx.AsyncClient, engine: ScriptedEngine) -> None:
    async with scripted_engine() as other:
        one = upstream(client, engine.url, other.url)
        for _ in range(4):
            await answer(one)
        assert (len(engine.asked), len(other.asked)) == (2, 2)


async def test_silence_before_the_first_piece(client: httpx.AsyncClient, engine: ScriptedEngine) -> None:
    async def silent(exchange: Exchange) -> None:
        await asyncio.Event().wait()

    engine.otherwise = silent
    with pytest.raises(EngineTimeout, match="begin"):
        await answer(upstream(client, engine.url, deadlines=QUICK))
    assert len(engine.asked) == 1
    async with asyncio.timeout(2):
        await engine.left.wait()


async def test_silence_within_an_answer(client: httpx.AsyncClient, engine: ScriptedEngine) -> None:
    async def stalling(exchange: Exchange) -> None:
        await exchange.head()
        await exchange.text("Hel")
        await asyncio.Event().wait()

    engine.otherwise = stalling
    with pytest.raises(EngineTimeout, match="go on"):
        await answer(upstream(client, engine.url, deadlines=QUICK))
    async with asyncio.timeout(2):
        await engine.left.wait()


async def test_a_deadline_for_everything(client: httpx.AsyncClient, engine: ScriptedEngine) -> None:
    async def babbling(exchange: Exchange) -> None:
        await exchange.head()
        while True:
            await exchange.text("bla")
            await asyncio.sleep(0.01)

    engine.otherwise = babbling
    one = upstream(client, engine.url)
    until = SystemClock().now_ns() + SECOND // 5
    with pytest.raises(EngineTimeout):
        async for _ in one.stream(ASKED, "m", until):
            pass


async def test_closing_the_generator_ends_the_engines_work(
    client: httpx.AsyncClient, engine: ScriptedEngine
) -> None:
    async def endless(exchange: Exchange) -> None:
        await exchange.head()
        await exchange.text("Once")
        await asyncio.Event().wait()

    engine.otherwise = endless
    one = upstream(client, engine.url)
    async with aclosing(one.stream(ASKED, "m")) as pieces:
        assert await anext(pieces) == Delta(text="Once")
    async with asyncio.timeout(2):
        await engine.left.wait()
    assert one.balance.slots[0].in_flight == 0


async def test_an_answer_without_end_is_cut_off(client: httpx.AsyncClient, engine: ScriptedEngine) -> None:
    async def flooding(exchange: Exchange) -> None:
        await exchange.head()
        while True:
            await exchange.raw(b"x" * 1_000_000)

    engine.otherwise = flooding
    with pytest.raises(EngineFailed, match="larger"):
        await answer(upstream(client, engine.url))
