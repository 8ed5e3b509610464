"""The codecs a leg or a stream may use: what SDP calls them and how much 20 ms of each weighs."""

from dataclasses import dataclass
from typing import Final

PTIME_MS: Final = 20


@dataclass(frozen=True, slots=True)
class Codec:
    """One codec at one rate, mono.

    `payload_type` is the static one of RFC 3551 table 4, or None: then SDP agrees on one of 96–127.
    `clock_rate` counts RTP timestamps, `sample_rate` the audio inside; they differ for G.722 (§4.5.2 there).
    `octets` is what one 20 ms packet carries; 0 where it varies.
    """

    name: str
    payload_type: int | None
    clock_rate: int
    sample_rate: int
    octets: int

    @property
    def samples(self) -> int:
        """Samples in 20 ms."""
        return self.sample_rate * PTIME_MS // 1000

    @property
    def timestamp_units(self) -> int:
        """What 20 ms add to the RTP timestamp."""
        return self.clock_rate * PTIME_MS // 1000

    @property
    def rtpmap(self) -> str:
        """The encoding and clock of SDP's `a=rtpmap` (RFC 8866 §6.6)."""
        return f"{self.name}/{self.clock_rate}"


def l16(rate: int) -> Codec:
    """Linear audio at any rate, as streams use it."""
    return Codec("L16", None, rate, rate, rate * 2 * PTIME_MS // 1000)


PCMU: Final = Codec("PCMU", 0, 8000, 8000, 160)
PCMA: Final = Codec("PCMA", 8, 8000, 8000, 160)
G722: Final = Codec("G722", 9, 8000, 16000, 160)
L16: Final = l16(16000)

CODECS: Final = (PCMU, PCMA, G722, L16)
"""What this machine can encode and decode, best known first."""


def named(name: str, clock_rate: int | None = None) -> Codec | None:
    """The codec SDP calls `name` (any case, RFC 4855 §3), at `clock_rate` if that is given."""
    for codec in CODECS:
        if codec.name.casefold() == name.casefold() and clock_rate in {None, codec.clock_rate}:
            return codec
    return None


def static(payload_type: int) -> Codec | None:
    """The codec of a payload type that needs no rtpmap."""
    return next((codec for codec in CODECS if codec.payload_type == payload_type), None)
