import asyncio
from contextlib import AsyncExitStack

import pytest

from ringline.core.clock import SystemClock
from ringline.inference.gate import Gate
from ringline.workers import Busy, Priority
from ringline.workers.admission import Limits

pytestmark = pytest.mark.unit

FOREVER = 60.0


def gate(in_flight: int = 1, waiting: int = 2) -> Gate:
    return Gate("m", Limits(in_flight, waiting), SystemClock())


async def stand(one: Gate, priority: Priority, order: list[str], name: str) -> None:
    async with one.place(priority, FOREVER):
        order.append(name)


async def queued(one: Gate, count: int) -> None:
    async with asyncio.timeout(2):
        while one.waiting < count:  # noqa: ASYNC110 - a gate tells nobody that its queue has grown
            await asyncio.sleep(0)


async def test_live_calls_go_before_the_rest() -> None:
    one, order = gate(), []
    async with asyncio.TaskGroup() as tasks, one.place(Priority.BATCH, FOREVER):
        tasks.create_task(stand(one, Priority.BATCH, order, "batch"))
        await queued(one, 1)
        tasks.create_task(stand(one, Priority.LIVE, order, "live"))
        await queued(one, 2)
    assert order == ["live", "batch"]
    assert (one.running, one.waiting) == (0, 0)


async def test_a_full_queue_refuses_at_once_with_a_time() -> None:
    one, order = gate(waiting=1), []
    async with asyncio.TaskGroup() as tasks, one.place(Priority.BATCH, FOREVER):
        tasks.create_task(stand(one, Priority.BATCH, order, "second"))
        await queued(one, 1)
        with pytest.raises(Busy) as refused:
            await stand(one, Priority.BATCH, order, "third")
        assert refused.value.retry_after >= 1
    assert order == ["second"]


async def test_who_waits_too_long_is_sent_away_and_leaves_no_trace() -> None:
    one = gate()
    async with one.place(Priority.LIVE, FOREVER):
        with pytest.raises(Busy, match=r"within 0\.01 s"):
            async with one.place(Priority.LIVE, 0.01):
                pass
    assert (one.running, one.waiting) == (0, 0)


async def test_who_is_cancelled_in_the_queue_leaves_it() -> None:
    one = gate()
    async with one.place(Priority.LIVE, FOREVER):
        waiting = asyncio.create_task(stand(one, Priority.LIVE, [], "x"))
        await queued(one, 1)
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
        assert one.waiting == 0


async def test_no_more_are_inside_than_there_are_places() -> None:
    one = gate(in_flight=2, waiting=5)
    async with AsyncExitStack() as stack:
        for _ in range(2):
            await stack.enter_async_context(one.place(Priority.BATCH, FOREVER))
        third = asyncio.create_task(stand(one, Priority.BATCH, [], "third"))
        await queued(one, 1)
        assert one.running == 2
    await third
    assert one.running == 0
