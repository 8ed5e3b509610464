"""The four transaction machines of RFC 3261 §17, with the Accepted state of RFC 6026.

A machine holds no clock, no timer and no socket. Every input answers with the steps its runner (`layer`)
takes: bytes to transmit, timers to arm, messages to deliver to the transaction user. `Deliver` is always the
last step.

::

    INVITE client      CALLING → PROCEEDING → COMPLETED | ACCEPTED → TERMINATED
    non-INVITE client  TRYING → PROCEEDING → COMPLETED → TERMINATED
    INVITE server      PROCEEDING → COMPLETED → CONFIRMED | ACCEPTED → TERMINATED
    non-INVITE server  TRYING → PROCEEDING → COMPLETED → TERMINATED
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from ringline.core.errors import RinglineError
from ringline.sip.message import Headers, Request, Response
from ringline.sip.timers import Timing

MAX_FORWARDS = "70"  # RFC 3261 §8.1.1.6


class IllegalMove(RinglineError):
    """Something was asked of a machine that its state does not allow; the message names both."""


class State(StrEnum):
    """States of all four machines (figures 5 to 8)."""

    CALLING = "calling"
    TRYING = "trying"
    PROCEEDING = "proceeding"
    ACCEPTED = "accepted"
    COMPLETED = "completed"
    CONFIRMED = "confirmed"
    TERMINATED = "terminated"


class Timer(StrEnum):
    """Timer letters of RFC 3261 table 4 and RFC 6026; TRYING is our 100 after 200 ms."""

    A = "A"
    B = "B"
    D = "D"
    E = "E"
    F = "F"
    G = "G"
    H = "H"
    I = "I"  # noqa: E741  the RFC's own letter
    J = "J"
    K = "K"
    L = "L"
    M = "M"
    TRYING = "trying"


@dataclass(frozen=True, slots=True)
class Transmit:
    """Put these bytes on the wire."""

    data: bytes


@dataclass(frozen=True, slots=True)
class Arm:
    """Call `fire(timer)` at `at_ns`."""

    timer: Timer
    at_ns: int


@dataclass(frozen=True, slots=True)
class Disarm:
    """Take a timer back."""

    timer: Timer


@dataclass(frozen=True, slots=True)
class Deliver:
    """Give a message to the transaction user."""

    message: Request | Response


@dataclass(frozen=True, slots=True)
class Fail:
    """Tell the transaction user that no final response comes; `status` stands for one (§8.1.3.1)."""

    status: int


@dataclass(frozen=True, slots=True)
class Finish:
    """The machine is TERMINATED: forget it and its timers."""


Step = Transmit | Arm | Disarm | Deliver | Fail | Finish

REQUEST_TIMEOUT = 408
SERVICE_UNAVAILABLE = 503


def follow_up(request: Request, method: str) -> Request:
    """A request of the same transaction: the ACK to a non-2xx (§17.1.1.3) or a CANCEL (§9.1), To as sent."""
    headers = Headers()
    headers.add("Via", str(request.top_via))
    for route in request.headers.get_all("Route"):
        headers.add("Route", route)
    headers.add("Max-Forwards", MAX_FORWARDS)
    for name in ("From", "To", "Call-ID"):
        headers.add(name, request.headers.get(name) or "")
    headers.add("CSeq", f"{request.cseq.number} {method}")
    return Request(method, request.uri, headers, b"")


def _ack(request: Request, response: Response) -> bytes:
    ack = follow_up(request, "ACK")
    ack.headers.set("To", response.headers.get("To") or "")
    return ack.serialize()


class InviteClient:
    """An INVITE we sent (§17.1.1)."""

    __slots__ = ("_ack", "_interval", "data", "reliable", "request", "state", "timing")

    def __init__(self, request: Request, timing: Timing, *, reliable: bool) -> None:
        self.request = request
        self.data = request.serialize()
        self.timing = timing
        self.reliable = reliable
        self.state = State.CALLING
        self._interval = timing.t1_ns
        self._ack = b""

    def start(self, now_ns: int) -> list[Step]:
        """Send it."""
        steps: list[Step] = [Transmit(self.data), Arm(Timer.B, now_ns + self.timing.timeout_ns)]
        if not self.reliable:
            steps.append(Arm(Timer.A, now_ns + self._interval))
        return steps

    def receive(self, response: Response, now_ns: int) -> list[Step]:
        """Take a response that matches."""
        if self.state is State.ACCEPTED:
            # Copies of the 2xx and those of other forks: all are the user's to acknowledge (RFC 6026 §7.2).
            return [Deliver(response)] if 200 <= response.status < 300 else []
        if self.state is State.COMPLETED:
            return [Transmit(self._ack)] if response.status >= 300 else []
        # Timer B ends with Calling: a phone may ring longer than 64·T1 (§17.1.1.2).
        steps: list[Step] = [Disarm(Timer.A), Disarm(Timer.B)] if self.state is State.CALLING else []
        if response.status < 200:
            self.state = State.PROCEEDING
            return [*steps, Deliver(response)]
        if response.status < 300:
            self.state = State.ACCEPTED
            return [*steps, Arm(Timer.M, now_ns + self.timing.timeout_ns), Deliver(response)]
        self._ack = _ack(self.request, response)
        steps.append(Transmit(self._ack))
        if self.reliable:
            self.state = State.TERMINATED
            return [*steps, Finish(), Deliver(response)]
        self.state = State.COMPLETED
        return [*steps, Arm(Timer.D, now_ns + self.timing.timeout_ns), Deliver(response)]

    def fire(self, timer: Timer, now_ns: int) -> list[Step]:
        """A timer that was armed has run out."""
        if timer is Timer.A and self.state is State.CALLING:
            self._interval *= 2  # not capped by T2, unlike E (§17.1.1.2)
            return [Transmit(self.data), Arm(Timer.A, now_ns + self._interval)]
        failed = timer is Timer.B
        self.state = State.TERMINATED
        return [Finish(), Fail(REQUEST_TIMEOUT)] if failed else [Finish()]

    def unreachable(self) -> list[Step]:
        """The transport could not deliver (§17.1.4)."""
        waiting = self.state in {State.CALLING, State.PROCEEDING}
        self.state = State.TERMINATED
        return [Finish(), Fail(SERVICE_UNAVAILABLE)] if waiting else [Finish()]


class NonInviteClient:
    """Any other request we sent (§17.1.2)."""

    __slots__ = ("_interval", "data", "reliable", "request", "state", "timing")

    def __init__(self, request: Request, timing: Timing, *, reliable: bool) -> None:
        self.request = request
        self.data = request.serialize()
        self.timing = timing
        self.reliable = reliable
        self.state = State.TRYING
        self._interval = timing.t1_ns

    def start(self, now_ns: int) -> list[Step]:
        """Send it."""
        steps: list[Step] = [Transmit(self.data), Arm(Timer.F, now_ns + self.timing.timeout_ns)]
        if not self.reliable:
            steps.append(Arm(Timer.E, now_ns + self._interval))
        return steps

    def receive(self, response: Response, now_ns: int) -> list[Step]:
        """Take a response that matches."""
        if self.state is State.COMPLETED:
            return []
        if response.status < 200:
            self.state = State.PROCEEDING
            return [Deliver(response)]
        steps: list[Step] = [Disarm(Timer.E), Disarm(Timer.F)]
        if self.reliable:
            self.state = State.TERMINATED
            return [*steps, Finish(), Deliver(response)]
        self.state = State.COMPLETED
        return [*steps, Arm(Timer.K, now_ns + self.timing.t4_ns), Deliver(response)]

    def fire(self, timer: Timer, now_ns: int) -> list[Step]:
        """A timer that was armed has run out."""
        if timer is Timer.E:
            proceeding = self.state is State.PROCEEDING
            self._interval = self.timing.t2_ns if proceeding else min(2 * self._interval, self.timing.t2_ns)
            return [Transmit(self.data), Arm(Timer.E, now_ns + self._interval)]
        failed = timer is Timer.F
        self.state = State.TERMINATED
        return [Finish(), Fail(REQUEST_TIMEOUT)] if failed else [Finish()]

    def unreachable(self) -> list[Step]:
        """The transport could not deliver (§17.1.4)."""
        waiting = self.state in {State.TRYING, State.PROCEEDING}
        self.state = State.TERMINATED
        return [Finish(), Fail(SERVICE_UNAVAILABLE)] if waiting else [Finish()]


class InviteServer:
    """An INVITE we received (§17.2.1). Keeps the last response's bytes, and not the request once answered."""

    __slots__ = ("_interval", "_last", "_trying", "reliable", "state", "timing")

    def __init__(self, trying: Callable[[], bytes], timing: Timing, *, reliable: bool) -> None:
        """`trying` makes the 100 that is sent when the user stays silent for `timing.trying_ns`."""
        self.timing = timing
        self.reliable = reliable
        self.state = State.PROCEEDING
        self._interval = timing.t1_ns
        self._last = b""
        self._trying: Callable[[], bytes] | None = trying

    def start(self, now_ns: int) -> list[Step]:
        """Wait for the user's first word."""
        return [Arm(Timer.TRYING, now_ns + self.timing.trying_ns)]

    def copy(self, now_ns: int) -> list[Step]:
        """The same INVITE came again."""
        if self.state is State.PROCEEDING and not self._last and self._trying is not None:
            self._last = self._trying()
        if self.state in {State.PROCEEDING, State.COMPLETED} and self._last:
            return [Disarm(Timer.TRYING), Transmit(self._last)]
        return []  # Accepted: the user itself sends the 2xx again (RFC 6026 §7.1)

    def respond(self, response: Response, now_ns: int) -> list[Step]:
        """Send the user's response; `IllegalMove` after a final one. Copies of a 2xx are the user's."""
        if self.state is not State.PROCEEDING:
            raise IllegalMove(f"cannot respond {response.status}: the INVITE transaction is {self.state}")
        self._last = response.serialize()
        steps: list[Step] = [Disarm(Timer.TRYING), Transmit(self._last)]
        if response.status < 200:
            return steps
        self._trying = None
        if response.status < 300:
            self.state = State.ACCEPTED
            self._last = b""
            return [*steps, Arm(Timer.L, now_ns + self.timing.timeout_ns)]
        self.state = State.COMPLETED
        steps.append(Arm(Timer.H, now_ns + self.timing.timeout_ns))
        if not self.reliable:
            steps.append(Arm(Timer.G, now_ns + self._interval))
        return steps

    def ack(self, now_ns: int) -> list[Step]:
        """The ACK to a non-2xx came."""
        if self.state is not State.COMPLETED:
            return []
        self._last = b""
        if self.reliable:
            self.state = State.TERMINATED
            return [Finish()]
        self.state = State.CONFIRMED
        return [Disarm(Timer.G), Disarm(Timer.H), Arm(Timer.I, now_ns + self.timing.t4_ns)]

    def fire(self, timer: Timer, now_ns: int) -> list[Step]:
        """A timer that was armed has run out."""
        if timer is Timer.TRYING:
            return self.copy(now_ns)
        if timer is Timer.G:
            self._interval = min(2 * self._interval, self.timing.t2_ns)
            return [Transmit(self._last), Arm(Timer.G, now_ns + self._interval)]
        # H: nobody acknowledged our refusal. There is nothing left to save, so the user need not know.
        self.state = State.TERMINATED
        return [Finish()]


