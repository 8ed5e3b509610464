"""A network in virtual time: cores of ours and hand-played peers on a wire that can lose and delay."""

import heapq
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import TypeVar

from ringline.core.clock import MILLISECOND, SECOND
from ringline.core.ids import Ids
from ringline.sip.core import SipCore
from ringline.sip.dialling import Dial
from ringline.sip.digest import Ha1
from ringline.sip.events import (
    Accept,
    Event,
    IncomingCall,
    Resolve,
    Route,
    Send,
    SipMessageSeen,
    Unreadable,
)
from ringline.sip.flow import Flow
from ringline.sip.message import Request, Response, parse, response_to
from ringline.sip.stack import StackSettings

HOST = "127.0.0.1"
Address = tuple[str, int]
E = TypeVar("E")
OFFER = b"v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nm=audio 4000 RTP/AVP 0\r\n"
ANSWER = OFFER.replace(b"4000", b"5000")
PASSWORDS = {"alice": "wonderland", "bob": "builder"}


@dataclass(frozen=True)
class Packet:
    source: Address
    target: Address
    data: bytes

    @property
    def first(self) -> str:
        """The start line's first two words: `INVITE sip:…`, `SIP/2.0 200`."""
        return " ".join(self.data.split(b"\r\n", 1)[0].decode().split(" ")[:2])


@dataclass(order=True)
class InFlight:
    at_ns: int
    serial: int
    packet: Packet = field(compare=False)
    transport: str = field(compare=False)


class Node:
    """A core with its events."""

    def __init__(self, net: "Net", port: int, seed: int, settings: StackSettings) -> None:
        self.net = net
        self.address = (HOST, port)
        self.route: Callable[[IncomingCall], Route] = lambda call: Accept()
        self.events: list[Event] = []
        self.seen: list[SipMessageSeen] = []
        self.unreadable: list[Unreadable] = []
        self.react: Callable[[Event], None] = lambda event: None
        self.names: dict[str, tuple[Flow, ...] | None] = {}
        self.questions: list[Resolve] = []
        self.core = SipCore(
            ids=Ids.seeded(seed),
            settings=settings,
            decide=self._decide,
            credentials=lambda user: (
                Ha1.of(user, settings.realm, PASSWORDS[user]) if user in PASSWORDS else None
            ),
        )
        self.core.listen_as(*self.address)

    def _decide(self, call: IncomingCall) -> Route:
        return self.route(call)

    def uri(self, user: str = "bob") -> str:
        return f"sip:{user}@{HOST}:{self.address[1]}"

    def dial(self, to: str, *, handle: str = "out", **fields: object) -> str:
        """Begin a call; returns its handle."""
        values: dict[str, object] = {
            "handle": handle,
            "uri": to,
            "from_uri": "sip:alice@example.com",
            "sdp": OFFER,
        }
        self.core.invite(Dial(**(values | fields)))  # type: ignore[arg-type]  # fields of many types by name
        return handle

    def take(self, kind: type[E]) -> E:
        """The oldest event of this kind, which must be there."""
        for event in self.events:
            if isinstance(event, kind):
                self.events.remove(event)
                return event
        raise AssertionError(f"no {kind.__name__} in {self.events}")

    def has(self, kind: type[Event]) -> bool:
        return any(isinstance(event, kind) for event in self.events)

    def flush(self) -> None:
        """Carry the core's outputs away."""
        while outputs := self.core.poll():
            for output in outputs:
                if isinstance(output, Send):
                    target = (output.flow.host, output.flow.port)
                    self.net.post(Packet(self.address, target, output.data), output.flow)
                elif isinstance(output, Resolve):
                    self.questions.append(output)
                    flows = self.names.get(output.uri.host)
                    if flows is not None:
                        self.core.resolved(output.token, flows, self.net.now_ns)
                elif isinstance(output, Unreadable):
                    self.unreadable.append(output)
                elif isinstance(output, SipMessageSeen):
                    self.seen.append(output)
                else:
                    self.events.append(output)
                    self.react(output)


