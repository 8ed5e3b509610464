"""Frames of a leg's audio for Python: taps for streams and recognizers, aligned pairs for recordings."""

import binascii
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

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

    def drain(self, limit: int = ALL) -> list[TapFrame]:
        """Take the frames that wait, oldest first."""
        return [
            TapFrame(TRACKS[track], chunk, timestamp, sequence, payload)
            for track, chunk, timestamp, sequence, payload in self._take(limit)
        ]

    def drain_json(self, stream: str, before: int, limit: int = ALL) -> list[bytes]:
        """Take the frames that wait as `media` messages; `sequence_number` is `before` plus their own."""
        return [
            media_frame_json(TRACKS[track], chunk, timestamp, before + sequence, payload, stream)
            for track, chunk, timestamp, sequence, payload in self._take(limit)
        ]


class RecordTap(_RingReader):
    """Aligned 20 ms of both directions, for a recording's writer."""

    def drain(self, limit: int = ALL) -> list[RecordFrame]:
        """Take the frames that wait, oldest first."""
        return [
            RecordFrame(sequence - 1, payload[: len(payload) // 2], payload[len(payload) // 2 :])
            for _, _, _, sequence, payload in self._take(limit)
        ]


def media_frame_json(
    track: Track, chunk: int, timestamp_ms: int, sequence: int, payload: bytes, stream: str
) -> bytes:
    """One `media` message of the streaming protocol (spec media-streaming §3.3), UTF-8."""
    return (
        b'{"event":"media","sequence_number":"%d","media":{"track":"%b","chunk":"%d","timestamp":"%d","payload":"%b"},'
        b'"stream_id":"%b"}'
        % (
            sequence,
            track.encode(),
            chunk,
            timestamp_ms,
            binascii.b2a_base64(payload, newline=False),
            stream.encode(),
        )
    )


def media_payload(message: bytes) -> bytes | None:
    """The payload of an incoming `media` message of the usual exact shape; None where a JSON parser must
    look.

    Compact and spaced forms of `{"event":"media","media":{"payload":"…"}}` are known. Strict base64 admits no
    quote or backslash, so what is taken here is exactly what a parser would have found.
    """
    for head, tail in _SHAPES:
        if message.startswith(head) and message.endswith(tail) and len(message) >= len(head) + len(tail):
            try:
                return binascii.a2b_base64(message[len(head) : -len(tail)], strict_mode=True)
            except binascii.Error:
                return None
    return None


_SHAPES = (
    (b'{"event":"media","media":{"payload":"', b'"}}'),
    (b'{"event": "media", "media": {"payload": "', b'"}}'),
)
