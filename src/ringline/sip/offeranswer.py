"""Offer and answer for one audio stream (RFC 3264). Pure: a `Negotiation` is one leg's side of the session.

Which codec: the first of *our* list that the other side has. Our answer names that one alone (and
telephone-event), so that nobody changes codec mid-stream. An offer's payload type numbers are kept (RFC 3264
§6.1) and never given to another codec within the session (§8.3.2).

Encrypted media is not negotiated here: an offer of RTP/SAVP alone is refused, `a=crypto` beside RTP/AVP
ignored. Nor is media to any place that is not an IPv4 address: RTP sockets are of that family, and a name
(RFC 8866 §5.7 allows one) would have to be looked up in the middle of an answer.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from ipaddress import AddressValueError, IPv4Address
from typing import Final

from ringline.core.errors import RinglineError
from ringline.sip import sdp
from ringline.sip.sdp import (
    Attribute,
    Codec,
    Direction,
    MediaDescription,
    Origin,
    SdpError,
    SessionDescription,
)

__all__ = [
    "CODECS",
    "Direction",
    "Negotiation",
    "NoCommonCodec",
    "OfferAnswerError",
    "Selected",
    "answerable",
    "offered_codecs",
]

PTIME_MS: Final = 20
"""What we ask for and send unless the other side asks otherwise."""

_EVENT: Final = "telephone-event"
_EVENT_FMTP: Final = "0-16"  # the keypad and flash (RFC 4733 §3.2)
_NOT_CODECS: Final = frozenset({_EVENT, "cn", "red"})
_PROTOCOLS: Final = frozenset({"RTP/AVP", "RTP/AVPF"})
_DYNAMIC: Final = range(96, 128)  # RFC 3551 §6

CODECS: Final = {
    "PCMU": Codec(0, "PCMU", 8000),
    "PCMA": Codec(8, "PCMA", 8000),
    "G722": Codec(9, "G722", 8000),
    "L16": Codec(98, "L16", 16000),
    "OPUS": Codec(111, "opus", 48000, 2, "useinbandfec=1"),  # always 48000/2: RFC 7587 §4.1
    "AMR-WB": Codec(104, "AMR-WB", 16000, 1, "octet-align=1"),  # RFC 4867 §8.2
}
"""What we can negotiate: the house's name → payload type we would choose, rtpmap, fmtp."""

_EVENT_NUMBERS: Final = {8000: 101, 16000: 100, 48000: 110}
# Packing that our AMR-WB does not do (RFC 4867 §8.2): an offer with one of these set is another codec to us.
_AMR_UNSUPPORTED: Final = ("crc", "robust-sorting", "interleaving")


class NoCommonCodec(SdpError):
    """Nothing that both sides speak: answer 488 (RFC 3261 §21.4.26)."""


class OfferAnswerError(RinglineError):
    """A move the exchange does not allow now: a second offer before the answer, an answer to nothing."""


@dataclass(frozen=True, slots=True)
class Selected:
    """What was agreed, as the media plane wants it.

    `payload_type` and `dtmf_payload_type` (RFC 4733; None: none agreed) are what to send; the `receive_…`
    ones are what will come, different only if the other side renumbered. `clock_rate` is RTP's (8000 for
    G722). `ptime_ms` is what the other side likes to receive, 10 to 60. `direction` is ours.
    `remote_address` is an IPv4 address; where it is 0.0.0.0 the direction does not send.
    `fmtp` is the other side's.
    """

    codec: str
    payload_type: int
    clock_rate: int
    ptime_ms: int
    dtmf_payload_type: int | None
    dtmf_clock: int
    direction: Direction
    remote_address: str
    remote_port: int
    remote_rtcp_port: int
    fmtp: str
    receive_payload_type: int
    receive_dtmf_payload_type: int | None


def _house_name(codec: Codec) -> str | None:
    """Our name of a codec we can carry, or None."""
    name = codec.name.upper()
    ours = CODECS.get(name)
    if ours is None or (codec.clock_rate, codec.channels) != (ours.clock_rate, ours.channels):
        return None
    if name == "AMR-WB" and any(codec.parameters.get(key, "0") != "0" for key in _AMR_UNSUPPORTED):
        return None
    return name


