"""Brings the training files of a job into one file of conversations on this machine."""

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import IO

from ringline.finetune import reading, source
from ringline.finetune.conversation import Conversation, serialize
from ringline.finetune.errors import TrainingError, TrainingFileError
from ringline.finetune.ports import Files
from ringline.finetune.source import BadSource, Source

MOST_FILES = 1_000
"""Objects of a bucket that one job reads."""


async def locate(files: Files, account_id: str, text: str) -> Source:
    """What `training_file` names, decided by the buckets there are; raises `BadSource`."""
    wanted = source.parse(text)
    buckets = await files.buckets(account_id)
    holders: list[str] = []
    if wanted.bucket is None and wanted.key is not None and wanted.key not in buckets:
        holders = [name for name in buckets if await files.has(account_id, name, wanted.key)]
    chosen = source.choose(wanted, buckets, holders)
    if chosen.bucket and chosen.key and not await files.has(account_id, chosen.bucket, chosen.key):
        raise BadSource(f"the bucket {chosen.bucket!r} has no object {chosen.key!r}")
    return chosen


async def gather(files: Files, account_id: str, chosen: Source, into: Path, max_bytes: int) -> int:
    """Write every conversation of the source to `into`, whole or not at all; returns how many.

    Raises `TrainingError` for what cannot be trained on, naming file and line.
    """
    assert chosen.bucket is not None
    found = 0
    new = into.with_suffix(".new")
    with contextlib.closing(await asyncio.to_thread(new.open, "wb")) as target:
        left = max_bytes
        async for key in _keys(files, account_id, chosen):
            reader = reading.reader(key)
            async for piece in files.read(account_id, chosen.bucket, key):
                left -= len(piece)
                if left < 0:
                    raise TrainingError(f"the training files have more than {max_bytes // 1_000_000} MB")
                # In a thread: reading a line is quick, a quarter of a megabyte of them is not.
                found += await asyncio.to_thread(_write, target, reader.feed, piece)
            found += await asyncio.to_thread(_write, target, reader.close)
        if not found:
            raise TrainingFileError(chosen.bucket, None, "the bucket is empty")
        await asyncio.to_thread(_settle, target)
    new.replace(into)
    return found


async def _keys(files: Files, account_id: str, chosen: Source) -> AsyncIterator[str]:
    assert chosen.bucket is not None
    if chosen.key is not None:
        yield chosen.key
        return
    number = 0
    async for key in files.keys(account_id, chosen.bucket):
        number += 1
        if number > MOST_FILES:
            raise TrainingFileError(chosen.bucket, None, f"the bucket has more than {MOST_FILES:,} objects")
        if not key.endswith("/"):  # what some clients make to show a folder
            yield key


def _write(target: IO[bytes], read: Callable[..., list[Conversation]], *pieces: bytes) -> int:
    lines = [serialize(one) for one in read(*pieces)]
    target.write(b"".join(lines))
    return len(lines)


def _settle(target: IO[bytes]) -> None:
    target.flush()
    os.fsync(target.fileno())
