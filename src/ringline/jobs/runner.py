"""Runs jobs: one runner at a time for each, again after a failure, on from the checkpoint after a kill."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import msgspec
import sqlalchemy as sa

from ringline.core import log
from ringline.core.clock import SECOND, Clock
from ringline.core.ids import Ids
from ringline.jobs.run import JobFailed, Run
from ringline.store import jobs as table
from ringline.store.db import Store
from ringline.store.errors import StoreUnavailable
from ringline.store.jobs import Job, JobState
from ringline.store.transaction import announce
from ringline.store.types import EPOCH

TOPIC = "jobs"
"""Announced by a commit that leaves something for the runner."""

LEASE = timedelta(seconds=30)
RENEW_NS = 10 * SECOND
IDLE_NS = 5 * SECOND
"""How often jobs are looked at without being told to: another node may have died."""

BACKOFF = (timedelta(seconds=1), timedelta(minutes=5))
"""First and longest pause after a failure; it doubles each time, and half of it is chance."""

MAX_ATTEMPTS = 5

_log = log.get("jobs")


@dataclass(frozen=True, slots=True)
class Kind:
    """What runs a kind of job, and how often at most."""

    run: Callable[[Run], Awaitable[Any]]
    max_attempts: int


class Jobs:
    """The server's jobs: `register` kinds, `start`; `submit` from anywhere."""

    def __init__(self, store: Store, clock: Clock, *, ids: Ids, node: str, slots: int = 2) -> None:
        """`node` names this process among those that share the store; `slots` jobs run at once."""
        self._store = store
        self._clock = clock
        self._ids = ids
        self._node = node
        self._slots = slots
        self._kinds: dict[str, Kind] = {}
        self._running: dict[str, tuple[Run, asyncio.Task[None]]] = {}
        self._awake = asyncio.Event()
        self._look_at = 0
        self._runner: asyncio.Task[None] | None = None
        self.counts: Counter[str] = Counter()
        """`succeeded`, `failed`, `cancelled`, `retried`, `lost`, `store_errors`, `faults` since the start."""
        store.listen(TOPIC, self.wake)

    def register(
        self, kind: str, fn: Callable[[Run], Awaitable[Any]], *, max_attempts: int = MAX_ATTEMPTS
    ) -> None:
        """`fn` runs jobs of `kind`; its result must be JSON. Any exception but `JobFailed` is tried again."""
        self._kinds[kind] = Kind(fn, max_attempts)

    async def submit(self, kind: str, args: Any, *, account_id: str, run_at: datetime | None = None) -> str:
        """Queue a job and return its id."""
        job_id = self._ids.uuid()
        await self._store.tx(self.queue, job_id, kind, args, account_id=account_id, run_at=run_at)
        return job_id

    def queue(
        self,
        conn: sa.Connection,
        job_id: str,
        kind: str,
        args: Any,
        *,
        account_id: str,
        run_at: datetime | None = None,
    ) -> None:
        """Queue a job as part of the caller's transaction. KeyError for a kind that nobody registered."""
        now = self._clock.utc()
        table.add(
            conn,
            job_id=job_id,
            account_id=account_id,
            kind=kind,
            args=args,
            max_attempts=self._kinds[kind].max_attempts,
            run_at=run_at or now,
            now=now,
        )
        announce(conn, TOPIC)

    async def find(self, job_id: str, *, account_id: str) -> Job | None:
        """A job as it is now."""
        return await self._store.read(table.find, account_id, job_id)

    async def cancel(self, job_id: str, *, account_id: str) -> Job | None:
        """Ask a job to end; one that runs ends soon. None for an unknown one; an ended one stays as it is."""

        def ask(conn: sa.Connection) -> Job | None:
            announce(conn, TOPIC)
            return table.request_cancel(conn, account_id, job_id, now=self._clock.utc())

        return await self._store.tx(ask)

    def wake(self) -> None:
        """Look at the jobs and the clock now."""
        self._look_at = 0
        self._awake.set()

    def start(self) -> None:
        """Begin to run jobs, first of all what an earlier life of this node was at."""
        self._runner = asyncio.create_task(self._run(), name="jobs")

    async def stop(self) -> None:
        """End the runs and give the jobs back: others, or a later life, go on from their checkpoints."""
        for task in [self._runner, *(task for _, task in self._running.values())]:
            if task is not None:
                task.cancel()
                with suppress(asyncio.CancelledError):
                    await task
        with suppress(StoreUnavailable):
            await self._store.tx(table.release, owner=self._node, now=self._clock.utc(), forgiven=True)

    async def _run(self) -> None:
        released = False
        renew_at = self._clock.now_ns() + RENEW_NS
        while True:
            self._awake.clear()
            try:
                if not released:
                    now = self._clock.utc()
                    await self._store.tx(table.release, owner=self._node, now=now, forgiven=False)
                    released = True
                woken = self._clock.now_ns() >= self._look_at
                if woken:  # set before looking: who wakes us meanwhile has us look once more
                    self._look_at = self._clock.now_ns() + IDLE_NS
                if self._running and (woken or self._clock.now_ns() >= renew_at):
                    await self._renew()
                    renew_at = self._clock.now_ns() + RENEW_NS
                if woken:
                    await self._claim()
            except StoreUnavailable as error:
                self.counts["store_errors"] += 1
                self._look_at = self._clock.now_ns() + SECOND
                _log.warning("jobs not readable", error=str(error))
            except Exception:  # an edge: whatever is wrong, later jobs are still to be run
                self.counts["faults"] += 1
                self._look_at = self._clock.now_ns() + SECOND
                _log.exception("jobs not readable")
            self._end_lost()
            until = min(self._look_at, renew_at) if self._running else self._look_at
            with suppress(TimeoutError):
                async with asyncio.timeout(max(0, until - self._clock.now_ns()) / SECOND):
                    await self._awake.wait()

    async def _claim(self) -> None:
        now, free = self._clock.utc(), self._slots - len(self._running)
        if not self._kinds or free <= 0:
            return
        kinds = tuple(self._kinds)
        claimed = await self._store.tx(
            table.claim, kinds, owner=self._node, now=now, until=now + LEASE, limit=free
        )
        for job in claimed:
            run = Run(job, self._clock, self._save, lease_ns=self._clock.now_ns() + _ns(LEASE))
            self._running[job.id] = run, asyncio.create_task(self._attempt(run), name=f"job {job.kind}")
        due = await self._store.read(table.next_due, kinds)
        if due is not None and len(self._running) < self._slots:
            self._look_at = min(self._look_at, self._clock.now_ns() + max(0, _ns(due - self._clock.utc())))

    async def _renew(self) -> None:
        deadline = self._clock.now_ns() + _ns(LEASE)
        ids = list(self._running)
        held = await self._store.tx(table.renew, ids, owner=self._node, until=self._clock.utc() + LEASE)
        asked = {job.id: job.cancel_requested for job in held}
        for job_id in ids:
            if job_id not in self._running:
                continue
            run, task = self._running[job_id]
            if run.over:
                continue  # its outcome is being written, and that will see whose it is
            if job_id not in asked:
                self._lose(run)
                continue
            run.lease_ns = deadline
            if asked[job_id] and not run.cancelled:
                run.cancelled = True
                task.cancel()

    def _end_lost(self) -> None:
        """A lease that could not be renewed in time may be another's by now: its run must not go on."""
        for run, _ in self._running.values():
            if not run.lost and not run.over and self._clock.now_ns() >= run.lease_ns:
                self._lose(run)

    async def _attempt(self, run: Run) -> None:
        try:
            values = await self._outcome(run)
            run.over = True
            await self._record(run, values)
        finally:
            if run.lost:
                self.counts["lost"] += 1
            del self._running[run.job.id]
            self.wake()

    async def _outcome(self, run: Run) -> dict[str, Any]:
        job = run.job
        try:
            if job.cancel_requested:
                return self._ended(JobState.CANCELLED)
            if job.attempts > job.max_attempts:
                raise JobFailed(f"its runner died {job.max_attempts} times while at it")
            result = msgspec.to_builtins(await self._kinds[job.kind].run(run))
            return self._ended(JobState.SUCCEEDED, result=result)
        except asyncio.CancelledError:
            if run.lost or not run.cancelled:
                raise
            return self._ended(JobState.CANCELLED)
        except JobFailed as error:
            return self._ended(JobState.FAILED, error=str(error))
        except Exception as error:  # an edge: whatever a job does wrong is its own failure
            _log.exception("job failed", job_id=job.id, kind=job.kind, attempt=job.attempts)
            return self._after(job, f"{type(error).__name__}: {error}")

    def _ended(self, state: JobState, **values: Any) -> dict[str, Any]:
        return {"state": state, "finished_at": self._clock.utc(), "error": None, "result": None} | values

    def _after(self, job: Job, error: str) -> dict[str, Any]:
        if job.attempts >= job.max_attempts:
            return self._ended(JobState.FAILED, error=error)
        first, longest = BACKOFF
        pause = min(first * 2 ** (job.attempts - 1), longest)
        chance = 0.5 + self._ids.u16() / 0x1_0000 / 2
        return {"state": JobState.QUEUED, "error": error, "run_at": self._clock.utc() + pause * chance}

    async def _save(self, run: Run, values: dict[str, Any]) -> None:
        if not await self._store.tx(table.save, run.job.id, values, owner=self._node):
            self._lose(run)

    def _lose(self, run: Run) -> None:
        run.lost = True
        self._running[run.job.id][1].cancel()

    async def _record(self, run: Run, values: dict[str, Any]) -> None:
        state = values["state"]
        values |= run.progress_values() | {
            "lease_owner": None,
            "lease_until": EPOCH,
            "updated_at": self._clock.utc(),
        }
        while True:
            try:
                kept = await self._store.tx(table.save, run.job.id, values, owner=self._node)
                break
            except StoreUnavailable as error:
                # The outcome of long work is not thrown away for a full disk.
                self.counts["store_errors"] += 1
                _log.warning("job not recorded", job_id=run.job.id, error=str(error))
                await asyncio.sleep(1)
        if kept:
            self.counts["retried" if state is JobState.QUEUED else state.value] += 1
        else:
            run.lost = True


def _ns(span: timedelta) -> int:
    return round(span.total_seconds() * SECOND)
