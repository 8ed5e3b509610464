"""Buckets over JSON (spec ai-api §12)."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Annotated

from pydantic import BaseModel, Field

from ringline.api.models.base import Body, View
from ringline.api.paging import Meta
from ringline.storage.s3.auth import PRESIGNED_LIMIT_S
from ringline.store.bucket_traffic import Tally, Use

DEFAULT_TTL_S = 300
"""What an account may have that nobody has verified."""


class PresignedUrlBody(Body):
    """How long a link is good for."""

    ttl: Annotated[int, Field(ge=1, le=PRESIGNED_LIMIT_S)] = Field(
        DEFAULT_TTL_S, description="Seconds until the link is over."
    )


class PresignedUrlView(BaseModel):
    """A link to one object, for whoever has it."""

    token: str
    expires_at: datetime
    presigned_url: str


class Content(BaseModel):
    """The answer's wrapper."""

    content: PresignedUrlView


class ExtentView(BaseModel):
    """How much a bucket holds."""

    num_objects: int
    size: int = Field(description="Bytes.")
    size_kb: int = Field(description="Kilobytes of 1024 bytes, rounded up.")
    timestamp: datetime


class Extents(BaseModel):
    """What a bucket holds now."""

    data: list[ExtentView]
    meta: Meta


class TallyView(View):
    """What was counted."""

    ops: int
    successful_ops: int
    bytes_sent: int
    bytes_received: int


class CategoryView(TallyView):
    """What was counted of one kind of operation."""

    category: str


class HourView(BaseModel):
    """What a bucket was used for in the hour that begins at `timestamp`."""

    timestamp: datetime
    categories: list[CategoryView]
    total: TallyView

    @classmethod
    def of(cls, hour: datetime, uses: Sequence[Use]) -> "HourView":
        """The view of one hour."""
        total = sum((use.tally for use in uses), Tally())
        categories = [CategoryView(category=use.category, **asdict(use.tally)) for use in uses]
        return cls(timestamp=hour, categories=categories, total=TallyView.model_validate(total))
