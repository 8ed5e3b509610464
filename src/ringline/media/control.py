"""One leg from Python's side: what was asked of the media thread for it, and what its events mean."""

import socket
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Literal

from ringline.core.errors import RinglineError
from ringline.media import codecs, events
from ringline.media.carriage import Carriage
from ringline.media.core import kinds
from ringline.media.core.dtmf import DIGITS, PAUSES_MS
from ringline.media.core.inlet import Scratch
from ringline.media.core.kinds import Channel, Command, Event
from ringline.media.core.leg import Leg
from ringline.media.core.quality import mos
from ringline.media.core.tones import BEEP, RINGBACK
from ringline.media.feed import Lane, PlayoutFeed
from ringline.media.inject import Inject
from ringline.media.ports import PortPair
from ringline.media.tapping import RecordTap, Tap

Direction = Literal["sendrecv", "sendonly", "recvonly", "inactive"]
DtmfMethod = events.DigitMethod
Target = Literal["self", "opposite", "both"]
DIRECTIONS: Final = {
    "sendrecv": kinds.Direction.BOTH,
    "sendonly": kinds.Direction.SEND,
    "recvonly": kinds.Direction.RECEIVE,
    "inactive": kinds.Direction.INACTIVE,
}
TARGETS: Final = {
    "self": kinds.Target.SELF,
    "opposite": kinds.Target.OPPOSITE,
    "both": kinds.Target.BOTH,
}
METHODS: Final = {"rfc4733": kinds.Method.RFC4733, "inband": kinds.Method.INBAND}
END_REASONS: Final[dict[int, events.EndReason]] = {0: "completed", 1: "stopped", 2: "closed"}
DIGIT_METHODS: Final[dict[int, events.DigitMethod]] = {0: "rfc4733", 1: "inband"}
TONES: Final = {**RINGBACK, "beep": BEEP}
TAP_SLOTS: Final = 128  # 1.28 s of both directions
RECORD_SLOTS: Final = 256  # 5.1 s
EVERYTHING: Final = 1 << 62  # a position that no queue reaches

Post = Callable[..., None]


class MediaBusy(RinglineError):
    """The leg has as many taps or injects as it can have."""


class UnknownCodec(RinglineError):
    """Nothing here can code what was asked for."""


@dataclass(frozen=True, slots=True)
class RemoteMedia:
    """What offer and answer agreed on.

    `direction` is ours, after negotiation. `rtcp_port` None means `port` + 1; equal to `port` where RTCP is
    multiplexed (RFC 5761). `clock_rate` is needed only for a codec that exists at several (L16). `ptime_ms`
    is what the far end sends; we send 20 ms whatever it is.
    """

    address: str
    port: int
    codec: str
    payload_type: int
    ptime_ms: int = 20
    dtmf_payload_type: int | None = None
    direction: Direction = "sendrecv"
    rtcp_port: int | None = None
    clock_rate: int | None = None
    receive_payload_type: int | None = None
    """What comes is numbered so; None: as what goes."""
    receive_dtmf_payload_type: int | None = None


def codec_number(name: str, *, little_endian: bool = False) -> kinds.Codec:
    """The core's number for a codec's name; raises `UnknownCodec`."""
    if name == "L16" and little_endian:
        return kinds.Codec.L16_LITTLE
    try:
        return kinds.Codec[name]
    except KeyError:
        raise UnknownCodec(f"{name} cannot be coded here; known are PCMU, PCMA, G722 and L16") from None


