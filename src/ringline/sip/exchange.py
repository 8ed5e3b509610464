"""One request of ours until its outcome: resolution, failover, digest, CANCEL (RFC 3261 §8.1, §9.1).

An exchange may take several transactions: one for each address tried, one more for each challenge answered.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from ringline.sip.bodies import SDP
from ringline.sip.dialog import Dialog
from ringline.sip.digest import authorize, best
from ringline.sip.flow import DEFAULT_PORT, DEFAULT_TLS_PORT, Flow, is_address
from ringline.sip.grammar import SipError, Uri
from ringline.sip.layer import ClientTransaction, TransactionLayer
from ringline.sip.message import Request, Response
from ringline.sip.stack import Stack
from ringline.sip.transaction import State

CHALLENGES = {401: ("WWW-Authenticate", "Authorization"), 407: ("Proxy-Authenticate", "Proxy-Authorization")}
MAX_CHALLENGES = 2  # the second only makes sense for stale=true or a second realm on the way
REQUEST_TERMINATED = 487
SERVICE_UNAVAILABLE = 503


class ExchangeUser(Protocol):
    """Who wants the outcome."""

    def on_provisional(self, exchange: "Exchange", response: Response) -> None:
        """A 101–199 came."""
        ...

    def on_final(self, exchange: "Exchange", response: Response) -> None:
        """A final response came. For INVITE, each 2xx comes here: copies and other forks too."""
        ...

    def on_failure(self, exchange: "Exchange", status: int, reason: str) -> None:
        """No response comes: 408, 503, or 487 when cancelled before anything was sent."""
        ...


class Hop:
    """Finds the flows for a next hop: at once for a flow or an address, by the shell for a name."""

    def __init__(self, stack: Stack, to: Flow | Uri, found: Callable[[tuple[Flow, ...]], None]) -> None:
        self._stack = stack
        self._to = to
        self._found = found
        self._token = 0

    def find(self) -> None:
        """Call `found` with the flows, best first; empty when there is no way to go."""
        uri = self._to
        if isinstance(uri, Flow):
            self._found((uri,))
            return
        transport = (uri.transport or ("tls" if uri.scheme == "sips" else "udp")).upper()
        host = uri.params.get("maddr") or uri.host
        if uri.scheme not in {"sip", "sips"} or not host or transport not in self._stack.settings.transports:
            self._found(())
        elif is_address(host):
            default = DEFAULT_TLS_PORT if transport == "TLS" else DEFAULT_PORT
            self._found((Flow(transport, host, uri.port or default),))
        else:
            self._token = self._stack.resolve(uri, self)

    def resolved(self, flows: tuple[Flow, ...]) -> None:
        """The shell found these."""
        self._found(flows)

    def forget(self) -> None:
        """The answer is not wanted any more."""
        self._stack.forget_resolve(self._token)


@dataclass(frozen=True, slots=True)
class Login:
    """What we answer a challenge with."""

    username: str
    password: str = field(repr=False)


class Exchange:
    """See the module. `request` carries no Via; CSeq and credentials are renewed on the way."""

    def __init__(
        self,
        stack: Stack,
        layer: TransactionLayer,
        request: Request,
        user: ExchangeUser,
        *,
        handle: str | None,
        next_cseq: Callable[[], int],
        hop: Flow | Uri,
        login: Login | None = None,
    ) -> None:
        self._stack = stack
        self._layer = layer
        self._user = user
        self._next_cseq = next_cseq
        self._login = login
        self._flows: list[Flow] = []
        self._hop = Hop(stack, hop, self._found)
        self._transaction: ClientTransaction | None = None
        self._challenges = 0
        self._answered: set[tuple[str, str]] = set()
        self._cancel: tuple[tuple[str, str], ...] | None = None
        self._cancel_sent = False
        self._done = False
        self.handle = handle
        self.request = request
        """As built, without Via; its CSeq is the one last sent."""

    @property
    def cancelled(self) -> bool:
        """Whether the user has taken it back."""
        return self._cancel is not None

    def start(self) -> None:
        """Send, as soon as the address is known."""
        self._hop.find()

    def again(self) -> None:
        """Send the request, its headers changed by the user, to the same place again, with a new CSeq."""
        if self._transaction is None:
            raise SipError("nothing was sent yet")
        self._renumber()
        self._done = False
        self._send(self._transaction.flow)

    def cancel(self, headers: tuple[tuple[str, str], ...] = ()) -> None:
        """Take an INVITE back: at once when nothing was sent, else when a 1xx has come (§9.1)."""
        if self._done or self._cancel is not None:
            return
        self._cancel = headers
        if self._transaction is None:
            self._hop.forget()
            self._fail(REQUEST_TERMINATED, "Request Terminated")
        elif self._transaction.machine.state is State.PROCEEDING:
            self._send_cancel()

    def drop(self) -> None:
        """Wait no longer for a final response: one that still comes is a stray."""
        self._done = True
        if self._transaction is not None:
            self._layer.drop(self._transaction)

    def _found(self, flows: tuple[Flow, ...]) -> None:
        self._flows = list(flows)
        if flows:
            self._attempt()
        else:
            self._fail(SERVICE_UNAVAILABLE, "No Route")

    def _attempt(self) -> None:
        self._send(self._flows.pop(0))

    def _send(self, flow: Flow) -> None:
        request = Request(
            self.request.method, self.request.uri, self.request.headers.copy(), self.request.body
        )
        self._transaction = self._layer.request(request, flow, self, self.handle)

    def _renumber(self) -> None:
        self.request.headers.set("CSeq", f"{self._next_cseq()} {self.request.method}")

    def _send_cancel(self) -> None:
        if self._transaction is not None and self._cancel is not None and not self._cancel_sent:
            self._cancel_sent = True
            self._layer.cancel(self._transaction, self._cancel)

    def on_response(self, transaction: ClientTransaction, response: Response) -> None:
        """From the layer."""
        if response.status < 200:
            if transaction is self._transaction:
                self._send_cancel()
            if response.status > 100:
                self._user.on_provisional(self, response)
            return
        if self._cancel is None and response.status >= 300:
            if response.status in CHALLENGES and self._answer_challenge(response):
                self._renumber()
                self._send(transaction.flow)
                return
            if response.status == SERVICE_UNAVAILABLE and self._flows:
                self._attempt()
                return
        self._done = True
        self._user.on_final(self, response)

    def on_failure(self, transaction: ClientTransaction, status: int) -> None:
        """From the layer: timeout or dead transport; the next address has its turn (RFC 3263 §4.3)."""
        if self._flows and self._cancel is None:
            self._attempt()
        else:
            self._fail(status, "Request Timeout" if status == 408 else "Service Unavailable")

    def _fail(self, status: int, reason: str) -> None:
        self._done = True
        self._user.on_failure(self, status, reason)

    def _answer_challenge(self, response: Response) -> bool:
        """Put credentials into the request; False when we have none or they were refused."""
        asked, given = CHALLENGES[response.status]
        challenge = best(response.headers.get_all(asked))
        if self._login is None or challenge is None:
            return False
        if (asked, challenge.realm) in self._answered and not challenge.stale:
            return False  # the same question again: our answer was wrong
        if self._challenges >= MAX_CHALLENGES:
            return False
        self._challenges += 1
        self._answered.add((asked, challenge.realm))
        request, login = self.request, self._login
        cnonce = self._stack.ids.token(12)
        request.headers.set(
            given,
            authorize(
                challenge,
                login.username,
                login.password,
                request.method,
                request.uri,
                request.body,
                cnonce=cnonce,
            ),
        )
        return True


class Outcome:
    """An `ExchangeUser` that only wants the final status: a response's, or 408 and 503 for none."""

    def __init__(self, then: Callable[[int], None]) -> None:
        self._then = then

    def on_provisional(self, exchange: Exchange, response: Response) -> None:
        """Not wanted."""

    def on_final(self, exchange: Exchange, response: Response) -> None:
        """Answered."""
        self._then(response.status)

    def on_failure(self, exchange: Exchange, status: int, reason: str) -> None:
        """Not answered."""
        self._then(status)


