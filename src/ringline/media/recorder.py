"""Recordings: 20 ms frames of both directions become a WAV or MP3 file that survives the process.

The rules (what is silence, what is trimmed, when to stop) are values and state without I/O; `RecordingFile`
touches the disk. One thread at a time may use an object; which one is the caller's choice, never the loop.
"""

import os
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import BinaryIO, Final, Literal, Protocol

import av
import numpy as np
from av.audio.frame import AudioFrame

from ringline.core.errors import ProtocolError, RinglineError
from ringline.media import files, wav

FRAME_MS: Final = 20
Format = Literal["wav", "mp3"]
Channels = Literal[1, 2]

SILENCE_RMS: Final = 184.0
"""−45 dB of full scale: above a line's noise, below speech."""


class RecordingFailed(RinglineError):
    """The disk would not take the recording; the message says what happened."""


class Ending(StrEnum):
    """Why a recording ends by itself."""

    MAX_LENGTH = "max_length"
    SILENCE = "silence"


@dataclass(frozen=True, slots=True)
class RecordingInfo:
    """A finished recording; `size` in bytes."""

    path: Path
    format: Format
    channels: Channels
    rate: int
    duration_ms: int
    size: int


def loudness(frame: bytes) -> float:
    """The root mean square of int16 samples, 0 to 32768."""
    samples = np.frombuffer(frame, np.int16).astype(np.float64)
    return float(np.sqrt(np.mean(samples * samples))) if len(samples) else 0.0


def silent(left: bytes, right: bytes | None) -> bool:
    """Whether neither side is louder than a line's noise."""
    return loudness(left) < SILENCE_RMS and (right is None or loudness(right) < SILENCE_RMS)


def arrange(left: bytes, right: bytes | None, channels: Channels) -> bytes:
    """One frame as the file has it: two channels alternate, one is the sum of both sides, clipped."""
    if channels == 1 and right is None:
        return left
    first = np.frombuffer(left, np.int16)
    second = np.zeros_like(first) if right is None else np.frombuffer(right, np.int16)
    if channels == 2:
        return np.stack((first, second), axis=1).tobytes()
    mixed: bytes = np.clip(first.astype(np.int32) + second, -32768, 32767).astype(np.int16).tobytes()
    return mixed


class EndRule:
    """Says when a recording ends by itself; 0 stands for never.

    `silence_ms` of silence end it only once something was heard (spec voice-api §5.3).
    """

    def __init__(self, *, max_length_ms: int = 0, silence_ms: int = 0) -> None:
        self._max_length_ms = max_length_ms
        self._silence_ms = silence_ms
        self._length_ms = 0
        self._quiet_ms: int | None = None

    def heard(self, *, silent: bool) -> Ending | None:
        """Count one frame that goes into the recording; says so if it is the last."""
        self._length_ms += FRAME_MS
        if not silent:
            self._quiet_ms = 0
        elif self._quiet_ms is not None:
            self._quiet_ms += FRAME_MS
        if 0 < self._max_length_ms <= self._length_ms:
            return Ending.MAX_LENGTH
        if self._quiet_ms is not None and 0 < self._silence_ms <= self._quiet_ms:
            return Ending.SILENCE
        return None


class Trimmer:
    """Leaves out the silence before the first and after the last sound of a stream of frames.

    200 ms stay on both sides, or a soft consonant would be lost. Of a longer silence in between, the last
    30 s are kept as they were and what lies before as zeros: an hour on hold must not fill the memory.
    """

    _MARGIN: Final = 200 // FRAME_MS
    _HELD: Final = 30_000 // FRAME_MS

    def __init__(self) -> None:
        self._started = False
        self._margin = 0
        self._zeros = 0
        self._held: deque[bytes] = deque()

    def push(self, frame: bytes, *, silent: bool) -> list[bytes]:
        """Take in one frame; the frames that can be written now."""
        if not silent:
            ready = [bytes(len(frame))] * self._zeros + [*self._held, frame]
            self._held.clear()
            self._zeros = 0
            self._margin = self._MARGIN
            self._started = True
            return ready
        if self._margin:
            self._margin -= 1
            return [frame]
        self._held.append(frame)
        if len(self._held) > (self._HELD if self._started else self._MARGIN):
            self._held.popleft()
            self._zeros += self._started
        return []


class Sink(Protocol):
    """Where arranged frames go; raises `OSError` or FFmpeg's errors."""

    def write(self, frame: bytes) -> None:
        """Append one frame."""
        ...

    def close(self) -> None:
        """Finish the file."""
        ...


class _WavSink:
    """Writes a second at a time, the samples before the length that counts them."""

    def __init__(self, path: Path, channels: Channels, rate: int) -> None:
        self._file: BinaryIO = path.open("wb", buffering=0)
        self._channels = channels
        self._rate = rate
        self._pending = bytearray()
        self._written = 0
        try:
            self._file.write(self._header())
        except OSError:
            self._file.close()
            raise

    def _header(self) -> bytes:
        return wav.serialize(wav.WavHeader(self._channels, self._rate, self._written))

    def write(self, frame: bytes) -> None:
        self._pending += frame
        if len(self._pending) >= 2 * self._channels * self._rate:
            self._flush()

    def _flush(self) -> None:
        # A raw write may take less than it was given where the disk is nearly full.
        while self._pending:
            taken = self._file.write(self._pending)
            self._written += taken
            del self._pending[:taken]
        os.pwrite(self._file.fileno(), self._header(), 0)

    def close(self) -> None:
        try:
            self._flush()
            os.fsync(self._file.fileno())
        finally:
            self._file.close()


