"""Rate limits: a token bucket for each account, and for each address that has not shown a key yet."""

import math
from collections import OrderedDict
from dataclasses import dataclass

from ringline.core.clock import SECOND, Clock

REMEMBERED = 10_000
"""Buckets kept; the one unused for longest is forgotten first, which at worst lets a caller start afresh."""


@dataclass(frozen=True, slots=True)
class Allowance:
    """What one request was told: whether it may pass, and the three `x-ratelimit-*` numbers."""

    allowed: bool
    limit: int
    remaining: int
    reset_s: int
    """Seconds until the bucket is full again, or, for a refusal, until one more request may pass."""

    def headers(self) -> list[tuple[bytes, bytes]]:
        """As response headers (spec voice-api §1.3)."""
        return [
            (b"x-ratelimit-limit", b"%d" % self.limit),
            (b"x-ratelimit-remaining", b"%d" % self.remaining),
            (b"x-ratelimit-reset", b"%d" % self.reset_s),
        ]


@dataclass(slots=True)
class _Bucket:
    tokens: float
    at_ns: int


class Limits:
    """Buckets of `per_minute` tokens that refill evenly; every request costs one, whatever its outcome."""

    def __init__(self, per_minute: int, clock: Clock) -> None:
        self._limit = per_minute
        self._per_ns = per_minute / (60 * SECOND)
        self._clock = clock
        self._buckets: OrderedDict[str, _Bucket] = OrderedDict()

    def exhausted(self, who: str) -> bool:
        """Whether a request of `who` would be refused; counts nothing."""
        bucket = self._buckets.get(who)
        return bucket is not None and self._refilled(bucket, self._clock.now_ns()) < 1

    def take(self, who: str) -> Allowance:
        """Count one request of `who`."""
        now = self._clock.now_ns()
        bucket = self._buckets.get(who)
        if bucket is None:
            bucket = self._buckets[who] = _Bucket(float(self._limit), now)
            if len(self._buckets) > REMEMBERED:
                self._buckets.popitem(last=False)
        else:
            self._buckets.move_to_end(who)
            bucket.tokens, bucket.at_ns = self._refilled(bucket, now), now
        if bucket.tokens < 1:
            return Allowance(False, self._limit, 0, self._seconds(1 - bucket.tokens))
        bucket.tokens -= 1
        return Allowance(True, self._limit, int(bucket.tokens), self._seconds(self._limit - bucket.tokens))

    def _refilled(self, bucket: _Bucket, now: int) -> float:
        return min(float(self._limit), bucket.tokens + (now - bucket.at_ns) * self._per_ns)

    def _seconds(self, tokens: float) -> int:
        return max(1, math.ceil(tokens / self._per_ns / SECOND))
