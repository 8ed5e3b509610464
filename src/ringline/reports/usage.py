"""What was used, noted without waiting and written in batches.

A note is in the store within a second, at a stop at once. What a `kill -9` loses is the notes of the last
second, except those of calls: they are made good from the calls' own rows when the node starts again.
"""

import asyncio
from collections import deque
from contextlib import suppress

from ringline.core import log
from ringline.store import usage
from ringline.store.db import Store
from ringline.store.errors import StoreUnavailable
from ringline.store.usage import UsageKind, UsageRecord

__all__ = ["UsageKind", "UsageLog", "UsageRecord"]

BATCH = 500
"""Records of one transaction; so many do not wait for the second to pass."""

WAIT_S = 1.0

KEPT = 100_000
"""Records that are held while the store cannot be written; beyond it the oldest go."""

_log = log.get("usage")


class UsageLog:
    """The usage of this node: `note` from anywhere in the loop, `start` and `stop` with the node."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._noted: deque[UsageRecord] = deque()
        self._some = asyncio.Event()
        self._many = asyncio.Event()
        self._over = False
        self._writing = asyncio.Lock()
        self._task: asyncio.Task[None] | None = None
        self.lost = 0
        """Records that could not be written and are held no longer."""

    def note(self, record: UsageRecord) -> None:
        """Keep a record; never waits and never raises."""
        if len(self._noted) >= KEPT:
            self._noted.popleft()
            self.lost += 1
        self._noted.append(record)
        self._some.set()
        if len(self._noted) % BATCH == 0:
            self._many.set()

    async def flush(self) -> None:
        """Write everything noted so far; raises `StoreUnavailable`, and what was not written is held."""
        async with self._writing:
            while self._noted:
                batch = [self._noted.popleft() for _ in range(min(BATCH, len(self._noted)))]
                await self._write(batch)

    def start(self) -> None:
        """Begin to write."""
        self._task = asyncio.create_task(self._run(), name="usage")

    async def stop(self) -> None:
        """Write what is left."""
        self._over = True
        self._some.set()
        self._many.set()
        if self._task is not None:
            await self._task

    async def _write(self, batch: list[UsageRecord]) -> None:
        try:
            await self._store.tx(usage.add, batch)
        except StoreUnavailable:
            self._noted.extendleft(reversed(batch))
            raise
        except Exception:  # an edge: one record that no store takes must not hold up all others
            self.lost += len(batch)
            _log.exception("usage not writable", records=len(batch))

    async def _run(self) -> None:
        over = False
        while not over:
            await self._some.wait()
            await self._pause(WAIT_S)
            over = self._over
            self._some.clear()
            self._many.clear()
            try:
                await self.flush()
            except StoreUnavailable as error:
                _log.warning("usage waits for the store", records=len(self._noted), error=str(error))
                self._some.set()

    async def _pause(self, seconds: float) -> None:
        """Wait, but not when there is much to write or the end has come."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._many.wait()
