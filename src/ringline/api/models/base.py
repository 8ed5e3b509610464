"""What every request body has in common, and how a command's body is kept without its secrets."""

from typing import Annotated, Any, ClassVar, TypedDict, get_args

import msgspec
from pydantic import BaseModel, ConfigDict, Field, model_validator

from ringline.api.models.fields import ClientState

MASKED = "…"
LONGEST = 1_000
"""Characters of one member that are kept of a command's body."""


class Sensitive:
    """Marks a field whose value the timeline must not keep: digits, secrets, spoken text."""


class Body(BaseModel):
    """A request body: unknown members are ignored, numbers pass for strings and the reverse.

    A null where the field has no null counts as absent: clients send it for what they leave open.
    """

    model_config = ConfigDict(extra="ignore", populate_by_name=True, coerce_numbers_to_str=True, frozen=True)

    _nullable: ClassVar[frozenset[str]] = frozenset()

    @classmethod
    def __pydantic_init_subclass__(cls, **kwargs: Any) -> None:
        """Note which fields may be null."""
        super().__pydantic_init_subclass__(**kwargs)
        cls._nullable = frozenset(
            field.alias or name
            for name, field in cls.model_fields.items()
            if type(None) in get_args(field.annotation)
        )

    @model_validator(mode="before")
    @classmethod
    def _without_nulls(cls, body: Any) -> Any:
        if isinstance(body, dict) and None in body.values():
            return {name: value for name, value in body.items() if value is not None or name in cls._nullable}
        return body


def _short(value: Any) -> Any:
    return value if len(str(value)) <= LONGEST else MASKED


class View(BaseModel):
    """A resource as it is shown, read from the store's value."""

    model_config = ConfigDict(from_attributes=True)


class Common(TypedDict):
    """The arguments that every command takes."""

    client_state: str | None
    command_id: str | None
    redacted_body: str


class CommandBody(Body):
    """Body of a call command (spec voice-api §1.2)."""

    _sensitive: ClassVar[frozenset[str]] = frozenset()

    client_state: ClientState | None = Field(
        None, description="Base64 text, echoed in every later webhook of the call; empty clears it."
    )
    command_id: Annotated[str | None, Field(max_length=255)] = Field(
        None, description="A second command with the same id within 60 s is ignored."
    )

    @classmethod
    def __pydantic_init_subclass__(cls, **kwargs: Any) -> None:
        """Note which fields are sensitive."""
        super().__pydantic_init_subclass__(**kwargs)
        cls._sensitive = frozenset(
            field.alias or name
            for name, field in cls.model_fields.items()
            if any(mark is Sensitive for mark in field.metadata)
        )

    def redacted(self) -> str:
        """The known members that were sent, as JSON, sensitive ones masked."""
        members = self.model_dump(mode="json", by_alias=True, exclude_unset=True, exclude_none=True)
        kept = {name: MASKED if name in self._sensitive else _short(value) for name, value in members.items()}
        return msgspec.json.encode(kept).decode()

    def common(self) -> Common:
        """What every command carries."""
        return {
            "client_state": self.client_state,
            "command_id": self.command_id,
            "redacted_body": self.redacted(),
        }
