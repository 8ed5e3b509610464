# cython: infer_types=True, annotation_typing=False, wraparound=False, boundscheck=False
"""G.711 µ-law and A-law by table (ITU-T G.711, tables 1 and 2).

The tables are small, 512 octets to samples and 4 KB back: one of all 65536 samples would cost more in the
cache than the few operations it saves. Compiled, the types stand in `g711.pxd`; interpreted, this is ordinary
Python.
"""

from array import array
from collections.abc import MutableSequence
from typing import Final

MU_LAW_SILENCE: Final = 0xFF
A_LAW_SILENCE: Final = 0xD5


class G711:
    """One law's two tables. Has no state between calls, so all legs share one instance."""

    def __init__(
        self, decode_table: "array[int]", encode_table: bytearray, bias: int, shift: int, below: int
    ) -> None:
        """`encode_table` has the codes of samples from 0 by their (sample + `bias`) >> `shift`; those of
        samples under 0 differ in the highest bit, where −1 counts as `below`.
        """
        self.decode_table = decode_table
        self.encode_table = encode_table
        self.bias = bias
        self.shift = shift
        self.below = below

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
            sample = src[s + i]
            if sample >= 0:
                dst[d + i] = self.encode_table[(sample + self.bias) >> self.shift]
            else:
                dst[d + i] = self.encode_table[(self.below - 1 - sample + self.bias) >> self.shift] ^ 0x80
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
    encode = bytearray(4113)
    for step in range(len(encode)):
        # 132 is the bias 33 of the 14-bit law in 16-bit samples; 32635 is the largest that fits segment 8.
        magnitude = min(step << 3, 32635 + 132)
        segment = max(magnitude.bit_length() - 8, 0)
        encode[step] = ~((segment << 4) | (magnitude >> (segment + 3) & 15)) & 0xFF
    return G711(decode, encode, bias=132, shift=3, below=1)


def _a_law() -> G711:
    decode = array("h", bytes(512))
    for code in range(256):
        plain = code ^ 0x55
        segment = plain >> 4 & 7
        step = (plain & 15) << 4
        magnitude = step + 8 if segment == 0 else (step + 264) << (segment - 1)
        decode[code] = magnitude if plain & 0x80 else -magnitude
    encode = bytearray(2048)
    for magnitude in range(len(encode)):
        segment = max(magnitude.bit_length() - 4, 1)
        code = magnitude if magnitude < 32 else (segment << 4) | (magnitude >> (segment - 1) & 15)
        encode[magnitude] = code ^ 0xD5
    # A-law has no zero: −1 lies as far below it as 0 above, hence the ones' complement.
    return G711(decode, encode, bias=0, shift=4, below=0)


MU_LAW: Final = _mu_law()
A_LAW: Final = _a_law()
