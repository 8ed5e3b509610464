"""One stream's life (spec media-streaming §1, §5 to §7): which frames are due and what became of it. Pure.

Inputs are method calls, each returns the effects to perform, in order. The session never awaits, looks at no
clock and touches no socket; `client` does.
"""

from collections import deque
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Literal

from ringline.core.errors import RinglineError
from ringline.streams import formats, frames, wire
from ringline.streams.formats import Audio
from ringline.streams.frames import FrameError, InvalidMedia, RateLimited
from ringline.streams.pace import Pace
from ringline.streams.request import (
    StreamConnected,
    StreamEnded,
    StreamEvent,
    StreamFailed,
    StreamFrameSeen,
    StreamLimits,
    StreamRequest,
    StreamStarted,
)

NORMAL_CLOSES = frozenset({1000, 1001, 1005})
"""Close codes by which an app takes its leave; 1005 is a close frame without a code (RFC 6455 §7.4.1)."""

MAX_MARKS = 10_000
"""Marks that may be owed at once."""

MAX_EARLY = 1000
"""Messages kept while the call still rings."""

DETAIL = 200
"""Characters of an app's words that we repeat in errors and on the timeline."""


class State(StrEnum):
    """Where a stream stands."""

    IDLE = "idle"
    CONNECTING = "connecting"
    CONNECTED = "connected"
    STREAMING = "streaming"
    STOPPING = "stopping"
    ENDED = "ended"


class Move(StrEnum):
    """What moves a stream on."""

    CONNECT = "connect"
    OPEN = "open"
    REFUSE = "be refused"
    BEGIN = "begin"
    STOP = "stop"
    FAIL = "fail"
    CLOSE = "be closed"


MOVES: dict[tuple[State, Move], State] = {
    (State.IDLE, Move.CONNECT): State.CONNECTING,
    (State.IDLE, Move.STOP): State.ENDED,
    (State.CONNECTING, Move.OPEN): State.CONNECTED,
    (State.CONNECTING, Move.REFUSE): State.ENDED,
    (State.CONNECTING, Move.STOP): State.ENDED,
    (State.CONNECTED, Move.BEGIN): State.STREAMING,
    (State.CONNECTED, Move.STOP): State.STOPPING,
    (State.CONNECTED, Move.CLOSE): State.ENDED,
    (State.STREAMING, Move.STOP): State.STOPPING,
    (State.STREAMING, Move.FAIL): State.STOPPING,
    (State.STREAMING, Move.CLOSE): State.ENDED,
    (State.STOPPING, Move.CLOSE): State.ENDED,
}
"""Every legal move. `begin`, `stop` and `close` of a stream that is over are late, not illegal: they cross
the network's news on the way and are ignored."""


class IllegalMove(RinglineError):
    """Our own mistake: a move that the table does not have."""


@dataclass(frozen=True, slots=True)
class Send:
    """Send this text. `droppable`: an app that reads slowly may go without."""

    message: bytes
    droppable: bool = False


@dataclass(frozen=True, slots=True)
class SendNumbered:
    """Send this text, with its number among the stream's frames between `head` and `tail`."""

    head: bytes
    tail: bytes


@dataclass(frozen=True, slots=True)
class Report:
    """Tell the call."""

    event: StreamEvent


@dataclass(frozen=True, slots=True)
class OpenMedia:
    """Start copying the leg's audio in `to_app`; play what the app sends as `from_app` (None: files)."""

    to_app: Audio
    from_app: Audio | None


@dataclass(frozen=True, slots=True)
class CloseMedia:
    """Stop copying and playing."""


@dataclass(frozen=True, slots=True)
class Play:
    """Queue codec bytes for the call."""

    payload: bytes


@dataclass(frozen=True, slots=True)
class PlayFile:
    """Queue a whole audio file for the call."""

    file: bytes


@dataclass(frozen=True, slots=True)
class PlaceMark:
    """Report `serial` by `mark_reached` when everything queued before it was heard."""

    serial: int


@dataclass(frozen=True, slots=True)
class ClearAudio:
    """Stop what plays and drop the queue."""


@dataclass(frozen=True, slots=True)
class Hangup:
    """Close the socket with this code."""

    code: int


Effect = (
    Send | SendNumbered | Report | OpenMedia | CloseMedia | Play | PlayFile | PlaceMark | ClearAudio | Hangup
)


