# cython: infer_types=True, annotation_typing=False, wraparound=False, boundscheck=False
"""Between the two rates inside the core: 8000 and 16000 Hz."""

from array import array
from collections.abc import MutableSequence

from ringline.media.core.playout import Queue
from ringline.media.core.resample import Resampler

FRAME = 320


class Converter:
    """Turns frames of one stream from 8000 to 16000 Hz or back, whichever is needed."""

    def __init__(self) -> None:
        self.up = Resampler(8000, 16000)
        self.down = Resampler(16000, 8000)
        self.frame = array("h", bytes(2 * FRAME + 4))

    def c_turn(self, src: MutableSequence[int], count: int, dst: MutableSequence[int]) -> None:
        """Write the frame `src` of `count` samples (160 or 320) at the other rate to `dst`."""
        if count == FRAME:
            self.down.c_process(src, 0, count, dst, 0)
        else:
            self.up.c_process(src, 0, count, dst, 0)

    def c_pull(self, queue: Queue, dst: MutableSequence[int], count: int, now_ns: int) -> int:
        """Take 20 ms of a queue as `count` samples, whatever the queue's rate; 0 if nothing was in it.

        A queue that was never attached leaves `dst` as it is.
        """
        if not queue.rate:
            return 0
        if queue.rate == count * 50:
            return queue.c_pull(dst, count, now_ns)
        own = queue.rate // 50
        got = queue.c_pull(self.frame, own, now_ns)
        self.c_turn(self.frame, own, dst)
        return got
