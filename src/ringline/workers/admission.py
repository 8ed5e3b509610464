"""Who may use a worker now, who waits, who is sent away. Pure: time comes in as `now_ns`."""

import math
from collections import deque
from dataclasses import dataclass
from enum import StrEnum

from ringline.core.clock import SECOND
from ringline.core.errors import RinglineError

MAX_RETRY_AFTER = 60
# Weight of the newest service time in the running mean: follows a change within about ten requests.
SMOOTHING = 0.2


class Priority(StrEnum):
    """Live calls go before everything else."""

    LIVE = "live"
    BATCH = "batch"


class Busy(RinglineError):
    """No place for this request. `retry_after`: whole seconds ≥ 1, for a 429's `Retry-After`."""

    def __init__(self, what: str, retry_after: int) -> None:
        super().__init__(f"{what}; try again in {retry_after} s")
        self.retry_after = retry_after


@dataclass(frozen=True, slots=True)
class Limits:
    """`in_flight` requests run at once (≥ 1); each class has `waiting` places (≥ 1) of its own."""

    in_flight: int
    waiting: int

    def __post_init__(self) -> None:
        if self.in_flight < 1 or self.waiting < 1:
            raise ValueError(f"limits start at 1; got {self.in_flight} in flight, {self.waiting} waiting")


class Admission:
    """A bounded queue of two classes before a fixed number of places."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._waiting: dict[Priority, deque[int]] = {priority: deque() for priority in Priority}
        self._running: dict[int, int] = {}
        self._mean_ns = 0.0

    @property
    def waiting(self) -> int:
        """Requests in the queue, both classes."""
        return sum(len(queue) for queue in self._waiting.values())

    @property
    def running(self) -> int:
        """Requests that hold a place."""
        return len(self._running)

    def join(self, request: int, priority: Priority) -> None:
        """Queue a request; raises `Busy` when its class has no place left."""
        queue = self._waiting[priority]
        if len(queue) >= self._limits.waiting:
            raise Busy(f"{len(queue)} {priority} requests wait already", self.retry_after())
        queue.append(request)

    def take(self, now_ns: int) -> int | None:
        """Give a free place to the next request, live ones first; None when nothing can start."""
        if len(self._running) >= self._limits.in_flight:
            return None
        for queue in self._waiting.values():
            if queue:
                request = queue.popleft()
                self._running[request] = now_ns
                return request
        return None

    def release(self, request: int, now_ns: int) -> None:
        """The request has ended: its place is free again."""
        took = now_ns - self._running.pop(request)
        self._mean_ns = took if not self._mean_ns else (1 - SMOOTHING) * self._mean_ns + SMOOTHING * took

    def withdraw(self, request: int) -> bool:
        """Take a waiting request out of the queue; False if it does not wait."""
        for queue in self._waiting.values():
            if request in queue:
                queue.remove(request)
                return True
        return False

    def retry_after(self) -> int:
        """Whole seconds (1 to 60) after which the present queue should be worked off."""
        rounds = (self.waiting + len(self._running)) / self._limits.in_flight
        return min(MAX_RETRY_AFTER, max(1, math.ceil(rounds * self._mean_ns / SECOND)))
