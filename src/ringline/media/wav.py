"""The header of a WAV file: RIFF with one `fmt ` and one `data` chunk, 16-bit linear.

All numbers are little-endian. Forty-four bytes, the same for every length, so a recording can be written with
its header first and the two lengths filled in as it grows.
"""

import struct
from dataclasses import dataclass
from typing import Final

from ringline.core.errors import ProtocolError

HEADER: Final = struct.Struct("<4sI4s4sIHHIIHH4sI")
MAX_DATA: Final = 0xFFFFFFFF - HEADER.size
_LINEAR: Final = 1


@dataclass(frozen=True, slots=True)
class WavHeader:
    """What the forty-four bytes say; `data` is the audio's length in bytes."""

    channels: int
    rate: int
    data: int

    @property
    def frame(self) -> int:
        """Bytes of one sample of all channels."""
        return 2 * self.channels


def parse(data: bytes) -> WavHeader:
    """Read a header that `serialize` wrote; raises `ProtocolError` for any other form."""
    if len(data) < HEADER.size:
        raise ProtocolError(f"{len(data)} bytes are shorter than a WAV header")
    riff, _, wave, fmt, fmt_size, tag, channels, rate, _, _, bits, chunk, size = HEADER.unpack_from(data)
    if (riff, wave, fmt, chunk) != (b"RIFF", b"WAVE", b"fmt ", b"data"):
        raise ProtocolError("not a WAV header of one fmt and one data chunk")
    if (fmt_size, tag, bits) != (16, _LINEAR, 16) or channels not in {1, 2} or rate == 0:
        raise ProtocolError(f"WAV of format {tag}, {bits} bits, {channels} channels, {rate} Hz")
    return WavHeader(channels, rate, size)


def serialize(header: WavHeader) -> bytes:
    """The forty-four bytes; a length beyond what they can say becomes the largest."""
    size = min(header.data, MAX_DATA)
    return HEADER.pack(
        b"RIFF",
        size + HEADER.size - 8,
        b"WAVE",
        b"fmt ",
        16,
        _LINEAR,
        header.channels,
        header.rate,
        header.rate * header.frame,
        header.frame,
        16,
        b"data",
        size,
    )
