"""N calls that stand: phones, an app that echoes, and between them ringline or the floor."""

import asyncio
import contextlib
import os
import signal
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from benchmarks.callee import Callee
from benchmarks.hooks import Inbox
from benchmarks.programs import Program, Unavailable
from benchmarks.server import Customer, Server
from benchmarks.usage import Used, machine_busy_ns, memory_kb, used

SETTLE_S = 1.0
"""After the phones begin to speak: jitter buffers find their depth, code is warm."""
DRAIN_S = 0.5
"""After they fall silent: what is queued is played, so that it does not delay the next window."""
DIALS_AT_ONCE = 16


@dataclass(frozen=True, slots=True)
class Window:
    """What was measured for some seconds."""

    calls: int
    engine: Used
    others_cores: float
    """Cores that were busy with what is no part of the benchmark."""
    phones: dict[str, Any]
    app: dict[str, Any]

    @property
    def percent(self) -> float:
        """CPU of the engine for one call, % of a core."""
        return 100 * self.engine.cores / self.calls

    @property
    def control_percent(self) -> float:
        """Of that, its first thread."""
        return 100 * self.engine.control / self.engine.at / self.calls

    @property
    def echo_percent(self) -> float:
        """Packets to the phones with sound in them."""
        heard = self.phones["received"]
        return 100 * (heard - self.phones["silent"]) / heard if heard else 0.0


class Engine:
    """One engine with its own phones and its own app, so that two can stand side by side."""

    name = ""
    pid = 0
    """The process that is measured."""
    kb_per_call = 0.0

    def __init__(self, calls: int, phones: Program, app: Program) -> None:
        self.calls = calls
        self.phones = phones
        self.app = app

    def pause(self) -> None:
        """Stand still while others are measured."""
        os.kill(self.pid, signal.SIGSTOP)

    def go_on(self) -> None:
        """The inverse."""
        os.kill(self.pid, signal.SIGCONT)

    async def window(self, seconds: float) -> Window:
        """Let the phones speak and measure; they are quiet before and after."""
        self.phones.tell("send on")
        await asyncio.sleep(SETTLE_S)
        self.phones.tell("reset")
        self.app.tell("reset")
        busy, ours, engine = machine_busy_ns(), self._around(), used(self.pid)
        await asyncio.sleep(seconds)
        spent = used(self.pid).since(engine)
        others = machine_busy_ns() - busy - spent.total - (self._around() - ours)
        phones, app = await self.phones.ask("report"), await self.app.ask("report")
        self.phones.tell("send off")
        await asyncio.sleep(DRAIN_S)
        return Window(self.calls, spent, max(0.0, others / spent.at), phones, app)

    def _around(self) -> int:
        return used(self.phones.pid).total + used(self.app.pid).total

    async def close(self) -> None:
        """End everything."""
        await self.phones.stop()
        await self.app.stop()


class Floor(Engine):
    """The bare minimum."""

    name = "floor"

    def __init__(self, calls: int, phones: Program, app: Program, floor: Program) -> None:
        super().__init__(calls, phones, app)
        self._floor = floor
        self.pid = floor.pid
        self.kb_per_call = memory_kb(floor.pid) / calls

    @classmethod
    async def open(cls, programs: Path, calls: int) -> Self:
        """Connect N calls."""
        phones = await Program.start(programs / "peer", calls)
        app = await Program.start(programs / "app")
        floor = await Program.start(programs / "floor", calls, app.ports[0])
        for number, port in enumerate(floor.ports):
            phones.tell(f"to {number} 127.0.0.1 {port}")
        return cls(calls, phones, app, floor)

    async def close(self) -> None:
        """End everything."""
        await self._floor.stop()
        await super().close()


class Ringline(Engine):
    """A ringline server with N calls that it has dialled, each with a bidirectional stream."""

    def __init__(self, calls: int, phones: Program, app: Program, server: Server) -> None:
        super().__init__(calls, phones, app)
        self.pid = server.pid
        self.inbox = Inbox()
        self.callee = Callee(phones.ports, lambda i, host, port: phones.tell(f"to {i} {host} {port}"))
        self.customer = Customer(server.url)
        self.media = ""
        """`native/compiled`, as `/healthz` says it."""
        self.priority = ""
        """Of the media thread."""
        self._server = server
        self._watched: dict[int, asyncio.Future[int]] = {}
        app.on_line = self.inbox.take
        phones.on_line = self._heard_first

    @classmethod
    async def open(
        cls,
        programs: Path,
        folder: Path,
        calls: int,
        *,
        driver: str = "auto",
        quiet: int = 0,
        ahead_ms: int = 0,
    ) -> Self:
        """Start the server and dial; `quiet` phones more have no call yet, `ahead_ms` is the app's."""
        app = await Program.start(programs / "app")
        app.tell(f"ahead {ahead_ms}")
        phones = await Program.start(programs / "peer", calls + quiet)
        one = cls(calls, phones, app, await Server(folder, {"media.driver": driver}).start())
        await one.callee.start()
        await one.customer.open(f"http://127.0.0.1:{app.ports[0]}", "+15550100001")
        health = await one.customer.health()
        one.media, one.priority = str(health["media_engine"]), str(health["media_priority"])
        one.name = "ringline" if one.media == "native/compiled" else f"ringline, {one.media}"
        empty = memory_kb(one.pid)
        await one._dial_all()
        one.kb_per_call = (memory_kb(one.pid) - empty) / calls
        return one

    async def _dial_all(self) -> None:
        stream = {
            "stream_url": f"ws://127.0.0.1:{self.app.ports[0]}/stream",
            "stream_track": "inbound_track",
            "stream_bidirectional_mode": "rtp",
            "stream_bidirectional_target_legs": "self",
        }
        places = asyncio.Semaphore(DIALS_AT_ONCE)

        async def dial(number: int) -> None:
            async with places:
                await self.customer.dial(self.callee.uri(number), **stream)

        await asyncio.gather(*(dial(number) for number in range(self.calls)))
        if not await self.inbox.until("streaming.started", self.calls, 60):
            raise Unavailable(f"of {self.calls} calls these came up: {self.inbox.counts}")

    async def disturbed_window(self, seconds: float) -> Window:
        """A window during which the control thread is kept busy for 100 ms once a second."""

        async def disturb() -> None:
            while True:
                await asyncio.sleep(1)
                self._server.be_busy()

        disturbing = asyncio.create_task(disturb())
        try:
            return await self.window(seconds)
        finally:
            disturbing.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await disturbing

    def watch(self, phone: int) -> "asyncio.Future[int]":
        """When (UTC, ns) the next packet with sound in it reaches a phone."""
        self._watched[phone] = asyncio.get_running_loop().create_future()
        self.phones.tell(f"watch {phone}")
        return self._watched[phone]

    def _heard_first(self, line: str) -> None:
        _, phone, at = line.split()
        self._watched.pop(int(phone)).set_result(int(at))

    async def close(self) -> None:
        """End everything."""
        await self.customer.close()
        await self._server.stop()
        await self.callee.stop()
        await super().close()
