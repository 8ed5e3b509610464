# cython: infer_types=True, annotation_typing=False, wraparound=False
"""One stream's coding: which of the core's codecs it uses, and the state that codec keeps."""

from array import array
from collections.abc import MutableSequence

from ringline.media.core.g711 import A_LAW, MU_LAW
from ringline.media.core.g722 import G722Decoder, G722Encoder
from ringline.media.core.kinds import Codec
from ringline.media.core.l16 import L16

PCMU = int(Codec.PCMU)
PCMA = int(Codec.PCMA)
G722 = int(Codec.G722)
LITTLE = int(Codec.L16_LITTLE)


class Coder:
    """Payloads to samples and back, for one codec in one direction at a time.

    `rate` is the sample rate, `clock` the RTP timestamp's, which for G.722 is half of it (RFC 3551 §4.5.2).
    """

    def __init__(self) -> None:
        self.mu_law = MU_LAW
        self.a_law = A_LAW
        self.l16 = L16()
        self.l16_little = L16(big_endian=False)
        self.g722_encoder = G722Encoder()
        self.g722_decoder = G722Decoder()
        self.codec = PCMU
        self.rate = 8000
        self.clock = 8000
        self.octets_per_unit = 1

    def c_set(self, codec: int, rate: int) -> None:
        """Choose a codec; `rate` counts for L16 only."""
        self.codec = codec
        self.octets_per_unit = 1
        self.clock = 8000
        self.rate = 8000
        if codec == G722:
            self.rate = 16000
        elif codec not in (PCMU, PCMA):
            self.rate = rate
            self.clock = rate
            self.octets_per_unit = 2

    def c_samples(self, octets: int) -> int:
        """How many samples a payload of that many octets holds."""
        if self.codec == G722:
            return octets * 2
        return octets // self.octets_per_unit

    def c_decode(
        self, src: MutableSequence[int], s: int, octets: int, dst: MutableSequence[int], d: int
    ) -> int:
        """Decode a payload; returns samples written."""
        if self.codec == PCMU:
            return self.mu_law.c_decode(src, s, octets, dst, d)
        if self.codec == PCMA:
            return self.a_law.c_decode(src, s, octets, dst, d)
        if self.codec == G722:
            return self.g722_decoder.c_decode(src, s, octets, dst, d)
        if self.codec == LITTLE:
            return self.l16_little.c_decode(src, s, octets & ~1, dst, d)
        return self.l16.c_decode(src, s, octets & ~1, dst, d)

    def c_encode(
        self, src: MutableSequence[int], s: int, samples: int, dst: MutableSequence[int], d: int
    ) -> int:
        """Encode samples, an even number for G.722; returns octets written."""
        if self.codec == PCMU:
            return self.mu_law.c_encode(src, s, samples, dst, d)
        if self.codec == PCMA:
            return self.a_law.c_encode(src, s, samples, dst, d)
        if self.codec == G722:
            return self.g722_encoder.c_encode(src, s, samples, dst, d)
        if self.codec == LITTLE:
            return self.l16_little.c_encode(src, s, samples, dst, d)
        return self.l16.c_encode(src, s, samples, dst, d)

    def choose(self, codec: int, rate: int = 8000) -> None:
        """`c_set` for Python."""
        self.c_set(codec, rate)

    def decode(self, payload: bytes) -> "array[int]":
        """Decode one payload into a new array."""
        out = array("h", bytes(2 * self.c_samples(len(payload))))
        if not out:
            return out
        return out[: self.c_decode(array("B", payload), 0, len(payload), out, 0)]

    def encode(self, pcm: "array[int]") -> bytes:
        """Encode samples; an odd last one is left out where the codec takes pairs."""
        if not len(pcm):
            return b""
        out = array("B", bytes(2 * len(pcm)))
        return out[: self.c_encode(pcm, 0, len(pcm), out, 0)].tobytes()
