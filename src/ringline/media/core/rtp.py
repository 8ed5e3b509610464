# cython: infer_types=True, annotation_typing=False, wraparound=False
"""RTP packets (RFC 3550 §5.1): a value for Python, and a header reader and writer for the media thread.

Both read with the same code, so what one refuses the other refuses too.
"""

from array import array
from collections.abc import MutableSequence
from dataclasses import dataclass

from ringline.core.errors import ProtocolError

HEADER_SIZE = 12

_REASONS = {
    -1: "shorter than the fixed header of 12 octets",
    -2: "not RTP version 2",
    -3: "ends inside the CSRC list",
    -4: "ends inside the header extension",
    -5: "padding count is zero or longer than what follows the header",
    -6: "payload type 72 to 76 is RTCP (RFC 5761 §4)",
}


class RtpError(ProtocolError):
    """Octets that are no RTP packet."""


@dataclass(frozen=True, slots=True)
class RtpPacket:
    """One RTP packet.

    `timestamp` counts in the payload's clock (8000 Hz for G.722 too, RFC 3551 §4.5.2); `padding` counts
    octets at the end, the last of which holds the count; `extension` is the profile's 16 bits and whole
    32-bit words.
    """

    payload_type: int
    sequence: int
    timestamp: int
    ssrc: int
    payload: bytes
    marker: bool = False
    csrcs: tuple[int, ...] = ()
    extension: tuple[int, bytes] | None = None
    padding: int = 0


class Header:
    """The fields of the packet read last."""

    def __init__(self) -> None:
        self.payload_type = 0
        self.marker = 0
        self.sequence = 0
        self.timestamp = 0
        self.ssrc = 0
        self.payload = 0
        self.padding = 0
        self.extension = 0
        self.csrcs = 0

    def c_u16(self, data: MutableSequence[int], at: int) -> int:
        """Two octets in network order."""
        value = data[at]
        return value << 8 | data[at + 1]

    def c_u32(self, data: MutableSequence[int], at: int) -> int:
        """Four octets in network order."""
        value = self.c_u16(data, at)
        return value << 16 | self.c_u16(data, at + 2)

    def c_parse(self, data: MutableSequence[int], start: int, length: int) -> int:
        """Read the packet of `length` octets at `start`; returns the payload's length, or a reason below
        zero.

        `payload` is then the index of its first octet.
        """
        if length < 12:
            return -1
        first = data[start]
        if first >> 6 != 2:
            return -2
        self.marker = data[start + 1] >> 7
        self.payload_type = data[start + 1] & 127
        if 72 <= self.payload_type <= 76:
            return -6
        self.sequence = self.c_u16(data, start + 2)
        self.timestamp = self.c_u32(data, start + 4)
        self.ssrc = self.c_u32(data, start + 8)
        self.csrcs = first & 15
        offset = 12 + 4 * self.csrcs
        if length < offset:
            return -3
        self.extension = 0
        if first & 16:
            if length < offset + 4:
                return -4
            self.extension = offset
            offset += 4 + 4 * self.c_u16(data, start + offset + 2)
            if length < offset:
                return -4
        self.padding = 0
        if first & 32:
            self.padding = data[start + length - 1]
            if length == offset or self.padding == 0 or self.padding > length - offset:
                return -5
        self.payload = start + offset
        return length - offset - self.padding

    def c_write(
        self,
        data: MutableSequence[int],
        at: int,
        payload_type: int,
        marker: int,
        sequence: int,
        timestamp: int,
        ssrc: int,
    ) -> int:
        """Write a fixed header without CSRCs at `at`; returns its 12 octets' end."""
        data[at] = 128
        data[at + 1] = (payload_type & 127) | (128 if marker else 0)
        data[at + 2] = sequence >> 8 & 255
        data[at + 3] = sequence & 255
        for i in range(4):
            data[at + 4 + i] = timestamp >> (24 - 8 * i) & 255
            data[at + 8 + i] = ssrc >> (24 - 8 * i) & 255
        return at + 12

    def parse(self, data: bytes) -> RtpPacket:
        """`c_parse` of a whole datagram as a value; raises `RtpError`."""
        octets = array("B", data)
        length = self.c_parse(octets, 0, len(octets)) if octets else -1
        if length < 0:
            raise RtpError(f"{len(data)} octets: {_REASONS[length]}")
        extension = None
        if self.extension:
            profile = self.c_u16(octets, self.extension)
            extension = (profile, bytes(data[self.extension + 4 : self.payload]))
        return RtpPacket(
            payload_type=self.payload_type,
            sequence=self.sequence,
            timestamp=self.timestamp,
            ssrc=self.ssrc,
            payload=bytes(data[self.payload : self.payload + length]),
            marker=self.marker != 0,
            csrcs=tuple([self.c_u32(octets, 12 + 4 * i) for i in range(self.csrcs)]),
            extension=extension,
            padding=self.padding,
        )

    def serialize(self, packet: RtpPacket) -> bytes:
        """The inverse of `parse`; padding octets before the count are zero."""
        fixed = array("B", bytes(12))
        self.c_write(
            fixed, 0, packet.payload_type, packet.marker, packet.sequence, packet.timestamp, packet.ssrc
        )
        fixed[0] |= len(packet.csrcs) | (16 if packet.extension else 0) | (32 if packet.padding else 0)
        parts = [fixed.tobytes(), *[csrc.to_bytes(4) for csrc in packet.csrcs]]
        if packet.extension:
            profile, words = packet.extension
            parts += [profile.to_bytes(2), (len(words) // 4).to_bytes(2), words]
        parts.append(packet.payload)
        if packet.padding:
            parts.append(bytes(packet.padding - 1) + bytes([packet.padding]))
        return b"".join(parts)


def parse(data: bytes) -> RtpPacket:
    """Read one packet; raises `RtpError` naming what is wrong, never anything else."""
    return Header().parse(data)


def serialize(packet: RtpPacket) -> bytes:
    """Write one packet."""
    return Header().serialize(packet)
