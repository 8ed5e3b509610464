"""A 2xx to INVITE, sent again until its ACK comes (RFC 3261 §13.3.1.4), on reliable transports too."""

from typing import Protocol

from ringline.sip.flow import Flow
from ringline.sip.stack import Stack

AGAIN = "again"
GIVE_UP = "give up"


class AnswerUser(Protocol):
    """Who answered."""

    def unacknowledged(self, answer: "Answer") -> None:
        """No ACK came within 64·T1: the session is to be ended with BYE."""
        ...


class Answer:
    """Starts its timers when made; the 2xx itself has just been sent by the transaction."""

    def __init__(
        self, stack: Stack, user: AnswerUser, flow: Flow, data: bytes, cseq: int, handle: str
    ) -> None:
        self._stack = stack
        self._user = user
        self._flow = flow
        self._data = data
        self._handle = handle
        self._interval = stack.timing.t1_ns
        self.cseq = cseq
        """The INVITE's number, which its ACK repeats (§13.2.2.4)."""
        stack.timers.arm(self, AGAIN, stack.now_ns + self._interval)
        stack.timers.arm(self, GIVE_UP, stack.now_ns + stack.timing.timeout_ns)

    def stop(self) -> None:
        """The ACK came, or the session is over."""
        self._stack.timers.disarm_all(self)

    def wake(self, timer: str) -> None:
        """Send again with doubling intervals capped by T2, or give up."""
        if timer == AGAIN:
            self._interval = min(2 * self._interval, self._stack.timing.t2_ns)
            self._stack.timers.arm(self, AGAIN, self._stack.now_ns + self._interval)
            self._stack.send(self._flow, self._data, self._handle)
        else:
            self.stop()
            self._user.unacknowledged(self)
