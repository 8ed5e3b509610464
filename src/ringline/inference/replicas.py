"""Where an engine listens, and which of several such places the next request goes to."""

import asyncio
import random
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from typing import Protocol

from ringline.core.clock import SECOND, Clock
from ringline.inference.breaker import Breaker, Trip
from ringline.inference.errors import EngineFailed, EngineTimeout
from ringline.workers import Busy

TRIES = 3
"""Replicas that one request is given to, at most."""

WORTH_ANOTHER = frozenset({None, 502, 503})
"""Statuses after which another replica is asked, beside 429; None is no answer at all.

A 500 may be the request's fault, and so would be had from every replica; a time that has passed is gone.
"""

JITTER_S = 0.1
"""Longest wait before another try; the other replica is another machine, so there is little to wait for."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Base URL of an OpenAI-compatible API (it ends before `/chat/completions`) and its key, or none."""

    url: str
    key: str = ""

    def headers(self) -> dict[str, str]:
        """What every request to it carries."""
        key = {"authorization": f"Bearer {self.key}"} if self.key else {}
        return key | {"accept-encoding": "identity"}


class Replica(Protocol):
    """One place that can answer for an engine."""

    name: str

    def lease(self) -> AbstractAsyncContextManager[Endpoint]:
        """Where to ask, for as long as the answer takes; the place stays up meanwhile.

        Raises `EngineFailed` when there is nothing to ask.
        """
        ...


class FixedReplica:
    """A URL of the configuration."""

    def __init__(self, url: str, key: str = "") -> None:
        self.name = url
        self._endpoint = Endpoint(url.rstrip("/"), key)

    @asynccontextmanager
    async def lease(self) -> AsyncIterator[Endpoint]:
        """The URL; it is up or not without us."""
        yield self._endpoint


@dataclass(slots=True)
class Slot:
    """A replica, its circuit, and the requests it is busy with."""

    replica: Replica
    breaker: Breaker
    in_flight: int = 0
    picked: int = 0


class Balance:
    """Gives each request the replica with the fewest others; of equals, the one not used for longest."""

    def __init__(self, replicas: Sequence[Replica], clock: Clock, trip: Trip = Trip()) -> None:
        self.slots = [Slot(replica, Breaker(trip)) for replica in replicas]
        self._clock = clock
        self._picks = 0

    def pick(self, tried: Sequence[Slot] = ()) -> Slot | None:
        """The replica for a request that `tried` some already; None when every circuit is open.

        One that was tried is picked again only when no other can be.
        """
        now = self._clock.now_ns()
        open_for = [slot for slot in self.slots if slot.breaker.admits(now)]
        if not open_for:
            return None
        slot = min(open_for, key=lambda one: (one in tried, one.in_flight, one.picked))
        self._picks += 1
        slot.picked = self._picks
        slot.breaker = slot.breaker.began()
        return slot

    def retry_after(self) -> int:
        """Whole seconds, at least 1, until a circuit lets a trial through."""
        now = self._clock.now_ns()
        return max(1, -(-min(slot.breaker.until_ns - now for slot in self.slots) // SECOND))


class Tries:
    """The replicas that one request to `engine` is given, one after the other."""

    def __init__(self, balance: Balance, engine: str, chance: Callable[[], float] = random.random) -> None:
        self._balance = balance
        self._engine = engine
        self._chance = chance
        self._tried: list[Slot] = []
        self._failed: EngineFailed | Busy | None = None

    def next(self) -> Slot:
        """The next one; raises the last failure, or `EngineFailed`, when every circuit is open."""
        slot = self._balance.pick(self._tried)
        if slot is None:
            raise self._failed or EngineFailed(
                f"No engine of {self._engine} can be reached.", 503, self._balance.retry_after()
            )
        self._tried.append(slot)
        return slot

    async def go_on(self, error: EngineFailed | Busy) -> bool:
        """Whether another replica is worth asking after `error`; True comes when it may be asked."""
        if len(self._tried) >= TRIES or not _is_worth_another(error):
            return False
        self._failed = error
        await asyncio.sleep(JITTER_S * self._chance())
        return True


def _is_worth_another(error: EngineFailed | Busy) -> bool:
    match error:
        case Busy():
            return True
        case EngineTimeout():
            return False
        case EngineFailed(status=status):
            return status in WORTH_ANOTHER
