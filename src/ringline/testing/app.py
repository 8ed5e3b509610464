"""The customer's side in a test: a webhook inbox, files to be played, a WebSocket for media streams."""

import asyncio
import base64
import binascii
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

from aiohttp import WSMsgType, web

from ringline.core.errors import RinglineError
from ringline.testing.verify import Verify, verifier

WAIT_S = 10.0


class InboxError(RinglineError):
    """An event that was waited for did not come; the message lists those that did.

    Or a request came that is none of the server's.
    """


@dataclass(frozen=True, slots=True)
class Received:
    """One webhook request as it came."""

    body: bytes
    headers: dict[str, str]
    event: dict[str, Any]
    path: str

    @property
    def signed(self) -> str:
        """What the signature is of: the body, or by GET the query."""
        return self.body.decode(errors="replace") or self.path.partition("?")[2]

    @property
    def type(self) -> str:
        """The event type."""
        return str(self._data["event_type"])

    @property
    def id(self) -> str:
        """The event's id, the same on every attempt."""
        return str(self._data["id"])

    @property
    def payload(self) -> dict[str, Any]:
        """`data.payload`; of an event without an envelope, as insights' are, all there is."""
        payload: dict[str, Any] = self._data.get("payload", self._data)
        return payload

    @property
    def _data(self) -> dict[str, Any]:
        data: dict[str, Any] = self.event.get("data", self.event)
        return data


class Inbox:
    """Webhooks in the order in which they came.

    `verify` checks each one, in an `App` with the server's key by the SDK's own `unwrap`. A request that it
    raises for is answered 403 and not received; whoever waits for an event is told of it.
    """

    def __init__(self) -> None:
        self.received: list[Received] = []
        self.verify: Verify | None = None
        self.status: Callable[[Received], int] = lambda _received: 200
        """What to answer to a request."""
        self._taken: set[int] = set()
        self._changed = asyncio.Condition()
        self._refused = ""

    @property
    def types(self) -> list[str]:
        """Event types so far."""
        return [one.type for one in self.received]

    async def next(self, event_type: str, *, wait_s: float = WAIT_S, **payload: object) -> Received:
        """The first event of this type not yet taken whose payload has these members."""

        def find() -> Received | None:
            self._say_refused()
            for number, one in enumerate(self.received):
                if (
                    number not in self._taken
                    and one.type == event_type
                    and all(one.payload.get(name) == value for name, value in payload.items())
                ):
                    self._taken.add(number)
                    return one
            return None

        found: Received | None = None

        def holds() -> bool:
            nonlocal found
            found = found or find()
            return found is not None

        try:
            async with asyncio.timeout(wait_s), self._changed:
                await self._changed.wait_for(holds)
        except TimeoutError as error:
            raise InboxError(
                f"no {event_type} {payload or ''} within {wait_s:g} s; came: {self.types}"
            ) from error
        assert found is not None
        return found

    async def until(self, holds: Callable[[], bool], what: str, wait_s: float = WAIT_S) -> None:
        """Wait until `holds()`, looking again with each event."""

        def look() -> bool:
            self._say_refused()
            return holds()

        try:
            async with asyncio.timeout(wait_s), self._changed:
                await self._changed.wait_for(look)
        except TimeoutError as error:
            raise InboxError(f"no {what} within {wait_s:g} s; came: {self.types}") from error

    async def take(self, received: Received) -> int:
        """Put one in, unless it is refused; returns the HTTP status to answer."""
        problem = self._check(received)
        async with self._changed:
            if problem is None:
                self.received.append(received)
            else:
                self._refused = f"a request to {received.path} was refused: {problem}"
            self._changed.notify_all()
        return self.status(received) if problem is None else 403

    def _check(self, received: Received) -> Exception | None:
        if self.verify is None:
            return None
        try:
            self.verify(received.signed, received.headers)
        except Exception as problem:  # the edge to whatever verifies: shown to whoever waits
            return problem
        return None

    def _say_refused(self) -> None:
        if self._refused:
            raise InboxError(self._refused)


