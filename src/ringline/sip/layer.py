"""The transaction layer: matches messages to the machines of `transaction` and runs their steps.

Matching is by RFC 3261 §17.1.3 and §17.2.3 (with the RFC 2543 fallback), Via by §18 and RFC 3581: every reply
goes to the packet's source, and `received` and `rport` are always stamped.
"""

from collections.abc import Iterable
from dataclasses import replace
from typing import Protocol

from ringline.sip.flow import Flow
from ringline.sip.grammar import Params, Via
from ringline.sip.message import Request, Response, response_to
from ringline.sip.stack import Stack
from ringline.sip.transaction import (
    Arm,
    Deliver,
    Disarm,
    Fail,
    Finish,
    IllegalMove,
    InviteClient,
    InviteServer,
    NonInviteClient,
    NonInviteServer,
    State,
    Step,
    Timer,
    Transmit,
    follow_up,
)

COOKIE = "z9hG4bK"  # RFC 3261 §8.1.1.7

ServerKey = tuple[str, ...]
MergeKey = tuple[str, str, int, str]


class ClientUser(Protocol):
    """Who sent a request and wants its outcome."""

    def on_response(self, transaction: "ClientTransaction", response: Response) -> None:
        """Any response, 100 included; 2xx to INVITE may come more than once."""
        ...

    def on_failure(self, transaction: "ClientTransaction", status: int) -> None:
        """No final response comes: 408 or 503."""
        ...


class ServerUser(Protocol):
    """Who answers what arrives from outside any client transaction."""

    def on_request(self, transaction: "ServerTransaction", request: Request) -> None:
        """A new request other than ACK and CANCEL."""
        ...

    def on_cancel(self, invite: "ServerTransaction", cancel: Request) -> None:
        """A CANCEL for an INVITE we know; it was answered with 200 already."""
        ...

    def on_ack(self, flow: Flow, ack: Request) -> None:
        """An ACK that belongs to no transaction: to a 2xx of ours, or to nothing."""
        ...

    def on_stray(self, flow: Flow, response: Response) -> None:
        """A 2xx to an INVITE whose transaction is gone (a very late answer)."""
        ...

    def handle_of(self, message: Request | Response) -> str | None:
        """The call a message belongs to, for the timeline."""
        ...


class ClientTransaction:
    """One request of ours on one flow."""

    __slots__ = ("_layer", "flow", "handle", "key", "machine", "user")

    def __init__(
        self,
        layer: "TransactionLayer",
        machine: InviteClient | NonInviteClient,
        flow: Flow,
        user: ClientUser | None,
        handle: str | None,
    ) -> None:
        self._layer = layer
        self.machine = machine
        self.flow = flow
        self.user = user
        self.handle = handle
        request = machine.request
        self.key = (request.top_via.branch or "", request.method)

    @property
    def request(self) -> Request:
        """What was sent, Via included."""
        return self.machine.request

    def wake(self, timer: str) -> None:
        """A timer of the machine has run out."""
        self._layer.run_client(self, self.machine.fire(Timer(timer), self._layer.now_ns))


class ServerTransaction:
    """One request from a peer. `request` is None once a final response has left."""

    __slots__ = (
        "_layer",
        "_unseen",
        "flow",
        "handle",
        "key",
        "machine",
        "merge_key",
        "method",
        "request",
        "to_tag",
    )

    def __init__(
        self,
        layer: "TransactionLayer",
        key: ServerKey,
        flow: Flow,
        request: Request,
        machine: InviteServer | NonInviteServer,
        handle: str | None,
        data: bytes,
    ) -> None:
        self._layer = layer
        self._unseen = data
        self.key = key
        self.flow = flow
        self.method = request.method
        self.request: Request | None = request
        self.machine = machine
        self.handle = handle
        self.to_tag = ""
        """Our To tag, once there is one: all responses but 100 carry the same (§8.2.6.2)."""
        self.merge_key = _merge_key(request)

    def show(self) -> None:
        """Let the timeline see the request, once; a new call's comes after `IncomingCall`, which names it."""
        if self._unseen:
            self._layer.show(self, self._unseen)
            self._unseen = b""

    def respond(
        self,
        status: int,
        reason: str | None = None,
        *,
        headers: Iterable[tuple[str, str]] = (),
        body: bytes = b"",
        content_type: str | None = None,
    ) -> Response:
        """Send a response; raises `IllegalMove` after a final one."""
        return self._layer.respond(self, status, reason, headers, body, content_type)

    def wake(self, timer: str) -> None:
        """A timer of the machine has run out."""
        self._layer.run_server(self, self.machine.fire(Timer(timer), self._layer.now_ns))


