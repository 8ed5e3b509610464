"""Recordings (spec voice-api §6.4)."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field

from ringline.api.models.base import Body, View
from ringline.store.recordings import Recording

CONTENT_TYPES = {"wav": "audio/wav", "mp3": "audio/mpeg"}


class DownloadUrls(View):
    """Where the file can be had, for ten minutes."""

    mp3: str | None = None
    wav: str | None = None


class RecordingView(View):
    """A finished recording."""

    id: str
    record_type: Literal["recording"] = "recording"
    call_control_id: str | None
    call_leg_id: str | None
    call_session_id: str | None
    connection_id: str | None
    conference_id: str | None
    from_: str | None = Field(serialization_alias="from")
    to: str | None
    channels: Literal["single", "dual"]
    source: Literal["call", "conference"]
    status: Literal["completed"]
    initiated_by: str | None
    recording_started_at: datetime | None
    recording_ended_at: datetime | None
    duration_millis: int
    download_urls: DownloadUrls
    created_at: datetime
    updated_at: datetime

    @classmethod
    def of(cls, recording: Recording, url: str) -> "RecordingView":
        """The view of a recording that can be had at `url`."""
        shared = {
            name: getattr(recording, name)
            for name in cls.model_fields
            if name not in ("record_type", "download_urls")
        }
        return cls(**shared, download_urls=DownloadUrls(**{recording.format: url}))


class RecordingIds(Body):
    """Recordings to delete."""

    ids: Annotated[list[Annotated[str, Field(max_length=64)]], Field(min_length=1, max_length=1000)]


class Deleted(View):
    """They are gone."""

    status: Literal["ok"] = "ok"
