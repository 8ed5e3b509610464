"""Webhooks: how soon the app hears of an event, and whether it hears of all although the server is killed."""

import asyncio
import random
import sqlite3
import time
from pathlib import Path

from benchmarks.hooks import Hook, Inbox
from benchmarks.programs import Program
from benchmarks.report import Result, Table, percentile, verdict
from benchmarks.server import Customer, Refused, Server
from benchmarks.sipp import Sipp

NUMBER = "+15550100001"
GOAL_MS = 10
EVENTS_A_CALL = 3
SETTLE_S = 60.0


async def run(programs: Path, scratch: Path, quick: bool) -> Result:
    """Calls come in and make events; then the same with a server that is killed again and again."""
    rate, seconds, kills = (5, 1.0, 2) if quick else (100, 30.0, 20)
    inbox = Inbox()
    app = await Program.start(programs / "app")
    app.on_line = inbox.take
    url = f"http://127.0.0.1:{app.ports[0]}"
    delays = await _delays(scratch, inbox, url, rate, seconds)
    inbox.clear()
    fates = await _killed(scratch, inbox, url, kills)
    await app.stop()
    p99 = percentile(delays, 0.99)
    latency = Table(
        ("event → first byte at the app", "n", "p50 ms", "p99 ms", "max ms"),
        [
            [
                f"{rate} events/s",
                str(len(delays)),
                f"{percentile(delays, 0.5):.2f}",
                f"{p99:.2f}",
                f"{max(delays):.2f}",
            ]
        ],
    )
    return Result(
        "webhooks",
        [latency, Table(tuple(fates), [[str(value) for value in fates.values()]])],
        [
            verdict(f"event → first byte: p99 {p99:.1f} ms (goal {GOAL_MS})", p99 < GOAL_MS),
            verdict(f"lost after {kills} × kill -9: {fates['lost']} (goal 0)", fates["lost"] == 0),
            verdict(
                f"calls announced that never ended for the app: {fates['never ended']} (goal 0)",
                fates["never ended"] == 0,
            ),
        ],
        "the app answers at once on the same machine, so neither a network nor a slow app is in the delays; "
        "kill -9 is the death of a process, not of a machine: what a power cut takes with it is not shown.",
        [
            f"Events are those of calls that come in, are answered and hung up ({EVENTS_A_CALL} each); an "
            "event's time is its `occurred_at`. Killed: the process gets SIGKILL at a random moment while "
            "calls come in at 20/s, and starts again on its data; lost is what its database says happened "
            "and the app never heard of."
        ],
    )


async def _delays(scratch: Path, inbox: Inbox, url: str, rate: int, seconds: float) -> list[float]:
    server = await Server(scratch / "steady").start()
    customer = Customer(server.url)
    await customer.open(url, NUMBER)
    answering = Answering(customer, inbox)
    # 100 events a second are 33⅓ calls: sipp takes whole calls a second.
    calls_a_second = max(1, round(rate / EVENTS_A_CALL))
    for part in (1.0, seconds):  # the first warms the code up
        inbox.clear()
        calls = max(1, round(calls_a_second * part))
        caller = await Sipp.caller(scratch, server.sip, NUMBER, calls=calls, per_second=calls_a_second)
        await caller.ended(part + 10)
        await inbox.until("call.hangup", calls, 10)
        await caller.stop()
    await answering.settle()
    await customer.close()
    await server.stop()
    return [hook.delay_ms for hook in inbox.hooks]


async def _killed(scratch: Path, inbox: Inbox, url: str, kills: int) -> dict[str, int]:
    chance = random.Random(20_30)
    server = Server(scratch / "killed")
    started: list[float] = []
    for life in range(kills + 1):
        begun = time.monotonic()
        await server.start()
        started.append(time.monotonic() - begun)
        customer = Customer(server.url)
        if life == 0:
            await customer.open(url, NUMBER)
        answering = Answering(customer, inbox)
        if life < kills:
            caller = await Sipp.caller(scratch, server.sip, NUMBER, calls=1000, per_second=20)
            await asyncio.sleep(chance.uniform(0.3, 2.5))
            await server.kill()
            await caller.stop()
        else:
            await _until_delivered(server.database)
        await answering.settle()
        await customer.close()
    await server.stop()
    committed = _ids(server.database)
    heard = {hook.id for hook in inbox.hooks}
    announced = {hook.call for hook in inbox.hooks if hook.type == "call.initiated"}
    ended = {hook.call for hook in inbox.hooks if hook.type == "call.hangup"}
    return {
        "killed": kills,
        "events committed": len(committed),
        "heard": len(heard),
        "lost": len(committed - heard),
        "heard twice": len(inbox.hooks) - len(heard),
        "not committed": len(heard - committed),
        "calls": len(announced),
        "never ended": len(announced - ended),
        "ms to start again": round(1000 * percentile(started[1:], 0.5)),
    }


class Answering:
    """The app's reaction to a call; the server may be gone meanwhile."""

    def __init__(self, customer: Customer, inbox: Inbox) -> None:
        self._customer = customer
        self._tasks: set[asyncio.Task[None]] = set()
        inbox.react = self._react

    def _react(self, hook: Hook) -> None:
        if hook.type == "call.initiated":
            task = asyncio.create_task(self._answer(hook.call))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _answer(self, call: str) -> None:
        try:
            await self._customer.act(call, "answer")
        except Refused:
            return  # killed, or the caller had left: its events are what is counted

    async def settle(self) -> None:
        """Wait for what is under way."""
        await asyncio.gather(*self._tasks)


def _ids(database: Path) -> set[str]:
    with sqlite3.connect(f"file:{database}?mode=ro", uri=True) as reading:
        return {row[0] for row in reading.execute("SELECT id FROM events")}


async def _until_delivered(database: Path) -> None:
    async with asyncio.timeout(SETTLE_S):
        while _pending(database):  # noqa: ASYNC110 - the condition is in another process's database
            await asyncio.sleep(0.1)


def _pending(database: Path) -> int:
    with sqlite3.connect(f"file:{database}?mode=ro", uri=True) as reading:
        found: int = reading.execute("SELECT count(*) FROM deliveries WHERE state = 'pending'").fetchone()[0]
        return found
