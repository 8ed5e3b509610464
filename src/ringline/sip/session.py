"""A dialog made by INVITE, from its first early response to its BYE (RFC 3261 §12.2, §14, §15).

::

    EARLY → ACTIVE → LEAVING → OVER
      └───────┴─────────────────┘
"""

import re
from collections.abc import Callable
from enum import StrEnum
from typing import Literal, Protocol

from ringline.sip.bodies import foreign_headers
from ringline.sip.dialog import Dialog
from ringline.sip.events import InfoAnswered, InfoReceived, ReferProgress, SipHeader
from ringline.sip.exchange import Exchange, Login, Outcome
from ringline.sip.layer import ServerTransaction, TransactionLayer
from ringline.sip.message import Request
from ringline.sip.renegotiation import GONE, Renegotiation
from ringline.sip.stack import ALLOW, Stack
from ringline.sip.transaction import IllegalMove

By = Literal["remote", "local", "error"]
_SIPFRAG = re.compile(rb"\s*SIP/2\.0 ([1-6]\d\d)\b", re.IGNORECASE)


class SessionState(StrEnum):
    """How far the dialog is."""

    EARLY = "early"
    ACTIVE = "active"
    LEAVING = "leaving"  # our BYE is wanted or sent
    OVER = "over"


MOVES: dict[SessionState, frozenset[SessionState]] = {
    SessionState.EARLY: frozenset({SessionState.ACTIVE, SessionState.OVER}),
    SessionState.ACTIVE: frozenset({SessionState.LEAVING, SessionState.OVER}),
    SessionState.LEAVING: frozenset({SessionState.OVER}),
    SessionState.OVER: frozenset(),
}


class SessionUser(Protocol):
    """The call that this session carries."""

    def session_over(self, session: "Session", by: By, reason: str, headers: tuple[SipHeader, ...]) -> None:
        """The session has ended; nothing more comes from it."""
        ...


