"""The door of one model: a bounded queue of two classes before its places."""

import asyncio
import itertools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from ringline.core.clock import Clock
from ringline.workers import Busy, Priority
from ringline.workers.admission import Admission, Limits


class Gate:
    """Lets so many requests in at once; the others wait, live calls before the rest."""

    def __init__(self, name: str, limits: Limits, clock: Clock) -> None:
        self._name = name
        self._clock = clock
        self._admission = Admission(limits)
        self._numbers = itertools.count()
        self._waiting: dict[int, asyncio.Event] = {}

    @property
    def running(self) -> int:
        """Requests inside."""
        return self._admission.running

    @property
    def waiting(self) -> int:
        """Requests before the door."""
        return self._admission.waiting

    @asynccontextmanager
    async def place(self, priority: Priority, wait_s: float) -> AsyncIterator[None]:
        """Hold a place; raises `Busy` at once when the queue is full, or after `wait_s` seconds in it."""
        number = next(self._numbers)
        self._admission.join(number, priority)
        entered = self._waiting[number] = asyncio.Event()
        self._pump()
        try:
            if not entered.is_set():
                try:
                    async with asyncio.timeout(wait_s):
                        await entered.wait()
                except TimeoutError:
                    if not entered.is_set():
                        raise Busy(
                            f"no place at {self._name} within {wait_s:g} s", self._admission.retry_after()
                        ) from None
            yield
        finally:
            if not self._admission.withdraw(number):
                self._admission.release(number, self._clock.now_ns())
            self._waiting.pop(number, None)
            self._pump()

    def _pump(self) -> None:
        while (number := self._admission.take(self._clock.now_ns())) is not None:
            self._waiting.pop(number).set()
