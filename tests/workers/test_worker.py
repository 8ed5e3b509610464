import ast
import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import psutil
import pytest

from ringline.workers import Backoff, Busy, Priority, State, Worker, WorkerFailed, WorkerSpec
from ringline.workers.admission import Limits

pytestmark = pytest.mark.fault

ROOT = str(Path(__file__).parents[2])
FAST = Backoff(first=0.01, longest=0.05)
Make = Callable[..., Worker]


@pytest.fixture
async def make() -> AsyncIterator[Make]:
    workers: list[Worker] = []

    def worker(factory: str = "Script", **settings: object) -> Worker:
        spec = WorkerSpec(
            "test",
            f"tests.workers.engines:{factory}",
            environment={"PYTHONPATH": ROOT},
            **({"backoff": FAST, "limits": Limits(in_flight=2, waiting=8)} | settings),  # type: ignore[arg-type]  # any field of the spec
        )
        workers.append(Worker(spec))
        return workers[-1]

    yield worker
    for one in workers:
        await one.stop()


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not condition():  # noqa: ASYNC110 - a state of another process has no event
            await asyncio.sleep(0.005)


async def begun(worker: Worker, payload: bytes) -> "asyncio.Task[bytes]":
    """A request whose engine has given its first piece."""
    first = asyncio.Event()

    async def run() -> bytes:
        pieces = []
        async with contextlib.aclosing(worker.stream(payload)) as stream:
            async for piece in stream:
                pieces.append(piece)
                first.set()
        return b"".join(pieces)

    task = asyncio.create_task(run())
    async with asyncio.timeout(20):
        await first.wait()
    return task


# ---------------------------------------------------------------- answers


async def test_the_first_request_starts_the_child_and_is_answered(make: Make) -> None:
    worker = make()
    assert worker.status().state is State.IDLE
    assert await worker.call(b"echo hello") == b"hello"
    assert worker.status().state is State.READY


async def test_an_answer_comes_in_pieces_and_order(make: Make) -> None:
    async with contextlib.aclosing(make().stream(b"count 50")) as pieces:
        assert [piece async for piece in pieces] == [f"{number},".encode() for number in range(50)]


async def test_many_requests_share_a_child_and_each_gets_its_own_answer(make: Make) -> None:
    worker = make(limits=Limits(in_flight=3, waiting=64))
    answers = await asyncio.gather(*(worker.call(f"echo {number}".encode()) for number in range(60)))
    assert answers == [str(number).encode() for number in range(60)]


async def test_the_engine_gets_its_settings(make: Make) -> None:
    assert await make(settings=b"\x00voice").call(b"settings") == b"\x00voice"


async def test_a_refusal_is_the_requests_own(make: Make) -> None:
    worker = make()
    with pytest.raises(WorkerFailed, match="test: no such voice"):
        await worker.call(b"refuse no such voice")
    with pytest.raises(WorkerFailed, match="KeyError: 'x'"):
        await worker.call(b"break x")
    assert await worker.call(b"echo on") == b"on"
    assert worker.status().deaths == 0


async def test_a_piece_too_large_fails_the_request_alone(make: Make) -> None:
    worker = make()
    with pytest.raises(WorkerFailed, match="exceeds"):
        await worker.call(b"huge 17000000")
    assert await worker.call(b"echo on") == b"on"


async def test_a_library_that_prints_does_no_harm(make: Make) -> None:
    assert await make().call(b"print loud words") == b"printed"


