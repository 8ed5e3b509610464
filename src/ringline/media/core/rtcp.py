# cython: infer_types=True, annotation_typing=False, wraparound=False
"""RTCP: sender and receiver reports, source descriptions, goodbyes (RFC 3550 §6).

The values and `parse` / `serialize` know the whole protocol; `RtcpSession` is the part that a call needs,
without Python objects, for the media thread.
"""

from collections.abc import MutableSequence, Sequence
from dataclasses import dataclass
from typing import Final

from ringline.core.errors import ProtocolError
from ringline.media.core.quality import ReceptionStats

SENDER_REPORT: Final = 200
RECEIVER_REPORT: Final = 201
SOURCE_DESCRIPTION: Final = 202
GOODBYE: Final = 203
CNAME: Final = 1

# The packet types again, as C integers for the media thread (typed in the .pxd).
_SR = SENDER_REPORT
_RR = RECEIVER_REPORT
_SDES = SOURCE_DESCRIPTION
_BYE = GOODBYE
_CNAME = CNAME

MAX_SIZE: Final = 160
"""Room that `RtcpSession.c_report` needs at most."""


@dataclass(frozen=True, slots=True)
class ReportBlock:
    """What a receiver says of one source (RFC 3550 §6.4.1).

    `fraction_lost` in 256ths since the last report, `lost` in all (−2²³ to 2²³ − 1), `highest` the extended
    sequence number, `jitter` in timestamp units, `last_report` and `delay` in 1/65536 s.
    """

    ssrc: int
    fraction_lost: int
    lost: int
    highest: int
    jitter: int
    last_report: int
    delay: int


@dataclass(frozen=True, slots=True)
class SenderReport:
    """A sender's clock and counts, and its blocks on what it hears; `ntp` is 32.32 fixed point."""

    ssrc: int
    ntp: int
    timestamp: int
    packets: int
    octets: int
    blocks: tuple[ReportBlock, ...] = ()


@dataclass(frozen=True, slots=True)
class ReceiverReport:
    """The blocks of one who does not send."""

    ssrc: int
    blocks: tuple[ReportBlock, ...] = ()


@dataclass(frozen=True, slots=True)
class SourceDescription:
    """Items of sources: (SSRC, item type, text) in order (RFC 3550 §6.5)."""

    items: tuple[tuple[int, int, bytes], ...]


@dataclass(frozen=True, slots=True)
class Goodbye:
    """Sources that leave, with the reason if one is given."""

    ssrcs: tuple[int, ...]
    reason: bytes = b""


@dataclass(frozen=True, slots=True)
class Other:
    """A packet of a type this module does not read: its count field and what follows the first word."""

    packet_type: int
    count: int
    body: bytes


Packet = SenderReport | ReceiverReport | SourceDescription | Goodbye | Other


def parse(data: bytes) -> list[Packet]:
    """Read a compound packet; raises `ProtocolError`, also where it is empty."""
    packets: list[Packet] = []
    at = 0
    while at < len(data):
        if len(data) - at < 4:
            raise ProtocolError(f"{len(data) - at} bytes are shorter than an RTCP header")
        first, packet_type = data[at], data[at + 1]
        if first >> 6 != 2:
            raise ProtocolError(f"RTCP version {first >> 6} is not 2")
        end = at + 4 + 4 * int.from_bytes(data[at + 2 : at + 4])
        if end > len(data):
            raise ProtocolError(f"an RTCP packet of {end - at} bytes in {len(data) - at}")
        body = data[at + 4 : end]
        if first & 0x20:
            if end != len(data) or not body or not 0 < body[len(body) - 1] <= len(body):
                raise ProtocolError("RTCP padding that is not at the end or longer than its packet")
            body = body[: len(body) - body[len(body) - 1]]
        packets.append(_parse_body(packet_type, first & 31, body))
        at = end
    if not packets:
        raise ProtocolError("an empty RTCP packet")
    return packets


