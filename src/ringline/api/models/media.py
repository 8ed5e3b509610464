"""Stored media (spec voice-api §6.6)."""

from datetime import datetime, timedelta
from typing import Annotated

from pydantic import Field, StringConstraints

from ringline.api.models.base import Body, View
from ringline.api.models.fields import HttpUrl
from ringline.store.media import Media

DEFAULT_TTL_S = 2 * 24 * 3600
MAX_TTL_S = 630_720_000
"""Twenty years."""

WAV, MP3 = "audio/wav", "audio/mpeg"

MediaName = Annotated[str, StringConstraints(min_length=1, max_length=255, pattern=r"^[^/\\\x00-\x1f\x7f]+$")]


class MediaBody(Body):
    """Beside the file: what it is called and how long it is kept. `media_url` where no file is sent."""

    media_url: HttpUrl | None = Field(None, examples=["https://app.example/welcome.mp3"])
    media_name: MediaName | None = Field(None, description="A UUID when it is not given.")
    ttl_secs: Annotated[int, Field(ge=1, le=MAX_TTL_S)] | None = Field(
        None, description="Two days when it is not given."
    )

    def expires(self, now: datetime) -> datetime:
        """When the media is to be forgotten."""
        return now + timedelta(seconds=self.ttl_secs or DEFAULT_TTL_S)


class MediaView(View):
    """A stored file."""

    media_name: str
    content_type: str
    created_at: datetime
    updated_at: datetime
    expires_at: datetime

    @classmethod
    def of(cls, item: Media) -> "MediaView":
        """The view of a file."""
        return cls.model_validate(item)


def sniff(head: bytes) -> str | None:
    """The content type of audio that calls can play, by its first bytes; None for anything else."""
    if head[:4] == b"RIFF" and head[8:12] == b"WAVE":
        return WAV
    # An ID3v2 tag, or an MPEG audio frame header of layer III (ISO/IEC 11172-3 §2.4.1.3).
    if head[:3] == b"ID3" or (len(head) > 1 and head[0] == 0xFF and head[1] & 0xE6 == 0xE2):
        return MP3
    return None
