"""The pure SIP core: bytes and commands in, bytes and events out. No socket, no clock, no task.

::

    receive(flow, data, now) · advance(now) · resolved(…) · unreachable(flow)      from the shell
    invite · ring · accept · refuse · cancel · bye · reoffer · info · register …   from the house
    poll() → [Send | Resolve | Unreadable | Event]   next_deadline()               to the shell

Every entry takes the time first: `now_ns` or, for commands, a preceding `advance(now_ns)`.
"""

from collections import Counter
from collections.abc import Callable

from ringline.core.ids import Ids
from ringline.sip.authentication import Authenticator, CredentialLookup
from ringline.sip.dialling import Dial, compose
from ringline.sip.events import CallFailed, IncomingCall, Output, Route, SipHeader, Unreadable
from ringline.sip.exchange import Login
from ringline.sip.flow import Flow
from ringline.sip.grammar import Uri
from ringline.sip.intake import Intake
from ringline.sip.invite import CallState, checked, checked_phrase, reason_header
from ringline.sip.layer import ServerTransaction, TransactionLayer
from ringline.sip.message import Request, Response, parse, response_to
from ringline.sip.params import SipError
from ringline.sip.policy import Admission, Verdict
from ringline.sip.regclient import RegisterClient
from ringline.sip.registrar import Registration
from ringline.sip.regserver import RegisterServer
from ringline.sip.session import Session
from ringline.sip.stack import ALLOW, METHODS, SUPPORTED, Stack, StackSettings
from ringline.sip.transaction import IllegalMove
from ringline.sip.uac import OutboundCall
from ringline.sip.uas import InboundCall

Call = InboundCall | OutboundCall
KNOWN_METHODS = frozenset({*METHODS, "MESSAGE", "PRACK", "PUBLISH", "SUBSCRIBE"})
NEW_WORK = frozenset({"INVITE", "REGISTER"})


