"""What a call's recordings sound like: read from where the server keeps them, with the waveform of each."""

import asyncio
import io
import wave

import msgspec
import numpy as np
import sqlalchemy as sa

from ringline.cli.database import Database
from ringline.core.settings import Settings
from ringline.media.files import UnreadableAudio, decode
from ringline.storage.objects import ObjectMissing, ObjectStore, StorageUnavailable
from ringline.store.tables import recordings
from ringline.timeline.export import CallRecord
from ringline.timeline.sound import Sound

MAX_BYTES = 64 * 1024 * 1024
"""All the sound that one page holds, so that browsers open it: half an hour of both sides as WAV."""

PEAKS = 1000
"""Columns of a waveform: about one for each pixel of the page."""

TYPES = {"wav": "audio/wav", "mp3": "audio/mpeg"}
MASKED = "its sound is what people said: --reveal puts it in"


class _Row(msgspec.Struct, frozen=True):
    id: str
    format: str
    object_key: str
    size_bytes: int


def read_sounds(database: Database, settings: Settings, record: CallRecord) -> list[Sound]:
    """The recordings of `record`, in its order; of a redacted one, and beyond `MAX_BYTES`, only notes.

    Raises `ConfigError` where `storage.url` is wrong.
    """
    if record.redacted or not record.recordings:
        return [Sound(one, note=MASKED) for one in record.recordings]
    rows = database.read(_rows, record.recordings)
    return asyncio.run(_read(ObjectStore.open(settings.storage.url, settings.data / "objects"), rows))


def waveform(content: bytes, kind: str) -> tuple[tuple[float, ...], ...]:
    """Peaks of each channel of a WAV file, of an MP3 file's channels together; none where it has no sound.

    The loudest is 1: the picture is of when, not of how loud.
    """
    try:
        if kind == "wav":
            with wave.open(io.BytesIO(content)) as file:
                pcm = np.frombuffer(file.readframes(file.getnframes()), "<i2")
                sides = pcm.reshape(-1, file.getnchannels()).T
        else:
            sides = decode(content, rate=8000).reshape(1, -1)
    except (wave.Error, EOFError, ValueError, UnreadableAudio):
        return ()
    found = [
        [np.max(np.abs(part), initial=0) for part in np.array_split(side.astype(np.int32), PEAKS)]
        for side in sides
    ]
    loudest = max(1, *(peak for side in found for peak in side))
    return tuple(tuple(float(peak / loudest) for peak in side) for side in found)


def _rows(conn: sa.Connection, ids: tuple[str, ...]) -> list[_Row]:
    one = recordings.c
    query = sa.select(one.id, one.format, one.object_key, one.size_bytes).where(one.id.in_(ids))
    return [_Row(*row) for row in conn.execute(query.order_by(one.id))]


async def _read(objects: ObjectStore, rows: list[_Row]) -> list[Sound]:
    left = MAX_BYTES
    found = []
    for row in rows:
        sound = await _sound(objects, row, left)
        left -= len(sound.content)
        found.append(sound)
    return found


async def _sound(objects: ObjectStore, row: _Row, limit: int) -> Sound:
    if row.size_bytes > limit:
        size = f"{row.size_bytes / 1e6:.0f} MB are too many for this file"
        return Sound(
            row.id, note=f"{size}, which holds {MAX_BYTES / 1e6:.0f} MB of sound: fetch it from the API"
        )
    try:
        content = await objects.read(row.object_key, limit)
    except ObjectMissing:
        return Sound(row.id, note="its sound is not there any more")
    except StorageUnavailable as error:
        return Sound(row.id, note=str(error))
    return Sound(row.id, TYPES[row.format], content, waveform(content, row.format))
