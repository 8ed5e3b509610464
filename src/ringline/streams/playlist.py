"""`mp3` mode: whole files, decoded off the loop, played in submission order (spec media-streaming §5.2)."""

import asyncio
from collections import deque
from collections.abc import Callable

from ringline.streams.frames import FrameError, InvalidMedia, RateLimited
from ringline.streams.ports import Inject

Decode = Callable[[bytes, int], bytes]
"""Makes 16-bit samples in native order at a rate out of a file; blocking. Raises `InvalidMedia`."""


class Playlist:
    """Feeds one inject with files and marks.

    One file is decoded at a time, in a thread; `reject` hears of files that cannot be played.
    """

    def __init__(
        self,
        inject: Inject,
        rate: int,
        *,
        decode: Decode,
        waiting: int,
        reject: Callable[[FrameError], None],
    ) -> None:
        self._inject = inject
        self._rate = rate
        self._decode = decode
        self._waiting = waiting
        self._reject = reject
        self._queue: deque[bytes | str] = deque()
        self._task: asyncio.Task[None] | None = None

    def add(self, file: bytes) -> None:
        """Queue a file; a full queue is reported as `RateLimited`."""
        if sum(isinstance(item, bytes) for item in self._queue) >= self._waiting:
            self._reject(RateLimited(f"{self._waiting} files wait already"))
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
                samples = await asyncio.to_thread(self._decode, item, self._rate)
            except InvalidMedia as error:
                self._reject(error)
            else:
                self._inject.write_pcm(samples)
        self._task = None
