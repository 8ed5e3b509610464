"""A stream's audio on its way into a call: payloads in bursts, marks between them, `clear` at any time."""

from array import array
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from ringline.media.core.coder import Coder
from ringline.media.core.inlet import Inlet, Scratch
from ringline.media.core.kinds import Codec, Cue
from ringline.media.core.playout import Queue
from ringline.media.core.resample import Resampler

MOST_BACKLOG_MS = 600_000


@dataclass(slots=True)
class _Mark:
    number: int


class Inject:
    """One stream's queue into a leg; mixed with what plays there.

    `rate` is the leg's own, at which `write_pcm` takes samples; `write` takes payloads of the stream's codec.
    """

    def __init__(
        self,
        queue: Queue,
        codec: Codec,
        rate: int,
        *,
        number: Callable[[str], int],
        clear: Callable[[int, int], None],
        close: Callable[[], None],
    ) -> None:
        self._queue = queue
        self._coder = Coder()
        self._coder.choose(codec, rate)
        self.rate = int(queue.rate)
        self._resampler = Resampler(self._coder.rate, self.rate)
        self._inlet = Inlet(queue, self._coder, self._resampler)
        self._when_idle: Callable[[], None] | None = None
        self._number = number
        self._clear = clear
        self._close = close
        self._backlog: deque[array[int] | _Mark] = deque()
        self._backlog_samples = 0
        self._open = True

    @property
    def backlog_ms(self) -> int:
        """Audio written and not yet sent."""
        return (self._backlog_samples + self._queue.queued()) * 1000 // self.rate

    def write(self, payload: bytes) -> bool:
        """Queue a payload without RTP header, of any length; False if ten minutes wait already."""
        if self._full():
            return False
        self._append(self._resampler.process(self._coder.decode(payload)))
        return True

    def write_pcm(self, pcm: bytes | memoryview) -> bool:
        """Queue int16 samples (native order, mono) at `rate`; False if ten minutes wait already."""
        if self._full():
            return False
        samples = array("h")
        samples.frombytes(pcm[: len(pcm) & ~1])
        self._append(samples)
        return True

    def push(self, message: bytes, most_ms: int) -> bool:
        """Queue the payload of a `media` message of the usual exact shape; False: nothing was done, parse it.

        It may be anything then, or more than `most_ms` of audio would wait.
        """
        if self._backlog or not self._open:
            return False
        return self._inlet.push(message, most_ms * self.rate // 1000)

    def hand_over(self, scratch: Scratch) -> Inlet:
        """The way in for another thread, with that thread's scratch memory.

        It may be used while `idle` is true and nobody writes here, until `close`.
        """
        return Inlet(self._queue, self._coder, self._resampler, scratch)

    @property
    def idle(self) -> bool:
        """Whether all that was written stands in the ring."""
        return not self._backlog

    def when_idle(self, call: Callable[[], None]) -> None:
        """Call once, as soon as `idle` is true again."""
        self._when_idle = call

    def mark(self, name: str) -> None:
        """MarkReached follows when all that was written before has been sent, at once if nothing waits."""
        if self._open:
            self._backlog.append(_Mark(self._number(name)))
            self.pump()

    def clear(self) -> int:
        """Drop all that waits; its marks are reached at once, InjectCleared follows with the truth.

        Returns the ms heard of the audio since the queue last ran dry, as far as Python knows (± 20 ms).
        """
        if not self._open:
            return 0
        heard = (self._queue.read - self._queue.burst) * 1000 // self.rate if self._queue.running else 0
        until = int(self._queue.write)
        dropped = self._backlog_samples
        self._backlog = deque(entry for entry in self._backlog if isinstance(entry, _Mark))
        self._backlog_samples = 0
        self.pump()
        self._clear(until, dropped)
        return int(heard)

    def close(self) -> None:
        """Drop all that waits; no mark is owed any more."""
        if self._open:
            self._backlog.clear()
            self._backlog_samples = 0
            self._when_idle = None
            self._open = False
            self._close()

    def pump(self) -> None:
        """Move what fits into the ring."""
        while self._backlog:
            entry = self._backlog[0]
            if isinstance(entry, _Mark):
                if not self._queue.cue(Cue.MARK, entry.number):
                    break
            else:
                pushed = self._queue.push(entry)
                self._backlog_samples -= pushed
                if pushed < len(entry):
                    self._backlog[0] = entry[pushed:]
                    break
            self._backlog.popleft()
        if self._backlog:
            self._queue.want()
        elif self._when_idle is not None:
            call, self._when_idle = self._when_idle, None
            call()

    def _full(self) -> bool:
        return not self._open or self.backlog_ms >= MOST_BACKLOG_MS

    def _append(self, samples: "array[int]") -> None:
        if samples:
            self._backlog.append(samples)
            self._backlog_samples += len(samples)
            self.pump()