class Puppet:
    """A peer played by the test: it sees parsed messages and sends what it is told."""

    def __init__(self, net: "Net", port: int, transport: str = "UDP") -> None:
        self.net = net
        self.address = (HOST, port)
        self.transport = transport
        self.inbox: list[Request | Response] = []
        self.heard: list[tuple[float, Request | Response]] = []
        self._branches = 0

    @property
    def uri(self) -> str:
        suffix = "" if self.transport == "UDP" else f";transport={self.transport.lower()}"
        return f"sip:puppet@{HOST}:{self.address[1]}{suffix}"

    def request(self, method: str) -> Request:
        """The oldest request with this method, which must be there."""
        for message in self.inbox:
            if isinstance(message, Request) and message.method == method:
                self.inbox.remove(message)
                return message
        raise AssertionError(f"no {method} in {[_name(m) for m in self.inbox]}")

    def response(self, status: int, method: str | None = None) -> Response:
        """The oldest response with this status, which must be there."""
        for message in self.inbox:
            if (
                isinstance(message, Response)
                and message.status == status
                and method in {None, message.cseq.method}
            ):
                self.inbox.remove(message)
                return message
        raise AssertionError(f"no {status} in {[_name(m) for m in self.inbox]}")

    def got(self, what: str | int) -> int:
        """How many requests of this method, or responses of this status, wait in the inbox."""
        return sum(
            message.method == what if isinstance(message, Request) else message.status == what
            for message in self.inbox
        )

    def times(self, what: str | int) -> list[float]:
        """When each was heard, in seconds since the start."""
        return [
            at
            for at, message in self.heard
            if (message.method if isinstance(message, Request) else message.status) == what
        ]

    def send(self, message: Request | Response | bytes, to: Node) -> None:
        data = message if isinstance(message, bytes) else message.serialize()
        flow = Flow(self.transport, *to.address, connection=0 if self.transport == "UDP" else self.address[1])
        self.net.post(Packet(self.address, to.address, data), flow)

    def reply(
        self,
        request: Request,
        status: int,
        to: Node,
        *,
        tag: str | None = "puppet",
        headers: Iterable[tuple[str, str]] = (),
        body: bytes = b"",
        contact: bool = True,
    ) -> None:
        """Answer; a dialog-making answer carries Contact."""
        fields = [*headers]
        if contact and request.method in {"INVITE", "UPDATE"} and 100 < status < 300:
            fields.append(("Contact", f"<{self.uri}>"))
        content = "application/sdp" if body else None
        self.send(
            response_to(
                request,
                status,
                to_tag=tag if status > 100 else None,
                headers=fields,
                body=body,
                content_type=content,
            ),
            to,
        )

    def make(
        self,
        method: str,
        to: Node,
        *,
        headers: Iterable[tuple[str, str]] = (),
        body: bytes = b"",
        cseq: int = 1,
        call_id: str = "puppet-call",
        to_tag: str = "",
        from_tag: str = "me",
        branch: str = "",
        uri: str = "",
    ) -> Request:
        """A request with all it needs; `headers` of the same name replace."""
        self._branches += 1
        branch = branch or f"z9hG4bKpuppet{self._branches}"
        tag = f";tag={to_tag}" if to_tag else ""
        lines = {
            "Via": f"SIP/2.0/{self.transport} {HOST}:{self.address[1]};branch={branch};rport",
            "From": f"<sip:puppet@example.com>;tag={from_tag}",
            "To": f"<{to.uri()}>{tag}",
            "Call-ID": call_id,
            "CSeq": f"{cseq} {method}",
            "Contact": f"<{self.uri}>",
            "Max-Forwards": "70",
        }
        if body:
            lines["Content-Type"] = "application/sdp"
        lines |= dict(headers)
        text = f"{method} {uri or to.uri()} SIP/2.0\r\n"
        text += "".join(f"{name}: {value}\r\n" for name, value in lines.items() if value)
        message = parse(text.encode() + b"Content-Length: %d\r\n\r\n" % len(body) + body)
        assert isinstance(message, Request)
        return message

    def within(self, answer: Response, method: str, to: Node, *, cseq: int, **fields: object) -> Request:
        """A request inside the dialog that `answer`, received by us, made."""
        return self.make(
            method,
            to,
            cseq=cseq,
            call_id=answer.call_id,
            to_tag=answer.to.tag or "",
            from_tag=answer.from_.tag or "",
            **fields,  # type: ignore[arg-type]  # fields of many types by name
        )

    def inside(
        self, invite: Request, method: str, to: Node, *, cseq: int = 1, tag: str = "puppet", **fields: object
    ) -> Request:
        """A request inside the dialog that our answer to `invite` made."""
        return self.make(
            method,
            to,
            cseq=cseq,
            call_id=invite.call_id,
            to_tag=invite.from_.tag or "",
            from_tag=tag,
            uri=str(invite.contacts[0].uri),
            **fields,  # type: ignore[arg-type]  # fields of many types by name
        )

    def ack(self, answer: Response, to: Node, *, body: bytes = b"") -> None:
        """Acknowledge a 2xx."""
        self.send(self.within(answer, "ACK", to, cseq=answer.cseq.number, body=body), to)

    def ack_refusal(self, invite: Request, answer: Response, to: Node) -> None:
        """Acknowledge a non-2xx, in its transaction."""
        ack = replace(invite, method="ACK", headers=invite.headers.copy(), body=b"")
        ack.headers.set("To", answer.headers.get("To") or "")
        ack.headers.set("CSeq", f"{invite.cseq.number} ACK")
        ack.headers.remove("Contact")
        ack.headers.remove("Content-Type")
        self.send(ack, to)

    def cancel(self, invite: Request, to: Node) -> None:
        """Take an INVITE of ours back."""
        cancel = replace(invite, method="CANCEL", headers=invite.headers.copy(), body=b"")
        cancel.headers.set("CSeq", f"{invite.cseq.number} CANCEL")
        cancel.headers.remove("Contact")
        cancel.headers.remove("Content-Type")
        self.send(cancel, to)


