"""Checks an app's stream URL by hand: connects, streams a little silence, listens, and says what it found.

The app sees what it would see in a call; nobody hears what it answers.
"""

import asyncio
import ssl
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from ringline.core.clock import MILLISECOND, Clock
from ringline.core.errors import NotAllowed
from ringline.core.net import Target
from ringline.streams import session as effects
from ringline.streams import transport_picows, wire
from ringline.streams.formats import from_app
from ringline.streams.frames import InvalidMedia
from ringline.streams.playlist import decode_file
from ringline.streams.ports import Resolve
from ringline.streams.request import StreamFrameSeen, StreamLimits, StreamRequest
from ringline.streams.session import NORMAL_CLOSES, Session
from ringline.streams.transport import ConnectFailed, Dial, StreamTransport, connect

FRAME_MS = 20
SILENCE = b"\xff" * 160
"""20 ms of PCMU: 0xFF is the smallest positive value (ITU-T G.711 table 2a)."""
FILE_RATE = 8000
SHOWN = 3
"""Findings of one kind that are printed in full."""


class Level(StrEnum):
    """How bad it is."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the doctor's report; `advice` says what to do, empty when there is nothing to do."""

    level: Level
    text: str
    advice: str = ""

    def __str__(self) -> str:
        return f"{self.level:<4}  {self.text}" + (f"\n      → {self.advice}" if self.advice else "")


async def examine(
    request: StreamRequest,
    *,
    resolve: Resolve,
    clock: Clock,
    listen: float = 3.0,
    limits: StreamLimits | None = None,
    dial: Dial = transport_picows.dial,
    tls: ssl.SSLContext | None = None,
) -> list[Finding]:
    """Stream silence to `request.url` for `listen` seconds and report; never raises for what the app does."""
    limits = limits or StreamLimits()
    try:
        async with asyncio.timeout(limits.connect):
            target = await resolve(request.url)
    except TimeoutError:
        return [Finding(Level.FAIL, "the host does not resolve in time", "check the name and the DNS server")]
    except NotAllowed as error:
        return [Finding(Level.FAIL, str(error), "correct the URL, or allow its address with net.allow")]
    found = [Finding(Level.OK, f"{target.host} is {target.address} port {target.port}")]

    async def pinned(_: str) -> Target:
        return target

    visit = _Visit(request, clock, limits)
    started = clock.now_ns()
    try:
        transport = await connect(
            request.url,
            visit,
            resolve=pinned,
            dial=dial,
            limits=limits,
            auth_token=request.auth_token,
            tls=tls,
        )
    except ConnectFailed as error:
        return [*found, Finding(Level.FAIL, str(error), _advice(str(error)))]
    kind = "wss" if target.tls else "ws"
    found.append(Finding(Level.OK, f"{kind} handshake in {(clock.now_ns() - started) // MILLISECOND} ms"))
    await visit.stream(transport, listen)
    return [*found, *visit.findings(), *await visit.files()]


def _advice(why: str) -> str:
    if why.startswith("TCP:"):
        return "is the app running, and reachable from this machine?"
    if why.startswith("TLS:"):
        return "the certificate must be valid for the URL's host and signed by a known authority"
    if "HTTP" in why:
        return "the path must accept WebSocket upgrades with this token, without a redirect"
    return "the app must complete the WebSocket handshake by itself, at once"


class _Silence:
    """A tap of a leg on which nobody speaks."""

    def __init__(self, stream: str) -> None:
        self._stream = stream
        self._waiting: list[int] = []
        self.taken = 0

    def passes(self) -> None:
        """20 ms pass."""
        self._waiting.append(self.taken + len(self._waiting) + 1)

    def messages(self, before: int) -> Sequence[bytes]:
        """All frames that wait."""
        chunks, self._waiting = self._waiting, []
        self.taken = chunks[-1] if chunks else self.taken
        return [
            wire.media_frame(self._stream, before + chunk, "inbound", chunk, (chunk - 1) * FRAME_MS, SILENCE)
            for chunk in chunks
        ]


