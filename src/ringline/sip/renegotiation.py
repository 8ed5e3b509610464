"""Offers inside an answered call, both ways (RFC 3261 §14, RFC 3311), and the refreshes of RFC 4028.

At most one offer is open at a time: ours while the peer's is open waits, theirs while ours is open meets 491,
a second one of theirs 500. Every answer we give to an INVITE, the first included, is repeated until its ACK.
"""

from typing import Protocol

from ringline.core.clock import MILLISECOND
from ringline.sip import interval as intervals
from ringline.sip.answer import Answer
from ringline.sip.bodies import SDP, sdp_of
from ringline.sip.dialog import Dialog
from ringline.sip.events import CallAcked, CallReofferAnswered, CallReofferCancelled, CallReoffered
from ringline.sip.exchange import Ack, Exchange, Login
from ringline.sip.interval import Interval, TooSmall
from ringline.sip.layer import ServerTransaction, TransactionLayer
from ringline.sip.message import Request, Response
from ringline.sip.stack import ALLOW, SUPPORTED, Stack

REFRESH = "refresh"
DEAD = "dead"
RETRY = "retry"
OFFER_LIMIT = "offer limit"
REFRESH_AGAIN_S = 5
OFFER_LIMIT_S = 60
"""A re-INVITE that the peer only answers with provisional responses is cancelled after this."""
GONE = frozenset({408, 481})
"""Answers that end the dialog (§12.2.1.2)."""

HeaderPairs = tuple[tuple[str, str], ...]


class RenegotiationUser(Protocol):
    """The session that renegotiates."""

    dialog: Dialog
    login: Login | None
    handle: str

    @property
    def active(self) -> bool:
        """Whether the call is answered and not being left."""
        ...

    def acknowledged(self) -> None:
        """The ACK to a 2xx of ours has come."""
        ...

    def lost(self, reason: str, *, say_bye: bool) -> None:
        """The dialog has failed."""
        ...