def _answer_fmtp(name: str, theirs: Codec) -> str:
    """Our fmtp in an answer: AMR-WB must repeat the offer's alignment and modes (RFC 4867 §8.3.1)."""
    if name != "AMR-WB":
        return CODECS[name].fmtp
    repeated = [key for key in ("octet-align", "mode-set", "mode-change-period") if key in theirs.parameters]
    return ";".join(f"{key}={theirs.parameters[key]}" for key in repeated)


def _events(codecs: Iterable[Codec]) -> list[Codec]:
    return [codec for codec in codecs if codec.name.lower() == _EVENT]


def _best_event(events: Iterable[Codec], audio: Codec) -> Codec | None:
    """The telephone-event of the audio's clock (RFC 4733 §2.1), else the first: some have only 8000."""
    events = list(events)
    same = (event for event in events if event.clock_rate == audio.clock_rate)
    return next(same, events[0] if events else None)


def _ptime(media: MediaDescription) -> int:
    wanted = min(media.ptime or PTIME_MS, media.maxptime or 60)
    return wanted if wanted % 10 == 0 and 10 <= wanted <= 60 else PTIME_MS


def _their_direction(session: SessionDescription, media: MediaDescription) -> Direction:
    """Their direction, with 0.0.0.0 read as RFC 2543's hold: they do not receive (RFC 3264 §8.4)."""
    direction = session.direction_of(media)
    if session.address_of(media) == "0.0.0.0":
        return Direction.of(sends=direction.sends, receives=False)
    return direction


def _usable(session: SessionDescription, media: MediaDescription) -> bool:
    wanted = media.media == "audio" and media.port != 0 and media.protocol.upper() in _PROTOCOLS
    return wanted and _is_ipv4(session.address_of(media))


def _is_ipv4(address: str) -> bool:
    try:
        IPv4Address(address)
    except AddressValueError:
        return False
    return True


def answerable(offer: bytes, codecs: Sequence[str]) -> bool:
    """Whether `Negotiation.answer` could answer this first offer with one of these codecs."""
    try:
        _pick(sdp.parse(offer), codecs)
    except SdpError:
        return False
    return True


def offered_codecs(offer: bytes) -> list[str]:
    """The codec names of the first audio section, in the other side's order, in capitals.

    telephone-event, comfort noise and redundancy are not codecs. Raises `SdpError` for bytes that are no SDP.
    """
    for media in sdp.parse(offer).media:
        if media.media == "audio":
            names = [codec.name.upper() for codec in media.codecs if codec.name.lower() not in _NOT_CODECS]
            return list(dict.fromkeys(names))
    return []


@dataclass(frozen=True, slots=True)
class _Local:
    """What our side says of itself."""

    codecs: tuple[str, ...]
    address: str
    port: int
    direction: Direction  # what we want; what we say in an answer may be less


