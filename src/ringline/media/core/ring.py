# cython: infer_types=True, annotation_typing=False, wraparound=False
"""Single-producer, single-consumer rings, of fixed-size records and of octets: what two threads share by
writing.

Each side owns one counter and reads the other's. Compiled, the counters are C11 atomics (see `ring.pxd`), so
a record is complete before its count is seen; nobody ever waits.
"""

from array import array
from collections.abc import MutableSequence

WORDS = 8


class Records:
    """A ring of records of eight signed 64-bit words.

    `reserve` records are kept free of `c_offer`, for what must not be lost; `dropped` counts what found no
    room.
    """

    def __init__(self, capacity: int, reserve: int = 0) -> None:
        """`capacity` is a power of two."""
        if capacity < 2 or capacity & (capacity - 1):
            raise ValueError(f"a ring's capacity is a power of two, not {capacity}")
        self.words = array("q", bytes(8 * WORDS * capacity))
        self.capacity = capacity
        self.reserve = reserve
        self.head = 0
        self.tail = 0
        self.dropped = 0

    def c_put(self, kind: int, leg: int, a: int, b: int, c: int, d: int, e: int, f: int) -> int:
        """Append one record; 0 if the ring is full."""
        head = self.head
        if head - self.tail >= self.capacity:
            self.dropped += 1
            return 0
        at = (head & (self.capacity - 1)) * 8
        self.words[at] = kind
        self.words[at + 1] = leg
        self.words[at + 2] = a
        self.words[at + 3] = b
        self.words[at + 4] = c
        self.words[at + 5] = d
        self.words[at + 6] = e
        self.words[at + 7] = f
        self.head = head + 1
        return 1

    def c_offer(self, kind: int, leg: int, a: int, b: int, c: int, d: int, e: int, f: int) -> int:
        """Append one record unless only the reserve is left; 0 if it was dropped."""
        if self.head - self.tail >= self.capacity - self.reserve:
            self.dropped += 1
            return 0
        return self.c_put(kind, leg, a, b, c, d, e, f)

    def c_front(self) -> int:
        """Index of the oldest record's first word, −1 if there is none."""
        tail = self.tail
        if tail == self.head:
            return -1
        return (tail & (self.capacity - 1)) * 8

    def c_drop(self) -> None:
        """Give the oldest record's place back to the producer."""
        self.tail = self.tail + 1

    def put(
        self, kind: int, leg: int, a: int = 0, b: int = 0, c: int = 0, d: int = 0, e: int = 0, f: int = 0
    ) -> bool:
        """`c_put` for Python."""
        return self.c_put(kind, leg, a, b, c, d, e, f) != 0

    def offer(
        self, kind: int, leg: int, a: int = 0, b: int = 0, c: int = 0, d: int = 0, e: int = 0, f: int = 0
    ) -> bool:
        """`c_offer` for Python."""
        return self.c_offer(kind, leg, a, b, c, d, e, f) != 0

    def get(self) -> tuple[int, ...] | None:
        """Take the oldest record as a tuple of eight integers, None if there is none."""
        at = self.c_front()
        if at < 0:
            return None
        words = self.words
        record = (
            words[at], words[at + 1], words[at + 2], words[at + 3],
            words[at + 4], words[at + 5], words[at + 6], words[at + 7],
        )  # fmt: skip
        self.c_drop()
        return record

    def __len__(self) -> int:
        return int(self.head - self.tail)


class Octets:
    """A ring of octets."""

    def __init__(self, capacity: int) -> None:
        """`capacity` is a power of two."""
        if capacity < 2 or capacity & (capacity - 1):
            raise ValueError(f"a ring's capacity is a power of two, not {capacity}")
        self.data = array("B", bytes(capacity))
        self.capacity = capacity
        self.head = 0
        self.tail = 0

    def c_size(self) -> int:
        """Octets that wait to be read."""
        return self.head - self.tail

    def c_room(self) -> int:
        """Octets that may be written."""
        return self.capacity - (self.head - self.tail)

    def c_put(self, src: MutableSequence[int], s: int, count: int) -> None:
        """Append `count` octets at `src[s]`, for which there is room."""
        head = self.head
        for i in range(count):
            self.data[(head + i) & (self.capacity - 1)] = src[s + i]
        self.head = head + count

    def c_take(self, dst: MutableSequence[int], d: int, count: int) -> None:
        """Move the oldest `count` octets, which are there, to `dst[d]`."""
        tail = self.tail
        for i in range(count):
            dst[d + i] = self.data[(tail + i) & (self.capacity - 1)]
        self.tail = tail + count

    def put(self, data: bytes) -> int:
        """Append what there is room for; returns how many octets that were."""
        count = min(len(data), int(self.c_room()))
        if count:
            self.c_put(array("B", data[:count]), 0, count)
        return count

    def take(self) -> bytes:
        """Take all that waits."""
        out = array("B", bytes(int(self.c_size())))
        if out:
            self.c_take(out, 0, len(out))
        return out.tobytes()
