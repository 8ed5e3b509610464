"""Which delivery may begin now: the order within a leg, and a fair share for each app. Pure.

A lane is one leg's events for one origin. Their first attempts begin in the order in which they were added;
the next one begins when the one before has ended its first attempt or began `wait_ns` ago (`wait`), has come
to its end altogether (`strict`), or at once (`none`). Beside that, no origin has more than `slots` attempts
in flight: an app that answers slowly fills its own slots only.
"""

import heapq
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

Order = Literal["wait", "strict", "none"]


Name = tuple[str, str]
"""A lane: leg and origin."""


@dataclass(slots=True)
class _Lane:
    waiting: deque[str] = field(default_factory=deque)
    head: str | None = None
    until: int | None = None
    """When the head's attempt has been under way for long enough; None before it begins."""


@dataclass(slots=True)
class _Origin:
    ready: deque[str] = field(default_factory=deque)
    in_flight: int = 0


class Lanes:
    """Names of deliveries go in, names of those that may begin come out."""

    def __init__(self, *, order: Order, wait_ns: int, slots: int) -> None:
        self._order: Order = order
        self._wait_ns = wait_ns
        self._slots = slots
        self._lanes: dict[Name, _Lane] = {}
        self._lane_of: dict[str, Name] = {}
        self._origins: dict[str, _Origin] = {}
        self._runnable: dict[str, None] = {}  # origins to look at, in order
        self._waits: list[
            tuple[int, Name, str]
        ] = []  # (until, lane, head), where others wait behind the head

    def add(self, item: str, origin: str, leg: str | None) -> None:
        """A first attempt that is to come after those added before for the same leg and origin."""
        if leg is None or self._order == "none":
            self._make_ready(item, origin)
            return
        name = (leg, origin)
        lane = self._lanes.setdefault(name, _Lane())
        self._lane_of[item] = name
        lane.waiting.append(item)
        if lane.head is None:
            self._advance(name)
        else:
            self._watch(name)

    def hold(self, item: str, origin: str, leg: str | None) -> None:
        """A delivery found half-way: under `strict` the later ones of its leg wait for its end."""
        if self._order != "strict" or leg is None:
            return
        name = (leg, origin)
        lane = self._lanes.setdefault(name, _Lane())
        if lane.head is None:
            lane.head = item
            self._lane_of[item] = name

    def retry(self, item: str, origin: str) -> None:
        """A further attempt: outside of any order, within the origin's slots."""
        self._make_ready(item, origin)

    def start(self, now_ns: int) -> Iterator[tuple[str, str]]:
        """Each (item, origin) that begins now; the caller calls `ended` for every one of them."""
        while self._waits and self._waits[0][0] <= now_ns:
            _, name, item = heapq.heappop(self._waits)
            if self._waits_behind(name, item):
                self._advance(name)
        while self._runnable:
            origin = next(iter(self._runnable))
            del self._runnable[origin]
            state = self._origins[origin]
            while state.ready and state.in_flight < self._slots:
                item = state.ready.popleft()
                state.in_flight += 1
                self._began(item, now_ns)
                yield item, origin

    def ended(self, item: str, origin: str) -> None:
        """An attempt that `start` gave has ended, whatever it brought."""
        state = self._origins[origin]
        state.in_flight -= 1
        if state.ready:
            self._runnable[origin] = None
        elif state.in_flight == 0:
            del self._origins[origin]
        if self._order == "wait":
            self._release(item)

    def settled(self, item: str) -> None:
        """The delivery is over, delivered or failed."""
        self._release(item)

    def deadline(self) -> int | None:
        """When `start` should be asked again even if nothing happens."""
        while self._waits:
            until, name, item = self._waits[0]
            if self._waits_behind(name, item):
                return until
            heapq.heappop(self._waits)
        return None

    def _waits_behind(self, name: Name, item: str) -> bool:
        lane = self._lanes.get(name)
        return lane is not None and lane.head == item and bool(lane.waiting)

    def _make_ready(self, item: str, origin: str) -> None:
        self._origins.setdefault(origin, _Origin()).ready.append(item)
        self._runnable[origin] = None

    def _began(self, item: str, now_ns: int) -> None:
        name = self._lane_of.get(item)
        if name is not None and self._order == "wait" and self._lanes[name].head == item:
            self._lanes[name].until = now_ns + self._wait_ns
            self._watch(name)

    def _watch(self, name: Name) -> None:
        lane = self._lanes[name]
        if lane.waiting and lane.head is not None and lane.until is not None:
            heapq.heappush(self._waits, (lane.until, name, lane.head))

    def _release(self, item: str) -> None:
        name = self._lane_of.pop(item, None)
        lane = self._lanes.get(name) if name is not None else None
        if name is not None and lane is not None and lane.head == item:
            self._advance(name)

    def _advance(self, name: Name) -> None:
        lane = self._lanes[name]
        lane.until = None
        if not lane.waiting:
            del self._lanes[name]
            return
        lane.head = lane.waiting.popleft()
        self._make_ready(lane.head, name[1])
