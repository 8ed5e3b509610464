"""An embedding model in a worker child, with what is asked at the same time put into common batches."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from ringline.core.clock import SECOND, Clock, SystemClock
from ringline.core.errors import ProtocolError
from ringline.inference.embedding import CUT_TO_CONTEXT, Embedded, EmbeddingRequest
from ringline.inference.embedding_batching import Batching, BatchLimits, Piece
from ringline.inference.embedding_job import (
    EmbeddingAnswer,
    EmbeddingJob,
    Input,
    Vectors,
    read_answer,
    too_long,
    write_job,
)
from ringline.inference.errors import EngineFailed, EngineRefused
from ringline.workers import Busy, Priority, Worker, WorkerFailed

CHARACTERS_PER_TOKEN = 4
"""Of plain English; only to tell how much work waits, the tokenizer counts what is billed."""
MOST_CHARACTERS_PER_TOKEN = 128
"""A longer text cannot fit (WordPiece makes one token of 100 characters at most): the child is spared it."""
TOO_LONG = "context_length_exceeded"
"""OpenAI's code for it."""
SPECIAL = 2
"""Tokens that are put around a text."""


@dataclass(frozen=True, slots=True)
class LocalModel:
    """What the parent knows of a model: its name, the tokens it can read, the length of its vectors."""

    name: str
    context: int
    dimensions: int


@dataclass(slots=True)
class _Pending:
    inputs: Sequence[str | list[int]]
    cut: int
    vectors: Vectors
    done: asyncio.Future[None]
    left: int
    tokens: int = 0
    begun: asyncio.Event = field(default_factory=asyncio.Event)


