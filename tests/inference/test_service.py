import asyncio
import json
import threading
from collections.abc import AsyncIterator
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from pathlib import Path

import httpx
import pytest

from ringline.api.ai_errors import refusal
from ringline.core.clock import SystemClock
from ringline.core.ids import Ids
from ringline.core.settings import load
from ringline.inference import service
from ringline.inference.cards import ModelCard
from ringline.inference.chat import (
    ChatRequest,
    Choice,
    Delta,
    Finish,
    JsonSchema,
    Message,
    Role,
    Sampling,
    Tool,
    Usage,
)
from ringline.inference.errors import EngineFailed, EngineRefused, GuideBroken, UnknownModel, Unsupported
from ringline.inference.guided.plan import Plan, plan
from ringline.inference.registry import load_registry
from ringline.inference.service import Inference
from ringline.node.inference import make_inference
from ringline.workers import Busy, Priority
from tests.inference.engine import (
    Exchange,
    ScriptedEngine,
    closed_port_url,
    refusing,
    saying,
)

pytestmark = pytest.mark.unit

HI = (Message(Role.USER, "Hi"),)
ASKED = ChatRequest("", HI, account_id="acc")


@dataclass
class Notes:
    """A meter that a test reads."""

    chats: list[tuple[str, str, int, int, str]] = field(default_factory=list)

    def chat(
        self, account_id: str, model: str, prompt_tokens: int, completion_tokens: int, *, engine: str = ""
    ) -> None:
        self.chats.append((account_id, model, prompt_tokens, completion_tokens, engine))


@pytest.fixture
def notes() -> Notes:
    return Notes()


@dataclass
class Room:
    """Makes inference rooms, and stops them."""

    client: httpx.AsyncClient
    notes: Notes
    data: Path
    made: list[Inference] = field(default_factory=list)

    def __call__(self, *urls: str, **settings: object) -> Inference:
        chosen = {f"inference.{name}": value for name, value in settings.items()}
        one = load(None, {}, {"data": self.data, "inference.upstream": urls, **chosen})
        inference = make_inference(one, SystemClock(), Ids.seeded(3), self.client, self.notes)
        inference.start()
        self.made.append(inference)
        return inference


@pytest.fixture
async def room(client: httpx.AsyncClient, notes: Notes, tmp_path: Path) -> AsyncIterator[Room]:
    made = Room(client, notes, tmp_path)
    yield made
    for inference in made.made:
        await inference.stop()


async def test_a_whole_answer_says_who_gave_it(room: Room, engine: ScriptedEngine, notes: Notes) -> None:
    made = await room(engine.url).complete(ASKED)
    assert made.choices[0].message == Message(Role.ASSISTANT, "Hello there")
    assert made.choices[0].finish is Finish.STOP
    assert (made.model, made.usage) == ("scripted", Usage(7, 2))
    assert made.id.startswith("chatcmpl-")
    assert notes.chats == [("acc", "scripted", 7, 2, "upstream")]


async def test_models_are_what_the_engine_lists(room: Room, engine: ScriptedEngine) -> None:
    engine.models = ("org/a", "b")
    inference = room(engine.url)
    assert (await inference.find("b", "")).id == "b"
    assert [(card.id, card.is_default) for card in inference.models("")] == [("org/a", True), ("b", False)]
    assert (await inference.find("gpt-4o", "")).id == "org/a"
    with pytest.raises(UnknownModel):
        await inference.find("c", "")
    with pytest.raises(UnknownModel):
        await inference.complete(ChatRequest("c", HI))


async def test_an_engines_file(room: Room, engine: ScriptedEngine, tmp_path: Path) -> None:
    file = tmp_path / "engines.toml"
    file.write_text(
        f'[[engine]]\nname = "e"\nurls = ["{engine.url}"]\nmodels = ["org/x"]\ncontext = 100\n'
        'max_completion_tokens = 30\n[aliases]\nshort = "org/x"\n'
    )
    inference = room(engines=str(file))
    card = await inference.find("short", "")
    assert (card.id, card.context, card.max_completion) == ("org/x", 100, 30)
    for asked, told in ((None, 30), (5, 5), (5000, 30)):
        await inference.complete(ChatRequest("short", HI, Sampling(max_tokens=asked)))
        assert engine.asked[-1]["max_tokens"] == told
        assert engine.asked[-1]["model"] == "org/x"


async def test_an_engine_that_is_down_is_no_unknown_model_when_it_is_named(
    room: Room, tmp_path: Path
) -> None:
    file = tmp_path / "engines.toml"
    file.write_text(f'[[engine]]\nname = "e"\nurls = ["{closed_port_url()}"]\nmodels = ["x"]\n')
    with pytest.raises(EngineFailed):
        await room(engines=str(file)).complete(ChatRequest("x", HI))


