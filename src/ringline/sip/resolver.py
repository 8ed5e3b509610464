"""Where to send a request (RFC 3263): from a URI to an ordered list of addresses. Pure.

A `Resolution` says which DNS lookups it needs, is given their answers, and ends with targets to be tried in
turn. `ringline.sip.lookup` asks the questions.
"""

import ipaddress
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from ringline.core.ids import Ids
from ringline.sip.grammar import Uri
from ringline.sip.params import SipError

MAX_TARGETS: Final = 16
"""Targets kept of an answer, whoever wrote it."""

DEFAULT_PORT: Final = {"udp": 5060, "tcp": 5060, "tls": 5061, "ws": 80, "wss": 443}
"""RFC 3261 §19.1.2; WebSocket: RFC 7118 §5."""

_SERVICE: Final = {
    "udp": "_sip._udp",
    "tcp": "_sip._tcp",
    "tls": "_sips._tcp",
    "ws": "_sip._ws",
    "wss": "_sips._ws",
}
_NAPTR: Final = {"SIP+D2U": "udp", "SIP+D2T": "tcp", "SIPS+D2T": "tls", "SIP+D2W": "ws", "SIPS+D2W": "wss"}
_SECURE: Final = {"tls": "tls", "tcp": "tls", "wss": "wss", "ws": "wss"}

Kind = Literal["NAPTR", "SRV", "A", "AAAA"]


@dataclass(frozen=True, slots=True)
class Lookup:
    """One DNS question."""

    kind: Kind
    name: str


@dataclass(frozen=True, slots=True)
class Naptr:
    """One NAPTR record (RFC 3403 §4.1)."""

    order: int
    preference: int
    flags: str
    service: str
    replacement: str


@dataclass(frozen=True, slots=True)
class Srv:
    """One SRV record (RFC 2782)."""

    priority: int
    weight: int
    port: int
    target: str


@dataclass(frozen=True, slots=True)
class Answer:
    """The records that answer one `Lookup`; empty when there are none or the lookup failed."""

    naptr: tuple[Naptr, ...] = ()
    srv: tuple[Srv, ...] = ()
    addresses: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Target:
    """One place to try: `host` is the name a certificate must be for, `address` an IP without brackets."""

    transport: str
    address: str
    port: int
    host: str


Step = Generator[tuple[Lookup, ...], Mapping[Lookup, Answer], list[Target]]


