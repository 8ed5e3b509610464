"""Jobs: run once, again after a failure, on from the checkpoint, by one runner at a time."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest

from ringline.core.clock import VirtualClock
from ringline.core.ids import Ids
from ringline.jobs.run import JobFailed, Run
from ringline.jobs.runner import BACKOFF, Jobs
from ringline.store import jobs as table
from ringline.store.db import Store
from ringline.store.jobs import Job, JobState

pytestmark = pytest.mark.unit


@dataclass
class Shop:
    """Jobs on a store, with a clock that stands still."""

    store: Store
    clock: VirtualClock
    ids: Ids
    jobs: Jobs
    all: list[Jobs] = field(default_factory=list)

    def another(self, node: str = "n1", slots: int = 2) -> Jobs:
        self.all.append(Jobs(self.store, self.clock, ids=self.ids, node=node, slots=slots))
        return self.all[-1]

    async def job(self, job_id: str) -> Job:
        found = await self.jobs.find(job_id, account_id="account")
        assert found is not None
        return found

    async def reaches(self, job_id: str, good: Callable[[Job], bool]) -> Job:
        async with asyncio.timeout(20):
            while not good(job := await self.job(job_id)):  # noqa: ASYNC110  # the condition is in a database
                await asyncio.sleep(0.005)
        return job

    async def ends(self, job_id: str) -> Job:
        return await self.reaches(job_id, lambda job: job.state.ended)

    def advance(self, seconds: float) -> None:
        self.clock.advance(seconds)
        for jobs in self.all:
            jobs.wake()


@pytest.fixture
async def shop(store: Store, clock: VirtualClock, ids: Ids) -> AsyncIterator[Shop]:
    one = Shop(store, clock, ids, None)  # type: ignore[arg-type]  # it needs the shop itself
    one.jobs = one.another()
    yield one
    for jobs in one.all:
        await jobs.stop()


def submit(shop: Shop, **more: Any) -> Awaitable[str]:
    return shop.jobs.submit("work", {"n": 3}, account_id="account", **more)


async def test_a_job_runs_and_its_result_is_kept(shop: Shop) -> None:
    async def work(run: Run) -> object:
        return {"twice": run.args["n"] * 2, "attempt": run.job.attempts}

    shop.jobs.register("work", work)
    shop.jobs.start()
    job = await shop.ends(await submit(shop))
    assert (job.state, job.result, job.error) == (JobState.SUCCEEDED, {"twice": 6, "attempt": 1}, None)
    assert (job.started_at, job.finished_at) == (shop.clock.utc(), shop.clock.utc())
    assert shop.jobs.counts == {"succeeded": 1}


async def test_what_was_submitted_before_the_start_runs_too(shop: Shop) -> None:
    async def work(run: Run) -> None: ...

    shop.jobs.register("work", work)
    job_id = await submit(shop)
    shop.jobs.start()
    assert (await shop.ends(job_id)).state is JobState.SUCCEEDED


async def test_a_kind_that_nobody_knows_is_refused(shop: Shop) -> None:
    with pytest.raises(KeyError):
        await submit(shop)


async def test_a_job_waits_for_its_time(shop: Shop) -> None:
    ran = asyncio.Event()

    async def work(run: Run) -> None:
        ran.set()

    shop.jobs.register("work", work)
    shop.jobs.start()
    await submit(shop, run_at=shop.clock.utc() + timedelta(hours=1))
    shop.advance(3599)
    await asyncio.sleep(0.05)
    assert not ran.is_set()
    shop.advance(1)
    async with asyncio.timeout(20):
        await ran.wait()


async def test_a_failure_is_tried_again_after_a_pause_that_grows(shop: Shop) -> None:
    begun: list[float] = []

    async def work(run: Run) -> str:
        begun.append(shop.clock.now_ns() / 1e9)
        if len(begun) < 4:
            raise OSError("no route")
        return "at last"

    shop.jobs.register("work", work)
    shop.jobs.start()
    job_id = await submit(shop)
    first, _ = BACKOFF
    for attempt in (1, 2, 3):
        job = await shop.reaches(
            job_id, lambda job, n=attempt: job.attempts == n and job.state is JobState.QUEUED
        )
        assert job.error == "OSError: no route"
        pause = (job.run_at - shop.clock.utc()) / first
        assert 2 ** (attempt - 1) / 2 <= pause <= 2 ** (attempt - 1)
        shop.advance((job.run_at - shop.clock.utc()).total_seconds())
    job = await shop.ends(job_id)
    assert (job.state, job.result, job.attempts) == (JobState.SUCCEEDED, "at last", 4)
    assert shop.jobs.counts == {"retried": 3, "succeeded": 1}


async def test_after_the_last_attempt_it_has_failed(shop: Shop) -> None:
    async def work(run: Run) -> None:
        raise ValueError("never")

    shop.jobs.register("work", work, max_attempts=2)
    shop.jobs.start()
    job_id = await submit(shop)
    job = await shop.reaches(job_id, lambda job: job.attempts == 1 and job.state is JobState.QUEUED)
    shop.advance(10)
    job = await shop.ends(job_id)
    assert (job.state, job.error, job.attempts) == (JobState.FAILED, "ValueError: never", 2)


async def test_what_cannot_succeed_is_not_tried_again(shop: Shop) -> None:
    async def work(run: Run) -> None:
        raise JobFailed("the file is no training data")

    shop.jobs.register("work", work)
    shop.jobs.start()
    job = await shop.ends(await submit(shop))
    assert (job.state, job.error, job.attempts) == (JobState.FAILED, "the file is no training data", 1)


async def test_a_result_that_is_no_json_is_a_failure_not_a_hang(shop: Shop) -> None:
    async def work(run: Run) -> object:
        return object()

    shop.jobs.register("work", work, max_attempts=1)
    shop.jobs.start()
    job = await shop.ends(await submit(shop))
    assert job.state is JobState.FAILED
    assert "object" in (job.error or "")


async def test_progress_has_a_rate_and_an_end_in_sight(shop: Shop) -> None:
    gate = asyncio.Event()

    async def work(run: Run) -> None:
        await run.progress(0, 100)
        shop.clock.advance(4)
        await run.progress(20)
        await gate.wait()

    shop.jobs.register("work", work)
    shop.jobs.start()
    job_id = await submit(shop)
    job = await shop.reaches(job_id, lambda job: job.progress_done == 20)
    assert (job.progress_total, job.progress_rate, job.eta) == (100, 5, timedelta(seconds=16))
    gate.set()
    assert (await shop.ends(job_id)).eta is None


async def test_progress_is_written_once_a_second_at_most(shop: Shop) -> None:
    seen: list[float] = []

    async def work(run: Run) -> None:
        for done in range(1, 31):
            await run.progress(done, 30)
            seen.append((await shop.job(run.job.id)).progress_done)
            shop.clock.advance(0.1)

    shop.jobs.register("work", work)
    shop.jobs.start()
    job = await shop.ends(await submit(shop))
    assert job.progress_done == 30
    assert sorted(set(seen)) == [1, 11, 21]


async def test_a_later_attempt_goes_on_from_the_checkpoint(shop: Shop) -> None:
    done: list[int] = []

    async def work(run: Run) -> None:
        for step in range(run.checkpoint or 0, 6):
            if step == 3 and run.job.attempts == 1:
                raise OSError("broke")
            done.append(step)
            await run.save(step + 1, step + 1, 6)

    shop.jobs.register("work", work)
    shop.jobs.start()
    job_id = await submit(shop)
    await shop.reaches(job_id, lambda job: job.attempts == 1 and job.state is JobState.QUEUED)
    shop.advance(5)
    job = await shop.ends(job_id)
    assert done == [0, 1, 2, 3, 4, 5]
    assert (job.checkpoint, job.progress_done, job.progress_total) == (6, 6, 6)


async def test_a_queued_job_is_cancelled_at_once(shop: Shop) -> None:
    async def work(run: Run) -> None: ...

    shop.jobs.register("work", work)
    job_id = await submit(shop)
    cancelled = await shop.jobs.cancel(job_id, account_id="account")
    assert cancelled is not None
    assert cancelled.state is JobState.CANCELLED
    shop.jobs.start()
    shop.advance(10)
    await asyncio.sleep(0.05)
    assert (await shop.job(job_id)).attempts == 0


async def test_a_running_job_is_cancelled_and_may_clean_up(shop: Shop) -> None:
    begun, cleaned = asyncio.Event(), asyncio.Event()

    async def work(run: Run) -> None:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            cleaned.set()

    shop.jobs.register("work", work)
    shop.jobs.start()
    job_id = await submit(shop)
    await begun.wait()
    assert await shop.jobs.cancel(job_id, account_id="another account") is None
    await shop.jobs.cancel(job_id, account_id="account")
    job = await shop.ends(job_id)
    assert job.state is JobState.CANCELLED
    assert cleaned.is_set()
    again = await shop.jobs.cancel(job_id, account_id="account")
    assert again == await shop.job(job_id)


async def test_no_more_run_than_there_are_slots(shop: Shop) -> None:
    running, most = 0, 0
    gate = asyncio.Event()

    async def work(run: Run) -> None:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await gate.wait()
        running -= 1

    shop.jobs.register("work", work)
    shop.jobs.start()
    jobs = [await submit(shop) for _ in range(5)]
    await asyncio.sleep(0.05)
    gate.set()
    for job_id in jobs:
        assert (await shop.ends(job_id)).state is JobState.SUCCEEDED
    assert most == 2


async def test_a_stop_gives_the_work_back_and_it_costs_no_attempt(shop: Shop) -> None:
    begun = asyncio.Event()

    async def endless(run: Run) -> None:
        await run.save("half")
        begun.set()
        await asyncio.Event().wait()

    async def quick(run: Run) -> object:
        return run.checkpoint

    shop.jobs.register("work", endless, max_attempts=1)
    shop.jobs.start()
    job_id = await submit(shop)
    await begun.wait()
    await shop.jobs.stop()
    assert (await shop.job(job_id)).state is JobState.QUEUED
    other = shop.another("n2")
    other.register("work", quick)
    other.start()
    job = await shop.ends(job_id)
    assert (job.state, job.result, job.attempts) == (JobState.SUCCEEDED, "half", 1)


async def test_a_dead_runners_job_is_taken_when_its_lease_is_over(shop: Shop) -> None:
    async def work(run: Run) -> str:
        return "done"

    shop.jobs.register("work", work)
    job_id = await submit(shop)
    now = shop.clock.utc()
    await shop.store.tx(
        table.claim, ("work",), owner="dead", now=now, until=now + timedelta(seconds=30), limit=1
    )
    shop.jobs.start()
    shop.advance(29)
    await asyncio.sleep(0.05)
    assert (await shop.job(job_id)).state is JobState.RUNNING
    shop.advance(1)
    job = await shop.ends(job_id)
    assert (job.state, job.attempts) == (JobState.SUCCEEDED, 2)


async def test_a_job_that_kills_its_runner_every_time_is_given_up(shop: Shop) -> None:
    async def work(run: Run) -> None: ...

    shop.jobs.register("work", work, max_attempts=2)
    job_id = await submit(shop)
    for _ in range(2):
        now = shop.clock.utc()
        await shop.store.tx(
            table.claim, ("work",), owner="n1", now=now, until=now + timedelta(seconds=30), limit=1
        )
        await shop.store.tx(table.release, owner="n1", now=now, forgiven=False)
    shop.jobs.start()
    job = await shop.ends(job_id)
    assert (job.state, job.error) == (JobState.FAILED, "its runner died 2 times while at it")


async def test_one_runner_at_a_time_even_when_leases_are_lost(shop: Shop) -> None:
    """A node that cannot renew stops its run before another one begins."""
    running: list[str] = []
    begun = asyncio.Event()

    def worker(name: str) -> Callable[[Run], Awaitable[str]]:
        async def work(run: Run) -> str:
            assert running == [], "two run at once"
            running.append(name)
            begun.set()
            try:
                if name == "n1":
                    await asyncio.Event().wait()
            finally:
                running.remove(name)
            return name

        return work

    shop.jobs.register("work", worker("n1"))
    shop.jobs.start()
    job_id = await submit(shop)
    await begun.wait()
    # Another node's clock jumped and the lease seemed over to it; ours finds out when it renews.
    other = shop.another("n2")
    other.register("work", worker("n2"))
    now = shop.clock.utc() + timedelta(seconds=60)
    (taken,) = await shop.store.tx(
        table.claim, ("work",), owner="n2", now=now, until=now + timedelta(seconds=30), limit=1
    )
    assert taken.id == job_id
    shop.jobs.wake()
    async with asyncio.timeout(20):
        while running:  # noqa: ASYNC110  # a list has no event
            await asyncio.sleep(0.005)
    assert shop.jobs.counts["lost"] == 1
    await shop.jobs.stop()
    other.start()  # gives back what its name holds, and runs it
    job = await shop.ends(job_id)
    assert (job.state, job.result) == (JobState.SUCCEEDED, "n2")


async def test_an_outcome_that_cannot_be_recorded_is_not_recorded_twice(shop: Shop) -> None:
    """The lease went to another while the work went on: its result is dropped, not mixed in."""

    async def work(run: Run) -> str:
        now = shop.clock.utc() + timedelta(seconds=60)
        await shop.store.tx(
            table.claim, ("work",), owner="n2", now=now, until=now + timedelta(hours=1), limit=1
        )
        return "late"

    shop.jobs.register("work", work)
    shop.jobs.start()
    job_id = await submit(shop)
    async with asyncio.timeout(20):
        while not shop.jobs.counts["lost"]:  # noqa: ASYNC110  # a counter has no event
            await asyncio.sleep(0.005)
    job = await shop.job(job_id)
    assert (job.state, job.result) == (JobState.RUNNING, None)


async def test_jobs_are_listed_by_account_and_kind(shop: Shop) -> None:
    async def work(run: Run) -> None: ...

    shop.jobs.register("work", work)
    shop.jobs.register("play", work)
    first = await submit(shop)
    second = await submit(shop)
    await shop.jobs.submit("play", None, account_id="account")
    await shop.jobs.submit("work", None, account_id="another")
    listed, total = await shop.store.read(table.list_jobs, "account", kind="work", limit=1)
    assert ([job.id for job in listed], total) == ([second], 2)
    listed, total = await shop.store.read(table.list_jobs, "account", limit=10)
    assert (listed[-1].id, total) == (first, 3)


async def test_old_jobs_are_forgotten_waiting_ones_never(shop: Shop) -> None:
    async def work(run: Run) -> None: ...

    shop.jobs.register("work", work)
    waiting = await submit(shop, run_at=shop.clock.utc() + timedelta(days=9))
    shop.jobs.start()
    done = await submit(shop)
    await shop.ends(done)
    shop.advance(86_400)
    assert await shop.store.tx(table.purge, shop.clock.utc() - timedelta(hours=1)) == 1
    listed, _ = await shop.store.read(table.list_jobs, "account", limit=10)
    assert [job.id for job in listed] == [waiting]