class _Visit:
    """One connection to the app; a `Receiver` that keeps count."""

    def __init__(self, request: StreamRequest, clock: Clock, limits: StreamLimits) -> None:
        self._request = request
        self._clock = clock
        self._limits = limits
        self._session = Session(request, limits)
        self._session.connect()
        self._transport: StreamTransport | None = None
        self._events: Counter[str] = Counter()
        self._errors: list[str] = []
        self._audio_bytes = 0
        self._files: list[bytes] = []
        self._pinged_ns = 0
        self._pong_ms: int | None = None
        self._closed: tuple[int | None, str] | None = None
        self._early_end = False
        self._gone = asyncio.Event()
        self._close_ms: int | None = None

    async def stream(self, transport: StreamTransport, listen: float) -> None:
        """Do as a call does for `listen` seconds, then say stop."""
        self._transport = transport
        self._perform(self._session.opened())
        self._perform(self._session.begin("PCMU", 8000, self._request.client_state))
        self._pinged_ns = self._clock.now_ns()
        transport.ping()
        silence = _Silence(self._request.stream_id)
        for _ in range(round(listen * 1000 / FRAME_MS)):
            silence.passes()
            if transport.writable:
                transport.send_media(silence)
            if await self._gone_within(FRAME_MS / 1000):
                self._early_end = True
                return
        stopped = self._clock.now_ns()
        self._perform(self._session.stop())
        await transport.close(1000, self._limits.close)
        if self._closed is not None and self._closed[0] is not None:
            self._close_ms = (self._clock.now_ns() - stopped) // MILLISECOND

    async def _gone_within(self, seconds: float) -> bool:
        try:
            async with asyncio.timeout(seconds):
                await self._gone.wait()
        except TimeoutError:
            return False
        return True

    def on_text(self, message: bytes) -> None:
        """A message of the app."""
        self._perform(self._session.received(message, self._clock.now_ns(), backlog_ms=0))

    def on_binary(self) -> None:
        """A binary message of the app."""
        self._perform(self._session.received_binary(self._clock.now_ns()))

    def on_pong(self) -> None:
        """The app answered the ping."""
        self._pong_ms = (self._clock.now_ns() - self._pinged_ns) // MILLISECOND

    def on_writable(self) -> None:
        """Nothing is owed."""

    def on_closed(self, code: int | None, why: str) -> None:
        """The connection is gone."""
        self._closed = (code, why)
        self._gone.set()

    def _perform(self, due: Iterable[effects.Effect]) -> None:
        for effect in due:
            match effect:
                case effects.Send(message):
                    if self._transport is not None:
                        self._transport.send(message)
                case effects.SendNumbered(head, tail):
                    if self._transport is not None:
                        self._transport.send_numbered(head, tail)
                case effects.Report(StreamFrameSeen(_, "in", event)):
                    self._events[event] += 1
                case effects.Report(StreamFrameSeen(_, _, "error", detail)):
                    self._errors.append(detail)
                case effects.Play(payload):
                    self._audio_bytes += len(payload)
                    self._events["media"] += 1
                case effects.PlayFile(file):
                    self._files.append(file)
                    self._events["media"] += 1
                case effects.PlaceMark(serial):
                    self._perform(self._session.mark_reached(serial))
                case _:
                    pass  # there is no call behind this stream

    def findings(self) -> list[Finding]:
        """What was seen, from the app's messages to its farewell."""
        return [*self._heard(), *self._mistakes(), self._life(), self._farewell()]

    async def files(self) -> list[Finding]:
        """Whether what came in mp3 mode can be played."""
        found = []
        for file in self._files[:SHOWN]:
            try:
                samples = await asyncio.to_thread(decode_file, file, FILE_RATE, self._limits.buffer)
            except InvalidMedia as error:
                found.append(Finding(Level.FAIL, str(error), "raw audio needs stream_bidirectional_mode=rtp"))
            else:
                found.append(Finding(Level.OK, f"its file plays for {len(samples) / 2 / FILE_RATE:.2f} s"))
        return found

    def _heard(self) -> Iterable[Finding]:
        if not self._events:
            yield Finding(Level.OK, "the app sent nothing (it may wait for somebody to speak)")
            return
        counts = ", ".join(f"{count} × {event}" for event, count in sorted(self._events.items()))
        yield Finding(Level.OK, f"the app sent {counts}")
        if self._audio_bytes:
            audio = from_app(self._request)
            seconds = self._audio_bytes / audio.bytes_per_second
            yield Finding(
                Level.OK, f"its audio is {seconds:.2f} s long if it is {audio.codec} at {audio.rate} Hz"
            )

    def _mistakes(self) -> Iterable[Finding]:
        for detail in self._errors[:SHOWN]:
            yield Finding(
                Level.FAIL, f"a message was refused: {detail}", "see the spec of app → server frames"
            )
        if len(self._errors) > SHOWN:
            yield Finding(Level.FAIL, f"and {len(self._errors) - SHOWN} more messages were refused")

    def _life(self) -> Finding:
        if self._pong_ms is not None:
            return Finding(Level.OK, f"ping answered in {self._pong_ms} ms")
        seconds = self._limits.ping_interval * (self._limits.missed_pings + 1)
        return Finding(
            Level.WARN, "the ping was not answered", f"without pongs the stream ends after {seconds:g} s"
        )

    def _farewell(self) -> Finding:
        if self._early_end and self._closed is not None:
            code, why = self._closed
            level = Level.WARN if code in NORMAL_CLOSES else Level.FAIL
            return Finding(level, f"the stream ended before we stopped it: {why}", "look into the app's log")
        if self._close_ms is not None:
            return Finding(Level.OK, f"the app answered our close in {self._close_ms} ms")
        return Finding(Level.WARN, "the app did not answer our close frame", "close the socket after `stop`")
