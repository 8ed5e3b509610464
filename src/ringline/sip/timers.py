"""Timer values of RFC 3261 §17 (table 4) and a heap of deadlines that can be taken back."""

import heapq
from collections.abc import Hashable, Iterator
from dataclasses import dataclass
from typing import Generic, TypeVar

from ringline.core.clock import MILLISECOND, SECOND

Owner = TypeVar("Owner", bound=Hashable)


@dataclass(frozen=True, slots=True)
class Timing:
    """The base values every other timer follows from, in nanoseconds (RFC 3261 §17.1.1.1, table 4)."""

    t1_ns: int = 500 * MILLISECOND
    """Round-trip estimate: the first retransmission interval."""
    t2_ns: int = 4 * SECOND
    """Cap of the interval for non-INVITE requests and INVITE responses."""
    t4_ns: int = 5 * SECOND
    """How long a message may linger in the network."""
    trying_ns: int = 200 * MILLISECOND
    """Silence after which an INVITE is answered with 100 (§17.2.1)."""

    @property
    def timeout_ns(self) -> int:
        """64·T1: timers B, D, F, H, J, L and M."""
        return 64 * self.t1_ns


class Timers(Generic[Owner]):
    """Deadlines by (owner, name). Arming again replaces; cancelled entries leave the heap lazily."""

    def __init__(self) -> None:
        self._heap: list[tuple[int, int, Owner, str]] = []
        self._armed: dict[Owner, dict[str, int]] = {}
        self._serial = 0
        self._live = 0

    def __len__(self) -> int:
        """How many timers are armed."""
        return self._live

    def arm(self, owner: Owner, name: str, at_ns: int) -> None:
        """Fire `name` of `owner` at `at_ns`, instead of any earlier deadline of the same name."""
        self._serial += 1
        names = self._armed.setdefault(owner, {})
        if name not in names:
            self._live += 1
        names[name] = self._serial
        heapq.heappush(self._heap, (at_ns, self._serial, owner, name))
        if len(self._heap) > 64 and len(self._heap) > 4 * self._live:
            self._compact()

    def disarm(self, owner: Owner, name: str) -> None:
        """Take one timer back; nothing happens if it is not armed."""
        names = self._armed.get(owner)
        if names is None or names.pop(name, None) is None:
            return
        self._live -= 1
        if not names:
            del self._armed[owner]

    def disarm_all(self, owner: Owner) -> None:
        """Take back every timer of `owner`."""
        self._live -= len(self._armed.pop(owner, ()))

    def armed(self, owner: Owner, name: str) -> bool:
        """Whether this timer waits to fire."""
        return name in self._armed.get(owner, ())

    def next_deadline(self) -> int | None:
        """When the earliest timer fires, or None."""
        while self._heap and not self._is_live(self._heap[0]):
            heapq.heappop(self._heap)
        return self._heap[0][0] if self._heap else None

    def pop_due(self, now_ns: int) -> Iterator[tuple[Owner, str]]:
        """Yield what is due at `now_ns`, earliest first, timers of equal deadline in order of arming.

        What is armed or disarmed between two steps counts at once.
        """
        while (deadline := self.next_deadline()) is not None and deadline <= now_ns:
            _, _, owner, name = heapq.heappop(self._heap)
            self.disarm(owner, name)
            yield owner, name

    def _is_live(self, entry: tuple[int, int, Owner, str]) -> bool:
        return self._armed.get(entry[2], {}).get(entry[3]) == entry[1]

    def _compact(self) -> None:
        self._heap = [entry for entry in self._heap if self._is_live(entry)]
        heapq.heapify(self._heap)
