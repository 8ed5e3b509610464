# cython: infer_types=True, annotation_typing=False, wraparound=False, boundscheck=False
"""G.722 at 64 kbit/s, mode 1 (ITU-T G.722): sub-band ADPCM of 16 kHz audio in one octet per two samples.

The names in capitals are the blocks of the recommendation's clauses 5 and 6. RTP counts it at 8000 Hz
(RFC 3551 §4.5.2), so 20 ms are 320 samples, 160 octets and 160 timestamp units.
"""

from array import array
from collections.abc import MutableSequence, Sequence

# Table 11/G.722, the halves of the QMF's 24 symmetric coefficients.
_QMF = (3, -11, 12, 32, -210, 951, 3876, -805, 362, -156, 53, -11)
# Table 14: decision levels of the 60-level quantizer, and the codes for negative and positive sides (QUANTL).
_Q6 = (
    0, 35, 72, 110, 150, 190, 233, 276, 323, 370, 422, 473, 530, 587, 650, 714,
    786, 858, 940, 1023, 1121, 1219, 1339, 1458, 1612, 1765, 1980, 2195, 2557, 2919,
)  # fmt: skip
_ILN = (0, 63, 62, *range(31, 3, -1))
_ILP = (0, *range(61, 31, -1))
# Inverse quantizers of 6, 4 and 2 bits (INVQBL, INVQAL, INVQAH).
_QM6 = (
    -136, -136, -136, -136, -24808, -21904, -19008, -16704, -14984, -13512, -12280, -11192, -10232, -9360,
    -8576, -7856, -7192, -6576, -6000, -5456, -4944, -4464, -4008, -3576, -3168, -2776, -2400, -2032, -1688,
    -1360, -1040, -728, 24808, 21904, 19008, 16704, 14984, 13512, 12280, 11192, 10232, 9360, 8576, 7856, 7192,
    6576, 6000, 5456, 4944, 4464, 4008, 3576, 3168, 2776, 2400, 2032, 1688, 1360, 1040, 728, 432, 136, -432,
    -136,
)  # fmt: skip
_QM4 = (
    0, -20456, -12896, -8968, -6288, -4240, -2584, -1200,
    20456, 12896, 8968, 6288, 4240, 2584, 1200, 0,
)  # fmt: skip
_QM2 = (-7408, -1616, 7408, 1616)
# Logarithmic step adaptation per code (LOGSCL, LOGSCH) and its antilogarithm (SCALEL, SCALEH).
_WL = (-60, 3042, 1198, 538, 334, 172, 58, -30, 3042, 1198, 538, 334, 172, 58, -30, -60)
_WH = (798, -214, 798, -214)
_ILB = tuple(round(2048 * 2 ** (i / 32)) for i in range(32))


class Band:
    """The adaptive quantizer step and predictor of one sub-band."""

    def __init__(self, step: int, limit: int, shift: int) -> None:
        self.step = step  # DET
        self.log_step = 0  # NB
        self.log_limit = limit
        self.shift = shift
        self.estimate = 0  # S
        self.zeros = 0  # SZ, the zero section's part of S
        self.a1 = 0
        self.a2 = 0
        self.r1 = 0
        self.r2 = 0
        self.p1 = 0
        self.p2 = 0
        self.b = array("i", bytes(24))
        self.d = array("i", bytes(24))
        self.antilog = _table(_ILB)

    def c_scale(self, weight: int) -> None:
        """Adapt the quantizer's step (LOGSCL and SCALEL, or LOGSCH and SCALEH)."""
        log_step = (self.log_step * 127 >> 7) + weight
        log_step = min(max(log_step, 0), self.log_limit)
        shift = self.shift - (log_step >> 11)
        mantissa = self.antilog[log_step >> 6 & 31]
        self.step = (mantissa << -shift if shift < 0 else mantissa >> shift) << 2
        self.log_step = log_step

    def c_adapt(self, difference: int) -> None:
        """Take in the quantized difference and predict the next sample (clause 3.6)."""
        reconstructed = _clip(self.estimate + difference)  # RECONS
        partial = _clip(self.zeros + difference)  # PARREC
        same1 = (partial < 0) == (self.p1 < 0)
        same2 = (partial < 0) == (self.p2 < 0)

        slope = _clip(self.a1 * 4)  # UPPOL2
        slope = min(-slope, 32767) if same1 else slope
        a2 = (128 if same2 else -128) + (slope >> 7) + (self.a2 * 32512 >> 15)
        a2 = min(max(a2, -12288), 12288)
        bound = 15360 - a2  # UPPOL1
        a1 = (192 if same1 else -192) + (self.a1 * 32640 >> 15)
        a1 = min(max(a1, -bound), bound)

        step = 0 if difference == 0 else 128  # UPZERO
        zeros = 0
        newer = difference
        for i in range(6):
            old = self.d[i]
            same = (old < 0) == (difference < 0)
            weight = (step if same else -step) + (self.b[i] * 32640 >> 15)
            self.b[i] = weight
            self.d[i] = newer
            zeros += weight * _clip(newer * 2) >> 15  # FILTEZ
            newer = old

        self.zeros = _clip(zeros)
        poles = (a1 * _clip(reconstructed * 2) >> 15) + (a2 * _clip(self.r1 * 2) >> 15)  # FILTEP
        self.estimate = _clip(_clip(poles) + self.zeros)  # PREDIC
        self.a1 = a1
        self.a2 = a2
        self.r2 = self.r1
        self.r1 = reconstructed
        self.p2 = self.p1
        self.p1 = partial


