# cython: infer_types=True, annotation_typing=False, wraparound=False, boundscheck=False
"""One leg's media: what is heard from it, what it hears, and who listens in.

Each 20 ms has two halves. `c_listen` makes the frame that the far end said; once all members of a group have
done that, `c_speak` mixes what this leg hears, copies both to the taps, and writes the outgoing packet.
"""

from array import array
from collections.abc import MutableSequence

from ringline.media.core.convert import Converter
from ringline.media.core.dtmf import DigitDetector
from ringline.media.core.kinds import (
    NO_PAYLOAD_TYPE,
    SOURCES,
    Channel,
    Direction,
    Event,
    Method,
    Target,
)
from ringline.media.core.mix import Mixer
from ringline.media.core.playout import Queue
from ringline.media.core.prefetch import NARROW, Spot, objects, start
from ringline.media.core.receive import Receiver
from ringline.media.core.ring import Records
from ringline.media.core.rtcp import RtcpSession
from ringline.media.core.send import Sender
from ringline.media.core.talk import TalkDetector
from ringline.media.core.tap import Tap
from ringline.media.core.tones import BEEP, Tone, ToneSource

FRAME = 320
UNITY = 256
SOURCE_COUNT = SOURCES
NO_TYPE = NO_PAYLOAD_TYPE
SEND = int(Direction.SEND)
RECEIVE = int(Direction.RECEIVE)
SELF = int(Target.SELF)
OPPOSITE = int(Target.OPPOSITE)
RFC4733 = int(Method.RFC4733)
INBAND = int(Method.INBAND)
EVENT_DTMF = int(Event.DTMF)
EVENT_DTMF_SENT = int(Event.DTMF_SENT)
EVENT_TALK = int(Event.TALK)
EVENT_RTP_STARTED = int(Event.RTP_STARTED)
EVENT_RTP_TIMEOUT = int(Event.RTP_TIMEOUT)
EVENT_TAP_READY = int(Event.TAP_READY)
EVENT_TONE_ENDED = int(Event.TONE_ENDED)
EVENT_SECOND = int(Event.SECOND)
DIGITS_DONE = 8  # DigitSender's DONE
SECOND_FRAMES = 50
KEEPALIVE_FRAMES = 750  # 15 s, as RFC 6263 §6 recommends
NS_PER_MS = 1_000_000
RANDOM_MASK = 0xFFFFFFFF


class Desk:
    """Room for a leg's turn, one leg after the other: it stays in the cache. A thread has one."""

    def __init__(self) -> None:
        self.mixer = Mixer()
        self.scratch = array("h", bytes(2 * FRAME))
        self.heard = array("h", bytes(2 * FRAME))


