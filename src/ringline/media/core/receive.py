# cython: infer_types=True, annotation_typing=False, wraparound=False, boundscheck=False
"""The receiving half of a leg: packets from the believed source in, 20 ms of samples out at every tick."""

from array import array
from collections.abc import MutableSequence

from ringline.media.core.coder import Coder
from ringline.media.core.dtmf import EventReceiver
from ringline.media.core.jitter import JitterBuffer
from ringline.media.core.kinds import Put, Take
from ringline.media.core.latch import Latch
from ringline.media.core.mix import Mixer
from ringline.media.core.plc import Concealer
from ringline.media.core.prefetch import NARROW, Spot, objects, start
from ringline.media.core.quality import ReceptionStats
from ringline.media.core.rtp import Header

FIFO = 8192
FRAME = 320
NO_TYPE = 128
COMFORT_NOISE = 13
STRANGER = 0
CHANGED = 2
CONCEAL = int(Take.CONCEAL)
STARVED = int(Take.STARVED)
KEPT = int(Put.KEPT)


class Receiver:
    """RTP of one leg, from socket to samples.

    `pcm` holds the frame made last, `frame` its length in samples; `live` says that the far end was heard in
    it; `pressed` that a digit may be under way.
    """

    def __init__(self) -> None:
        self.header = Header()
        self.latch = Latch()
        self.jitter = JitterBuffer()
        self.coder = Coder()
        self.concealer = Concealer(8000)
        self.concealer16 = Concealer(16000)
        self.events = EventReceiver(8000)
        self.stats = ReceptionStats(8000)
        self.mixer = Mixer()
        self.fifo = array("h", bytes(2 * FIFO))
        self.held = 0
        self.pcm = array("h", bytes(2 * FRAME))
        self.second = array("h", bytes(2 * FRAME))
        self.frame = 160
        self.payload_type = NO_TYPE
        self.event_type = NO_TYPE
        self.expecting = 0
        self.live = 0
        self.packets = 0
        self.octets = 0
        self.malformed = 0
        self.unknown = 0
        self.fresh = 0
        self.pressed = 0
        self.heard_ns = 0

    def spots(self) -> list[Spot]:
        """The memory that every packet or turn needs."""
        return [
            *objects(self, self.header, self.latch, self.jitter, self.coder, self.concealer, self.stats),
            start(self.pcm, NARROW),
        ]

    def c_configure(self, codec: int, rate: int, payload_type: int, event_type: int) -> None:
        """What offer and answer say the far end sends; `NO_TYPE` where it sends no such thing."""
        before = self.coder.codec
        before_rate = self.coder.rate
        self.payload_type = payload_type
        self.event_type = event_type
        self.coder.c_set(codec, rate)
        if self.expecting and before == codec and before_rate == self.coder.rate:
            return
        self.expecting = 1
        self.frame = self.coder.rate // 50
        self.held = 0
        self.events.clock_rate = self.coder.clock
        self.events.c_reset()
        self.stats.clock_rate = self.coder.clock
        self.jitter.c_configure(self.coder.clock, self.coder.octets_per_unit)

    def c_packet(self, data: MutableSequence[int], at: int, size: int, source: int, now_ns: int) -> int:
        """Take in one datagram; returns how many digits wait in `events`.

        Octets of any kind are fine: what is no RTP of this leg is counted and forgotten.
        """
        length = self.header.c_parse(data, at, size)
        if length < 0 or not self.expecting:
            self.malformed += 1
            return 0
        verdict = self.latch.c_accept(source, self.header.ssrc, now_ns)
        if verdict == STRANGER:
            return 0
        if verdict == CHANGED:
            self.jitter.c_reset()
            self.events.c_reset()
            self.stats.c_reset()
            self.concealer.c_reset()
            self.concealer16.c_reset()
            self.fresh = 1
        self.packets += 1
        self.octets += length
        self.heard_ns = now_ns
        self.stats.c_packet(self.header.sequence, self.header.timestamp, now_ns)
        kind = self.header.payload_type
        if kind == self.payload_type:
            audio = 1
        else:
            audio = 0
            if kind not in (self.event_type, COMFORT_NOISE):
                self.unknown += 1
        kept = self.jitter.c_put(
            self.header.sequence, self.header.timestamp, data, self.header.payload, length, audio, now_ns
        )
        if kind == self.event_type and kept == KEPT:
            self.pressed = 1
            return self.events.c_receive(data, self.header.payload, length, self.header.timestamp, now_ns)
        return 0

    def c_frame(self, now_ns: int) -> None:
        """Make the next 20 ms."""
        self.live = 1 if self.held else 0
        shrink = self.jitter.c_excess()
        self.c_take(self.pcm, now_ns)
        if shrink and not self.jitter.waiting:
            self.c_take(self.second, now_ns)
            self.mixer.c_crossfade(self.pcm, self.second, self.frame)

    def c_take(self, out: MutableSequence[int], now_ns: int) -> None:
        """Move one frame from the decoder to `out`; straight, where a packet is a frame."""
        while self.held < self.frame:
            slot = self.jitter.c_next(now_ns)
            if slot >= 0 and not self.held and self.c_samples(slot) == self.frame:
                self.c_packet_samples(slot, out, 0)
                return
            self.c_append(slot)
        for i in range(self.frame):
            out[i] = self.fifo[i]
        self.held -= self.frame
        for i in range(self.held):
            self.fifo[i] = self.fifo[self.frame + i]

    def c_samples(self, slot: int) -> int:
        """How many samples a kept packet holds."""
        return self.coder.c_samples(self.jitter.c_length(slot))

    def c_packet_samples(self, slot: int, out: MutableSequence[int], at: int) -> int:
        """Decode a kept packet to `out[at]`; returns samples written."""
        samples = self.coder.c_decode(
            self.jitter.data, slot * self.jitter.stride, self.jitter.c_length(slot), out, at
        )
        self.c_good(out, at, samples)
        self.live = 1
        return samples

    def c_append(self, slot: int) -> None:
        """Append what plays next to the decoder's samples: a packet, or something in its place."""
        if slot >= 0:
            samples = self.c_packet_samples(slot, self.fifo, self.held)
        else:
            samples = self.c_units(self.jitter.granted)
            if slot in (CONCEAL, STARVED):
                if self.frame == FRAME:
                    self.concealer16.c_conceal(self.fifo, self.held, samples)
                else:
                    self.concealer.c_conceal(self.fifo, self.held, samples)
                self.live = 1
            else:
                for i in range(samples):
                    self.fifo[self.held + i] = 0
                self.c_good(self.fifo, self.held, samples)
        self.held += samples

    def c_good(self, out: MutableSequence[int], at: int, samples: int) -> None:
        """Let the concealer hear what plays."""
        if self.frame == FRAME:
            self.concealer16.c_good(out, at, samples)
        else:
            self.concealer.c_good(out, at, samples)

    def c_units(self, units: int) -> int:
        """Timestamp units as samples."""
        return units * self.coder.rate // self.coder.clock
