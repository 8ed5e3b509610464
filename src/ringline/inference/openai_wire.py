"""Chat in OpenAI's wire format, the client's side: request bodies out, answers and stream chunks in. Pure."""

from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import msgspec

from ringline.core.errors import ProtocolError
from ringline.inference.cards import Dialect
from ringline.inference.chat import (
    Alternative,
    AnyJson,
    AudioData,
    AudioPart,
    ChatRequest,
    Choice,
    Delta,
    Finish,
    Grammar,
    Guide,
    ImagePart,
    JsonSchema,
    Message,
    NamedTool,
    Part,
    Regex,
    Sampling,
    TextPart,
    TokenLogprob,
    Tool,
    ToolFragment,
    Usage,
)
from ringline.inference.errors import EngineFailed, EngineRefused, InferenceError
from ringline.workers import Busy

DONE = b"[DONE]"
NO_LOGPROB = -9999.0
"""What OpenAI gives for a token that is not among the 20 most likely; engines send null there."""

SHOWN = 500
"""Characters of an engine's own words that are passed on."""

MAX_RETRY_AFTER = 60

FINISHES = {
    "stop": Finish.STOP,
    "length": Finish.LENGTH,
    "tool_calls": Finish.TOOL_CALLS,
    "function_call": Finish.TOOL_CALLS,
    "content_filter": Finish.CONTENT_FILTER,
}
"""Any other reason that an engine may have is read as `stop`."""


class WireError(ProtocolError):
    """An engine's answer that is not in the format."""


# ---------------------------------------------------------------------- what we send


