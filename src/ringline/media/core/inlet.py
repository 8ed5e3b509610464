# cython: infer_types=True, annotation_typing=False, wraparound=False
"""The short way of an app's audio into a leg: from the text of a `media` message to samples in the queue."""

from array import array
from collections.abc import Sequence
from typing import Final

from ringline.media.core.coder import Coder
from ringline.media.core.message import READER
from ringline.media.core.playout import Queue
from ringline.media.core.resample import Resampler

OCTETS = 4096  # of one payload: 512 ms of PCMU, 42 ms of L16 at 48000 Hz; what is longer takes the long way


class Scratch:
    """Room for one payload on its way, used by one inlet of a thread after the other: small enough to stay in
    the cache.

    A leg's rate is at most twice a stream's (8000 into 16000), so `samples` hold what `decoded` becomes.
    """

    def __init__(self) -> None:
        self.octets = array("B", bytes(OCTETS + 3))
        self.decoded = array("h", bytes(4 * OCTETS))  # G.722 has two samples an octet
        self.samples = array("h", bytes(8 * OCTETS))


PYTHONS: Final = Scratch()


class Inlet:
    """One stream's decoder, rate converter and queue; `scratch` belongs to the thread that calls."""

    def __init__(self, queue: Queue, coder: Coder, resampler: Resampler, scratch: Scratch = PYTHONS) -> None:
        self.reader = READER
        self.queue = queue
        self.coder = coder
        self.resampler = resampler
        self.same = self.resampler.same
        self.scratch = scratch

    def push(self, message: bytes, most: int) -> bool:
        """Queue the payload of a `media` message of the usual exact shape, unless more than `most` samples
        would wait then; False: nothing was done, look closer.
        """
        return self.c_push(message, 0, len(message), most) != 0

    def c_push(self, text: Sequence[int], at: int, size: int, most: int) -> int:
        """`push` of the message of `size` octets at `text[at]`; 0 for False."""
        octets = self.reader.c_read(text, at, size, self.scratch.octets, OCTETS)
        if octets <= 0:
            return 0
        samples = self.coder.c_samples(octets)
        longest = samples if self.same else samples * self.resampler.phases // self.resampler.step + 1
        if longest > 4 * OCTETS or longest > self.queue.c_room() or longest + self.queue.c_waiting() > most:
            return 0
        samples = self.coder.c_decode(self.scratch.octets, 0, octets, self.scratch.decoded, 0)
        if self.same:
            self.queue.c_push(self.scratch.decoded, 0, samples)
            return 1
        samples = self.resampler.c_process(self.scratch.decoded, 0, samples, self.scratch.samples, 0)
        self.queue.c_push(self.scratch.samples, 0, samples)
        return 1