class LocalEmbeddings:
    """Batches through one worker, `places` of them at a time.

    `patience_s` is how long the first text of a request may wait before the request is sent away.
    """

    def __init__(
        self,
        model: LocalModel,
        worker: Worker,
        limits: BatchLimits,
        places: int = 1,
        patience_s: float = 10.0,
        clock: Clock | None = None,
    ) -> None:
        self._model = model
        self._worker = worker
        self._batching = Batching(limits)
        self._places = places
        self._patience_s = patience_s
        self._clock = clock or SystemClock()
        self._pending: dict[int, _Pending] = {}
        self._next = 0
        self._running: set[asyncio.Task[None]] = set()
        self._timer: asyncio.TimerHandle | None = None

    async def embed(self, request: EmbeddingRequest) -> Embedded:
        """Embed all inputs; raises `EngineRefused` (400), `EngineFailed` or `Busy`."""
        number, pending = self._enter(request)
        try:
            try:
                async with asyncio.timeout(self._patience_s):
                    await pending.begun.wait()
            except TimeoutError:
                if not pending.begun.is_set():
                    raise Busy(
                        f"no place at {self._model.name} within {self._patience_s:g} s",
                        self._batching.retry_after(),
                    ) from None
            await pending.done
        finally:
            del self._pending[number]
            pending.done.cancel()
            if pending.left:
                self._batching.withdraw(number)
        return Embedded(pending.vectors, pending.tokens, self._model.name)

    async def stop(self) -> None:
        """End the child."""
        if self._timer:
            self._timer.cancel()
        await self._worker.stop()
        while self._running:
            await asyncio.gather(*self._running)

    def _enter(self, request: EmbeddingRequest) -> tuple[int, _Pending]:
        model = self._model
        if request.dimensions not in (None, model.dimensions):
            raise EngineRefused(
                400,
                f"The model {model.name} has {model.dimensions} dimensions and cannot be asked for "
                f"{request.dimensions}.",
                "dimensions",
            )
        cut = model.context if request.cut == CUT_TO_CONTEXT else min(request.cut or 0, model.context)
        inputs = [self._bounded(place, one, cut) for place, one in enumerate(request.inputs)]
        vectors = np.empty((len(inputs), model.dimensions), np.float32)
        done = asyncio.get_running_loop().create_future()
        pending = _Pending(inputs, cut, vectors, done, len(inputs))
        number = self._next
        self._next += 1
        weights = [min(self._model.context, _estimate(one)) for one in inputs]
        self._batching.add(number, weights, request.priority, self._clock.now_ns())
        self._pending[number] = pending
        self._pump()
        return number, pending

    def _bounded(self, place: int, one: Input, cut: int) -> str | list[int]:
        """An input that costs the child no more than the model's context is worth."""
        context = self._model.context
        most = context * MOST_CHARACTERS_PER_TOKEN if isinstance(one, str) else context
        if len(one) > most and not cut:
            raise _refused(place, too_long(_estimate(one), context), TOO_LONG)
        return one[:most] if isinstance(one, str) else list(one[:most])

    # ------------------------------------------------------------------ batches

    def _pump(self) -> None:
        """Begin batches while there are places and something is due."""
        if self._timer:
            self._timer.cancel()
            self._timer = None
        while len(self._running) < self._places:
            now = self._clock.now_ns()
            batch = self._batching.take(now)
            if not batch:
                due = self._batching.due_ns()
                if due is not None:
                    loop = asyncio.get_running_loop()
                    self._timer = loop.call_later((due - now) / SECOND, self._pump)
                return
            # Now, not in the task: by the time that it runs a request may have left.
            asked = [self._pending[piece.request] for piece in batch]
            for pending in asked:
                pending.begun.set()
            task = asyncio.create_task(self._run(batch, asked), name=f"embed {len(batch)} texts")
            self._running.add(task)

    async def _run(self, batch: Sequence[Piece], asked: Sequence[_Pending]) -> None:
        job = EmbeddingJob(
            [pending.inputs[piece.index] for pending, piece in zip(asked, batch, strict=True)],
            [pending.cut for pending in asked],
        )
        began = self._clock.now_ns()
        try:
            # The queue is here, not at the worker: what gets so far waits for nothing but the child's start.
            start = self._worker.spec.start_within
            written = await self._worker.call(write_job(job), Priority.LIVE, start)
            # The child has its next batch before anybody here hears of this one: all their answers take time.
            self._leave()
            answer = read_answer(written)
            self._hand_out(answer, answer.rows(), batch, asked)
            self._batching.measured(sum(answer.tokens), self._clock.now_ns() - began)
        except (WorkerFailed, ProtocolError, Busy) as error:
            for pending in asked:
                _fail(pending, EngineFailed(f"{error}.", 503, 1))
        finally:
            self._leave()

    def _leave(self) -> None:
        """The current task's place is free."""
        task = asyncio.current_task()
        if task in self._running:
            self._running.discard(task)
            self._pump()

    def _hand_out(
        self, answer: EmbeddingAnswer, rows: Vectors, batch: Sequence[Piece], asked: Sequence[_Pending]
    ) -> None:
        if rows.shape != (len(batch), self._model.dimensions):
            raise ProtocolError(f"vectors of shape {rows.shape} for {len(batch)} texts")
        for place, (pending, piece) in enumerate(zip(asked, batch, strict=True)):
            if reason := answer.refused.get(place):
                code = TOO_LONG if answer.tokens[place] > self._model.context else None
                _fail(pending, _refused(piece.index, reason, code))
                continue
            pending.vectors[piece.index] = rows[place]
            pending.tokens += answer.tokens[place]
            pending.left -= 1
            if not pending.left and not pending.done.done():
                pending.done.set_result(None)


def _estimate(one: Input) -> int:
    return len(one) // CHARACTERS_PER_TOKEN + SPECIAL if isinstance(one, str) else len(one)


def _refused(place: int, reason: str, code: str | None) -> EngineRefused:
    return EngineRefused(400, f"input {place} cannot be embedded: {reason}.", "input", code)


def _fail(pending: _Pending, error: Exception) -> None:
    if not pending.done.done():
        pending.done.set_exception(error)
