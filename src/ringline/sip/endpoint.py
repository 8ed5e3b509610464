"""SIP for the rest of the house: sockets, clock and names around the pure core.

Events come by `on_event`, a plain call in the loop, in order and never from inside a command. A command that
crosses the end of its call does nothing (counted as `late_commands`); one that the call's direction or stage
never allows raises `IllegalMove`; headers, phrases and URIs that would break the protocol raise `SipError`.
"""

import asyncio
import socket
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from ringline.core import log
from ringline.core.clock import SECOND, Clock
from ringline.core.errors import ConfigError
from ringline.core.ids import Ids
from ringline.sip.authentication import CredentialLookup
from ringline.sip.core import SipCore
from ringline.sip.dialling import Dial
from ringline.sip.digest import Ha1
from ringline.sip.events import Event, IncomingCall, Refuse, Resolve, Route, Send, SipHeader, Unreadable
from ringline.sip.exchange import Login
from ringline.sip.flow import DEFAULT_PORT, Flow
from ringline.sip.io.complaints import Complaints
from ringline.sip.io.tcp import TcpLimits, TcpTransport
from ringline.sip.io.udp import UdpTransport
from ringline.sip.lookup import DnsLookup
from ringline.sip.params import SipError
from ringline.sip.registrar import Registration
from ringline.sip.resolver import Resolution
from ringline.sip.stack import StackSettings

BIND_ATTEMPTS = 20
_log = log.get("sip")


@dataclass(frozen=True, slots=True)
class EndpointSettings:
    """Where the endpoint listens and what it says of itself; port 0 takes one free for UDP and TCP."""

    host: str = "127.0.0.1"
    port: int = DEFAULT_PORT
    external_address: str = ""
    """Host that Via and Contact carry when it is not the bound one (NAT)."""
    stack: StackSettings = field(default_factory=StackSettings)
    tcp: TcpLimits = field(default_factory=TcpLimits)