class Session:
    """One peer of a call. Commands on one that is being left or over do nothing: ends cross commands."""

    def __init__(
        self,
        stack: Stack,
        layer: TransactionLayer,
        user: SessionUser,
        dialog: Dialog,
        handle: str,
        *,
        caller: bool,
        login: Login | None = None,
    ) -> None:
        self._stack = stack
        self._layer = layer
        self._user = user
        self.dialog = dialog
        self.handle = handle
        self.login = login
        self.state = SessionState.EARLY
        self.offers = Renegotiation(stack, layer, self, caller=caller)
        self._leave: tuple[By, str] = ("local", "BYE")
        self._bye_headers: tuple[SipHeader, ...] = ()
        self._bye_sent = False
        self._referring = False

    @property
    def active(self) -> bool:
        """Whether the call is answered and not being left."""
        return self.state is SessionState.ACTIVE

    def move(self, state: SessionState) -> None:
        """Change state; raises `IllegalMove` where the table has no such move."""
        if state not in MOVES[self.state]:
            raise IllegalMove(f"a session that is {self.state} cannot become {state}")
        self.state = state

    # What the peer sends inside the dialog

    def receive(self, transaction: ServerTransaction, request: Request) -> None:
        """A request other than ACK and CANCEL."""
        if not self.dialog.in_order(request):
            transaction.respond(500, headers=[("Retry-After", str(self._stack.ids.u16() % 11))])
        elif request.method == "BYE":
            self._bye(transaction, request)
        elif self.state is SessionState.LEAVING:
            transaction.respond(481)  # our BYE has ended the dialog for us (§15.1.1)
        elif request.method in {"INVITE", "UPDATE"}:
            self.offers.receive(transaction, request)
        elif request.method == "INFO":
            transaction.respond(200)
            content_type = request.headers.get("Content-Type") or ""
            self._stack.emit(InfoReceived(self.handle, content_type, request.body))
        elif request.method == "NOTIFY":
            self._notify(transaction, request)
        elif request.method == "OPTIONS":
            transaction.respond(200, headers=[("Allow", ALLOW), ("Accept", "application/sdp")])
        elif request.method == "REFER":
            transaction.respond(603)  # transfers are the API's to order, not the phone's
        else:
            transaction.respond(481)  # PRACK: we never send a reliable 1xx (RFC 3262 §3)

    def _bye(self, transaction: ServerTransaction, request: Request) -> None:
        transaction.respond(200)
        if self.state is SessionState.LEAVING:
            self._over(*self._leave, ())  # both hung up at once: ours was first for us
            return
        reason = request.headers.get("Reason") or "BYE"
        self._over("remote", reason, foreign_headers(request.headers))

    def _notify(self, transaction: ServerTransaction, request: Request) -> None:
        """The progress of our REFER (RFC 3515 §2.4.5)."""
        package = (request.headers.get("Event") or "").partition(";")[0].strip().lower()
        if package != "refer":
            transaction.respond(489)
            return
        if not self._referring:
            transaction.respond(481)  # no subscription of ours (RFC 6665 §4.1.3)
            return
        transaction.respond(200)
        found = _SIPFRAG.match(request.body)
        state = (request.headers.get("Subscription-State") or "").lower()
        if found is not None:
            status = int(found.group(1))
            final = status >= 200 or state.startswith("terminated")
            self._referring = not final
            self._stack.emit(ReferProgress(self.handle, status, final))

    # What the house asks

    def bye(self, headers: tuple[SipHeader, ...] = (), *, by: By = "local", reason: str = "BYE") -> None:
        """Leave: BYE at once, or when the ACK to our 2xx has come (§15: not before)."""
        if self.state is not SessionState.ACTIVE:
            return
        self.move(SessionState.LEAVING)
        self._leave = (by, reason)
        self._bye_headers = headers
        if not self.offers.awaits_ack:
            self._send_bye()

    def acknowledged(self) -> None:
        """The ACK to a 2xx of ours has come; a BYE may have been waiting for it."""
        if self.state is SessionState.LEAVING:
            self._send_bye()

    def lost(self, reason: str, *, say_bye: bool) -> None:
        """The dialog has failed; the peer, if it still lives, is told."""
        if self.state is SessionState.LEAVING:
            if not self._bye_sent:
                self._send_bye()
        elif self.state is SessionState.ACTIVE:
            if say_bye:
                self.bye(by="error", reason=reason)
            else:
                self._over("error", reason, ())

    def info(self, content_type: str, body: bytes) -> None:
        """Send an INFO; `InfoAnswered` follows."""
        if self.state in {SessionState.EARLY, SessionState.ACTIVE}:
            request = self.dialog.request("INFO")
            request.headers.add("Content-Type", content_type)
            request.body = body
            self._exchange(request, self._info_answered)

    def refer(self, target: str, headers: tuple[SipHeader, ...] = ()) -> None:
        """Ask the peer to call `target` (RFC 3515); `ReferProgress` follows."""
        if self.state is SessionState.ACTIVE:
            request = self.dialog.request("REFER")
            request.headers.add("Refer-To", f"<{target}>")
            request.headers.add("Referred-By", f"<{self.dialog.local.uri}>")
            for header in headers:
                request.headers.add(header.name, header.value)
            self._referring = True
            self._exchange(request, self._refer_answered)

    def abandon(self) -> None:
        """An early dialog comes to nothing: the call was refused, cancelled, or answered by another fork."""
        if self.state is not SessionState.OVER:
            self.move(SessionState.OVER)
            self.offers.stop()

    def _send_bye(self) -> None:
        self._bye_sent = True
        request = self.dialog.request("BYE")
        for header in self._bye_headers:
            request.headers.add(header.name, header.value)
        self._exchange(request, self._left)

    def _exchange(self, request: Request, then: Callable[[int], None]) -> None:
        Exchange(
            self._stack,
            self._layer,
            request,
            Outcome(then),
            handle=self.handle,
            next_cseq=self.dialog.next_cseq,
            hop=self.dialog.hop,
            login=self.login,
        ).start()

    def _left(self, status: int) -> None:
        if self.state is SessionState.LEAVING:
            self._over(*self._leave, ())

    def _info_answered(self, status: int) -> None:
        if self.state is not SessionState.OVER:
            self._stack.emit(InfoAnswered(self.handle, status))
            self._check(status)

    def _refer_answered(self, status: int) -> None:
        if self.state is not SessionState.OVER:
            self._referring = self._referring and status < 300
            self._stack.emit(ReferProgress(self.handle, status, final=status >= 300))
            self._check(status)

    def _check(self, status: int) -> None:
        """408 and 481 to a request of ours say that the dialog is no more (§12.2.1.2)."""
        if status in GONE:
            self.lost(f"{status} in the dialog", say_bye=status == 408)

    def _over(self, by: By, reason: str, headers: tuple[SipHeader, ...]) -> None:
        self.move(SessionState.OVER)
        self.offers.stop()
        self._user.session_over(self, by, reason, headers)
