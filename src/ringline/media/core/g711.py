# cython: infer_types=True, annotation_typing=False, wraparound=False
"""G.711 µ-law and A-law by table (ITU-T G.711, tables 1 and 2).

Compiled, the types stand in `g711.pxd`; interpreted, this is ordinary Python.
"""

from array import array
from collections.abc import MutableSequence
from typing import Final

MU_LAW_SILENCE: Final = 0xFF
A_LAW_SILENCE: Final = 0xD5


class G711:
    """One law's two tables. Has no state between calls, so all legs share one instance."""

    def __init__(self, decode_table: "array[int]", encode_table: bytearray) -> None:
        self.decode_table = decode_table
        self.encode_table = encode_table

    def c_decode(
        self, src: MutableSequence[int], s: int, count: int, dst: MutableSequence[int], d: int
    ) -> int:
        """Expand `count` octets at `src[s]` to as many samples at `dst[d]`; returns samples written."""
        for i in range(count):
            dst[d + i] = self.decode_table[src[s + i]]
        return count

    def c_encode(
        self, src: MutableSequence[int], s: int, count: int, dst: MutableSequence[int], d: int
    ) -> int:
        """Compress `count` samples at `src[s]` to as many octets at `dst[d]`; returns octets written."""
        for i in range(count):
            dst[d + i] = self.encode_table[src[s + i] & 65535]
        return count

    def decode(self, data: bytes) -> "array[int]":
        """Octets to int16 samples."""
        out = array("h", bytes(2 * len(data)))
        self.c_decode(bytearray(data), 0, len(data), out, 0)
        return out

    def encode(self, pcm: "array[int]") -> bytes:
        """int16 samples to octets."""
        out = bytearray(len(pcm))
        self.c_encode(pcm, 0, len(pcm), out, 0)
        return bytes(out)


def _mu_law() -> G711:
    decode = array("h", bytes(512))
    for code in range(256):
        inverted = ~code & 0xFF
        magnitude = ((((inverted & 15) << 3) + 132) << (inverted >> 4 & 7)) - 132
        decode[code] = -magnitude if inverted & 0x80 else magnitude
    encode = bytearray(65536)
    for sample in range(-32768, 32768):
        # 132 is the bias 33 of the 14-bit law in 16-bit samples; 32635 is the largest that fits segment 8.
        magnitude = min(abs(sample), 32635) + 132
        segment = magnitude.bit_length() - 8
        code = (segment << 4) | ((magnitude >> (segment + 3)) & 15)
        encode[sample & 65535] = ~(code | (0x80 if sample < 0 else 0)) & 0xFF
    return G711(decode, encode)


def _a_law() -> G711:
    decode = array("h", bytes(512))
    for code in range(256):
        plain = code ^ 0x55
        segment = plain >> 4 & 7
        step = (plain & 15) << 4
        magnitude = step + 8 if segment == 0 else (step + 264) << (segment - 1)
        decode[code] = magnitude if plain & 0x80 else -magnitude
    encode = bytearray(65536)
    for sample in range(-32768, 32768):
        # A-law has no zero: −1 lies as far below it as 0 above, hence the ones' complement.
        magnitude = (sample if sample >= 0 else ~sample) >> 4
        segment = max(magnitude.bit_length() - 4, 1)
        code = magnitude if magnitude < 32 else (segment << 4) | (magnitude >> (segment - 1) & 15)
        encode[sample & 65535] = (code | (0x80 if sample >= 0 else 0)) ^ 0x55
    return G711(decode, encode)


MU_LAW: Final = _mu_law()
A_LAW: Final = _a_law()
