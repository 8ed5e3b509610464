"""Chat completions as they are answered, whole or as server-sent events (spec ai-api §2.1, §2.2)."""

from collections.abc import Iterator
from typing import Any, Literal

import msgspec
from pydantic import BaseModel, Field

from ringline.inference.chat import (
    Alternative,
    Completion,
    CompletionChoice,
    Delta,
    TokenLogprob,
    ToolCall,
    ToolFragment,
    Usage,
)

DONE = b"data: [DONE]\n\n"

_encode = msgspec.json.Encoder().encode


class FunctionView(BaseModel):
    """The function to call; `arguments` is JSON text."""

    name: str
    arguments: str


class ToolCallView(BaseModel):
    """A call that the model asks for."""

    id: str
    type: Literal["function"] = "function"
    function: FunctionView


class AnswerView(BaseModel):
    """What the model says."""

    role: Literal["assistant"] = "assistant"
    content: str | None
    tool_calls: list[ToolCallView] | None = None
    refusal: None = None
    reasoning_content: str | None = None


class TopLogprobView(BaseModel):
    """A token that could have been."""

    token: str
    logprob: float
    bytes: list[int] | None


class LogprobView(TopLogprobView):
    """A token of the answer."""

    top_logprobs: list[TopLogprobView]


class LogprobsView(BaseModel):
    """The tokens of the answer."""

    content: list[LogprobView] | None


class ChoiceView(BaseModel):
    """One answer."""

    index: int
    message: AnswerView
    logprobs: LogprobsView | None
    finish_reason: Literal["stop", "length", "tool_calls", "content_filter"]


class UsageView(BaseModel):
    """Tokens."""

    prompt_tokens: int
    completion_tokens: int
    total_tokens: int


class ChatCompletionView(BaseModel):
    """A whole completion. With `stream` the answer is `text/event-stream` instead."""

    id: str = Field(examples=["chatcmpl-9GkT1J8d0R"])
    object: Literal["chat.completion"] = "chat.completion"
    created: int
    model: str
    choices: list[ChoiceView]
    usage: UsageView


def whole(completion: Completion) -> bytes:
    """A completion as a body."""
    return _encode(
        {
            "id": completion.id,
            "object": "chat.completion",
            "created": completion.created,
            "model": completion.model,
            "choices": [_choice(choice) for choice in completion.choices],
            "usage": _usage(completion.usage),
        }
    )


def _choice(choice: CompletionChoice) -> dict[str, Any]:
    message: dict[str, Any] = {"role": "assistant", "content": choice.message.content, "refusal": None}
    if choice.message.tool_calls:
        message["tool_calls"] = [_call(call) for call in choice.message.tool_calls]
    if choice.reasoning:
        message["reasoning_content"] = choice.reasoning
    return {
        "index": choice.index,
        "message": message,
        "logprobs": _logprobs(choice.logprobs),
        "finish_reason": choice.finish,
    }


def _call(call: ToolCall) -> dict[str, Any]:
    return {
        "id": call.id,
        "type": "function",
        "function": {"name": call.name, "arguments": call.arguments},
    }


def _usage(usage: Usage) -> dict[str, int]:
    return {
        "prompt_tokens": usage.prompt_tokens,
        "completion_tokens": usage.completion_tokens,
        "total_tokens": usage.total_tokens,
    }


def _logprobs(tokens: tuple[TokenLogprob, ...]) -> dict[str, Any] | None:
    if not tokens:
        return None
    return {"content": [_alternative(one) | {"top_logprobs": _top(one)} for one in tokens]}


def _top(token: TokenLogprob) -> list[dict[str, Any]]:
    return [_alternative(one) for one in token.top]


def _alternative(one: Alternative | TokenLogprob) -> dict[str, Any]:
    return {"token": one.token, "logprob": one.logprob, "bytes": one.bytes}


class Events:
    """Writes one answer as events: for each choice the role, what it says, and the reason of its end.

    `tells_usage`: one more event before the end has the usage, and all others say that theirs is null.
    """

    def __init__(self, id: str, created: int, model: str, *, tells_usage: bool) -> None:
        head = {"id": id, "object": "chat.completion.chunk", "created": created, "model": model}
        self._head = b"data: " + _encode(head)[:-1] + b',"choices":['
        self._tail = b'],"usage":null}\n\n' if tells_usage else b"]}\n\n"
        self._tells_usage = tells_usage
        self._begun: set[int] = set()

    def write(self, piece: Delta | Usage) -> bytes:
        """The events of one piece; there may be none."""
        if isinstance(piece, Usage):
            if not self._tells_usage:
                return b""
            return self._head + b'],"usage":' + _encode(_usage(piece)) + b"}\n\n"
        return b"".join(self._events(piece))

    def _events(self, delta: Delta) -> Iterator[bytes]:
        if delta.index not in self._begun:
            self._begun.add(delta.index)
            yield self._event(delta.index, b'{"role":"assistant","content":""}')
        if delta.text or delta.tool_calls or delta.reasoning or delta.logprobs:
            yield self._event(delta.index, _encode(_said(delta)), _logprobs(delta.logprobs))
        if delta.finish is not None:
            yield self._event(delta.index, b"{}", finish=delta.finish)

    def _event(
        self, index: int, delta: bytes, logprobs: dict[str, Any] | None = None, finish: str | None = None
    ) -> bytes:
        return b"".join(
            (
                self._head,
                b'{"index":%d,"delta":' % index,
                delta,
                b',"logprobs":',
                b"null" if logprobs is None else _encode(logprobs),
                b',"finish_reason":',
                b"null" if finish is None else b'"%s"' % finish.encode(),
                b"}",
                self._tail,
            )
        )


def _said(delta: Delta) -> dict[str, Any]:
    said: dict[str, Any] = {}
    if delta.text or delta.logprobs:
        said["content"] = delta.text
    if delta.reasoning:
        said["reasoning_content"] = delta.reasoning
    if delta.tool_calls:
        said["tool_calls"] = [_fragment(fragment) for fragment in delta.tool_calls]
    return said


def _fragment(fragment: ToolFragment) -> dict[str, Any]:
    function: dict[str, str] = {"arguments": fragment.arguments}
    if fragment.name is not None:
        function["name"] = fragment.name
    said: dict[str, Any] = {"index": fragment.index, "function": function}
    if fragment.id is not None:
        said |= {"id": fragment.id, "type": "function"}
    return said


def broken_off(error: dict[str, str | None]) -> bytes:
    """The event that ends a stream that cannot go on; the openai SDK raises it."""
    return b"data: " + _encode({"error": error}) + b"\n\n"
