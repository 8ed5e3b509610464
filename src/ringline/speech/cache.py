"""Clauses that were said before: the newest in memory, and in a folder if there is one.

The key is a hash of voice, rate, speed and words, so a file's name tells nothing of what was said; its
sound does, so the folder is as private as recordings are.
"""

import asyncio
import hashlib
import logging
import os
import tempfile
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path

from ringline.speech.synthesis import Utterance

log = logging.getLogger(__name__)

MEMORY = 64 * 1024 * 1024
FOLDER = 512 * 1024 * 1024
# A full folder is emptied to this share, oldest use first, so that not every new clause must clear.
KEPT_SHARE = 0.9
SUFFIX = ".pcm"


def key_of(utterance: Utterance) -> str:
    """The name under which a clause is kept."""
    parts = (utterance.voice.id, str(utterance.rate), f"{utterance.speed:.3f}", utterance.text)
    return hashlib.sha256("\0".join(parts).encode(errors="replace")).hexdigest()


class MemoryCache:
    """The clauses used last, up to a number of bytes."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._kept: OrderedDict[str, bytes] = OrderedDict()
        self.bytes = 0

    def get(self, key: str) -> bytes | None:
        """The sound, which counts as used now."""
        pcm = self._kept.get(key)
        if pcm is not None:
            self._kept.move_to_end(key)
        return pcm

    def put(self, key: str, pcm: bytes) -> None:
        """Keep a sound; what was used longest ago goes. One that is larger than all is not kept."""
        if len(pcm) > self._limit:
            return
        self.bytes += len(pcm) - len(self._kept.pop(key, b""))
        self._kept[key] = pcm
        while self.bytes > self._limit:
            _, old = self._kept.popitem(last=False)
            self.bytes -= len(old)


class FolderCache:
    """The same in files; every function blocks. A disk that fails costs a log line, never a word."""

    def __init__(self, folder: Path, limit: int) -> None:
        self._folder = folder
        self._limit = limit
        self._bytes = 0

    def open(self) -> None:
        """Make the folder and see what is in it; raises OSError."""
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._bytes = sum(path.stat().st_size for path in self._folder.glob(f"*{SUFFIX}"))

    def get(self, key: str) -> bytes | None:
        """The sound, if it is there."""
        path = self._folder / f"{key}{SUFFIX}"
        try:
            pcm = path.read_bytes()
            os.utime(path)
        except OSError:
            return None
        return pcm

    def put(self, key: str, pcm: bytes) -> None:
        """Write whole or not at all."""
        try:
            with tempfile.NamedTemporaryFile(dir=self._folder, delete=False) as file:
                try:
                    file.write(pcm)
                    os.replace(file.name, self._folder / f"{key}{SUFFIX}")
                except OSError:
                    os.unlink(file.name)
                    raise
            self._bytes += len(pcm)
            if self._bytes > self._limit:
                self._clear()
        except OSError as error:
            log.warning("the speech cache in %s cannot be written: %s", self._folder, error)

    def _clear(self) -> None:
        found = [(path.stat(), path) for path in self._folder.glob(f"*{SUFFIX}")]
        found.sort(key=lambda entry: entry[0].st_mtime_ns)
        self._bytes = sum(stat.st_size for stat, _ in found)
        for stat, path in found:
            if self._bytes <= self._limit * KEPT_SHARE:
                return
            path.unlink(missing_ok=True)
            self._bytes -= stat.st_size


@dataclass(frozen=True, slots=True)
class CacheLimits:
    """Bytes kept in memory and in the folder."""

    memory: int = MEMORY
    folder: int = FOLDER


class ClauseCache:
    """Memory before folder; the folder's work is done on threads."""

    def __init__(self, folder: Path | None = None, limits: CacheLimits | None = None) -> None:
        limits = limits or CacheLimits()
        self._memory = MemoryCache(limits.memory)
        self._folder = FolderCache(folder, limits.folder) if folder else None

    async def open(self) -> None:
        """Prepare the folder; raises OSError if it cannot be made."""
        if self._folder:
            await asyncio.to_thread(self._folder.open)

    async def get(self, utterance: Utterance) -> bytes | None:
        """The sound of an utterance that was said before."""
        key = key_of(utterance)
        pcm = self._memory.get(key)
        if pcm is None and self._folder:
            pcm = await asyncio.to_thread(self._folder.get, key)
            if pcm is not None:
                self._memory.put(key, pcm)
        return pcm

    async def put(self, utterance: Utterance, pcm: bytes) -> None:
        """Keep the sound of an utterance."""
        key = key_of(utterance)
        self._memory.put(key, pcm)
        if self._folder:
            await asyncio.to_thread(self._folder.put, key, pcm)