class Renegotiation:
    """The offers of one session."""

    def __init__(
        self, stack: Stack, layer: TransactionLayer, session: RenegotiationUser, *, caller: bool
    ) -> None:
        self._stack = stack
        self._layer = layer
        self._session = session
        self._caller = caller
        self._incoming: ServerTransaction | None = None
        self._agreed: Interval | None = None
        self._outgoing: Exchange | None = None
        self._offer = b""
        self._refreshing = False
        self._wanted: bytes | None = None
        self._answer: Answer | None = None
        self._ack: Ack | None = None
        self._min_se_s = stack.settings.min_se_s
        self._interval: Interval | None = None
        self.local_sdp = b""
        self.peer_updates = False
        """Whether the peer's Allow has UPDATE."""

    # The first answer, and what the session lends us

    @property
    def awaits_ack(self) -> bool:
        """Whether a 2xx of ours is not acknowledged yet."""
        return self._answer is not None

    def first_answer(
        self, transaction: ServerTransaction, interval: Interval | None, sdp: bytes, headers: HeaderPairs
    ) -> None:
        """Answer the INVITE that made the call."""
        self._agreed = interval
        self.local_sdp = sdp
        self._answer_invite(transaction, sdp, headers)
        self.settle(interval)

    def _answer_invite(self, transaction: ServerTransaction, sdp: bytes, headers: HeaderPairs) -> None:
        response = self._ok(transaction, sdp, headers)
        number, data = response.cseq.number, response.serialize()
        self._answer = Answer(self._stack, self, transaction.flow, data, number, self._session.handle)

    def settle(self, interval: Interval | None) -> None:
        """An INVITE or UPDATE has succeeded with this session interval: the clock starts again."""
        self._interval = interval
        timers, now = self._stack.timers, self._stack.after
        timers.disarm(self, REFRESH)
        timers.disarm(self, DEAD)
        if interval is None:
            return
        if interval.ours:
            timers.arm(self, REFRESH, now(interval.refresh_after_s))
            timers.arm(self, DEAD, now(interval.seconds))
        else:
            timers.arm(self, DEAD, now(interval.dead_after_s))

    def learn(self, message: Request | Response) -> None:
        """Note what the peer can do."""
        if message.headers.get("Allow") is not None:
            self.peer_updates = message.headers.has_option("Allow", "UPDATE")

    def stop(self) -> None:
        """The session is over: refuse what is open, forget what is planned."""
        self._stack.timers.disarm_all(self)
        if self._answer is not None:
            self._answer.stop()
            self._answer = None
        if self._incoming is not None:
            self._incoming.respond(487)
            self._incoming = None
        self._wanted = None
        self._outgoing = None

    # The peer offers

    def receive(self, transaction: ServerTransaction, request: Request) -> None:
        """A re-INVITE or UPDATE that is in order."""
        sdp = sdp_of(request)
        if not self._session.active and request.method == "INVITE":
            transaction.respond(481)
            return
        if sdp is None:
            transaction.respond(415, headers=[("Accept", SDP)])
            return
        offers = bool(sdp) or request.method == "INVITE"
        if offers and (self._incoming is not None or self._answer is not None or not self._session.active):
            transaction.respond(500, headers=[("Retry-After", str(self._stack.ids.u16() % 11))])  # §14.2
            return
        if offers and self._outgoing is not None:
            transaction.respond(491)
            return
        try:
            self._agreed = intervals.as_server(request.headers, self._stack.settings.min_se_s)
        except TooSmall:
            transaction.respond(422, headers=[("Min-SE", str(self._stack.settings.min_se_s))])
            return
        dialog = self._session.dialog
        dialog.refresh(request)
        if dialog.flow is not None:
            dialog.flow = transaction.flow  # a phone whose binding or connection has moved
        self.learn(request)
        if not offers:
            self._ok(transaction, b"", ())
            self.settle(self._agreed)
            return
        self._incoming = transaction
        self._stack.emit(CallReoffered(self._session.handle, sdp))

    def accept(self, sdp: bytes) -> None:
        """Answer the peer's open offer; nothing happens when it was taken back."""
        transaction, self._incoming = self._incoming, None
        if transaction is None:
            return
        self.local_sdp = sdp
        if transaction.method == "INVITE":
            self._answer_invite(transaction, sdp, ())
        else:
            self._ok(transaction, sdp, ())
        self.settle(self._agreed)
        self._pump()

    def refuse(self, status: int) -> None:
        """Refuse the peer's open offer: the session stays as it was (§14.2)."""
        transaction, self._incoming = self._incoming, None
        if transaction is None:
            return
        transaction.respond(status)
        self._pump()

    def cancelled(self, invite: ServerTransaction) -> None:
        """The peer takes its re-INVITE back."""
        if invite is self._incoming:
            self._incoming = None
            invite.respond(487)
            self._stack.emit(CallReofferCancelled(self._session.handle))
            self._pump()

    def acknowledged(self, ack: Request) -> None:
        """An ACK has come for a 2xx of ours; a second copy does nothing."""
        if self._answer is None or self._answer.cseq != ack.cseq.number:
            return
        self._answer.stop()
        self._answer = None
        self._stack.emit(CallAcked(self._session.handle, sdp_of(ack) or b""))
        self._session.acknowledged()
        self._pump()

    def unacknowledged(self, answer: Answer) -> None:
        """No ACK in 64·T1: end the session (§13.3.1.4)."""
        if answer is self._answer:
            self._answer = None
            self._session.lost("no ACK", say_bye=True)

    def _ok(self, transaction: ServerTransaction, sdp: bytes, headers: HeaderPairs) -> Response:
        fields = [
            ("Contact", self._session.dialog.contact),
            ("Allow", ALLOW),
            ("Supported", SUPPORTED),
            *intervals.answer_headers(self._agreed),
            *headers,
        ]
        return transaction.respond(200, headers=fields, body=sdp, content_type=SDP if sdp else None)

    # We offer

    def offer(self, sdp: bytes) -> None:
        """Send a re-INVITE with this offer once no other is open; a later one replaces one that waits."""
        self._wanted = sdp
        self._pump()

    @property
    def _idle(self) -> bool:
        return self._outgoing is None and self._incoming is None and self._answer is None

    def _pump(self) -> None:
        if self._wanted is None or not self._idle or not self._session.active:
            return
        if not self._stack.timers.armed(self, RETRY):
            sdp, self._wanted = self._wanted, None
            self._send("INVITE", sdp, refreshing=False)

    def _send(self, method: str, sdp: bytes, *, refreshing: bool) -> None:
        session = self._session
        request = session.dialog.request(method)
        request.headers.add("Allow", ALLOW)
        request.headers.add("Supported", SUPPORTED)
        seconds = self._interval.seconds if self._interval else self._stack.settings.session_expires_s
        refresher = "" if self._interval is None else ("uac" if self._interval.ours else "uas")
        for name, value in intervals.request_headers(seconds, self._min_se_s, refresher=refresher):
            request.headers.add(name, value)
        if sdp:
            request.headers.add("Content-Type", SDP)
            request.body = sdp
        self._offer, self._refreshing, self._ack = sdp, refreshing, None
        self._outgoing = Exchange(
            self._stack,
            self._layer,
            request,
            self,
            handle=session.handle,
            next_cseq=session.dialog.next_cseq,
            hop=session.dialog.hop,
            login=session.login,
        )
        self._stack.timers.arm(self, OFFER_LIMIT, self._stack.after(OFFER_LIMIT_S))
        self._outgoing.start()

    def on_provisional(self, exchange: Exchange, response: Response) -> None:
        """A re-INVITE may take its time; there is nothing to do."""

    def on_final(self, exchange: Exchange, response: Response) -> None:
        """The peer's answer."""
        method = exchange.request.method
        if method == "INVITE" and 200 <= response.status < 300:
            if self._ack is not None and self._ack.cseq == response.cseq.number:
                self._ack.again()
                return
            session = self._session
            self._ack = Ack(self._stack, self._layer, session.dialog, exchange.request, session.handle)
            self._ack.send()
        if exchange is not self._outgoing:
            return
        status = response.status
        if status == 422:
            minimum = intervals.demanded_minimum(response.headers)
            if minimum > self._min_se_s:
                self._min_se_s = minimum
                exchange.request.headers.set("Session-Expires", str(minimum))
                exchange.request.headers.set("Min-SE", str(minimum))
                exchange.again()
                return
        self._through()
        if 200 <= status < 300:
            self._session.dialog.refresh(response)
            self.learn(response)
            self.settle(intervals.as_client(response.headers))
            if self._offer:
                self.local_sdp = self._offer
        elif status == 491:
            self._retry_later()
            return
        self._report(status, sdp_of(response) or b"")
        if status in GONE:
            self._session.lost(f"{status} to {method}", say_bye=status == 408)
        self._pump()

    def on_failure(self, exchange: Exchange, status: int, reason: str) -> None:
        """Nobody answered our offer."""
        if exchange is not self._outgoing:
            return
        self._through()
        self._report(status, b"")
        if status in GONE:
            self._session.lost(reason, say_bye=True)
        self._pump()

    def _through(self) -> None:
        self._outgoing = None
        self._stack.timers.disarm(self, OFFER_LIMIT)

    def _report(self, status: int, sdp: bytes) -> None:
        if not self._refreshing:
            self._stack.emit(CallReofferAnswered(self._session.handle, status, sdp))
        elif status >= 300:
            self._stack.timers.arm(self, REFRESH, self._stack.after(REFRESH_AGAIN_S))

    def _retry_later(self) -> None:
        """Both offered at once: the owner of the Call-ID waits longer (§14.1), in steps of 10 ms."""
        base, span = (2100, 191) if self._caller else (0, 201)
        wait_ms = base + 10 * (self._stack.ids.u16() % span)
        if self._refreshing:
            self._stack.timers.arm(self, REFRESH, self._stack.now_ns + wait_ms * MILLISECOND)
            return
        if self._wanted is None:
            self._wanted = self._offer
        self._stack.timers.arm(self, RETRY, self._stack.now_ns + wait_ms * MILLISECOND)

    def _give_up(self) -> None:
        """The peer keeps our offer open: take it back, and the second time do without an answer (§9.1)."""
        exchange = self._outgoing
        if exchange is None:
            return
        if exchange.cancelled:
            exchange.drop()
            self.on_failure(exchange, 408, "Request Timeout")
        else:
            timeout_ns = self._stack.timing.timeout_ns
            self._stack.timers.arm(self, OFFER_LIMIT, self._stack.now_ns + timeout_ns)
            exchange.cancel()

    def wake(self, timer: str) -> None:
        """A refresh or a retry is due, an offer is open too long, or the session is dead."""
        if timer == RETRY:
            self._pump()
        elif timer == DEAD:
            self._session.lost("session timer expired", say_bye=True)
        elif timer == OFFER_LIMIT:
            self._give_up()
        elif not self._idle:
            self._stack.timers.arm(self, REFRESH, self._stack.after(REFRESH_AGAIN_S))
        elif self._session.active:
            # By UPDATE, which needs no offer, where the peer has it; else the same SDP again (RFC 4028 §7.4).
            if self.peer_updates:
                self._send("UPDATE", b"", refreshing=True)
            else:
                self._send("INVITE", self.local_sdp, refreshing=True)
