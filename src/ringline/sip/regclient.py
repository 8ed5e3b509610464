"""Our own REGISTER with somebody else's registrar: a trunk, the virtual phone's server (RFC 3261 §10.2)."""

from ringline.sip.events import RegisterOutcome
from ringline.sip.exchange import Exchange, Login
from ringline.sip.grammar import Uri
from ringline.sip.headers import Headers
from ringline.sip.layer import TransactionLayer
from ringline.sip.message import Request, Response
from ringline.sip.stack import Stack
from ringline.sip.transaction import MAX_FORWARDS

REFRESH = "refresh"
FIRST_RETRY_S = 30
LAST_RETRY_S = 1800  # RFC 5626 §4.5
MAX_INTERVAL_S = 86400


class RegisterClient:
    """Keeps one user registered until `leave`; every outcome becomes a `RegisterOutcome`.

    `uri` is the address of record: `sip:user@host[:port][;transport=…]`; its host is the registrar.
    """

    def __init__(
        self, stack: Stack, layer: TransactionLayer, handle: str, uri: Uri, login: Login, expires_s: int
    ) -> None:
        self._stack = stack
        self._layer = layer
        self._uri = uri
        self._login = login
        self._expires_s = expires_s
        self._call_id = stack.call_id()
        self._tag = stack.tag()
        self._cseq = 0
        self._failures = 0
        self._exchange: Exchange | None = None
        self._leaving = False
        self.handle = handle

    def start(self) -> None:
        """Register now."""
        self._send(self._expires_s)

    def leave(self) -> None:
        """Remove the binding (§10.2.2); a REGISTER under way is waited for first."""
        if self._leaving:
            return
        self._leaving = True
        self._stack.timers.disarm_all(self)
        if self._exchange is None:
            self._send(0)

    def _send(self, expires_s: int) -> None:
        uri = self._uri
        transport = (uri.transport or "udp").upper()
        registrar = Uri(uri.scheme, host=uri.host, port=uri.port, params=uri.params)
        record = f"<{Uri(uri.scheme, uri.user, uri.host, uri.port)}>"
        headers = Headers(
            (
                ("Max-Forwards", MAX_FORWARDS),
                ("From", f"{record};tag={self._tag}"),
                ("To", record),
                ("Call-ID", self._call_id),
                ("CSeq", f"{self._next_cseq()} REGISTER"),
                ("Contact", self._stack.contact(uri.user, transport)),
                ("Expires", str(expires_s)),
                ("User-Agent", self._stack.settings.user_agent),
            )
        )
        self._exchange = Exchange(
            self._stack,
            self._layer,
            Request("REGISTER", str(registrar), headers),
            self,
            handle=None,
            next_cseq=self._next_cseq,
            hop=registrar,
            login=self._login,
        )
        self._exchange.start()

    def on_provisional(self, exchange: Exchange, response: Response) -> None:
        """Registrars answer at once; there is nothing to do."""

    def on_final(self, exchange: Exchange, response: Response) -> None:
        """Registered, or told why not."""
        asked = exchange.request.expires or 0
        if response.status == 423 and self._longer(response):
            exchange.request.headers.set("Expires", str(self._expires_s))
            exchange.again()
            return
        self._exchange = None
        if response.status >= 300:
            self._failed(response.status, response.reason)
            return
        self._failures = 0
        granted = self._granted(response, asked) if asked else 0
        self._stack.emit(RegisterOutcome(self.handle, response.status, response.reason, granted))
        if asked and self._leaving:
            self._send(0)
        elif asked:
            # Well before the end, with room for one timeout of 32 s where the lifetime allows it.
            wait_s = granted - 40 if granted > 80 else granted / 2
            self._stack.timers.arm(self, REFRESH, self._stack.after(wait_s))

    def on_failure(self, exchange: Exchange, status: int, reason: str) -> None:
        """No answer."""
        self._exchange = None
        self._failed(status, reason)

    def _failed(self, status: int, reason: str) -> None:
        self._stack.emit(RegisterOutcome(self.handle, status, reason, 0))
        if not self._leaving:
            ceiling = min(FIRST_RETRY_S * 2**self._failures, LAST_RETRY_S)
            self._failures = min(self._failures + 1, 10)
            jitter = 0.5 + self._stack.ids.u16() / 131072  # 50 to 100 % (RFC 5626 §4.5)
            self._stack.timers.arm(self, REFRESH, self._stack.after(ceiling * jitter))

    def _longer(self, response: Response) -> bool:
        text = response.headers.get("Min-Expires") or ""
        minimum = int(text) if text.isascii() and text.isdigit() and len(text) < 6 else 0
        if not self._expires_s < minimum <= MAX_INTERVAL_S:
            return False
        self._expires_s = minimum
        return True

    def _granted(self, response: Response, asked: int) -> int:
        """What was made of our wish: our Contact's expires, the header's, or the wish itself (§10.2.4)."""
        for contact in response.contacts:
            same_place = (contact.uri.host, contact.uri.port) == (self._stack.host, self._stack.port)
            text = contact.params.get("expires") or ""
            if same_place and contact.uri.user == self._uri.user and text.isascii() and text.isdigit():
                return max(1, min(int(text[:6]), MAX_INTERVAL_S))
        return max(1, min(asked if response.expires is None else response.expires, MAX_INTERVAL_S))

    def _next_cseq(self) -> int:
        self._cseq += 1
        return self._cseq

    def wake(self, timer: str) -> None:
        """Time to register again."""
        if self._exchange is None:
            self._send(self._expires_s)
