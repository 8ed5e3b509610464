"""The messages of a chat as they are sent (spec ai-api §2)."""

import re
from typing import Annotated, Any, Literal, Self

import msgspec
from pydantic import BeforeValidator, Field, model_validator

from ringline.api.models.base import Body
from ringline.api.models.fields import mistake
from ringline.inference.chat import (
    AudioData,
    AudioPart,
    ImagePart,
    Message,
    Part,
    Role,
    TextPart,
    ToolCall,
)

FETCHABLE = re.compile(r"(?:https?://[^\s/?#]|data:[a-z]+/)\S*", re.IGNORECASE)
"""What an engine may be told to fetch: nothing that names a file of its own."""


def _url(value: Any) -> Any:
    if isinstance(value, str) and not FETCHABLE.fullmatch(value):
        raise mistake("10003", "The URL must begin with http://, https:// or data:.")
    return value


def _object_of_url(value: Any) -> Any:
    return {"url": value} if isinstance(value, str) else value


Fetched = Annotated[str, BeforeValidator(_url)]


class ImageUrl(Body):
    """Where a picture is, or the picture itself as a `data:` URL."""

    url: Fetched
    detail: Literal["auto", "low", "high"] | None = None


class AudioUrl(Body):
    """Where a sound is, or the sound itself as a `data:` URL."""

    url: Fetched


class InputAudio(Body):
    """A sound, base64."""

    data: str
    format: str


class Words(Body):
    """Words."""

    type: Literal["text"]
    text: str

    def value(self) -> Part:
        """The part."""
        return TextPart(self.text)


class Refused(Body):
    """An earlier answer that was a refusal."""

    type: Literal["refusal"]
    refusal: str

    def value(self) -> Part:
        """The part."""
        return TextPart(self.refusal)


class Picture(Body):
    """A picture."""

    type: Literal["image_url"]
    image_url: Annotated[ImageUrl, BeforeValidator(_object_of_url)]

    def value(self) -> Part:
        """The part."""
        return ImagePart(self.image_url.url, self.image_url.detail)


class Sound(Body):
    """A sound by its URL."""

    type: Literal["audio_url"]
    audio_url: Annotated[AudioUrl, BeforeValidator(_object_of_url)]

    def value(self) -> Part:
        """The part."""
        return AudioPart(self.audio_url.url)


class SoundData(Body):
    """A sound within the request."""

    type: Literal["input_audio"]
    input_audio: InputAudio

    def value(self) -> Part:
        """The part."""
        return AudioData(self.input_audio.data, self.input_audio.format)


ContentPart = Annotated[Words | Refused | Picture | Sound | SoundData, Field(discriminator="type")]


def _parts(value: Any) -> Any:
    return [{"type": "text", "text": value}] if isinstance(value, str) else value


def _or_text(schema: dict[str, Any]) -> None:
    schema["anyOf"].insert(0, {"type": "string"})


def _text(value: Any) -> Any:
    return msgspec.json.encode(value).decode() if isinstance(value, dict) else value


class CalledFunction(Body):
    """What was called."""

    name: str
    arguments: Annotated[str, BeforeValidator(_text)] = "{}"


class MadeCall(Body):
    """A call that the model asked for in an earlier answer."""

    id: str
    type: Literal["function"] = "function"
    function: CalledFunction


Parts = Annotated[list[ContentPart], Field(min_length=1)]


class ChatMessage(Body):
    """One message."""

    role: Literal["system", "developer", "user", "assistant", "tool"]
    content: Annotated[Parts | None, BeforeValidator(_parts), Field(json_schema_extra=_or_text)] = None
    name: str | None = None
    tool_calls: list[MadeCall] | None = None
    tool_call_id: str | None = None

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if self.content is None and not (self.role == "assistant" and self.tool_calls):
            raise mistake("10004", "Only an assistant's message with tool_calls may have no content.")
        if self.tool_calls and self.role != "assistant":
            raise mistake("10015", "Only an assistant's message may have tool_calls.")
        return self

    def value(self) -> Message:
        """The message."""
        return Message(
            role=Role.SYSTEM if self.role == "developer" else Role(self.role),
            content=self._content(),
            name=self.name,
            tool_calls=tuple(
                ToolCall(call.id, call.function.name, call.function.arguments)
                for call in self.tool_calls or ()
            ),
            tool_call_id=self.tool_call_id,
        )

    def _content(self) -> str | tuple[Part, ...] | None:
        """One text alone is told as words: many engines' templates know nothing else."""
        match self.content:
            case None:
                return None
            case [Words(text=text)] | [Refused(refusal=text)]:
                return text
            case parts:
                return tuple(part.value() for part in parts)