class SipEndpoint:
    """One SIP user agent on one UDP and one TCP port. Not thread-safe: one loop owns it."""

    def __init__(
        self,
        *,
        clock: Clock,
        ids: Ids,
        on_event: Callable[[Event], None],
        decide_invite: Callable[[IncomingCall], Route],
        credentials: CredentialLookup,
        settings: EndpointSettings,
    ) -> None:
        """`decide_invite` routes each new INVITE at once; `credentials` gives a user's HA1, or None."""
        self._clock = clock
        self._ids = ids
        self._on_event = on_event
        self._settings = settings
        self._decide_invite = decide_invite
        self._credentials = credentials
        self._core = SipCore(ids=ids, settings=settings.stack, decide=self._decide, credentials=self._look_up)
        self._complaints = Complaints(clock)
        self._dns = DnsLookup()
        self._udp: UdpTransport | None = None
        self._tcp: TcpTransport | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._deadline: int | None = None
        self._flush_wanted = False
        self._lookups: set[asyncio.Task[None]] = set()
        self.address = settings.external_address or settings.host
        self.port = settings.port

    async def start(self) -> None:
        """Bind; `address` and `port` are then what the world is told. `ConfigError` for a taken port."""
        settings = self._settings
        for attempt in range(BIND_ATTEMPTS):
            try:
                udp = await UdpTransport.bind(settings.host, settings.port, self._received, self._count)
            except OSError as error:
                raise _taken(settings, "udp", error) from error
            host, port = udp.address
            try:
                self._tcp = await TcpTransport.bind(
                    host,
                    port,
                    self._received,
                    self._lost,
                    self._complaints.unreadable,
                    self._count,
                    settings.tcp,
                )
            except OSError as error:
                udp.close()
                if settings.port or attempt == BIND_ATTEMPTS - 1:
                    raise _taken(settings, "tcp", error) from error
                continue  # a free UDP port whose TCP twin is taken: the kernel gives another
            self._udp = udp
            self.port = port
            self.address = settings.external_address or _advertised(host)
            self._core.listen_as(self.address, port)
            return

    async def stop(self) -> None:
        """Send what is queued, then close every socket; calls are not ended: `bye` and wait first."""
        self._flush()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        for task in list(self._lookups):
            task.cancel()
        await asyncio.gather(*self._lookups, return_exceptions=True)
        if self._udp is not None:
            self._udp.close()
        if self._tcp is not None:
            await self._tcp.close()

    @property
    def counters(self) -> Counter[str]:
        """Messages, and everything dropped, by reason."""
        return self._core.counters

    @property
    def calls(self) -> int:
        """How many calls are not over."""
        return self._core.calls

    def drain(self) -> None:
        """Answer new INVITEs and OPTIONS with 503 from now on; calls that stand go on."""
        self._core.drain()

    # Outgoing calls

    def invite(
        self,
        handle: str,
        uri: str,
        *,
        from_uri: str,
        from_display: str = "",
        sdp: bytes,
        headers: Iterable[SipHeader] = (),
        privacy_id: bool = False,
        auth: tuple[str, str] | None = None,
        transport: str = "udp",
        via_registration: str | None = None,
    ) -> None:
        """Begin a call; `CallProgress`, `CallAnswered` and `CallFailed` tell the rest (see `dialling.Dial`).

        `handle` is the caller's own name for it, unique among live calls.
        """
        dial = Dial(
            handle=handle,
            uri=uri,
            from_uri=from_uri,
            from_display=from_display,
            sdp=sdp,
            headers=tuple(headers),
            privacy_id=privacy_id,
            login=Login(*auth) if auth else None,
            transport=transport,
            via_registration=via_registration,
        )
        self._at_now().invite(dial)

    def cancel(self, handle: str, reason_text: str | None = None) -> None:
        """Give a call up: CANCEL when the RFC allows it, BYE if it was answered meanwhile.

        `CallFailed` 487 (or `CallEnded`) follows. `reason_text` goes into a Reason header.
        """
        self._at_now().cancel(handle, reason_text)

    def acknowledge(self, handle: str, sdp: bytes) -> None:
        """Answer, in the ACK, the offer that came with the 2xx to an `invite` without SDP."""
        self._at_now().acknowledge(handle, sdp)

    # Incoming calls

    def ring(
        self, handle: str, status: int = 180, sdp: bytes = b"", headers: Iterable[SipHeader] = ()
    ) -> None:
        """Send 180, or 183 with early media's SDP; it is repeated every minute until the answer."""
        self._at_now().ring(handle, status, sdp, tuple(headers))

    def accept(self, handle: str, sdp: bytes, headers: Iterable[SipHeader] = ()) -> None:
        """Answer; the 200 is repeated until `CallAcked` (or `CallEnded` by error after 32 s)."""
        self._at_now().accept(handle, sdp, tuple(headers))

    def refuse(self, handle: str, status: int, reason: str = "", headers: Iterable[SipHeader] = ()) -> None:
        """Refuse with 300–699; no event follows."""
        self._at_now().refuse(handle, status, reason, tuple(headers))

    # Answered calls

    def bye(self, handle: str, headers: Iterable[SipHeader] = ()) -> None:
        """Hang up; `CallEnded` follows when the peer has answered, or never will. Unanswered: as `cancel`."""
        self._at_now().bye(handle, tuple(headers))

    def reoffer(self, handle: str, sdp: bytes) -> None:
        """Send a re-INVITE (hold, codec change); `CallReofferAnswered` follows. Waits its turn."""
        self._at_now().reoffer(handle, sdp)

    def accept_reoffer(self, handle: str, sdp: bytes) -> None:
        """Answer the last `CallReoffered`; nothing happens if the peer took it back."""
        self._at_now().accept_reoffer(handle, sdp)

    def refuse_reoffer(self, handle: str, status: int = 488) -> None:
        """Refuse the last `CallReoffered`; the call goes on as it was."""
        self._at_now().refuse_reoffer(handle, status)

    def info(self, handle: str, content_type: str, body: bytes) -> None:
        """Send an INFO, before the answer too once there is a dialog; `InfoAnswered` follows."""
        self._at_now().info(handle, content_type, body)

    def refer(self, handle: str, target: str, headers: Iterable[SipHeader] = ()) -> None:
        """Ask the peer to call `target` itself; `ReferProgress` follows."""
        self._at_now().refer(handle, target, tuple(headers))

    # Registrations

    def registered(self, user: str) -> Registration | None:
        """Where this user's phone is, the latest of several; None when it has not registered here."""
        return self._at_now().registered(user)

    def register(
        self, uri: str, user: str, password: str, expires: int = 3600, *, transport: str = "udp"
    ) -> str:
        """Register `uri` (`sip:user@registrar[:port]`) and stay so; `RegisterOutcome` follows.

        Returns the handle that its events carry.
        """
        handle = self._ids.token(12)
        core = self._at_now()
        core.register(handle, uri, Login(user, password), expires, transport)
        return handle

    def unregister(self, handle: str) -> None:
        """Remove that binding; `RegisterOutcome` with lifetime 0 follows."""
        self._at_now().unregister(handle)

    # Between core and sockets

    def _at_now(self) -> SipCore:
        """The core, told the time, with a flush on its way."""
        self._core.advance(self._clock.now_ns())
        self._want_flush()
        return self._core

    def _want_flush(self) -> None:
        if not self._flush_wanted:
            self._flush_wanted = True
            asyncio.get_running_loop().call_soon(self._flush)

    def _received(self, flow: Flow, data: bytes) -> None:
        self._want_flush()
        try:
            self._core.receive(flow, data, self._clock.now_ns())
        except Exception:  # the edge: one peer's message must not cost the others their calls
            self._count("receive_errors")
            _log.exception("a SIP message could not be handled", peer=flow.peer)

    def _lost(self, flow: Flow) -> None:
        self._want_flush()
        self._core.unreachable(flow, self._clock.now_ns())

    def _decide(self, call: IncomingCall) -> Route:
        try:
            return self._decide_invite(call)
        except Exception:  # the edge: a mistake about one caller is that caller's 500
            self._count("decide_errors")
            _log.exception("an incoming call could not be routed")
            return Refuse(500)

    def _look_up(self, user: str) -> Ha1 | None:
        try:
            return self._credentials(user)
        except Exception:  # the edge: a user that cannot be looked up is not known
            self._count("credential_errors")
            _log.exception("credentials could not be looked up")
            return None

    def _count(self, what: str) -> None:
        self._core.counters[what] += 1

    def _flush(self) -> None:
        """Take the core's outputs where they belong until there are none; wait for its next deadline."""
        self._flush_wanted = False
        while outputs := self._core.poll():
            for output in outputs:
                if isinstance(output, Send):
                    self._send(output)
                elif isinstance(output, Resolve):
                    task = asyncio.get_running_loop().create_task(self._resolve(output))
                    self._lookups.add(task)
                    task.add_done_callback(self._lookups.discard)
                elif isinstance(output, Unreadable):
                    self._complaints.unreadable(output.flow, output.problem)
                else:
                    self._tell(output)
        self._schedule()

    def _send(self, output: Send) -> None:
        if output.flow.transport == "UDP":
            if self._udp is not None:
                self._udp.send(output.flow, output.data)
        elif self._tcp is not None:
            self._tcp.send(output.flow, output.data)

    def _tell(self, event: Event) -> None:
        try:
            self._on_event(event)
        except Exception:  # the edge: the house's mistake about one call must not stop the others'
            self._count("event_errors")
            _log.exception("a SIP event could not be handled", event_type=type(event).__name__)

    async def _resolve(self, wanted: Resolve) -> None:
        transports = [name.lower() for name in self._settings.stack.transports]
        try:
            resolution = Resolution(wanted.uri, transports=transports, ids=self._ids)
            targets = await self._dns.resolve(resolution)
        except SipError:
            targets = []
        v6 = ":" in self._settings.host
        flows = tuple(
            Flow(target.transport.upper(), target.address, target.port)
            for target in targets
            if (":" in target.address) == v6  # one socket speaks one family
        )
        self._core.resolved(wanted.token, flows, self._clock.now_ns())
        self._want_flush()

    def _schedule(self) -> None:
        deadline = self._core.next_deadline()
        if deadline == self._deadline:
            return
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._deadline = deadline
        if deadline is not None:
            delay = max(0, deadline - self._clock.now_ns()) / SECOND
            self._timer = asyncio.get_running_loop().call_later(delay, self._wake)

    def _wake(self) -> None:
        self._timer = self._deadline = None
        self._core.advance(self._clock.now_ns())
        self._flush()


def _advertised(host: str) -> str:
    """A host others can send to: for a wildcard, the address of the way out (no packet is sent)."""
    if host not in {"0.0.0.0", "::"}:
        return host
    family, beacon = (socket.AF_INET6, "2001:db8::1") if host == "::" else (socket.AF_INET, "192.0.2.1")
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect((beacon, 9))
        except OSError:
            return "::1" if host == "::" else "127.0.0.1"
        name = probe.getsockname()
    return str(name[0])


def _taken(settings: EndpointSettings, transport: str, error: OSError) -> ConfigError:
    return ConfigError(
        f"SIP cannot listen on {settings.host}:{settings.port}/{transport}: {error.strerror}. "
        "Choose another with --sip HOST:PORT, or stop what listens there."
    )
