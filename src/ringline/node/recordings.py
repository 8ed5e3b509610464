"""Finished recordings: their bytes into the object store, their row into the store, a link for the app."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Literal

from ringline.core.clock import Clock
from ringline.core.ids import Ids
from ringline.media.recorder import RecordingInfo
from ringline.storage.objects import ObjectStore, new_key
from ringline.storage.signed import Grant, link
from ringline.store import recordings
from ringline.store.db import Store

CONTENT_TYPES = {"wav": "audio/wav", "mp3": "audio/mpeg"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Provenance:
    """Where a recording comes from; written beside the file, so that a crash does not orphan it."""

    id: str
    account_id: str
    call_control_id: str
    call_leg_id: str
    call_session_id: str
    connection_id: str
    from_: str
    to: str
    channels: Literal["single", "dual"]
    format: Literal["wav", "mp3"]
    file_name: str
    started_at: datetime


class Shelf:
    """Keeps recordings and hands out links to them."""

    def __init__(
        self,
        *,
        store: Store,
        objects: ObjectStore,
        clock: Clock,
        ids: Ids,
        base_url: Callable[[], str],
        link_secret: bytes,
        link_secs: int,
    ) -> None:
        self._store = store
        self._objects = objects
        self._clock = clock
        self._ids = ids
        self._base_url = base_url
        self._secret = link_secret
        self._link_secs = link_secs

    async def keep(self, origin: Provenance, file: RecordingInfo) -> recordings.Recording:
        """Store a finished file and what is known of it; the file itself is then no longer needed.

        Raises `StorageUnavailable` or `StoreUnavailable`.
        """
        key = new_key(self._ids, "recordings", origin.format)
        await self._objects.put(key, Path(file.path))
        now = self._clock.utc()
        row = recordings.Recording(
            id=origin.id,
            account_id=origin.account_id,
            call_control_id=origin.call_control_id,
            call_leg_id=origin.call_leg_id,
            call_session_id=origin.call_session_id,
            connection_id=origin.connection_id,
            from_=origin.from_,
            to=origin.to,
            channels=origin.channels,
            format=origin.format,
            recording_started_at=origin.started_at,
            recording_ended_at=origin.started_at + timedelta(milliseconds=file.duration_ms),
            duration_millis=file.duration_ms,
            file_name=f"{origin.file_name}-{int(origin.started_at.timestamp())}.{origin.format}",
            object_key=key,
            size_bytes=file.size,
            created_at=now,
            updated_at=now,
        )
        await self._store.tx(recordings.add, row)
        return row

    def link(self, recording: recordings.Recording) -> str:
        """A link that opens the file for a while."""
        expires = int(self._clock.utc().timestamp()) + self._link_secs
        grant = Grant(recording.object_key, CONTENT_TYPES[recording.format], recording.file_name, expires)
        return self._base_url() + link(self._secret, grant)