class TransactionLayer:
    """All live transactions of one core."""

    def __init__(self, stack: Stack, user: ServerUser) -> None:
        self._stack = stack
        self._user = user
        self._clients: dict[tuple[str, str], ClientTransaction] = {}
        self._servers: dict[ServerKey, ServerTransaction] = {}
        self._merges: dict[MergeKey, ServerKey] = {}

    def __len__(self) -> int:
        """How many transactions are live."""
        return len(self._clients) + len(self._servers)

    @property
    def now_ns(self) -> int:
        """The time of the input being handled."""
        return self._stack.now_ns

    # Requests of ours

    def request(
        self, request: Request, flow: Flow, user: ClientUser | None, handle: str | None
    ) -> ClientTransaction:
        """Send a request, which has no Via yet, in a transaction of its own."""
        request.headers.prepend("Via", str(self._via(flow)))
        return self._start(request, flow, user, handle)

    def cancel(self, invite: ClientTransaction, headers: Iterable[tuple[str, str]] = ()) -> None:
        """Send a CANCEL for an INVITE (§9.1); legal only once a provisional response has come."""
        cancel = follow_up(invite.request, "CANCEL")
        for name, value in headers:
            cancel.headers.add(name, value)
        self._start(cancel, invite.flow, None, invite.handle)

    def send_ack(self, ack: Request, flow: Flow, handle: str | None) -> bytes:
        """Send the ACK to a 2xx, which no transaction repeats; returns its bytes for copies (§13.2.2.4)."""
        ack.headers.prepend("Via", str(self._via(flow)))
        data = ack.serialize()
        self._stack.send(flow, data, handle)
        return data

    def drop(self, transaction: ClientTransaction) -> None:
        """Forget a request whose user has given up: a callee that stays in Proceeding for ever."""
        self._stack.timers.disarm_all(transaction)
        self._clients.pop(transaction.key, None)

    def _via(self, flow: Flow) -> Via:
        params = Params((("branch", self._stack.branch()), ("rport", None)))
        return Via(flow.transport, self._stack.host, self._stack.port, params)

    def _start(
        self, request: Request, flow: Flow, user: ClientUser | None, handle: str | None
    ) -> ClientTransaction:
        kind = InviteClient if request.method == "INVITE" else NonInviteClient
        machine = kind(request, self._stack.timing, reliable=flow.reliable)
        transaction = ClientTransaction(self, machine, flow, user, handle)
        self._clients[transaction.key] = transaction
        self.run_client(transaction, machine.start(self.now_ns))
        return transaction

    # What arrives

    def receive_response(self, flow: Flow, response: Response, data: bytes) -> None:
        """Match a response (§17.1.3)."""
        via = response.top_via
        transaction = self._clients.get((via.branch or "", response.cseq.method))
        if transaction is None:
            self._stack.seen("in", flow, data, self._user.handle_of(response))
            if response.cseq.method == "INVITE" and 200 <= response.status < 300:
                self._user.on_stray(flow, response)
            else:
                self._stack.counters["stray_responses"] += 1
            return
        self._stack.seen("in", flow, data, transaction.handle)
        self.run_client(transaction, transaction.machine.receive(response, self.now_ns))

    def receive_request(self, flow: Flow, request: Request, data: bytes) -> None:
        """Match a request (§17.2.3), or open a transaction for it."""
        key = self.server_key(request)
        request.headers.replace_top("Via", str(request.top_via.stamped(flow.host, flow.port)))
        transaction = self._servers.get(key)
        handle = transaction.handle if transaction is not None else self._user.handle_of(request)
        if request.method == "ACK":
            self._stack.seen("in", flow, data, handle)
            if transaction is None or transaction.machine.state is State.ACCEPTED:
                self._user.on_ack(flow, request)
            elif isinstance(transaction.machine, InviteServer):
                self.run_server(transaction, transaction.machine.ack(self.now_ns))
            return
        if transaction is not None:
            self._stack.seen("in", flow, data, handle)
            self.run_server(transaction, transaction.machine.copy(self.now_ns))
            return
        transaction = self._open(key, flow, request, handle, data)
        if request.method == "CANCEL":
            self._receive_cancel(transaction, request)
        elif request.to.tag is None and self._merges.setdefault(transaction.merge_key, key) != key:
            transaction.respond(482)  # the same request by another path: one copy is enough (§8.2.2.2)
        else:
            self._user.on_request(transaction, request)
            transaction.show()

    def _receive_cancel(self, transaction: ServerTransaction, cancel: Request) -> None:
        invite = self._servers.get((*transaction.key[:-1], "INVITE"))
        transaction.handle = invite.handle if invite else None
        if invite is None:
            transaction.respond(481)
            return
        transaction.to_tag = invite.to_tag
        transaction.respond(200)
        self._user.on_cancel(invite, cancel)

    def show(self, transaction: ServerTransaction, data: bytes) -> None:
        """Let the timeline see a request (see `ServerTransaction.show`)."""
        self._stack.seen("in", transaction.flow, data, transaction.handle)

    def _open(
        self, key: ServerKey, flow: Flow, request: Request, handle: str | None, data: bytes
    ) -> ServerTransaction:
        timing = self._stack.timing
        machine: InviteServer | NonInviteServer
        if request.method == "INVITE":

            def trying() -> bytes:
                return response_to(request, 100).serialize()

            machine = InviteServer(trying, timing, reliable=flow.reliable)
        else:
            machine = NonInviteServer(timing, reliable=flow.reliable)
        transaction = ServerTransaction(self, key, flow, request, machine, handle, data)
        self._servers[key] = transaction
        self.run_server(transaction, machine.start(self.now_ns))
        return transaction

    def respond(
        self,
        transaction: ServerTransaction,
        status: int,
        reason: str | None,
        headers: Iterable[tuple[str, str]],
        body: bytes,
        content_type: str | None,
    ) -> Response:
        """Build and send a response of `transaction`; raises `IllegalMove` after a final one."""
        request = transaction.request
        if request is None:
            raise IllegalMove(f"cannot respond {status}: the {transaction.method} was answered")
        transaction.show()
        if not transaction.to_tag:
            transaction.to_tag = self._stack.tag()
        response = response_to(
            request,
            status,
            reason,
            to_tag=transaction.to_tag if status > 100 else None,
            headers=headers,
            body=body,
            content_type=content_type,
        )
        if status >= 200:
            transaction.request = None  # the machine keeps the response's bytes, which is all a copy needs
        self.run_server(transaction, transaction.machine.respond(response, self.now_ns))
        return response

    def unreachable(self, flow: Flow) -> None:
        """Nothing more can be sent on `flow` (connection refused, reset, closed)."""
        address = replace(flow, connection=0)  # a request that asked for any connection was on this one
        for client in [c for c in self._clients.values() if c.flow in (flow, address)]:
            self.run_client(client, client.machine.unreachable())

    @staticmethod
    def server_key(request: Request) -> ServerKey:
        """Branch, sent-by and method; without the cookie, what RFC 2543 compared (§17.2.3)."""
        via = request.top_via
        method = "INVITE" if request.method == "ACK" else request.method
        if via.branch and via.branch.startswith(COOKIE):
            return via.branch, f"{via.host.lower()}:{via.port or ''}", method
        sender = request.from_.tag or ""
        return "2543", request.uri, sender, request.call_id, str(request.cseq.number), str(via), method

    def knows(self, request: Request) -> bool:
        """Whether this is a copy of a request that is being, or was just, handled."""
        return self.server_key(request) in self._servers

    # Running the machines

    def run_client(self, transaction: ClientTransaction, steps: Iterable[Step]) -> None:
        """Take a client machine's steps."""
        for step in steps:
            match step:
                case Transmit(data):
                    self._stack.send(transaction.flow, data, transaction.handle)
                case Arm(timer, at_ns):
                    self._stack.timers.arm(transaction, timer, at_ns)
                case Disarm(timer):
                    self._stack.timers.disarm(transaction, timer)
                case Finish():
                    self._stack.timers.disarm_all(transaction)
                    self._clients.pop(transaction.key, None)
                case Deliver(message):
                    if transaction.user is not None and isinstance(message, Response):
                        transaction.user.on_response(transaction, message)
                case Fail(status):
                    if transaction.user is not None:
                        transaction.user.on_failure(transaction, status)

    def run_server(self, transaction: ServerTransaction, steps: Iterable[Step]) -> None:
        """Take a server machine's steps."""
        for step in steps:
            match step:
                case Transmit(data):
                    self._stack.send(transaction.flow, data, transaction.handle)
                case Arm(timer, at_ns):
                    self._stack.timers.arm(transaction, timer, at_ns)
                case Disarm(timer):
                    self._stack.timers.disarm(transaction, timer)
                case Finish():
                    self._stack.timers.disarm_all(transaction)
                    self._servers.pop(transaction.key, None)
                    if self._merges.get(transaction.merge_key) == transaction.key:
                        del self._merges[transaction.merge_key]


def _merge_key(request: Request) -> MergeKey:
    return request.from_.tag or "", request.call_id, request.cseq.number, request.method
