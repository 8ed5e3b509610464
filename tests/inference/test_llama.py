"""SmolLM2: `ringline models pull smollm2-135m-instruct`, then RINGLINE_TEST_MODELS=<models folder>."""

import asyncio
import importlib.util
import json
import os
import signal
from collections.abc import AsyncIterator
from contextlib import aclosing
from pathlib import Path

import pytest

from ringline.core.clock import SystemClock
from ringline.core.ids import Ids
from ringline.core.settings import load
from ringline.inference.chat import (
    ChatRequest,
    Choice,
    Delta,
    Finish,
    JsonSchema,
    Message,
    Regex,
    Role,
    Sampling,
    Usage,
)
from ringline.inference.errors import EngineFailed, EngineRefused, Unsupported
from ringline.inference.llama import Llama, LlamaHouse, LlamaPlan
from ringline.inference.service import Inference
from ringline.node.inference import make_client, make_inference
from tests.inference.test_service import Notes

NAME = "smollm2-135m-instruct"
MODELS = Path(os.environ.get("RINGLINE_TEST_MODELS", "ringline-data/models"))
WEIGHTS = MODELS / NAME / "SmolLM2-135M-Instruct.Q4_1.gguf"

pytestmark = [
    pytest.mark.models,
    pytest.mark.skipif(
        not WEIGHTS.is_file() or importlib.util.find_spec("xllamacpp") is None,
        reason=f"no chat weights: `ringline models pull {NAME}`, then set RINGLINE_TEST_MODELS",
    ),
]

SHORT = Sampling(temperature=0.0, max_tokens=8)


def asked(words: str, sampling: Sampling = SHORT, **more: object) -> ChatRequest:
    return ChatRequest(NAME, (Message(Role.USER, words),), sampling, **more)  # type: ignore[arg-type]  # any field


@pytest.fixture
async def inference(tmp_path: Path) -> AsyncIterator[Inference]:
    settings = load(
        None,
        {},
        {"data": tmp_path, "speech.models": str(MODELS), "inference.threads": 1, "inference.context": 1024},
    )
    async with make_client() as client:
        made = make_inference(settings, SystemClock(), Ids(), client, Notes())
        made.start()
        yield made
        await made.stop()


async def test_it_is_the_default_and_answers(inference: Inference) -> None:
    assert [(card.id, card.is_default, card.context) for card in inference.models("")] == [(NAME, True, 1024)]
    made = await inference.complete(asked("Say hello."))
    assert made.choices[0].message.text()
    assert made.choices[0].finish in (Finish.LENGTH, Finish.STOP)
    assert 1 <= made.usage.completion_tokens <= 8
    assert made.usage.prompt_tokens > 3

    # The same question, the same answer: at temperature 0, and with a seed.
    again = await inference.complete(asked("Say hello."))
    assert again.choices == made.choices
    drawn = Sampling(temperature=1.5, max_tokens=8, seed=7)
    first, second = [await inference.complete(asked("Tell a story.", drawn)) for _ in range(2)]
    assert first.choices == second.choices


async def test_sampling_is_honoured(inference: Inference) -> None:
    both = await inference.complete(asked("Tell a story.", Sampling(temperature=1.0, max_tokens=6, n=2)))
    assert [choice.index for choice in both.choices] == [0, 1]
    assert both.usage.completion_tokens == 12

    told = await inference.complete(
        asked("Say hello.", Sampling(0.0, max_tokens=4, logprobs=True, top_logprobs=3))
    )
    tokens = told.choices[0].logprobs
    assert "".join(token.token for token in tokens) == told.choices[0].message.content
    assert all(len(token.top) == 3 and token.top[0].logprob == token.logprob <= 0 for token in tokens)

    alone = await inference.complete(asked("Say hello.", Sampling(0.0, max_tokens=4, logprobs=True)))
    assert alone.choices[0].logprobs
    assert all(token.top == () for token in alone.choices[0].logprobs)

    cut = await inference.complete(asked("Count: 1, 2, 3, 4,", Sampling(0.0, max_tokens=30, stop=("5", "2"))))
    assert "5" not in cut.choices[0].message.text()
    assert "2" not in cut.choices[0].message.text()


