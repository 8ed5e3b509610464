"""What every part of the core stands on: the time of this input, timers, ids, settings and the outputs."""

import re
from collections import Counter, deque
from collections.abc import Hashable
from dataclasses import dataclass, field
from typing import Literal, Protocol

from ringline.core.clock import SECOND
from ringline.core.ids import Ids
from ringline.sip.events import Event, Output, Resolve, Send, SipMessageSeen
from ringline.sip.flow import DEFAULT_PORT, Flow, bracketed
from ringline.sip.grammar import Uri
from ringline.sip.timers import Timers, Timing

METHODS = ("INVITE", "ACK", "CANCEL", "BYE", "OPTIONS", "UPDATE", "INFO", "REFER", "NOTIFY", "REGISTER")
ALLOW = ", ".join(METHODS)
SUPPORTED = "timer"
_CSEQ = re.compile(rb"^cseq[ \t]*+:[ \t]*+\d+[ \t]++([^\s]+)", re.IGNORECASE | re.MULTILINE)
_SUMMARY_LIMIT = 200


class Wakeable(Hashable, Protocol):
    """Something that owns timers."""

    def wake(self, timer: str) -> None:
        """A timer of this owner has run out."""
        ...


class Waiter(Protocol):
    """Something that asked for addresses."""

    def resolved(self, flows: tuple[Flow, ...]) -> None:
        """The addresses, best first; empty if the name has none."""
        ...


@dataclass(frozen=True, slots=True)
class StackSettings:
    """What the pure core may be told; the defaults are the evidence page's (§2) and the RFCs'."""

    timing: Timing = field(default_factory=Timing)
    user_agent: str = "ringline"
    realm: str = "ringline"
    transports: frozenset[str] = frozenset({"UDP", "TCP"})
    trace: bool = True
    """Emit `SipMessageSeen` for every message."""
    session_expires_s: int = 1800
    """Session interval that we ask for (RFC 4028 §4.2); 0: only when the peer asks."""
    min_se_s: int = 90
    """The shortest session interval we accept (RFC 4028 §5)."""
    ringing_repeat_s: int = 60
    """A provisional response is sent again this often, so that no proxy gives up (RFC 3261 §13.3.1.1)."""
    ring_limit_s: int = 660
    """A call that nobody answers is given up after this long, either way; above the API's longest timeout."""
    register_min_s: int = 60
    register_max_s: int = 3600
    register_default_s: int = 3600
    bindings_per_user: int = 10
    max_transactions: int = 50_000
    """Beyond, requests that belong to no call are dropped: each is remembered for 32 s, about 2 kB."""
    invites_per_s: float = 200.0
    """Rate of new INVITE and REGISTER admitted; more get 503 with Retry-After."""
    invites_burst: int = 400
    digest_algorithms: tuple[str, ...] = ("MD5",)
    """In order of preference; see `digest.Challenger` for why MD5 alone is the default."""
    failures_per_source: int = 10
    """Wrong credentials from one address within `failure_window_s` before it meets silence."""
    failure_window_s: int = 60


class Stack:
    """Shared by layer, calls and registrations of one core. Single-threaded."""

    def __init__(self, ids: Ids, settings: StackSettings) -> None:
        self.ids = ids
        self.settings = settings
        self.timing = settings.timing
        self.timers: Timers[Wakeable] = Timers()
        self.outputs: deque[Output] = deque()
        self.counters: Counter[str] = Counter()
        self.now_ns = 0
        self.host = "127.0.0.1"
        self.port = DEFAULT_PORT
        self._waiters: dict[int, Waiter] = {}
        self._token = 0

    def emit(self, event: Event) -> None:
        """Queue an event for the house."""
        self.outputs.append(event)

    def send(self, flow: Flow, data: bytes, handle: str | None) -> None:
        """Queue bytes for the wire."""
        self.counters["sent"] += 1
        self.outputs.append(Send(flow, data))
        self.seen("out", flow, data, handle)

    def seen(self, direction: Literal["in", "out"], flow: Flow, data: bytes, handle: str | None) -> None:
        """Show a message to the timeline."""
        if self.settings.trace:
            self.outputs.append(SipMessageSeen(handle, direction, summary(data), flow.peer, data))

    def resolve(self, uri: Uri, waiter: Waiter) -> int:
        """Ask the shell for addresses; returns a token for `forget_resolve`."""
        self._token += 1
        self._waiters[self._token] = waiter
        self.outputs.append(Resolve(self._token, uri))
        return self._token

    def resolved(self, token: int, flows: tuple[Flow, ...]) -> None:
        """The shell's answer; one that nobody waits for any more is dropped."""
        waiter = self._waiters.pop(token, None)
        if waiter is not None:
            waiter.resolved(flows)

    def forget_resolve(self, token: int) -> None:
        """The addresses are not wanted any more (DNS answers after CANCEL)."""
        self._waiters.pop(token, None)

    @property
    def resolving(self) -> int:
        """How many lookups are under way."""
        return len(self._waiters)

    def branch(self) -> str:
        """A branch with the cookie of RFC 3261 §8.1.1.7."""
        return "z9hG4bK" + self.ids.token(12)

    def tag(self) -> str:
        """A From or To tag (§19.3 asks for 32 random bits; this has 72)."""
        return self.ids.token(9)

    def call_id(self) -> str:
        """A Call-ID (§8.1.1.4)."""
        return self.ids.token(18)

    def contact(self, user: str, transport: str) -> str:
        """Our Contact for a dialog over `transport`; `user` is already escaped."""
        at = f"{user}@" if user else ""
        suffix = "" if transport == "UDP" else f";transport={transport.lower()}"
        return f"<sip:{at}{bracketed(self.host)}:{self.port}{suffix}>"

    def after(self, seconds: float) -> int:
        """The instant `seconds` from now."""
        return self.now_ns + round(seconds * SECOND)


def summary(data: bytes) -> str:
    """`INVITE sip:…` or `200 OK (INVITE)`, for the timeline's ladder; linear, from raw bytes."""
    line, _, rest = data.lstrip(b"\r\n").partition(b"\r\n")
    text = line[:_SUMMARY_LIMIT].decode("utf-8", "replace")
    if not text.upper().startswith("SIP/2.0 "):
        return text.removesuffix(" SIP/2.0")
    found = _CSEQ.search(rest)
    method = f" ({found.group(1)[:32].decode('utf-8', 'replace')})" if found else ""
    return text[8:] + method
