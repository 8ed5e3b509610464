"""Fine-tuning jobs as their accounts see them: make one, look, cancel."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace

import sqlalchemy as sa

from ringline.core.clock import Clock
from ringline.core.ids import Ids
from ringline.finetune.gather import locate
from ringline.finetune.ports import Bases, Files
from ringline.finetune.state import Event, Status, move
from ringline.jobs.runner import Jobs
from ringline.store import training
from ringline.store.db import Store
from ringline.store.training import Level, Training, TrainingEvent

KIND = "fine_tune"
"""Of the durable job."""

LEARNING_RATE = 1e-3
"""What a `learning_rate_multiplier` of 1 means: usual for a LoRA, whose weights begin at nothing."""

BATCH = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """A job as it is asked for. `epochs` None: "auto"."""

    model: str
    training_file: str
    epochs: int | None = 3
    batch_size: int = BATCH
    learning_rate_multiplier: float = 1.0
    seed: int | None = None
    suffix: str | None = None
    metadata: Mapping[str, str] | None = None


class FineTuning:
    """The jobs of this server. Each method answers for one account."""

    def __init__(
        self, store: Store, clock: Clock, ids: Ids, *, jobs: Jobs, files: Files, bases: Bases
    ) -> None:
        self._store = store
        self._clock = clock
        self._ids = ids
        self._jobs = jobs
        self._files = files
        self._bases = bases

    async def create(self, account_id: str, wanted: Wanted) -> Training:
        """Queue a job; raises `TrainingError` for a model or a file that it cannot begin with."""
        base = self._bases.base(wanted.model, account_id)
        await locate(self._files, account_id, wanted.training_file)
        made = Training(
            id=model_name(base.name, wanted.suffix, self._ids.uuid()[:8]),
            account_id=account_id,
            job_id=self._ids.uuid(),
            model=base.name,
            training_file=wanted.training_file,
            status=Status.QUEUED,
            batch_size=wanted.batch_size,
            learning_rate=LEARNING_RATE * wanted.learning_rate_multiplier,
            seed=self._ids.u32() >> 1 if wanted.seed is None else wanted.seed,
            created_at=self._clock.utc(),
            suffix=wanted.suffix,
            n_epochs=wanted.epochs,
            metadata=wanted.metadata,
        )
        return await self._store.tx(self._queue, made)

    async def find(self, account_id: str, id: str) -> Training | None:
        """One job."""
        return await self._store.read(training.find, account_id, id)

    async def page(
        self, account_id: str, *, after: str | None = None, limit: int
    ) -> tuple[list[Training], bool]:
        """Jobs, newest first, and whether there are more."""
        return await self._store.read(training.page, account_id, after=after, limit=limit)

    async def events(
        self, id: str, *, after: str | None = None, limit: int
    ) -> tuple[list[TrainingEvent], bool]:
        """What a job told, newest first, and whether there is more."""
        return await self._store.read(training.events, id, after=after, limit=limit)

    async def cancel(self, account_id: str, id: str) -> Training | None:
        """End a job now; None for an unknown one. Raises `IllegalMove` for one that has ended."""
        one = await self.find(account_id, id)
        if one is None:
            return None
        now = self._clock.utc()

        def cancelled(current: Training) -> Training:
            status = move(Status(current.status), Event.CANCELLED)
            return replace(current, status=status, finished_at=now, estimated_finish=None)

        event = self._event(id, "info", "Cancelled.")
        done = await self._store.tx(training.revise, id, cancelled, event)
        await self._jobs.cancel(one.job_id, account_id=account_id)
        return done

    def _queue(self, conn: sa.Connection, made: Training) -> Training:
        training.create(conn, made)
        training.add_event(conn, self._event(made.id, "info", f"Created, to be trained on {made.model}."))
        self._jobs.queue(conn, made.job_id, KIND, {"id": made.id}, account_id=made.account_id)
        return made

    def _event(self, id: str, level: Level, message: str) -> TrainingEvent:
        return TrainingEvent(
            id=self._ids.uuid(),
            training_id=id,
            created_at=self._clock.utc(),
            level=level,
            type="message",
            message=message,
        )


def model_name(base: str, suffix: str | None, unique: str) -> str:
    """What the new model is called: never a slash, for it stands in paths."""
    parts = [re.sub(r"[^a-z0-9._]+", "-", part.lower()).strip("-.") for part in (base, suffix or "")]
    return "-".join(part[:48] for part in ("ft", *parts, unique) if part)