def _table(values: Sequence[int]) -> "array[int]":
    return array("i", values)


def _clip(value: int) -> int:
    # Written out: interpreted, `min` and `max` would be a third of all the time.
    if value > 32767:
        return 32767
    if value < -32768:
        return -32768
    return value


def _low_band() -> Band:
    return Band(32, 18432, 8)


def _high_band() -> Band:
    return Band(8, 22528, 10)


class G722Encoder:
    """16 kHz samples to octets; one per direction of a leg."""

    def __init__(self) -> None:
        self.low = _low_band()
        self.high = _high_band()
        self.history = array("i", bytes(96))
        self.qmf = _table(_QMF)
        self.levels = _table(_Q6)
        self.code_negative = _table(_ILN)
        self.code_positive = _table(_ILP)
        self.qm4 = _table(_QM4)
        self.qm2 = _table(_QM2)
        self.wl = _table(_WL)
        self.wh = _table(_WH)

    def c_encode(
        self, src: MutableSequence[int], s: int, count: int, dst: MutableSequence[int], d: int
    ) -> int:
        """Encode `count` samples at `src[s]` (not an odd last one); returns octets written at `dst[d]`."""
        pairs = count >> 1
        for i in range(pairs):
            dst[d + i] = self.c_pair(src[s + 2 * i], src[s + 2 * i + 1])
        return pairs

    def c_pair(self, first: int, second: int) -> int:
        """Encode two samples into one octet."""
        even = 0
        odd = 0
        for i in range(22):
            self.history[i] = self.history[i + 2]
        self.history[22] = first
        self.history[23] = second
        for i in range(12):
            odd += self.history[2 * i] * self.qmf[i]
            even += self.history[2 * i + 1] * self.qmf[11 - i]

        difference = _clip((even + odd >> 14) - self.low.estimate)
        magnitude = difference if difference >= 0 else ~difference
        level = 1
        while level < 30 and magnitude >= self.levels[level] * self.low.step >> 12:
            level += 1
        code = self.code_negative[level] if difference < 0 else self.code_positive[level]
        coarse = code >> 2
        difference = self.low.step * self.qm4[coarse] >> 15
        self.low.c_scale(self.wl[coarse])
        self.low.c_adapt(difference)

        difference = _clip((even - odd >> 14) - self.high.estimate)
        magnitude = difference if difference >= 0 else ~difference
        outer = magnitude >= 564 * self.high.step >> 12
        high_code = (0 if outer else 1) if difference < 0 else (2 if outer else 3)
        difference = self.high.step * self.qm2[high_code] >> 15
        self.high.c_scale(self.wh[high_code])
        self.high.c_adapt(difference)
        return high_code << 6 | code

    def encode(self, pcm: "array[int]") -> bytes:
        """16 kHz int16 samples to octets."""
        out = bytearray(len(pcm) // 2)
        self.c_encode(pcm, 0, len(pcm), out, 0)
        return bytes(out)


class G722Decoder:
    """Octets to 16 kHz samples; one per direction of a leg."""

    def __init__(self) -> None:
        self.low = _low_band()
        self.high = _high_band()
        self.history = array("i", bytes(96))
        self.qmf = _table(_QMF)
        self.qm6 = _table(_QM6)
        self.qm4 = _table(_QM4)
        self.qm2 = _table(_QM2)
        self.wl = _table(_WL)
        self.wh = _table(_WH)

    def c_decode(
        self, src: MutableSequence[int], s: int, count: int, dst: MutableSequence[int], d: int
    ) -> int:
        """Decode `count` octets at `src[s]`; returns samples written at `dst[d]`: twice as many."""
        for i in range(count):
            self.c_octet(src[s + i])
            odd = 0
            even = 0
            for j in range(12):
                odd += self.history[2 * j] * self.qmf[j]
                even += self.history[2 * j + 1] * self.qmf[11 - j]
            dst[d + 2 * i] = _clip(even >> 11)
            dst[d + 2 * i + 1] = _clip(odd >> 11)
        return 2 * count

    def c_octet(self, octet: int) -> None:
        """Decode one octet's two sub-band samples into the receive QMF's history."""
        code = octet & 63
        low_sample = self.low.estimate + (self.low.step * self.qm6[code] >> 15)
        low_sample = min(max(low_sample, -16384), 16383)
        coarse = code >> 2
        difference = self.low.step * self.qm4[coarse] >> 15
        self.low.c_scale(self.wl[coarse])
        self.low.c_adapt(difference)

        code = octet >> 6
        difference = self.high.step * self.qm2[code] >> 15
        high_sample = self.high.estimate + difference
        high_sample = min(max(high_sample, -16384), 16383)
        self.high.c_scale(self.wh[code])
        self.high.c_adapt(difference)

        for i in range(22):
            self.history[i] = self.history[i + 2]
        self.history[22] = low_sample + high_sample
        self.history[23] = low_sample - high_sample

    def decode(self, data: bytes) -> "array[int]":
        """Octets to 16 kHz int16 samples."""
        out = array("h", bytes(4 * len(data)))
        self.c_decode(bytearray(data), 0, len(data), out, 0)
        return out
