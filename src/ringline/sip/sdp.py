"""Session descriptions as values (RFC 8866): parse, read, serialise.

Lines that nobody here reads are kept and written back. Line order is made canonical (RFC 8866 §5) on the way
out.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from ringline.core.errors import ProtocolError

MAX_BYTES: Final = 65536
MAX_LINES: Final = 2048
MAX_MEDIA: Final = 32
MAX_FORMATS: Final = 128  # of one section; RTP has that many payload types

_SESSION_LINES: Final = ("i", "u", "e", "p", "c", "b", "trz", "k")
_SESSION_ORDER: Final = {letter: rank for rank, letters in enumerate(_SESSION_LINES) for letter in letters}
_MEDIA_ORDER: Final = {letter: rank for rank, letter in enumerate("icbk")}
_UNKNOWN: Final = 99  # lines of no known type go before the attributes


class SdpError(ProtocolError):
    """A session description that cannot be read, or cannot be answered; the message names what is wrong."""


class Direction(StrEnum):
    """Which way media flows, as the side that writes it sees it (RFC 3264 §5.1)."""

    SENDRECV = "sendrecv"
    SENDONLY = "sendonly"
    RECVONLY = "recvonly"
    INACTIVE = "inactive"

    @classmethod
    def of(cls, *, sends: bool, receives: bool) -> "Direction":
        """The direction of a side that does these."""
        if sends:
            return cls.SENDRECV if receives else cls.SENDONLY
        return cls.RECVONLY if receives else cls.INACTIVE

    @property
    def sends(self) -> bool:
        """Whether the side that writes this sends."""
        return self in {Direction.SENDRECV, Direction.SENDONLY}

    @property
    def receives(self) -> bool:
        """Whether the side that writes this wants to receive."""
        return self in {Direction.SENDRECV, Direction.RECVONLY}

    @property
    def seen_from_there(self) -> "Direction":
        """The same flow as the other side sees it."""
        return Direction.of(sends=self.receives, receives=self.sends)


_DIRECTIONS: Final = {str(direction): direction for direction in Direction}


@dataclass(frozen=True, slots=True)
class Codec:
    """One RTP format: rtpmap and fmtp of a payload type (0 to 127). `name` is as written."""

    payload_type: int
    name: str
    clock_rate: int
    channels: int = 1
    fmtp: str = ""

    @property
    def parameters(self) -> dict[str, str]:
        """The fmtp's `name=value` pairs, names in lower case; a part without `=` has the value ""."""
        pairs = (part.strip().partition("=") for part in self.fmtp.split(";"))
        return {name.strip().lower(): value.strip() for name, _, value in pairs if name}


STATIC: Final = {
    codec.payload_type: codec
    for codec in (
        Codec(0, "PCMU", 8000),
        Codec(3, "GSM", 8000),
        Codec(4, "G723", 8000),
        Codec(8, "PCMA", 8000),
        Codec(9, "G722", 8000),  # 8000 though it samples at 16000: RFC 3551 §4.5.2
        Codec(10, "L16", 44100, 2),
        Codec(11, "L16", 44100),
        Codec(13, "CN", 8000),
        Codec(15, "G728", 8000),
        Codec(18, "G729", 8000),
    )
}
"""Payload types that need no rtpmap (RFC 3551 §6); the audio ones seen in the field."""


@dataclass(frozen=True, slots=True)
class Attribute:
    """One `a=` line; a flag has None."""

    name: str
    value: str | None = None


@dataclass(frozen=True, slots=True)
class Origin:
    """The `o=` line (RFC 8866 §5.2). Numbers stay text: some senders exceed any integer."""

    username: str
    session_id: str
    version: str
    address: str


def _network(address: str) -> str:
    return f"IN {'IP6' if ':' in address else 'IP4'} {address}"


def _attribute(attributes: Iterable[Attribute], name: str) -> str | None:
    for attribute in attributes:
        if attribute.name == name:
            return attribute.value or ""
    return None


def _direction(attributes: Iterable[Attribute]) -> Direction | None:
    for attribute in attributes:
        if attribute.value is None and attribute.name in _DIRECTIONS:
            return _DIRECTIONS[attribute.name]
    return None


def _small(text: str, limit: int) -> int | None:
    """A decimal number below `limit`, or None."""
    if not (text.isascii() and text.isdigit()) or len(text) > 10 or int(text) >= limit:
        return None
    return int(text)


