"""Responses as they are asked for: the part of OpenAI's API that needs no memory of ours (spec ai-api §4)."""

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Discriminator, Field, Tag

from ringline.api.models.base import Body
from ringline.api.models.chat import MOST_TOKENS, Absent, AnyObject, AnyText, NamedSchema
from ringline.api.models.chat_messages import Fetched, Refused, SoundData
from ringline.api.models.chat_tools import Function, FunctionTool
from ringline.api.models.fields import Ignored, Off, Unavailable, served
from ringline.api.models.turn import TurnBody
from ringline.inference.chat import (
    AnyJson,
    ChatRequest,
    Effort,
    Guide,
    ImagePart,
    Message,
    NamedTool,
    Part,
    Role,
    Sampling,
    TextPart,
    ToolCall,
    ToolChoice,
    ToolMode,
)

OTHER_TOOLS = (
    "code_interpreter",
    "computer_use_preview",
    "custom",
    "file_search",
    "image_generation",
    "local_shell",
    "mcp",
    "web_search",
    "web_search_preview",
)


class Words(Body):
    """Words, said by either side."""

    type: Literal["input_text", "output_text", "text"]
    text: str

    def value(self) -> Part:
        """The part."""
        return TextPart(self.text)


class Picture(Body):
    """A picture by its URL."""

    type: Literal["input_image"]
    image_url: Fetched
    detail: Literal["auto", "low", "high"] | None = None

    def value(self) -> Part:
        """The part."""
        return ImagePart(self.image_url, self.detail)


ItemPart = Annotated[Words | Refused | Picture | SoundData, Field(discriminator="type")]


def _parts(value: Any) -> Any:
    return [{"type": "input_text", "text": value}] if isinstance(value, str) else value


def _or_text(schema: dict[str, Any]) -> None:
    schema["anyOf"] = [{"type": "string"}, {"type": "array", "items": schema.pop("items")}]
    schema.pop("type", None)


Parts = Annotated[list[ItemPart], BeforeValidator(_parts), Field(json_schema_extra=_or_text)]


class SaidItem(Body):
    """A message of the conversation so far."""

    type: Literal["message"] = "message"
    role: Literal["system", "developer", "user", "assistant"]
    content: Parts


class CallItem(Body):
    """A call that the model asked for in an earlier response."""

    type: Literal["function_call"]
    call_id: str
    name: str
    arguments: str


class ResultItem(Body):
    """What came of a call."""

    type: Literal["function_call_output"]
    call_id: str
    output: Parts


class ThoughtItem(Body):
    """What the model thought in an earlier response; it is not shown again."""

    type: Literal["reasoning"]


def _kind(value: Any) -> str:
    kind = value.get("type", "message") if isinstance(value, dict) else getattr(value, "type", "message")
    return str(kind)


Item = Annotated[
    Annotated[SaidItem, Tag("message")]
    | Annotated[CallItem, Tag("function_call")]
    | Annotated[ResultItem, Tag("function_call_output")]
    | Annotated[ThoughtItem, Tag("reasoning")],
    Discriminator(_kind),
]


def _items(value: Any) -> Any:
    return [{"role": "user", "content": value}] if isinstance(value, str) else value


class ResponseTool(Function):
    """A function that the model may ask to be called."""

    type: Annotated[Literal["function"], served("function", later=OTHER_TOOLS)]
    strict: bool | None = Field(None, description="Arguments are valid against the schema in any case.")


class NamedResponseTool(Body):
    """Exactly this function is to be called."""

    type: Literal["function"]
    name: str


class SchemaFormat(NamedSchema):
    """An answer that is JSON and valid against a schema."""

    type: Literal["json_schema"]


class TextOptions(Body):
    """What the answer's words are to be."""

    format: Annotated[AnyText | AnyObject | SchemaFormat, Field(discriminator="type")] | None = None
    verbosity: Ignored = None


class ReasoningOptions(Body):
    """How much the model thinks first."""

    effort: Effort | None = None
    summary: Ignored = None


