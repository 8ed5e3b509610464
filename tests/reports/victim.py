"""A process to be killed: `python -m tests.reports.victim STORE OBJECTS REPORT`; until it is made.

The pages are small, and it says each on standard output.
"""

import asyncio
import sys
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

from ringline.core.clock import SystemClock
from ringline.core.ids import Ids
from ringline.jobs.run import Run
from ringline.jobs.runner import Jobs
from ringline.reports import stt
from ringline.reports.stt import Price, SttReports
from ringline.reports.usage import UsageLog
from ringline.storage.objects import ObjectStore
from ringline.store.db import Store
from ringline.store.stt_reports import ReportStatus, SttReport


class TalkingReports(SttReports):
    """Says how far it is."""

    async def _lines(self, report: SttReport, run: Run) -> AsyncIterator[bytes]:
        async for piece in super()._lines(report, run):
            sys.stdout.write("page\n")
            sys.stdout.flush()
            yield piece


def office(store: Store, folder: Path, node: str) -> tuple[SttReports, Jobs]:
    """Reports over the real store, objects and job runner."""
    jobs = Jobs(store, SystemClock(), ids=Ids(), node=node)
    reports = TalkingReports(
        *(store, ObjectStore.open("", folder), jobs, UsageLog(store)),
        clock=SystemClock(),
        ids=Ids(),
        keep=timedelta(days=1),
        price=Price(),
    )
    return reports, jobs


async def main(url: str, folder: str, report_id: str) -> None:
    stt.PAGE = 10
    store = Store.open(url, clock=SystemClock())
    reports, jobs = office(store, Path(folder), "victim")
    jobs.start()
    while True:
        report = await reports.find("a", report_id)
        if report is None or report.status is not ReportStatus.PENDING:
            break
        await asyncio.sleep(0.02)
    await jobs.stop()
    await store.close()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