def _name(message: Request | Response) -> str:
    return message.method if isinstance(message, Request) else f"{message.status} ({message.cseq.method})"


class Net:
    """Time and the wire. Nothing happens unless `run` lets time pass."""

    def __init__(self) -> None:
        self.now_ns = 0
        self.delay_ns: Callable[[Packet], list[int]] = lambda packet: [10 * MILLISECOND]
        """When copies of a packet arrive; an empty list loses it."""
        self.log: list[tuple[float, Packet]] = []
        self.delivered = 0
        self._queue: list[InFlight] = []
        self._serial = 0
        self._nodes: dict[Address, Node] = {}
        self._puppets: dict[Address, Puppet] = {}

    def node(self, port: int, *, seed: int | None = None, settings: StackSettings | None = None) -> Node:
        settings = settings or StackSettings(session_expires_s=0)
        node = Node(self, port, port if seed is None else seed, settings)
        self._nodes[node.address] = node
        return node

    def puppet(self, port: int, transport: str = "UDP") -> Puppet:
        puppet = Puppet(self, port, transport)
        self._puppets[puppet.address] = puppet
        return puppet

    @property
    def seconds(self) -> float:
        return self.now_ns / SECOND

    def post(self, packet: Packet, flow: Flow) -> None:
        self.log.append((self.seconds, packet))
        for delay in self.delay_ns(packet):
            self._serial += 1
            heapq.heappush(self._queue, InFlight(self.now_ns + delay, self._serial, packet, flow.transport))

    def drop(self, *firsts: str, times: int = 1) -> None:
        """Lose the next `times` packets whose start line begins with one of `firsts`."""
        left = dict.fromkeys(firsts, times)

        def delay(packet: Packet) -> list[int]:
            for first in firsts:
                if packet.data.startswith(first.encode()) and left[first]:
                    left[first] -= 1
                    return []
            return [10 * MILLISECOND]

        self.delay_ns = delay

    def run(self, seconds: float) -> None:
        """Let time pass, delivering packets and firing timers in order."""
        end = self.now_ns + round(seconds * SECOND)
        self._flush()
        while True:
            moments = [node.core.next_deadline() for node in self._nodes.values()]
            if self._queue:
                moments.append(self._queue[0].at_ns)
            due = [moment for moment in moments if moment is not None and moment <= end]
            if not due:
                break
            self.now_ns = max(self.now_ns, min(due))
            for node in self._nodes.values():
                node.core.advance(self.now_ns)
            while self._queue and self._queue[0].at_ns <= self.now_ns:
                self._deliver(heapq.heappop(self._queue))
            self._flush()
        self.now_ns = end
        for node in self._nodes.values():
            node.core.advance(end)
        self._flush()

    def _flush(self) -> None:
        for node in self._nodes.values():
            node.flush()

    def _deliver(self, flight: InFlight) -> None:
        packet = flight.packet
        self.delivered += 1
        if node := self._nodes.get(packet.target):
            connection = 0 if flight.transport == "UDP" else packet.source[1]
            node.core.receive(Flow(flight.transport, *packet.source, connection), packet.data, self.now_ns)
        elif puppet := self._puppets.get(packet.target):
            message = parse(packet.data)
            puppet.inbox.append(message)
            puppet.heard.append((round(self.seconds, 3), message))