class NonInviteServer:
    """Any other request we received (§17.2.2). Keeps the last response's bytes only."""

    __slots__ = ("_last", "reliable", "state", "timing")

    def __init__(self, timing: Timing, *, reliable: bool) -> None:
        self.timing = timing
        self.reliable = reliable
        self.state = State.TRYING
        self._last = b""

    def start(self, now_ns: int) -> list[Step]:
        """Nothing to do before the user answers."""
        return []

    def copy(self, now_ns: int) -> list[Step]:
        """The same request came again."""
        return [Transmit(self._last)] if self._last else []

    def respond(self, response: Response, now_ns: int) -> list[Step]:
        """Send the user's response; raises `IllegalMove` after a final one."""
        if self.state not in {State.TRYING, State.PROCEEDING}:
            raise IllegalMove(f"cannot respond {response.status}: the transaction is {self.state}")
        self._last = response.serialize()
        if response.status < 200:
            self.state = State.PROCEEDING
            return [Transmit(self._last)]
        if self.reliable:
            self.state = State.TERMINATED
            return [Transmit(self._last), Finish()]
        self.state = State.COMPLETED
        return [Transmit(self._last), Arm(Timer.J, now_ns + self.timing.timeout_ns)]

    def fire(self, timer: Timer, now_ns: int) -> list[Step]:
        """Timer J has run out."""
        self.state = State.TERMINATED
        return [Finish()]