async def test_guides_hold(inference: Inference) -> None:
    schema = '{"type":"object","properties":{"age":{"type":"integer"}},"required":["age"]}'
    long = Sampling(temperature=0.8, max_tokens=64)
    answers = await asyncio.gather(
        inference.complete(asked("How old is she?", long, guide=JsonSchema(schema))),
        inference.complete(asked("Four digits.", long, guide=Regex("[0-9]{4}"))),
        inference.complete(asked("Is it?", long, guide=Choice(("yes", "no")))),
    )
    aged, digits, choice = [one.choices[0].message.text() for one in answers]
    assert isinstance(json.loads(aged)["age"], int)
    assert len(digits) == 4
    assert digits.isdigit()
    assert choice in ("yes", "no")


async def test_a_question_beyond_the_context_is_refused(inference: Inference) -> None:
    with pytest.raises(EngineRefused, match="context") as refused:
        await inference.complete(asked("word " * 3000))
    assert refused.value.code == "exceed_context_size_error"


async def test_leaving_frees_the_slot_at_once(inference: Inference) -> None:
    """Both slots are taken by endless answers that are given up; a third one must not wait for their end."""
    endless = asked("Count from one to a million, in words.", Sampling(temperature=0.0, max_tokens=900))
    for _ in range(4):
        async with aclosing(inference.stream(endless)) as pieces:
            assert isinstance(await anext(pieces), Delta)
    usage = [piece async for piece in inference.stream(asked("Say hello.")) if isinstance(piece, Usage)]
    assert usage[0].completion_tokens > 0


async def test_a_killed_child_is_replaced() -> None:
    clock = SystemClock()
    house = LlamaHouse(2, clock, Ids())
    child = house.add(LlamaPlan(NAME, WEIGHTS, context=512, threads=1))
    async with child.lease() as first:
        pid = child.worker.status().pid
        assert pid is not None
    os.kill(pid, signal.SIGKILL)
    async with asyncio.timeout(10):
        while child.worker.status().pid == pid:  # noqa: ASYNC110 - a worker tells nobody of a death
            await asyncio.sleep(0.01)
    async with child.lease() as second:
        assert child.worker.status().pid not in (None, pid)
        assert second.url != first.url
    await house.stop()


async def test_who_is_idle_makes_room() -> None:
    house = LlamaHouse(1, SystemClock(), Ids())
    first, second = [
        house.add(LlamaPlan(name, WEIGHTS, context=512, threads=1)) for name in ("first", "second")
    ]
    async with first.lease(), second.lease():
        assert first.is_up, "it was busy"
        assert second.is_up
    async with second.lease():
        await gone(first)
    await house.drop("second").stop()
    assert "second" not in house
    await house.stop()


async def gone(child: Llama) -> None:
    async with asyncio.timeout(10):
        while child.is_up:  # noqa: ASYNC110 - a worker tells nobody that it has left
            await asyncio.sleep(0.01)


async def test_an_adapter_that_cannot_be_loaded_harms_nobody_else(
    inference: Inference, tmp_path: Path
) -> None:
    file = tmp_path / "broken.gguf"
    file.write_bytes(b"this is no adapter")
    inference.add_adapter("ft-broken", NAME, file, "acc", created=5)
    card = inference.card("ft-broken", "acc")
    assert (card.base, card.owner, card.created, card.is_default) == (NAME, "acc", 5, False)
    with pytest.raises(EngineFailed):
        await inference.complete(
            ChatRequest("ft-broken", (Message(Role.USER, "Hi"),), SHORT, account_id="acc")
        )
    assert (await inference.complete(asked("Say hello."))).model == NAME
    inference.remove("ft-broken")
    assert [one.id for one in inference.models("acc")] == [NAME]


async def test_more_choices_than_slots_are_refused_by_name(inference: Inference) -> None:
    with pytest.raises(Unsupported) as refused:
        await inference.complete(asked("Say hello.", Sampling(n=3)))
    assert refused.value.field == "n"