class Resolution:
    """One URI on its way to targets."""

    def __init__(self, uri: Uri, *, transports: Sequence[str] = ("udp", "tcp"), ids: Ids) -> None:
        """`transports` are those we can send on, the preferred first; `ids` draws among equals (RFC 2782).

        Raises `SipError` (416) for a URI without a host, and for one that wants a transport we lack.
        """
        if uri.scheme not in {"sip", "sips"}:
            raise SipError(f"{uri.scheme}: names no host", 416)
        self._transports = tuple(transports)
        self._ids = ids
        self._secure = uri.scheme == "sips"
        self._host = (uri.params.get("maddr") or uri.host).strip("[]")
        if not self._usable:
            raise SipError("no secure transport for sips:", 416)
        self._transport = self._asked(uri)
        self.needed: tuple[Lookup, ...] = ()
        self.targets: list[Target] | None = None
        self._steps = self._resolve(uri.port)
        self._advance(None)

    def answer(self, answers: Mapping[Lookup, Answer]) -> None:
        """Give the answers to `needed`; then either more is needed, or `targets` is set, perhaps empty."""
        if self.targets is not None:
            raise ValueError("the targets are known already")
        self._advance({lookup: answers.get(lookup, Answer()) for lookup in self.needed})

    def _advance(self, answers: Mapping[Lookup, Answer] | None) -> None:
        try:
            self.needed = next(self._steps) if answers is None else self._steps.send(answers)
        except StopIteration as done:
            self.needed = ()
            self.targets = done.value[:MAX_TARGETS]

    def _asked(self, uri: Uri) -> str | None:
        """The transport that the URI asks for; sips makes it a secure one (RFC 3261 §26.2.2)."""
        asked = uri.transport
        if asked is None:
            return None
        transport = _SECURE.get(asked, asked) if self._secure else asked
        if transport not in self._transports:
            raise SipError(f"transport {asked[:20]} is not supported", 416)
        return transport

    @property
    def _usable(self) -> list[str]:
        return [name for name in self._transports if not self._secure or name in {"tls", "wss"}]

    def _resolve(self, port: int | None) -> Step:
        """RFC 3263 §4.1 (transport) and §4.2 (address and port)."""
        plain = self._transport or ("tls" if self._secure else "udp")
        if plain not in self._transports:
            plain = self._usable[0]
        if _is_address(self._host):
            return [Target(plain, self._host, port or DEFAULT_PORT[plain], self._host)]
        # A single label (localhost, a container's name) is the hosts file's or the local DNS's: it has no
        # SRV.
        if port is not None or "." not in self._host.rstrip("."):
            return (yield from self._addresses([(plain, self._host, port or DEFAULT_PORT[plain])]))
        services = [(self._transport, f"{_SERVICE[self._transport]}.{self._host}")] if self._transport else []
        if not services:
            services = yield from self._by_naptr()
        places = yield from self._by_srv(services)
        return (yield from self._addresses(places or [(plain, self._host, DEFAULT_PORT[plain])]))

    def _by_naptr(self) -> Generator[tuple[Lookup, ...], Mapping[Lookup, Answer], list[tuple[str, str]]]:
        """(transport, SRV name) in the domain's order; without NAPTR, in ours."""
        question = Lookup("NAPTR", self._host)
        answers = yield (question,)
        usable = self._usable
        found = [
            (_NAPTR[record.service.upper()], record.replacement)
            for record in sorted(
                answers[question].naptr, key=lambda record: (record.order, record.preference)
            )
            if record.flags.lower() == "s" and _NAPTR.get(record.service.upper()) in usable
        ]
        return found[:MAX_TARGETS] or [(name, f"{_SERVICE[name]}.{self._host}") for name in usable]

    def _by_srv(
        self, services: Sequence[tuple[str, str]]
    ) -> Generator[tuple[Lookup, ...], Mapping[Lookup, Answer], list[tuple[str, str, int]]]:
        """(transport, host, port) in order."""
        answers = yield tuple(Lookup("SRV", name) for _, name in services)
        places: list[tuple[str, str, int]] = []
        for transport, name in services:
            for record in self._by_weight(answers[Lookup("SRV", name)].srv):
                if record.target.rstrip("."):  # the root: "decidedly not available" (RFC 2782)
                    places.append((transport, record.target, record.port))
        return places[:MAX_TARGETS]

    def _by_weight(self, records: Sequence[Srv]) -> list[Srv]:
        """By priority, and within one by chance in proportion to the weights (RFC 2782)."""
        ordered: list[Srv] = []
        for priority in sorted({record.priority for record in records}):
            left = sorted(
                (record for record in records if record.priority == priority), key=lambda r: r.weight
            )
            while left:
                drawn = self._ids.u32() % (sum(record.weight for record in left) + 1)
                for at, record in enumerate(left):
                    drawn -= record.weight
                    if drawn <= 0:
                        ordered.append(left.pop(at))
                        break
        return ordered

    def _addresses(self, places: Sequence[tuple[str, str, int]]) -> Step:
        """IPv6 and IPv4 of every place; a place that is an address already stays."""
        names = dict.fromkeys(host for _, host, _ in places if not _is_address(host))
        kinds: tuple[Kind, Kind] = ("A", "AAAA")
        questions = tuple(Lookup(kind, name) for name in names for kind in kinds)
        answers = (yield questions) if questions else {}
        targets: list[Target] = []
        for transport, host, port in places:
            found = [host] if _is_address(host) else []
            for kind in kinds:
                found += answers[Lookup(kind, host)].addresses if host in names else ()
            targets += [
                Target(transport, address, port, self._host) for address in found if _is_address(address)
            ]
        return targets


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True
