"""The audio of one track as far as it is still needed, in windows that keep their place in time. Pure."""

from collections import Counter

from ringline.speech.endpointing import WINDOW_MS, Span
from ringline.speech.recognition import RATE, SAMPLE_BYTES
from ringline.speech.vad import WINDOW_BYTES

LATEST_MS = 30_000
"""Audio that nobody looked at for so long is forgotten, oldest first."""


class Tape:
    """Samples in, windows out; `silence_ms` is the most silence that stands in for a hole."""

    def __init__(self, silence_ms: int) -> None:
        self._silence_ms = silence_ms
        self._coming = bytearray()
        self._kept = bytearray()
        self._first = 0  # of the windows kept
        self._next = 0  # of the windows to come
        self._before_ms = 0  # that the windows forgotten were not on the tape
        self._skipped: Counter[int] = Counter()  # from a window on, so many more
        self._heard = 0

    @property
    def waiting(self) -> int:
        """Whole windows that `take` would give."""
        return len(self._coming) // WINDOW_BYTES

    @property
    def seconds_heard(self) -> float:
        """What `hear` was given; holes do not count."""
        return self._heard / SAMPLE_BYTES / RATE

    def hear(self, pcm: bytes) -> None:
        """Take samples in."""
        self._heard += len(pcm)
        self._coming += pcm
        self._bound()

    def missed(self, ms: int) -> None:
        """Put silence where audio is missing; a hole longer than the silence only moves the time."""
        if len(self._coming) % SAMPLE_BYTES:
            self._coming.pop()
        silence = min(ms, self._silence_ms)
        self._coming += bytes(silence * RATE // 1000 * SAMPLE_BYTES)
        if ms > silence:
            self._skipped[self._next + self.waiting] += ms - silence
        self._bound()

    def take(self) -> bytes:
        """The whole windows that have come since, kept until they are forgotten."""
        taken = bytes(self._coming[: self.waiting * WINDOW_BYTES])
        del self._coming[: len(taken)]
        self._kept += taken
        self._next += len(taken) // WINDOW_BYTES
        return taken

    def take_rest(self) -> bytes:
        """The same with what is less than a window, made up with silence: the track has ended."""
        self._coming += bytes(-len(self._coming) % WINDOW_BYTES)
        return self.take()

    def forget_before(self, window: int) -> None:
        """Nobody will ask for windows before this one."""
        gone = min(window, self._next) - self._first
        if gone > 0:
            del self._kept[: gone * WINDOW_BYTES]
            self._first += gone
            self._before_ms = self.place_ms(self._first) - self._first * WINDOW_MS
            behind = {since: ms for since, ms in self._skipped.items() if since > self._first}
            self._skipped = Counter(behind)

    def cut(self, span: Span) -> bytes:
        """The samples of windows that were taken and not forgotten."""
        return bytes(
            self._kept[(span.first - self._first) * WINDOW_BYTES : (span.end - self._first) * WINDOW_BYTES]
        )

    def place_ms(self, window: int) -> int:
        """Where a window that is kept begins, in milliseconds of the track."""
        skipped = sum(ms for since, ms in self._skipped.items() if since <= window)
        return window * WINDOW_MS + self._before_ms + skipped

    def _bound(self) -> None:
        late = self.waiting - LATEST_MS // WINDOW_MS
        if late <= 0:
            return
        del self._coming[: late * WINDOW_BYTES]
        moved = Counter({self._next: late * WINDOW_MS})
        for since, ms in self._skipped.items():
            moved[since if since <= self._next else max(self._next, since - late)] += ms
        self._skipped = moved
