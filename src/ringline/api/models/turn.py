"""What chat and responses ask of whoever answers, in whichever way they put the question."""

from enum import StrEnum
from typing import Any, Literal

from pydantic import Field, field_validator

from ringline.api import errors
from ringline.api.models.base import Body
from ringline.workers import Priority


class Region(StrEnum):
    """Telnyx's regions; a server of one's own is in none of them."""

    USA = "USA"
    EU = "EU"
    AUS = "AUS"
    UAE = "UAE"


class TurnBody(Body):
    """Where a question is answered, how soon, and which conversation keeps it."""

    conversation: str | None = Field(
        None, description="Id of a conversation that keeps this turn: the new messages and the answer."
    )
    region: Region | None = None
    mode: Literal["preferred", "strict"] | None = None
    service_tier: Literal["auto", "default", "priority", "flex"] | None = Field(
        None, description="priority goes before all others in the model's queue."
    )

    @field_validator("conversation", mode="before")
    @classmethod
    def _id_of(cls, value: Any) -> Any:
        return value.get("id") if isinstance(value, dict) else value

    def priority(self) -> Priority:
        """The class of its place in the model's queue."""
        return Priority.LIVE if self.service_tier == "priority" else Priority.BATCH

    def check_region(self) -> None:
        """Raises `ApiError` for a region that must be kept to, or a mode without a region."""
        if self.mode and not self.region:
            raise errors.invalid("10027", "/mode", "mode: needs a region.")
        if self.mode == "strict":
            detail = f"region: {self.region} has no model here, and mode is strict."
            raise errors.invalid("10027", "/region", detail)
