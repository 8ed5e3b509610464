"""What a new INVITE must pass before it is a call (RFC 3261 §8.2, §13.3.1, §22.3; RFC 4028 §9)."""

from collections.abc import Callable
from typing import Protocol

from ringline.sip import interval as intervals
from ringline.sip.authentication import INVITE_STATUS, Authenticator, Checked, Identity
from ringline.sip.bodies import SDP, foreign_headers, sdp_of
from ringline.sip.events import Accept, Challenge, IncomingCall, Refuse, Route, SipHeader
from ringline.sip.invite import checked, checked_phrase, pairs
from ringline.sip.layer import ServerTransaction, TransactionLayer
from ringline.sip.message import Request
from ringline.sip.params import SipError
from ringline.sip.stack import Stack
from ringline.sip.uas import InboundCall


class Desk(Protocol):
    """Who keeps the calls."""

    def begin(self, call: InboundCall) -> None:
        """A call exists from now on."""
        ...

    def forget(self, call: object) -> None:
        """A call is over for good."""
        ...


class Intake:
    """Checks an INVITE outside any dialog, asks the house about it, and makes it a call."""

    def __init__(
        self,
        stack: Stack,
        layer: TransactionLayer,
        desk: Desk,
        authenticator: Authenticator,
        decide: Callable[[IncomingCall], Route],
    ) -> None:
        self._stack = stack
        self._layer = layer
        self._desk = desk
        self._authenticator = authenticator
        self._decide = decide

    def receive(self, transaction: ServerTransaction, request: Request) -> None:
        """Answer the INVITE, or leave it to the house."""
        sdp = sdp_of(request)
        minimum = self._stack.settings.min_se_s
        if sdp is None:
            transaction.respond(415, headers=[("Accept", SDP), ("Accept-Encoding", "identity")])
            return
        if len(request.contacts) != 1:
            transaction.respond(400, "One Contact Wanted")
            return
        try:
            interval = intervals.as_server(request.headers, minimum)
        except intervals.TooSmall:
            transaction.respond(422, headers=[("Min-SE", str(minimum))])
            return
        source, now_ns = transaction.flow.host, self._stack.now_ns
        identity = self._authenticator.check(request, INVITE_STATUS, source, now_ns)
        call = self._describe(transaction, request, sdp, identity)
        match self._decide(call):
            case Accept():
                made = InboundCall(
                    self._stack, self._layer, self._desk, transaction, request, call.handle, interval
                )
                self._desk.begin(made)
                self._stack.emit(call)
            case Refuse(status, reason, headers):
                self._refuse(transaction, status, reason, headers)
            case Challenge(realm):
                stale = identity.identity is Identity.STALE
                fields = self._authenticator.challenge(INVITE_STATUS, now_ns, realm=realm, stale=stale)
                transaction.respond(INVITE_STATUS, headers=fields)

    def _refuse(
        self, transaction: ServerTransaction, status: int, reason: str, headers: tuple[SipHeader, ...]
    ) -> None:
        try:
            if not 300 <= status < 700:
                raise SipError(f"{status} does not refuse a call")
            fields, phrase = pairs(checked(headers)), checked_phrase(reason)
        except SipError:
            self._stack.counters["bad_refusals"] += 1
            transaction.respond(500)
        else:
            transaction.respond(status, phrase or None, headers=fields)

    def _describe(
        self, transaction: ServerTransaction, request: Request, sdp: bytes, identity: Checked
    ) -> IncomingCall:
        caller, callee, target = request.from_, request.to, request.request_uri
        return IncomingCall(
            handle=self._stack.ids.token(12),
            request_uri=request.uri,
            request_user=target.user_key,
            request_host=target.host,
            from_uri=str(caller.uri),
            from_display=caller.display,
            from_user=caller.uri.user_key,
            to_uri=str(callee.uri),
            to_user=callee.uri.user_key,
            sdp=sdp,
            headers=foreign_headers(request.headers),
            source=transaction.flow.peer,
            transport=transaction.flow.transport.lower(),
            credential_user=identity.user if identity.identity is Identity.VALID else None,
            call_id=request.call_id,
        )
