"""Everything around a job: buckets in memory, a base model, a note of what is served."""

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path

from ringline.core.clock import Clock, VirtualClock
from ringline.core.ids import Ids
from ringline.finetune.command import CommandTrainer
from ringline.finetune.errors import TrainingError, TrainingFileError
from ringline.finetune.job import FineTuneJobs, Limits
from ringline.finetune.ports import Base, FineTuned
from ringline.finetune.service import KIND, FineTuning, Wanted
from ringline.finetune.state import Status
from ringline.finetune.task import Trainer
from ringline.jobs.runner import Jobs
from ringline.store import training
from ringline.store.db import Store
from ringline.store.training import Training, TrainingEvent

ACCOUNT = "account"
MODEL = "tiny"


def facts(*pairs: tuple[str, str]) -> bytes:
    """A training file."""
    lines = [
        {"messages": [{"role": "user", "content": question}, {"role": "assistant", "content": answer}]}
        for question, answer in pairs
    ]
    return "".join(json.dumps(line) + "\n" for line in lines).encode()


@dataclass
class MemoryFiles:
    """Buckets of one account."""

    held: dict[str, dict[str, bytes]] = field(default_factory=dict)
    failures: list[Exception] = field(default_factory=list)
    """What the next readings fail with."""

    async def buckets(self, account_id: str) -> list[str]:
        return sorted(self.held) if account_id == ACCOUNT else []

    async def keys(self, account_id: str, bucket: str) -> AsyncIterator[str]:
        for key in sorted(self.held[bucket]):
            yield key

    async def has(self, account_id: str, bucket: str, key: str) -> bool:
        return key in self.held.get(bucket, {})

    async def read(self, account_id: str, bucket: str, key: str) -> AsyncIterator[bytes]:
        if self.failures:
            raise self.failures.pop()
        if key not in self.held[bucket]:
            raise TrainingFileError(key, None, "gone")
        data = self.held[bucket][key]
        for start in range(0, len(data), 100):
            yield data[start : start + 100]


class OneBase:
    """One model that can be trained."""

    def __init__(self, weights: Path) -> None:
        self._weights = weights

    def base(self, model: str, account_id: str) -> Base:
        if model != MODEL:
            raise TrainingError(f"no model {model}")
        return Base(MODEL, self._weights)


@dataclass
class Shelf:
    """What is served, and with what content."""

    held: dict[str, tuple[str, bytes]] = field(default_factory=dict)
    refusal: Exception | None = None

    async def add(self, model: FineTuned) -> None:
        if self.refusal is not None:
            raise self.refusal
        assert model.owner == ACCOUNT
        self.held[model.name] = (model.base, await asyncio.to_thread(model.adapter.read_bytes))


def scripted(manner: str, steps: int = 6, *more: str) -> CommandTrainer:
    """The trainer of `script.py`."""
    return CommandTrainer(
        [sys.executable, str(Path(__file__).with_name("script.py")), manner, str(steps), *more]
    )


class Shop:
    """The jobs of a store."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        folder: Path,
        trainer: Trainer,
        *,
        ids: Ids | None = None,
        weights: Path = Path("/nowhere.gguf"),
        limits: Limits = Limits(),
        node: str = "n1",
    ) -> None:
        self.store = store
        self.clock = clock
        self.folder = folder
        self.trainer = trainer
        self.files = MemoryFiles({"training": {"facts.jsonl": facts(("one?", "1."), ("two?", "2."))}})
        self.served = Shelf()
        self.noted: list[tuple[str, str, int, str]] = []
        ids = ids or Ids()
        self.jobs = Jobs(store, clock, ids=ids, node=node, slots=1)
        bases = OneBase(weights)
        self.runs = FineTuneJobs(
            store,
            clock,
            ids,
            trainer=trainer,
            files=self.files,
            bases=bases,
            served=self.served,
            note=self._note,
            folder=folder,
            limits=limits,
        )
        self.jobs.register(KIND, self.runs.run, max_attempts=1000)
        self.service = FineTuning(store, clock, ids, jobs=self.jobs, files=self.files, bases=bases)

    def _note(self, account_id: str, model: str, tokens: int, seconds: float, *, source: str) -> None:
        self.noted.append((account_id, model, tokens, source))

    async def close(self) -> None:
        await self.jobs.stop()
        await self.trainer.stop()

    async def order(self, training_file: str = "training/facts.jsonl", **values: object) -> Training:
        wanted = Wanted(model=MODEL, training_file=training_file, **values)  # type: ignore[arg-type]  # a test's
        return await self.service.create(ACCOUNT, wanted)

    async def now(self, id: str) -> Training:
        found = await self.service.find(ACCOUNT, id)
        assert found is not None
        return found

    async def reaches(self, id: str, good: Callable[[Training], bool]) -> Training:
        """Wait until the job is as wanted; time passes meanwhile, for pauses after failures."""
        async with asyncio.timeout(30):
            while not good(one := await self.now(id)):
                await asyncio.sleep(0.01)
                if isinstance(self.clock, VirtualClock):
                    self.clock.advance(0.2)
                    self.jobs.wake()
        return one

    async def ends(self, id: str) -> Training:
        return await self.reaches(id, lambda one: Status(one.status).ended)

    async def told(self, id: str) -> list[TrainingEvent]:
        """The events of a job, oldest first."""
        found, _ = await self.store.read(training.events, id, limit=1000)
        return found[::-1]
