"""Time is passed in: monotonic nanoseconds for order and durations, UTC for people."""

import time
from datetime import UTC, datetime, timedelta
from typing import Protocol

SECOND = 1_000_000_000
MILLISECOND = 1_000_000


class Clock(Protocol):
    """What a room may know of time."""

    def now_ns(self) -> int:
        """Monotonic nanoseconds from an arbitrary start."""
        ...

    def utc(self) -> datetime:
        """Wall-clock time, UTC, microseconds."""
        ...


class SystemClock:
    """The machine's clock."""

    def now_ns(self) -> int:
        """Monotonic nanoseconds (CLOCK_MONOTONIC)."""
        return time.monotonic_ns()

    def utc(self) -> datetime:
        """Wall-clock time."""
        return datetime.now(UTC)


class VirtualClock:
    """A clock that stands still until it is told to advance."""

    def __init__(self, start: datetime = datetime(2030, 1, 1, tzinfo=UTC)) -> None:
        self._start = start
        self._ns = 0

    def now_ns(self) -> int:
        """Nanoseconds advanced so far."""
        return self._ns

    def utc(self) -> datetime:
        """The start plus what was advanced."""
        return self._start + timedelta(microseconds=self._ns // 1000)

    def advance(self, seconds: float) -> None:
        """Move time forward; `seconds` ≥ 0."""
        if seconds < 0:
            raise ValueError(f"time cannot go back by {-seconds} s")
        self._ns += round(seconds * SECOND)
