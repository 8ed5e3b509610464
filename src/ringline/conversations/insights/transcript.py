"""A conversation as text that a model reads. Pure."""

from collections.abc import Sequence

from ringline.store.conversations import Kept, Message

SPEAKERS = {"user": "User", "assistant": "Assistant", "tool": "Tool", "system": "System"}


def lines(messages: Sequence[Kept]) -> tuple[str, ...]:
    """One line or more for each message that says or does something: who, then what."""
    return tuple(line for kept in messages if (line := _line(kept.message)))


def _line(message: Message) -> str:
    said = [message.content.strip()] if message.content and message.content.strip() else []
    said += [f"(calls {call.name} with {call.arguments})" for call in message.tool_calls]
    if not said:
        return ""
    speaker = SPEAKERS.get(message.role, message.role)
    who = f"{speaker} ({message.name})" if message.name else speaker
    return f"{who}: {' '.join(said)}"
