"""An outgoing call (RFC 3261 §13.2): forks, answers that cross a CANCEL, and answers that come too late."""

from ringline.sip import interval as intervals
from ringline.sip.bodies import foreign_headers, sdp_of
from ringline.sip.dialog import Dialog
from ringline.sip.events import CallAnswered, CallEnded, CallFailed, CallProgress, SipHeader
from ringline.sip.exchange import Ack, Exchange, Login, Outcome
from ringline.sip.flow import Flow
from ringline.sip.grammar import Uri
from ringline.sip.invite import Calls, CallState, moved, pairs, reason_header
from ringline.sip.layer import ServerTransaction, TransactionLayer
from ringline.sip.message import Request, Response
from ringline.sip.session import By, Session, SessionState
from ringline.sip.stack import Stack
from ringline.sip.transaction import IllegalMove

RING_LIMIT = "ring limit"
CANCEL_LIMIT = "cancel limit"
LINGER = "linger"
MAX_FORKS = 16
TERMINATED = (487, "Request Terminated")


class OutboundCall:
    """A call that we begin; `dial` sends the INVITE."""

    def __init__(
        self,
        stack: Stack,
        layer: TransactionLayer,
        calls: Calls,
        invite: Request,
        handle: str,
        *,
        hop: Flow | Uri,
        login: Login | None,
    ) -> None:
        self._stack = stack
        self._layer = layer
        self._calls = calls
        self._flow = hop if isinstance(hop, Flow) else None
        self._login = login
        self._cseq = invite.cseq.number
        self._forks: dict[str, Session] = {}
        self._winner: Session | None = None
        self._acks: dict[str, Ack] = {}
        self._offer_waits = False  # their 2xx has the offer, our ACK will have the answer
        self._min_se_s = stack.settings.min_se_s
        self._outcome = (408, "Request Timeout")
        self.handle = handle
        self.state = CallState.DIALLING
        self.dialog_key = (invite.call_id, invite.from_.tag or "")
        self._exchange = Exchange(
            stack, layer, invite, self, handle=handle, next_cseq=self._next_cseq, hop=hop, login=login
        )

    @property
    def session(self) -> Session | None:
        """The answered session, or the latest early one."""
        if self._winner is not None or not self._forks:
            return self._winner
        return next(reversed(self._forks.values()))

    def session_for(self, remote_tag: str) -> Session | None:
        """The session of the dialog with this remote tag."""
        return self._forks.get(remote_tag)

    def dial(self) -> None:
        """Send the INVITE."""
        limit = self._stack.settings.ring_limit_s
        self._stack.timers.arm(self, RING_LIMIT, self._stack.after(limit))
        self._exchange.start()

    def cancel(self, reason: str | None = None) -> None:
        """Give up: CANCEL as soon as the RFC allows, BYE for an answered call, nothing for an ended one."""
        if self.state is CallState.DIALLING:
            self._outcome = TERMINATED
            self._cancel(reason)
        elif self.state is CallState.ANSWERED:
            self.bye(reason_header(reason))

    def _cancel(self, reason: str | None) -> None:
        self.state = moved(self.state, CallState.CANCELLING)
        self._stack.timers.disarm(self, RING_LIMIT)
        self._stack.timers.arm(self, CANCEL_LIMIT, self._stack.now_ns + self._stack.timing.timeout_ns)
        self._exchange.cancel(pairs(reason_header(reason)))

    def bye(self, headers: tuple[SipHeader, ...] = ()) -> None:
        """Leave the call; one that is not answered yet is cancelled."""
        if self.state is CallState.DIALLING:
            self.cancel()
        elif self._winner is not None:
            if self._offer_waits:
                self.acknowledge(b"")  # their 2xx must have its ACK before the BYE
            self._winner.bye(headers)

    def acknowledge(self, sdp: bytes) -> None:
        """Answer the offer in the 2xx to our INVITE without SDP; `IllegalMove` if there is none."""
        if not self._offer_waits or self._winner is None:
            raise IllegalMove("no offer waits for an answer in ACK")
        self._offer_waits = False
        self._winner.offers.local_sdp = sdp
        self._acknowledge(self._winner.dialog, sdp)

    def cancelled(self, invite: ServerTransaction, cancel: Request) -> None:
        """The peer takes a re-INVITE back."""
        if self._winner is not None:
            self._winner.offers.cancelled(invite)

    # Outcomes of the INVITE

    def on_provisional(self, exchange: Exchange, response: Response) -> None:
        """101–199: an early dialog for each To tag (§13.2.2.1)."""
        if self.state is not CallState.DIALLING:
            return
        tag = response.to.tag
        if tag and tag not in self._forks and len(self._forks) < MAX_FORKS:
            self._forks[tag] = self._new_session(exchange.request, response)
        self._stack.emit(CallProgress(self.handle, response.status, sdp_of(response) or b""))

    def on_final(self, exchange: Exchange, response: Response) -> None:
        """A final response; each fork's 2xx is acknowledged, and only the first is the call (§13.2.2.4)."""
        if response.status < 300:
            self._answered(exchange.request, response)
        elif response.status == 422 and self.state is CallState.DIALLING and self._longer_interval(response):
            exchange.again()
        else:
            status, reason = response.status, response.reason
            if self.state is CallState.CANCELLING:
                status, reason = self._outcome
            headers = foreign_headers(response.headers)
            if status < 400:  # where to call instead is for the house to judge: we follow no redirection
                headers += tuple(SipHeader("Contact", str(contact)) for contact in response.contacts)
            self._fail(status, reason, headers, linger=False)

    def on_failure(self, exchange: Exchange, status: int, reason: str) -> None:
        """No final response."""
        if self.state is CallState.CANCELLING:
            status, reason = self._outcome
        self._fail(status, reason, (), linger=True)

    def late_answer(self, response: Response) -> None:
        """A 2xx came after we gave up: somebody picked up, so it gets ACK and BYE."""
        self._answered(self._exchange.request, response)

    def _answered(self, invite: Request, response: Response) -> None:
        tag = response.to.tag or ""
        if tag in self._acks:
            self._acks[tag].again()
            return
        if self._offer_waits and self._winner and self._winner.dialog.id.remote_tag == tag:
            return  # a copy of the 2xx whose ACK waits for our answer
        if len(self._acks) > MAX_FORKS:
            return
        session = self._forks.get(tag) or self._new_session(invite, response)
        # The 2xx settles the route set, whatever the provisional responses said (§13.2.2.4).
        confirmed = Dialog.as_client(invite, response, session.dialog.contact, self._flow)
        confirmed.local_cseq = max(session.dialog.local_cseq, invite.cseq.number)
        confirmed.remote_cseq = session.dialog.remote_cseq
        session.dialog = confirmed
        if self.state is CallState.DIALLING:
            self._win(tag, session, invite, response)
        else:
            self._send_off(confirmed)

    def _win(self, tag: str, session: Session, invite: Request, response: Response) -> None:
        self.state = moved(self.state, CallState.ANSWERED)
        self._stack.timers.disarm_all(self)
        for loser in self._forks.values():
            if loser is not session:
                loser.abandon()
        self._forks = {tag: session}
        self._winner = session
        session.move(SessionState.ACTIVE)
        session.offers.learn(response)
        session.offers.local_sdp = invite.body
        session.offers.settle(intervals.as_client(response.headers))
        if invite.body:
            self._acknowledge(session.dialog, b"")
        else:
            self._offer_waits = True
        headers = foreign_headers(response.headers)
        self._stack.emit(CallAnswered(self.handle, response.status, sdp_of(response) or b"", headers))

    def _send_off(self, dialog: Dialog) -> None:
        """ACK, then BYE: a fork that lost, or an answer that crossed our CANCEL."""
        self._acknowledge(dialog, b"")
        Exchange(
            self._stack,
            self._layer,
            dialog.request("BYE"),
            Outcome(lambda status: None),
            handle=self.handle,
            next_cseq=dialog.next_cseq,
            hop=dialog.hop,
            login=self._login,
        ).start()
        if self.state is CallState.CANCELLING:
            self._fail(*self._outcome, (), linger=False)

    def _acknowledge(self, dialog: Dialog, sdp: bytes) -> None:
        ack = Ack(self._stack, self._layer, dialog, self._exchange.request, self.handle, sdp)
        self._acks[dialog.id.remote_tag] = ack
        ack.send()

    def _fail(self, status: int, reason: str, headers: tuple[SipHeader, ...], *, linger: bool) -> None:
        if self.state is CallState.ENDED:
            return
        self._stack.emit(CallFailed(self.handle, status, reason, headers))
        self._end(linger=linger)

    def _end(self, *, linger: bool) -> None:
        """Over for the house; with `linger` a late 2xx still finds us for 64·T1."""
        self.state = moved(self.state, CallState.ENDED)
        self._stack.timers.disarm_all(self)
        for session in self._forks.values():
            session.abandon()
        if linger:
            self._stack.timers.arm(self, LINGER, self._stack.now_ns + self._stack.timing.timeout_ns)
        else:
            self._calls.forget(self)

    def session_over(self, session: Session, by: By, reason: str, headers: tuple[SipHeader, ...]) -> None:
        """From a session: a BYE of either side, or a failed dialog. An early fork's end is not the call's."""
        if session is self._winner:
            self._stack.emit(CallEnded(self.handle, by, reason, headers))
            self._end(linger=False)

    def wake(self, timer: str) -> None:
        """The callee rings for ever, or does not answer our CANCEL, or nobody can come late any more."""
        if timer == RING_LIMIT:
            self._cancel(None)
        elif timer == CANCEL_LIMIT:
            self._exchange.drop()
            self._fail(*self._outcome, (), linger=True)
        else:
            self._calls.forget(self)

    def _new_session(self, invite: Request, response: Response) -> Session:
        contact = invite.headers.get("Contact") or ""
        dialog = Dialog.as_client(invite, response, contact, self._flow)
        return Session(self._stack, self._layer, self, dialog, self.handle, caller=True, login=self._login)

    def _longer_interval(self, response: Response) -> bool:
        """Take over the Min-SE of a 422; False when trying again makes no sense (RFC 4028 §7.3)."""
        minimum = intervals.demanded_minimum(response.headers)
        if minimum <= self._min_se_s:
            return False
        self._min_se_s = minimum
        headers = self._exchange.request.headers
        headers.set("Session-Expires", str(minimum))
        headers.set("Min-SE", str(minimum))
        return True

    def _next_cseq(self) -> int:
        self._cseq += 1
        return self._cseq
