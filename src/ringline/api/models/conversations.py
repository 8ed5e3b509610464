"""Conversations and their messages (spec ai-api §5.1–5.3)."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, Literal

import msgspec
from pydantic import AfterValidator, BeforeValidator, Field, StringConstraints

from ringline.api.filters import Moment
from ringline.api.models.base import Body, View
from ringline.api.models.fields import mistake
from ringline.store.conversations import MOST_KEYS, Conversation, Kept, Message, ToolCall

MAX_NAME = 255
MAX_KEY = 128
MAX_VALUE = 8_192
MAX_CONTENT = 1_000_000


def _storable(value: str) -> str:
    # PostgreSQL keeps no NUL; refused for both engines, a text means the same on each.
    if "\x00" in value:
        raise mistake("10028", "A text cannot have NUL characters.")
    return value


def _as_text(value: Any) -> Any:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, int | float) else value


def _known_values(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: one for key, one in value.items() if one is not None}
    return value


def _json_text(value: Any) -> Any:
    return msgspec.json.encode(value).decode() if isinstance(value, dict) else value


def _encodable(value: Any) -> Any:
    try:
        msgspec.json.encode(value)
    except (ValueError, RecursionError):  # half a surrogate pair, or deeper than anybody means
        raise mistake("10015", "The value cannot be kept as JSON.") from None
    return value


Text = Annotated[str, AfterValidator(_storable)]
Key = Annotated[str, StringConstraints(min_length=1, max_length=MAX_KEY), AfterValidator(_storable)]
Value = Annotated[
    str, StringConstraints(max_length=MAX_VALUE), BeforeValidator(_as_text), AfterValidator(_storable)
]
Name = Annotated[str, StringConstraints(max_length=MAX_NAME), AfterValidator(_storable)]
Content = Annotated[str, StringConstraints(max_length=MAX_CONTENT), AfterValidator(_storable)]
Scalar = bool | Annotated[int, Field(ge=-(2**63), lt=2**63)] | Text
METADATA = (
    "Texts under keys of your own; numbers and booleans are kept as texts. "
    "`ai_disabled` set to `true` stops chat."
)


class ConversationCreate(Body):
    """A new conversation."""

    metadata: Annotated[
        dict[Key, Value], BeforeValidator(_known_values), Field(max_length=MOST_KEYS, description=METADATA)
    ] = Field({}, examples=[{"assistant_id": "assistant-1", "telnyx_conversation_channel": "phone_call"}])
    name: Name = Field("", examples=["Voice call"])

    def created(self, id: str, account_id: str, now: datetime) -> Conversation:
        """The conversation."""
        return Conversation(
            id=id,
            account_id=account_id,
            name=self.name,
            metadata=self.metadata,
            created_at=now,
            last_message_at=now,
        )


class ConversationUpdate(Body):
    """What of the metadata is to change: other keys stay, a key with null goes."""

    metadata: Annotated[dict[Key, Value | None], Field(max_length=MOST_KEYS, description=METADATA)] = Field(
        {}, examples=[{"ai_disabled": "true"}]
    )


class ConversationView(View):
    """A conversation."""

    id: str = Field(examples=["182bd5e5-6e1a-4fe4-a799-aa6d9a6ab26e"])
    name: str
    metadata: Mapping[str, str]
    created_at: datetime
    last_message_at: datetime = Field(description="`created_at` while there is no message.")

    @classmethod
    def of(cls, conversation: Conversation) -> "ConversationView":
        """The view of a conversation."""
        return cls.model_validate(conversation)


class FunctionBody(Body):
    """The function of a tool call."""

    name: Text
    arguments: Annotated[Text, BeforeValidator(_json_text)] = Field("{}", description="JSON text.")


class ToolCallBody(Body):
    """A tool call as OpenAI writes it."""

    id: Text
    type: Literal["function"] = "function"
    function: FunctionBody


class MessageCreate(Body):
    """A message to add at the end."""

    role: Literal["user", "assistant", "tool", "system"] = Field(examples=["user"])
    content: Content = Field("", examples=["Hello"])
    metadata: Annotated[
        dict[Key, Scalar | list[Scalar]], BeforeValidator(_known_values), Field(max_length=MOST_KEYS)
    ] = Field({})
    name: Text | None = None
    sent_at: Moment | None = Field(None, description="When the person had it; now, unless it is given.")
    tool_call_id: Text | None = None
    tool_calls: Annotated[list[ToolCallBody], Field(max_length=128)] = Field([])
    tool_choice: Annotated[str | dict[str, Any], AfterValidator(_encodable)] | None = None

    def message(self) -> Message:
        """The message."""
        calls = [ToolCall(one.id, one.function.name, one.function.arguments) for one in self.tool_calls]
        return Message(
            role=self.role,
            content=self.content,
            name=self.name,
            tool_call_id=self.tool_call_id,
            tool_calls=tuple(calls),
            tool_choice=self.tool_choice,
            metadata=self.metadata,
            sent_at=self.sent_at,
        )


class FunctionView(View):
    """The function of a tool call; `arguments` is JSON text."""

    name: str
    arguments: str


class ToolCallView(View):
    """A tool call that the assistant made."""

    id: str
    type: Literal["function"] = "function"
    function: FunctionView


class MessageView(View):
    """A message of a conversation. Absent members are left out."""

    role: str
    text: str = Field(description="Empty for an answer that is tool calls alone.")
    created_at: datetime = Field(description="When it became part of the conversation.")
    sent_at: datetime = Field(description="When the person had it.")
    metadata: Mapping[str, Any]
    tool_calls: list[ToolCallView] | None = None

    @classmethod
    def of(cls, kept: Kept) -> "MessageView":
        """The view of a message."""
        calls = [
            ToolCallView(id=one.id, function=FunctionView(name=one.name, arguments=one.arguments))
            for one in kept.message.tool_calls
        ]
        return cls(
            role=kept.message.role,
            text=kept.message.content or "",
            created_at=kept.created_at,
            sent_at=kept.sent_at,
            metadata=kept.message.metadata,
            tool_calls=calls or None,
        )
