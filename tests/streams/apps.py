"""A customer's app on a loopback port, and a media plane that a test moves by hand."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Literal

from websockets.asyncio.server import ServerConnection, serve
from websockets.frames import Frame, Opcode
from websockets.protocol import Event

from ringline.core.clock import Clock, SystemClock
from ringline.core.errors import RinglineError
from ringline.core.net import Guard, Policy, Target
from ringline.core.settings import StreamSettings
from ringline.streams import transport_picows
from ringline.streams.client import Stream
from ringline.streams.frames import AppFrame, Media, ServerFrame
from ringline.streams.playlist import Decode, decode_file
from ringline.streams.ports import MediaPorts
from ringline.streams.request import StreamEvent, StreamFrameSeen, StreamLimits, StreamRequest
from ringline.streams.transport import Dial
from ringline.streams.wire import parse_server, serialize, serialize_app

STREAM = "32de0dea-53cb-4b21-89a4-9e1819c043bc"
LOCAL = Guard(Policy(private=True))


async def resolve(url: str) -> Target:
    return await LOCAL.vet(url, ("ws", "wss"))


def request(url: str, **members: Any) -> StreamRequest:
    return StreamRequest(
        **{
            "stream_id": STREAM,
            "url": url,
            "bidirectional_mode": "rtp",
            "user_id": "3e6f995f-85f7-4705-9741-53b116d28237",
            "call_control_id": "v3:T02llQxIyaRkhfRKxgAP8nY511EhFLizdvdUKJiSw8d6A9BborherQ",
            "call_session_id": "ff55a038-6f5d-11ef-9692-02420aeffb1f",
            "from_": "+13125550100",
            "to": "+13125550101",
            "client_state": "aGF2ZSBhIG5pY2UgZGF5ID1d",
            **members,
        }
    )


@dataclass
class App:
    """What the app's socket saw."""

    port: int = 0
    scheme: str = "ws"
    sockets: "asyncio.Queue[ServerConnection]" = field(default_factory=asyncio.Queue)
    frames: "asyncio.Queue[ServerFrame]" = field(default_factory=asyncio.Queue)
    raw: list[str] = field(default_factory=list)
    pings: "asyncio.Queue[None]" = field(default_factory=asyncio.Queue)
    closed: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def url(self) -> str:
        return f"{self.scheme}://127.0.0.1:{self.port}/stream?room=a%20b&x=1"

    async def socket(self) -> ServerConnection:
        return await self.sockets.get()

    async def next(self, kind: type[ServerFrame]) -> Any:
        """The next frame of a kind; others before it are dropped."""
        while True:
            frame = await self.frames.get()
            if isinstance(frame, kind):
                return frame

    async def handle(self, socket: ServerConnection) -> None:
        self.sockets.put_nowait(socket)
        async for message in socket:
            assert isinstance(message, str)
            self.raw.append(message)
            self.frames.put_nowait(parse_server(message.encode()))
        self.closed.set()


async def send(socket: ServerConnection, *frames: AppFrame | str | bytes) -> None:
    for frame in frames:
        await socket.send(frame if isinstance(frame, str | bytes) else serialize_app(frame).decode())


@asynccontextmanager
async def serving(
    handler: Callable[[ServerConnection], Awaitable[None]] | None = None, **options: Any
) -> AsyncIterator[App]:
    """An app that listens; `handler` instead of reading everything."""
    app = App(scheme="wss" if "ssl" in options else "ws")

    class Watched(ServerConnection):
        """Notes the pings it gets; the library answers them by itself."""

        def process_event(self, event: Event) -> None:
            if isinstance(event, Frame) and event.opcode is Opcode.PING:
                app.pings.put_nowait(None)
            super().process_event(event)

    async with serve(
        handler or app.handle, "127.0.0.1", 0, ping_interval=None, create_connection=Watched, **options
    ) as server:
        app.port = next(iter(server.sockets)).getsockname()[1]
        yield app


@dataclass(frozen=True, slots=True)
class Packet:
    track: Literal["inbound", "outbound"]
    chunk: int
    timestamp_ms: int
    payload: bytes


