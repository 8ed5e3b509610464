"""Forgets what is old: calls and their events, jobs, usage, expired media and keys, objects of nobody."""

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta

import sqlalchemy as sa

from ringline.core import log
from ringline.core.clock import Clock
from ringline.core.errors import RinglineError
from ringline.node.orphans import Orphans
from ringline.storage.objects import ObjectStore
from ringline.store import deliveries, idempotency, jobs, legs, media, usage
from ringline.store.db import Store
from ringline.timeline import log as timeline_log

ROUND_S = 60.0

Purge = Callable[[sa.Connection, datetime], int]


class Retention:
    """A slow broom."""

    def __init__(
        self,
        store: Store,
        objects: ObjectStore,
        clock: Clock,
        *,
        days: int,
        usage_days: int,
        orphans: Orphans,
    ) -> None:
        """`days` is how long what happened is kept, `usage_days` what it cost; 0 keeps it for ever."""
        self._store = store
        self._objects = objects
        self._clock = clock
        self._usage_days = usage_days
        self._orphans = orphans
        self._days = days
        self._task: asyncio.Task[None] | None = None
        self._log = log.get("retention")

    def start(self) -> None:
        """Sweep every minute."""
        self._task = asyncio.create_task(self._run(), name="retention")

    async def stop(self) -> None:
        """Sweep no more."""
        if self._task:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def sweep(self) -> None:
        """Forget everything that is due now."""
        now = self._clock.utc()
        await self._store.tx(idempotency.purge, now)
        for gone in await self._store.tx(media.purge, now):
            await self._objects.delete(gone.object_key)
        await self._forget(self._days, timeline_log.purge, deliveries.purge, legs.purge, jobs.purge)
        await self._forget(self._usage_days, usage.purge)
        await self._orphans.sweep_shelf(now)

    async def _forget(self, days: int, *purges: Purge) -> None:
        if not days:
            return
        before = self._clock.utc() - timedelta(days=days)
        for purge in purges:
            while await self._store.tx(purge, before):
                pass

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(ROUND_S)
            try:
                await self.sweep()
            except RinglineError as error:
                self._log.warning("could not forget what is old", error=str(error))
