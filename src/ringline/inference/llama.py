"""The embedded chat model: a child with llama.cpp's server, one more for each adapter that is used."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import msgspec

from ringline.core.clock import Clock
from ringline.core.ids import Ids
from ringline.inference.errors import EngineFailed
from ringline.inference.llama_child import LlamaSettings
from ringline.inference.replicas import Endpoint
from ringline.workers import Busy, State, Worker, WorkerFailed, WorkerSpec
from ringline.workers.admission import Limits

FACTORY = "ringline.inference.llama_child:serve"
START_WITHIN_S = 120.0
ADDRESS_WITHIN_S = 150.0
"""The first request waits for the model to load."""


@dataclass(frozen=True, slots=True)
class LlamaPlan:
    """How a child is started. `idle_s`: unused for so long, it leaves and its memory is free.

    `idle_s` must exceed the longest answer: only beginnings count as use.
    """

    name: str
    model: Path
    context: int
    adapter: Path | None = None
    slots: int = 2
    threads: int = 1
    niceness: int = 5
    idle_s: float = 900.0


class Llama:
    """A `Replica` whose process is ours: started by the first request, and again after a death."""

    def __init__(self, plan: LlamaPlan, house: "LlamaHouse", clock: Clock, ids: Ids) -> None:
        self.name = plan.name
        self.users = 0
        self.used_ns = 0
        self._plan = plan
        self._house = house
        self._clock = clock
        self._key = ids.token(24)
        settings = LlamaSettings(
            model=str(plan.model),
            key=self._key,
            context=plan.context,
            slots=plan.slots,
            threads=plan.threads,
            adapter=str(plan.adapter) if plan.adapter else None,
        )
        spec = WorkerSpec(
            name=plan.name,
            factory=FACTORY,
            settings=msgspec.msgpack.encode(settings),
            limits=Limits(in_flight=4, waiting=10_000),
            threads=plan.threads,
            niceness=plan.niceness,
            start_within=START_WITHIN_S,
            idle_after=plan.idle_s,
        )
        self.worker = Worker(spec, clock)

    @property
    def is_up(self) -> bool:
        """Whether the child holds memory."""
        return self.worker.status().state in (State.STARTING, State.READY)

    async def stop(self) -> None:
        """End the child and what it is busy with."""
        await self.worker.stop()

    @asynccontextmanager
    async def lease(self) -> AsyncIterator[Endpoint]:
        """The child's address; it is started if need be, and not evicted until the answer is over."""
        for file in (self._plan.model, self._plan.adapter):
            if file is not None and not file.is_file():
                raise EngineFailed(
                    f"The weights {file.name} are not installed: run `ringline models pull`, or name an "
                    "engine in inference.upstream.",
                    503,
                )
        self.users += 1
        self.used_ns = self._clock.now_ns()
        self._house.make_room(self)
        try:
            try:
                url = await self.worker.call(b"", wait=ADDRESS_WITHIN_S)
            except (WorkerFailed, Busy) as error:
                raise EngineFailed(f"The model {self.name} cannot be run: {error}", 503) from error
            yield Endpoint(url.decode(), self._key)
        finally:
            self.users -= 1


class LlamaHouse:
    """All children of this node: at most `loaded` of them stay up when others are wanted."""

    def __init__(self, loaded: int, clock: Clock, ids: Ids) -> None:
        self._loaded = loaded
        self._clock = clock
        self._ids = ids
        self._children: dict[str, Llama] = {}

    def __contains__(self, name: str) -> bool:
        return name in self._children

    def add(self, plan: LlamaPlan) -> Llama:
        """A child of that name; nothing is started yet."""
        child = self._children[plan.name] = Llama(plan, self, self._clock, self._ids)
        return child

    def drop(self, name: str) -> Llama:
        """Forget a child, so that another can have its name; whoever drops it stops it."""
        return self._children.pop(name)

    def make_room(self, wanted: Llama) -> None:
        """Let the child go that nobody has used for longest, if `wanted` makes one too many."""
        others = [child for child in self._children.values() if child is not wanted and child.is_up]
        idle = sorted((child for child in others if not child.users), key=lambda child: child.used_ns)
        for child in idle[: max(0, len(others) + 1 - self._loaded)]:
            child.worker.evict()

    async def stop(self) -> None:
        """End every child."""
        for name in tuple(self._children):
            await self.drop(name).stop()
