# cython: infer_types=True, annotation_typing=False, wraparound=False, boundscheck=False
"""Base64 as RFC 4648 §4 has it: padded, no line breaks, nothing that is not of the alphabet."""

from array import array
from collections.abc import MutableSequence, Sequence
from typing import Final

ALPHABET: Final = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
PAD = ord("=")


class Base64:
    """The two tables. Has no state between calls, so all taps and inlets share one instance."""

    def __init__(self) -> None:
        self.letters = array("B", ALPHABET)
        self.values = array("h", [-1]) * 256
        for value, letter in enumerate(ALPHABET):
            self.values[letter] = value

    def c_encode(
        self, src: MutableSequence[int], s: int, count: int, dst: MutableSequence[int], d: int
    ) -> int:
        """Write `count` octets at `src[s]` as letters at `dst[d]`; returns letters written."""
        whole = count // 3
        for i in range(whole):
            at = s + 3 * i
            to = d + 4 * i
            word = src[at] << 16 | src[at + 1] << 8 | src[at + 2]
            dst[to] = self.letters[word >> 18]
            dst[to + 1] = self.letters[word >> 12 & 63]
            dst[to + 2] = self.letters[word >> 6 & 63]
            dst[to + 3] = self.letters[word & 63]
        rest = count - 3 * whole
        if not rest:
            return 4 * whole
        at = s + 3 * whole
        to = d + 4 * whole
        word = src[at] << 16
        if rest == 2:
            word |= src[at + 1] << 8
        dst[to] = self.letters[word >> 18]
        dst[to + 1] = self.letters[word >> 12 & 63]
        dst[to + 2] = self.letters[word >> 6 & 63] if rest == 2 else PAD
        dst[to + 3] = PAD
        return 4 * whole + 4

    def c_decode(self, src: Sequence[int], s: int, count: int, dst: MutableSequence[int], d: int) -> int:
        """Read `count` letters at `src[s]` into octets at `dst[d]`; octets written, −1 for anything else."""
        if count & 3:
            return -1
        if not count:
            return 0
        padding = 0
        if src[s + count - 1] == PAD:
            padding = 2 if src[s + count - 2] == PAD else 1
        octets = count // 4 * 3 - padding
        whole = count // 4 - (1 if padding else 0)
        for i in range(whole):
            at = s + 4 * i
            to = d + 3 * i
            word = (
                self.values[src[at]] << 18
                | self.values[src[at + 1]] << 12
                | self.values[src[at + 2]] << 6
                | self.values[src[at + 3]]
            )
            # A letter outside the alphabet is −1, and so is then the whole word's sign.
            if word < 0:
                return -1
            dst[to] = word >> 16
            dst[to + 1] = word >> 8 & 255
            dst[to + 2] = word & 255
        if not padding:
            return octets
        at = s + 4 * whole
        to = d + 3 * whole
        word = self.values[src[at]] << 18 | self.values[src[at + 1]] << 12
        if padding == 1:
            word |= self.values[src[at + 2]] << 6
        if word < 0:
            return -1
        dst[to] = word >> 16
        if padding == 1:
            dst[to + 1] = word >> 8 & 255
        return octets

    def encode(self, data: bytes) -> bytes:
        """Octets to letters."""
        out = array("B", bytes((len(data) + 2) // 3 * 4))
        return out[: self.c_encode(array("B", data), 0, len(data), out, 0)].tobytes()

    def decode(self, letters: bytes) -> bytes | None:
        """Letters to octets; None for what is no base64."""
        out = array("B", bytes(len(letters) // 4 * 3 + 3))
        size = self.c_decode(array("B", letters), 0, len(letters), out, 0)
        return None if size < 0 else out[:size].tobytes()


BASE64: Final = Base64()
