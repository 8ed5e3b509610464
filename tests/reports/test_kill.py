"""kill -9 in the middle of a report: the next life writes it whole."""

import asyncio
import csv
import io
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from ringline.core.clock import SystemClock
from ringline.reports.dates import Range
from ringline.reports.usage import UsageKind, UsageRecord
from ringline.storage.objects import ObjectStore
from ringline.store import usage
from ringline.store.db import Store
from ringline.store.stt_reports import ReportStatus
from tests.reports.victim import office

pytestmark = pytest.mark.fault
NOON = datetime(2029, 12, 24, 12, tzinfo=UTC)
RECORDS = 1000


async def life(database: str, folder: Path, report_id: str, killed_after: int | None) -> int:
    """Write in a process of its own; the pages that it said."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.reports.victim", database, str(folder), report_id),
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    pages = 0
    while (await process.stdout.readline()).endswith(b"\n"):
        pages += 1
        if pages == killed_after:
            process.kill()
    await process.wait()
    return pages


async def test_a_report_is_whole_after_its_writer_was_killed(database: str, tmp_path: Path) -> None:
    store = Store.open(database, clock=SystemClock())
    folder = tmp_path / "objects"
    records = [
        UsageRecord(
            kind=UsageKind.RECOGNITION,
            account_id="a",
            at=NOON + timedelta(seconds=number),
            source=str(number),
            seconds=1,
        )
        for number in range(RECORDS)
    ]
    await store.tx(usage.add, records)
    reports, _ = office(store, folder, "submitter")
    report = await reports.create("a", Range(NOON, NOON + timedelta(days=1)))

    first = await asyncio.wait_for(life(database, folder, report.id, 3), 30)
    second = await asyncio.wait_for(life(database, folder, report.id, 40), 30)
    halfway = await reports.find("a", report.id)
    await asyncio.wait_for(life(database, folder, report.id, None), 30)

    assert first >= 3
    assert second >= 40
    assert halfway is not None
    assert halfway.status is ReportStatus.PENDING
    done = await reports.find("a", report.id)
    assert done is not None
    assert done.status is ReportStatus.COMPLETE
    text = (await ObjectStore.open("", folder).read(done.object_key, 10_000_000)).decode()
    rows = list(csv.DictReader(io.StringIO(text, newline="")))
    assert [row["request_id"] for row in rows] == [str(number) for number in range(RECORDS)]
    await store.close()
