"""Responses as they are answered: one object, or the events that build it up, in OpenAI's order. Pure.

Each item of the output (thoughts, a message, a call) is added, filled and done before the next begins::

    response.created, response.in_progress
      response.output_item.added
        response.content_part.added, response.output_text.delta …, response.output_text.done,
        response.content_part.done                                          (a message, thoughts likewise)
        response.function_call_arguments.delta, response.function_call_arguments.done           (a call)
      response.output_item.done
    response.completed, or response.incomplete, or response.failed
"""

from collections.abc import Iterator, Mapping
from typing import Any, Literal

import msgspec
from pydantic import BaseModel, Field

from ringline.api.models.responses import ResponseBody
from ringline.core.ids import Ids
from ringline.inference.chat import Delta, Finish, ToolFragment, Usage

INCOMPLETE = {Finish.LENGTH: "max_output_tokens", Finish.CONTENT_FILTER: "content_filter"}


class ResponseView(BaseModel):
    """A response. With `stream` the answer is `text/event-stream` instead."""

    id: str = Field(examples=["resp_9GkT1J8d0R"])
    object: Literal["response"] = "response"
    created_at: int
    status: Literal["completed", "incomplete", "failed", "in_progress"]
    model: str
    output: list[dict[str, Any]]
    error: dict[str, Any] | None
    incomplete_details: dict[str, Any] | None
    usage: dict[str, Any] | None


class Writer:
    """Takes what `Inference.stream` gives; writes the events, and knows the response so far."""

    def __init__(self, body: ResponseBody, model: str, ids: Ids, created: int) -> None:
        self._ids = ids
        self._sequence = 0
        self._items: list[dict[str, Any]] = []
        self._open: dict[str, Any] | None = None
        self._calls: dict[int, dict[str, Any]] = {}
        self._finish = Finish.STOP
        self._usage = Usage()
        self._fixed = {
            "id": f"resp_{ids.token(24)}",
            "object": "response",
            "created_at": created,
            "model": model,
            **_echo(body),
        }

    def begin(self) -> bytes:
        """The first two events."""
        response = self.response("in_progress")
        return self._event("response.created", response=response) + self._event(
            "response.in_progress", response=response
        )

    def feed(self, piece: Delta | Usage) -> bytes:
        """The events of one piece; often none."""
        if isinstance(piece, Usage):
            self._usage = piece
            return b""
        self._finish = piece.finish or self._finish
        return b"".join(self._told(piece))

    def end(self) -> bytes:
        """The last events."""
        closing = b"".join(self._close())
        kind = "response.incomplete" if self._finish in INCOMPLETE else "response.completed"
        return closing + self._event(kind, response=self.response())

    def fail(self, error: Mapping[str, str | None]) -> bytes:
        """The end of a response that broke off."""
        response = self.response("failed")
        response["error"] = {"code": "server_error", "message": error["message"]}
        return self._event("response.failed", response=response)

    def response(self, status: str | None = None) -> dict[str, Any]:
        """The response as it stands; without a status, as it ended."""
        reason = None if status else INCOMPLETE.get(self._finish)
        is_over = status is None
        return self._fixed | {
            "status": status or ("incomplete" if reason else "completed"),
            "output": [dict(item) for item in self._items],
            "error": None,
            "incomplete_details": {"reason": reason} if reason else None,
            "usage": _usage(self._usage) if is_over else None,
        }

    def _told(self, delta: Delta) -> Iterator[bytes]:
        if delta.reasoning:
            yield from self._say("reasoning", "reasoning_text", delta.reasoning)
        if delta.text:
            yield from self._say("message", "output_text", delta.text)
        for fragment in delta.tool_calls:
            yield from self._call(fragment)

    def _say(self, kind: str, part: str, text: str) -> Iterator[bytes]:
        if self._open is None or self._open["type"] != kind:
            yield from self._close()
            yield from self._add(_thoughts() if kind == "reasoning" else _message())
            yield self._in_part("response.content_part.added", part=_part(part, ""))
            self._last["content"] = [_part(part, "")]
        self._last["content"][0]["text"] += text
        more: dict[str, Any] = {"logprobs": []} if part == "output_text" else {}
        yield self._in_part(f"response.{part}.delta", delta=text, **more)

    def _call(self, fragment: ToolFragment) -> Iterator[bytes]:
        if fragment.index not in self._calls:
            yield from self._close()
            call = {
                "type": "function_call",
                "call_id": fragment.id,
                "name": fragment.name,
                "arguments": "",
            }
            yield from self._add(call)
            self._calls[fragment.index] = self._last
        if fragment.arguments:
            self._last["arguments"] += fragment.arguments
            yield self._in_item("response.function_call_arguments.delta", delta=fragment.arguments)

    def _add(self, item: dict[str, Any]) -> Iterator[bytes]:
        prefix = {"message": "msg", "reasoning": "rs", "function_call": "fc"}[item["type"]]
        self._open = {"id": f"{prefix}_{self._ids.token(24)}", "status": "in_progress", **item}
        self._items.append(self._open)
        yield self._event(
            "response.output_item.added", output_index=len(self._items) - 1, item=dict(self._open)
        )

    def _close(self) -> Iterator[bytes]:
        item, self._open = self._open, None
        if item is None:
            return
        item["status"] = "incomplete" if self._finish in INCOMPLETE else "completed"
        if item["type"] == "function_call":
            yield self._in_item(
                "response.function_call_arguments.done", arguments=item["arguments"], name=item["name"]
            )
        else:
            (part,) = item["content"]
            more: dict[str, Any] = {"logprobs": []} if part["type"] == "output_text" else {}
            yield self._in_part(f"response.{part['type']}.done", text=part["text"], **more)
            yield self._in_part("response.content_part.done", part=part)
        yield self._event("response.output_item.done", output_index=len(self._items) - 1, item=dict(item))

    @property
    def _last(self) -> dict[str, Any]:
        return self._items[-1]

    def _in_part(self, kind: str, **members: object) -> bytes:
        return self._in_item(kind, content_index=0, **members)

    def _in_item(self, kind: str, **members: object) -> bytes:
        return self._event(kind, item_id=self._last["id"], output_index=len(self._items) - 1, **members)

    def _event(self, kind: str, **members: object) -> bytes:
        event = {"type": kind, "sequence_number": self._sequence, **members}
        self._sequence += 1
        return b"event: " + kind.encode() + b"\ndata: " + msgspec.json.encode(event) + b"\n\n"


