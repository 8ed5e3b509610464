"""Reports on speech recognition (spec ai-api §10): a CSV written by a durable job, and the sums by day."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal

import sqlalchemy as sa

from ringline.core.clock import Clock
from ringline.core.ids import Ids
from ringline.jobs.run import Run
from ringline.jobs.runner import Jobs
from ringline.reports.cells import line
from ringline.reports.dates import Range
from ringline.reports.usage import UsageKind, UsageLog, UsageRecord
from ringline.storage.objects import ObjectStore, new_key
from ringline.store import stt_reports, usage
from ringline.store.db import Store
from ringline.store.stt_reports import SttReport
from ringline.store.usage import Place, UsageDay

WRITE = "stt_report"
EXPIRE = "stt_report_expiry"
"""Kinds of jobs: one writes the file, one takes it away again."""

COLUMNS = ("date_time", "request_id", "engine", "model", "duration_seconds", "cost", "currency")
PAGE = 1000
"""Records that are in memory at once."""

LISTED = 1000
"""Reports that a list shows: the SDK's list has no pages."""


@dataclass(frozen=True, slots=True)
class Price:
    """What recognition costs here: an operator may bill his own customers."""

    per_minute: Decimal = Decimal(0)
    currency: str = "USD"

    def of(self, seconds: float) -> Decimal:
        """The cost of so many seconds, to a millionth."""
        return (Decimal(str(seconds)) * self.per_minute / 60).quantize(Decimal("0.000001"))


class SttReports:
    """Makes reports; register it before the jobs start."""

    def __init__(
        self,
        store: Store,
        objects: ObjectStore,
        jobs: Jobs,
        log: UsageLog,
        *,
        clock: Clock,
        ids: Ids,
        keep: timedelta,
        price: Price,
    ) -> None:
        """A file is kept for `keep`; the report outlives it as EXPIRED."""
        self._store = store
        self._objects = objects
        self._jobs = jobs
        self._log = log
        self._clock = clock
        self._ids = ids
        self._keep = keep
        self.price = price
        jobs.register(WRITE, self._write)
        jobs.register(EXPIRE, self._expire)

    async def create(self, account_id: str, wanted: Range) -> SttReport:
        """Ask for a report; the report and the job that writes it are kept together or not at all."""
        now = self._clock.utc()
        report = SttReport(
            id=self._ids.uuid(),
            account_id=account_id,
            start_date=wanted.start,
            end_date=wanted.end,
            object_key=new_key(self._ids, "files", "csv"),
            created_at=now,
            updated_at=now,
        )
        await self._store.tx(self._add, report)
        return report

    async def find(self, account_id: str, id: str) -> SttReport | None:
        """One report as it is now."""
        return await self._store.read(stt_reports.find, account_id, id, now=self._clock.utc())

    async def newest(self, account_id: str) -> list[SttReport]:
        """The latest `LISTED` reports, newest first."""
        return await self._store.read(stt_reports.newest, account_id, now=self._clock.utc(), limit=LISTED)

    async def delete(self, account_id: str, id: str) -> SttReport | None:
        """Forget a report and stop its job; returns what it was, for its file is the caller's to delete."""
        gone = await self._store.tx(stt_reports.delete, account_id, id, now=self._clock.utc())
        if gone is not None:
            await self._jobs.cancel(id, account_id=account_id)
        return gone

    async def sums(self, account_id: str, wanted: Range) -> list[UsageDay]:
        """Requests and seconds by day, engine and model; everything up to now is in them."""
        await self._log.flush()
        return await self._store.read(
            usage.by_day,
            account_id,
            UsageKind.RECOGNITION,
            wanted.start,
            wanted.end,
            offset=wanted.offset,
        )

    def _add(self, conn: sa.Connection, report: SttReport) -> None:
        stt_reports.add(conn, report)
        self._jobs.queue(conn, report.id, WRITE, None, account_id=report.account_id)

    async def _write(self, run: Run) -> None:
        report = await self.find(run.job.account_id, run.job.id)
        if report is None:
            return
        await self._log.flush()
        await self._objects.put(report.object_key, self._lines(report, run))
        if not await self._store.tx(self._complete, report):
            await self._objects.delete(report.object_key)

    def _complete(self, conn: sa.Connection, report: SttReport) -> bool:
        now = self._clock.utc()
        until = now + self._keep
        kept = stt_reports.complete(conn, report.id, expires_at=until, now=now)
        if kept:
            self._jobs.queue(
                conn,
                self._ids.uuid(),
                EXPIRE,
                {"object_key": report.object_key},
                account_id=report.account_id,
                run_at=until,
            )
        return kept

    async def _expire(self, run: Run) -> None:
        await self._objects.delete(run.args["object_key"])

    async def _lines(self, report: SttReport, run: Run) -> AsyncIterator[bytes]:
        yield line(COLUMNS)
        place: Place | None = None
        done = 0
        while True:
            records, place = await self._store.read(
                usage.records_after,
                report.account_id,
                UsageKind.RECOGNITION,
                report.start_date,
                report.end_date,
                after=place,
                limit=PAGE,
            )
            yield b"".join(self._line(record) for record in records)
            done += len(records)
            await run.progress(done)
            if place is None:
                return

    def _line(self, record: UsageRecord) -> bytes:
        return line(
            (
                record.at.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
                record.source or "",
                record.engine,
                record.model,
                Decimal(str(round(record.seconds, 3))),
                self.price.of(record.seconds),
                self.price.currency,
            )
        )
