"""What insights found in conversations (spec ai-api §5.6): runs, their results, and counts of these.

A run is one group, as its templates were, asked of one conversation as far as that had got (`version`). Who
queues it makes its id of these, so that nothing is asked twice.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from datetime import datetime
from enum import StrEnum
from typing import Any, Literal

import sqlalchemy as sa

from ringline.store.insight_tables import insight_fields, insight_results, insight_runs
from ringline.store.jobs import JobState
from ringline.store.once import insert_once
from ringline.store.tables import jobs

Cause = Literal["idle", "hangup", "request"]

NO_GROUP = ""
"""The `group_id` of a run of the default insight alone."""


class RunStatus(StrEnum):
    """Where a run is. PENDING → IN_PROGRESS → COMPLETED or FAILED; either may also fail before it began."""

    PENDING = "pending"
    IN_PROGRESS = "in_progress"
    COMPLETED = "completed"
    FAILED = "failed"


_OPEN = (RunStatus.PENDING, RunStatus.IN_PROGRESS)


@dataclass(frozen=True, slots=True, kw_only=True)
class InsightResult:
    """What one insight found. `structured`: the text is JSON that fits the insight's schema."""

    insight_id: str
    position: int
    insight_name: str
    structured: bool
    result: str


@dataclass(frozen=True, slots=True, kw_only=True)
class InsightRun:
    """One run."""

    id: str
    account_id: str
    conversation_id: str
    group_id: str
    version: int
    cause: Cause
    job_id: str
    created_at: datetime
    updated_at: datetime
    status: RunStatus = RunStatus.PENDING
    reason: str | None = None
    """Why it failed, for people."""
    results: tuple[InsightResult, ...] = field(default=())


_RUN = tuple(one.name for one in fields(InsightRun) if one.name != "results")
_RESULT = tuple(one.name for one in fields(InsightResult))


def add(conn: sa.Connection, run: InsightRun) -> bool:
    """Keep a new run; False when its id is known."""
    return insert_once(conn, insight_runs, {name: getattr(run, name) for name in _RUN})


def find(conn: sa.Connection, run_id: str) -> InsightRun | None:
    """One run, whosever it is: for the job that does it."""
    found = _all(conn, sa.select(insight_runs).where(insight_runs.c.id == run_id))
    return found[0] if found else None


def page(
    conn: sa.Connection, account_id: str, conversation_id: str, *, limit: int, offset: int = 0
) -> tuple[list[InsightRun], int]:
    """One page of a conversation's runs, newest first, and the number of all."""
    one = insight_runs.c
    mine = (one.account_id == account_id, one.conversation_id == conversation_id)
    total = conn.execute(sa.select(sa.func.count()).select_from(insight_runs).where(*mine)).scalar_one()
    query = sa.select(insight_runs).where(*mine).order_by(one.created_at.desc(), one.id)
    return _all(conn, query.limit(limit).offset(offset)), total


def begin(conn: sa.Connection, run_id: str, *, now: datetime) -> InsightRun | None:
    """The run, now in progress; None when it has ended or is gone."""
    if not _move(conn, run_id, RunStatus.IN_PROGRESS, now=now):
        return None
    return find(conn, run_id)


def record(
    conn: sa.Connection,
    run_id: str,
    result: InsightResult,
    values: Mapping[str, str],
    *,
    now: datetime,
) -> bool:
    """Keep what an insight found, once; `values` are what it can be grouped by, as JSON of scalars.

    False when it is known already, or the run has ended or is gone.
    """
    one = insight_runs.c
    still = sa.select(one.id).where(one.id == run_id, one.status.in_(_OPEN)).with_for_update()
    if conn.execute(still).first() is None:
        return False
    row = {name: getattr(result, name) for name in _RESULT}
    if not insert_once(conn, insight_results, row | {"run_id": run_id, "created_at": now}):
        return False
    if values:
        conn.execute(
            insight_fields.insert(),
            [
                {"run_id": run_id, "insight_id": result.insight_id, "name": name, "value": value}
                for name, value in values.items()
            ],
        )
    return True


def complete(conn: sa.Connection, run_id: str, *, now: datetime) -> bool:
    """Everything is found; False when the run had ended before."""
    return _move(conn, run_id, RunStatus.COMPLETED, now=now)


def fail(conn: sa.Connection, run_id: str, reason: str, *, now: datetime) -> bool:
    """It cannot be done; False when the run had ended before."""
    return _move(conn, run_id, RunStatus.FAILED, now=now, reason=reason)


def fail_abandoned(conn: sa.Connection, *, now: datetime) -> int:
    """Fail the runs whose job has ended without saying how; returns how many."""
    ended = (JobState.FAILED, JobState.CANCELLED, JobState.SUCCEEDED)
    run, job = insight_runs.c, jobs.c
    lost = (
        sa.select(run.id, job.error)
        .join_from(insight_runs, jobs, job.id == run.job_id)
        .where(run.status.in_(_OPEN), job.state.in_(ended))
    )
    return sum(
        fail(conn, row.id, row.error or "the job was cancelled", now=now) for row in conn.execute(lost).all()
    )


def retry(conn: sa.Connection, run_id: str, *, job_id: str, now: datetime) -> bool:
    """Let a failed run begin anew in another job; what was found stays. False when it has not failed."""
    one = insight_runs.c
    failed = insight_runs.update().where(one.id == run_id, one.status == RunStatus.FAILED)
    anew = failed.values(status=RunStatus.PENDING, reason=None, job_id=job_id, updated_at=now)
    return conn.execute(anew).rowcount == 1


def forget_conversation(conn: sa.Connection, conversation_id: str) -> None:
    """Remove everything that was found in a conversation."""
    mine = sa.select(insight_runs.c.id).where(insight_runs.c.conversation_id == conversation_id)
    for table in (insight_results, insight_fields):
        conn.execute(table.delete().where(table.c.run_id.in_(mine)))
    conn.execute(insight_runs.delete().where(insight_runs.c.conversation_id == conversation_id))


def _move(
    conn: sa.Connection, run_id: str, status: RunStatus, *, now: datetime, reason: str | None = None
) -> bool:
    one = insight_runs.c
    still = insight_runs.update().where(one.id == run_id, one.status.in_(_OPEN))
    return conn.execute(still.values(status=status, reason=reason, updated_at=now)).rowcount == 1


def _all(conn: sa.Connection, query: sa.Select[Any]) -> list[InsightRun]:
    rows: Sequence[sa.Row[Any]] = conn.execute(query).all()
    results: dict[str, list[InsightResult]] = {row.id: [] for row in rows}
    if rows:
        found = sa.select(insight_results).where(insight_results.c.run_id.in_(results))
        for row in conn.execute(found.order_by(insight_results.c.position, insight_results.c.insight_id)):
            results[row.run_id].append(InsightResult(**{name: getattr(row, name) for name in _RESULT}))
    return [
        InsightRun(
            **{name: getattr(row, name) for name in _RUN} | {"status": RunStatus(row.status)},
            results=tuple(results[row.id]),
        )
        for row in rows
    ]