def _parse_body(packet_type: int, count: int, body: bytes) -> Packet:
    if packet_type == SENDER_REPORT:
        _require(body, 24 + 24 * count)
        words = [int.from_bytes(body[i : i + 4]) for i in range(0, 24, 4)]
        ntp = words[1] << 32 | words[2]
        return SenderReport(words[0], ntp, words[3], words[4], words[5], _blocks(body[24:], count))
    if packet_type == RECEIVER_REPORT:
        _require(body, 4 + 24 * count)
        return ReceiverReport(int.from_bytes(body[:4]), _blocks(body[4:], count))
    if packet_type == SOURCE_DESCRIPTION:
        return SourceDescription(_items(body, count))
    if packet_type == GOODBYE:
        _require(body, 4 * count)
        ssrcs = tuple(int.from_bytes(body[4 * i : 4 * i + 4]) for i in range(count))
        rest = body[4 * count :]
        if rest and len(rest) < 1 + rest[0]:
            raise ProtocolError("an RTCP goodbye's reason is longer than its packet")
        return Goodbye(ssrcs, rest[1 : 1 + rest[0]] if rest else b"")
    return Other(packet_type, count, body)


def _require(body: bytes, size: int) -> None:
    if len(body) < size:
        raise ProtocolError(f"an RTCP packet of {len(body)} bytes where {size} are needed")


def _blocks(body: bytes, count: int) -> tuple[ReportBlock, ...]:
    blocks = []
    for i in range(0, 24 * count, 24):
        word = [int.from_bytes(body[j : j + 4]) for j in range(i, i + 24, 4)]
        lost = int.from_bytes(body[i + 5 : i + 8], signed=True)
        blocks.append(ReportBlock(word[0], body[i + 4], lost, word[2], word[3], word[4], word[5]))
    return tuple(blocks)


