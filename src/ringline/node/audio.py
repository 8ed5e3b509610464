"""Where a playout's sound comes from: a URL, an uploaded file, the command itself, or the synthesiser."""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Protocol

from ringline.calls.options import InlineAudio, StoredAudio, UrlAudio, Utterance
from ringline.core.clock import SECOND, Clock
from ringline.core.net import Guard
from ringline.media import files
from ringline.speech.service import SpeechService
from ringline.speech.synthesis import SpeechRequest

CACHE_NS = 300 * SECOND
"""How long a downloaded file is played again without a new download (`cache_audio`)."""
BLOCK_SAMPLES = 4000


class Sound(Protocol):
    """Something that can be played, more than once and at any rate."""

    def blocks(self, rate: int) -> AsyncIterator[bytes]:
        """Mono int16 in native order, piece by piece, at `rate` samples a second."""
        ...


class FileSound:
    """A WAV or MP3, in memory or on disk; decoded in a thread, a piece at a time."""

    def __init__(self, source: bytes | Path) -> None:
        self._source = source

    async def blocks(self, rate: int) -> AsyncIterator[bytes]:
        """Raises `UnreadableAudio` before the first piece where the file is none we play."""
        pieces = files.blocks(self._source, rate=rate)
        while True:
            piece = await asyncio.to_thread(_gather, pieces)
            if not piece:
                return
            yield piece


class SpokenSound:
    """Words, synthesised while they are played; what was said once is said again from memory."""

    def __init__(
        self, speech: SpeechService, utterance: Utterance, spoken: Callable[[str, int], None]
    ) -> None:
        """`spoken(voice, characters)` hears of each synthesis, as far as it came."""
        self._speech = speech
        self._utterance = utterance
        self._spoken = spoken
        self._said: dict[int, list[bytes]] = {}

    async def blocks(self, rate: int) -> AsyncIterator[bytes]:
        """Raises what the synthesiser raises when it cannot speak."""
        if rate in self._said:
            for piece in self._said[rate]:
                yield piece
            return
        said: list[bytes] = []
        wanted = self._utterance
        request = SpeechRequest(
            text=None if wanted.markup else wanted.text,
            ssml=wanted.text if wanted.markup else None,
            voice=wanted.voice,
            language=wanted.language,
            rate=rate,
            speed=wanted.speed,
        )
        voice, characters = "", 0
        try:
            async for chunk in self._speech.synthesize(request):
                voice, characters = chunk.voice or voice, characters + len(chunk.text)
                said.append(chunk.pcm)
                yield chunk.pcm
        finally:
            if characters:
                self._spoken(voice, characters)
        self._said[rate] = said


class AudioLibrary:
    """Fetches what commands name, behind the guard, and keeps downloads for a while."""

    def __init__(
        self,
        *,
        guard: Guard,
        speech: SpeechService,
        stored: Callable[[str, str], Awaitable[bytes]],
        spoken: Callable[[str, str, int], None],
        folder: Path,
        clock: Clock,
        max_bytes: int,
        timeout_s: float,
    ) -> None:
        """`stored(account_id, media_name)` reads an uploaded file; raises `KeyError` when there is none.

        `spoken(account_id, voice, characters)` hears of everything that is synthesised.
        """
        self._guard = guard
        self._speech = speech
        self._stored = stored
        self._spoken = spoken
        self._folder = folder
        self._clock = clock
        self._max_bytes = max_bytes
        self._timeout_s = timeout_s
        self._fetched: dict[str, int] = {}
        self._fetching: dict[str, asyncio.Task[None]] = {}

    async def load(self, account_id: str, content: UrlAudio | StoredAudio | InlineAudio | Utterance) -> Sound:
        """The sound of a command's content.

        Raises `FetchError`, `NotAllowed`, or `KeyError` for an unknown media name.
        """
        match content:
            case UrlAudio(url, cache):
                return FileSound(await self._download(url, cache=cache))
            case StoredAudio(name):
                return FileSound(await self._stored(account_id, name))
            case InlineAudio(data):
                return FileSound(data)
            case Utterance():
                return SpokenSound(self._speech, content, partial(self._spoken, account_id))

    async def _download(self, url: str, *, cache: bool) -> bytes | Path:
        name = hashlib.sha256(url.encode()).hexdigest()
        path = self._folder / name
        fetched = self._fetched.get(name)
        fresh = fetched is not None and self._clock.now_ns() - fetched < CACHE_NS
        if cache and fresh and path.exists():
            return path
        if not cache:
            return await self._fetch_once(url, self._folder / f"{name}-{self._clock.now_ns()}")
        task = self._fetching.get(name)
        if task is None:
            task = asyncio.create_task(self._fetch(url, name, path))
            self._fetching[name] = task
            task.add_done_callback(lambda _: self._fetching.pop(name, None))
        await asyncio.shield(task)
        return path

    async def _fetch(self, url: str, name: str, path: Path) -> None:
        part = path.with_suffix(".part")
        await self._guard.download(url, part, max_bytes=self._max_bytes, timeout_s=self._timeout_s)
        part.rename(path)
        self._fetched[name] = self._clock.now_ns()

    async def _fetch_once(self, url: str, path: Path) -> bytes:
        try:
            await self._guard.download(url, path, max_bytes=self._max_bytes, timeout_s=self._timeout_s)
            return await asyncio.to_thread(path.read_bytes)
        finally:
            await asyncio.to_thread(path.unlink, missing_ok=True)


def _gather(pieces: Iterator[files.Samples]) -> bytes:
    """Some thousand samples at once: waking a thread for each MP3 frame costs more than decoding it."""
    whole: list[bytes] = []
    count = 0
    for piece in pieces:
        whole.append(piece.tobytes())
        count += len(piece)
        if count >= BLOCK_SAMPLES:
            break
    return b"".join(whole)
