"""The media plane as the rest of the house knows it: legs by name, commands, and events in order.

Everything here runs in the event loop and only writes commands and reads events; the audio itself moves in
the media thread (`io_native`), or in the loop where nothing was compiled (`io_asyncio`).
"""

import asyncio
import importlib
import importlib.util
import os
import socket
import threading
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, Literal

import structlog

from ringline.core.clock import Clock, SystemClock
from ringline.core.errors import ConfigError, RinglineError
from ringline.core.ids import Ids
from ringline.media import events
from ringline.media.carriage import Carriage, Carriages, LinkReceiver, NoFreeLink
from ringline.media.control import (
    Direction,
    DtmfMethod,
    LegControl,
    MediaBusy,
    RemoteMedia,
    Target,
    UnknownCodec,
)
from ringline.media.core import COMPILED
from ringline.media.core.engine import Engine
from ringline.media.core.kinds import SOURCES, Command, Event
from ringline.media.events import LegStats, MediaEvent
from ringline.media.feed import FeedFull, PlayoutFeed
from ringline.media.inject import Inject
from ringline.media.io_asyncio import AsyncioDriver
from ringline.media.ports import NoFreePort, Ports
from ringline.media.routes import Routes
from ringline.media.tapping import RecordTap, Tap

__all__ = [
    "Direction",
    "FeedFull",
    "Inject",
    "LegStats",
    "LocalMedia",
    "MediaBusy",
    "MediaEvent",
    "MediaHealth",
    "MediaPlane",
    "NoFreePort",
    "NoSuchLeg",
    "PlayoutFeed",
    "RecordTap",
    "RemoteMedia",
    "Tap",
    "UnknownCodec",
]

log = structlog.get_logger(__name__)

FIFO_PRIORITY: Final = 10
NICE: Final = -10
UNITY: Final = 256
PHASES: Final = 4
TAP_READY = int(Event.TAP_READY)
LINK_EVENTS: Final = frozenset({int(Event.LINK), int(Event.LINK_CLOSED)})
NTP_EPOCH: Final = datetime(1900, 1, 1, tzinfo=UTC)


class NoSuchLeg(RinglineError):
    """No leg of that name is open."""


@dataclass(frozen=True, slots=True)
class LocalMedia:
    """Where a leg receives RTP; RTCP is at `port` + 1."""

    address: str
    port: int


@dataclass(frozen=True, slots=True)
class MediaHealth:
    """How the plane fares, for `/healthz`, `/metrics` and `doctor`; counts are since its start.

    `left_out_ms` were skipped because a tick came more than 100 ms late, `unsent` packets refused by the
    system, `events_dropped` records found no room because Python was held up, `longest_wake_ms` is the most
    time that one wake-up of the media thread has taken (0 where there is no such thread).
    """

    engine: str
    priority: str
    legs: int
    free_port_pairs: int
    left_out_ms: int
    unsent: int
    events_dropped: int
    handler_failures: int
    longest_wake_ms: float