def _items(body: bytes, count: int) -> tuple[tuple[int, int, bytes], ...]:
    items = []
    at = 0
    for _ in range(count):
        _require(body, at + 4)
        ssrc = int.from_bytes(body[at : at + 4])
        at += 4
        while at < len(body) and body[at]:
            _require(body, at + 2)
            _require(body, at + 2 + body[at + 1])
            items.append((ssrc, body[at], body[at + 2 : at + 2 + body[at + 1]]))
            at += 2 + body[at + 1]
        # The list of items ends with at least one zero, and fills its last word with more.
        at = (at // 4 + 1) * 4
    return tuple(items)


def serialize(packets: Sequence[Packet]) -> bytes:
    """The bytes of a compound packet."""
    return b"".join(_serialize_one(packet) for packet in packets)


def _serialize_one(packet: Packet) -> bytes:
    if isinstance(packet, SenderReport):
        numbers = (packet.ntp >> 32, packet.ntp & 0xFFFFFFFF, packet.timestamp, packet.packets, packet.octets)
        body = b"".join(n.to_bytes(4) for n in (packet.ssrc, *numbers)) + _block_bytes(packet.blocks)
        return _with_header(SENDER_REPORT, len(packet.blocks), body)
    if isinstance(packet, ReceiverReport):
        body = packet.ssrc.to_bytes(4) + _block_bytes(packet.blocks)
        return _with_header(RECEIVER_REPORT, len(packet.blocks), body)
    if isinstance(packet, SourceDescription):
        chunks: dict[int, bytes] = {}
        for ssrc, kind, text in packet.items:
            chunks[ssrc] = chunks.get(ssrc, b"") + bytes((kind, len(text))) + text
        body = b"".join(
            ssrc.to_bytes(4) + items + bytes(4 - len(items) % 4) for ssrc, items in chunks.items()
        )
        return _with_header(SOURCE_DESCRIPTION, len(chunks), body)
    if isinstance(packet, Goodbye):
        reason = bytes((len(packet.reason),)) + packet.reason if packet.reason else b""
        body = b"".join(ssrc.to_bytes(4) for ssrc in packet.ssrcs) + reason + bytes(-len(reason) % 4)
        return _with_header(GOODBYE, len(packet.ssrcs), body)
    return _with_header(packet.packet_type, packet.count, packet.body)


def _block_bytes(blocks: tuple[ReportBlock, ...]) -> bytes:
    return b"".join(
        b.ssrc.to_bytes(4)
        + bytes((b.fraction_lost,))
        + b.lost.to_bytes(3, signed=True)
        + b"".join(n.to_bytes(4) for n in (b.highest, b.jitter, b.last_report, b.delay))
        for b in blocks
    )


def _with_header(packet_type: int, count: int, body: bytes) -> bytes:
    return bytes((0x80 | count, packet_type)) + (len(body) // 4).to_bytes(2) + body


class RtcpSession:
    """One leg's reports: writes ours, reads the other's. `cname` has at most 32 octets.

    Times are the caller's `now_ns`; `epoch_ns` is what to add to it to count from 1900, or 0 to say nothing
    of the date (RFC 3550 §4 allows time since an arbitrary start).
    """

    def __init__(self, ssrc: int, cname: bytes, *, epoch_ns: int = 0) -> None:
        if not 0 < len(cname) <= 32:
            raise ValueError(f"a CNAME of {len(cname)} octets")
        self.ssrc = ssrc
        self.cname = bytearray(cname)
        self.cname_length = len(cname)
        self.epoch_ns = epoch_ns
        self.second = 1_000_000_000
        self.circle = 1 << 32
        self.remote_ssrc = 0
        self.last_report = 0
        self.last_report_ns = -1
        self.round_trip_us = -1
        self.remote_fraction_lost = 0
        self.remote_lost = 0
        self.remote_jitter = 0
        self.left = False

    def c_report(
        self,
        dst: MutableSequence[int],
        d: int,
        now_ns: int,
        timestamp: int,
        packets: int,
        octets: int,
        stats: ReceptionStats,
        bye: bool,
    ) -> int:
        """Write SR (or RR where `packets` is 0) + SDES (+ BYE) at `dst[d]`; returns octets written, ≤ 160.

        `timestamp` is the RTP timestamp of now; the block tells of `stats` once packets have come.
        """
        blocks = 1 if stats.received > 0 else 0
        at = d + 4
        self.c_put(dst, at, self.ssrc)
        at += 4
        if packets > 0:
            ns = now_ns + self.epoch_ns
            self.c_put(dst, at, ns // self.second)
            self.c_put(dst, at + 4, ((ns % self.second) << 32) // self.second)
            self.c_put(dst, at + 8, timestamp)
            self.c_put(dst, at + 12, packets)
            self.c_put(dst, at + 16, octets)
            at += 20
        if blocks:
            at = self.c_block(dst, at, now_ns, stats)
        self.c_header(dst, d, blocks, _SR if packets > 0 else _RR, at - d)
        at = self.c_description(dst, at)
        if bye:
            self.c_header(dst, at, 1, _BYE, 8)
            self.c_put(dst, at + 4, self.ssrc)
            at += 8
        return at - d

    def c_block(self, dst: MutableSequence[int], at: int, now_ns: int, stats: ReceptionStats) -> int:
        """Write the block on the other's stream; returns where it ends."""
        lost = stats.c_expected() - stats.received
        lost = min(max(lost, -8388608), 8388607)
        self.c_put(dst, at, self.remote_ssrc)
        self.c_put(dst, at + 4, lost)
        dst[at + 4] = stats.c_fraction_lost()
        self.c_put(dst, at + 8, stats.highest)
        self.c_put(dst, at + 12, stats.c_jitter())
        delay = 0
        if self.last_report_ns >= 0:
            delay = (now_ns - self.last_report_ns) // 1000 * 65536 // 1000000
        self.c_put(dst, at + 16, self.last_report)
        self.c_put(dst, at + 20, delay)
        return at + 24

    def c_description(self, dst: MutableSequence[int], at: int) -> int:
        """Write our CNAME; returns where it ends."""
        size = (10 + self.cname_length + 4) & ~3
        self.c_header(dst, at, 1, _SDES, size)
        self.c_put(dst, at + 4, self.ssrc)
        dst[at + 8] = _CNAME
        dst[at + 9] = self.cname_length
        for i in range(self.cname_length):
            dst[at + 10 + i] = self.cname[i]
        for i in range(10 + self.cname_length, size):
            dst[at + i] = 0
        return at + size

    def c_receive(self, src: MutableSequence[int], s: int, count: int, now_ns: int) -> int:
        """Take in the compound packet of `count` octets at `src[s]`; returns how many packets were good."""
        at = s
        end = s + count
        read = 0
        while end - at >= 8 and src[at] >> 6 == 2:
            size = 4 + 4 * ((src[at + 2] << 8) | src[at + 3])
            if size < 8 or size > end - at:
                break
            kind = src[at + 1]
            first_block = at + size
            if kind == _SR and size >= 28:
                # The middle 32 bits of the NTP time name the report (RFC 3550 §6.4.1).
                self.last_report = self.c_get(src, at + 10)
                self.last_report_ns = now_ns
                first_block = at + 28
            elif kind == _RR:
                first_block = at + 8
            elif kind == _BYE:
                self.left = True
            block = first_block
            for _ in range(src[at] & 31):
                if block + 24 > at + size:
                    break
                if self.c_get(src, block) == self.ssrc:
                    self.c_hear(src, block, now_ns)
                block += 24
            at += size
            read += 1
        return read

    def c_hear(self, src: MutableSequence[int], block: int, now_ns: int) -> None:
        """Take in what the other says of our stream."""
        lost = self.c_get(src, block + 4) & 16777215
        self.remote_fraction_lost = src[block + 4]
        self.remote_lost = lost - 16777216 if lost > 8388607 else lost
        self.remote_jitter = self.c_get(src, block + 12)
        named = self.c_get(src, block + 16)
        if named == 0:
            return
        ns = now_ns + self.epoch_ns
        middle = ((ns // self.second & 65535) << 16) | ((ns % self.second << 16) // self.second)
        trip = middle - named - self.c_get(src, block + 20)
        if trip < 0:
            trip += self.circle
        # Beyond a minute one of the two clocks has lied.
        if 0 <= trip < 60 * 65536:
            self.round_trip_us = trip * 1000000 >> 16

    def c_header(self, dst: MutableSequence[int], at: int, count: int, kind: int, size: int) -> None:
        """Write the first word of a packet of `size` octets."""
        self.c_put(dst, at, size // 4 - 1)
        dst[at] = 128 | count
        dst[at + 1] = kind

    def c_put(self, dst: MutableSequence[int], at: int, value: int) -> None:
        """Write the low 32 bits of `value`, most significant octet first."""
        dst[at] = value >> 24 & 255
        dst[at + 1] = value >> 16 & 255
        dst[at + 2] = value >> 8 & 255
        dst[at + 3] = value & 255

    def c_get(self, src: MutableSequence[int], at: int) -> int:
        """Read 32 bits."""
        high = (src[at] << 8) | src[at + 1]
        low = (src[at + 2] << 8) | src[at + 3]
        return high * 65536 + low

    def report(
        self,
        now_ns: int,
        timestamp: int,
        packets: int,
        octets: int,
        stats: ReceptionStats,
        *,
        bye: bool = False,
    ) -> bytes:
        """The report to send now."""
        out = bytearray(MAX_SIZE)
        return bytes(out[: self.c_report(out, 0, now_ns, timestamp, packets, octets, stats, bye)])

    def receive(self, data: bytes, now_ns: int) -> int:
        """Take in a compound packet; returns packets read before the first bad."""
        return self.c_receive(bytearray(data), 0, len(data), now_ns)