@dataclass(frozen=True, slots=True)
class MediaDescription:
    """One `m=` section. `address` is its own `c=`, None when the session's holds."""

    media: str
    port: int
    protocol: str
    formats: tuple[str, ...]
    address: str | None = None
    attributes: tuple[Attribute, ...] = ()
    other: tuple[tuple[str, str], ...] = ()
    port_count: int = 1

    @property
    def codecs(self) -> tuple[Codec, ...]:
        """The RTP formats in their order; those without a usable rtpmap are left out."""
        maps: dict[str, str] = {}
        fmtps: dict[str, str] = {}
        for attribute in self.attributes:
            if attribute.name in {"rtpmap", "fmtp"} and attribute.value:
                number, _, rest = attribute.value.partition(" ")
                (maps if attribute.name == "rtpmap" else fmtps).setdefault(number, rest.strip())
        found = (_codec(number, maps.get(number), fmtps.get(number, "")) for number in self.formats)
        return tuple(codec for codec in found if codec is not None)

    @property
    def direction(self) -> Direction | None:
        """The section's own direction; None when it has none."""
        return _direction(self.attributes)

    @property
    def ptime(self) -> int | None:
        """Milliseconds per packet that the writer would like to receive (RFC 8866 §6.4)."""
        return _milliseconds(_attribute(self.attributes, "ptime"))

    @property
    def maxptime(self) -> int | None:
        """Most milliseconds per packet that the writer takes."""
        return _milliseconds(_attribute(self.attributes, "maxptime"))

    @property
    def rtcp_port(self) -> int:
        """Where the writer receives RTCP: `a=rtcp` (RFC 3605), RTP's port when multiplexed, else the next."""
        given = _small((_attribute(self.attributes, "rtcp") or "").partition(" ")[0], 65536)
        if given:
            return given
        return self.port if self.rtcp_mux or self.port in {0, 65535} else self.port + 1

    @property
    def rtcp_mux(self) -> bool:
        """Whether RTCP shares RTP's port (RFC 5761)."""
        return _attribute(self.attributes, "rtcp-mux") is not None

    @property
    def crypto(self) -> tuple[str, ...]:
        """The SDES lines (RFC 4568), verbatim."""
        return tuple(item.value for item in self.attributes if item.name == "crypto" and item.value)

    def _lines(self) -> list[str]:
        count = f"/{self.port_count}" if self.port_count != 1 else ""
        connection = [] if self.address is None else [("c", _network(self.address))]
        return [
            f"m={self.media} {self.port}{count} {self.protocol} {' '.join(self.formats)}",
            *_ordered([*connection, *self.other], _MEDIA_ORDER),
            *_attribute_lines(self.attributes),
        ]


@dataclass(frozen=True, slots=True)
class SessionDescription:
    """A whole description. `other` are the session's lines besides v, o, s, c, a; `t=0 0` when empty."""

    origin: Origin
    address: str | None = None
    media: tuple[MediaDescription, ...] = ()
    name: str = "-"
    attributes: tuple[Attribute, ...] = ()
    other: tuple[tuple[str, str], ...] = (("t", "0 0"),)

    def address_of(self, media: MediaDescription) -> str:
        """Where this section wants its packets; "" when nothing says."""
        return media.address or self.address or ""

    def direction_of(self, media: MediaDescription) -> Direction:
        """The section's direction, else the session's, else sendrecv (RFC 8866 §6.7)."""
        return media.direction or _direction(self.attributes) or Direction.SENDRECV

    def serialize(self) -> bytes:
        """The description on the wire, CRLF after every line."""
        origin = self.origin
        connection = [] if self.address is None else [("c", _network(self.address))]
        lines = [
            "v=0",
            f"o={origin.username} {origin.session_id} {origin.version} {_network(origin.address)}",
            f"s={self.name}",
            *_ordered([*connection, *self.other], _SESSION_ORDER),
            *_attribute_lines(self.attributes),
        ]
        for media in self.media:
            lines += media._lines()  # the two halves of one serialiser
        return "".join([f"{line}\r\n" for line in lines]).encode("utf-8", "surrogateescape")


