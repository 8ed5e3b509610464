"""Identifiers and secrets, from one injected source of randomness."""

import base64
import os
import random
import uuid
from collections.abc import Callable
from typing import Protocol


class Randomness(Protocol):
    """Where random bytes come from: the system's pool, or a seeded generator in tests."""

    def randbytes(self, n: int, /) -> bytes:
        """Return `n` random bytes."""
        ...


class SystemRandomness:
    """The operating system's pool; fit for secrets.

    Bytes are drawn in blocks: each draw gives the interpreter's lock away, and while another thread runs
    Python it may be milliseconds until it comes back.
    """

    BLOCK = 4096

    def __init__(self) -> None:
        self._block = b""
        self._used = 0
        # A child must not hand out what its parent hands out.
        os.register_at_fork(after_in_child=self._forget)

    def randbytes(self, n: int, /) -> bytes:
        """Return `n` unguessable bytes, none of them twice."""
        if n > len(self._block) - self._used:
            self._block = os.urandom(max(n, self.BLOCK))
            self._used = 0
        start, self._used = self._used, self._used + n
        return self._block[start : self._used]

    def _forget(self) -> None:
        self._block, self._used = b"", 0


class Ids:
    """Makes every identifier of the API (spec webhooks §1.1)."""

    def __init__(self, randomness: Randomness | None = None) -> None:
        self._bytes: Callable[[int], bytes] = (randomness or SystemRandomness()).randbytes

    @classmethod
    def seeded(cls, seed: int) -> "Ids":
        """Ids that repeat for the same seed; for tests and replays."""
        return cls(random.Random(seed))

    def uuid(self) -> str:
        """A version 4 UUID."""
        return str(uuid.UUID(bytes=self._bytes(16), version=4))

    def call_control_id(self) -> str:
        """`v3:` and 54 base64url characters; opaque to clients."""
        return "v3:" + self.token(40)

    def decimal(self) -> str:
        """A decimal string of 19 digits that fits a signed 64-bit integer."""
        return str(10**18 + int.from_bytes(self._bytes(8)) % (8 * 10**18))

    def token(self, n: int) -> str:
        """`n` random bytes as unpadded base64url."""
        return base64.urlsafe_b64encode(self._bytes(n)).decode().rstrip("=")

    def u32(self) -> int:
        """32 random bits: SSRC, RTP timestamp (RFC 3550 §5.1)."""
        return int.from_bytes(self._bytes(4))

    def u16(self) -> int:
        """16 random bits: RTP sequence."""
        return int.from_bytes(self._bytes(2))
