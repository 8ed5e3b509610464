"""The life of a worker's child as a table; who performs it is `worker`."""

from dataclasses import dataclass, replace
from enum import StrEnum

from ringline.core.clock import SECOND
from ringline.core.errors import RinglineError


class State(StrEnum):
    """Where a worker stands."""

    IDLE = "idle"  # no child; the next request starts one
    STARTING = "starting"  # a child loads its engine
    READY = "ready"
    EVICTING = "evicting"  # asked to leave because nobody needed it
    BACKOFF = "backoff"  # the child died; waiting before the next
    STOPPED = "stopped"  # for good


class Event(StrEnum):
    """What can happen to a worker."""

    WANTED = "wanted"  # a request is there
    LOADED = "loaded"  # the child said that it is ready
    EXITED = "exited"  # the child is gone, whoever wanted it
    ELAPSED = "elapsed"  # the back-off is over
    EVICTED = "evicted"  # idle for too long, or its memory is needed
    CLOSED = "closed"  # the owner stops the worker


MOVES: dict[State, dict[Event, State]] = {
    State.IDLE: {
        Event.WANTED: State.STARTING,
        Event.EVICTED: State.IDLE,
        Event.CLOSED: State.STOPPED,
    },
    State.STARTING: {
        Event.LOADED: State.READY,
        Event.EXITED: State.BACKOFF,
        Event.CLOSED: State.STOPPED,
    },
    State.READY: {
        Event.EXITED: State.BACKOFF,
        Event.EVICTED: State.EVICTING,
        Event.CLOSED: State.STOPPED,
    },
    State.EVICTING: {
        Event.EXITED: State.IDLE,
        Event.CLOSED: State.STOPPED,
    },
    State.BACKOFF: {
        Event.ELAPSED: State.IDLE,
        Event.CLOSED: State.STOPPED,
    },
    State.STOPPED: {
        Event.EXITED: State.STOPPED,
        Event.CLOSED: State.STOPPED,
    },
}


class IllegalMove(RinglineError):
    """An event that its state does not know: a bug in whoever performs the table."""


@dataclass(frozen=True, slots=True)
class Backoff:
    """Waits between deaths: `first` seconds, doubled each time, at most `longest`.

    A child that was ready for `forgiven_after` seconds starts the count anew.
    """

    first: float = 0.1
    longest: float = 30.0
    forgiven_after: float = 60.0

    def seconds(self, deaths: int) -> float:
        """The wait after the given number of deaths in a row (≥ 1)."""
        return min(self.longest, self.first * 2.0 ** min(deaths - 1, 32))


@dataclass(frozen=True, slots=True)
class Life:
    """State, the deaths in a row, and when the child became ready (monotonic ns)."""

    state: State = State.IDLE
    deaths: int = 0
    ready_ns: int = 0

    def move(self, event: Event, now_ns: int, backoff: Backoff) -> "Life":
        """The life after an event; raises `IllegalMove`."""
        to = MOVES[self.state].get(event)
        if to is None:
            raise IllegalMove(f"{event} cannot happen while {self.state}")
        match self.state, to:
            case _, State.READY:
                return replace(self, state=to, ready_ns=now_ns)
            case State.READY, State.BACKOFF:
                forgiven = now_ns - self.ready_ns >= backoff.forgiven_after * SECOND
                return replace(self, state=to, deaths=1 if forgiven else self.deaths + 1)
            case _, State.BACKOFF:
                return replace(self, state=to, deaths=self.deaths + 1)
            case State.EVICTING, State.IDLE:
                return Life()
            case _:
                return replace(self, state=to)
