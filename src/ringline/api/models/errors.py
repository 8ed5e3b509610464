"""The error envelope, as the API's description shows it."""

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
