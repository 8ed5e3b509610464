"""Where utterances begin and end in a track, from what a voice detector says of it. Pure.

A track is a row of windows of 32 ms, counted from 0. All times are audio times: how late a window is
looked at changes nothing.
"""

from collections import deque
from dataclasses import dataclass
from enum import StrEnum

WINDOW_MS = 32
"""512 samples at 16 kHz, what Silero's detector looks at at once."""


def windows(ms: int) -> int:
    """The windows that cover a time, one at least."""
    return max(1, -(-ms // WINDOW_MS))


@dataclass(frozen=True, slots=True)
class Rules:
    """When speech is an utterance; times in milliseconds, thresholds of speech probabilities.

    `onset` windows in a row at `begins` or above begin one, `silence_ms` below `goes_on` end it. It is given
    `before_ms` of what came before and `after_ms` of the silence behind. At `longest_ms` it is cut at the
    quietest place of its second half. One that goes on is worth a look every `interim_ms`; after `pause_ms`
    of silence it is probably whole.
    """

    silence_ms: int = 500
    onset: int = 3
    begins: float = 0.5
    goes_on: float = 0.35
    before_ms: int = 256
    after_ms: int = 160
    longest_ms: int = 30_000
    interim_ms: int = 640
    pause_ms: int = 224


class State(StrEnum):
    """Where a track stands."""

    QUIET = "quiet"
    SPEAKING = "speaking"


@dataclass(frozen=True, slots=True)
class Span:
    """Windows `first` to `end`, the latter not included."""

    first: int
    end: int


@dataclass(frozen=True, slots=True)
class InterimDue:
    """An utterance goes on; what there is of it may be looked at."""

    span: Span


@dataclass(frozen=True, slots=True)
class Paused:
    """An utterance may be whole: if nothing more is said, `Ended` follows with the same span."""

    span: Span


@dataclass(frozen=True, slots=True)
class Ended:
    """An utterance is whole."""

    span: Span


Move = InterimDue | Paused | Ended


class Endpointer:
    """One track. Its memory is bounded by the longest utterance."""

    def __init__(self, rules: Rules) -> None:
        self._rules = rules
        self._silence = windows(rules.silence_ms)
        self._before = windows(rules.before_ms)
        self._after = min(windows(rules.after_ms), self._silence)
        self._pause = max(self._after, windows(rules.pause_ms))
        self._longest = max(windows(rules.longest_ms), 2 * (self._before + rules.onset))
        self._every = windows(rules.interim_ms)
        self._state = State.QUIET
        self._next = 0
        self._free = 0  # the first window that no utterance has
        self._row = 0  # windows in a row that speak, while quiet
        self._first = 0
        self._spoken = 0  # behind the last window that spoke
        self._due = 0
        self._levels: deque[float] = deque(maxlen=self._longest)

    @property
    def state(self) -> State:
        """Whether an utterance is open."""
        return self._state

    @property
    def needed(self) -> int:
        """The first window that a later utterance may still want."""
        if self._state is State.SPEAKING:
            return self._first
        return max(self._free, self._next - self._row - self._before)

    def step(self, probability: float, level: float) -> tuple[Move, ...]:
        """Take the next window: how probably it is speech (0 to 1), and how loud it is (any scale)."""
        self._next += 1
        self._levels.append(level)
        match self._state:
            case State.QUIET:
                return self._quiet(probability)
            case State.SPEAKING:
                return self._speaking(probability)

    def flush(self) -> tuple[Move, ...]:
        """The track ends here."""
        if self._state is State.QUIET:
            return ()
        return (self._end(min(self._next, self._spoken + self._after)),)

    def _quiet(self, probability: float) -> tuple[Move, ...]:
        self._row = self._row + 1 if probability >= self._rules.begins else 0
        if self._row < self._rules.onset:
            return ()
        self._state = State.SPEAKING
        self._first = max(self._free, self._next - self._row - self._before)
        self._spoken = self._next
        self._due = self._first + self._every
        self._row = 0
        return ()

    def _speaking(self, probability: float) -> tuple[Move, ...]:
        if probability >= self._rules.goes_on:
            self._spoken = self._next
        if self._next - self._spoken >= self._silence:
            return (self._end(self._spoken + self._after),)
        if self._next - self._first >= self._longest:
            return (self._cut(),)
        if self._next - self._spoken == self._pause:
            return (Paused(Span(self._first, self._spoken + self._after)),)
        if self._spoken == self._next >= self._due:
            self._due = self._next + self._every
            return (InterimDue(Span(self._first, self._next)),)
        return ()

    def _end(self, end: int) -> Ended:
        ended = Ended(Span(self._first, end))
        self._state = State.QUIET
        self._free = end
        return ended

    def _cut(self) -> Ended:
        """Split an utterance that is too long; what comes behind the cut is the next one, and open."""
        half = self._first + self._longest // 2
        levels = list(self._levels)
        offset = self._next - len(levels)
        # The mean of three neighbours: one quiet window may be the closure of a "t".
        quietest = min(
            range(half, self._next - 1),
            key=lambda at: sum(levels[at - 1 - offset : at + 2 - offset]),
        )
        ended = Ended(Span(self._first, quietest))
        self._first = self._free = quietest
        self._spoken = max(self._spoken, quietest)
        self._due = self._next + self._every
        return ended
