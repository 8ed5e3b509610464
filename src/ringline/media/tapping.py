"""Frames of a leg's audio for Python: taps for streams and recognizers, aligned pairs for recordings."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from ringline.media.core.message import Writer
from ringline.media.core.tap import Tap as Ring

Track = Literal["inbound", "outbound"]
TRACKS: dict[int, Track] = {1: "inbound", 2: "outbound"}
ALL = 1 << 30


@dataclass(frozen=True, slots=True)
class TapFrame:
    """20 ms of one direction.

    `chunk` counts frames of its track, `sequence` those of the tap, both from 1 and both counting frames that
    were dropped because the reader was late; `timestamp_ms` is the first sample's place since the tap was
    opened.
    """

    track: Track
    chunk: int
    timestamp_ms: int
    sequence: int
    payload: bytes


@dataclass(frozen=True, slots=True)
class RecordFrame:
    """20 ms of both directions at the same time, int16 in native order; `index` from 0 counts dropped frames
    too.
    """

    index: int
    inbound: bytes
    outbound: bytes


class _RingReader:
    def __init__(self, ring: Ring, close: Callable[[], None]) -> None:
        self._ring = ring
        self._close = close
        self._wakeup: Callable[[], object] | None = None
        self._open = True
        self.rate = int(ring.rate)

    @property
    def dropped(self) -> int:
        """Frames that found the ring full."""
        return int(self._ring.dropped)

    def set_wakeup(self, wakeup: Callable[[], object] | None) -> None:
        """Call `wakeup` in the loop when frames wait; once per `drain`, not once per frame."""
        self._wakeup = wakeup
        if wakeup is not None and self._open and len(self._ring):
            wakeup()

    def wake(self) -> None:
        """Frames wait."""
        if self._wakeup is not None and self._open:
            self._wakeup()

    def close(self) -> None:
        """Take no more frames; what waits is forgotten."""
        if self._open:
            self._open = False
            self._wakeup = None
            self._close()

    def _take(self, limit: int) -> list[tuple[int, int, int, int, bytes]]:
        return self._ring.drain(limit) if self._open else []


class Tap(_RingReader):
    """A copy of one or both directions of a leg in a codec of one's own choice."""

    def __init__(self, ring: Ring, stream: str, close: Callable[[], None]) -> None:
        super().__init__(ring, close)
        self.stream = stream
        self.writer = Writer(stream.encode(), int(ring.slot_size))

    @property
    def ring(self) -> Ring:
        """The core's own tap."""
        return self._ring

    def drain(self, limit: int = ALL) -> list[TapFrame]:
        """Take the frames that wait, oldest first."""
        return [
            TapFrame(TRACKS[track], chunk, timestamp, sequence, payload)
            for track, chunk, timestamp, sequence, payload in self._take(limit)
        ]

    def messages(self, before: int) -> list[bytes]:
        """Take the frames that wait as `media` messages of `stream` (spec media-streaming §3.3), UTF-8.

        `sequence_number` is `before` plus the frame's own; `taken` then says the last frame's.
        """
        return self._ring.messages(self.writer, before) if self._open else []

    @property
    def taken(self) -> int:
        """`sequence` of the frame that became a message last, 0 at first."""
        return int(self._ring.taken)

    def trim(self, keep: int) -> None:
        """Forget all that waits but the newest `keep` frames."""
        if self._open:
            self._ring.trim(keep)


class RecordTap(_RingReader):
    """Aligned 20 ms of both directions, for a recording's writer."""

    def drain(self, limit: int = ALL) -> list[RecordFrame]:
        """Take the frames that wait, oldest first."""
        return [
            RecordFrame(sequence - 1, payload[: len(payload) // 2], payload[len(payload) // 2 :])
            for _, _, _, sequence, payload in self._take(limit)
        ]
