"""One attempt at a job, as the function that does the work sees it."""

from collections.abc import Awaitable, Callable
from typing import Any

from ringline.core.clock import SECOND, Clock
from ringline.core.errors import RinglineError
from ringline.store.jobs import Job

PROGRESS_NS = SECOND
"""Progress is written no more often than this."""


class JobFailed(RinglineError):
    """Raised by a job's function: it cannot succeed, do not try again. The message is for the user."""


class Run:
    """What a job's function works with.

    A job that is cancelled, or that another runner has taken over, gets `asyncio.CancelledError` at its next
    await.
    """

    def __init__(
        self,
        job: Job,
        clock: Clock,
        write: Callable[["Run", dict[str, Any]], Awaitable[None]],
        *,
        lease_ns: int,
    ) -> None:
        self.job = job
        self.checkpoint: Any = job.checkpoint
        """What this attempt or an earlier one saved last; None at the beginning."""
        self.lease_ns = lease_ns
        self.lost = False
        self.cancelled = False
        self.over = False
        self._clock = clock
        self._write = write
        self._done, self._total, self._rate = job.progress_done, job.progress_total, job.progress_rate
        self._begun_ns, self._begun_done = clock.now_ns(), job.progress_done
        self._written_ns = clock.now_ns() - PROGRESS_NS

    @property
    def args(self) -> Any:
        """What the job was submitted with."""
        return self.job.args

    async def progress(self, done: float, total: float | None = None) -> None:
        """Say how far the work is, in any unit; call it as often as is convenient."""
        self._note(done, total)
        if self._clock.now_ns() - self._written_ns >= PROGRESS_NS:
            await self._flush({})

    async def save(self, checkpoint: Any, done: float | None = None, total: float | None = None) -> None:
        """Keep a JSON value from which a later attempt goes on; what came before it is not done again."""
        self._note(self._done if done is None else done, total)
        self.checkpoint = checkpoint
        await self._flush({"checkpoint": checkpoint})

    def progress_values(self) -> dict[str, Any]:
        """The columns that say how far it is."""
        return {
            "progress_done": self._done,
            "progress_total": self._total,
            "progress_rate": self._rate,
        }

    def _note(self, done: float, total: float | None) -> None:
        self._done = done
        if total is not None:
            self._total = total
        elapsed = (self._clock.now_ns() - self._begun_ns) / SECOND
        if elapsed > 0:
            self._rate = (done - self._begun_done) / elapsed

    async def _flush(self, values: dict[str, Any]) -> None:
        self._written_ns = self._clock.now_ns()
        await self._write(self, values | self.progress_values() | {"updated_at": self._clock.utc()})
