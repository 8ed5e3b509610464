# cython: infer_types=True, annotation_typing=False, wraparound=False, boundscheck=False
"""Memory asked for before it is needed.

Between two turns of a leg everything else has been through the cache: other legs, the kernel, the machine's
other programs. A turn touches about a hundred cache lines (64 octets each). Met one by one, each is waited
for; asked for together during a system call or the turn of the leg before, they are there in time.
"""

import ctypes
from array import array
from collections.abc import Sequence

import cython

if cython.compiled:
    from cython.cimports.ringline.media.core.prefetch import ringline_prefetch

PLACES = 24
NARROW = 320  # octets of 20 ms of samples at 8000 Hz: of a wide frame only the half is asked for

Spot = tuple[int, int]
"""An address, and how many octets from there."""


def objects(*things: object) -> list[Spot]:
    """Where the fields of objects are."""
    return [(id(thing), type(thing).__basicsize__) for thing in things]


def start(buffer: "array[int]", octets: int) -> Spot:
    """Where the first octets of an array are; all of it if it has fewer."""
    whole = memoryview(buffer).nbytes
    return ctypes.addressof(ctypes.c_char.from_buffer(buffer)), min(octets, whole)


class Prefetch:
    """What to ask for, for each of `capacity` slots.

    Python's thread writes while another reads. A list half new and half old, or of what is gone meanwhile,
    does no harm: asking for an address never fails.
    """

    def __init__(self, capacity: int) -> None:
        self.addresses = array("q", bytes(8 * PLACES * capacity))
        self.octets = array("q", bytes(8 * PLACES * capacity))
        self.counts = array("i", bytes(4 * capacity))

    def remember(self, index: int, spots: Sequence[Spot]) -> None:
        """What slot `index` will need; raises ValueError for more than 24 spots."""
        if len(spots) > PLACES:
            raise ValueError(f"a slot has {PLACES} places, not {len(spots)}")
        for i, (address, octets) in enumerate(spots):
            self.addresses[PLACES * index + i] = address
            self.octets[PLACES * index + i] = octets
        self.counts[index] = len(spots)

    def spots(self, index: int) -> list[Spot]:
        """What is remembered."""
        at = PLACES * index
        return [(self.addresses[at + i], self.octets[at + i]) for i in range(self.counts[index])]

    def c_fetch(self, index: int) -> None:
        """Ask for all of it. Interpreted there is nothing to ask."""
        at = PLACES * index
        for i in range(self.counts[index]):
            if cython.compiled:
                ringline_prefetch(self.addresses[at + i], self.octets[at + i])

    def fetch(self, index: int) -> None:
        """The same, from Python."""
        self.c_fetch(index)
