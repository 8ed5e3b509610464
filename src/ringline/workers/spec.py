"""What a worker is told, what it tells, and how it fails."""

import sys
from collections.abc import Mapping
from dataclasses import dataclass, field

from ringline.core.errors import RinglineError
from ringline.workers.admission import Limits
from ringline.workers.lifecycle import Backoff, State


class WorkerFailed(RinglineError):
    """A request that its worker could not answer: refused by the engine, or the child died under it."""


@dataclass(frozen=True, slots=True)
class WorkerSpec:
    """One kind of child process. Times in seconds, memory in bytes.

    `factory` is `package.module:function`; the function takes `settings` (bytes, the engine's own encoding)
    and returns an `Engine`. `threads` reaches native libraries through the environment. `memory` limits what
    the child may allocate (RLIMIT_DATA); a request that needs more fails.
    """

    name: str
    factory: str
    settings: bytes = b""
    limits: Limits = field(default_factory=lambda: Limits(in_flight=1, waiting=32))
    threads: int = 1
    memory: int | None = None
    niceness: int = 0
    cpus: frozenset[int] = frozenset()
    environment: Mapping[str, str] = field(default_factory=dict)
    python: str = sys.executable
    start_within: float = 60.0
    answer_within: float = 30.0  # between Begin and an item, and between two items
    ping_every: float = 5.0
    pong_within: float = 15.0
    stop_within: float = 3.0
    idle_after: float | None = None  # then the child leaves and its memory is free; None: it stays
    backoff: Backoff = field(default_factory=Backoff)


@dataclass(frozen=True, slots=True)
class WorkerStatus:
    """A worker at one moment, for `/readyz`, metrics and people."""

    name: str
    state: State
    pid: int | None
    running: int
    waiting: int
    deaths: int
    resident: int  # bytes, from the last pong
    last_failure: str
