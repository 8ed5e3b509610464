"""A process to be killed: `python -m tests.jobs.victim STORE JOB`; runs until the job has ended.

The job goes in steps from 0 to its `to`; it says each on standard output and saves it as checkpoint.
"""

import asyncio
import sys

from ringline.core.clock import SystemClock
from ringline.core.ids import Ids
from ringline.jobs.run import Run
from ringline.jobs.runner import Jobs
from ringline.store.db import Store


async def count(run: Run) -> str:
    for step in range(run.checkpoint or 0, run.args["to"]):
        sys.stdout.write(f"{step}\n")
        sys.stdout.flush()
        await run.save(step + 1, step + 1, run.args["to"])
    return "counted"


async def main(url: str, job_id: str) -> None:
    store = Store.open(url, clock=SystemClock())
    jobs = Jobs(store, SystemClock(), ids=Ids(), node="victim")
    jobs.register("count", count, max_attempts=9)
    jobs.start()
    while True:
        job = await jobs.find(job_id, account_id="account")
        if job is None or job.state.ended:
            break
        await asyncio.sleep(0.02)
    await jobs.stop()
    await store.close()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