async def test_what_the_engine_cannot_do_is_refused_before_it_is_asked(
    room: Room, engine: ScriptedEngine
) -> None:
    inference = room(engine.url)
    with pytest.raises(Unsupported) as refused:
        await inference.complete(ChatRequest("", HI, Sampling(min_p=0.1)))
    assert refused.value.field == "min_p"
    with pytest.raises(Unsupported):
        await inference.complete(ChatRequest("", HI, guide=Choice(("a", "b"))))
    assert engine.asked == []


async def test_a_strict_answer_that_is_wrong_is_never_handed_out(room: Room, engine: ScriptedEngine) -> None:
    schema = (
        '{"type":"object","properties":{"n":{"type":"integer"}},"required":["n"],'
        '"additionalProperties":false}'
    )
    asked = ChatRequest("", HI, guide=JsonSchema(schema))
    inference = room(engine.url)
    engine.scripts.append(saying('{"n":', " 4}"))
    assert (await inference.complete(asked)).choices[0].message.content == '{"n": 4}'
    engine.scripts.append(saying('{"n":', ' "four"}'))
    heard = []
    with pytest.raises(GuideBroken):
        await collect(inference, asked, heard)
    assert all("four" not in piece.text for piece in heard if isinstance(piece, Delta))


async def collect(inference: Inference, asked: ChatRequest, into: list[Delta | Usage]) -> None:
    async with aclosing(inference.stream(asked)) as pieces:
        async for piece in pieces:
            into.append(piece)


async def test_a_refusal_of_the_engine_is_the_clients_and_costs_nothing(
    room: Room, engine: ScriptedEngine, notes: Notes
) -> None:
    engine.otherwise = refusing(400, {"error": {"message": "too long"}})
    with pytest.raises(EngineRefused, match="too long"):
        await room(engine.url).complete(ASKED)
    assert notes.chats == []


async def test_who_leaves_is_counted_as_far_as_it_came_and_the_engine_stops(
    room: Room, engine: ScriptedEngine, notes: Notes
) -> None:
    engine.otherwise = endless
    inference = room(engine.url)
    async with aclosing(inference.stream(ASKED)) as pieces:
        await anext(pieces)
        await anext(pieces)
    async with asyncio.timeout(2):
        await engine.left.wait()
    assert notes.chats == [("acc", "scripted", 0, 2, "upstream")]


async def endless(exchange: Exchange) -> None:
    await exchange.head()
    await exchange.text("Once")
    await exchange.text(" upon")
    await asyncio.Event().wait()


async def test_a_cancelled_whole_answer_stops_the_engine_too(room: Room, engine: ScriptedEngine) -> None:
    began = asyncio.Event()

    async def beginning(exchange: Exchange) -> None:
        began.set()
        await endless(exchange)

    engine.otherwise = beginning
    asking = asyncio.create_task(room(engine.url).complete(ASKED))
    async with asyncio.timeout(2):
        await began.wait()
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    async with asyncio.timeout(2):
        await engine.left.wait()


async def test_no_more_run_than_may_live_calls_are_next_and_a_full_queue_is_busy(
    room: Room, engine: ScriptedEngine
) -> None:
    hold, began, order = asyncio.Event(), asyncio.Event(), []

    async def holding(exchange: Exchange) -> None:
        began.set()
        order.append(exchange.body["messages"][0]["content"])
        await hold.wait()
        await saying("done")(exchange)

    engine.otherwise = holding
    inference = room(engine.url, in_flight=1, waiting=1)

    def ask(name: str, priority: Priority) -> asyncio.Task[object]:
        request = ChatRequest("scripted", (Message(Role.USER, name),), priority=priority)
        return asyncio.create_task(inference.complete(request))

    first = ask("first", Priority.BATCH)
    async with asyncio.timeout(2):
        await began.wait()
    later = [ask("batch", Priority.BATCH), ask("live", Priority.LIVE)]
    await asyncio.sleep(0)
    with pytest.raises(Busy) as refused:
        await ask("one too many", Priority.BATCH)
    assert refused.value.retry_after >= 1
    hold.set()
    await asyncio.gather(first, *later)
    assert order == ["first", "live", "batch"]
    assert engine.most_running == 1


async def test_a_place_that_does_not_come_free(room: Room, engine: ScriptedEngine) -> None:
    engine.otherwise = endless
    inference = room(engine.url, in_flight=1, wait_s=0.05)
    async with aclosing(inference.stream(ASKED)) as pieces:
        await anext(pieces)
        with pytest.raises(Busy, match="no place"):
            await inference.complete(ASKED)


