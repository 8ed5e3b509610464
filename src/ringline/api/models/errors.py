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

BAD_REQUEST = "The request as such is wrong: its JSON, or members that exclude each other."
BAD_REQUESTS: Described = {400: {"model": ErrorEnvelope, "description": BAD_REQUEST}}
"""What an operation may answer that refuses a query as a whole."""

REFUSALS: Described = {
    401: {"model": ErrorEnvelope, "description": "The key is missing or unknown."},
    422: {"model": ErrorEnvelope, "description": "A field or the call's state does not allow it."},
    429: {
        "model": ErrorEnvelope,
        "description": "Too many requests, or too much is asked of a model.",
        "headers": LATER,
    },
    503: {
        "model": ErrorEnvelope,
        "description": "The store cannot be used now, or there are as many calls as there may be.",
        "headers": LATER,
    },
}
"""What any operation may answer."""

BY_PATH = {404: "There is no such resource, or it is another account's."}
BY_POST = {409: "The first request with this key or command id is still at work."}
BY_BODY = {
    400: BAD_REQUEST,
    413: "The body is larger than this server takes.",
    415: "The body is of another type than this operation takes.",
}


def refusals(method: str, path: str) -> dict[int, str]:
    """What an operation may answer for its shape, besides `REFUSALS`: descriptions by status."""
    found: dict[int, str] = {}
    if "{" in path:
        found |= BY_PATH
    if method in ("post", "put", "patch"):
        found |= BY_BODY
    if method == "post":
        found |= BY_POST
    return found


ENGINE_FAILURES: Described = {
    404: {"model": ErrorEnvelope, "description": "There is no such model or conversation."},
    502: {"model": ErrorEnvelope, "description": "The engine failed, or its answer is not what it promised."},
    503: {
        "model": ErrorEnvelope,
        "description": "The engine cannot be reached, or the store cannot be used now.",
        "headers": LATER,
    },
    504: {"model": ErrorEnvelope, "description": "The engine is too slow."},
}
"""What an operation may answer that asks a model."""
