# cython: infer_types=True, annotation_typing=False, wraparound=False
"""The short way of an app's audio into a leg: from the text of a `media` message to samples in the queue."""

from array import array

from ringline.media.core.coder import Coder
from ringline.media.core.message import Reader
from ringline.media.core.playout import Queue
from ringline.media.core.resample import Resampler

OCTETS = 4096  # of one payload: 512 ms of PCMU, 42 ms of L16 at 48000 Hz; what is longer takes the long way


class Inlet:
    """One stream's decoder, rate converter and queue, written by Python's thread only."""

    def __init__(self, queue: Queue, coder: Coder, resampler: Resampler) -> None:
        self.reader = Reader()
        self.queue = queue
        self.coder = coder
        self.resampler = resampler
        self.octets = array("B", bytes(OCTETS + 3))
        self.decoded = array("h", bytes(4 * OCTETS))  # G.722 has two samples an octet
        self.most = int(OCTETS * 2 * resampler.phases // resampler.step) + 2
        self.samples = array("h", bytes(2 * self.most))

    def push(self, message: bytes, most: int) -> bool:
        """Queue the payload of a `media` message of the usual exact shape, unless more than `most` samples
        would wait then; False: nothing was done, look closer.
        """
        return self.c_push(message, len(message), most) != 0

    def c_push(self, message: bytes, size: int, most: int) -> int:
        """`push` between C functions; 0 for False."""
        octets = self.reader.c_read(message, size, self.octets, OCTETS)
        if octets <= 0:
            return 0
        samples = self.coder.c_samples(octets)
        longest = samples * self.resampler.phases // self.resampler.step + 1
        waiting = self.queue.c_waiting()
        if waiting + longest > most or longest > self.queue.c_room():
            return 0
        samples = self.coder.c_decode(self.octets, 0, octets, self.decoded, 0)
        samples = self.resampler.c_process(self.decoded, 0, samples, self.samples, 0)
        self.queue.c_push(self.samples, 0, samples)
        return 1
