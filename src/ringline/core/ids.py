"""Identifiers and secrets, from one injected source of randomness."""

import base64
import random
import secrets
import uuid
from collections.abc import Callable
from typing import Protocol


class Randomness(Protocol):
    """Where random bytes come from: the system's pool, or a seeded generator in tests."""

    def randbytes(self, n: int, /) -> bytes:
        """Return `n` random bytes."""
        ...


class SystemRandomness:
    """The operating system's pool; fit for secrets."""

    def randbytes(self, n: int, /) -> bytes:
        """Return `n` unguessable bytes."""
        return secrets.token_bytes(n)


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