class Ack:
    """The ACK to a 2xx of ours (§13.2.2.4): no transaction repeats it, each copy of the 2xx does."""

    def __init__(
        self,
        stack: Stack,
        layer: TransactionLayer,
        dialog: Dialog,
        invite: Request,
        handle: str | None,
        sdp: bytes = b"",
    ) -> None:
        """`invite` is the request as last sent: the ACK repeats its number and credentials (§22.1)."""
        self._stack = stack
        self._layer = layer
        self._handle = handle
        self.cseq = invite.cseq.number
        self._ack = dialog.request("ACK", self.cseq)
        for _, name in CHALLENGES.values():
            if (credentials := invite.headers.get(name)) is not None:
                self._ack.headers.add(name, credentials)
        if sdp:
            self._ack.headers.add("Content-Type", SDP)
            self._ack.body = sdp
        self._hop = Hop(stack, dialog.hop, self._found)
        self._flow: Flow | None = None
        self._data = b""

    def send(self) -> None:
        """Send it as soon as its address is known."""
        self._hop.find()

    def again(self) -> None:
        """A copy of the 2xx came."""
        if self._flow is not None:
            self._stack.send(self._flow, self._data, self._handle)

    def _found(self, flows: tuple[Flow, ...]) -> None:
        if flows:
            self._flow = flows[0]
            self._data = self._layer.send_ack(self._ack, self._flow, self._handle)
        else:
            self._stack.counters["unroutable_acks"] += 1
