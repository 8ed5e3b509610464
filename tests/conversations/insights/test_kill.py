"""kill -9 in the middle of a run: the next life finds what is missing, and tells it once."""

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from ringline.store.insight_runs import RunStatus
from tests.conversations.insights.bench import ACCOUNT, Bench, life
from tests.conversations.insights.engine import Engine, serve

pytestmark = pytest.mark.fault

INSIGHTS = 4


@asynccontextmanager
async def victim(database: str, engine: Engine, folder: Path) -> AsyncIterator[None]:
    """A node in a process of its own, killed at the end of the block."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.conversations.insights.victim", database, engine.url, str(folder)),
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    try:
        assert await asyncio.wait_for(process.stdout.readline(), 60) == b"ready\n"
        yield
    finally:
        process.kill()
        await process.wait()


@asynccontextmanager
async def spectator(database: str, engine: Engine, folder: Path) -> AsyncIterator[Bench]:
    """Somebody who asks and looks, but runs no jobs."""
    async with life(database, engine.url, folder, node="spectator") as bench:
        await bench.jobs.stop()
        yield bench


@pytest.mark.parametrize("killed_at", [1, 3, INSIGHTS])
async def test_a_killed_run_is_finished_and_told_once(database: str, tmp_path: Path, killed_at: int) -> None:
    async with serve(lambda _body: "sooner") as engine, spectator(database, engine, tmp_path) as bench:
        members = [await bench.insight(f"insight {number}") for number in range(INSIGHTS)]
        await bench.group(*members, webhook="http://127.0.0.1:9/")
        conversation_id = await bench.conversation("Hello.")
        asked = await bench.insights.intake.request(ACCOUNT, conversation_id)
        engine.silent_at = killed_at
        async with victim(database, engine, tmp_path):
            await asyncio.wait_for(engine.silent.wait(), 60)
        (before,) = await bench.runs(conversation_id)
        assert before.status is RunStatus.IN_PROGRESS
        assert [one.result for one in before.results] == ["sooner"] * (killed_at - 1)

        engine.reply = lambda _body: "later"
        async with victim(database, engine, tmp_path):
            run = await bench.ended(asked.id)

        assert run.status is RunStatus.COMPLETED
        assert [one.insight_id for one in run.results] == [one.id for one in members]
        assert [one.result for one in run.results] == [
            *["sooner"] * (killed_at - 1),
            *["later"] * (INSIGHTS - killed_at + 1),
        ]
        (event,) = await bench.events()
        assert event.event_type == "conversation.insights.completed"
        assert await bench.insights.intake.request(ACCOUNT, conversation_id) == run
        job = await bench.jobs.find(run.job_id, account_id=ACCOUNT)
        assert job is not None
        assert job.attempts == 2
