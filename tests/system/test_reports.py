"""Usage and reports with the stock SDK and a real server: all work is counted, and a kill loses none."""

import asyncio
import csv
import io
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
import telnyx

from ringline.core.clock import SystemClock
from ringline.store import accounts, usage
from ringline.store.db import Store
from ringline.store.usage import UsageKind, UsageRecord
from ringline.testing import App, Phone, Server

pytestmark = [pytest.mark.system, pytest.mark.asyncio(loop_scope="session")]

NOW = datetime.now(UTC)
HOUR = timedelta(hours=1)
RANGE = {"start_date": NOW - HOUR, "end_date": NOW + HOUR}


class Books:
    """What the server's store says was used."""

    def __init__(self, store: Store, account_id: str) -> None:
        self._store = store
        self._account_id = account_id

    async def heard(self, *sources: str) -> None:
        """Recognitions of a minute each, as a node would note them."""
        records = [
            UsageRecord(
                **{"kind": UsageKind.RECOGNITION, "engine": "local", "model": "tiny"},  # type: ignore[arg-type]
                account_id=self._account_id,
                at=NOW,
                source=source,
                seconds=60,
            )
            for source in sources
        ]
        await self._store.tx(usage.add, records)

    async def noted(self, kind: UsageKind, count: int) -> list[UsageRecord]:
        """The records of a kind once there are so many."""
        wanted = (self._account_id, kind, NOW - HOUR, NOW + HOUR)

        async def look() -> list[UsageRecord]:
            return (await self._store.read(usage.records_after, *wanted, after=None, limit=1000))[0]

        return await until(look, lambda found: len(found) >= count)


@asynccontextmanager
async def books_of(server: Server) -> AsyncIterator[Books]:
    store = Store.open(f"sqlite:///{server.data / 'data' / 'ringline.db'}", clock=SystemClock())
    (account,) = await store.read(accounts.list_accounts)
    yield Books(store, account.id)
    await store.close()


def sdk_of(server: Server) -> telnyx.AsyncTelnyx:
    return telnyx.AsyncTelnyx(api_key=server.api_key, base_url=server.url, max_retries=0)


async def complete(sdk: telnyx.AsyncTelnyx, report_id: str) -> Any:
    async def look() -> Any:
        return (await sdk.legacy.reporting.batch_detail_records.speech_to_text.retrieve(report_id)).data

    return await until(look, lambda report: report.status == "COMPLETE")


async def until(look: Callable[[], Any], good: Callable[[Any], bool]) -> Any:
    async with asyncio.timeout(20):
        while not good(found := await look()):  # noqa: ASYNC110  # the condition is in another process
            await asyncio.sleep(0.05)
    return found


async def rows_at(link: str) -> list[dict[str, str]]:
    async with httpx.AsyncClient() as stranger:
        return list(csv.DictReader(io.StringIO((await stranger.get(link)).text, newline="")))


async def test_the_life_of_a_report_with_the_sdk(tmp_path: Path) -> None:
    async with Server(tmp_path, settings={"reports.recognition_price": 0.006}) as server:
        sdk = sdk_of(server)
        details = sdk.legacy.reporting.batch_detail_records.speech_to_text
        async with books_of(server) as books:
            await books.heard("leg-1", "leg-2")

        made = (await details.create(**RANGE)).data
        assert made is not None
        assert made.id is not None
        done = await complete(sdk, made.id)
        rows = await rows_at(done.download_link)
        assert [(row["request_id"], row["cost"]) for row in rows] == [
            ("leg-1", "0.006000"),
            ("leg-2", "0.006000"),
        ]
        assert done.record_type == "speech_to_text_report"
        assert [one.id for one in (await details.list()).data or []] == [made.id]

        summed = (await sdk.legacy.reporting.usage_reports.retrieve_speech_to_text(**RANGE)).data
        assert summed is not None
        assert (summed["total_duration_seconds"], summed["total_cost"]) == (120, 0.012)

        deleted = (await details.delete(made.id)).data
        assert deleted is not None
        assert deleted.id == made.id
        with pytest.raises(telnyx.NotFoundError):
            await details.retrieve(made.id)
        with pytest.raises(telnyx.BadRequestError):
            await details.create(start_date=NOW, end_date=NOW + timedelta(days=40))
        await sdk.close()


async def test_a_kill_loses_no_report_and_no_call(tmp_path: Path) -> None:
    async with Server(tmp_path) as server, App() as app, Phone(manner="answer") as phone:
        sdk = sdk_of(server)
        application = (
            await sdk.call_control_applications.create(application_name="t", webhook_event_url=app.hook)
        ).data
        assert application is not None
        for _ in range(2):
            await sdk.calls.dial(connection_id=str(application.id), from_="+15550001", to=phone.uri)
            await phone.next_call()
            answered = await app.inbox.next("call.answered")
            await sdk.calls.actions.hangup(answered.payload["call_control_id"])
            await app.inbox.next("call.hangup")
        await sdk.calls.dial(connection_id=str(application.id), from_="+15550001", to=phone.uri)
        await phone.next_call()
        await app.inbox.next("call.answered")
        details = sdk.legacy.reporting.batch_detail_records.speech_to_text
        made = [(await details.create(**RANGE)).data for _ in range(20)]
        await sdk.close()

        # Of the calls the last one stands, and the one before may not have been written yet; of the reports
        # some are made and some wait.
        await server.kill()
        await server.start()

        sdk = sdk_of(server)
        for report in made:
            assert report is not None
            await complete(sdk, str(report.id))
        async with books_of(server) as books:
            calls = await books.noted(UsageKind.CALL, 3)
        assert len({call.source for call in calls}) == len(calls) == 3
        assert all(0 <= call.seconds < 60 for call in calls)
        await sdk.close()