class LegControl:
    """Commands for one leg, and the translation of its events; made by the plane."""

    def __init__(self, name: str, core: Leg, pair: PortPair, post: Post, now_ns: Callable[[], int]) -> None:
        self.name = name
        self.core = core
        self.pair = pair
        self.index = int(core.index)
        self.inject: Inject | None = None
        self._post = post
        self._now_ns = now_ns
        self._lanes = {Channel.PLAY: Lane(core.play), Channel.OVERLAY: Lane(core.overlay)}
        self._last_number = 0
        self._marks: dict[int, tuple[str, str]] = {}
        self._dropped: dict[int, int] = {}
        self._cleared: list[tuple[str, int]] = []
        self._stream = ""
        self._carriage: Carriage | None = None
        self._carried = -1
        self._digits: list[tuple[int, kinds.Method, str]] = []
        self._taps: dict[int, Tap | RecordTap | None] = {}
        self._rate = 8000
        self._event_type: int | None = None
        self._tone: str | None = None
        self._tone_number = 0
        self._tone_stopping = False

    # What the plane passes on.

    def set_remote(self, remote: RemoteMedia) -> None:
        """Send there, receive from there, in that codec; raises `UnknownCodec` or ValueError (address)."""
        codec = codecs.named(remote.codec, remote.clock_rate)
        if codec is None:
            raise UnknownCodec(f"{remote.codec}/{remote.clock_rate} cannot be coded here")
        source = packed(remote.address, remote.port)
        event_type = kinds.NO_PAYLOAD_TYPE if remote.dtmf_payload_type is None else remote.dtmf_payload_type
        rtcp = remote.port + 1 if remote.rtcp_port is None else remote.rtcp_port
        self._event_type = remote.dtmf_payload_type
        self._send(
            Command.REMOTE,
            source,
            rtcp,
            codec_number(codec.name),
            codec.sample_rate,
            kinds.payload_types(
                remote.payload_type,
                event_type,
                remote.receive_payload_type,
                remote.receive_dtmf_payload_type,
            ),
            DIRECTIONS[remote.direction],
        )
        if codec.sample_rate != self._rate:
            self._rate = codec.sample_rate
            if self._tone is not None:
                self._restart_tone()

    def set_idle_silence(self, *, on: bool) -> None:
        """Send silence where nothing is to be heard, instead of nothing."""
        self._send(Command.IDLE_SILENCE, on)

    def play(self, playout: str, *, overlay: bool) -> PlayoutFeed:
        """Queue a playout."""
        lane = self._lanes[Channel.OVERLAY if overlay else Channel.PLAY]
        lane.queue.attach(self._rate)
        return lane.add(playout, self._number())

    def stop_playout(self, playout: str) -> list[events.PlayoutEnded]:
        """Stop all of that name; those that had not begun end here and now."""
        ended = []
        for channel, lane in self._lanes.items():
            for feed in reversed(lane.find(playout)):
                ended += self._cut(channel, lane, feed)
        return ended

    def stop_all(self, *, overlay: bool) -> list[events.PlayoutEnded]:
        """Stop every playout of one channel."""
        channel = Channel.OVERLAY if overlay else Channel.PLAY
        lane = self._lanes[channel]
        ended = []
        for feed in reversed(list(lane.named.values())):
            ended += self._cut(channel, lane, feed)
        return ended

    def _cut(self, channel: Channel, lane: Lane, feed: PlayoutFeed) -> list[events.PlayoutEnded]:
        if feed.number not in lane.named:
            return []
        if lane.cut(feed):
            self._send(Command.STOP, channel, feed.number)
            return []
        return [events.PlayoutEnded(self.name, self._now_ns(), feed.playout, 0, "stopped")]

    def tone(self, name: str | None) -> None:
        """Play a tone until another or None; `beep` ends by itself. Raises ValueError for unknown names."""
        if name is not None and name not in TONES:
            raise ValueError(f"no tone is called {name!r}")
        self._tone = name
        self._restart_tone()

    def _restart_tone(self) -> None:
        # The tone's place in the core is the media thread's until TONE_ENDED.
        self._tone_stopping = self._tone_number != 0
        if self._tone_stopping:
            self._send(Command.TONE, 0)
        elif self._tone is not None:
            self.core.set_tone(TONES[self._tone], self._rate)
            self._tone_number = self._number()
            self._send(Command.TONE, self._tone_number)

    def _tone_ended(self) -> None:
        self._tone_number = 0
        if not self._tone_stopping:
            self._tone = None
        self._restart_tone()

    def send_dtmf(self, digits: str, duration_ms: int, method: DtmfMethod) -> None:
        """Send digits, `w` and `W` for pauses; in the band where the far end takes no telephone events.

        Raises ValueError for other characters.
        """
        if not digits or any(digit not in DIGITS and digit not in PAUSES_MS for digit in digits):
            raise ValueError(f"{digits!r} has characters that are no digits")
        chosen = METHODS[method] if self._event_type is not None else kinds.Method.INBAND
        token = self._number()
        self._digits.append((token, chosen, digits))
        for i, digit in enumerate(digits):
            code = -1 if digit in PAUSES_MS else DIGITS.index(digit)
            last = token if i == len(digits) - 1 else 0
            self._send(Command.DTMF, code, PAUSES_MS.get(digit, duration_ms), chosen, last)

    def detect_inband(self, *, on: bool) -> None:
        """Listen for digits in the audio."""
        self._send(Command.DETECT, on)

    def open_tap(
        self, stream: str, *, inbound: bool, outbound: bool, codec: str, rate: int, little_endian: bool
    ) -> Tap:
        """Copy one or both directions; raises `MediaBusy` or `UnknownCodec`."""
        number = self._free_tap()
        ring = self.core.tap(number)
        ring.prepare(
            codec_number(codec, little_endian=little_endian),
            rate,
            inbound=inbound,
            outbound=outbound,
            pairs=False,
            slots=TAP_SLOTS,
        )
        tap = Tap(ring, stream, lambda: self._close_tap(number))
        self._taps[number] = tap
        self._send(Command.TAP, number, 1)
        return tap

    def record(self, *, rate: int) -> RecordTap:
        """Copy aligned pairs of both directions; raises `MediaBusy`."""
        number = self._free_tap()
        ring = self.core.tap(number)
        ring.prepare(
            kinds.Codec.L16_LITTLE, rate, inbound=True, outbound=True, pairs=True, slots=RECORD_SLOTS
        )
        tap = RecordTap(ring, lambda: self._close_tap(number))
        self._taps[number] = tap
        self._send(Command.TAP, number, 1)
        return tap

    def _free_tap(self) -> int:
        for number in range(kinds.TAPS):
            if number not in self._taps:
                return number
        raise MediaBusy(f"leg {self.name} has {kinds.TAPS} taps already")

    def _close_tap(self, number: int) -> None:
        if number == self._carried:
            self._release()
        # The slot stays taken until TAP_CLOSED: the media thread may be writing to it at this moment.
        self._taps[number] = None
        self._send(Command.TAP, number, 0)

    def open_inject(
        self, stream: str, *, codec: str, rate: int, target: Target, little_endian: bool
    ) -> Inject:
        """Take a stream's audio; raises `MediaBusy` while another stream has the place."""
        if self.inject is not None:
            raise MediaBusy(f"leg {self.name} takes audio of stream {self._stream} already")
        self.core.inject.attach(self._rate)
        self._stream = stream
        self._send(Command.TARGET, TARGETS[target])
        self.inject = Inject(
            self.core.inject,
            codec_number(codec, little_endian=little_endian),
            rate,
            number=self._mark,
            clear=self._clear_inject,
            close=self._close_inject,
        )
        return self.inject

    def carry(self, stream: str, carriage: Carriage, scratch: Scratch, most_ms: int | None) -> None:
        """Let the media thread carry a stream whose tap and inject are open; `most_ms` None: only its tap."""
        for number, tap in self._taps.items():
            if isinstance(tap, Tap) and tap.stream == stream:
                inject = self.inject if most_ms is not None else None
                most = 0 if inject is None or most_ms is None else most_ms * inject.rate // 1000
                carriage.carry(self.index, tap, inject, scratch, most)
                self._carriage, self._carried = carriage, number
                return
        raise ValueError(f"leg {self.name} has no tap of stream {stream}")

    def _release(self) -> None:
        # Before the leg's tap or queue is touched from here: the media thread may be at them.
        if self._carriage is not None:
            self._carriage.release(self.index)
            self._carriage, self._carried = None, -1

    def _mark(self, name: str) -> int:
        number = self._number()
        self._marks[number] = (self._stream, name)
        return number

    def _clear_inject(self, until: int, dropped: int) -> None:
        self._cleared.append((self._stream, dropped))
        self._send(Command.CLEAR, Channel.INJECT, until)

    def _close_inject(self) -> None:
        self._release()
        self._marks.clear()
        self._cleared.append(("", 0))
        self._send(Command.CLEAR, Channel.INJECT, EVERYTHING)
        self.inject = None

    def close(self) -> None:
        """Begin to end: nothing more is written, feeds and taps are over."""
        for lane in self._lanes.values():
            for feed in list(lane.named.values()):
                feed.ended = True
                feed.wake()
            lane.pump()
        for tap in [tap for tap in self._taps.values() if tap is not None]:
            tap.close()
        if self.inject is not None:
            self.inject.close()
        self._send(Command.CLOSE)

    # What the media thread says.

    def frames_wait(self, number: int) -> None:
        """TAP_READY, which comes more often than everything else together."""
        tap = self._taps.get(number)
        if tap is not None:
            tap.wake()

    def translate(self, record: tuple[int, ...]) -> list[events.MediaEvent]:
        """The events that one record stands for: none, one, or at the leg's end several."""
        kind, _, a, b, c, d, _, at_ns = record
        match kind:
            case Event.STARTED:
                feed = self._lanes[Channel(a)].named.get(b)
                return [] if feed is None else [events.PlayoutStarted(self.name, at_ns, feed.playout)]
            case Event.ENDED:
                feed = self._lanes[Channel(a)].named.pop(b, None)
                if feed is None:
                    return []
                played = c * 1000 // feed.rate
                return [events.PlayoutEnded(self.name, at_ns, feed.playout, played, END_REASONS[d])]
            case Event.MARK:
                if b not in self._marks:
                    return []
                stream, name = self._marks.pop(b)
                return [events.MarkReached(self.name, at_ns, stream, name)]
            case Event.CLEARED:
                return self._was_cleared(b, c, d, at_ns)
            case Event.ROOM:
                self._room(Channel(a))
                return []
            case Event.DTMF:
                return [events.DtmfReceived(self.name, at_ns, DIGITS[a], b, DIGIT_METHODS[c])]
            case Event.DTMF_SENT:
                return self._digits_sent(a, at_ns)
            case Event.TALK:
                return [(events.TalkStarted if a else events.TalkStopped)(self.name, at_ns)]
            case Event.RTP_STARTED:
                return [events.RtpStarted(self.name, at_ns, *unpacked(a))]
            case Event.RTP_TIMEOUT:
                return [events.RtpTimeout(self.name, at_ns, a)]
            case Event.TAP_CLOSED:
                self._taps.pop(a, None)
                return []
            case Event.TONE_ENDED:
                self._tone_ended()
                return []
            case Event.SECOND:
                return [events.StatsTick(self.name, at_ns, self.stats())]
            case _:
                return self._was_closed(at_ns)

    def _was_cleared(self, heard: int, dropped: int, rate: int, at_ns: int) -> list[events.MediaEvent]:
        stream, backlog = self._cleared.pop(0)
        if not stream:
            return []
        lost = (dropped + backlog) * 1000 // rate
        return [events.InjectCleared(self.name, at_ns, stream, heard * 1000 // rate, lost)]

    def _room(self, channel: Channel) -> None:
        if channel != Channel.INJECT:
            self._lanes[channel].room()
        elif self.inject is not None:
            self.inject.pump()

    def _digits_sent(self, token: int, at_ns: int) -> list[events.MediaEvent]:
        method = next((method for number, method, _ in self._digits if number == token), None)
        done = [entry for entry in self._digits if entry[1] == method and entry[0] <= token]
        self._digits = [entry for entry in self._digits if entry not in done]
        return [events.DtmfSent(self.name, at_ns, digits) for _, _, digits in done]

    def _was_closed(self, at_ns: int) -> list[events.MediaEvent]:
        ended: list[events.MediaEvent] = [
            events.PlayoutEnded(self.name, at_ns, feed.playout, 0, "closed")
            for lane in self._lanes.values()
            for feed in lane.named.values()
        ]
        return [*ended, events.LegClosed(self.name, at_ns, self.stats())]

    def stats(self) -> events.LegStats:
        """The counters as they stand."""
        receiver, sender = self.core.receiver, self.core.sender
        jitter = receiver.jitter
        reception = receiver.stats.reception()
        trip_us = int(self.core.rtcp.round_trip_us)
        buffer_ms = jitter.spread_ns / 1e6
        expected = jitter.received + jitter.lost
        loss = jitter.lost / expected if expected else 0.0
        return events.LegStats(
            packets_received=int(receiver.packets),
            octets_received=int(receiver.octets),
            packets_sent=int(sender.packets),
            octets_sent=int(sender.octets),
            lost=int(jitter.lost),
            late=int(jitter.late),
            duplicates=int(jitter.duplicates),
            reordered=int(jitter.reordered),
            concealed_ms=20 * int(jitter.concealed),
            shrunk_ms=20 * int(jitter.shrunk),
            measured=reception.measured,
            jitter_ms=reception.jitter_ms,
            max_jitter_ms=reception.max_jitter_ms,
            jitter_buffer_ms=buffer_ms,
            mos=mos(loss, buffer_ms),
            strangers=int(receiver.latch.strangers),
            malformed=int(receiver.malformed),
            skipped_ms=int(sender.skipped_ms),
            round_trip_ms=None if trip_us < 0 else trip_us / 1000,
            remote_lost=int(self.core.rtcp.remote_lost),
        )

    def _number(self) -> int:
        self._last_number += 1
        return self._last_number

    def _send(self, command: Command, *arguments: int) -> None:
        self._post(command, self.index, *arguments)


def packed(address: str, port: int) -> int:
    """An IPv4 address and a port as one integer; raises ValueError where they are none."""
    if not 0 < port < 65536:
        raise ValueError(f"{port} is no port")
    try:
        return int.from_bytes(socket.inet_pton(socket.AF_INET, address)) << 16 | port
    except OSError:
        raise ValueError(f"{address!r} is no IPv4 address") from None


def unpacked(source: int) -> tuple[str, int]:
    """The inverse of `packed`."""
    return socket.inet_ntoa((source >> 16).to_bytes(4)), source & 65535
