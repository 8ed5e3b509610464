"""Batch reports: a durable job writes the file, and everything that can happen to it has a status."""

import asyncio
import csv
import io
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from ringline.core.clock import VirtualClock
from ringline.core.ids import Ids
from ringline.jobs.runner import MAX_ATTEMPTS, Jobs
from ringline.reports import stt
from ringline.reports.dates import Range
from ringline.reports.stt import COLUMNS, Price, SttReports
from ringline.reports.usage import UsageKind, UsageLog, UsageRecord
from ringline.storage.objects import ObjectMissing, ObjectStore, StorageUnavailable
from ringline.store.db import Store
from ringline.store.jobs import JobState
from ringline.store.stt_reports import ReportStatus, SttReport

pytestmark = pytest.mark.unit
NOON = datetime(2029, 12, 24, 12, tzinfo=UTC)
DAY = Range(NOON.replace(hour=0), NOON.replace(hour=23))


class Office:
    """Reports, and the parts they stand on."""

    def __init__(self, store: Store, clock: VirtualClock, folder: Path) -> None:
        self.store = store
        self.clock = clock
        self.log = UsageLog(store)
        self.objects = ObjectStore.open("", folder)
        self.jobs = Jobs(store, clock, ids=Ids.seeded(3), node="office")
        self.reports = SttReports(
            *(store, self.objects, self.jobs, self.log),
            clock=clock,
            ids=Ids.seeded(4),
            keep=timedelta(days=7),
            price=Price(Decimal("0.06"), "EUR"),
        )

    def heard(
        self, seconds: float, *, at: datetime = NOON, source: str | None = None, model: str = "tiny"
    ) -> None:
        self.log.note(
            UsageRecord(
                **{"kind": UsageKind.RECOGNITION, "account_id": "a", "engine": "local"},  # type: ignore[arg-type]
                at=at,
                source=source,
                seconds=seconds,
                model=model,
            )
        )

    async def became(self, report: SttReport, *states: ReportStatus) -> SttReport:
        """The report once it has left PENDING."""
        async with asyncio.timeout(10):
            while True:
                found = await self.reports.find("a", report.id)
                assert found is not None
                if found.status in states:
                    return found
                self.clock.advance(0.5)
                self.jobs.wake()
                await asyncio.sleep(0.005)

    async def rows(self, report: SttReport) -> list[list[str]]:
        text = (await self.objects.read(report.object_key, 10_000_000)).decode()
        return list(csv.reader(io.StringIO(text, newline="")))


@pytest.fixture
async def office(store: Store, clock: VirtualClock, tmp_path: Path) -> AsyncIterator[Office]:
    made = Office(store, clock, tmp_path / "objects")
    yield made
    await made.jobs.stop()


async def test_a_report_is_a_file_of_every_recognition_in_its_range(office: Office) -> None:
    office.heard(90.5, source="leg")
    office.heard(1, at=DAY.start - timedelta(microseconds=1))
    office.heard(2, at=DAY.end, model="=HYPERLINK()")
    report = await office.reports.create("a", DAY)
    assert report.status is ReportStatus.PENDING
    office.jobs.start()

    done = await office.became(report, ReportStatus.COMPLETE)

    assert await office.rows(done) == [
        list(COLUMNS),
        ["2029-12-24T12:00:00.000Z", "leg", "local", "tiny", "90.5", "0.090500", "EUR"],
        ["2029-12-24T23:00:00.000Z", "", "local", "'=HYPERLINK()", "2.0", "0.002000", "EUR"],
    ]
    assert done.expires_at is not None
    assert done.file_name() == "speech-to-text-20291224-20291224.csv"


async def test_many_records_are_written_page_by_page(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stt, "PAGE", 4)
    for number in range(10):
        office.heard(number, source=str(number))
    report = await office.reports.create("a", DAY)
    office.jobs.start()
    done = await office.became(report, ReportStatus.COMPLETE)
    assert [row[1] for row in (await office.rows(done))[1:]] == [str(number) for number in range(10)]


async def test_an_account_sees_its_own_reports_only_newest_first(office: Office) -> None:
    first = await office.reports.create("a", DAY)
    office.clock.advance(1)
    second = await office.reports.create("a", DAY)
    await office.reports.create("b", DAY)
    assert [one.id for one in await office.reports.newest("a")] == [second.id, first.id]
    assert await office.reports.find("b", first.id) is None
    assert await office.reports.delete("b", first.id) is None


async def test_a_file_goes_after_its_time_and_the_report_stays_as_expired(office: Office) -> None:
    report = await office.reports.create("a", DAY)
    office.jobs.start()
    done = await office.became(report, ReportStatus.COMPLETE)
    office.clock.advance(7 * 86400)
    expired = await office.became(report, ReportStatus.EXPIRED)
    assert expired.id == done.id

    await gone(office, report)


async def test_a_report_that_cannot_be_written_has_failed(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def full(*_: object) -> None:
        raise StorageUnavailable("the disk is full")

    monkeypatch.setattr(office.objects, "put", full)
    report = await office.reports.create("a", DAY)
    office.jobs.start()
    await office.became(report, ReportStatus.FAILED)
    job = await office.jobs.find(report.id, account_id="a")
    assert job is not None
    assert (job.state, job.attempts) == (JobState.FAILED, MAX_ATTEMPTS)
    assert "disk is full" in (job.error or "")


async def test_a_report_deleted_before_it_was_written_leaves_nothing(office: Office) -> None:
    report = await office.reports.create("a", DAY)
    deleted = await office.reports.delete("a", report.id)
    assert deleted is not None
    assert deleted.status is ReportStatus.PENDING
    job = await office.jobs.find(report.id, account_id="a")
    assert job is not None
    assert job.state is JobState.CANCELLED
    assert await office.reports.find("a", report.id) is None


async def test_a_report_deleted_while_it_is_written_leaves_no_file(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    put = office.objects.put
    written = asyncio.Event()

    async def overtaken(key: str, content: AsyncIterator[bytes]) -> None:
        await put(key, content)
        async with asyncio.timeout(5):
            await office.store.tx(stt.stt_reports.delete, "a", report.id, now=office.clock.utc())
        written.set()

    monkeypatch.setattr(office.objects, "put", overtaken)
    report = await office.reports.create("a", DAY)
    office.jobs.start()
    await asyncio.wait_for(written.wait(), 10)
    await gone(office, report)


async def test_sums_have_everything_noted_up_to_now(office: Office) -> None:
    office.heard(60)
    office.heard(30, model="large")
    days = await office.reports.sums("a", DAY)
    assert [(day.model, day.requests, day.seconds) for day in days] == [("large", 1, 30), ("tiny", 1, 60)]
    assert await office.reports.sums("b", DAY) == []


@pytest.mark.parametrize(
    ("seconds", "cost"), [(60, "0.060000"), (0.001, "0.000001"), (0, "0.000000"), (1e9, "1000000.000000")]
)
def test_a_price_is_for_a_minute(seconds: float, cost: str) -> None:
    assert Price(Decimal("0.06")).of(seconds) == Decimal(cost)


async def gone(office: Office, report: SttReport) -> None:
    """Until the report's file is there no more."""
    async with asyncio.timeout(10):
        while True:
            try:
                await office.objects.head(report.object_key)
            except ObjectMissing:
                return
            office.jobs.wake()
            await asyncio.sleep(0.005)
