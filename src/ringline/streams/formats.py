"""Which encoding and rate a stream has in each direction (spec media-streaming §1, §3.2, §5.1)."""

from dataclasses import dataclass

from ringline.streams.frames import InvalidMedia, MediaFormat
from ringline.streams.request import StreamRequest

TRANSCODABLE = frozenset({"PCMU", "PCMA", "G722", "L16"})
"""Encodings the media plane makes out of any other."""

_DECLARED_RATE = {"PCMU": 8000, "PCMA": 8000, "G722": 8000, "OPUS": 16000, "AMR-WB": 16000}
"""What `media_format.sample_rate` says; G.722 names its RTP clock (RFC 3551 §4.5.2), not its 16 kHz."""

L16_RATE = 16000
"""The rate of L16 that we send unless the leg itself speaks L16."""

L16_RATES = frozenset({8000, 16000, 22050, 24000, 48000})


@dataclass(frozen=True, slots=True)
class Audio:
    """One direction's encoding; `rate` is L16's samples a second, or the codec's RTP clock."""

    codec: str
    rate: int

    @property
    def bytes_per_second(self) -> int:
        """64 kbit/s for the companded codecs and G.722, two bytes a sample for L16."""
        return 2 * self.rate if self.codec == "L16" else 8000

    def declared(self) -> MediaFormat:
        """As `start.media_format` states it."""
        return MediaFormat(self.codec, self.rate)


def to_app(request: StreamRequest, leg_codec: str, leg_rate: int) -> Audio:
    """Choose the encoding of the frames we send.

    What was asked for if the plane can make it, otherwise the leg's own codec.
    """
    codec = request.codec if request.codec in TRANSCODABLE else leg_codec
    if codec == "L16":
        return Audio(codec, leg_rate if leg_codec == "L16" else L16_RATE)
    return Audio(codec, _DECLARED_RATE.get(codec, leg_rate))


def from_app(request: StreamRequest) -> Audio:
    """Choose how `rtp` payloads of the app are read; the rate counts for L16 only.

    Raises `InvalidMedia` for an encoding that this server cannot decode.
    """
    codec = request.bidirectional_codec
    if codec not in TRANSCODABLE:
        raise InvalidMedia(f"this server cannot decode {codec}; use one of {', '.join(sorted(TRANSCODABLE))}")
    if codec != "L16":
        return Audio(codec, 8000)
    if request.bidirectional_rate not in L16_RATES:
        raise InvalidMedia(f"L16 at {request.bidirectional_rate} Hz is not one of {sorted(L16_RATES)}")
    return Audio(codec, request.bidirectional_rate)