class _Mp3Sink:
    """Constant bit rate, each packet written as it comes: what is there can be played."""

    def __init__(self, path: Path, channels: Channels, rate: int) -> None:
        self._rate = rate
        self._layout = "mono" if channels == 1 else "stereo"
        self._container = av.open(str(path), "w", format="mp3", options={"flush_packets": "1"})
        self._stream = self._container.add_stream("libmp3lame", rate=rate, layout=self._layout)
        self._stream.bit_rate = 32_000 * channels
        # Otherwise the file would come into being with the first frame, and so would the news that it cannot.
        self._container.start_encoding()

    def write(self, frame: bytes) -> None:
        samples = np.frombuffer(frame, np.int16).reshape(1, -1)
        audio = AudioFrame.from_ndarray(samples, format="s16", layout=self._layout)
        audio.sample_rate = self._rate
        self._container.mux(self._stream.encode(audio))

    def close(self) -> None:
        try:
            self._container.mux(self._stream.encode(None))
        finally:
            self._container.close()


class RecordingFile:
    """One recording on disk. A WAV is playable at any moment but for its last second, an MP3 likewise.

    `channels` 1 mixes both sides, 2 keeps `left` (the leg) and `right` (the others) apart. With `trim`, the
    silence at both ends is left out. A method raises `RecordingFailed` where the disk fails; then `write`
    does nothing and `close` raises no second time.
    """

    def __init__(
        self, path: Path, *, format: Format, channels: Channels, rate: int, trim: bool = False
    ) -> None:
        self._path = path
        self._format: Format = format
        self._channels: Channels = channels
        self._rate = rate
        self._trimmer = Trimmer() if trim else None
        self._paused = False
        self._samples = 0
        self._failed = False
        self._info: RecordingInfo | None = None
        with self._guarded():
            make = _WavSink if format == "wav" else _Mp3Sink
            self._sink: Sink = make(path, channels, rate)

    @property
    def duration_ms(self) -> int:
        """How long the file is so far."""
        return self._samples * 1000 // self._rate

    @property
    def paused(self) -> bool:
        """Whether frames are passed over just now."""
        return self._paused

    def write(self, left: bytes, right: bytes | None = None) -> None:
        """Append one frame of int16 samples, both sides as long; nothing while paused or closed."""
        if self._paused or self._failed or self._info is not None:
            return
        frame = arrange(left, right, self._channels)
        ready = [frame]
        if self._trimmer is not None:
            ready = self._trimmer.push(frame, silent=silent(left, right))
        with self._guarded():
            for one in ready:
                self._sink.write(one)
                self._samples += len(one) // (2 * self._channels)

    def pause(self) -> None:
        """Pass over the frames to come: they will be absent, without a gap."""
        self._paused = True

    def resume(self) -> None:
        """Take frames again."""
        self._paused = False

    def close(self) -> RecordingInfo:
        """Finish the file; asked again, answers the same."""
        if self._info is None:
            self._info = self._finish()
        return self._info

    def _finish(self) -> RecordingInfo:
        if self._failed:
            with suppress(OSError, av.FFmpegError):
                self._sink.close()
        else:
            with self._guarded():
                self._sink.close()
        size = self._path.stat().st_size if self._path.exists() else 0
        return RecordingInfo(self._path, self._format, self._channels, self._rate, self.duration_ms, size)

    @contextmanager
    def _guarded(self) -> Iterator[None]:
        try:
            yield
        except (OSError, av.FFmpegError) as error:
            self._failed = True
            raise RecordingFailed(f"{self._path.name} cannot be written: {error.strerror}") from error


def repair(path: Path) -> RecordingInfo:
    """Make a recording whole that its process did not close; harmless on one that was closed.

    Raises `RecordingFailed` where nothing of it can be played.
    """
    with path.open("r+b") as file:
        head = file.read(wav.HEADER.size)
        if head[:4] == b"RIFF":
            return _repair_wav(path, file, head)
    try:
        info = files.probe(path)
    except files.UnreadableAudio as error:
        raise RecordingFailed(f"{path.name} cannot be saved: {error}") from error
    channels: Channels = 1 if info.channels == 1 else 2
    return RecordingInfo(path, "mp3", channels, info.rate, info.duration_ms or 0, path.stat().st_size)


def _repair_wav(path: Path, file: BinaryIO, head: bytes) -> RecordingInfo:
    try:
        header = wav.parse(head)
    except ProtocolError as error:
        raise RecordingFailed(f"{path.name} cannot be saved: {error}") from error
    data = path.stat().st_size - wav.HEADER.size
    data -= data % header.frame
    whole = replace(header, data=data)
    file.truncate(wav.HEADER.size + data)
    file.seek(0)
    file.write(wav.serialize(whole))
    channels: Channels = 1 if header.channels == 1 else 2
    duration_ms = data // header.frame * 1000 // header.rate
    return RecordingInfo(path, "wav", channels, header.rate, duration_ms, wav.HEADER.size + data)
