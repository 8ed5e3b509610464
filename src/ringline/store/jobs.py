"""Jobs as rows: who runs one, how far it is, how it ended. `jobs.runner` decides, this only keeps."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

import sqlalchemy as sa

from ringline.store.tables import jobs
from ringline.store.types import EPOCH


class JobState(StrEnum):
    """Where a job is. QUEUED ⇄ RUNNING (a retry goes back); the other three are ends."""

    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def ended(self) -> bool:
        """Whether nothing more will happen."""
        return self not in (JobState.QUEUED, JobState.RUNNING)


@dataclass(frozen=True, slots=True)
class Job:
    """One job. `args`, `checkpoint`, `result` are plain JSON values."""

    id: str
    account_id: str
    kind: str
    args: Any
    state: JobState
    attempts: int
    max_attempts: int
    run_at: datetime
    cancel_requested: bool
    progress_done: float
    progress_total: float | None
    progress_rate: float | None
    checkpoint: Any
    result: Any
    error: str | None
    created_at: datetime
    started_at: datetime | None
    updated_at: datetime
    finished_at: datetime | None

    @property
    def eta(self) -> timedelta | None:
        """How long it will still take at the present rate; None while that is not known."""
        if self.state is not JobState.RUNNING or self.progress_total is None or not self.progress_rate:
            return None
        return timedelta(seconds=max(0.0, self.progress_total - self.progress_done) / self.progress_rate)


_FIELDS = tuple(Job.__dataclass_fields__)


def add(
    conn: sa.Connection,
    *,
    job_id: str,
    account_id: str,
    kind: str,
    args: Any,
    max_attempts: int,
    run_at: datetime,
    now: datetime,
) -> None:
    """Keep a new job; it runs at `run_at` or later."""
    conn.execute(
        jobs.insert(),
        {
            "id": job_id,
            "account_id": account_id,
            "kind": kind,
            "args": args,
            "state": JobState.QUEUED,
            "attempts": 0,
            "max_attempts": max_attempts,
            "run_at": run_at,
            "lease_until": EPOCH,
            "cancel_requested": False,
            "progress_done": 0.0,
            "created_at": now,
            "updated_at": now,
        },
    )


def claim(
    conn: sa.Connection, kinds: Collection[str], *, owner: str, now: datetime, until: datetime, limit: int
) -> list[Job]:
    """Take up to `limit` jobs that are due and that nobody runs, those whose runner has vanished included."""
    one = jobs.c
    due = sa.or_(
        sa.and_(one.state == JobState.QUEUED, one.run_at <= now),
        sa.and_(one.state == JobState.RUNNING, one.lease_until <= now),
    )
    free = sa.select(one.seq).where(one.kind.in_(kinds), due)
    free = free.order_by(one.run_at, one.seq).limit(limit).with_for_update(skip_locked=True)
    taken = jobs.update().where(one.seq.in_(free)).returning(one.seq)
    values = {
        "state": JobState.RUNNING,
        "lease_owner": owner,
        "lease_until": until,
        "attempts": one.attempts + 1,
        "started_at": sa.func.coalesce(one.started_at, sa.literal(now, one.started_at.type)),
        "updated_at": now,
    }
    found = conn.execute(taken.values(values)).scalars().all()
    if not found:
        return []
    return _all(conn, sa.select(jobs).where(one.seq.in_(found)).order_by(one.run_at, one.seq))


def next_due(conn: sa.Connection, kinds: Collection[str]) -> datetime | None:
    """When the next queued job of these kinds is due; None when there is none."""
    one = jobs.c
    query = sa.select(sa.func.min(one.run_at)).where(one.kind.in_(kinds), one.state == JobState.QUEUED)
    found: datetime | None = conn.execute(query).scalar()
    return found


def renew(conn: sa.Connection, ids: Sequence[str], *, owner: str, until: datetime) -> list[Job]:
    """Hold on to running jobs; returns those that `owner` still has, as they are now."""
    one = jobs.c
    held = (one.id.in_(ids), one.lease_owner == owner, one.state == JobState.RUNNING)
    conn.execute(jobs.update().where(*held).values(lease_until=until))
    return _all(conn, sa.select(jobs).where(*held))


def release(conn: sa.Connection, *, owner: str, now: datetime, forgiven: bool) -> int:
    """Give back everything that `owner` runs: at a stop, or at a start what an earlier life of it ran.

    `forgiven` attempts do not count. Those of a process that was killed do: the job may be what killed it.
    """
    one = jobs.c
    held = jobs.update().where(one.lease_owner == owner, one.state == JobState.RUNNING)
    return conn.execute(
        held.values(
            state=JobState.QUEUED,
            attempts=one.attempts - int(forgiven),
            lease_owner=None,
            lease_until=EPOCH,
            run_at=now,
            updated_at=now,
        )
    ).rowcount


def save(conn: sa.Connection, job_id: str, values: dict[str, Any], *, owner: str) -> bool:
    """Change a job that `owner` runs; False when it runs it no more."""
    one = jobs.c
    held = jobs.update().where(one.id == job_id, one.lease_owner == owner, one.state == JobState.RUNNING)
    return conn.execute(held.values(values)).rowcount == 1


def request_cancel(conn: sa.Connection, account_id: str, job_id: str, *, now: datetime) -> Job | None:
    """Ask a job to end: a queued one is cancelled at once, a running one by its runner."""
    one = jobs.c
    mine = (one.id == job_id, one.account_id == account_id)
    queued = jobs.update().where(*mine, one.state == JobState.QUEUED)
    conn.execute(queued.values(state=JobState.CANCELLED, finished_at=now, updated_at=now))
    running = jobs.update().where(*mine, one.state == JobState.RUNNING)
    conn.execute(running.values(cancel_requested=True, updated_at=now))
    return find(conn, account_id, job_id)


def find(conn: sa.Connection, account_id: str, job_id: str) -> Job | None:
    """One job of the account."""
    found = _all(conn, sa.select(jobs).where(jobs.c.id == job_id, jobs.c.account_id == account_id))
    return found[0] if found else None


def list_jobs(
    conn: sa.Connection, account_id: str, *, kind: str | None = None, limit: int, offset: int = 0
) -> tuple[list[Job], int]:
    """One page of the account's jobs, newest first, and the number of all that match."""
    conditions = [jobs.c.account_id == account_id]
    if kind is not None:
        conditions.append(jobs.c.kind == kind)
    total = conn.execute(sa.select(sa.func.count()).select_from(jobs).where(*conditions)).scalar_one()
    query = sa.select(jobs).where(*conditions).order_by(jobs.c.seq.desc())
    return _all(conn, query.limit(limit).offset(offset)), total


def purge(conn: sa.Connection, before: datetime, limit: int = 2_000) -> int:
    """Delete up to `limit` jobs that ended before `before`; returns how many."""
    old = sa.select(jobs.c.seq).where(jobs.c.finished_at < before).limit(limit)
    return conn.execute(jobs.delete().where(jobs.c.seq.in_(old))).rowcount


def _all(conn: sa.Connection, query: sa.Select[Any]) -> list[Job]:
    found = []
    for row in conn.execute(query):
        values = {name: getattr(row, name) for name in _FIELDS}
        found.append(Job(**values | {"state": JobState(row.state)}))
    return found