class Session:
    """The state of one stream."""

    def __init__(self, request: StreamRequest, limits: StreamLimits) -> None:
        self.state = State.IDLE
        self._request = request
        self._limits = limits
        self._marks: deque[tuple[int, str]] = deque()
        self._serial = 0
        self._from_app: Audio | None = None
        self._early: list[tuple[bytes | None, int]] = []  # None was binary
        # Bunched by the network, files sent each second arrive up to some hundred milliseconds early.
        self._files = Pace(limits.file_interval, slack=limits.file_interval / 4)
        self._errors = Pace(0.1, burst=20)

    @property
    def id(self) -> str:
        """The stream's id, on every frame but the first."""
        return self._request.stream_id

    def _move(self, move: Move) -> None:
        try:
            self.state = MOVES[self.state, move]
        except KeyError:
            raise IllegalMove(f"a stream cannot {move} while it is {self.state}") from None

    def _over(self) -> bool:
        return self.state in (State.STOPPING, State.ENDED)

    # --- the socket

    def connect(self) -> None:
        """The socket is being opened."""
        self._move(Move.CONNECT)

    def opened(self) -> list[Effect]:
        """The handshake is done."""
        self._move(Move.OPEN)
        return [
            Send(wire.serialize(frames.Connected(self._request.auth_token))),
            self._seen("out", "connected"),
            Report(StreamConnected(self.id)),
        ]

    def refused(self, why: str) -> list[Effect]:
        """There will be no socket."""
        self._move(Move.REFUSE)
        return [Report(StreamFailed(self.id, "connection_failed", why))]

    def closed(self, code: int | None, why: str) -> list[Effect]:
        """The socket is gone: by a close frame with `code`, or broken (None)."""
        if self.state is State.ENDED:
            return []
        ours = self.state is State.STOPPING
        self._move(Move.CLOSE)
        if ours:
            return []
        if code in NORMAL_CLOSES:
            return [CloseMedia(), Report(StreamEnded(self.id, "app"))]
        return [CloseMedia(), Report(StreamFailed(self.id, "connection_lost", why))]

    # --- the call

    def begin(self, leg_codec: str, leg_rate: int, client_state: str | None) -> list[Effect]:
        """The leg is answered: `start`, then media."""
        if self._over():
            return []
        self._move(Move.BEGIN)
        request = self._request
        to_app = formats.to_app(request, leg_codec, leg_rate)
        self._from_app = self._readable()
        start = frames.Start(
            stream_id=self.id,
            sequence=0,
            user_id=request.user_id,
            call_control_id=request.call_control_id,
            call_session_id=request.call_session_id,
            from_=request.from_,
            to=request.to,
            tags=request.tags,
            client_state=client_state,
            custom_parameters=request.custom_parameters,
            media_format=to_app.declared(),
        )
        effects: list[Effect] = [
            Report(StreamStarted(self.id)),
            SendNumbered(*wire.parts(start)),
            self._seen("out", "start", f"{to_app.codec}/{to_app.rate}"),
            OpenMedia(to_app, self._from_app),
        ]
        for message, received_ns in self._early:
            if message is None:
                effects += self.received_binary(received_ns)
            else:
                effects += self.received(message, received_ns, backlog_ms=0)
        self._early.clear()
        return effects

    def _readable(self) -> Audio | None:
        if self._request.bidirectional_mode == "mp3":
            return None
        try:
            return formats.from_app(self._request)
        except InvalidMedia:
            return None  # the app is told with its first payload, and nothing will be played

    def dtmf(self, digit: str, occurred_at: datetime) -> list[Effect]:
        """The leg's remote party pressed a key."""
        if self.state is not State.STREAMING:
            return []
        frame = frames.Dtmf(self.id, 0, occurred_at, digit)
        return [SendNumbered(*wire.parts(frame)), self._seen("out", "dtmf")]

    def stop(self) -> list[Effect]:
        """The call wants no more of the stream. Marks not yet heard are not owed any more (§3.5)."""
        if self._over():
            return []
        before = self.state
        self._move(Move.STOP)
        effects: list[Effect] = []
        if before is State.STREAMING:
            stop = frames.Stop(self.id, 0, self._request.user_id, self._request.call_control_id)
            effects += [CloseMedia(), SendNumbered(*wire.parts(stop)), self._seen("out", "stop")]
        if self.state is State.STOPPING:
            effects.append(Hangup(1000))
        return [*effects, Report(StreamEnded(self.id, "server"))]

    def fail(self, why: str) -> list[Effect]:
        """We cannot go on with the stream: 100002, then close 1011 (RFC 6455 §7.4.1)."""
        self._move(Move.FAIL)
        frame = frames.Error(self.id, FrameError.code, why[:DETAIL])
        return [
            CloseMedia(),
            Send(wire.serialize(frame)),
            self._seen("out", "error", f"{frame.code} {frame.detail}"),
            Hangup(1011),
            Report(StreamFailed(self.id, "connection_failed", why)),
        ]

    # --- the app

    def received(self, message: bytes, now_ns: int, backlog_ms: float) -> list[Effect]:
        """Handle a text message; `backlog_ms` of the app's audio wait to be heard.

        What comes before `start` is kept until then: an app may greet a call that still rings.
        """
        if self.state in (State.CONNECTING, State.CONNECTED):
            return self._keep(message, now_ns)
        if self.state is not State.STREAMING:
            return []
        try:
            match wire.parse_app(message):
                case frames.AppMedia(payload):
                    return self._play(payload, now_ns, backlog_ms)
                case frames.AppMark(name):
                    return self._mark(name)
                case frames.AppClear():
                    return self._clear()
                case frames.AppIgnored(event):
                    return [self._seen("in", event)]
        except FrameError as error:
            return self.reject(error, now_ns)

    def received_binary(self, now_ns: int) -> list[Effect]:
        """Handle a binary message: there are none in this protocol (§2)."""
        if self.state in (State.CONNECTING, State.CONNECTED):
            return self._keep(None, now_ns)
        return self.reject(frames.MalformedFrame("binary; a message is text, one JSON object"), now_ns)

    def reject(self, error: FrameError, now_ns: int) -> list[Effect]:
        """Tell the app what was wrong; the stream goes on. A flood of mistakes is not answered in full."""
        if self.state not in (State.CONNECTED, State.STREAMING) or not self._errors.allows(now_ns):
            return []
        frame = frames.Error(self.id, error.code, str(error)[:DETAIL])
        return [
            Send(wire.serialize(frame), droppable=True),
            self._seen("out", "error", f"{error.code} {frame.detail}"),
        ]

    def mark_reached(self, serial: int) -> list[Effect]:
        """Everything queued before this mark was heard; echoes it and any older one still owed."""
        if self._over():
            return []
        return self._echo(serial)

    def _keep(self, message: bytes | None, now_ns: int) -> list[Effect]:
        size = sum(len(kept) for kept, _ in self._early if kept) + len(message or b"")
        if size > self._limits.early_bytes or len(self._early) >= MAX_EARLY:
            return self.reject(RateLimited("too much for a call that is not answered yet"), now_ns)
        self._early.append((message, now_ns))
        return []

    def _play(self, payload: bytes, now_ns: int, backlog_ms: float) -> list[Effect]:
        limit_ms = self._limits.buffer * 1000
        if self._request.bidirectional_mode == "mp3":
            if not self._files.allows(now_ns):
                raise RateLimited(f"one media message each {self._limits.file_interval:g} s in mp3 mode")
            if backlog_ms > limit_ms:
                raise RateLimited(f"{backlog_ms / 1000:.0f} s of audio wait; at most {limit_ms / 1000:g} s")
            return [PlayFile(payload)] if payload else []
        audio = self._from_app or formats.from_app(self._request)  # which raises what is wrong with it
        if not payload:
            return []
        length_ms = len(payload) * 1000 / audio.bytes_per_second
        waiting_ms = backlog_ms + length_ms
        if waiting_ms > limit_ms:
            raise RateLimited(
                f"{length_ms:.0f} ms more than {backlog_ms:.0f} ms that wait exceed {limit_ms / 1000:g} s"
            )
        return [Play(payload)]

    def _mark(self, name: str) -> list[Effect]:
        if len(self._marks) >= MAX_MARKS:
            raise RateLimited(f"{MAX_MARKS} marks are owed already")
        self._serial += 1
        self._marks.append((self._serial, name))
        return [self._seen("in", "mark", name), PlaceMark(self._serial)]

    def _clear(self) -> list[Effect]:
        return [self._seen("in", "clear"), ClearAudio(), *self._echo(self._serial)]

    def _echo(self, up_to: int) -> list[Effect]:
        effects: list[Effect] = []
        while self._marks and self._marks[0][0] <= up_to:
            _, name = self._marks.popleft()
            frame = frames.Mark(self.id, 0, name)
            effects += [SendNumbered(*wire.parts(frame)), self._seen("out", "mark", name)]
        return effects

    def _seen(self, direction: Literal["in", "out"], event: str, detail: str = "") -> Report:
        return Report(StreamFrameSeen(self.id, direction, event, detail[:DETAIL]))