@dataclass
class ScriptedTap:
    options: dict[str, Any]
    waiting: list[Packet] = field(default_factory=list)
    closed: bool = False
    wakeup: Callable[[], None] = lambda: None
    taken: int = 0

    def messages(self, before: int) -> Sequence[bytes]:
        written = []
        stream = str(self.options["tap"])
        for packet in self.waiting:
            self.taken += 1
            frame = Media(
                stream, before + self.taken, packet.track, packet.chunk, packet.timestamp_ms, packet.payload
            )
            written.append(serialize(frame))
        self.waiting = []
        return written

    def trim(self, keep: int) -> None:
        dropped = max(0, len(self.waiting) - keep)
        self.taken += dropped
        del self.waiting[:dropped]

    def set_wakeup(self, wakeup: Callable[[], None]) -> None:
        self.wakeup = wakeup

    def close(self) -> None:
        self.closed = True

    def give(self, *packets: Packet) -> None:
        self.waiting += packets
        self.wakeup()


@dataclass
class ScriptedInject:
    options: dict[str, Any]
    rate: int = 8000
    backlog_ms: float = 0.0
    full: bool = False
    done: list[tuple[str, object]] = field(default_factory=list)
    heard: asyncio.Event = field(default_factory=asyncio.Event)

    def _note(self, what: str, value: object = None) -> None:
        self.done.append((what, value))
        self.heard.set()

    def write(self, payload: bytes) -> bool:
        if not self.full:
            self._note("write", payload)
        return not self.full

    def push(self, message: bytes, most_ms: int) -> bool:
        return False

    def write_pcm(self, pcm: bytes) -> bool:
        if not self.full:
            self._note("pcm", pcm)
        return not self.full

    def mark(self, name: str) -> None:
        self._note("mark", name)

    def clear(self) -> int:
        self._note("clear")
        return 0

    def close(self) -> None:
        self._note("close")

    async def until(self, count: int) -> list[tuple[str, object]]:
        while len(self.done) < count:
            self.heard.clear()
            await self.heard.wait()
        return self.done


@dataclass
class ScriptedPlane:
    """Stands for the media plane where its own behaviour is not the subject."""

    taps: list[ScriptedTap] = field(default_factory=list)
    injects: list[ScriptedInject] = field(default_factory=list)
    rate: int = 8000
    busy: bool = False

    def open_tap(
        self, leg: str, tap: str, *, inbound: bool, outbound: bool, codec: str, rate: int, little_endian: bool
    ) -> ScriptedTap:
        if self.busy:
            raise RinglineError("the leg has as many taps as it can have")
        options = {"leg": leg, "tap": tap, "in": inbound, "out": outbound, "codec": codec, "rate": rate}
        self.taps.append(ScriptedTap({**options, "little": little_endian}))
        return self.taps[-1]

    def open_inject(
        self,
        leg: str,
        stream: str,
        *,
        codec: str,
        rate: int,
        target: Literal["self", "opposite", "both"],
        little_endian: bool,
    ) -> ScriptedInject:
        options = {"leg": leg, "stream": stream, "codec": codec, "rate": rate, "target": target}
        self.injects.append(ScriptedInject({**options, "little": little_endian}, rate=self.rate))
        return self.injects[-1]

    def carry(self, leg: str, stream: str, link: int, most_ms: int | None) -> None:
        raise RinglineError("there is no media thread that could carry a connection")

    @property
    def tap(self) -> ScriptedTap:
        return self.taps[-1]

    @property
    def inject(self) -> ScriptedInject:
        return self.injects[-1]


class Events:
    """The stream's events, control frames apart."""

    def __init__(self) -> None:
        self.all: list[StreamEvent] = []
        self._changed = asyncio.Event()

    def __call__(self, event: StreamEvent) -> None:
        self.all.append(event)
        self._changed.set()

    @property
    def outcomes(self) -> list[StreamEvent]:
        return [event for event in self.all if not isinstance(event, StreamFrameSeen)]

    async def next(self, kind: type[StreamEvent]) -> Any:
        """The first event of a kind, now or later."""
        while True:
            for event in self.all:
                if isinstance(event, kind):
                    return event
            self._changed.clear()
            await self._changed.wait()


@asynccontextmanager
async def streaming(
    asked: StreamRequest,
    plane: MediaPorts,
    events: Events,
    *,
    dial: Dial = transport_picows.dial,
    limits: StreamLimits | None = None,
    clock: Clock | None = None,
    l16_byte_order: Literal["big", "little"] = "big",
    decode: Decode = decode_file,
    tls: Any = None,
) -> AsyncIterator[Stream]:
    """A stream that is stopped when the test is over."""
    stream = Stream(
        asked,
        clock=clock or SystemClock(),
        plane=plane,
        resolve=resolve,
        on_event=events,
        settings=StreamSettings(l16_byte_order=l16_byte_order),
        decode=decode,
        limits=limits,
        dial=dial,
        tls=tls,
    )
    try:
        yield stream
    finally:
        await stream.stop()
