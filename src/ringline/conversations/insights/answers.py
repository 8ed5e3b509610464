"""What a model answered: checked against the schema, and what of it can be grouped by. Pure."""

from collections.abc import Iterator
from typing import Any

import msgspec

from ringline.core.errors import RinglineError
from ringline.inference.guided.check import schema_check
from ringline.store.insights import Insight

MOST_FIELDS = 64
LONGEST_NAME = 128
DEEPEST = 4
LONGEST_VALUE = 256
"""Characters of a text that results are grouped by: longer ones say something, they do not classify."""


class BadAnswer(RinglineError):
    """The model's answer is not what the insight asks for; the message says why."""


def schema_text(insight: Insight) -> str | None:
    """The schema as JSON text, None for an insight whose result is text."""
    schema = insight.json_schema
    if schema is None or isinstance(schema, str):
        return schema
    return msgspec.json.encode(schema).decode()


def checked(said: str, schema: str | None) -> str:
    """The result, JSON written compactly.

    Raises `BadAnswer` for an empty answer or one that does not fit, `BadGuide` for a schema that is none.
    """
    if not said:
        raise BadAnswer("the model said nothing")
    if schema is None:
        return said
    if wrong := schema_check(schema, "json_schema")(said):
        raise BadAnswer(f"the answer does not fit the schema: {wrong}")
    try:
        msgspec.json.decode(said)
    except (msgspec.DecodeError, RecursionError) as error:  # half a surrogate pair, which cannot be stored
        raise BadAnswer(f"the answer cannot be stored: {error}") from error
    return msgspec.json.format(said, indent=-1)


def groupable(result: str) -> dict[str, str]:
    """The scalars of a JSON result by name, members of members joined by dots; their values as JSON."""
    found: dict[str, str] = {}
    for name, value in _scalars("", msgspec.json.decode(result), DEEPEST):
        short = not isinstance(value, str) or len(value) <= LONGEST_VALUE
        if short and len(name) <= LONGEST_NAME and len(found) < MOST_FIELDS:
            found[name] = msgspec.json.encode(value).decode()
    return found


def _scalars(name: str, value: Any, depth: int) -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict):
        for key, member in value.items() if depth else ():
            yield from _scalars(f"{name}.{key}" if name else key, member, depth - 1)
    elif name and not isinstance(value, list):
        yield name, value
