# cython: infer_types=True, annotation_typing=False, wraparound=False, boundscheck=False
"""Sums of int16 samples: gain, saturation, cross-fade, energy."""

from array import array
from collections.abc import MutableSequence

FRAME = 320  # 20 ms at 16000 Hz, the widest rate inside the core
UNITY = 256


class Mixer:
    """A 20 ms sum in 32 bits; sources are added one by one, then read once with saturation."""

    def __init__(self) -> None:
        self.sum = array("i", bytes(4 * FRAME))
        self.sources = 0

    def c_clear(self, count: int) -> None:
        """Begin a new frame of `count` samples."""
        for i in range(count):
            self.sum[i] = 0
        self.sources = 0

    def c_add(self, pcm: MutableSequence[int], count: int, gain: int) -> None:
        """Add `count` samples times `gain` / 256."""
        self.sources += 1
        if gain == UNITY:
            for i in range(count):
                self.sum[i] += pcm[i]
        else:
            for i in range(count):
                self.sum[i] += pcm[i] * gain >> 8

    def c_read(self, out: MutableSequence[int], count: int) -> None:
        """Write the saturated sum."""
        for i in range(count):
            out[i] = min(max(self.sum[i], -32768), 32767)

    def c_crossfade(self, early: MutableSequence[int], late: MutableSequence[int], count: int) -> None:
        """Let `early` become `late` over the whole frame, in `early`: two frames heard in the time of one."""
        for i in range(count):
            early[i] = (early[i] * (count - i) + late[i] * i) // count

    def c_energy(self, pcm: MutableSequence[int], count: int) -> int:
        """Mean square of `count` samples."""
        total = 0
        for i in range(count):
            total += pcm[i] * pcm[i]
        return total // count

    def mix(self, sources: "list[tuple[array[int], int]]") -> "array[int]":
        """The sum of (samples, gain / 256) pairs of one length; for tests and short tools."""
        count = len(sources[0][0]) if sources else 0
        out = array("h", bytes(2 * count))
        self.c_clear(count)
        for pcm, gain in sources:
            self.c_add(pcm, count, gain)
        self.c_read(out, count)
        return out

    def crossfade(self, early: "array[int]", late: "array[int]") -> "array[int]":
        """`c_crossfade` into a new array."""
        out = early[:]
        self.c_crossfade(out, late, len(out))
        return out

    def energy(self, pcm: "array[int]") -> int:
        """`c_energy` of the whole array."""
        return self.c_energy(pcm, len(pcm))
