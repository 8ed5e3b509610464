"""Dialogs (RFC 3261 §12): what two ends agreed to call each other, and the requests that follow from it."""

from dataclasses import dataclass
from typing import NamedTuple

from ringline.sip.flow import Flow, is_address
from ringline.sip.grammar import NameAddr, SipError, Uri
from ringline.sip.headers import Headers
from ringline.sip.message import Request, Response
from ringline.sip.transaction import MAX_FORWARDS


class DialogId(NamedTuple):
    """Call-ID, our tag, their tag (§12)."""

    call_id: str
    local_tag: str
    remote_tag: str


@dataclass(slots=True)
class Dialog:
    """One dialog, early or confirmed.

    `local` and `remote` carry their tags. `routes` are Route values in the order we send them. `flow`, when
    set, is the only way to the peer (a phone behind NAT, a connection it opened); otherwise requests follow
    the route set and the remote target.
    """

    call_id: str
    local: NameAddr
    remote: NameAddr
    remote_target: str
    routes: tuple[NameAddr, ...]
    contact: str
    local_cseq: int
    remote_cseq: int | None
    flow: Flow | None = None

    @classmethod
    def as_server(cls, request: Request, tag: str, contact: str, flow: Flow) -> "Dialog":
        """The dialog our response to `request` makes (§12.1.1); raises `SipError` (400) without Contact."""
        return cls(
            call_id=request.call_id,
            local=request.to.with_tag(tag),
            remote=request.from_,
            remote_target=_target(request),
            routes=request.record_routes,
            contact=contact,
            local_cseq=0,
            remote_cseq=request.cseq.number,
            flow=flow if _only_by_flow(request, flow) else None,
        )

    @classmethod
    def as_client(cls, request: Request, response: Response, contact: str, flow: Flow | None) -> "Dialog":
        """The dialog that a peer's response makes (§12.1.2); `flow` where the peer is reached no other way.

        A 2xx or tagged 1xx that lacks Contact leaves the request URI as the target.
        """
        return cls(
            call_id=request.call_id,
            local=request.from_,
            remote=response.to,
            remote_target=str(response.contacts[0].uri) if response.contacts else request.uri,
            routes=tuple(reversed(response.record_routes)),
            contact=contact,
            local_cseq=request.cseq.number,
            remote_cseq=None,
            flow=flow,
        )

    @property
    def id(self) -> DialogId:
        """Who we are to each other."""
        return DialogId(self.call_id, self.local.tag or "", self.remote.tag or "")

    @property
    def hop(self) -> Flow | Uri:
        """Where requests go: the flow, or the first route, strict or loose (§8.1.2), or the target."""
        if self.flow is not None:
            return self.flow
        return self.routes[0].uri if self.routes else Uri.parse(self.remote_target)

    def next_cseq(self) -> int:
        """The number of our next request."""
        self.local_cseq += 1
        return self.local_cseq

    def request(self, method: str, cseq: int | None = None) -> Request:
        """A request in the dialog (§12.2.1.1), without Via; `cseq` for ACK, which repeats its INVITE's."""
        uri, routes = self.remote_target, [str(route) for route in self.routes]
        if self.routes and not self.routes[0].uri.lr:
            # A strict router wants itself in the request URI and the target last.
            uri, routes = str(self.routes[0].uri), [*routes[1:], f"<{self.remote_target}>"]
        headers = Headers(("Route", route) for route in routes)
        headers.add("Max-Forwards", MAX_FORWARDS)
        headers.add("From", str(self.local))
        headers.add("To", str(self.remote))
        headers.add("Call-ID", self.call_id)
        headers.add("CSeq", f"{self.next_cseq() if cseq is None else cseq} {method}")
        if method in {"INVITE", "UPDATE", "REFER"}:
            headers.add("Contact", self.contact)
        return Request(method, uri, headers)

    def in_order(self, request: Request) -> bool:
        """Take the CSeq of the peer's request; False when it is older than one we have seen (§12.2.2)."""
        number = request.cseq.number
        if self.remote_cseq is not None and number <= self.remote_cseq:
            return False
        self.remote_cseq = number
        return True

    def refresh(self, message: Request | Response) -> None:
        """Take the Contact of a target refresh (re-INVITE, UPDATE and their 2xx, §12.2)."""
        if message.contacts:
            self.remote_target = str(message.contacts[0].uri)


def _target(request: Request) -> str:
    if not request.contacts:
        raise SipError("an INVITE without Contact", 400)
    return str(request.contacts[0].uri)


def _only_by_flow(request: Request, flow: Flow) -> bool:
    """Whether the caller can be reached only by the way it came: on its stream, or behind NAT.

    With a route set, or more than one Via, there is a proxy between us, and the route set or the Contact says
    the way. Otherwise a Contact whose address is not the packet's source is one that its sender believes in
    and we cannot reach. A port alone may differ: some send from one port and listen on another.
    """
    if request.record_routes or len(request.vias) > 1:
        return False
    target = request.contacts[0].uri
    return flow.reliable or (is_address(target.host) and target.host != flow.host)
