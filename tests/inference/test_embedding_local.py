"""Batches through a real child, with an engine small enough to say what it was given."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import numpy as np
import pytest

from ringline.core.clock import MILLISECOND
from ringline.inference.embedding import CUT_TO_CONTEXT, Embedded, EmbeddingRequest
from ringline.inference.embedding_batching import BatchLimits
from ringline.inference.embedding_local import LocalEmbeddings, LocalModel
from ringline.inference.errors import EngineFailed, EngineRefused
from ringline.workers import Backoff, Busy, Priority, Worker, WorkerSpec
from ringline.workers.admission import Limits
from tests.inference.embedding_engines import CONTEXT, DIMENSIONS

pytestmark = pytest.mark.unit

ROOT = str(Path(__file__).parents[2])
MODEL = LocalModel("small", CONTEXT, DIMENSIONS)


def child() -> Worker:
    spec = WorkerSpec(
        "small",
        "tests.inference.embedding_engines:load",
        limits=Limits(1, 1),
        environment={"PYTHONPATH": ROOT},
        backoff=Backoff(first=0.01),
    )
    return Worker(spec)


def make(patience_s: float = 10.0, **limits: int) -> LocalEmbeddings:
    return LocalEmbeddings(MODEL, child(), BatchLimits(**limits), patience_s=patience_s)


@pytest.fixture
async def engine() -> AsyncIterator[LocalEmbeddings]:
    made = make(wait_ns=20 * MILLISECOND)
    yield made
    await made.stop()


def batches(embedded: Embedded) -> list[float]:
    """With how many texts each text was run."""
    return [float(row[3]) for row in embedded.vectors]


async def test_each_text_gets_its_own_vector_in_its_place(engine: LocalEmbeddings) -> None:
    embedded = await engine.embed(EmbeddingRequest(["abc", "z", [7, 8]]))
    assert embedded.vectors.dtype == np.float32
    assert embedded.vectors[:, :3].tolist() == [[3, 97, 1], [1, 122, 1], [2, 7, 0]]
    assert (embedded.prompt_tokens, embedded.model) == (6, "small")


async def test_requests_that_come_together_share_a_run(engine: LocalEmbeddings) -> None:
    await engine.embed(EmbeddingRequest(["first"]))
    asked = [engine.embed(EmbeddingRequest([f"{number}{'x' * number}"])) for number in range(9)]
    answers = await asyncio.gather(*asked)
    assert [answer.vectors[0][0] for answer in answers] == [number + 1 for number in range(9)]
    assert [answer.prompt_tokens for answer in answers] == [number + 1 for number in range(9)]
    # The first goes alone, for nobody was there before; the others wait for the only place, together.
    assert batches(answers[0]) == [1]
    assert {batches(answer)[0] for answer in answers[1:]} == {8}


async def test_the_child_has_its_next_batch_before_anybody_hears_of_the_last() -> None:
    worker = child()
    engine = LocalEmbeddings(MODEL, worker, BatchLimits())

    async def running_after(text: str) -> int:
        await engine.embed(EmbeddingRequest([text]))
        return worker.status().running

    assert await asyncio.gather(running_after("first"), running_after("second")) == [1, 0]
    await engine.stop()


async def test_a_request_larger_than_a_batch_comes_back_whole() -> None:
    engine = make(texts=4)
    words = [f"{number:03}" for number in range(10)]
    embedded = await engine.embed(EmbeddingRequest(words))
    assert batches(embedded) == [4] * 8 + [2] * 2
    assert embedded.prompt_tokens == 30
    await engine.stop()


async def test_a_text_that_is_too_long_is_refused_alone(engine: LocalEmbeddings) -> None:
    await engine.embed(EmbeddingRequest(["first"]))
    long, other = await asyncio.gather(
        engine.embed(EmbeddingRequest(["ok", "x" * (CONTEXT + 1)])),
        engine.embed(EmbeddingRequest(["other"])),
        return_exceptions=True,
    )
    assert isinstance(long, EngineRefused)
    assert (long.status, long.param, long.code) == (400, "input", "context_length_exceeded")
    assert str(long).startswith("input 1 cannot be embedded: it has 17 tokens and")
    assert isinstance(other, Embedded)
    assert other.prompt_tokens == 5


async def test_a_text_without_end_does_not_reach_the_child(engine: LocalEmbeddings) -> None:
    for endless in ("x" * 100_000, list(range(100_000))):
        with pytest.raises(EngineRefused, match=r"maximum context length is 16"):
            await engine.embed(EmbeddingRequest([endless]))
        embedded = await engine.embed(EmbeddingRequest([endless], cut=CUT_TO_CONTEXT))
        assert embedded.prompt_tokens == CONTEXT


async def test_a_text_is_cut_where_that_is_asked_for(engine: LocalEmbeddings) -> None:
    embedded = await engine.embed(EmbeddingRequest(["x" * 99, "abc"], cut=2))
    assert (embedded.vectors[:, 0].tolist(), embedded.prompt_tokens) == ([2, 2], 4)


async def test_a_model_has_the_dimensions_it_has(engine: LocalEmbeddings) -> None:
    embedded = await engine.embed(EmbeddingRequest(["a"], dimensions=DIMENSIONS))
    assert embedded.vectors.shape == (1, DIMENSIONS)
    with pytest.raises(EngineRefused, match="has 4 dimensions and cannot be asked for 3") as refusal:
        await engine.embed(EmbeddingRequest(["a"], dimensions=3))
    assert (refusal.value.status, refusal.value.param) == (400, "dimensions")


async def test_a_dead_child_fails_its_batch_and_no_other(engine: LocalEmbeddings) -> None:
    with pytest.raises(EngineFailed, match="the child ended"):
        await engine.embed(EmbeddingRequest(["die"]))
    assert (await engine.embed(EmbeddingRequest(["after"]))).prompt_tokens == 5


@pytest.mark.parametrize("order", ["garbage", "short"])
async def test_an_answer_that_does_not_fit_is_a_failure(engine: LocalEmbeddings, order: str) -> None:
    with pytest.raises(EngineFailed):
        await engine.embed(EmbeddingRequest([order, "b"]))


async def test_who_leaves_takes_the_waiting_texts_along() -> None:
    engine = make(texts=2)
    first = asyncio.create_task(engine.embed(EmbeddingRequest(["slow"])))
    second = asyncio.create_task(engine.embed(EmbeddingRequest(["b", "c", "d"])))
    third = asyncio.create_task(engine.embed(EmbeddingRequest(["e"])))
    await asyncio.sleep(0)
    second.cancel()
    assert (await first).prompt_tokens == 4
    assert batches(await third) == [1]
    with pytest.raises(asyncio.CancelledError):
        await second
    await engine.stop()


async def test_leaving_at_any_moment_harms_nobody_else() -> None:
    engine = make(texts=2, wait_ns=0)
    await engine.embed(EmbeddingRequest(["warm"]))
    leavers = [asyncio.create_task(engine.embed(EmbeddingRequest([f"{n:03}"]))) for n in range(60)]
    stayers = [asyncio.create_task(engine.embed(EmbeddingRequest([f"{n:04}"]))) for n in range(60)]
    for leaver in leavers:
        await asyncio.sleep(0)
        leaver.cancel()
    assert {(await stayer).prompt_tokens for stayer in stayers} == {4}
    ended = await asyncio.gather(*leavers, return_exceptions=True)
    assert any(isinstance(one, asyncio.CancelledError) for one in ended)
    await engine.stop()


async def test_a_stop_fails_who_still_waits() -> None:
    engine = make(texts=1)
    await engine.embed(EmbeddingRequest(["warm"]))
    waiting = [asyncio.create_task(engine.embed(EmbeddingRequest(["slow"]))) for _ in range(3)]
    await asyncio.sleep(0)
    await engine.stop()
    for one in await asyncio.gather(*waiting, return_exceptions=True):
        assert isinstance(one, EngineFailed)
    with pytest.raises(EngineFailed, match="was stopped"):
        await engine.embed(EmbeddingRequest(["late"]))


async def test_a_full_queue_and_a_long_wait_are_busy() -> None:
    engine = make(patience_s=0.05, waiting=2)
    await engine.embed(EmbeddingRequest(["warm"]))
    running = asyncio.create_task(engine.embed(EmbeddingRequest(["slow"])))
    waiting = asyncio.create_task(engine.embed(EmbeddingRequest(["a", "b"])))
    await asyncio.sleep(0)
    with pytest.raises(Busy, match="2 batch texts wait"):
        await engine.embed(EmbeddingRequest(["c"]))
    with pytest.raises(Busy, match="no place at small within"):
        await waiting
    assert (await running).prompt_tokens == 4
    assert (await engine.embed(EmbeddingRequest(["d"], priority=Priority.LIVE))).prompt_tokens == 1
    await engine.stop()


def test_half_a_character_is_no_text() -> None:
    with pytest.raises(EngineRefused, match="input 1 has half a surrogate pair"):
        EmbeddingRequest(["caf\u00e9 \U0001f642", "\ud800"])


@pytest.mark.parametrize("inputs", [[], [""], ["a", ""], [[]]])
def test_nothing_cannot_be_asked_for(inputs: list[str | list[int]]) -> None:
    with pytest.raises(ValueError, match="nothing to embed"):
        EmbeddingRequest(inputs)