class Negotiation:
    """One leg's side of a session: makes offers and answers, reads the other side's, keeps the version.

    Two states: stable, and waiting for the answer to our offer. `offer`, `reoffer` and `answer` are legal
    when stable only; `rejected` when waiting; `accepted` when waiting, and again for each further copy or
    fork of that answer (183, then 200). Anything else raises `OfferAnswerError`.
    """

    def __init__(self, session_id: int) -> None:
        """`session_id` is the `o=` line's, unique for this address (`Ids.u32`)."""
        self._id = session_id
        self._version = 0
        self._sent: SessionDescription | None = None  # the last we wrote, agreed or not
        self._local: _Local | None = None
        self._layout: tuple[MediaDescription, ...] = ()  # every m= section of the session; ours is at `_at`
        self._at = 0
        self._offer: MediaDescription | None = None  # our section of our last offer, until we answer one
        self._before: tuple[_Local | None, tuple[MediaDescription, ...]] = (None, ())  # to go back to
        self._waiting = False
        self._numbers: dict[tuple[str, int], int] = {}  # (name, clock) → payload type, for the whole session
        self.selected: Selected | None = None

    @property
    def waiting(self) -> bool:
        """Whether our offer has no answer yet."""
        return self._waiting

    def offer(
        self, codecs: Sequence[str], address: str, port: int, *, direction: str = Direction.SENDRECV
    ) -> bytes:
        """An offer of these codecs in this order; a late offer (in a 200) is the same.

        Raises `ValueError` for a codec that is not of `CODECS`.
        """
        if not codecs or any(name not in CODECS for name in codecs):
            raise ValueError(f"codecs must be of {', '.join(CODECS)}; got {list(codecs)}")
        local = _Local(tuple(dict.fromkeys(codecs)), address, port, Direction(direction))
        return self._propose(local, self._offered(local))

    def reoffer(
        self,
        *,
        codecs: Sequence[str] | None = None,
        address: str | None = None,
        port: int | None = None,
        direction: str | None = None,
    ) -> bytes:
        """A new offer in the session; what is None stays.

        Without any change it is a session refresh and says word for word what we said last.
        """
        local = self._local
        if local is None:
            raise OfferAnswerError("there is no session to offer again")
        if codecs is None and address is None and port is None and direction is None:
            return self._propose(local, self._layout)
        return self.offer(
            local.codecs if codecs is None else codecs,
            local.address if address is None else address,
            local.port if port is None else port,
            direction=local.direction if direction is None else direction,
        )

    def accepted(self, answer: bytes) -> Selected:
        """Read the answer to our offer; raises `NoCommonCodec` if it refuses, `SdpError` if unreadable."""
        offer = self._offer
        if offer is None:
            raise OfferAnswerError("an answer to no offer")
        theirs = sdp.parse(answer)
        if len(theirs.media) <= self._at or not _usable(theirs, theirs.media[self._at]):
            raise NoCommonCodec("the answer refuses the audio stream")
        media = theirs.media[self._at]
        offered = {_house_name(codec): codec for codec in offer.codecs}
        for codec in media.codecs:
            name = _house_name(codec)
            if name is not None and name in offered:
                break
        else:
            raise NoCommonCodec("the answer has no codec of the offer")
        our_events = {event.clock_rate: event for event in _events(offer.codecs)}
        event = _best_event(
            (event for event in _events(media.codecs) if event.clock_rate in our_events), codec
        )
        selected = _select(name, theirs, media, codec, event, offer.direction or Direction.SENDRECV)
        self.selected = replace(
            selected,
            receive_payload_type=offered[name].payload_type,
            receive_dtmf_payload_type=our_events[event.clock_rate].payload_type if event else None,
        )
        self._waiting = False
        return self.selected

    def rejected(self) -> None:
        """Our offer was refused or cancelled: the session stays as it was (RFC 3261 §14.1)."""
        if not self._waiting:
            raise OfferAnswerError("no offer is waiting for its answer")
        self._waiting, self._offer = False, None
        self._local, self._layout = self._before

    def answer(
        self, offer: bytes, codecs: Sequence[str], address: str, port: int, *, direction: str | None = None
    ) -> tuple[bytes, Selected]:
        """Answer an offer: our SDP and what it agrees on.

        `direction` is what we want (None: what we last wanted, at first sendrecv); the answer is as much of
        it as the offer allows. Raises `NoCommonCodec`, or `SdpError` when the offer is unreadable; the
        session then stays as it was.
        """
        self._stable("answer")
        theirs = sdp.parse(offer)
        at, name, codec = _pick(theirs, codecs)
        media = theirs.media[at]
        wanted = self._local.direction if self._local else Direction.SENDRECV
        if direction is not None:
            wanted = Direction(direction)
        event = _best_event(_events(media.codecs), codec)
        selected = _select(name, theirs, media, codec, event, wanted)
        chosen = [replace(codec, fmtp=_answer_fmtp(name, codec))]
        if event is not None:
            chosen.append(replace(event, fmtp=_EVENT_FMTP))
        ours = _section(chosen, port, media.protocol, selected.direction)
        for named in media.codecs:
            self._numbers[named.name.upper(), named.clock_rate] = named.payload_type
        self._local, self._at, self._offer = _Local(tuple(codecs), address, port, wanted), at, None
        self._layout = tuple(
            ours if index == at else _refused(item) for index, item in enumerate(theirs.media)
        )
        self.selected = selected
        return self._write(self._local, self._layout), selected

    def _stable(self, what: str) -> None:
        if self._waiting:
            raise OfferAnswerError(f"an {what} while our offer waits for its answer (491, RFC 3261 §14.2)")

    def _propose(self, local: _Local, layout: tuple[MediaDescription, ...]) -> bytes:
        self._stable("offer")
        self._before = (self._local, self._layout)
        self._local, self._layout, self._offer, self._waiting = local, layout, layout[self._at], True
        return self._write(local, layout)

    def _offered(self, local: _Local) -> tuple[MediaDescription, ...]:
        """Our sections for an offer: the audio, and the session's others, still refused (RFC 3264 §8)."""
        codecs = [self._numbered(CODECS[name]) for name in local.codecs]
        clocks = dict.fromkeys([8000, *(codec.clock_rate for codec in codecs)])
        events = [
            self._numbered(Codec(_EVENT_NUMBERS[clock], _EVENT, clock, 1, _EVENT_FMTP)) for clock in clocks
        ]
        protocol = self._layout[self._at].protocol if self._layout else "RTP/AVP"
        ours = _section([*codecs, *events], local.port, protocol, local.direction)
        return (*self._layout[: self._at], ours, *self._layout[self._at + 1 :])

    def _numbered(self, codec: Codec) -> Codec:
        """The codec under its number in this session; a new one gets a number that is free."""
        key = (codec.name.upper(), codec.clock_rate)
        if key not in self._numbers:
            taken = set(self._numbers.values())
            free = (number for number in (codec.payload_type, *_DYNAMIC) if number not in taken)
            self._numbers[key] = next(free, codec.payload_type)
        return replace(codec, payload_type=self._numbers[key])

    def _write(self, local: _Local, media: tuple[MediaDescription, ...]) -> bytes:
        """Our description; its version grows only when it says something new (RFC 3264 §8)."""
        origin = Origin("-", str(self._id), str(self._version), local.address)
        draft = SessionDescription(origin, local.address, media)
        if draft != self._sent:
            self._version += 1
            draft = replace(draft, origin=replace(origin, version=str(self._version)))
        self._sent = draft
        return draft.serialize()