class MediaPlane:
    """All legs of one process. Every method belongs to the event loop's thread.

    `driver` "auto" takes the native thread where it was compiled and the clock is the machine's.
    `on_event` is called in the loop, in the order in which things happened; what it raises is logged.
    """

    def __init__(
        self,
        *,
        clock: Clock,
        ids: Ids,
        bind: str,
        ports: range,
        driver: Literal["auto", "native", "asyncio"] = "auto",
        on_event: Callable[[MediaEvent], None],
        capacity: int = 1024,
        rtp_timeout_s: float = 30.0,
    ) -> None:
        self._clock = clock
        self._ids = ids
        self._bind = bind
        self._ports = Ports(bind, ports)
        self._on_event = on_event
        since_1900_ns = round((clock.utc() - NTP_EPOCH).total_seconds() * 1e9) - clock.now_ns()
        self._engine = Engine(capacity, round(rtp_timeout_s * 1e9), since_1900_ns)
        self._legs: dict[str, LegControl] = {}
        self._slots: list[LegControl | None] = [None] * capacity
        self._free = deque(range(capacity))
        self._routes = Routes()
        self._unposted: deque[tuple[int, ...]] = deque()
        self._native: Any = None
        self._carriages: Carriages | None = None
        self._asyncio: AsyncioDriver | None = None
        self._thread: threading.Thread | None = None
        self._closed = asyncio.Event()
        self._draining = False
        self._started = False
        self.failures = 0
        self.priority = "none"
        if driver == "asyncio" or (driver == "auto" and not _native_possible(clock)):
            self._asyncio = AsyncioDriver(self._engine, clock, self._drain)
        elif _native_possible(clock):
            module = importlib.import_module("ringline.media.io_native")
            self._native = module.NativeDriver(self._engine)
            self._carriages = Carriages(self._engine, self._native, self._post)
        else:
            raise ConfigError(
                "the native media driver needs compiled modules (python setup.py build_ext --inplace) "
                "and the machine's own clock"
            )

    @property
    def engine_kind(self) -> str:
        """`native` or `asyncio`, and `compiled` or `interpreted`: what `/healthz` says."""
        kind = "native" if self._native is not None else "asyncio"
        return f"{kind}/{'compiled' if COMPILED else 'interpreted'}"

    def health(self) -> MediaHealth:
        """How the plane fares."""
        driver = self._asyncio if self._asyncio is not None else self._native
        return MediaHealth(
            engine=self.engine_kind,
            priority=self.priority,
            legs=len(self._legs),
            free_port_pairs=len(self._ports),
            left_out_ms=int(self._engine.late_slots) * 5,
            unsent=int(driver.unsent),
            events_dropped=int(self._engine.events.dropped),
            handler_failures=self.failures,
            longest_wake_ms=0.0 if self._asyncio is not None else self._native.latest_ns / 1e6,
        )

    async def start(self) -> None:
        """Begin to tick."""
        self._started = True
        if self._asyncio is not None:
            self._asyncio.start()
            log.warning(
                "media runs inside the event loop: audio stutters when Python is busy; development only",
                media_engine=self.engine_kind,
            )
            return
        asyncio.get_running_loop().add_reader(self._native.wakeup, self._woken)
        started = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(started,), name="media", daemon=True)
        self._thread.start()
        started.wait()
        log.info("media thread runs", media_engine=self.engine_kind, priority=self.priority)

    def _run(self, started: threading.Event) -> None:
        self.priority = _raise_priority()
        started.set()
        self._native.run()

    async def stop(self) -> None:
        """Close every leg, hear of it, end the thread."""
        for leg in list(self._legs):
            self.close_leg(leg)
        if self._carriages is not None:
            self._carriages.abort_all()
        while self._started and (any(self._slots) or self._carriages):
            self._closed.clear()
            await self._closed.wait()
        for control in filter(None, self._slots):
            control.pair.close()
        if self._asyncio is not None:
            self._asyncio.stop()
            return
        self._native.halt()
        if self._thread is not None:
            await asyncio.to_thread(self._thread.join)
            asyncio.get_running_loop().remove_reader(self._native.wakeup)
        self._native.close()

    # Legs.

    def open_leg(self, leg: str) -> LocalMedia:
        """Reserve a pair of ports; raises `NoFreePort`."""
        if leg in self._legs:
            raise ValueError(f"leg {leg} is open already")
        if not self._free:
            raise NoFreePort(f"all {self._engine.capacity} legs of the media engine are taken")
        pair = self._ports.take()
        index = self._free.popleft()
        core = self._engine.add(
            index,
            ssrc=self._ids.u32(),
            sequence=self._ids.u16(),
            timestamp=self._ids.u32(),
            cname=self._ids.token(12).encode(),
        )
        control = LegControl(leg, core, pair, self._post, self._clock.now_ns)
        self._legs[leg] = control
        self._slots[index] = control
        self._routes.add(leg, index % PHASES)
        if self._asyncio is not None:
            self._asyncio.attach(index, pair.rtp, pair.rtcp)
        else:
            self._native.attach(index, pair.rtp.fileno(), pair.rtcp.fileno())
        self._post(Command.OPEN, index)
        return LocalMedia(self._bind, pair.port)

    def close_leg(self, leg: str) -> None:
        """End a leg; `LegClosed` is its last event. Unknown or closing legs are nothing to do."""
        control = self._legs.pop(leg, None)
        if control is None:
            return
        for listener in self._routes.remove(leg):
            self._post(Command.ROUTE, self._leg(listener).index, control.index, 0)
        if self._asyncio is not None:
            self._asyncio.ignore(control.index)
        else:
            self._native.ignore(control.index)
        control.close()

    def set_remote(self, leg: str, remote: RemoteMedia) -> None:
        """Send there, receive from there; again after each re-INVITE. Raises `UnknownCodec` or ValueError."""
        self._leg(leg).set_remote(remote)

    def set_idle_silence(self, leg: str, on: bool) -> None:
        """Send silence where nothing is to be heard (`send_silence_when_idle`).

        Without it an idle leg sends one packet at the start and every 15 s (RFC 6263), for NAT's sake.
        """
        self._leg(leg).set_idle_silence(on=on)

    def stats(self, leg: str) -> LegStats:
        """The leg's counters as they stand."""
        return self._leg(leg).stats()

    # What a leg hears.

    def play(self, leg: str, playout: str, *, overlay: bool = False) -> PlayoutFeed:
        """Queue a playout behind those of its channel; an overlay is mixed on top of everything else."""
        return self._leg(leg).play(playout, overlay=overlay)

    def stop_playout(self, leg: str, playout: str) -> None:
        """Stop a playout, whether it is heard or waits; `PlayoutEnded` follows."""
        self._tell_soon(self._leg(leg).stop_playout(playout))

    def stop_all(self, leg: str, *, overlay: bool = False) -> None:
        """Stop all playouts of one channel."""
        self._tell_soon(self._leg(leg).stop_all(overlay=overlay))

    def tone(self, leg: str, name: str | None) -> None:
        """Play `beep` once, or a country's ringback (`us`, `uk`, …) until None or another tone."""
        self._leg(leg).tone(name)

    def send_dtmf(self, leg: str, digits: str, duration_ms: int, method: DtmfMethod) -> None:
        """Send digits (`w`, `W`: pauses of 0.5 and 1 s); `DtmfSent` follows."""
        self._leg(leg).send_dtmf(digits, duration_ms, method)

    def detect_inband(self, leg: str, on: bool) -> None:
        """Listen for digits in the audio too."""
        self._leg(leg).detect_inband(on=on)

    # Who hears whom.

    def bridge(self, a: str, b: str) -> None:
        """Let two legs hear each other."""
        self.route(a, b, 1.0)
        self.route(b, a, 1.0)

    def unbridge(self, leg: str) -> None:
        """Let a leg neither hear nor be heard by any other."""
        self._leg(leg)
        for other in self._routes.neighbours(leg):
            self.route(leg, other, 0.0)
            self.route(other, leg, 0.0)

    def route(self, listener: str, speaker: str, gain: float) -> None:
        """Let `listener` hear `speaker` at `gain`: 1.0 as it is, 0.0 no longer; one way.

        Raises `MediaBusy` beyond 16 speakers.
        """
        hears, says = self._leg(listener), self._leg(speaker)
        if hears is says:
            raise ValueError("a leg does not hear itself")
        heard = self._routes.heard_by(listener)
        if gain and speaker not in heard and len(heard) == SOURCES:
            raise MediaBusy(f"leg {listener} hears {SOURCES} others already")
        for leg, phase in self._routes.join(listener, speaker, gain).items():
            self._post(Command.PHASE, self._leg(leg).index, phase)
        self._post(Command.ROUTE, hears.index, says.index, round(gain * UNITY))

    # Copies, and audio from streams.

    def open_tap(
        self,
        leg: str,
        tap: str,
        *,
        inbound: bool,
        outbound: bool,
        codec: str,
        rate: int,
        little_endian: bool = False,
    ) -> Tap:
        """Copy the leg's audio to Python; raises `MediaBusy` (four at a time) or `UnknownCodec`."""
        return self._leg(leg).open_tap(
            tap, inbound=inbound, outbound=outbound, codec=codec, rate=rate, little_endian=little_endian
        )

    def record(self, leg: str, recording: str, *, rate: int) -> RecordTap:
        """Copy aligned pairs of both directions; raises `MediaBusy`."""
        return self._leg(leg).record(rate=rate)

    def open_inject(
        self, leg: str, stream: str, *, codec: str, rate: int, target: Target, little_endian: bool = False
    ) -> Inject:
        """Take a stream's audio; raises `MediaBusy` (one at a time) or `UnknownCodec`."""
        return self._leg(leg).open_inject(
            stream, codec=codec, rate=rate, target=target, little_endian=little_endian
        )

    # Connections to apps.

    @property
    def carries(self) -> bool:
        """Whether the media thread can carry connections; without such a thread nobody can."""
        return self._carriages is not None

    def open_link(self, sock: socket.socket, receiver: LinkReceiver) -> Carriage:
        """Give the media thread a connected, non-blocking TCP socket; raises `NoFreeLink`."""
        if self._carriages is None:
            raise NoFreeLink("there is no media thread that could carry a connection")
        return self._carriages.open(sock, receiver)

    def carry(self, leg: str, stream: str, link: int, most_ms: int | None) -> None:
        """Let audio go between the leg and a link without Python: the tap of `stream` as `media` messages,
        and the app's `media` messages of the usual exact shape into its inject, while no more than `most_ms`
        wait (None: Python handles what the app sends). It ends when the tap or the inject is closed.
        """
        if self._carriages is None:
            raise NoFreeLink("there is no media thread that could carry a connection")
        self._leg(leg).carry(stream, self._carriages.at(link), self._carriages.scratch, most_ms)

    # Inside.

    def _leg(self, leg: str) -> LegControl:
        control = self._legs.get(leg)
        if control is None:
            raise NoSuchLeg(f"no leg {leg} is open")
        return control

    def _post(self, command: Command, index: int, *arguments: int) -> None:
        """Give a command to the media thread; in order, and later if its ring is full."""
        record = (command, index, *arguments)
        if self._unposted or not self._engine.commands.put(*record):
            self._unposted.append(record)

    def _post_rest(self) -> None:
        while self._unposted and self._engine.commands.put(*self._unposted[0]):
            self._unposted.popleft()

    def _woken(self) -> None:
        with suppress(BlockingIOError):
            os.eventfd_read(self._native.wakeup)
        self._drain()

    def _drain(self) -> None:
        """Read the events that wait; more that come meanwhile are read in the same turn."""
        self._post_rest()
        if self._draining:
            return
        self._draining = True
        try:
            while (record := self._engine.events.get()) is not None:
                self._handle(record)
        finally:
            self._draining = False

    def _handle(self, record: tuple[int, ...]) -> None:
        if record[0] in LINK_EVENTS:
            if self._carriages is not None:
                self._carriages.handle(record[0], record[1])
            self._closed.set()
            return
        control = self._slots[record[1]]
        if control is None:
            return
        if record[0] == TAP_READY:
            control.frames_wait(record[2])
            return
        told = control.translate(record)
        if record[0] == Event.CLOSED:
            self._forget(control)
        for event in told:
            self._tell(event)

    def _forget(self, control: LegControl) -> None:
        self._slots[control.index] = None
        self._engine.remove(control.index)
        self._ports.give_back(control.pair)
        self._free.append(control.index)
        self._closed.set()

    def _tell(self, event: MediaEvent) -> None:
        try:
            self._on_event(event)
        except Exception:
            # The edge of the plane: a fault in what listens must not stop the events of other legs.
            self.failures += 1
            log.exception("media event handler failed", event_type=type(event).__name__, leg=event.leg)

    def _tell_soon(self, told: list[events.PlayoutEnded]) -> None:
        """Tell what needed no media thread, yet not from inside the caller's own command."""
        for event in told:
            asyncio.get_running_loop().call_soon(self._tell, event)


def _native_possible(clock: Clock) -> bool:
    """Whether the native thread was compiled and its clock is the one that everybody else reads."""
    if not COMPILED or not isinstance(clock, SystemClock):
        return False
    spec = importlib.util.find_spec("ringline.media.io_native")
    return spec is not None and spec.origin is not None and not spec.origin.endswith(".py")


def _raise_priority() -> str:
    """Put the calling thread before others; returns what was allowed: `fifo`, `nice` or `none`."""
    with suppress(OSError):
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(FIFO_PRIORITY))
        return "fifo"
    with suppress(OSError):
        # On Linux a thread id works where POSIX speaks of processes, so only this thread is changed.
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICE)
        return "nice"
    return "none"
