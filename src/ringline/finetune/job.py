"""The durable job that trains: from the bucket's files to a model that answers under the job's id."""

import asyncio
import contextlib
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from ringline.core import log
from ringline.core.clock import SECOND, Clock
from ringline.core.errors import RinglineError
from ringline.core.ids import Ids
from ringline.finetune.errors import TrainingError
from ringline.finetune.gather import gather, locate
from ringline.finetune.ports import Bases, Files, FineTuned, Note, Served
from ringline.finetune.state import Event, IllegalMove, Status, move
from ringline.finetune.task import Finished, Kept, Piece, Planned, Refused, Stepped, Task, Trainer
from ringline.jobs.run import JobFailed, Run
from ringline.store import training
from ringline.store.db import Store
from ringline.store.training import EventType, Level, Training, TrainingEvent

ATTEMPTS = 5
"""Lives of a job, kills and restarts of what trains included, after which it is given up."""

TOLD_NS = SECOND
TOLD_PART = 500
"""A step is told no more often than this, nor than this part of the time that the attempt has taken: days of
training leave some thousands of events. The last step is always told."""

GGUF = b"GGUF"

_log = log.get("finetune")


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """`longest`: tokens of one conversation; `max_bytes`: of all files of a job."""

    longest: int = 1024
    max_bytes: int = 100_000_000