class SipCore:
    """One SIP user agent: any number of calls, a registrar, registrations elsewhere."""

    def __init__(
        self,
        *,
        ids: Ids,
        settings: StackSettings,
        decide: Callable[[IncomingCall], Route],
        credentials: CredentialLookup,
    ) -> None:
        self._stack = Stack(ids, settings)
        self._layer = TransactionLayer(self._stack, self)
        self._authenticator = Authenticator(ids, settings, credentials)
        self._registrations = RegisterServer(self._stack, self._authenticator)
        self._intake = Intake(self._stack, self._layer, self, self._authenticator, decide)
        self._admission = Admission(settings.invites_per_s, settings.invites_burst)
        self._calls: dict[str, Call] = {}
        self._dialogs: dict[tuple[str, str], Call] = {}
        self._clients: dict[str, RegisterClient] = {}
        self._draining = False

    # The shell's side

    def listen_as(self, host: str, port: int) -> None:
        """What Via and Contact say of us."""
        self._stack.host, self._stack.port = host, port

    @property
    def counters(self) -> Counter[str]:
        """Messages sent and received, and everything dropped, by reason."""
        return self._stack.counters

    @property
    def live(self) -> int:
        """Transactions, calls, lookups and armed timers: 0 when nothing is going on."""
        calls = len(self._calls) + len(self._dialogs)
        return len(self._layer) + calls + self._stack.resolving + len(self._stack.timers)

    @property
    def calls(self) -> int:
        """How many calls are not over."""
        return len(self._calls)

    def poll(self) -> list[Output]:
        """What is to be done now, in order; each output is returned once."""
        outputs = list(self._stack.outputs)
        self._stack.outputs.clear()
        return outputs

    def next_deadline(self) -> int | None:
        """When `advance` is needed next."""
        return self._stack.timers.next_deadline()

    def advance(self, now_ns: int) -> None:
        """Let time pass: timers that are due fire."""
        self._stack.now_ns = max(self._stack.now_ns, now_ns)
        for owner, timer in self._stack.timers.pop_due(now_ns):
            owner.wake(timer)

    def receive(self, flow: Flow, data: bytes, now_ns: int) -> None:
        """One message from the wire. Never raises for what is in it."""
        self._stack.now_ns = max(self._stack.now_ns, now_ns)
        counters = self._stack.counters
        counters["received"] += 1
        if len(data) <= 4 and not data.strip(b"\r\n\0"):
            counters["keepalives"] += 1
            return
        try:
            message = parse(data, stream=flow.reliable)
        except SipError as problem:
            self._malformed(flow, data, problem)
            return
        if isinstance(message, Response):
            self._layer.receive_response(flow, message, data)
        elif self._admitted(flow, message):
            self._layer.receive_request(flow, message, data)

    def resolved(self, token: int, flows: tuple[Flow, ...], now_ns: int) -> None:
        """The answer to a `Resolve`."""
        self._stack.now_ns = max(self._stack.now_ns, now_ns)
        self._stack.resolved(token, flows)

    def unreachable(self, flow: Flow, now_ns: int) -> None:
        """A connection could not be made, or is closed."""
        self._stack.now_ns = max(self._stack.now_ns, now_ns)
        self._layer.unreachable(flow)
        self._registrations.unreachable(flow)
        for call in list(self._calls.values()):
            session = call.session
            if session is not None and session.dialog.flow == flow and flow.connection:
                session.dialog.flow = None  # the Contact is all that is left to try

    def _malformed(self, flow: Flow, data: bytes, problem: SipError) -> None:
        """Answer what can be answered, without a transaction (§8.2.6, §16.3)."""
        counters = self._stack.counters
        counters["malformed"] += 1
        self._stack.outputs.append(Unreadable(flow, problem))
        self._stack.seen("in", flow, data, None)
        request = problem.partial
        if problem.status is None or request is None or request.method == "ACK":
            return
        request.headers.replace_top("Via", str(request.top_via.stamped(flow.host, flow.port)))
        text = "".join(c if " " <= c <= "~" and c not in '"\\' else "?" for c in str(problem))[:120]
        warning = ("Warning", f'399 {self._stack.host} "{text}"')
        response = response_to(request, problem.status, to_tag=self._stack.tag(), headers=[warning])
        self._stack.send(flow, response.serialize(), None)

    def _admitted(self, flow: Flow, request: Request) -> bool:
        """Whether a request may cost us anything; what belongs to a call, and copies, always may."""
        counters = self._stack.counters
        if request.method in {"ACK", "CANCEL"} or self._layer.knows(request) or self.handle_of(request):
            return True
        if len(self._layer) >= self._stack.settings.max_transactions:
            counters["overload_drop"] += 1
            return False
        if request.method not in NEW_WORK or request.to.tag is not None:
            return True
        now_ns = self._stack.now_ns
        if self._authenticator.silenced(flow.host, now_ns):
            counters["silenced"] += 1
            return False
        verdict = self._admission.ask(now_ns)
        if verdict is Verdict.ADMIT:
            return True
        counters[f"overload_{verdict}"] += 1
        if verdict is Verdict.REFUSE:
            request.headers.replace_top("Via", str(request.top_via.stamped(flow.host, flow.port)))
            headers = [self._retry_after()]
            response = response_to(request, 503, to_tag=self._stack.tag(), headers=headers)
            self._stack.send(flow, response.serialize(), None)
        return False

    def _retry_after(self) -> tuple[str, str]:
        """2 to 10 s, so that those refused together do not come back together."""
        return "Retry-After", str(2 + self._stack.ids.u16() % 9)

    # What the layer finds

    def on_request(self, transaction: ServerTransaction, request: Request) -> None:
        """A new request other than ACK and CANCEL (§8.2, in its order)."""
        method = request.method
        required = [option for option in request.headers.get_all("Require") if option.lower() != SUPPORTED]
        if method not in METHODS and not (method == "PRACK" and request.to.tag):
            status = 405 if method in KNOWN_METHODS else 501
            transaction.respond(status, headers=[("Allow", ALLOW)])
        elif request.max_forwards == 0 and method != "OPTIONS":
            transaction.respond(483)
        elif required:
            transaction.respond(420, headers=[("Unsupported", option) for option in required])
        elif request.to.tag is not None:
            self._in_dialog(transaction, request)
        elif method == "INVITE":
            if self._draining:
                transaction.respond(503, headers=[self._retry_after()])
            else:
                self._intake.receive(transaction, request)
        elif method == "REGISTER":
            self._registrations.receive(transaction, request)
        elif method == "OPTIONS":
            headers = [("Allow", ALLOW), ("Accept", "application/sdp"), ("Supported", SUPPORTED)]
            transaction.respond(503 if self._draining else 200, headers=headers)
        else:
            transaction.respond(481)

    def _in_dialog(self, transaction: ServerTransaction, request: Request) -> None:
        call = self._dialogs.get((request.call_id, request.to.tag or ""))
        session = call.session_for(request.from_.tag or "") if call else None
        if call is None or session is None:
            transaction.respond(481)
        else:
            transaction.handle = call.handle
            session.receive(transaction, request)

    def on_cancel(self, invite: ServerTransaction, cancel: Request) -> None:
        """A CANCEL for an INVITE we know."""
        call = self._calls.get(invite.handle or "")
        if call is not None:
            call.cancelled(invite, cancel)

    def on_ack(self, flow: Flow, ack: Request) -> None:
        """An ACK to a 2xx of ours."""
        call = self._dialogs.get((ack.call_id, ack.to.tag or ""))
        session = call.session_for(ack.from_.tag or "") if call else None
        if session is None:
            self._stack.counters["stray_acks"] += 1
        else:
            session.offers.acknowledged(ack)

    def on_stray(self, flow: Flow, response: Response) -> None:
        """A 2xx that comes after its INVITE was given up."""
        call = self._dialogs.get((response.call_id, response.from_.tag or ""))
        if isinstance(call, OutboundCall):
            call.late_answer(response)
        else:
            self._stack.counters["stray_responses"] += 1

    def handle_of(self, message: Request | Response) -> str | None:
        """The call a message belongs to."""
        ours = message.to.tag if isinstance(message, Request) else message.from_.tag
        call = self._dialogs.get((message.call_id, ours or ""))
        return call.handle if call else None

    def begin(self, call: Call) -> None:
        """A call exists from now on."""
        self._calls[call.handle] = call
        self._dialogs[call.dialog_key] = call

    def forget(self, call: object) -> None:
        """A call is over for good."""
        if isinstance(call, InboundCall | OutboundCall):
            self._calls.pop(call.handle, None)
            self._dialogs.pop(call.dialog_key, None)

    # The house's side

    def invite(self, dial: Dial) -> None:
        """Begin a call; what hinders it comes as `CallFailed`. `SipError` for headers that are ours."""
        checked(dial.headers)
        if dial.handle in self._calls:
            raise IllegalMove(f"a call with the handle {dial.handle} is under way")
        registration = None
        if dial.via_registration is not None:
            registration = self.registered(dial.via_registration)
            if registration is None:
                self._stack.emit(CallFailed(dial.handle, 480, "Not Registered", ()))
                return
        try:
            request, hop = compose(self._stack, dial, registration)
        except SipError as problem:
            self._stack.emit(CallFailed(dial.handle, problem.status or 400, str(problem), ()))
            return
        call = OutboundCall(self._stack, self._layer, self, request, dial.handle, hop=hop, login=dial.login)
        self.begin(call)
        call.dial()

    def ring(
        self, handle: str, status: int = 180, sdp: bytes = b"", headers: tuple[SipHeader, ...] = ()
    ) -> None:
        """Send a provisional response (101–199), repeated every minute."""
        if (call := self._inbound(handle)) is not None:
            call.ring(status, sdp, checked(headers))

    def accept(self, handle: str, sdp: bytes, headers: tuple[SipHeader, ...] = ()) -> None:
        """Answer an incoming call with 200."""
        if (call := self._inbound(handle)) is not None:
            call.accept(sdp, checked(headers))

    def refuse(self, handle: str, status: int, reason: str = "", headers: tuple[SipHeader, ...] = ()) -> None:
        """Answer an incoming call with 300–699."""
        if (call := self._inbound(handle)) is not None:
            call.refuse(status, checked_phrase(reason), checked(headers))

    def cancel(self, handle: str, reason: str | None = None) -> None:
        """Give an outgoing call up."""
        if (call := self._outbound(handle)) is not None:
            checked(reason_header(reason))
            call.cancel(reason)

    def acknowledge(self, handle: str, sdp: bytes) -> None:
        """Answer the offer in the 2xx to an INVITE without SDP."""
        if (call := self._outbound(handle)) is not None:
            call.acknowledge(sdp)

    def bye(self, handle: str, headers: tuple[SipHeader, ...] = ()) -> None:
        """Leave a call."""
        if (call := self._call(handle)) is not None:
            call.bye(checked(headers))

    def reoffer(self, handle: str, sdp: bytes) -> None:
        """Offer again inside an answered call."""
        if not sdp:
            raise IllegalMove("a new offer wants SDP")
        if (session := self._answered(handle)) is not None:
            session.offers.offer(sdp)

    def accept_reoffer(self, handle: str, sdp: bytes) -> None:
        """Answer the peer's open offer."""
        if (session := self._answered(handle)) is not None:
            session.offers.accept(sdp)

    def refuse_reoffer(self, handle: str, status: int = 488) -> None:
        """Refuse the peer's open offer."""
        if not 300 <= status < 700:
            raise IllegalMove(f"{status} does not refuse an offer")
        if (session := self._answered(handle)) is not None:
            session.offers.refuse(status)

    def info(self, handle: str, content_type: str, body: bytes) -> None:
        """Send an INFO, in an early dialog too; raises `IllegalMove` while there is no dialog."""
        if (call := self._call(handle)) is not None:
            if call.session is None:
                raise IllegalMove("no response has made a dialog yet")
            call.session.info(content_type, body)

    def refer(self, handle: str, target: str, headers: tuple[SipHeader, ...] = ()) -> None:
        """Send a REFER; raises `SipError` for a target that is no URI."""
        Uri.parse(target)
        if (session := self._answered(handle)) is not None:
            session.refer(target, checked(headers))

    def register(self, handle: str, uri: str, login: Login, expires_s: int, transport: str = "udp") -> None:
        """Register elsewhere and stay so; `transport` counts where the URI names none. Raises `SipError`."""
        address = Uri.parse(uri)
        if address.transport is None and transport != "udp":
            address = address.with_params(transport=transport)
        client = RegisterClient(self._stack, self._layer, handle, address, login, expires_s)
        self._clients[handle] = client
        client.start()

    def unregister(self, handle: str) -> None:
        """Remove the binding elsewhere; nothing happens for an unknown handle."""
        if (client := self._clients.pop(handle, None)) is not None:
            client.leave()

    def registered(self, user: str) -> Registration | None:
        """Where this user's phone is, if it has registered here."""
        return self._registrations.registrar.lookup(user, self._stack.now_ns)

    def drain(self) -> None:
        """Let no new call in, and say so to OPTIONS; calls that stand go on."""
        self._draining = True

    def _call(self, handle: str) -> Call | None:
        """The call, or None (counted) when it is over: its end and a command may cross."""
        call = self._calls.get(handle)
        if call is None:
            self._stack.counters["late_commands"] += 1
        return call

    def _inbound(self, handle: str) -> InboundCall | None:
        call = self._call(handle)
        if isinstance(call, OutboundCall):
            raise IllegalMove("an outgoing call is answered by its callee")
        return call

    def _outbound(self, handle: str) -> OutboundCall | None:
        call = self._call(handle)
        if isinstance(call, InboundCall):
            raise IllegalMove("an incoming call is refused or left, not cancelled")
        return call

    def _answered(self, handle: str) -> Session | None:
        call = self._call(handle)
        if call is None:
            return None
        if call.state is not CallState.ANSWERED:
            raise IllegalMove(f"the call is {call.state}, not answered")
        return call.session
