"""What the SIP room tells the house, what the house answers, and what the core asks of its shell."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from ringline.sip.flow import Flow
from ringline.sip.grammar import Uri
from ringline.sip.params import SipError


@dataclass(frozen=True, slots=True)
class SipHeader:
    """One header field, name and value as they stood."""

    name: str
    value: str


HeaderList = Iterable[SipHeader]


@dataclass(frozen=True, slots=True)
class IncomingCall:
    """An INVITE wants in. Answer with `ring`, `accept` or `refuse`; the 100 after 200 ms is automatic.

    `request_uri`, `from_uri` and `to_uri` are URIs as text without tags; `*_user` their user parts with
    escapes resolved. `sdp` is empty for a late offer: `accept` must then carry an offer, and `CallAcked`
    brings the answer. `headers` are all fields the SIP room does not itself use (X-*, User-to-User,
    Diversion, P-Asserted-Identity…). `credential_user` is the digest user that was verified, else None.
    """

    handle: str
    request_uri: str
    request_user: str
    request_host: str
    from_uri: str
    from_display: str
    from_user: str
    to_uri: str
    to_user: str
    sdp: bytes
    headers: tuple[SipHeader, ...]
    source: str
    transport: str
    credential_user: str | None
    call_id: str


@dataclass(frozen=True, slots=True)
class CallProgress:
    """A provisional response (180, 183…) to our INVITE; `sdp` may be early media's answer."""

    handle: str
    status: int
    sdp: bytes


@dataclass(frozen=True, slots=True)
class CallAnswered:
    """Our INVITE was answered with a 2xx; the ACK is on its way (if ours had no SDP: `acknowledge`)."""

    handle: str
    status: int
    sdp: bytes
    headers: tuple[SipHeader, ...]


@dataclass(frozen=True, slots=True)
class CallFailed:
    """Our INVITE has come to nothing.

    `status` is the peer's final response ≥ 300, or ours: 408 nobody answered, 487 after `cancel`, 480 the
    user is not registered, 503 no address or no connection. Redirections are not followed: `headers` of a 3xx
    carry its Contacts.
    """

    handle: str
    status: int
    reason: str
    headers: tuple[SipHeader, ...]


@dataclass(frozen=True, slots=True)
class CallCancelled:
    """The caller gave up before we answered (CANCEL, early BYE, or its Expires ran out)."""

    handle: str
    headers: tuple[SipHeader, ...] = ()


@dataclass(frozen=True, slots=True)
class CallAcked:
    """The ACK to our 2xx came; `sdp` is the answer to a late offer, else empty."""

    handle: str
    sdp: bytes


@dataclass(frozen=True, slots=True)
class CallEnded:
    """An answered call is over: a BYE came, ours was answered, or the dialog failed (no ACK, 481…).

    `reason` is the BYE's Reason header as it stood (RFC 3326), else "BYE", or what failed.
    """

    handle: str
    by: Literal["remote", "local", "error"]
    reason: str
    headers: tuple[SipHeader, ...]


@dataclass(frozen=True, slots=True)
class CallReoffered:
    """The peer offers again (re-INVITE or UPDATE): `accept_reoffer` or `refuse_reoffer`.

    With `sdp` empty the peer wants an offer: `accept_reoffer` carries it, `CallAcked` brings the answer.
    """

    handle: str
    sdp: bytes


@dataclass(frozen=True, slots=True)
class CallReofferCancelled:
    """The peer took its re-INVITE back before we answered: the session stays as it was."""

    handle: str


@dataclass(frozen=True, slots=True)
class CallReofferAnswered:
    """The outcome of our `reoffer`: 200 with the answer, or the refusal's status and no SDP."""

    handle: str
    status: int
    sdp: bytes


@dataclass(frozen=True, slots=True)
class InfoReceived:
    """An INFO inside the call; it was answered with 200."""

    handle: str
    content_type: str
    body: bytes


@dataclass(frozen=True, slots=True)
class InfoAnswered:
    """The final status of our `info` (408 and 503 also stand for no answer)."""

    handle: str
    status: int


@dataclass(frozen=True, slots=True)
class ReferProgress:
    """What became of our `refer` (RFC 3515): 202, then what NOTIFY's sipfrag says; `final` ends it."""

    handle: str
    status: int
    final: bool


@dataclass(frozen=True, slots=True)
class RegistrationChanged:
    """A phone registered with us, refreshed or left; `expires_s` 0 means that no binding is left."""

    user: str
    contact: str
    expires_s: int


@dataclass(frozen=True, slots=True)
class RegisterOutcome:
    """What became of our own REGISTER: 200 with the granted lifetime (0: unregistered), or why it failed."""

    handle: str
    status: int
    reason: str
    expires_s: int


@dataclass(frozen=True, slots=True)
class SipMessageSeen:
    """A message went over the wire; `handle` is None where it belongs to no call."""

    handle: str | None
    direction: Literal["in", "out"]
    summary: str
    peer: str
    raw: bytes


Event = (
    IncomingCall
    | CallProgress
    | CallAnswered
    | CallFailed
    | CallCancelled
    | CallAcked
    | CallEnded
    | CallReoffered
    | CallReofferCancelled
    | CallReofferAnswered
    | InfoReceived
    | InfoAnswered
    | ReferProgress
    | RegistrationChanged
    | RegisterOutcome
    | SipMessageSeen
)


@dataclass(frozen=True, slots=True)
class Accept:
    """Let the call in: `IncomingCall` follows."""


@dataclass(frozen=True, slots=True)
class Refuse:
    """Answer at once with this status (300–699); no event follows. An empty reason is the standard phrase.

    A refusal that cannot be sent (status, control characters, headers of the stack's own) becomes a 500.
    """

    status: int
    reason: str = ""
    headers: tuple[SipHeader, ...] = ()


@dataclass(frozen=True, slots=True)
class Challenge:
    """Ask for credentials first (407); the caller comes again with them. "" is the endpoint's own realm."""

    realm: str = ""


Route = Accept | Refuse | Challenge


@dataclass(frozen=True, slots=True)
class Send:
    """Put bytes on a flow, opening a connection if its transport needs one and none is there."""

    flow: Flow
    data: bytes


@dataclass(frozen=True, slots=True)
class Resolve:
    """Find the addresses for a URI (RFC 3263); answer with `SipCore.resolved`, best first, empty if none."""

    token: int
    uri: Uri


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A message came that breaks the grammar or our limits; answered already where an answer is due."""

    flow: Flow
    problem: SipError


Output = Send | Resolve | Unreadable | Event
