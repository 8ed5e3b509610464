"""Chat as values: what is asked of a model and what it says (spec ai-api §2). No wire format, no I/O.

Numbers that are None are left to the engine. What reaches an engine, and what comes back from one, passes
through these values; `openai_wire` reads and writes them, `guided` rewrites requests for engines that lack
a capability.
"""

from dataclasses import dataclass, field
from enum import StrEnum

from ringline.workers import Priority


class Role(StrEnum):
    """Who says a message; OpenAI's `developer` is read as `system`."""

    SYSTEM = "system"
    USER = "user"
    ASSISTANT = "assistant"
    TOOL = "tool"


@dataclass(frozen=True, slots=True)
class TextPart:
    """Words."""

    text: str


@dataclass(frozen=True, slots=True)
class ImagePart:
    """A picture: an http(s) URL that the engine fetches, or a `data:` URL. We never fetch it."""

    url: str
    detail: str | None = None


@dataclass(frozen=True, slots=True)
class AudioPart:
    """Sound: an http(s) URL that the engine fetches, or a `data:audio/…;base64,` URL. We never fetch it."""

    url: str


@dataclass(frozen=True, slots=True)
class AudioData:
    """Sound in the request: base64 and its format (`wav`, `mp3`), OpenAI's `input_audio`."""

    data: str
    format: str


Part = TextPart | ImagePart | AudioPart | AudioData


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A function that the model wants called; `arguments` is JSON text, an object."""

    id: str
    name: str
    arguments: str


@dataclass(frozen=True, slots=True)
class Message:
    """One message. `content` is None only for an assistant's message that has `tool_calls`.

    `tool_call_id` says which call a tool's message answers.
    """

    role: Role
    content: str | tuple[Part, ...] | None = None
    name: str | None = None
    tool_calls: tuple[ToolCall, ...] = ()
    tool_call_id: str | None = None

    def text(self) -> str:
        """The words of this message, those of several parts joined by line feeds."""
        if isinstance(self.content, tuple):
            return "\n".join(part.text for part in self.content if isinstance(part, TextPart))
        return self.content or ""


@dataclass(frozen=True, slots=True)
class Tool:
    """A function that the model may call; `parameters` is the JSON text of its arguments' schema."""

    name: str
    description: str = ""
    parameters: str = '{"type":"object","properties":{}}'


class ToolMode(StrEnum):
    """Whether tools are called."""

    NONE = "none"
    AUTO = "auto"  # the model decides
    REQUIRED = "required"  # at least one


@dataclass(frozen=True, slots=True)
class NamedTool:
    """Exactly this tool is called."""

    name: str


ToolChoice = ToolMode | NamedTool


@dataclass(frozen=True, slots=True)
class JsonSchema:
    """The answer is JSON that is valid against a schema (JSON text). `strict`: anything else is a failure."""

    schema: str
    strict: bool = True
    name: str = "answer"


@dataclass(frozen=True, slots=True)
class AnyJson:
    """The answer is one JSON object."""


@dataclass(frozen=True, slots=True)
class Regex:
    """The whole answer matches a regular expression."""

    pattern: str


@dataclass(frozen=True, slots=True)
class Choice:
    """The answer is exactly one of these strings."""

    options: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Grammar:
    """The answer follows a grammar in the engine's own notation, GBNF for llama.cpp. Only we make these."""

    text: str


Guide = JsonSchema | AnyJson | Regex | Choice | Grammar


class Effort(StrEnum):
    """How much a model thinks before it answers."""

    NONE = "none"
    MINIMAL = "minimal"
    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    XHIGH = "xhigh"
    MAX = "max"


@dataclass(frozen=True, slots=True)
class Beam:
    """Beam search as vLLM has it; `width` beams (≥ the choices asked for), the best of which are told."""

    width: int
    length_penalty: float = 1.0


@dataclass(frozen=True, slots=True)
class Sampling:
    """How tokens are drawn.

    `temperature` 0 to 2; `top_p` and `min_p` 0 to 1; penalties -2 to 2; `max_tokens` ≥ 1; `n` choices ≥ 1;
    at most 4 `stop` strings, which end the answer and are no part of it; `top_logprobs` 0 to 20 alternatives
    a token, with `logprobs` only.
    """

    temperature: float | None = None
    top_p: float | None = None
    min_p: float | None = None
    max_tokens: int | None = None
    stop: tuple[str, ...] = ()
    seed: int | None = None
    frequency_penalty: float | None = None
    presence_penalty: float | None = None
    logprobs: bool = False
    top_logprobs: int = 0
    n: int = 1
    beam: Beam | None = None


@dataclass(frozen=True, slots=True)
class ChatRequest:
    """One question to a model.

    `model` is any name or alias that `/models` or the configuration knows; empty is the default model.
    `guide_field` is the member of the client's request that the guide came in, for errors to name it.
    `thinking` and `effort` are None where the model's own habit is wanted. `deadline_s` bounds everything,
    waiting included; None is the configured one. Live calls pass the queue before everything else.
    """

    model: str
    messages: tuple[Message, ...]
    sampling: Sampling = Sampling()
    guide: Guide | None = None
    guide_field: str = "response_format"
    tools: tuple[Tool, ...] = ()
    tool_choice: ToolChoice = ToolMode.AUTO
    parallel_tool_calls: bool = True
    thinking: bool | None = None
    effort: Effort | None = None
    account_id: str = ""
    priority: Priority = Priority.BATCH
    deadline_s: float | None = None


class Finish(StrEnum):
    """Why a choice ended."""

    STOP = "stop"
    LENGTH = "length"
    TOOL_CALLS = "tool_calls"
    CONTENT_FILTER = "content_filter"


@dataclass(frozen=True, slots=True)
class Alternative:
    """A token that could have been: its text, natural logarithm of its probability, its bytes if known."""

    token: str
    logprob: float
    bytes: tuple[int, ...] | None = None


@dataclass(frozen=True, slots=True)
class TokenLogprob:
    """A token that was drawn, and the most likely ones in its place, most likely first."""

    token: str
    logprob: float
    bytes: tuple[int, ...] | None = None
    top: tuple[Alternative, ...] = ()


@dataclass(frozen=True, slots=True)
class ToolFragment:
    """A piece of a tool call: the first piece of each `index` has `id` and `name`; `arguments` adds up."""

    index: int
    id: str | None = None
    name: str | None = None
    arguments: str = ""


@dataclass(frozen=True, slots=True)
class Delta:
    """What is new in choice `index`; the last one of a choice has `finish`."""

    index: int = 0
    text: str = ""
    tool_calls: tuple[ToolFragment, ...] = ()
    reasoning: str = ""
    logprobs: tuple[TokenLogprob, ...] = ()
    finish: Finish | None = None


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens by the model's own tokenizer."""

    prompt_tokens: int = 0
    completion_tokens: int = 0

    @property
    def total_tokens(self) -> int:
        """Both."""
        return self.prompt_tokens + self.completion_tokens


@dataclass(frozen=True, slots=True)
class CompletionChoice:
    """One whole answer. `reasoning` is what the model thought aloud, if it told."""

    index: int
    message: Message
    finish: Finish
    logprobs: tuple[TokenLogprob, ...] = ()
    reasoning: str = ""


@dataclass(frozen=True, slots=True)
class Completion:
    """All answers to a request. `created` is Unix seconds; `model` is the one that really answered."""

    id: str
    created: int
    model: str
    choices: tuple[CompletionChoice, ...]
    usage: Usage = field(default_factory=Usage)
