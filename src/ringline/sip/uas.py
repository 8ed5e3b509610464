"""An incoming call (RFC 3261 §13.3): ringing, answer, refusal, and the caller who gives up first."""

from ringline.sip.bodies import SDP, foreign_headers
from ringline.sip.dialog import Dialog
from ringline.sip.events import CallCancelled, CallEnded, SipHeader
from ringline.sip.interval import Interval
from ringline.sip.invite import Calls, CallState, moved, pairs
from ringline.sip.layer import ServerTransaction, TransactionLayer
from ringline.sip.message import Request
from ringline.sip.session import By, Session, SessionState
from ringline.sip.stack import ALLOW, Stack
from ringline.sip.transaction import IllegalMove

RING = "ring"
EXPIRES = "expires"


class InboundCall:
    """A call that a peer has begun. Raises `SipError` (400) at birth when the INVITE cannot make a dialog."""

    def __init__(
        self,
        stack: Stack,
        layer: TransactionLayer,
        calls: Calls,
        transaction: ServerTransaction,
        request: Request,
        handle: str,
        interval: Interval | None,
    ) -> None:
        self._stack = stack
        self._calls = calls
        self._transaction = transaction
        self._interval = interval
        self._record_routes = tuple(("Record-Route", str(route)) for route in request.record_routes)
        self._ringing: tuple[int, bytes, tuple[SipHeader, ...]] = (180, b"", ())
        self.handle = handle
        self.state = CallState.OFFERED
        contact = stack.contact(request.request_uri.user, transaction.flow.transport)
        dialog = Dialog.as_server(request, stack.tag(), contact, transaction.flow)
        self.session = Session(stack, layer, self, dialog, handle, caller=False)
        self.session.offers.learn(request)
        transaction.to_tag = dialog.id.local_tag
        transaction.handle = handle
        self.dialog_key = (dialog.call_id, dialog.id.local_tag)
        # Without the caller's own limit, ours: a caller whose CANCEL never comes must not ring for ever.
        limit_s = stack.settings.ring_limit_s
        stack.timers.arm(self, EXPIRES, stack.after(min(request.expires or limit_s, limit_s)))

    def session_for(self, remote_tag: str) -> Session | None:
        """The session of the dialog with this remote tag."""
        return self.session if self.session.dialog.id.remote_tag == remote_tag else None

    def ring(self, status: int = 180, sdp: bytes = b"", headers: tuple[SipHeader, ...] = ()) -> None:
        """Send a provisional response (101–199), again every minute; does nothing past that stage."""
        if not 100 < status < 200:
            raise IllegalMove(f"{status} is not a provisional status that makes a dialog")
        if self.state is CallState.OFFERED:
            self._ringing = (status, sdp, headers)
            self._ring()

    def _ring(self) -> None:
        status, sdp, headers = self._ringing
        fields = [
            *self._record_routes,
            ("Contact", self.session.dialog.contact),
            ("Allow", ALLOW),
            *pairs(headers),
        ]
        self._transaction.respond(status, headers=fields, body=sdp, content_type=SDP if sdp else None)
        self._stack.timers.arm(self, RING, self._stack.after(self._stack.settings.ringing_repeat_s))

    def accept(self, sdp: bytes, headers: tuple[SipHeader, ...] = ()) -> None:
        """Answer with 200; does nothing if the caller has gone, `IllegalMove` if it was answered."""
        if self.state is CallState.ANSWERED:
            raise IllegalMove("the call was answered already")
        if self.state is CallState.OFFERED:
            self.state = moved(self.state, CallState.ANSWERED)
            self._stack.timers.disarm_all(self)
            self.session.move(SessionState.ACTIVE)
            fields = (*self._record_routes, *pairs(headers))
            self.session.offers.first_answer(self._transaction, self._interval, sdp, fields)

    def refuse(self, status: int, reason: str = "", headers: tuple[SipHeader, ...] = ()) -> None:
        """Answer with 300–699; nothing happens if the caller has already gone."""
        if not 300 <= status < 700:
            raise IllegalMove(f"{status} does not refuse a call")
        if self.state is CallState.ANSWERED:
            raise IllegalMove("the call was answered already")
        if self.state is CallState.OFFERED:
            self._transaction.respond(status, reason or None, headers=pairs(headers))
            self._end()

    def bye(self, headers: tuple[SipHeader, ...] = ()) -> None:
        """Leave an answered call; raises `IllegalMove` before the answer, where `refuse` says why."""
        if self.state is CallState.OFFERED:
            raise IllegalMove("an incoming call that is not answered is refused, not left")
        self.session.bye(headers)

    def cancelled(self, invite: ServerTransaction, cancel: Request) -> None:
        """A CANCEL came for an INVITE of this call (§9.2); after the answer it does nothing."""
        if invite is not self._transaction:
            self.session.offers.cancelled(invite)
        elif self.state is CallState.OFFERED:
            self._give_up(foreign_headers(cancel.headers))

    def late_answer(self, response: object) -> None:
        """No response can belong to a call that we did not begin."""

    def session_over(self, session: Session, by: By, reason: str, headers: tuple[SipHeader, ...]) -> None:
        """From the session: a BYE, of either side, or a dialog that failed."""
        if self.state is CallState.OFFERED:
            self._give_up(headers)  # BYE before the answer (§15.1.2)
        else:
            self._stack.emit(CallEnded(self.handle, by, reason, headers))
            self._end()

    def _give_up(self, headers: tuple[SipHeader, ...]) -> None:
        self._transaction.respond(487)
        self._stack.emit(CallCancelled(self.handle, headers))
        self._end()

    def _end(self) -> None:
        self.state = moved(self.state, CallState.ENDED)
        self._stack.timers.disarm_all(self)
        self.session.abandon()
        self._calls.forget(self)

    def wake(self, timer: str) -> None:
        """Ring again, or the INVITE's Expires or our own limit has run out (§13.3.1)."""
        if timer == RING:
            self._ring()
        else:
            self._give_up(())
