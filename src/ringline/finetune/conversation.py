"""Training conversations: a line of JSON each, `{"messages": [{"role", "content"}, …]}` (spec ai-api §8)."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import msgspec

from ringline.finetune.errors import TrainingFileError

SHOWN = 40
"""Characters of a wrong value that a message repeats."""


class Role(StrEnum):
    """Who speaks."""

    SYSTEM = "system"
    USER = "user"
    ASSISTANT = "assistant"
    TOOL = "tool"


ROLES = {role.value: role for role in Role} | {"developer": Role.SYSTEM}


@dataclass(frozen=True, slots=True)
class Turn:
    """What one says. `learn`: the model is to say it so; only of an assistant's turn."""

    role: Role
    content: str
    learn: bool = False


@dataclass(frozen=True, slots=True)
class Conversation:
    """Turns, and the line of the file that they come from, for whoever has to repair it."""

    turns: tuple[Turn, ...]
    file: str
    line: int


def parse(data: bytes, file: str, line: int) -> Conversation:
    """Read one line; raises `TrainingFileError`."""
    try:
        value = msgspec.json.decode(data)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise TrainingFileError(file, line, f"not JSON: {error}") from error
    try:
        return Conversation(_turns(value), file, line)
    except ValueError as error:
        raise TrainingFileError(file, line, str(error)) from error


def serialize(conversation: Conversation) -> bytes:
    """A line as trainers get it: OpenAI's chat format, with the file and line it came from beside it."""
    messages = [_message(turn) for turn in conversation.turns]
    line = {"messages": messages, "file": conversation.file, "line": conversation.line}
    return msgspec.json.encode(line) + b"\n"


def restore(data: bytes) -> Conversation:
    """The inverse of `serialize`."""
    value = msgspec.json.decode(data)
    return Conversation(_turns(value), value["file"], value["line"])


def _message(turn: Turn) -> dict[str, Any]:
    message: dict[str, Any] = {"role": turn.role, "content": turn.content}
    if turn.role is Role.ASSISTANT and not turn.learn:
        message["weight"] = 0
    return message


def _turns(value: Any) -> tuple[Turn, ...]:
    if not isinstance(value, dict) or not isinstance(value.get("messages"), list):
        raise ValueError('the line must be an object with a list "messages"')
    if not value["messages"]:
        raise ValueError("messages is empty")
    turns = tuple(_turn(message, number) for number, message in enumerate(value["messages"], 1))
    if not any(turn.role is Role.ASSISTANT for turn in turns):
        raise ValueError("no message has the role assistant: there is nothing to learn")
    if not any(turn.learn for turn in turns):
        raise ValueError("every assistant message has weight 0: there is nothing to learn")
    return turns


def _turn(message: Any, number: int) -> Turn:
    if not isinstance(message, dict):
        raise ValueError(f"message {number} is no object")
    named = message.get("role")
    if named is None:
        raise ValueError(f"message {number} has no role")
    role = ROLES.get(named) if isinstance(named, str) else None
    if role is None:
        raise ValueError(f"message {number} has the unknown role {_short(named)}; use {', '.join(Role)}")
    weight = message.get("weight", 1)
    if weight not in (0, 1):
        raise ValueError(f"message {number} has the weight {_short(weight)}; use 0 or 1")
    content = _text(message.get("content"), number)
    if not content.strip():
        calls = " (tool calls are not trained on)" if message.get("tool_calls") else ""
        raise ValueError(f"message {number} is empty{calls}")
    return Turn(role, content, learn=role is Role.ASSISTANT and weight == 1)


def _text(content: Any, number: int) -> str:
    if content is None or isinstance(content, str):
        return content or ""
    if not isinstance(content, list):
        raise ValueError(f"message {number} has a content that is neither text nor a list of parts")
    texts = []
    for part in content:
        if not isinstance(part, dict) or part.get("type") != "text" or not isinstance(part.get("text"), str):
            raise ValueError(f"message {number} has a part that is not text")
        texts.append(part["text"])
    return "".join(texts)


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= SHOWN else text[: SHOWN - 1] + "…"
