# cython: infer_types=True, annotation_typing=False, wraparound=False, boundscheck=False
"""A copy of a leg's audio on its way to Python: frames in a ring, each with its place in time.

When Python is late and the ring is full, new frames are dropped, and their numbers with them: the reader sees
the hole in `sequence` and `chunk`.
"""

from array import array
from collections.abc import MutableSequence

import cython

from ringline.media.core.coder import Coder
from ringline.media.core.message import Writer
from ringline.media.core.resample import Resampler

INBOUND = 1
OUTBOUND = 2
PAIR = 3
FRAMES_PER_SECOND = 50
WIDEST = 1024  # samples of 20 ms at 48000 Hz, and room for the resampler's rounding
META = 5
NO_RESAMPLER = Resampler(8000, 8000)
NO_CODER = Coder()


class Tap:
    """One slot of a leg. `prepare` in Python, then a TAP command; not reused before TAP_CLOSED.

    `taken` is the number of the frame that became a message last.

    With `pairs`, a frame holds inbound and outbound samples of the same 20 ms, one after the other.
    """

    def __init__(self) -> None:
        self.signalled = 0
        self.inbound = 0
        self.outbound = 0
        self.pairs = 0
        self.slots = 1
        self.slot_size = 1
        self.data = array("B", bytes(1))
        self.meta = array("q", bytes(8 * META))
        self.head = 0
        self.tail = 0
        self.dropped = 0
        self.ticks = 0
        self.sequence = 0
        self.taken = 0
        self.chunks_in = 0
        self.chunks_out = 0
        self.rate = 8000
        # What a tap needs to work is made by `prepare`: most taps of most legs never do.
        self.narrow_in = NO_RESAMPLER
        self.narrow_out = NO_RESAMPLER
        self.wide_in = NO_RESAMPLER
        self.wide_out = NO_RESAMPLER
        self.coder_in = NO_CODER
        self.coder_out = NO_CODER
        self.pcm = array("h", bytes(2))

    def prepare(
        self, codec: int, rate: int, *, inbound: bool, outbound: bool, pairs: bool, slots: int
    ) -> None:
        """Choose what the frames hold and how many may wait (a power of two); the memory is made here."""
        self.pcm = array("h", bytes(2 * WIDEST))
        self.coder_in = Coder()
        self.coder_out = Coder()
        self.coder_in.choose(codec, rate)
        self.coder_out.choose(codec, rate)
        self.rate = self.coder_in.rate
        self.narrow_in = Resampler(8000, self.rate)
        self.narrow_out = Resampler(8000, self.rate)
        self.wide_in = Resampler(16000, self.rate)
        self.wide_out = Resampler(16000, self.rate)
        self.inbound = inbound
        self.outbound = outbound
        self.pairs = pairs
        self.slots = slots
        # 22050 Hz makes 441 samples in 20 ms; every other rate a whole number too.
        samples = self.rate // 50 + 2
        self.slot_size = 2 * samples * (2 if pairs else 1)
        self.data = array("B", bytes(self.slot_size * slots))
        self.meta = array("q", bytes(8 * META * slots))
        self.head = 0
        self.tail = 0
        self.dropped = 0
        self.ticks = 0
        self.sequence = 0
        self.taken = 0
        self.signalled = 0
        self.chunks_in = 0
        self.chunks_out = 0

    def c_hear(
        self, inbound: MutableSequence[int], outbound: MutableSequence[int], count: int, spoken: int
    ) -> int:
        """Take in 20 ms of both directions; 1 if Python should be told that frames wait.

        Without `spoken` nothing is sent to the leg, and the outbound track pauses; a pair never does.
        """
        if self.pairs:
            self.c_pair(inbound, outbound, count)
        else:
            if self.inbound:
                self.c_frame(INBOUND, inbound, count)
            if self.outbound and spoken:
                self.c_frame(OUTBOUND, outbound, count)
        self.ticks += 1
        if self.head == self.tail or self.signalled:
            return 0
        self.signalled = 1
        return 1

    def c_convert(self, track: int, pcm: MutableSequence[int], count: int) -> int:
        """Bring a frame to the tap's rate, into `pcm`; returns samples."""
        if track == INBOUND:
            if count == 320:
                return self.wide_in.c_process(pcm, 0, count, self.pcm, 0)
            return self.narrow_in.c_process(pcm, 0, count, self.pcm, 0)
        if count == 320:
            return self.wide_out.c_process(pcm, 0, count, self.pcm, 0)
        return self.narrow_out.c_process(pcm, 0, count, self.pcm, 0)

    def c_number(self, track: int) -> int:
        """Count a frame of `track`; returns its slot, −1 if the ring is full and the frame dropped."""
        head = self.head
        self.sequence += 1
        if track == OUTBOUND:
            self.chunks_out += 1
            chunk = self.chunks_out
        else:
            self.chunks_in += 1
            chunk = self.chunks_in
        if head - self.tail >= self.slots:
            self.dropped += 1
            return -1
        slot = head & (self.slots - 1)
        self.meta[slot * META] = track
        self.meta[slot * META + 1] = chunk
        self.meta[slot * META + 2] = self.ticks * 20
        self.meta[slot * META + 3] = self.sequence
        return slot

    def c_frame(self, track: int, pcm: MutableSequence[int], count: int) -> None:
        """Code one direction's frame into the ring."""
        slot = self.c_number(track)
        if count * FRAMES_PER_SECOND == self.rate:
            self.c_code(track, slot, pcm, count)
        else:
            # The resampler hears dropped frames too, or the next would begin with a click.
            samples = self.c_convert(track, pcm, count)
            self.c_code(track, slot, self.pcm, samples)

    def c_code(self, track: int, slot: int, pcm: MutableSequence[int], samples: int) -> None:
        """Code samples of the tap's rate into a slot."""
        if slot < 0:
            return
        at = slot * self.slot_size
        if track == INBOUND:
            size = self.coder_in.c_encode(pcm, 0, samples, self.data, at)
        else:
            size = self.coder_out.c_encode(pcm, 0, samples, self.data, at)
        self.meta[slot * META + 4] = size
        self.head = self.head + 1

    def c_pair(self, inbound: MutableSequence[int], outbound: MutableSequence[int], count: int) -> None:
        """Put both directions' samples into one slot."""
        samples = self.c_convert(INBOUND, inbound, count)
        slot = self.c_number(PAIR)
        at = slot * self.slot_size
        size = 0
        if slot >= 0:
            size = self.coder_in.c_encode(self.pcm, 0, samples, self.data, at)
        samples = self.c_convert(OUTBOUND, outbound, count)
        if slot >= 0:
            size += self.coder_out.c_encode(self.pcm, 0, samples, self.data, at + size)
            self.meta[slot * META + 4] = size
            self.head = self.head + 1

    def drain(self, limit: int) -> list[tuple[int, int, int, int, bytes]]:
        """Take up to `limit` frames: (track, chunk, timestamp in ms, sequence, payload)."""
        self.signalled = 0
        frames: list[tuple[int, int, int, int, bytes]] = []
        tail = self.tail
        head = self.head
        while tail != head and len(frames) < limit:
            slot = int(tail & (self.slots - 1))
            at = slot * self.slot_size
            size = self.meta[slot * META + 4]
            frames.append(
                (
                    int(self.meta[slot * META]),
                    int(self.meta[slot * META + 1]),
                    int(self.meta[slot * META + 2]),
                    int(self.meta[slot * META + 3]),
                    bytes(self.data[at : at + size]),
                )
            )
            tail += 1
            self.tail = tail
        return frames

    def c_message(self, writer: Writer, before: int, dst: MutableSequence[int], at: int) -> int:
        """Write the oldest frame as a `media` message at `dst[at]`, its `sequence_number` being `before` plus
        its own; returns the message's size, 0 if no frame waits.
        """
        tail = self.tail
        if tail == self.head:
            return 0
        slot = int(tail & (self.slots - 1))
        meta = slot * META
        self.taken = self.meta[meta + 3]
        size = writer.c_write(
            self.meta[meta],
            self.meta[meta + 1],
            self.meta[meta + 2],
            before + self.taken,
            self.data,
            slot * self.slot_size,
            self.meta[meta + 4],
            dst,
            at,
        )
        self.tail = tail + 1
        return size

    def messages(self, writer: Writer, before: int) -> list[bytes]:
        """Take all frames as `media` messages; each one's `sequence_number` is `before` plus its own."""
        self.signalled = 0
        taken: list[bytes] = []
        size = self.c_message(writer, before, writer.out, 0)
        while size:
            if cython.compiled:
                taken.append(cython.cast(cython.p_char, cython.address(writer.out[0]))[:size])
            else:
                taken.append(bytes(writer.out[:size]))
            size = self.c_message(writer, before, writer.out, 0)
        return taken

    def c_rewind(self) -> None:
        """Begin the ring anew if it is empty, for a reader in the writer's thread: its start stays near."""
        if self.head == self.tail:
            self.head = 0
            self.tail = 0

    def c_keep(self, count: int) -> None:
        """Forget all but the newest `count` frames; they are counted as if they had been taken."""
        if self.head - self.tail > count:
            self.tail = self.head - count

    def trim(self, keep: int) -> None:
        """`c_keep` for Python."""
        self.signalled = 0
        self.c_keep(keep)

    def __len__(self) -> int:
        return int(self.head - self.tail)
