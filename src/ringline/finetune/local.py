"""The built-in trainer: a worker child that runs `lora.engine`."""

import contextlib
import importlib.util
from collections.abc import AsyncGenerator

import msgspec

from ringline.core.clock import Clock
from ringline.finetune.errors import NoTrainer
from ringline.finetune.task import Piece, Task, read_piece, write
from ringline.workers import Priority, Worker, WorkerSpec
from ringline.workers.admission import Limits

FACTORY = "ringline.finetune.lora.engine:train"
PACKAGES = ("gguf", "tokenizers", "jinja2")
"""What the extra `train` brings."""

STEP_WITHIN_S = 1800.0
"""Between two steps; one of many long conversations takes minutes on a small machine."""

WAIT_S = 24 * 3600.0
NICENESS = 15
IDLE_S = 10.0
"""Then the child leaves, and the weights' memory with it."""


class LocalTrainer:
    """One job at a time, on the processors that calls leave free."""

    def __init__(self, clock: Clock, *, threads: int, save_every: int) -> None:
        spec = WorkerSpec(
            name="training",
            factory=FACTORY,
            settings=msgspec.msgpack.encode({"save_every": save_every}),
            limits=Limits(in_flight=1, waiting=8),
            threads=threads,
            niceness=NICENESS,
            answer_within=STEP_WITHIN_S,
            idle_after=IDLE_S,
        )
        self.worker = Worker(spec, clock)

    async def train(self, task: Task) -> AsyncGenerator[Piece, None]:
        """See `Trainer`; raises `NoTrainer` when the extra is not installed, `WorkerFailed` for a death."""
        missing = [package for package in PACKAGES if importlib.util.find_spec(package) is None]
        if missing:
            raise NoTrainer(
                f"training on this server needs {', '.join(missing)}: pip install 'ringline[train]', "
                "or set training.command or training.url to a trainer elsewhere"
            )
        async with contextlib.aclosing(self.worker.stream(write(task), Priority.BATCH, WAIT_S)) as pieces:
            async for piece in pieces:
                yield read_piece(piece)

    async def forget(self, id: str) -> None:
        """The child has given the task up with the end of `train`."""

    async def stop(self) -> None:
        """End the child."""
        await self.worker.stop()
