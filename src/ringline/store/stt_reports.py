"""Batch reports on speech recognition (spec ai-api §10): what was asked for, and where the file is."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

import sqlalchemy as sa

from ringline.store.jobs import JobState
from ringline.store.tables import jobs
from ringline.store.usage_tables import stt_reports

LIVE = (JobState.QUEUED, JobState.RUNNING)


class ReportStatus(StrEnum):
    """PENDING → COMPLETE → EXPIRED, or PENDING → FAILED."""

    PENDING = "PENDING"
    COMPLETE = "COMPLETE"
    FAILED = "FAILED"
    EXPIRED = "EXPIRED"


@dataclass(frozen=True, slots=True, kw_only=True)
class SttReport:
    """One report; `id` is that of the job that writes it, `expires_at` the end of its file."""

    id: str
    account_id: str
    start_date: datetime
    end_date: datetime
    object_key: str
    created_at: datetime
    updated_at: datetime
    status: ReportStatus = ReportStatus.PENDING
    expires_at: datetime | None = None

    def file_name(self) -> str:
        """What a download is called."""
        return f"speech-to-text-{self.start_date:%Y%m%d}-{self.end_date:%Y%m%d}.csv"


_FIELDS = tuple(SttReport.__dataclass_fields__)


def add(conn: sa.Connection, report: SttReport) -> None:
    """Keep a new report."""
    conn.execute(stt_reports.insert().values({name: getattr(report, name) for name in _FIELDS}))


def find(conn: sa.Connection, account_id: str, id: str, *, now: datetime) -> SttReport | None:
    """One report of an account."""
    mine = (stt_reports.c.id == id, stt_reports.c.account_id == account_id)
    row = conn.execute(_with_job().where(*mine)).one_or_none()
    return _report(row, now) if row else None


def newest(conn: sa.Connection, account_id: str, *, now: datetime, limit: int) -> list[SttReport]:
    """The latest reports of an account, newest first."""
    one = stt_reports.c
    query = _with_job().where(one.account_id == account_id).order_by(one.created_at.desc(), one.id)
    return [_report(row, now) for row in conn.execute(query.limit(limit))]


def complete(conn: sa.Connection, id: str, *, expires_at: datetime, now: datetime) -> bool:
    """The file is there until `expires_at`; False when the report was deleted meanwhile."""
    this = stt_reports.update().where(stt_reports.c.id == id)
    values = {"status": ReportStatus.COMPLETE, "expires_at": expires_at, "updated_at": now}
    return conn.execute(this.values(values)).rowcount == 1


def delete(conn: sa.Connection, account_id: str, id: str, *, now: datetime) -> SttReport | None:
    """Forget a report; returns it, so that its file can be deleted too."""
    found = find(conn, account_id, id, now=now)
    if found is not None:
        conn.execute(stt_reports.delete().where(stt_reports.c.id == id))
    return found


def _with_job() -> sa.Select[Any]:
    joined = stt_reports.outerjoin(jobs, jobs.c.id == stt_reports.c.id)
    return sa.select(stt_reports, jobs.c.state.label("job_state")).select_from(joined)


def _report(row: sa.Row[Any], now: datetime) -> SttReport:
    values = {name: getattr(row, name) for name in _FIELDS}
    return SttReport(**values | {"status": _status(row, now)})


def _status(row: sa.Row[Any], now: datetime) -> ReportStatus:
    if row.status == ReportStatus.COMPLETE:
        return ReportStatus.COMPLETE if now < row.expires_at else ReportStatus.EXPIRED
    # A job that has ended without a file will not bring one any more.
    return ReportStatus.PENDING if row.job_state in LIVE else ReportStatus.FAILED
