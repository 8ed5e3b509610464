"""`mp3` mode: whole files, decoded off the loop, played in submission order (spec media-streaming §5.2)."""

import asyncio
from collections import deque
from collections.abc import Callable

from ringline.core import log
from ringline.media import files
from ringline.streams.frames import FrameError, InvalidMedia, RateLimited
from ringline.streams.ports import Inject
from ringline.streams.request import StreamLimits

Decode = Callable[[bytes, int, float], bytes]
"""As `decode_file`."""


def decode_file(file: bytes, rate: int, limit: float) -> bytes:
    """Make 16-bit samples in native order at `rate` out of a file of at most `limit` seconds; blocks.

    Raises `InvalidMedia`.
    """
    try:
        return files.decode(file, rate=rate, limit_seconds=limit).tobytes()
    except files.UnreadableAudio as error:
        raise InvalidMedia(f"media.payload is no mp3 file: {error}") from None


class Playlist:
    """Feeds one inject with files and marks.

    One file is decoded at a time, in a thread; `reject` hears of files that cannot be played.
    """

    def __init__(
        self,
        inject: Inject,
        *,
        decode: Decode,
        limits: StreamLimits,
        reject: Callable[[FrameError], None],
    ) -> None:
        self._inject = inject
        self._decode = decode
        self._limits = limits
        self._reject = reject
        self._queue: deque[bytes | str] = deque()
        self._task: asyncio.Task[None] | None = None

    def add(self, file: bytes) -> None:
        """Queue a file; a full queue is reported as `RateLimited`."""
        if sum(isinstance(item, bytes) for item in self._queue) >= self._limits.files_waiting:
            self._reject(RateLimited(f"{self._limits.files_waiting} files wait already"))
            return
        self._put(file)

    def mark(self, name: str) -> None:
        """Place a mark behind everything queued."""
        if self._task is None:
            self._inject.mark(name)
        else:
            self._queue.append(name)

    def clear(self) -> None:
        """Forget what is queued or being decoded, stop what plays."""
        self.close()
        self._inject.clear()

    def close(self) -> None:
        """Forget what is queued; a decode that runs ends for nothing."""
        self._queue.clear()
        if self._task is not None:
            self._task.cancel()
            self._task = None

    def _put(self, item: bytes) -> None:
        self._queue.append(item)
        if self._task is None:
            self._task = asyncio.create_task(self._run())

    async def _run(self) -> None:
        while self._queue:
            item = self._queue.popleft()
            if isinstance(item, str):
                self._inject.mark(item)
                continue
            try:
                self._play(
                    await asyncio.to_thread(self._decode, item, self._inject.rate, self._limits.buffer)
                )
            except FrameError as error:
                self._reject(error)
            except Exception:
                # A decoder's surprise at a stranger's bytes must not silence the files behind them.
                log.get("streams").exception("file not decoded", bytes=len(item))
                self._reject(FrameError("the file could not be decoded"))
        self._task = None

    def _play(self, samples: bytes) -> None:
        ahead = self._inject.backlog_ms / 1000 + len(samples) / 2 / self._inject.rate
        if ahead > self._limits.buffer:
            raise RateLimited(f"{ahead:.0f} s of audio would wait; at most {self._limits.buffer:g} s")
        if not self._inject.write_pcm(samples):
            raise RateLimited("the call has no room for more audio")