async def test_children_see_no_secrets(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RINGLINE_API_KEY", "KEY_secret")
    names = ast.literal_eval((await make().call(b"environment")).decode())
    assert "RINGLINE_API_KEY" not in names
    assert "OMP_NUM_THREADS" in names


# ---------------------------------------------------------------- deaths


async def test_a_killed_child_fails_its_running_requests_and_no_other(make: Make) -> None:
    worker = make(limits=Limits(in_flight=1, waiting=8))
    running = await begun(worker, b"hang ")
    waiting = asyncio.create_task(worker.call(b"echo next"))
    await until(lambda: worker.status().waiting == 1)
    pid = worker.status().pid
    assert pid is not None
    os.kill(pid, signal.SIGKILL)

    with pytest.raises(WorkerFailed, match="killed by signal 9"):
        await running
    assert await waiting == b"next"
    assert worker.status().pid != pid


@pytest.mark.parametrize("payload", [b"garbage", b"nonsense"])
async def test_a_child_that_breaks_the_protocol_is_replaced(make: Make, payload: bytes) -> None:
    worker = make()
    with pytest.raises(WorkerFailed, match="broke the protocol"):
        await worker.call(payload)
    assert await worker.call(b"echo on") == b"on"


async def test_a_request_that_hangs_ends_the_child(make: Make) -> None:
    worker = make(answer_within=0.5, ping_every=0.05)
    with pytest.raises(WorkerFailed, match=r"no answer for 0\.5 s"):
        await worker.call(b"hang ")
    assert await worker.call(b"echo on") == b"on"


async def test_a_child_that_does_not_run_ends(make: Make) -> None:
    worker = make("Stopped", pong_within=0.5, ping_every=0.05)
    with pytest.raises(WorkerFailed, match=r"no pong for 0\.5 s"):
        await worker.call(b"stop")
    assert await worker.call(b"echo on") == b"on"


async def test_memory_beyond_the_limit_fails_the_request_alone(make: Make) -> None:
    worker = make(memory=400_000_000)
    with pytest.raises(WorkerFailed, match="MemoryError"):
        await worker.call(b"allocate 2000000000")
    assert await worker.call(b"allocate 1000") == b"1000"


async def test_an_engine_that_cannot_be_loaded_says_why(make: Make) -> None:
    worker = make("unloadable", backoff=Backoff(first=30))
    with pytest.raises(WorkerFailed, match="the weights are not here"):
        await worker.call(b"echo")
    assert worker.status().state is State.BACKOFF
    with pytest.raises(WorkerFailed, match="cannot be loaded: the weights are not here"):
        await worker.call(b"echo")
    with pytest.raises(WorkerFailed, match="the weights are not here"):
        await worker.start()


async def test_every_death_while_loading_waits_longer(make: Make) -> None:
    worker = make("broken", backoff=Backoff(first=0.01, longest=0.02))
    for deaths in range(1, 4):
        with pytest.raises(WorkerFailed, match="no such library"):
            await worker.call(b"echo")
        assert worker.status().deaths == deaths
        await until(lambda: worker.status().state is State.IDLE)


async def test_the_last_words_of_a_dead_child_are_kept(make: Make) -> None:
    worker = make("dies_loading")
    with pytest.raises(WorkerFailed, match="killed by signal 6: a native library is unhappy"):
        await worker.start()


async def test_loading_has_a_limit(make: Make) -> None:
    with pytest.raises(WorkerFailed, match=r"not ready after 0\.3 s"):
        await make("loads_slowly", start_within=0.3).start()


async def test_a_python_that_is_not_there(make: Make) -> None:
    with pytest.raises(WorkerFailed, match="cannot start /nowhere/python"):
        await make(python="/nowhere/python").call(b"echo")


# ---------------------------------------------------------------- queue and cancellation


async def test_a_full_queue_is_busy_at_once(make: Make) -> None:
    worker = make(limits=Limits(in_flight=1, waiting=1))
    running = await begun(worker, b"hang ")
    waiting = asyncio.create_task(worker.call(b"echo"))
    await until(lambda: worker.status().waiting == 1)
    with pytest.raises(Busy) as busy:
        await worker.call(b"echo")
    assert busy.value.retry_after >= 1
    await cancel(running, waiting)


async def test_waiting_has_a_deadline(make: Make) -> None:
    worker = make(limits=Limits(in_flight=1, waiting=4))
    running = await begun(worker, b"hang ")
    with pytest.raises(Busy, match=r"no place at test within 0\.05 s"):
        await worker.call(b"echo", wait=0.05)
    assert worker.status().waiting == 0
    await cancel(running)


async def test_live_calls_pass_batches(make: Make, tmp_path: Path) -> None:
    worker = make(limits=Limits(in_flight=1, waiting=4))
    running = await begun(worker, f"until-cancelled {tmp_path / 'sign'}".encode())
    order: list[str] = []

    async def ask(name: str, priority: Priority) -> None:
        await worker.call(b"echo", priority)
        order.append(name)

    batch = asyncio.create_task(ask("batch", Priority.BATCH))
    await until(lambda: worker.status().waiting == 1)
    live = asyncio.create_task(ask("live", Priority.LIVE))
    await until(lambda: worker.status().waiting == 2)
    await cancel(running)
    await asyncio.gather(batch, live)
    assert order == ["live", "batch"]


async def test_cancellation_reaches_the_engine_and_frees_its_place(make: Make, tmp_path: Path) -> None:
    worker = make(limits=Limits(in_flight=1, waiting=4))
    sign = tmp_path / "sign"
    running = await begun(worker, f"until-cancelled {sign}".encode())
    await cancel(running)
    assert await worker.call(b"echo next") == b"next"
    assert sign.read_text() == "cancelled"
    assert worker.status().deaths == 0


async def test_a_cancelled_request_that_waits_never_runs(make: Make) -> None:
    worker = make(limits=Limits(in_flight=1, waiting=4))
    running = await begun(worker, b"hang ")
    waiting = asyncio.create_task(worker.call(b"die 9"))
    await until(lambda: worker.status().waiting == 1)
    await cancel(waiting)
    assert worker.status().waiting == 0
    await cancel(running)


async def test_a_cancelled_request_that_does_not_listen_ends_with_its_child(make: Make) -> None:
    worker = make(limits=Limits(in_flight=1, waiting=4), answer_within=0.5, ping_every=0.05)
    running = await begun(worker, b"hang ")
    await cancel(running)
    assert await worker.call(b"echo next") == b"next"


async def cancel(*tasks: "asyncio.Task[bytes]") -> None:
    for task in tasks:
        task.cancel()
    results = await asyncio.gather(*tasks, return_exceptions=True)
    assert all(isinstance(result, asyncio.CancelledError) for result in results)


# ---------------------------------------------------------------- leaving


async def test_an_idle_child_leaves_and_the_next_request_starts_another(make: Make) -> None:
    worker = make(idle_after=0.05, ping_every=0.02)
    first = await worker.call(b"pid")
    await until(lambda: worker.status().state is State.IDLE)
    assert worker.status().pid is None
    assert await worker.call(b"pid") != first
    assert worker.status().deaths == 0


async def test_a_busy_child_is_not_evicted(make: Make) -> None:
    worker = make()
    assert not worker.evict()
    running = await begun(worker, b"hang ")
    assert not worker.evict()
    await cancel(running)


async def test_start_after_an_eviction_waits_for_the_new_child(make: Make) -> None:
    worker = make()
    await worker.start()
    assert worker.evict()
    await until(lambda: worker.status().state is State.IDLE)
    await worker.start()
    assert worker.status().state is State.READY


async def test_start_waits_through_an_eviction_and_a_death(make: Make) -> None:
    worker = make()
    await worker.start()
    assert worker.evict()
    await worker.start()
    pid = worker.status().pid
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    await until(lambda: worker.status().deaths == 1)
    await worker.start()
    assert worker.status().state is State.READY


async def test_stop_ends_child_and_requests_for_good(make: Make) -> None:
    worker = make(limits=Limits(in_flight=1, waiting=4))
    running = await begun(worker, b"hang ")
    waiting = asyncio.create_task(worker.call(b"echo"))
    await until(lambda: worker.status().waiting == 1)
    pid = worker.status().pid
    assert pid is not None
    await worker.stop()
    for task in (running, waiting):
        with pytest.raises(WorkerFailed, match="the worker was stopped"):
            await task
    assert not psutil.pid_exists(pid)
    with pytest.raises(WorkerFailed, match="was stopped"):
        await worker.call(b"echo")
    await worker.stop()


@pytest.mark.parametrize("factory", ["loads_slowly", "Stopped"])
async def test_stop_ends_a_child_that_does_not_listen(make: Make, factory: str) -> None:
    worker = make(factory, stop_within=0.1)
    call = asyncio.create_task(worker.call(b"stop"))
    await until(lambda: worker.status().pid is not None)
    if factory == "Stopped":
        await until(lambda: worker.status().running == 1)
    pid = worker.status().pid
    assert pid is not None
    await worker.stop()
    with pytest.raises(WorkerFailed):
        await call
    assert not psutil.pid_exists(pid)


async def test_stop_does_not_wait_for_a_back_off(make: Make) -> None:
    worker = make("broken", backoff=Backoff(first=1000, longest=1000))
    with pytest.raises(WorkerFailed):
        await worker.call(b"echo")
    async with asyncio.timeout(5):
        await worker.stop()
    assert worker.status().state is State.STOPPED


async def test_resident_memory_is_reported(make: Make) -> None:
    worker = make(ping_every=0.01)
    await worker.call(b"echo")
    await until(lambda: worker.status().resident > 1_000_000)


PARENT = """
import asyncio, sys
from ringline.workers import Worker, WorkerSpec
async def main():
    worker = Worker(WorkerSpec("test", "tests.workers.engines:" + sys.argv[1]))
    print((await worker.call(b"pid")).decode(), flush=True)
    await worker.call(b"stop" if sys.argv[1] == "Stopped" else b"hang ")
asyncio.run(main())
"""


@pytest.mark.parametrize("factory", ["Script", "Stopped"])
async def test_a_killed_parent_leaves_no_orphan(factory: str) -> None:
    parent = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        PARENT,
        factory,
        stdout=asyncio.subprocess.PIPE,
        env={"PYTHONPATH": ROOT},
    )
    assert parent.stdout is not None
    child = int(await parent.stdout.readline())
    if factory == "Stopped":
        await until(lambda: psutil.Process(child).status() == psutil.STATUS_STOPPED)
    parent.kill()
    await parent.wait()
    await until(lambda: not alive(child))


def alive(pid: int) -> bool:
    """Whether a process runs; one that waits to be reaped by the system's first process does not."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
