"""Calls set up and torn down per second, on one core: through the API, and by INVITE."""

import asyncio
import time
from dataclasses import dataclass
from pathlib import Path

from benchmarks.hooks import Hook, Inbox
from benchmarks.onecore import server_alone
from benchmarks.programs import Program
from benchmarks.report import Result, Table, percentile, verdict
from benchmarks.server import Customer, Refused, Server
from benchmarks.sipp import Sipp
from benchmarks.usage import Used, machine_busy_ns, pin, used

NUMBER = "+15550100001"
GOAL = 100
DRAIN_S = 8.0
LATE_MS = 1000
HEADS = (
    "way", "offered/s", "completed", "per s", "CPU ms/call", "of it control", "core busy %", "calls/s a core",
    "setup ms p50 / p99", "webhooks, all signed", "other load",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Run:
    """One rate for some seconds."""

    way: str
    offered: int
    wanted: int
    completed: int
    seconds: float
    spent: Used
    others_cores: float
    setup_ms: list[float]
    hooks: list[Hook]

    @property
    def per_second(self) -> float:
        """Calls completed in a second, from the first request to the last hangup."""
        return self.completed / self.seconds

    @property
    def holds(self) -> bool:
        """Whether the rate was kept: every call complete, hardly one of them a second late."""
        return self.completed == self.wanted and percentile(self.setup_ms, 0.99) < LATE_MS

    def row(self) -> list[str]:
        """As text."""
        cost = self.spent.total / 1e6 / max(1, self.completed)
        return [
            self.way,
            str(self.offered),
            f"{self.completed} of {self.wanted}",
            f"{self.per_second:.0f}",
            f"{cost:.2f}",
            f"{self.spent.control / 1e6 / max(1, self.completed):.2f}",
            f"{100 * self.spent.cores:.0f}",
            f"{1000 / cost:.0f}",
            f"{percentile(self.setup_ms, 0.5):.1f} / {percentile(self.setup_ms, 0.99):.1f}",
            f"{len(self.hooks)}{'' if all(hook.signed for hook in self.hooks) else ' NOT SIGNED'}",
            f"{self.others_cores:.2f}",
        ]


async def run(programs: Path, scratch: Path, quick: bool) -> Result:
    """Raise the rate until it is no longer kept."""
    rates, seconds = ([10], 1.0) if quick else ([50, 100, 150, 200, 250], 8.0)
    runs: list[Run] = []
    with server_alone() as core:
        inbox = Inbox()
        app = await Program.start(programs / "app")
        app.on_line = inbox.take
        server = await Server(scratch / "data").start()
        pin(server.pid, core)
        customer = Customer(server.url)
        await customer.open(f"http://127.0.0.1:{app.ports[0]}", NUMBER)
        bench = Bench(scratch, server, customer, inbox)
        await bench.outgoing(min(rates), 1.0)  # code and connections warm
        for way in (bench.outgoing, bench.incoming):
            for rate in rates:
                runs.append(await way(rate, seconds))
                if not runs[-1].holds:
                    break
        await customer.close()
        await server.stop()
        await app.stop()
    best = {way: max((r.offered for r in runs if r.way == way and r.holds), default=0) for way in WAYS}
    return Result(
        "setup",
        [Table(HEADS, [one.row() for one in runs])],
        [verdict(f"{way}: {best[way]}/s kept (goal {GOAL})", best[way] >= GOAL) for way in WAYS],
        "calls are short and carry no media, and whoever calls, answers and takes webhooks shares the "
        "machine's other core, so beyond about 200/s it may be they who are late.",
        [
            "The server, all its threads, is kept on one core. API: POST /calls to a callee that answers at "
            "once, then the hangup command when call.answered has come. INVITE: sipp calls a number, the app "
            "answers on call.initiated, sipp hangs up 50 ms later. Three webhooks a call, signed, stored and "
            "delivered; SQLite. A rate is kept when all calls complete and 99 % are set up within 1 s; then "
            "the next is tried."
        ],
    )


WAYS = ("API", "INVITE")


class Bench:
    """A server with a customer, and calls through it."""

    def __init__(self, scratch: Path, server: Server, customer: Customer, inbox: Inbox) -> None:
        self._scratch = scratch
        self._server = server
        self._customer = customer
        self._inbox = inbox
        self._tasks: set[asyncio.Task[None]] = set()
        self.refused = 0

    async def outgoing(self, rate: int, seconds: float) -> Run:
        """The app dials, and hangs up what was answered."""
        callee = await Sipp.callee(self._scratch)
        await asyncio.sleep(0.3)  # sipp says nothing when it listens
        self._inbox.clear()
        self._inbox.react = lambda hook: self._do(hook, "call.answered", "hangup")
        wanted = round(rate * seconds)
        asked: dict[str, int] = {}
        begun, busy, before = time.monotonic(), machine_busy_ns(), self._used()

        async def dial() -> None:
            at = time.time_ns()
            try:
                asked[await self._customer.dial(f"sip:sipp@127.0.0.1:{callee.port}")] = at
            except Refused:
                self.refused += 1

        for number in range(wanted):
            await asyncio.sleep(max(0.0, begun + number / rate - time.monotonic()))
            self._keep(asyncio.create_task(dial()))
        run = await self._finish("API", rate, wanted, begun, busy, before)
        await callee.stop()
        answered = [hook for hook in self._inbox.hooks if hook.type == "call.answered"]
        run.setup_ms.extend((hook.at_ns - asked[hook.call]) / 1e6 for hook in answered if hook.call in asked)
        return run

    async def incoming(self, rate: int, seconds: float) -> Run:
        """Calls come in, the app answers."""
        self._inbox.clear()
        self._inbox.react = lambda hook: self._do(hook, "call.initiated", "answer")
        wanted = round(rate * seconds)
        begun, busy, before = time.monotonic(), machine_busy_ns(), self._used()
        caller = await Sipp.caller(self._scratch, self._server.sip, NUMBER, calls=wanted, per_second=rate)
        await caller.ended(seconds + DRAIN_S)
        run = await self._finish("INVITE", rate, wanted, begun, busy, before)
        await caller.stop()
        run.setup_ms.extend(caller.answer_times_ms())
        return run

    async def _finish(
        self, way: str, rate: int, wanted: int, begun: float, busy: int, before: tuple[Used, Used]
    ) -> Run:
        await self._inbox.until("call.hangup", wanted, DRAIN_S)
        server, own = (now.since(then) for now, then in zip(self._used(), before, strict=True))
        others = (machine_busy_ns() - busy - server.total - own.total) / server.at
        hangups = [hook.at_ns for hook in self._inbox.hooks if hook.type == "call.hangup"]
        ended_ns = max(hangups, default=time.time_ns())
        seconds = time.monotonic() - begun - (time.time_ns() - ended_ns) / 1e9
        return Run(
            way, rate, wanted, len(hangups), seconds, server, max(0.0, others), [], list(self._inbox.hooks)
        )

    def _used(self) -> tuple[Used, Used]:
        return used(self._server.pid), used_by_me()

    def _do(self, hook: Hook, event_type: str, action: str) -> None:
        if hook.type == event_type:
            self._keep(asyncio.create_task(self._act(hook.call, action)))

    async def _act(self, call: str, action: str) -> None:
        try:
            await self._customer.act(call, action)
        except Refused:
            self.refused += 1

    def _keep(self, task: "asyncio.Task[None]") -> None:
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def used_by_me() -> Used:
    """CPU time of this process."""
    return Used(time.process_time_ns(), 0, time.monotonic_ns())