def _message() -> dict[str, Any]:
    return {"type": "message", "role": "assistant", "content": []}


def _thoughts() -> dict[str, Any]:
    return {"type": "reasoning", "summary": [], "content": []}


def _part(kind: str, text: str) -> dict[str, Any]:
    more: dict[str, Any] = {"annotations": [], "logprobs": []} if kind == "output_text" else {}
    return {"type": kind, "text": text, **more}


def _usage(usage: Usage) -> dict[str, Any]:
    return {
        "input_tokens": usage.prompt_tokens,
        "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
        "output_tokens": usage.completion_tokens,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": usage.total_tokens,
    }


def _echo(body: ResponseBody) -> dict[str, Any]:
    """What a response repeats of its request."""
    asked = body.model_dump(mode="json", by_alias=True, exclude_none=True)
    return {
        "background": False,
        "instructions": body.instructions,
        "max_output_tokens": body.max_output_tokens,
        "metadata": body.metadata,
        "parallel_tool_calls": body.parallel_tool_calls,
        "previous_response_id": None,
        "reasoning": {"effort": body.reasoning.effort, "summary": None},
        "service_tier": "default",
        "store": False,
        "temperature": body.temperature,
        "text": {"format": asked["text"].get("format", {"type": "text"})},
        "tool_choice": asked["tool_choice"],
        "tools": [{"strict": True, **tool} for tool in asked["tools"]],
        "top_p": body.top_p,
        "truncation": body.truncation,
        "user": body.user,
    }
