"""kill -9 in the middle of a job: the next life goes on where it was."""

import asyncio
import random
import sys

import pytest

from ringline.core.clock import SystemClock
from ringline.core.ids import Ids
from ringline.jobs.runner import Jobs
from ringline.store.db import Store
from ringline.store.jobs import JobState
from tests.jobs.victim import count

pytestmark = pytest.mark.fault
STEPS = 400


async def life(database: str, job_id: str, killed_after: int | None) -> list[int]:
    """Run the job in a process of its own; the steps that it said."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.jobs.victim", database, job_id), stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    steps: list[int] = []
    while (line := await process.stdout.readline()).endswith(b"\n"):
        steps.append(int(line))
        if len(steps) == killed_after:
            process.kill()
    await process.wait()
    return steps


@pytest.mark.parametrize("seed", [1, 2])
async def test_a_job_goes_on_where_it_was(database: str, seed: int) -> None:
    chance = random.Random(seed)
    store = Store.open(database, clock=SystemClock())
    jobs = Jobs(store, SystemClock(), ids=Ids(), node="submitter")
    jobs.register("count", count, max_attempts=9)
    job_id = await jobs.submit("count", {"to": STEPS}, account_id="account")

    first = await asyncio.wait_for(life(database, job_id, chance.randint(1, 150)), 30)
    second = await asyncio.wait_for(life(database, job_id, chance.randint(1, 150)), 30)
    third = await asyncio.wait_for(life(database, job_id, None), 30)

    for before, after in ((first, second), (second, third)):
        # What it said last may have been saved or not; what it said before that was.
        assert before[-1] <= after[0] <= before[-1] + 1 or after[0] == before[-1]
    assert sorted({*first, *second, *third}) == list(range(STEPS))
    job = await jobs.find(job_id, account_id="account")
    assert job is not None
    assert (job.state, job.result, job.attempts, job.progress_done) == (
        JobState.SUCCEEDED,
        "counted",
        3,
        STEPS,
    )
    await store.close()
