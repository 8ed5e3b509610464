# cython: infer_types=True, annotation_typing=False, wraparound=False
"""A single-producer, single-consumer ring of fixed-size records, the only thing two threads share by writing.

Each side owns one counter and reads the other's. Compiled, the counters are C11 atomics (see `ring.pxd`), so
a record is complete before its count is seen; nobody ever waits.
"""

from array import array

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
