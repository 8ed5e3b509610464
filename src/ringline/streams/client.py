"""A running stream: a session, a socket to the app, and a leg's audio between them."""

import asyncio
import ssl
from collections.abc import Callable, Iterable
from datetime import datetime

from ringline.core.clock import Clock
from ringline.core.errors import RinglineError
from ringline.core.settings import StreamSettings
from ringline.media.core.kinds import KEPT_FRAMES
from ringline.streams import session as effects
from ringline.streams import transport_picows
from ringline.streams.formats import Audio
from ringline.streams.frames import FrameError, RateLimited
from ringline.streams.keepalive import Beat, Keepalive
from ringline.streams.playlist import Decode, Playlist, decode_file
from ringline.streams.ports import Inject, MediaPorts, Resolve, Tap
from ringline.streams.request import StreamEvent, StreamLimits, StreamRequest
from ringline.streams.session import Session, State
from ringline.streams.transport import ConnectFailed, Dial, StreamTransport, connect


class Stream:
    """One media stream of one leg.

    `connect`, then `begin` when the leg is answered, then `stop` or the app's end. Everything that becomes of
    it is told by `on_event`, in the loop; the last event is `StreamEnded` or `StreamFailed`.
    """

    def __init__(
        self,
        request: StreamRequest,
        *,
        clock: Clock,
        plane: MediaPorts,
        resolve: Resolve,
        on_event: Callable[[StreamEvent], None],
        settings: StreamSettings,
        limits: StreamLimits | None = None,
        decode: Decode = decode_file,
        dial: Dial = transport_picows.dial,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self.request = request
        self.dropped_replies = 0
        """Error frames not sent because the app read too slowly."""
        self._limits = limits or StreamLimits()
        self._most_ms = int(self._limits.buffer * 1000)
        self._session = Session(request, self._limits)
        self._little_endian = settings.l16_byte_order == "little"
        self._clock = clock
        self._plane = plane
        self._resolve = resolve
        self._on_event = on_event
        self._decode = decode
        self._dial = dial
        self._tls = tls
        self._dialling: asyncio.Task[StreamTransport] | None = None
        self._transport: StreamTransport | None = None
        self._closed_early: tuple[int | None, str] | None = None
        self._closing: asyncio.Task[None] | None = None
        self._keepalive = Keepalive(self._limits.missed_pings)
        self._next_beat: asyncio.TimerHandle | None = None
        self._leg = ""
        self._leg_rate = 8000
        self._tap: Tap | None = None
        self._inject: Inject | None = None
        self._short_way: Inject | None = None
        self._playlist: Playlist | None = None

    @property
    def state(self) -> State:
        """Where the stream stands."""
        return self._session.state

    # --- the call's side

    async def connect(self) -> None:
        """Open the socket and send `connected`; returns when that is done or has failed: an event tells."""
        self._session.connect()
        self._dialling = asyncio.create_task(
            connect(
                self.request.url,
                self,
                resolve=self._resolve,
                dial=self._dial,
                limits=self._limits,
                auth_token=self.request.auth_token,
                tls=self._tls,
            )
        )
        try:
            self._transport = await self._dialling
        except ConnectFailed as error:
            if not self._stopped():
                self._perform(self._session.refused(str(error)))
            return
        except asyncio.CancelledError:
            if self._stopped():
                return
            raise
        if self._stopped():
            self._transport.abort("stopped while connecting")
            return
        self._perform(self._session.opened())
        if self._closed_early is not None:
            self.on_closed(*self._closed_early)
        else:
            self._beat_later()

    def _stopped(self) -> bool:
        return self._session.state is State.ENDED

    def begin(self, leg: str, leg_codec: str, leg_rate: int, *, client_state: str | None) -> None:
        """The leg is answered: send `start` and let media flow.

        `leg_rate` is the rate of the leg's audio in samples a second. Nothing happens if the stream is over.
        """
        self._leg, self._leg_rate = leg, leg_rate
        self._perform(self._session.begin(leg_codec, leg_rate, client_state))

    def dtmf(self, digit: str, occurred_at: datetime) -> None:
        """Tell the app of a key that the leg's remote party pressed."""
        self._perform(self._session.dtmf(digit, occurred_at))

    def mark_reached(self, name: str) -> None:
        """The media plane reported a mark of this stream: what was queued before it is heard."""
        self._perform(self._session.mark_reached(int(name)))

    async def stop(self) -> None:
        """End the stream: `stop`, close 1000. The event comes at once, the return with the closed socket."""
        self._perform(self._session.stop())
        if self._dialling is not None and not self._dialling.done():
            self._dialling.cancel()
        if self._closing is not None:
            await asyncio.shield(self._closing)

    # --- the app's side

    def on_text(self, message: bytes) -> None:
        """A message arrived.

        Audio of the usual shape goes straight into the call; whatever is unusual about it, the session says.
        """
        inject = self._short_way
        if inject is not None and inject.push(message, self._most_ms):
            return
        self._perform(self._session.received(message, self._clock.now_ns(), self._backlog_ms()))

    def on_binary(self) -> None:
        """A binary message arrived."""
        self._perform(self._session.received_binary(self._clock.now_ns()))

    def on_pong(self) -> None:
        """The app lives."""
        self._keepalive.pong()

    def on_writable(self) -> None:
        """The app caught up: send what the tap kept for it."""
        self._drain()

    def on_closed(self, code: int | None, why: str) -> None:
        """The socket is gone."""
        if self._transport is None:
            self._closed_early = (code, why)
            return
        if self._next_beat is not None:
            self._next_beat.cancel()
        self._perform(self._session.closed(code, why))

    # --- performing

    def _perform(self, due: Iterable[effects.Effect]) -> None:
        for effect in due:
            match effect:
                case effects.Play(payload):
                    self._play(payload)
                case effects.Send(message, droppable):
                    self._send(message, droppable=droppable)
                case effects.SendNumbered(head, tail):
                    self._send_numbered(head, tail)
                case effects.Report(event):
                    self._on_event(event)
                case effects.PlayFile(file):
                    if self._playlist is not None:
                        self._playlist.add(file)
                case effects.PlaceMark(serial):
                    self._mark(str(serial))
                case effects.ClearAudio():
                    self._clear()
                case effects.OpenMedia(to_app, from_app):
                    if not self._opened(to_app, from_app):
                        return
                case effects.CloseMedia():
                    self._close_media()
                case effects.Hangup(code):
                    self._hang_up(code)

    def _send(self, message: bytes, *, droppable: bool) -> None:
        if self._transport is None:
            return
        if droppable and not self._transport.writable:
            self.dropped_replies += 1
            return
        self._transport.send(message)
        self._watch_unsent(self._transport)

    def _send_numbered(self, head: bytes, tail: bytes) -> None:
        if self._transport is not None:
            self._transport.send_numbered(head, tail)
            self._watch_unsent(self._transport)

    def _watch_unsent(self, transport: StreamTransport) -> None:
        if transport.unsent > self._limits.unread_bytes:
            transport.abort("the app does not read what it asked for")

    def _opened(self, to_app: Audio, from_app: Audio | None) -> bool:
        try:
            self._open(to_app, from_app)
        except RinglineError as error:
            # The leg went away in this moment, or has as many streams and recordings as it can.
            self._perform(self._session.fail(f"no audio for the stream: {error}"))
            return False
        return True

    def _open(self, to_app: Audio, from_app: Audio | None) -> None:
        request = self.request
        self._inject = self._plane.open_inject(
            self._leg,
            request.stream_id,
            codec=from_app.codec if from_app else "L16",
            rate=from_app.rate if from_app else self._leg_rate,
            target=request.target_legs,
            little_endian=self._little_endian,
        )
        if from_app is not None:
            self._short_way = self._inject
        if request.bidirectional_mode == "mp3":
            self._playlist = Playlist(
                self._inject,
                decode=self._decode,
                limits=self._limits,
                reject=self._reject,
            )
        self._tap = self._plane.open_tap(
            self._leg,
            request.stream_id,
            inbound=request.track != "outbound_track",
            outbound=request.track != "inbound_track",
            codec=to_app.codec,
            rate=to_app.rate,
            little_endian=self._little_endian,
        )
        link = self._transport.link if self._transport is not None else None
        if link is None:
            self._tap.set_wakeup(self._drain)
        else:
            self._plane.carry(self._leg, request.stream_id, link, None if from_app is None else self._most_ms)

    def _close_media(self) -> None:
        if self._playlist is not None:
            self._playlist.close()
        if self._inject is not None:
            self._inject.close()
        if self._tap is not None:
            self._tap.close()
        self._playlist = self._inject = self._short_way = self._tap = None

    def _drain(self) -> None:
        """Send what the tap holds; while the app reads too slowly, keep only the newest."""
        transport = self._transport
        if self._tap is None or transport is None:
            return
        if not transport.writable:
            self._tap.trim(KEPT_FRAMES)
            return
        transport.send_media(self._tap)

    def _play(self, payload: bytes) -> None:
        if self._inject is not None and not self._inject.write(payload):
            self._reject(RateLimited("the call has no room for more audio"))

    def _mark(self, name: str) -> None:
        if self._playlist is not None:
            self._playlist.mark(name)
        elif self._inject is not None:
            self._inject.mark(name)

    def _clear(self) -> None:
        if self._playlist is not None:
            self._playlist.clear()
        elif self._inject is not None:
            self._inject.clear()

    def _backlog_ms(self) -> float:
        return self._inject.backlog_ms if self._inject is not None else 0.0

    def _reject(self, error: FrameError) -> None:
        self._perform(self._session.reject(error, self._clock.now_ns()))

    def _hang_up(self, code: int) -> None:
        if self._transport is not None:
            self._closing = asyncio.create_task(self._transport.close(code, self._limits.close))

    def _beat_later(self) -> None:
        self._next_beat = asyncio.get_running_loop().call_later(self._limits.ping_interval, self._beat)

    def _beat(self) -> None:
        if self._transport is None or self._stopped():
            return
        if self._keepalive.beat() is Beat.GIVE_UP:
            self._transport.abort(f"{self._keepalive.missing} pings were not answered")
            return
        self._transport.ping()
        self._beat_later()