class ResponseBody(TurnBody):
    """A question to a model, as items."""

    input: Annotated[
        list[Item],
        BeforeValidator(
            lambda value: [{"role": "user", "content": value}] if isinstance(value, str) else value
        ),
        Field(min_length=1, json_schema_extra=_or_text, examples=["What is a SIP trunk?"]),
    ]
    model: str = ""
    instructions: str | None = Field(None, description="Told to the model before everything else.")
    stream: bool = False
    temperature: Annotated[float, Field(ge=0, le=2)] | None = None
    top_p: Annotated[float, Field(gt=0, le=1)] | None = None
    max_output_tokens: Annotated[int, Field(ge=1, le=MOST_TOKENS)] | None = None
    text: TextOptions = TextOptions()
    tools: tuple[ResponseTool, ...] = ()
    tool_choice: Literal["none", "auto", "required"] | NamedResponseTool = "auto"
    parallel_tool_calls: bool = True
    reasoning: ReasoningOptions = ReasoningOptions()
    metadata: dict[str, str] = Field(default_factory=dict)
    user: str | None = None
    previous_response_id: Unavailable = None
    prompt: Unavailable = None
    background: Off = False
    truncation: Annotated[Literal["disabled"], served("disabled", later=("auto",))] = "disabled"
    include: Absent = None
    store: Ignored = Field(None, description="Nothing is stored: there is no previous_response_id.")
    stream_options: Ignored = None
    safety_identifier: Ignored = None
    prompt_cache_key: Ignored = None

    def request(self, account_id: str) -> ChatRequest:
        """The question; raises `ApiError` or `BadGuide` where fields do not fit together."""
        self.check_region()
        return ChatRequest(
            model=self.model,
            messages=self.messages(),
            sampling=Sampling(
                temperature=self.temperature, top_p=self.top_p, max_tokens=self.max_output_tokens
            ),
            guide=self._guide(),
            guide_field="text.format",
            tools=tuple(FunctionTool(type="function", function=tool).value() for tool in self.tools),
            tool_choice=self._tool_choice(),
            parallel_tool_calls=self.parallel_tool_calls,
            effort=self.reasoning.effort,
            account_id=account_id,
            priority=self.priority(),
        )

    def messages(self) -> tuple[Message, ...]:
        """The items as messages: a turn's words and calls are one message."""
        said = [Message(Role.SYSTEM, self.instructions)] if self.instructions else []
        for item in self.input:
            match item:
                case SaidItem(role=role, content=content):
                    spoken = Role.SYSTEM if role == "developer" else Role(role)
                    said.append(Message(spoken, _content(content)))
                case CallItem():
                    call = ToolCall(item.call_id, item.name, item.arguments)
                    words: str | tuple[Part, ...] | None = None
                    calls: tuple[ToolCall, ...] = ()
                    if said and said[-1].role is Role.ASSISTANT:
                        last = said.pop()
                        words, calls = last.content, last.tool_calls
                    said.append(Message(Role.ASSISTANT, words, tool_calls=(*calls, call)))
                case ResultItem(call_id=call_id, output=output):
                    said.append(Message(Role.TOOL, _content(output), tool_call_id=call_id))
                case ThoughtItem():
                    pass
        return tuple(said)

    def _guide(self) -> Guide | None:
        match self.text.format:
            case AnyObject():
                return AnyJson()
            case SchemaFormat() as named:
                return named.guide("text.format.schema")
            case _:
                return None

    def _tool_choice(self) -> ToolChoice:
        if isinstance(self.tool_choice, NamedResponseTool):
            return NamedTool(self.tool_choice.name)
        return ToolMode(self.tool_choice)


def _content(parts: list[ItemPart]) -> str | tuple[Part, ...]:
    """Words alone are told as words: many engines' templates know nothing else."""
    values = tuple(part.value() for part in parts)
    if all(isinstance(part, TextPart) for part in values):
        return "\n".join(part.text for part in values if isinstance(part, TextPart))
    return values
