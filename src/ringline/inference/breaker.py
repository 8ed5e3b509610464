"""The circuit breaker before one URL, as a table. Pure: time comes in as `now_ns`."""

from dataclasses import dataclass, replace
from enum import StrEnum

from ringline.core.clock import SECOND


class Circuit(StrEnum):
    """Whether requests may go to a URL."""

    CLOSED = "closed"  # they go
    OPEN = "open"  # they do not, until a time
    TRYING = "trying"  # one has gone to see; the others do not


@dataclass(frozen=True, slots=True)
class Trip:
    """`failures` in a row open the circuit for `first_s`, doubled for each failed trial up to `longest_s`."""

    failures: int = 3
    first_s: float = 2.0
    longest_s: float = 60.0


@dataclass(frozen=True, slots=True)
class Breaker:
    """One URL's circuit; every method gives the next one."""

    trip: Trip = Trip()
    circuit: Circuit = Circuit.CLOSED
    failures: int = 0
    opened: int = 0  # times in a row, for the doubling
    until_ns: int = 0

    def admits(self, now_ns: int) -> bool:
        """Whether a request may go now."""
        match self.circuit:
            case Circuit.CLOSED:
                return True
            case Circuit.OPEN:
                return now_ns >= self.until_ns
            case Circuit.TRYING:
                return False

    def began(self) -> "Breaker":
        """A request goes; after an open time it is the trial."""
        return replace(self, circuit=Circuit.TRYING) if self.circuit is Circuit.OPEN else self

    def succeeded(self) -> "Breaker":
        """The engine answered."""
        return Breaker(self.trip)

    def failed(self, now_ns: int) -> "Breaker":
        """The engine could not be reached, or broke."""
        failures = self.failures + 1
        if self.circuit is Circuit.CLOSED and failures < self.trip.failures:
            return replace(self, failures=failures)
        seconds = min(self.trip.longest_s, self.trip.first_s * 2.0 ** min(self.opened, 32))
        return replace(
            self,
            circuit=Circuit.OPEN,
            failures=failures,
            opened=self.opened + 1,
            until_ns=now_ns + round(seconds * SECOND),
        )

    def abandoned(self, now_ns: int) -> "Breaker":
        """A request ended without telling anything of the engine: its client left, or it was told to wait."""
        return (
            replace(self, circuit=Circuit.OPEN, until_ns=now_ns) if self.circuit is Circuit.TRYING else self
        )
