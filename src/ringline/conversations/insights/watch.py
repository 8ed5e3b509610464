"""Looks, from time to time, for conversations in which nothing is said any more."""

import asyncio
from datetime import timedelta

from ringline.conversations.insights.intake import Intake
from ringline.core import log
from ringline.core.clock import Clock
from ringline.core.errors import RinglineError
from ringline.store import insight_runs
from ringline.store.db import Store

LOOK_S = (0.5, 15.0)
"""Least and most seconds between two looks; in between, a quarter of the idle time."""

_log = log.get("insights")


class Watch:
    """The look-out of a node."""

    def __init__(self, store: Store, clock: Clock, intake: Intake, *, idle_s: float) -> None:
        """`idle_s` is how long nothing must have been said; 0 looks for no idle conversations."""
        self._store = store
        self._clock = clock
        self._intake = intake
        self._idle_s = idle_s
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Look."""
        self._task = asyncio.create_task(self._run(), name="insights")

    async def stop(self) -> None:
        """Look no more."""
        if self._task:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def look(self) -> None:
        """Queue what is idle, and end the runs whose job has ended without a word."""
        await self._store.tx(insight_runs.fail_abandoned, now=self._clock.utc())
        if self._idle_s:
            await self._intake.look(timedelta(seconds=self._idle_s))

    async def _run(self) -> None:
        least, most = LOOK_S
        while True:
            await asyncio.sleep(min(most, max(least, self._idle_s / 4)))
            try:
                await self.look()
            except RinglineError as error:
                _log.warning("could not look for idle conversations", error=str(error))