def _select(
    name: str,
    theirs: SessionDescription,
    media: MediaDescription,
    codec: Codec,
    event: Codec | None,
    wanted: Direction,
) -> Selected:
    there = _their_direction(theirs, media)
    number = event.payload_type if event else None
    return Selected(
        codec=name,
        payload_type=codec.payload_type,
        clock_rate=codec.clock_rate,
        ptime_ms=_ptime(media),
        dtmf_payload_type=number,
        dtmf_clock=event.clock_rate if event else 8000,
        direction=Direction.of(
            sends=wanted.sends and there.receives, receives=wanted.receives and there.sends
        ),
        remote_address=theirs.address_of(media),
        remote_port=media.port,
        remote_rtcp_port=media.rtcp_port,
        fmtp=codec.fmtp,
        receive_payload_type=codec.payload_type,
        receive_dtmf_payload_type=number,
    )


def _pick(offer: SessionDescription, codecs: Sequence[str]) -> tuple[int, str, Codec]:
    """The first audio section with a codec of ours, and our most preferred of it."""
    for at, media in enumerate(offer.media):
        if not _usable(offer, media):
            continue
        there: dict[str, Codec] = {}
        for codec in media.codecs:
            name = _house_name(codec)
            if name is not None:
                there.setdefault(name, codec)
        for name in codecs:
            if name in there:
                return at, name, there[name]
    raise NoCommonCodec(f"the offer has no audio stream over IPv4 with one of {', '.join(codecs)}")


def _section(codecs: Sequence[Codec], port: int, protocol: str, direction: Direction) -> MediaDescription:
    """Our audio section."""
    attributes: list[Attribute] = []
    for codec in codecs:
        channels = f"/{codec.channels}" if codec.channels != 1 else ""
        number = codec.payload_type
        attributes.append(Attribute("rtpmap", f"{number} {codec.name}/{codec.clock_rate}{channels}"))
        if codec.fmtp:
            attributes.append(Attribute("fmtp", f"{number} {codec.fmtp}"))
    attributes += [Attribute("ptime", str(PTIME_MS)), Attribute(str(direction))]
    formats = tuple(str(codec.payload_type) for codec in codecs)
    return MediaDescription("audio", port, protocol, formats, attributes=tuple(attributes))


def _refused(media: MediaDescription) -> MediaDescription:
    """A section we do not take: port 0, its formats repeated (RFC 3264 §6)."""
    return MediaDescription(media.media, 0, media.protocol, media.formats or ("0",))
