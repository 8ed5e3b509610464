# cython: infer_types=True, annotation_typing=False, wraparound=False, boundscheck=False
"""Linear 16-bit audio: network order as RFC 3551 §4.5.11 says, little-endian for the apps that want it."""

from array import array
from collections.abc import MutableSequence
from typing import Final


class L16:
    """Octet pairs to samples and back; shared by all legs."""

    def __init__(self, *, big_endian: bool = True) -> None:
        self.high = 0 if big_endian else 1

    def c_decode(
        self, src: MutableSequence[int], s: int, count: int, dst: MutableSequence[int], d: int
    ) -> int:
        """Read `count` octets at `src[s]` (not an odd last one); returns samples written at `dst[d]`."""
        samples = count >> 1
        for i in range(samples):
            value = (src[s + 2 * i + self.high] << 8) | src[s + 2 * i + 1 - self.high]
            dst[d + i] = value - 65536 if value > 32767 else value
        return samples

    def c_encode(
        self, src: MutableSequence[int], s: int, count: int, dst: MutableSequence[int], d: int
    ) -> int:
        """Write `count` samples at `src[s]` as octets at `dst[d]`; returns octets written."""
        for i in range(count):
            value = src[s + i] & 65535
            dst[d + 2 * i + self.high] = value >> 8
            dst[d + 2 * i + 1 - self.high] = value & 255
        return 2 * count

    def decode(self, data: bytes) -> "array[int]":
        """Octets to int16 samples."""
        out = array("h", bytes(len(data) & ~1))
        self.c_decode(bytearray(data), 0, len(data), out, 0)
        return out

    def encode(self, pcm: "array[int]") -> bytes:
        """int16 samples to octets."""
        out = bytearray(2 * len(pcm))
        self.c_encode(pcm, 0, len(pcm), out, 0)
        return bytes(out)


NETWORK_ORDER: Final = L16()
LITTLE_ENDIAN: Final = L16(big_endian=False)
