"""CRC-32C and CRC-64/NVME, which Python's library does not have, in numpy.

A CRC is linear over GF(2): the state after some bytes is the state after as many zeros, and what the bytes
alone make of a zero state, added. So a block is cut into lanes that are taken in side by side, one byte of
each at a time, and the lanes' states are then moved behind each other and added in a tree, where moving a
state past n zeros is a multiplication that is looked up byte by byte.
"""

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

U64 = NDArray[np.uint64]

LANE = 64
"""Bytes of a lane."""

_BYTE = np.uint64(0xFF)
_EIGHT = np.uint64(8)


@dataclass(frozen=True, slots=True)
class Polynomial:
    """A reflected CRC whose register begins and ends inverted; `reflected` is without its highest term."""

    width: int
    reflected: int

    @property
    def ones(self) -> int:
        """The register full of ones."""
        return (1 << self.width) - 1


CRC32 = Polynomial(32, 0xEDB88320)
"""ISO/IEC 8802-3 §3.2.9, as zlib has it; here only to be combined."""

CRC32C = Polynomial(32, 0x82F63B78)
"""RFC 3720 §12.1 (Castagnoli); check value of b"123456789": E3069283."""

CRC64NVME = Polynomial(64, 0x9A6C9329AC4BC9B5)
"""NVM Command Set Specification 1.0 §5.2.1.3.4; check value of b"123456789": AE8B14860A799888."""


class Crc:
    """A checksum that grows."""

    def __init__(self, polynomial: Polynomial) -> None:
        self._polynomial = polynomial
        self._state = polynomial.ones

    def update(self, data: bytes) -> None:
        """Take in more bytes."""
        lanes = len(data) // LANE
        whole = lanes * LANE
        if lanes:
            own = _of_lanes(self._polynomial, np.frombuffer(data, np.uint8, whole).reshape(lanes, LANE))
            self._state = _past_zeros(self._polynomial, self._state, whole) ^ own
        table = _table(self._polynomial)
        for byte in data[whole:]:
            self._state = (self._state >> 8) ^ int(table[(self._state ^ byte) & 0xFF])

    def digest(self) -> bytes:
        """The checksum, highest byte first."""
        return (self._state ^ self._polynomial.ones).to_bytes(self._polynomial.width // 8)


def combine(polynomial: Polynomial, first: bytes, second: bytes, size: int) -> bytes:
    """The checksum of two things after each other by the checksums of both; `size` is the second one's."""
    moved = _past_zeros(polynomial, int.from_bytes(first), size)
    return (moved ^ int.from_bytes(second)).to_bytes(polynomial.width // 8)


@cache
def _table(polynomial: Polynomial) -> U64:
    """What each byte makes of a register of zeros."""
    table = np.arange(256, dtype=np.uint64)
    for _bit in range(8):
        odd = (table & np.uint64(1)).astype(bool)
        table = (table >> np.uint64(1)) ^ np.where(odd, np.uint64(polynomial.reflected), np.uint64(0))
    return table


@cache
def _zeros(polynomial: Polynomial, doublings: int) -> U64:
    """For each byte of a state and each of its values: that, moved past 2**doublings zero bytes."""
    count = polynomial.width // 8
    values = np.arange(256, dtype=np.uint64)
    states = np.stack([values << np.uint64(8 * byte) for byte in range(count)])
    if doublings == 0:
        return _table(polynomial)[(states & _BYTE).astype(np.intp)] ^ (states >> _EIGHT)
    half = _zeros(polynomial, doublings - 1)
    return _apply(half, _apply(half, states))


def _apply(operator: U64, states: U64) -> U64:
    moved = np.zeros_like(states)
    for byte, row in enumerate(operator):
        moved ^= row[((states >> np.uint64(8 * byte)) & _BYTE).astype(np.intp)]
    return moved


def _past_zeros(polynomial: Polynomial, state: int, count: int) -> int:
    states = np.array([state], np.uint64)
    doublings = 0
    while count:
        if count & 1:
            states = _apply(_zeros(polynomial, doublings), states)
        count >>= 1
        doublings += 1
    return int(states[0])


def _of_lanes(polynomial: Polynomial, lanes: NDArray[np.uint8]) -> int:
    table = _table(polynomial)
    states = np.zeros(len(lanes), np.uint64)
    for column in np.ascontiguousarray(lanes.T):
        states = table[((states ^ column) & _BYTE).astype(np.intp)] ^ (states >> _EIGHT)
    doublings = LANE.bit_length() - 1
    while len(states) > 1:
        if len(states) % 2:  # a lane of zeros before the first changes nothing
            states = np.concatenate([np.zeros(1, np.uint64), states])
        states = _apply(_zeros(polynomial, doublings), states[::2]) ^ states[1::2]
        doublings += 1
    return int(states[0])
