"""The error envelope, as the API's description shows it."""

from typing import Any

from pydantic import BaseModel, Field


class Source(BaseModel):
    """Where the mistake is: in the body, or in the query."""

    pointer: str | None = Field(None, examples=["/loop"])
    parameter: str | None = None


class ErrorItem(BaseModel):
    """One mistake."""

    code: str = Field(examples=["90009"])
    title: str = Field(examples=["Invalid value for loop"])
    detail: str = Field(examples=['loop must be 1 to 100 or "infinity"; got 0.'])
    source: Source | None = None
    meta: dict[str, str] = Field(
        examples=[{"url": "https://developers.telnyx.com/docs/overview/errors/90009"}]
    )


class ErrorEnvelope(BaseModel):
    """What every refused request answers."""

    errors: list[ErrorItem]


Described = dict[int | str, dict[str, Any]]
"""Answers of an operation by their status, as FastAPI takes them."""

LATER = {"Retry-After": {"description": "Seconds.", "schema": {"type": "integer", "minimum": 1}}}

REFUSALS: Described = {
    "4XX": {"model": ErrorEnvelope, "description": "What is wrong, with the field that it is wrong in."},
    422: {"model": ErrorEnvelope, "description": "A field or the call's state does not allow it."},
    503: {
        "model": ErrorEnvelope,
        "description": "The store cannot be used now, or there are as many calls as there may be.",
        "headers": LATER,
    },
}
"""What any operation may answer."""

ENGINE_FAILURES: Described = {
    502: {"model": ErrorEnvelope, "description": "The engine failed, or its answer is not what it promised."},
    503: {
        "model": ErrorEnvelope,
        "description": "The engine cannot be reached, or the store cannot be used now.",
        "headers": LATER,
    },
    504: {"model": ErrorEnvelope, "description": "The engine is too slow."},
}
"""What an operation may answer that asks a model."""
