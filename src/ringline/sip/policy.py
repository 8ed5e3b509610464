"""Who may come in, and how fast: admission of new work, and silence for those who guess passwords. Pure."""

from collections import OrderedDict, deque
from enum import StrEnum

from ringline.core.clock import SECOND


class TokenBucket:
    """`rate` per second on average, `burst` at once; starts full."""

    def __init__(self, rate: float, burst: int) -> None:
        self._rate = rate
        self._burst = float(burst)
        self._tokens = float(burst)
        self._last_ns: int | None = None

    def take(self, now_ns: int) -> bool:
        """Take one token, if there is one."""
        if self._last_ns is not None and now_ns > self._last_ns:
            gained = self._rate * (now_ns - self._last_ns) / SECOND
            self._tokens = min(self._burst, self._tokens + gained)
        self._last_ns = now_ns if self._last_ns is None else max(now_ns, self._last_ns)
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True


class Verdict(StrEnum):
    """What becomes of a request for new work."""

    ADMIT = "admit"
    REFUSE = "refuse"  # 503 with Retry-After
    DROP = "drop"  # even refusing costs too much


class Admission:
    """Overload control for new INVITEs and REGISTERs; never asked about what is already inside a dialog."""

    def __init__(self, rate: float, burst: int) -> None:
        self._work = TokenBucket(rate, burst)
        # A refusal costs about a fifth of a call; past that rate of them silence is cheaper for both sides.
        self._refusals = TokenBucket(5 * rate, 5 * burst)

    def ask(self, now_ns: int) -> Verdict:
        """Judge one request."""
        if self._work.take(now_ns):
            return Verdict.ADMIT
        return Verdict.REFUSE if self._refusals.take(now_ns) else Verdict.DROP


class FailureLimit:
    """Addresses that gave wrong credentials too often within a window meet silence until it has passed."""

    def __init__(self, limit: int, window_ns: int, capacity: int = 10_000) -> None:
        self._limit = limit
        self._window_ns = window_ns
        self._capacity = capacity
        self._failures: OrderedDict[str, deque[int]] = OrderedDict()

    def note(self, source: str, now_ns: int) -> None:
        """One more failure from `source`."""
        times = self._failures.setdefault(source, deque(maxlen=self._limit))
        times.append(now_ns)
        self._failures.move_to_end(source)
        if len(self._failures) > self._capacity:
            self._failures.popitem(last=False)

    def silenced(self, source: str, now_ns: int) -> bool:
        """Whether `source` has used up its failures."""
        times = self._failures.get(source)
        if times is None:
            return False
        while times and now_ns - times[0] >= self._window_ns:
            times.popleft()
        if not times:
            del self._failures[source]
        return len(times) >= self._limit
