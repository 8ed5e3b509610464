# cython: infer_types=True, annotation_typing=False, wraparound=False, boundscheck=False
"""Packet loss concealment: the last pitch period goes on, and fades (after ITU-T G.711 Appendix I).

Unlike the appendix it delays nothing: the first lost sample follows the last good one at once, and the step
between them is spread over a quarter of a period.
"""

import math
from array import array
from collections.abc import MutableSequence


class Concealer:
    """Hears every frame of one stream in order, good or lost, and makes up the lost ones."""

    def __init__(self, rate: int) -> None:
        self.per_ms = rate // 1000
        self.fade_start = 10 * self.per_ms
        self.fade_end = 60 * self.per_ms
        # Pitch of 66 to 200 Hz, as the appendix has it.
        self.shortest = rate // 200
        self.longest = rate // 66
        # 20 ms to compare and the longest lag need 36 ms; a power of two lets the ring turn by a mask.
        self.size = 1 << math.ceil(math.log2(rate * 0.064))
        self.history = array("h", bytes(2 * self.size))
        self.write = 0
        self.cycle = array("h", bytes(2 * self.longest))
        self.period = self.shortest
        self.position = 0
        self.onset = 0
        self.lost = 0

    def c_good(self, buf: MutableSequence[int], o: int, count: int) -> None:
        """Take in `count` samples at `buf[o]`; after a loss their start is blended with what was made up."""
        if self.lost > 0:
            # The longer the loss, the less the two fit: 4 ms, and 4 more for each 10 ms lost, to 10 ms.
            blend = min(4 + self.lost * 4 // (10 * self.per_ms), 10) * self.per_ms
            blend = min(blend, count)
            for i in range(blend):
                made_up = self.c_next()
                buf[o + i] = made_up + (buf[o + i] - made_up) * (i + 1) // (blend + 1)
            self.lost = 0
        for i in range(count):
            self.history[self.write] = buf[o + i]
            self.write = (self.write + 1) & (self.size - 1)

    def c_conceal(self, dst: MutableSequence[int], d: int, count: int) -> bool:
        """Make up `count` samples at `dst[d]`; false once they are silence, 60 ms into the loss."""
        if self.lost == 0:
            self.c_prepare()
        audible = self.lost < self.fade_end
        for i in range(count):
            sample = self.c_next()
            dst[d + i] = sample
            self.history[self.write] = sample
            self.write = (self.write + 1) & (self.size - 1)
        return audible

    def c_reset(self) -> None:
        """Forget what was heard: the stream is another one from here."""
        for i in range(self.size):
            self.history[i] = 0
        self.lost = 0

    def c_past(self, age: int) -> int:
        """The sample `age` before the newest, which is 0."""
        return self.history[(self.write - 1 - age) & (self.size - 1)]

    def c_prepare(self) -> None:
        """Find the pitch and cut out its last period, its end bent so that it can follow itself."""
        period = self.c_pitch()
        quarter = period >> 2
        for i in range(period):
            sample = self.c_past(period - 1 - i)
            bend = i - (period - quarter)
            if bend >= 0:
                # What came a period earlier leads, sample by sample, into the period's start.
                before = self.c_past(2 * period - 1 - i)
                sample += (before - sample) * (bend + 1) // (quarter + 1)
            self.cycle[i] = sample
        self.period = period
        self.position = 0
        self.onset = self.c_past(0) - self.c_past(period)

    def c_pitch(self) -> int:
        """The lag at which the last 20 ms resemble what came before them most."""
        window = 20 * self.per_ms
        coarse = self.per_ms >> 2
        best = self.c_best(self.shortest, self.longest, coarse, window, coarse)
        low = max(best - coarse + 1, self.shortest)
        high = min(best + coarse - 1, self.longest)
        return self.c_best(low, high, 1, window, 1)

    def c_best(self, low: int, high: int, step: int, window: int, stride: int) -> int:
        """The lag of `low` to `high` with the best normalised correlation over every `stride`-th sample."""
        best = low
        best_score = -1.0
        lag = low
        while lag <= high:
            product = 0
            energy = 1
            i = 0
            while i < window:
                then = self.c_past(lag + i)
                product += self.c_past(i) * then
                energy += then * then
                i += stride
            score = product * 1.0 * product / energy if product > 0 else 0.0
            if score > best_score:
                best = lag
                best_score = score
            lag += step
        return best

    def c_next(self) -> int:
        """The next made-up sample of the loss."""
        sample = self.cycle[self.position] * 1
        self.position += 1
        if self.position == self.period:
            self.position = 0
        quarter = self.period >> 2
        if self.lost < quarter:
            sample += self.onset * (quarter - self.lost) // quarter
            sample = min(max(sample, -32768), 32767)
        if self.lost >= self.fade_end:
            sample = 0
        elif self.lost > self.fade_start:
            sample = sample * (self.fade_end - self.lost) // (self.fade_end - self.fade_start)
        # It stops counting where nothing changes any more.
        self.lost = min(self.lost + 1, self.fade_end)
        return sample

    def good(self, pcm: "array[int]") -> "array[int]":
        """A frame that came; as it is to be heard."""
        out = array("h", pcm)
        self.c_good(out, 0, len(out))
        return out

    def conceal(self, count: int) -> "array[int]":
        """A frame that did not come."""
        out = array("h", bytes(2 * count))
        self.c_conceal(out, 0, count)
        return out

    def reset(self) -> None:
        """Forget what was heard."""
        self.c_reset()
