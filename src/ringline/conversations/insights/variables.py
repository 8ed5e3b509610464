"""Variables in instructions: `{{name}}` (spec ai-api §5.5). Pure."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime

VARIABLE = re.compile(r"\{\{\s*([^\s{}]{1,128})\s*\}\}")

STANDARD = ("telnyx_conversation_channel", "telnyx_agent_target", "telnyx_end_user_target")
"""Known for every conversation, empty where its metadata does not say; with `telnyx_current_time`."""


def of_conversation(metadata: Mapping[str, str], now: datetime) -> dict[str, str]:
    """What instructions about a conversation may name: the standard variables and its metadata."""
    current = now.astimezone(UTC).strftime("%A, %d %B %Y %H:%M:%S UTC")
    return dict.fromkeys(STANDARD, "") | dict(metadata) | {"telnyx_current_time": current}


def substitute(text: str, values: Mapping[str, str]) -> str:
    """Put the values in, once: what a value says is no variable. Unknown variables stay as they are."""
    return VARIABLE.sub(lambda found: values.get(found[1], found[0]), text)