def _codec(number: str, rtpmap: str | None, fmtp: str) -> Codec | None:
    payload_type = _small(number, 128)
    if payload_type is None:
        return None
    if rtpmap is None:
        known = STATIC.get(payload_type)
        return known and Codec(payload_type, known.name, known.clock_rate, known.channels, fmtp)
    name, _, rest = rtpmap.partition("/")
    clock, _, channels = rest.partition("/")
    rate = _small(clock.strip(), 2**31)
    if not name or not rate:
        return None
    return Codec(payload_type, name, rate, _small(channels.strip(), 256) or 1, fmtp)


def _milliseconds(value: str | None) -> int | None:
    # some phones write fractions (`ptime:20.0`)
    return None if value is None else _small(value.strip().partition(".")[0], 10000)


def _ordered(lines: list[tuple[str, str]], order: dict[str, int]) -> list[str]:
    lines.sort(key=lambda line: order.get(line[0], _UNKNOWN))  # stable: equals keep their order
    return [f"{letter}={value}" for letter, value in lines]


def _attribute_lines(attributes: tuple[Attribute, ...]) -> list[str]:
    return [f"a={item.name}" if item.value is None else f"a={item.name}:{item.value}" for item in attributes]


def parse(data: bytes) -> SessionDescription:
    """Read a description; bare LF line ends are taken. Raises `SdpError` and nothing else."""
    if len(data) > MAX_BYTES:
        raise SdpError(f"{len(data)} bytes")
    text = data.decode("utf-8", "surrogateescape").replace("\r\n", "\n").replace("\r", "\n")
    lines = [line for line in text.split("\n") if line.strip(" \t\0")]
    if len(lines) > MAX_LINES:
        raise SdpError(f"{len(lines)} lines")
    sections: list[list[tuple[str, str]]] = [[]]
    for line in lines:
        if line[1:2] != "=":
            raise SdpError(f"{line[:40]!r} is not a line of a session description")
        if line[0] == "m":
            sections.append([])
        sections[-1].append((line[0], line[2:]))
    if len(sections) > MAX_MEDIA + 1:
        raise SdpError(f"{len(sections) - 1} media sections")
    if not sections[0] or sections[0][0] != ("v", "0"):
        raise SdpError("it does not begin with v=0")
    return _session(sections[0][1:], tuple(_media(section) for section in sections[1:]))


def _session(lines: list[tuple[str, str]], media: tuple[MediaDescription, ...]) -> SessionDescription:
    origin: Origin | None = None
    name = "-"
    kept: list[tuple[str, str]] = []
    for letter, value in lines:
        if letter == "o" and origin is None:
            words = value.split()
            if len(words) != 6:
                raise SdpError(f"o={value[:40]!r} has {len(words)} parts")
            origin = Origin(words[0], words[1], words[2], words[5])
        elif letter == "s":
            name = value
        else:
            kept.append((letter, value))
    if origin is None:
        raise SdpError("there is no o= line")
    address, attributes, other = _common(kept)
    return SessionDescription(origin, address, media, name, attributes, other)


def _media(lines: list[tuple[str, str]]) -> MediaDescription:
    value = lines[0][1]
    words = value.split()
    if len(words) < 3:
        raise SdpError(f"m={value[:40]!r} is too short")
    if len(words) > MAX_FORMATS + 3:
        raise SdpError(f"{len(words) - 3} formats")
    number, _, count = words[1].partition("/")
    port = _small(number, 65536)
    ports = _small(count, 65536) if count else 1
    if port is None or not ports:
        raise SdpError(f"m={value[:40]!r} has no port")
    address, attributes, other = _common(lines[1:])
    return MediaDescription(words[0], port, words[2], tuple(words[3:]), address, attributes, other, ports)


def _common(
    lines: list[tuple[str, str]],
) -> tuple[str | None, tuple[Attribute, ...], tuple[tuple[str, str], ...]]:
    """The connection address, the attributes and the rest of one section."""
    address: str | None = None
    attributes: list[Attribute] = []
    other: list[tuple[str, str]] = []
    for letter, value in lines:
        if letter == "c":
            words = value.split()
            if len(words) != 3:
                raise SdpError(f"c={value[:40]!r} has {len(words)} parts")
            if address is None:
                address = words[2].partition("/")[0]  # /ttl and /count are multicast's
        elif letter == "a":
            name, colon, content = value.partition(":")
            attributes.append(Attribute(name.strip(), content if colon else None))
        else:
            other.append((letter, value))
    return address, tuple(attributes), tuple(other)