def render(request: ChatRequest, model: str, dialect: Dialect) -> bytes:
    """The body of a streaming `POST …/chat/completions`.

    `model` is the engine's own name for it. What the dialect has no field for must have been refused before.
    """
    body: dict[str, Any] = {
        "model": model,
        "messages": [_message(message) for message in request.messages],
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    body |= _sampling(request.sampling)
    if request.guide is not None:
        body |= _guide(request.guide, dialect)
    if request.tools:
        body |= _tools(request)
    if request.effort is not None:
        body["reasoning_effort"] = request.effort
    if request.thinking is not None:
        body["chat_template_kwargs"] = {"enable_thinking": request.thinking}
    return msgspec.json.encode(body)


def _message(message: Message) -> dict[str, Any]:
    said: dict[str, Any] = {"role": message.role, "content": _content(message.content)}
    if message.name is not None:
        said["name"] = message.name
    if message.tool_calls:
        said["tool_calls"] = [
            {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}
            for call in message.tool_calls
        ]
    if message.tool_call_id is not None:
        said["tool_call_id"] = message.tool_call_id
    return said


def _content(content: str | tuple[Part, ...] | None) -> str | list[dict[str, Any]] | None:
    return [_part(part) for part in content] if isinstance(content, tuple) else content


def _part(part: Part) -> dict[str, Any]:
    match part:
        case TextPart(text=text):
            return {"type": "text", "text": text}
        case ImagePart(url=url, detail=detail):
            return {"type": "image_url", "image_url": {"url": url} | ({"detail": detail} if detail else {})}
        case AudioPart(url=url):
            return {"type": "audio_url", "audio_url": {"url": url}}
        case AudioData(data=data, format=format):
            return {"type": "input_audio", "input_audio": {"data": data, "format": format}}


def _sampling(sampling: Sampling) -> dict[str, Any]:
    given: dict[str, Any] = {
        "temperature": sampling.temperature,
        "top_p": sampling.top_p,
        "min_p": sampling.min_p,
        "max_tokens": sampling.max_tokens,
        "stop": list(sampling.stop) or None,
        "seed": sampling.seed,
        "frequency_penalty": sampling.frequency_penalty,
        "presence_penalty": sampling.presence_penalty,
        "logprobs": True if sampling.logprobs else None,
        "top_logprobs": sampling.top_logprobs or None,
        "n": sampling.n if sampling.n > 1 else None,
    }
    if sampling.beam is not None:
        # vLLM follows, and answers with, as many beams as choices are asked for; `Reader` takes the best.
        beam = sampling.beam
        given |= {"use_beam_search": True, "n": beam.width, "length_penalty": beam.length_penalty}
    return {name: value for name, value in given.items() if value is not None}


def _guide(guide: Guide, dialect: Dialect) -> dict[str, Any]:
    match guide:
        case JsonSchema(schema=schema, strict=strict, name=name):
            described = {"name": name, "schema": msgspec.Raw(schema.encode()), "strict": strict}
            return {"response_format": {"type": "json_schema", "json_schema": described}}
        case AnyJson():
            return {"response_format": {"type": "json_object"}}
        case Regex(pattern=pattern) if dialect is Dialect.VLLM_GUIDED:
            return {"guided_regex": pattern}
        case Regex(pattern=pattern):
            return {"structured_outputs": {"regex": pattern}}
        case Choice(options=options) if dialect is Dialect.VLLM_GUIDED:
            return {"guided_choice": options}
        case Choice(options=options):
            return {"structured_outputs": {"choice": options}}
        case Grammar(text=text):
            return {"grammar": text}


def _tools(request: ChatRequest) -> dict[str, Any]:
    choice: object = request.tool_choice
    if isinstance(request.tool_choice, NamedTool):
        choice = {"type": "function", "function": {"name": request.tool_choice.name}}
    said = {"tools": [_tool(tool) for tool in request.tools], "tool_choice": choice}
    return said if request.parallel_tool_calls else said | {"parallel_tool_calls": False}


def _tool(tool: Tool) -> dict[str, Any]:
    function = {
        "name": tool.name,
        "description": tool.description,
        "parameters": msgspec.Raw(tool.parameters.encode()),
    }
    return {"type": "function", "function": function}


# ---------------------------------------------------------------------- what we hear


class _Alternative(msgspec.Struct):
    token: str = ""
    logprob: float | None = None
    bytes: list[int] | None = None


class _Token(_Alternative):
    top_logprobs: list[_Alternative] | None = None


class _Logprobs(msgspec.Struct):
    content: list[_Token] | None = None


class _Function(msgspec.Struct):
    name: str | None = None
    arguments: str | dict[str, Any] | None = None


class _Call(msgspec.Struct):
    index: int | None = None
    id: str | None = None
    function: _Function | None = None


class _Said(msgspec.Struct):
    content: str | None = None
    reasoning_content: str | None = None
    reasoning: str | None = None
    tool_calls: list[_Call] | None = None


class _Choice(msgspec.Struct):
    index: int = 0
    delta: _Said | None = None
    message: _Said | None = None
    logprobs: _Logprobs | None = None
    finish_reason: str | None = None


class _Usage(msgspec.Struct):
    prompt_tokens: int | None = None
    completion_tokens: int | None = None


class _Answer(msgspec.Struct):
    choices: list[_Choice] | None = None
    usage: _Usage | None = None
    error: msgspec.Raw = msgspec.Raw()


class _Problem(msgspec.Struct):
    message: str = ""
    type: str | None = None
    param: str | None = None
    code: str | int | None = None


_answers = msgspec.json.Decoder(_Answer)


class Reader:
    """Reads one answer, streamed or whole, into deltas; the usage is the last thing that it tells.

    What engines tell beyond what was asked, of choices and of a token's alternatives, is left away.
    """

    def __init__(self, asked: Sampling = Sampling()) -> None:
        self._asked = asked
        self._within = Usage()  # told beside choices: the sum so far
        self._apart = Usage()  # told alone: llama.cpp does so once for each choice
        self._ended = False

    @property
    def is_complete(self) -> bool:
        """Whether a choice was told to its end."""
        return self._ended

    def usage(self) -> Usage:
        """What was counted; zeros if the engine does not count."""
        return max(self._within, self._apart, key=lambda one: one.total_tokens)

    def read(self, data: bytes) -> Iterator[Delta]:
        """One event of a stream, or a whole answer that was not streamed.

        Raises `WireError`, or `EngineFailed` for an error told in the stream.
        """
        try:
            answer = _answers.decode(data)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise WireError(f"the engine's answer cannot be read: {error}") from error
        if bytes(answer.error) not in (b"", b"null"):
            raise EngineFailed(
                f"The engine broke off: {_problem(answer.error).message or 'it gave no reason'}"
            )
        if answer.usage is not None:
            self._count(answer.usage, alone=not answer.choices)
        for choice in answer.choices or ():
            if choice.index >= self._asked.n:
                continue
            self._ended |= choice.finish_reason is not None
            if (delta := _delta(choice, self._asked.top_logprobs)) is not None:
                yield delta

    def _count(self, told: _Usage, *, alone: bool) -> None:
        usage = Usage(told.prompt_tokens or 0, told.completion_tokens or 0)
        if alone:
            self._apart = Usage(usage.prompt_tokens, self._apart.completion_tokens + usage.completion_tokens)
        else:
            self._within = usage


def _delta(choice: _Choice, alternatives: int) -> Delta | None:
    said = choice.delta or choice.message or _Said()
    delta = Delta(
        index=choice.index,
        text=said.content or "",
        tool_calls=tuple(_fragments(said.tool_calls or [])),
        reasoning=said.reasoning_content or said.reasoning or "",
        logprobs=tuple(
            _token(token, alternatives) for token in (choice.logprobs and choice.logprobs.content) or ()
        ),
        finish=None if choice.finish_reason is None else FINISHES.get(choice.finish_reason, Finish.STOP),
    )
    return None if delta == Delta(index=choice.index) else delta


def _fragments(calls: list[_Call]) -> Iterator[ToolFragment]:
    for place, call in enumerate(calls):
        function = call.function or _Function()
        arguments = function.arguments or ""
        if not isinstance(arguments, str):
            arguments = msgspec.json.encode(arguments).decode()
        yield ToolFragment(
            place if call.index is None else call.index, call.id or None, function.name or None, arguments
        )


def _token(token: _Token, alternatives: int) -> TokenLogprob:
    top = tuple(
        Alternative(one.token, _logprob(one.logprob), _bytes(one.bytes))
        for one in (token.top_logprobs or [])[:alternatives]
    )
    return TokenLogprob(token.token, _logprob(token.logprob), _bytes(token.bytes), top)


def _logprob(value: float | None) -> float:
    return NO_LOGPROB if value is None else value


def _bytes(value: list[int] | None) -> tuple[int, ...] | None:
    return None if value is None else tuple(value)


def retry_after(header: str) -> int:
    """Seconds, 1 to 60, that an engine's `Retry-After` asks for; a date or nonsense is one."""
    seconds = int(header) if header.isascii() and header.isdigit() else 1
    return min(MAX_RETRY_AFTER, max(1, seconds))


def failure(status: int, body: bytes, retry_after: int = 1) -> InferenceError | Busy:
    """What an answer that is no 200 means.

    The client's mistakes stay the client's (400, 404 of a file, 413, 422). That the engine does not take our
    key, or does not know its own model, is not.
    """
    told = _problem(body)
    message = told.message[:SHOWN] or f"The engine answered {status}."
    match status:
        case 429:
            return Busy(f"the engine is busy: {message}", retry_after)
        case 400 | 413 | 422:
            code = told.type if isinstance(told.code, int) or told.code is None else told.code
            return EngineRefused(400, message, told.param, code)
        case _:
            return EngineFailed(f"The engine answered {status}: {message}", status)


class _Wrapped(msgspec.Struct):
    error: _Problem | str | None = None


def _problem(body: bytes | msgspec.Raw) -> _Problem:
    """The `error` member of a body, or the body itself, whatever of it can be read."""
    with suppress(msgspec.DecodeError, UnicodeDecodeError):
        wrapped = msgspec.json.decode(body, type=_Wrapped).error
        if wrapped:
            return wrapped if isinstance(wrapped, _Problem) else _Problem(wrapped)
    with suppress(msgspec.DecodeError, UnicodeDecodeError):
        told = msgspec.json.decode(body, type=_Problem | str)
        return told if isinstance(told, _Problem) else _Problem(told)
    return _Problem()


class _Listed(msgspec.Struct):
    id: str
    created: int | None = None
    owned_by: str | None = None
    max_model_len: int | None = None
    context_length: int | None = None


class _List(msgspec.Struct):
    data: list[_Listed]


class Offered(msgspec.Struct, frozen=True):
    """A model that an engine says it has. `context` in tokens, 0 if it does not say."""

    id: str
    created: int = 0
    owner: str = ""
    context: int = 0


def read_models(body: bytes) -> tuple[Offered, ...]:
    """The answer of `GET …/models`; raises `WireError`."""
    try:
        listed = msgspec.json.decode(body, type=_List)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise WireError(f"the engine's list of models cannot be read: {error}") from error
    return tuple(
        Offered(
            one.id,
            one.created or 0,
            one.owned_by or "",
            one.max_model_len or one.context_length or 0,
        )
        for one in listed.data
    )