@dataclass(slots=True)
class StreamSocket:
    """A media stream as the app sees it."""

    ws: web.WebSocketResponse
    headers: dict[str, str]
    frames: list[dict[str, Any]] = field(default_factory=list)
    closed: asyncio.Event = field(default_factory=asyncio.Event)
    _changed: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def send(self, event: str, **members: object) -> None:
        """Send one frame."""
        await self.ws.send_str(json.dumps({"event": event, **members}))

    async def send_media(self, payload: bytes) -> None:
        """Send audio."""
        await self.send("media", media={"payload": base64.b64encode(payload).decode()})

    async def next(self, event: str, after: int = 0, wait_s: float = WAIT_S) -> dict[str, Any]:
        """The first frame of this event behind the first `after` frames."""

        def found() -> list[dict[str, Any]]:
            return [frame for frame in self.frames[after:] if frame["event"] == event]

        try:
            async with asyncio.timeout(wait_s), self._changed:
                await self._changed.wait_for(lambda: found() or self.closed.is_set())
        except TimeoutError as error:
            raise InboxError(f"no {event} frame within {wait_s:g} s") from error
        if not found():
            raise InboxError(f"the stream closed without a {event} frame")
        return found()[0]

    def audio(self, track: str = "inbound") -> bytes:
        """The payloads of one track, in order."""
        return b"".join(
            binascii.a2b_base64(frame["media"]["payload"])
            for frame in self.frames
            if frame["event"] == "media" and frame["media"]["track"] == track
        )

    async def _take(self, frame: dict[str, Any]) -> None:
        async with self._changed:
            self.frames.append(frame)
            self._changed.notify_all()

    async def _close(self) -> None:
        async with self._changed:
            self.closed.set()
            self._changed.notify_all()


OnFrame = Callable[[StreamSocket, dict[str, Any]], Awaitable[None]]


class App:
    """`async with App(await server.public_key()) as app:` listens: `/hook`, `/files/NAME`, `/stream`.

    Only webhooks that are signed with that key reach the inbox; without a key, all do.
    """

    def __init__(self, public_key: str = "") -> None:
        self.inbox = Inbox()
        if public_key:
            self.inbox.verify = verifier(public_key)
        self.streams: list[StreamSocket] = []
        self.on_frame: OnFrame | None = None
        """Called with each frame of a stream: an echo, a bot."""
        self.accept_streams = True
        self._files: dict[str, tuple[bytes, str]] = {}
        self._streams: asyncio.Queue[StreamSocket] = asyncio.Queue()
        self._runner: web.AppRunner | None = None
        self._port = 0

    @property
    def url(self) -> str:
        """Base URL."""
        return f"http://127.0.0.1:{self._port}"

    @property
    def hook(self) -> str:
        """Where webhooks go."""
        return f"{self.url}/hook"

    @property
    def stream_url(self) -> str:
        """Where media streams go."""
        return f"ws://127.0.0.1:{self._port}/stream"

    def serves(self, data: bytes, name: str = "sound.wav", content_type: str = "audio/wav") -> str:
        """Serve a file; returns its URL."""
        self._files[name] = (data, content_type)
        return f"{self.url}/files/{name}"

    async def next_stream(self, wait_s: float = WAIT_S) -> StreamSocket:
        """Wait for a media stream to connect."""
        async with asyncio.timeout(wait_s):
            return await self._streams.get()

    async def __aenter__(self) -> Self:
        """Listen."""
        app = web.Application(client_max_size=16_000_000)
        app.router.add_route("*", "/hook{tail:.*}", self._hook)
        app.router.add_get("/files/{name}", self._file)
        app.router.add_get("/stream", self._stream)
        self._runner = web.AppRunner(app, shutdown_timeout=0.5)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self._port = self._runner.addresses[0][1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop listening."""
        for stream in self.streams:
            await stream.ws.close()
        if self._runner:
            await self._runner.cleanup()

    async def _hook(self, request: web.Request) -> web.Response:
        body = await request.read()
        try:
            event = json.loads(body) if body else {"data": dict(request.query)}
        except ValueError as error:
            return web.Response(status=400, text=f"the body is no JSON: {error}")
        headers = {name.lower(): value for name, value in request.headers.items()}
        received = Received(body, headers, event, request.raw_path)
        return web.Response(status=await self.inbox.take(received))

    async def _file(self, request: web.Request) -> web.Response:
        found = self._files.get(request.match_info["name"])
        if found is None:
            return web.Response(status=404)
        return web.Response(body=found[0], content_type=found[1])

    async def _stream(self, request: web.Request) -> web.StreamResponse:
        if not self.accept_streams:
            return web.Response(status=503)
        ws = web.WebSocketResponse(max_msg_size=16_000_000)
        await ws.prepare(request)
        stream = StreamSocket(ws, {name.lower(): value for name, value in request.headers.items()})
        self.streams.append(stream)
        self._streams.put_nowait(stream)
        async for message in ws:
            if message.type is WSMsgType.TEXT:
                frame: dict[str, Any] = json.loads(message.data)
                await stream._take(frame)
                if self.on_frame:
                    await self.on_frame(stream, frame)
        await stream._close()
        return ws