class Leg:
    """The media of one leg, in slot `index` of its engine.

    SSRC, sequence and timestamp starts are given (RFC 3550 §5.1); `epoch_ns` added to `now_ns` counts from
    1900. `link` is the slot of the link that carries this leg's audio, −1 if none does.
    """

    def __init__(
        self,
        index: int,
        events: Records,
        *,
        ssrc: int = 0,
        sequence: int = 0,
        timestamp: int = 0,
        cname: bytes = b"-",
        epoch_ns: int = 0,
        desk: Desk | None = None,
    ) -> None:
        self.desk = Desk() if desk is None else desk
        self.index = index
        self.events = events
        self.receiver = Receiver()
        self.sender = Sender(ssrc, sequence, timestamp)
        self.rtcp = RtcpSession(ssrc, cname, epoch_ns=epoch_ns)
        self.random = ssrc
        self.report_ns = 0
        self.rtcp_source = 0
        self.play = Queue(events, index, Channel.PLAY)
        self.overlay = Queue(events, index, Channel.OVERLAY)
        self.inject = Queue(events, index, Channel.INJECT)
        self.play_converter = Converter()
        self.overlay_converter = Converter()
        self.inject_converter = Converter()
        self.given_converter = Converter()
        self.tap0 = Tap()
        self.tap1 = Tap()
        self.tap2 = Tap()
        self.tap3 = Tap()
        self.taps = 0
        self.mixer = self.desk.mixer
        self.talk = TalkDetector()
        self.detector = DigitDetector(8000)
        self.detector16 = DigitDetector(16000)
        self.tone = ToneSource(BEEP, 8000)
        self.tone_number = 0
        self.injected = array("h", bytes(2 * FRAME))
        self.given = array("h", bytes(2 * FRAME))
        self.given_other = array("h", bytes(2 * FRAME))
        self.scratch = self.desk.scratch
        self.heard = self.desk.heard
        self.sources = array("i", bytes(4 * SOURCES))
        self.gains = array("i", bytes(4 * SOURCES))
        self.source_count = 0
        self.injecting = 0
        self.given_made = 0
        self.given_converted = 0
        self.target = int(Target.OPPOSITE)
        self.link = -1
        self.direction = 0
        self.connected = 0
        self.idle_silence = 0
        self.detecting = 0
        self.dialling = 0
        self.event_token = 0
        self.voice_token = 0
        self.rtcp_port = 0
        self.frames = 0
        self.quiet_frames = KEEPALIVE_FRAMES
        self.timed_out = 0
        self.waiting_ns = 0

    def spots(self) -> list[Spot]:
        """The memory that every turn needs."""
        return [
            *objects(self, self.talk, self.play, self.inject, self.inject_converter, self.tap0),
            *self.receiver.spots(),
            *self.sender.spots(),
            start(self.injected, NARROW),
        ]

    def set_tone(self, tone: Tone, rate: int) -> None:
        """Give the leg its next tone; only while none plays (TONE_ENDED has come)."""
        self.tone = ToneSource(tone, rate)

    def tap(self, number: int) -> Tap:
        """The tap in slot `number`, 0 to 3."""
        return (self.tap0, self.tap1, self.tap2, self.tap3)[number]

    def c_remote(
        self, source: int, rtcp_port: int, codec: int, rate: int, types: int, direction: int, now_ns: int
    ) -> None:
        """Apply an answered offer; `types` holds four payload types, see `kinds.payload_types`."""
        self.receiver.c_configure(codec, rate, (types >> 24) & 255, (types >> 16) & 255)
        self.receiver.latch.c_expect(source)
        self.sender.c_configure(codec, rate, (types >> 8) & 255, types & 255)
        self.rtcp_port = rtcp_port
        self.direction = direction
        if not self.connected:
            self.connected = 1
            self.report_ns = now_ns + self.c_interval()
        self.timed_out = 0
        self.waiting_ns = now_ns
        # The first packet opens the way back through NAT, whether or not there is anything to say.
        self.quiet_frames = KEEPALIVE_FRAMES

    def c_route(self, source: int, gain: int) -> int:
        """Hear leg `source` with `gain` / 256, or no longer with 0; 0 if 16 others are heard already."""
        for i in range(self.source_count):
            if self.sources[i] == source:
                self.gains[i] = gain
                if gain == 0:
                    self.source_count -= 1
                    self.sources[i] = self.sources[self.source_count]
                    self.gains[i] = self.gains[self.source_count]
                return 1
        if gain == 0:
            return 1
        if self.source_count == SOURCE_COUNT:
            return 0
        self.sources[self.source_count] = source
        self.gains[self.source_count] = gain
        self.source_count += 1
        return 1

    def c_packet(self, data: MutableSequence[int], at: int, size: int, source: int, now_ns: int) -> None:
        """Take in a datagram from the leg's RTP socket."""
        if not self.connected or not self.direction & RECEIVE:
            return
        if size >= 2 and 200 <= data[at + 1] <= 204:
            # RTCP on the RTP port: RFC 5761 §4 keeps these types free of RTP.
            self.c_control(data, at, size, source, now_ns)
            return
        self.receiver.c_packet(data, at, size, source, now_ns)
        if self.receiver.pressed:
            self.c_digits(now_ns)
        if self.receiver.heard_ns == now_ns:
            self.timed_out = 0
        if self.receiver.fresh:
            self.receiver.fresh = 0
            self.events.c_put(EVENT_RTP_STARTED, self.index, self.receiver.latch.source, 0, 0, 0, 0, now_ns)

    def c_digits(self, now_ns: int) -> None:
        """Report the telephone events that are complete."""
        while self.receiver.events.queued:
            code = self.receiver.events.c_take()
            length = self.receiver.events.taken_ms
            self.events.c_put(EVENT_DTMF, self.index, code, length, RFC4733, 0, 0, now_ns)

    def c_listen(self, now_ns: int, timeout_ns: int) -> None:
        """The first half: this leg's frame, its talk spurts and digits, and what it gives to others."""
        count = self.receiver.frame
        self.receiver.c_frame(now_ns)
        if self.receiver.pressed:
            self.receiver.pressed = self.receiver.events.c_timeout(now_ns)
            self.c_digits(now_ns)
        change = self.talk.c_hear(self.mixer.c_energy(self.receiver.pcm, count))
        if change:
            self.events.c_offer(EVENT_TALK, self.index, 1 if change > 0 else 0, 0, 0, 0, 0, now_ns)
        if self.detecting:
            self.c_detect(now_ns)
        self.c_silence(now_ns, timeout_ns)
        self.injecting = self.inject_converter.c_pull(self.inject, self.injected, self.receiver.frame, now_ns)
        self.given_made = 0
        self.given_converted = 0

    def c_give(self) -> None:
        """Make what this leg gives to others, for the first of them that hears it."""
        self.given_made = 1
        for i in range(self.receiver.frame):
            self.given[i] = self.receiver.pcm[i]
        if self.injecting and self.target & OPPOSITE:
            for i in range(self.receiver.frame):
                self.given[i] = min(max(self.given[i] + self.injected[i], -32768), 32767)

    def c_detect(self, now_ns: int) -> None:
        """Listen for digits in the audio."""
        if self.receiver.frame == FRAME:
            self.detector16.c_process(self.receiver.pcm, 0, FRAME)
            while self.detector16.queued:
                code = self.detector16.c_take()
                self.events.c_put(
                    EVENT_DTMF, self.index, code, self.detector16.taken_ms, INBAND, 0, 0, now_ns
                )
        else:
            self.detector.c_process(self.receiver.pcm, 0, 160)
            while self.detector.queued:
                code = self.detector.c_take()
                self.events.c_put(EVENT_DTMF, self.index, code, self.detector.taken_ms, INBAND, 0, 0, now_ns)

    def c_silence(self, now_ns: int, timeout_ns: int) -> None:
        """Tell once when a far end that should send has not been heard for too long."""
        if self.timed_out or not self.connected or not self.direction & RECEIVE:
            return
        since = max(self.receiver.heard_ns, self.waiting_ns)
        if now_ns - since > timeout_ns:
            self.timed_out = 1
            silent = (now_ns - since) // NS_PER_MS
            self.events.c_put(EVENT_RTP_TIMEOUT, self.index, silent, 0, 0, 0, 0, now_ns)

    def c_begin_mix(self, now_ns: int) -> None:
        """Start the frame that this leg hears with its own sources."""
        count = self.receiver.frame
        self.mixer.c_clear(count)
        if self.play.rate:
            self.c_play(self.play, self.play_converter, now_ns)
        if self.overlay.rate:
            self.c_play(self.overlay, self.overlay_converter, now_ns)
        if self.injecting and (self.target & SELF or not self.source_count):
            self.mixer.c_add(self.injected, count, UNITY)
        if self.tone_number:
            self.c_tone(now_ns)
        if self.dialling and self.sender.voice.c_busy():
            flags = self.sender.voice.c_next_audio(self.scratch, 0, count)
            self.mixer.c_add(self.scratch, count, UNITY)
            if flags & DIGITS_DONE:
                self.events.c_put(EVENT_DTMF_SENT, self.index, self.voice_token, 0, 0, 0, 0, now_ns)

    def c_play(self, queue: Queue, converter: Converter, now_ns: int) -> None:
        """Add 20 ms of a channel."""
        count = self.receiver.frame
        if converter.c_pull(queue, self.scratch, count, now_ns) or queue.current:
            self.mixer.c_add(self.scratch, count, UNITY)

    def c_hear(self, other: "Leg", gain: int) -> None:
        """Add what another member of the group gives."""
        if not other.given_made:
            other.c_give()
        if other.receiver.frame == self.receiver.frame:
            self.mixer.c_add(other.given, self.receiver.frame, gain)
            return
        if not other.given_converted:
            other.given_converted = 1
            other.given_converter.c_turn(other.given, other.receiver.frame, other.given_other)
        self.mixer.c_add(other.given_other, self.receiver.frame, gain)

    def c_tone(self, now_ns: int) -> None:
        """Add 20 ms of the tone."""
        made = self.tone.c_generate(self.scratch, 0, self.receiver.frame)
        for i in range(made, self.receiver.frame):
            self.scratch[i] = 0
        self.mixer.c_add(self.scratch, self.receiver.frame, UNITY)
        if made < self.receiver.frame:
            self.c_end_tone(now_ns)

    def c_end_tone(self, now_ns: int) -> None:
        """Report that the tone's place is free."""
        number = self.tone_number
        self.tone_number = 0
        self.events.c_put(EVENT_TONE_ENDED, self.index, number, 0, 0, 0, 0, now_ns)

    def c_speak(self, data: MutableSequence[int], at: int, now_ns: int) -> int:
        """The second half: finish the mix, feed the taps, write the packet at `data[at]`; its size, or 0."""
        count = self.receiver.frame
        self.mixer.c_read(self.heard, count)
        spoken = 1 if self.mixer.sources or self.source_count or self.idle_silence else 0
        if self.taps & 1:
            self.c_tap(self.tap0, 0, spoken, now_ns)
        if self.taps & 2:
            self.c_tap(self.tap1, 1, spoken, now_ns)
        if self.taps & 4:
            self.c_tap(self.tap2, 2, spoken, now_ns)
        if self.taps & 8:
            self.c_tap(self.tap3, 3, spoken, now_ns)
        self.frames += 1
        if self.frames >= SECOND_FRAMES:
            self.frames = 0
            self.events.c_offer(EVENT_SECOND, self.index, 0, 0, 0, 0, 0, now_ns)
        size = 0
        digit = 0
        if self.dialling and self.sender.events.c_busy():
            size = self.c_send_digit(data, at, now_ns)
            digit = self.sender.events.sounding
        if digit:
            self.quiet_frames = 0
        elif self.c_should_send(spoken):
            size = self.sender.c_audio(self.heard, data, at)
            self.quiet_frames = 0
        else:
            self.sender.paused = 1
            self.quiet_frames += 1
        if self.dialling and not self.sender.events.c_busy() and not self.sender.voice.c_busy():
            self.dialling = 0
        self.sender.c_advance(1)
        return size

    def c_should_send(self, spoken: int) -> int:
        """Whether this frame leaves: it is `spoken`, or NAT needs a packet."""
        if not self.connected or not self.direction & SEND:
            return 0
        return 1 if spoken or self.quiet_frames >= KEEPALIVE_FRAMES else 0

    # Reports.

    def c_interval(self) -> int:
        """Nanoseconds to the next report: 2.5 to 7.5 s (RFC 3550 §6.2), at random; the SSRC seeds it."""
        self.random = (self.random * 69069 + 12345) & RANDOM_MASK
        return (2500 + self.random % 5000) * NS_PER_MS

    def c_report(self, data: MutableSequence[int], at: int, now_ns: int) -> int:
        """Write a report at `data[at]` if one is due; returns its size or 0."""
        if not self.connected or now_ns < self.report_ns:
            return 0
        self.report_ns = now_ns + self.c_interval()
        return self.c_write_report(data, at, now_ns, 0)

    def c_write_report(self, data: MutableSequence[int], at: int, now_ns: int, bye: int) -> int:
        """Write a report, the last one with `bye`."""
        self.rtcp.remote_ssrc = self.receiver.latch.ssrc
        return self.rtcp.c_report(
            data,
            at,
            now_ns,
            self.sender.timestamp,
            self.sender.packets,
            self.sender.octets,
            self.receiver.stats,
            bye != 0,
        )

    def c_control(self, data: MutableSequence[int], at: int, size: int, source: int, now_ns: int) -> None:
        """Take in a report; from the believed source's host only."""
        if not self.connected or source >> 16 != self.receiver.latch.c_target() >> 16:
            return
        if self.rtcp.c_receive(data, at, size, now_ns):
            self.rtcp_source = source

    def c_multiplexed(self) -> int:
        """Whether both ends agreed on one port for RTP and RTCP (RFC 5761)."""
        return 1 if self.rtcp_port == self.receiver.latch.announced & 65535 else 0

    def c_control_target(self) -> int:
        """Where reports go: where the other's come from, else beside where the audio goes."""
        target = self.receiver.latch.c_target()
        if self.c_multiplexed():
            return target
        if self.rtcp_source and self.rtcp_source >> 16 == target >> 16:
            return self.rtcp_source
        if target == self.receiver.latch.announced:
            return target >> 16 << 16 | self.rtcp_port
        return target + 1

    # What Python asks for.

    def c_send_digit(self, data: MutableSequence[int], at: int, now_ns: int) -> int:
        """One tick of RFC 4733; returns the packet's size or 0."""
        size = self.sender.c_event(data, at)
        if size < 0:
            self.events.c_put(EVENT_DTMF_SENT, self.index, self.event_token, 0, 0, 0, 0, now_ns)
            size = -size - 1
        if not self.connected or not self.direction & SEND or self.sender.event_type == NO_TYPE:
            return 0
        return size

    def c_tap(self, tap: Tap, number: int, spoken: int, now_ns: int) -> None:
        """Feed one tap."""
        if not tap.c_hear(self.receiver.pcm, self.heard, self.receiver.frame, spoken):
            return
        if not self.events.c_offer(EVENT_TAP_READY, self.index, number, 0, 0, 0, 0, now_ns):
            tap.signalled = 0

    def c_set_tap(self, number: int, active: int) -> None:
        """Start or stop feeding the tap in slot `number`."""
        if active:
            self.taps |= 1 << number
        else:
            self.taps &= ~(1 << number)

    def c_digit(self, code: int, length_ms: int, method: int, token: int) -> None:
        """Queue one digit, or a pause where `code` is −1; `token` marks the last of a string."""
        self.dialling = 1
        if method == INBAND:
            self.voice_token = max(self.voice_token, token)
            self.sender.voice.c_push(code, length_ms)
        else:
            self.event_token = max(self.event_token, token)
            self.sender.events.c_push(code, length_ms)

    def c_close(self, now_ns: int) -> None:
        """End what plays; nothing is heard of this leg afterwards."""
        self.play.c_close(now_ns)
        self.overlay.c_close(now_ns)
        self.inject.c_close(now_ns)