class FineTuneJobs:
    """Runs jobs of the kind `service.KIND`."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        ids: Ids,
        *,
        trainer: Trainer,
        files: Files,
        bases: Bases,
        served: Served,
        note: Note,
        folder: Path,
        limits: Limits = Limits(),
    ) -> None:
        self._store = store
        self._clock = clock
        self._ids = ids
        self._trainer = trainer
        self._files = files
        self._bases = bases
        self._served = served
        self._note = note
        self._folder = folder
        self._limits = limits

    async def serve_finished(self) -> None:
        """Serve what earlier lives of this server have trained; what cannot be served is logged."""
        for one in await self._store.read(training.with_status, Status.SUCCEEDED):
            try:
                await self._serve(one)
            except RinglineError as error:
                _log.warning("fine-tuned model not served", model=one.id, reason=str(error))

    async def _serve(self, one: Training) -> None:
        adapter = self._adapter(one.id)
        if not await asyncio.to_thread(_is_gguf, adapter):
            raise TrainingError(f"{adapter} is gone")
        created = int(one.created_at.timestamp())
        await self._served.add(FineTuned(one.id, one.model, adapter, one.account_id, created))

    async def run(self, run: Run) -> str:
        """One attempt at a job."""
        one = await self._store.read(training.find, run.job.account_id, run.args["id"])
        if one is None or Status(one.status).ended:
            return "gone"  # cancelled before it began
        try:
            await self._attempt(run, one)
        except asyncio.CancelledError:
            if run.cancelled:
                await self._drop(one.id)
            raise
        except IllegalMove:  # cancelled, which this attempt sees before it hears
            await self._drop(one.id)
            return "cancelled"
        except TrainingError as error:
            raise await self._failed(one, str(error), error.parameter) from error
        except (RinglineError, OSError) as error:  # a full disk among them
            if run.job.attempts >= ATTEMPTS:
                raise await self._failed(one, f"given up after {ATTEMPTS} attempts: {error}", None) from error
            await self._tell(one.id, "warn", f"Broke off and will be tried again: {error}")
            raise
        return "trained"

    async def _attempt(self, run: Run, one: Training) -> None:
        if run.job.attempts > ATTEMPTS:
            raise TrainingError(f"given up: the server broke off {ATTEMPTS} times while at it")
        base = self._bases.base(one.model, one.account_id)
        one = replace(one, started_at=one.started_at or self._clock.utc())
        await self._change(one.id, Event.STARTED, started_at=one.started_at)
        folder = self._folder / one.id
        task = Task(
            id=one.id,
            model=base.name,
            weights=str(base.weights),
            data=str(folder / "data.jsonl"),
            state=str(folder / "state"),
            adapter=str(self._adapter(one.id)),
            epochs=one.n_epochs,
            batch_size=one.batch_size,
            learning_rate=one.learning_rate,
            seed=one.seed,
            longest=self._limits.longest,
            suffix=one.suffix,
        )
        data = Path(task.data)
        await asyncio.to_thread(folder.mkdir, mode=0o750, parents=True, exist_ok=True)
        if not await asyncio.to_thread(data.exists):
            chosen = await locate(self._files, one.account_id, one.training_file)
            found = await gather(self._files, one.account_id, chosen, data, self._limits.max_bytes)
            await self._tell(one.id, "info", f"Read {found} conversations from {one.training_file}.")
        await self._train(run, one, task)

    async def _train(self, run: Run, one: Training, task: Task) -> None:
        watch = _Watch(self._clock)
        async with contextlib.aclosing(self._trainer.train(task)) as pieces:
            async for piece in pieces:
                await self._hear(run, one, task, piece, watch)
                if isinstance(piece, Finished):
                    return
        raise TrainingError("the trainer ended without saying that it has finished")

    async def _hear(self, run: Run, one: Training, task: Task, piece: Piece, watch: "_Watch") -> None:
        match piece:
            case Planned():
                watch.begin(piece.step)
                await self._change(one.id, None, n_epochs=piece.epochs, steps=piece.steps, step=piece.step)
                what = f"going on after step {piece.step}" if piece.step else f"{piece.examples} examples"
                await self._tell(one.id, "info", f"Training: {what}, {piece.steps} steps.")
            case Stepped():
                await run.progress(piece.step, piece.steps)
                if watch.due(piece):
                    await self._stepped(one.id, piece, watch)
            case Kept():
                if watch.due_kept():
                    await self._tell(one.id, "info", f"Saved what was learnt up to step {piece.step}.")
            case Refused():
                refusal = TrainingError(piece.reason)
                refusal.parameter = piece.parameter
                raise refusal
            case Finished():
                await self._finished(one, task, piece)

    async def _stepped(self, id: str, piece: Stepped, watch: "_Watch") -> None:
        eta = watch.eta(piece)
        finish = None if eta is None else self._clock.utc() + eta
        await self._change(id, None, step=piece.step, loss=piece.loss, estimated_finish=finish)
        data = {
            "step": piece.step,
            "total_steps": piece.steps,
            "train_loss": piece.loss,
            "tokens": piece.tokens,
            "tokens_per_second": watch.tokens_per_second(piece),
            "eta_seconds": None if eta is None else eta.total_seconds(),
        }
        message = f"Step {piece.step}/{piece.steps}: training loss={piece.loss:.4f}"
        await self._tell(id, "info", message, "metrics", data)

    async def _finished(self, one: Training, task: Task, piece: Finished) -> None:
        if not await asyncio.to_thread(_is_gguf, Path(task.adapter)):
            raise TrainingError("the trainer left no GGUF adapter")
        try:
            await self._serve(one)
        except RinglineError as error:
            raise TrainingError(f"trained, but the adapter cannot be served: {error}") from error
        now = self._clock.utc()
        told = self._event(one.id, "info", f"Finished: the model answers as {one.id}.")
        await self._change(
            one.id,
            Event.SUCCEEDED,
            told,
            trained_tokens=piece.tokens,
            finished_at=now,
            estimated_finish=None,
        )
        seconds = (now - (one.started_at or one.created_at)).total_seconds()
        self._note(one.account_id, task.model, piece.tokens, seconds, source=one.id)
        for path in (task.data, task.state):
            await asyncio.to_thread(Path(path).unlink, missing_ok=True)

    async def _drop(self, id: str) -> None:
        await self._trainer.forget(id)
        await asyncio.to_thread(shutil.rmtree, self._folder / id, ignore_errors=True)

    async def _failed(self, one: Training, reason: str, parameter: str | None) -> JobFailed:
        await asyncio.to_thread(shutil.rmtree, self._folder / one.id, ignore_errors=True)
        with contextlib.suppress(IllegalMove):  # cancelled meanwhile: that is how it ended then
            await self._change(
                one.id,
                Event.FAILED,
                self._event(one.id, "error", f"Failed: {reason}"),
                error=reason,
                error_parameter=parameter,
                finished_at=self._clock.utc(),
                estimated_finish=None,
            )
        return JobFailed(reason)

    async def _change(
        self, id: str, event: Event | None, told: TrainingEvent | None = None, **values: Any
    ) -> None:
        """Raises `IllegalMove` when the job has been cancelled."""

        def changed(current: Training) -> Training:
            status = Status(current.status)
            if event is None and status.ended:
                raise IllegalMove(status, Event.STARTED)
            return replace(current, status=status if event is None else move(status, event), **values)

        await self._store.tx(training.revise, id, changed, *([told] if told else []))

    async def _tell(
        self,
        id: str,
        level: Level,
        message: str,
        type: EventType = "message",
        data: Mapping[str, Any] | None = None,
    ) -> None:
        await self._store.tx(training.add_event, self._event(id, level, message, type, data))

    def _event(
        self,
        id: str,
        level: Level,
        message: str,
        type: EventType = "message",
        data: Mapping[str, Any] | None = None,
    ) -> TrainingEvent:
        return TrainingEvent(
            id=self._ids.uuid(),
            training_id=id,
            created_at=self._clock.utc(),
            level=level,
            type=type,
            message=message,
            data=data,
        )

    def _adapter(self, id: str) -> Path:
        return self._folder / id / "adapter.gguf"


class _Watch:
    """How fast an attempt is."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._told_ns: dict[str, int] = {}
        self.begin(0)

    def begin(self, step: int) -> None:
        self._began_ns = self._clock.now_ns()
        self._first_step = step
        self._first_tokens: int | None = None

    def due(self, piece: Stepped) -> bool:
        """Whether this step is to be told."""
        if self._first_tokens is None:
            # Of the tokens, only those of this attempt say how fast it is.
            done = piece.step - self._first_step
            self._first_tokens = piece.tokens - piece.tokens * done // max(1, piece.step)
        return self._rarely("step") or piece.step >= piece.steps

    def due_kept(self) -> bool:
        """Whether a saving is to be told."""
        return self._rarely("kept")

    def _rarely(self, what: str) -> bool:
        now = self._clock.now_ns()
        pause = max(TOLD_NS, (now - self._began_ns) // TOLD_PART)
        if what in self._told_ns and now - self._told_ns[what] < pause:
            return False
        self._told_ns[what] = now
        return True

    def _seconds(self) -> float:
        return max(1e-9, (self._clock.now_ns() - self._began_ns) / SECOND)

    def tokens_per_second(self, piece: Stepped) -> float:
        return round((piece.tokens - (self._first_tokens or 0)) / self._seconds(), 1)

    def eta(self, piece: Stepped) -> timedelta | None:
        done = piece.step - self._first_step
        if done < 1:
            return None
        return timedelta(seconds=round((piece.steps - piece.step) * self._seconds() / done, 1))


def _is_gguf(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return file.read(len(GGUF)) == GGUF
    except OSError:
        return False