async def test_native_tools_go_to_the_engine_and_come_back(room: Room, engine: ScriptedEngine) -> None:
    async def calling(exchange: Exchange) -> None:
        call = {"index": 0, "id": "call_1", "type": "function"}
        function = {"name": "add", "arguments": '{"a":1}'}
        delta = {"tool_calls": [call | {"function": function}]}
        await exchange.head()
        await exchange.event({"choices": [{"index": 0, "delta": delta}]})
        await exchange.event({"choices": [{"index": 0, "delta": {}, "finish_reason": "tool_calls"}]})
        await exchange.event("[DONE]")

    engine.otherwise = calling
    tool = Tool("add", "Adds.", '{"type":"object","properties":{"a":{"type":"integer"}}}')
    made = await room(engine.url).complete(ChatRequest("", HI, tools=(tool,)))
    choice = made.choices[0]
    assert choice.finish is Finish.TOOL_CALLS
    assert [(call.name, call.arguments) for call in choice.message.tool_calls] == [("add", '{"a":1}')]
    assert engine.asked[0]["tools"][0]["function"]["name"] == "add"


async def test_nothing_configured_and_nothing_installed(room: Room) -> None:
    inference = room()
    assert inference.models("") == ()
    with pytest.raises(UnknownModel):
        await inference.complete(ASKED)
    with pytest.raises(UnknownModel):
        inference.add_adapter("x", "smollm2-135m-instruct", Path("x.gguf"))
    inference.remove("x")


async def test_an_adapter_is_served_beside_its_base_and_can_be_replaced(room: Room, tmp_path: Path) -> None:
    """The weights are a file of the right size without content: nothing here loads them."""
    (base,) = [model for model in load_registry() if model.name == "smollm2-135m-instruct"]
    weights = tmp_path / "models" / base.name / next(iter(base.files))
    weights.parent.mkdir(parents=True)
    with weights.open("wb") as file:
        file.truncate(base.bytes)
    inference = room()
    for created in (1, 2):
        inference.add_adapter("ft-1", base.name, tmp_path / f"{created}.gguf", "acc", created=created)
        card = inference.card("ft-1", "acc")
        assert (card.base, card.owner, card.created, card.is_default) == (base.name, "acc", created, False)
        with pytest.raises(EngineFailed, match=rf"{created}\.gguf"):
            await inference.complete(ChatRequest("ft-1", HI, account_id="acc"))
    assert not card.is_fine_tunable
    assert [one.id for one in inference.models("acc")] == [base.name, "ft-1"]
    assert [one.id for one in inference.models("somebody else")] == [base.name]
    with pytest.raises(UnknownModel):
        await inference.complete(ChatRequest("ft-1", HI, account_id="somebody else"))
    inference.remove(base.name)
    inference.remove("ft-1")
    inference.remove("ft-1")
    assert [one.id for one in inference.models("acc")] == [base.name]
    assert inference.card("").id == base.name


async def test_an_adapter_needs_a_base_of_ours(room: Room, engine: ScriptedEngine) -> None:
    inference = room(engine.url)
    await inference.find("scripted", "")
    with pytest.raises(Unsupported):
        inference.add_adapter("x", "scripted", Path("x.gguf"))


async def test_a_large_guide_is_put_to_the_model_beside_the_loop(
    room: Room, engine: ScriptedEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    threads: list[int] = []

    def noted(request: ChatRequest, card: ModelCard, ids: Ids) -> Plan:
        threads.append(threading.get_ident())
        return plan(request, card, ids)

    monkeypatch.setattr(service, "plan", noted)
    engine.otherwise = saying("{", "}")
    made = room(engine.url, upstream_dialect="llama.cpp")
    for size in (10, 2_000):
        guide = JsonSchema(json.dumps({"type": "object", "description": "x" * size}))
        assert (await made.complete(replace(ASKED, guide=guide))).choices[0].message.text() == "{}"
    small, large = threads
    assert small == threading.get_ident() != large


async def test_a_hostile_guide_is_refused_and_its_limit_named(room: Room, engine: ScriptedEngine) -> None:
    bounded = {"type": "number", "minimum": -0.12345, "maximum": 98765.4321}
    properties = {f"p{number}": bounded for number in range(900)}
    guide = JsonSchema(json.dumps({"type": "object", "properties": properties}))
    with pytest.raises(Unsupported, match="a grammar of more than 20000 elements") as refused:
        await room(engine.url, upstream_dialect="llama.cpp").complete(replace(ASKED, guide=guide))
    assert refusal(refused.value).status == 422
    assert engine.asked == []
