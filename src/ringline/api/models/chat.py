"""Chat completions as they are asked for (spec ai-api §2)."""

from typing import Annotated, Any, Literal

import msgspec
from pydantic import BeforeValidator, Field, StringConstraints

from ringline.api import errors
from ringline.api.models.base import Body
from ringline.api.models.chat_messages import ChatMessage
from ringline.api.models.chat_tools import ChatTool, FunctionTool, NamedFunction, RetrievalTool
from ringline.api.models.fields import Ignored, Off, Unavailable, mistake
from ringline.api.models.turn import TurnBody
from ringline.core.errors import ApiError
from ringline.inference.chat import (
    AnyJson,
    Beam,
    ChatRequest,
    Choice,
    Effort,
    Guide,
    JsonSchema,
    NamedTool,
    Regex,
    Sampling,
    ToolChoice,
    ToolMode,
)
from ringline.inference.guided.strict import require_strict

MOST_STOPS = 4
MOST_CHOICES = 16
"""Choices of one answer: each is a whole answer's work."""
MOST_BEAMS = 16
MOST_TOKENS = 10_000_000
MAX_SEED = 2**63 - 1
MOST_OPTIONS = 1000


class StreamOptions(Body):
    """What a stream tells besides the answer."""

    include_usage: bool = False


class NamedSchema(Body):
    """A schema for the answer."""

    name: str = "answer"
    description: str | None = None
    schema_: dict[str, Any] | bool = Field(True, alias="schema")
    strict: bool = False

    def guide(self, field: str) -> JsonSchema:
        """The guide that comes in `field`; raises `BadGuide` for one that strict mode does not take."""
        if self.strict and self.schema_ is not True:  # the SDK may leave it out: any JSON
            require_strict(self.schema_, field)
        return JsonSchema(_json(self.schema_), self.strict, self.name)


class AnyText(Body):
    """Any answer."""

    type: Literal["text"]


class AnyObject(Body):
    """An answer that is a JSON object."""

    type: Literal["json_object"]


class BySchema(Body):
    """An answer that is JSON and valid against a schema."""

    type: Literal["json_schema"]
    json_schema: NamedSchema


ResponseFormat = Annotated[AnyText | AnyObject | BySchema, Field(discriminator="type")]


