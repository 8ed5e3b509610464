# cython: infer_types=True, annotation_typing=False, wraparound=False, boundscheck=False
"""The sending half of a leg: 20 ms of samples in, an RTP packet out, or none.

The timestamp runs on in real time whether or not packets leave, so a pause is a pause at the far end too; the
first packet after one carries the marker (RFC 3551 §4.1).
"""

from array import array
from collections.abc import MutableSequence

from ringline.media.core.coder import Coder
from ringline.media.core.dtmf import DigitSender
from ringline.media.core.prefetch import Spot, objects
from ringline.media.core.rtp import Header

PACKET = 1
FIRST = 2
DONE = 8
NO_TYPE = 128
M32 = 0xFFFFFFFF
FRAME = 320


class Sender:
    """One outgoing RTP stream; SSRC, sequence and timestamp starts are given (RFC 3550 §5.1)."""

    def __init__(self, ssrc: int, sequence: int, timestamp: int) -> None:
        self.header = Header()
        self.coder = Coder()
        self.events = DigitSender(8000)
        self.voice = DigitSender(8000)
        self.tone = array("h", bytes(2 * FRAME))
        self.payload_type = NO_TYPE
        self.event_type = NO_TYPE
        self.frame = 160
        self.units = 160
        self.ssrc = ssrc
        self.sequence = sequence
        self.timestamp = timestamp
        self.event_timestamp = 0
        self.paused = 1
        self.packets = 0
        self.octets = 0
        self.skipped_ms = 0

    def spots(self) -> list[Spot]:
        """The memory that every turn needs."""
        return objects(self, self.header, self.coder)

    def c_configure(self, codec: int, rate: int, payload_type: int, event_type: int) -> None:
        """What offer and answer allow us to send."""
        self.payload_type = payload_type
        self.event_type = event_type
        self.coder.c_set(codec, rate)
        self.frame = self.coder.rate // 50
        self.units = self.coder.clock // 50
        self.events.rate = self.coder.clock
        self.voice.rate = self.coder.rate

    def c_advance(self, frames: int) -> None:
        """Let 20 ms of timestamp pass `frames` times."""
        self.timestamp = (self.timestamp + frames * self.units) & M32

    def c_skip(self, frames: int) -> None:
        """Ticks that came too late are left out; the far end hears a marked gap, never a burst."""
        self.c_advance(frames)
        self.paused = 1
        self.skipped_ms += 20 * frames

    def c_audio(self, pcm: MutableSequence[int], data: MutableSequence[int], at: int) -> int:
        """Write the packet of one frame at `data[at]`; returns its size. `c_advance` follows every tick."""
        self.c_header(data, at, self.payload_type, self.paused, self.timestamp)
        size = self.coder.c_encode(pcm, 0, self.frame, data, at + 12)
        self.paused = 0
        self.octets += size
        return 12 + size

    def c_event(self, data: MutableSequence[int], at: int) -> int:
        """One tick of the digits that wait: the size of the packet at `data[at]` or 0, negative after the
        last.

        In the gap after a digit nothing is sent: the far end must not take it for audio. A pause is the
        caller's to fill.
        """
        flags = self.events.c_next_event(data, at + 12)
        size = 0
        if flags & FIRST:
            self.event_timestamp = self.timestamp
        if flags & PACKET:
            self.c_header(data, at, self.event_type, flags & FIRST, self.event_timestamp)
            self.octets += 4
            size = 16
        if self.events.sounding:
            self.paused = 1
        return -size - 1 if flags & DONE else size

    def c_header(self, data: MutableSequence[int], at: int, kind: int, marker: int, timestamp: int) -> None:
        """Write the next packet's header."""
        self.header.c_write(data, at, kind, marker, self.sequence, timestamp, self.ssrc)
        self.sequence = (self.sequence + 1) & 65535
        self.packets += 1
