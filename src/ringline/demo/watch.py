"""Watches the server's store while calls go on: the demo's timeline, as it grows."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import sqlalchemy as sa

from ringline.cli.database import Database
from ringline.cli.lookup import recent_legs
from ringline.core.clock import SystemClock
from ringline.timeline.entries import Entry, WebhookAttempted
from ringline.timeline.export import CallRecord, collect
from ringline.timeline.readers import webhooks

EVERY_S = 0.25
SETTLES_WITHIN_S = 3


class Watch:
    """`async with Watch(file, show):` calls `show(record, fresh)` when the first session has new entries."""

    def __init__(self, file: Path, show: Callable[[CallRecord, list[Entry]], None]) -> None:
        self.record: CallRecord | None = None
        """What is known so far, nothing masked: the demo's people are made up."""
        self._file = file
        self._show = show
        self._seen: set[tuple[object, ...]] = set()
        self._thread = ThreadPoolExecutor(1, "watch")
        self._task: asyncio.Task[None] | None = None
        self._database: Database | None = None

    async def __aenter__(self) -> "Watch":
        """Begin."""
        self._task = asyncio.create_task(self._follow())
        return self

    async def __aexit__(self, *_: object) -> None:
        """Look once more, and close the store."""
        assert self._task is not None
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        await self.look()
        self._thread.submit(self._close).result()
        self._thread.shutdown()

    async def look(self) -> None:
        """Show what is new."""
        record = await asyncio.get_running_loop().run_in_executor(self._thread, self._read)
        if record is None:
            return
        self.record = record
        fresh = [entry for entry in record.entries if _key(entry) not in self._seen]
        self._seen.update(map(_key, fresh))
        if fresh:
            self._show(record, fresh)

    async def settled(self) -> None:
        """Wait until every event is known to be delivered, for a while: an attempt is written after it."""
        for _ in range(SETTLES_WITHIN_S * 10):
            await self.look()
            if self.record and all(one.state == "delivered" for one in webhooks(self.record.entries)):
                return
            await asyncio.sleep(0.1)

    async def _follow(self) -> None:
        while True:
            await self.look()
            await asyncio.sleep(EVERY_S)

    def _read(self) -> CallRecord | None:
        if self._database is None:
            self._database = Database(sa.make_url(f"sqlite:///{self._file}"))
        return self._database.read(_first_session)

    def _close(self) -> None:
        if self._database is not None:
            self._database.close()


def _first_session(conn: sa.Connection) -> CallRecord | None:
    legs = recent_legs(conn, limit=100, alive=False)
    return collect(conn, legs[-1].session_id, now=SystemClock().utc(), redacted=False) if legs else None


def _key(entry: Entry) -> tuple[object, ...]:
    """What tells entries apart: attempts to deliver webhooks have no number of their own."""
    match entry.body:
        case WebhookAttempted() as tried:
            return entry.leg_id, tried.event_id, tried.attempt
        case _:
            return entry.leg_id, entry.seq