def _stops(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


def _schema(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    try:
        return msgspec.json.decode(value)
    except msgspec.DecodeError as error:
        raise mistake("10023", f"guided_json is not valid JSON: {error}.") from None


def _switched_off(value: Any) -> Any:
    if value in (None, {}, []):
        return value
    raise mistake("10038", "This feature is not available on this server.")


def _mode(value: Any) -> Any:
    if isinstance(value, str) and value not in tuple(ToolMode):
        raise mistake("10032", f"The value must be one of: {', '.join(ToolMode)}, or name a function.")
    return value


Stop = Annotated[str, StringConstraints(min_length=1)]
Absent = Annotated[Any, BeforeValidator(_switched_off)]
"""May be given empty only."""


class ChatBody(TurnBody):
    """A question to a model; every field is honoured, or refused by its name."""

    messages: list[ChatMessage] = Field(
        min_length=1, examples=[[{"role": "user", "content": "What is a SIP trunk?"}]]
    )
    model: str = Field(
        "meta-llama/Meta-Llama-3.1-8B-Instruct",
        description="An id of `GET /ai/models` or an alias. Names of Telnyx's own list that no engine here "
        "serves mean the default model; the answer's `model` says what really answered.",
    )
    stream: bool = False
    stream_options: StreamOptions = StreamOptions()
    temperature: Annotated[float, Field(ge=0, le=2)] = 0.1
    top_p: Annotated[float, Field(gt=0, le=1)] | None = None
    min_p: Annotated[float, Field(ge=0, le=1)] | None = None
    max_tokens: Annotated[int, Field(ge=1, le=MOST_TOKENS)] | None = Field(
        None, description="Most tokens of the answer; what the model cannot do is cut to what it can."
    )
    max_completion_tokens: Annotated[int, Field(ge=1, le=MOST_TOKENS)] | None = None
    n: Annotated[int, Field(ge=1, le=MOST_CHOICES)] = 1
    stop: Annotated[list[Stop], Field(max_length=MOST_STOPS), BeforeValidator(_stops)] | None = None
    seed: Annotated[int, Field(ge=-MAX_SEED, le=MAX_SEED)] | None = None
    frequency_penalty: Annotated[float, Field(ge=-2, le=2)] | None = None
    presence_penalty: Annotated[float, Field(ge=-2, le=2)] | None = None
    logprobs: bool = False
    top_logprobs: Annotated[int, Field(ge=0, le=20)] | None = None
    response_format: ResponseFormat | None = None
    guided_json: Annotated[dict[str, Any] | bool, BeforeValidator(_schema)] | None = None
    guided_regex: str | None = None
    guided_choice: Annotated[list[str], Field(min_length=1, max_length=MOST_OPTIONS)] | None = None
    tools: list[ChatTool] | None = None
    tool_choice: Annotated[ToolMode | NamedFunction, BeforeValidator(_mode)] | None = None
    parallel_tool_calls: bool = True
    enable_thinking: bool | None = Field(None, description="false: answer without reasoning first.")
    reasoning_effort: Effort | None = None
    use_beam_search: bool = False
    best_of: Annotated[int, Field(ge=1, le=MOST_BEAMS)] | None = Field(
        None, description="With use_beam_search: so many beams, of which the best n are answered."
    )
    early_stopping: Off = Field(False, description="No engine's beam search has it.")
    length_penalty: float = 1.0
    api_key_ref: Unavailable = None
    user: Ignored = None
    metadata: Ignored = None
    store: Ignored = None
    functions: Absent = None
    function_call: Absent = None
    logit_bias: Absent = None
    audio: Absent = None
    web_search_options: Absent = None

    def request(self, account_id: str) -> ChatRequest:
        """The question; raises `ApiError` or `BadGuide` where fields do not fit together."""
        self._check()
        field, guide = self._guide()
        asked = ChatRequest(
            model=self.model,
            messages=tuple(message.value() for message in self.messages),
            sampling=self._sampling(),
            guide=guide,
            guide_field=field,
            tools=tuple(tool.value() for tool in self.tools or () if isinstance(tool, FunctionTool)),
            tool_choice=self._tool_choice(),
            parallel_tool_calls=self.parallel_tool_calls,
            thinking=self.enable_thinking,
            effort=self.reasoning_effort,
            account_id=account_id,
            priority=self.priority(),
        )
        self._refuse_retrieval()
        return asked

    def _refuse_retrieval(self) -> None:
        for place, tool in enumerate(self.tools or ()):
            if isinstance(tool, RetrievalTool):
                raise errors.unavailable(f"/tools/{place}/retrieval", "Retrieval from buckets")

    def _check(self) -> None:
        self.check_region()
        beamless = not self.use_beam_search
        for wrong, field, detail in (
            (self.top_logprobs and not self.logprobs, "top_logprobs", "needs logprobs to be true"),
            (beamless and self.length_penalty != 1, "length_penalty", "needs use_beam_search to be true"),
            (beamless and (self.best_of or 1) > self.n, "best_of", "needs use_beam_search to be true"),
            ((self.best_of or self.n) < self.n, "best_of", "must be at least n"),
        ):
            if wrong:
                raise errors.invalid("10027", f"/{field}", f"{field}: {detail}.")

    def _sampling(self) -> Sampling:
        beam = None
        if self.use_beam_search:
            beam = Beam(self.best_of or self.n, self.length_penalty)
        return Sampling(
            temperature=self.temperature,
            top_p=self.top_p,
            min_p=self.min_p,
            max_tokens=self.max_completion_tokens or self.max_tokens,
            stop=tuple(self.stop or ()),
            seed=self.seed,
            frequency_penalty=self.frequency_penalty,
            presence_penalty=self.presence_penalty,
            logprobs=self.logprobs,
            top_logprobs=self.top_logprobs or 0,
            n=self.n,
            beam=beam,
        )

    def _tool_choice(self) -> ToolChoice:
        match self.tool_choice:
            case None:
                return ToolMode.AUTO
            case NamedFunction(function=function):
                return NamedTool(function.name)
            case mode:
                return mode

    def _guide(self) -> tuple[str, Guide | None]:
        """The guide, and the field that it comes in."""
        guides: dict[str, Guide] = {}
        match self.response_format:
            case AnyObject():
                guides["response_format"] = AnyJson()
            case BySchema(json_schema=named):
                guides["response_format"] = named.guide("response_format.json_schema.schema")
            case _:
                pass
        if self.guided_json is not None:
            guides["guided_json"] = JsonSchema(_json(self.guided_json))
        if self.guided_regex is not None:
            guides["guided_regex"] = Regex(self.guided_regex)
        if self.guided_choice is not None:
            guides["guided_choice"] = Choice(tuple(self.guided_choice))
        if len(guides) > 1:
            detail = f"{' and '.join(guides)} exclude each other."
            raise ApiError(400, errors.problem("10015", detail, pointer=f"/{tuple(guides)[1]}"))
        return next(iter(guides.items()), ("", None))


def _json(schema: dict[str, Any] | bool) -> str:
    return msgspec.json.encode(schema).decode()
