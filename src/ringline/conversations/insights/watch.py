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

LAST_WORDS_S = 2.0
"""How long after a hang-up what was said last may still be on its way into the conversation."""

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
        self._calls: set[asyncio.Task[None]] = set()

    def hung_up(self, account_id: str, call_control_id: str) -> None:
        """A call has ended: its conversation is queued once the last words of it had time to arrive."""
        task = asyncio.create_task(self._after_call(account_id, call_control_id), name="insights of a call")
        self._calls.add(task)
        task.add_done_callback(self._calls.discard)

    def start(self) -> None:
        """Look."""
        self._task = asyncio.create_task(self._run(), name="insights")

    async def stop(self) -> None:
        """Look no more."""
        tasks = [self._task, *self._calls] if self._task else [*self._calls]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def look(self) -> None:
        """Queue what is idle, and end the runs whose job has ended without a word."""
        await self._store.tx(insight_runs.fail_abandoned, now=self._clock.utc())
        if self._idle_s:
            await self._intake.look(timedelta(seconds=self._idle_s))

    async def _after_call(self, account_id: str, call_control_id: str) -> None:
        await asyncio.sleep(LAST_WORDS_S)
        try:
            await self._intake.hung_up(account_id, call_control_id)
        except RinglineError as error:  # the next look finds it
            _log.warning("could not queue the insights of a call", error=str(error))

    async def _run(self) -> None:
        least, most = LOOK_S
        pause = min(most, max(least, self._idle_s / 4)) if self._idle_s else most
        while True:
            await asyncio.sleep(pause)
            try:
                await self.look()
            except RinglineError as error:
                _log.warning("could not look for idle conversations", error=str(error))
