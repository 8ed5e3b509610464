"""Which schemas OpenAI's strict mode takes (its guide to structured outputs, "Supported schemas")."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from ringline.inference.guided.errors import BadGuide

MOST_DEPTH = 10
MOST_PROPERTIES = 5000
MOST_ENUM_VALUES = 1000
MOST_SCHEMAS = 20_000
"""Schemas in a schema; no limit of OpenAI's, but more are no use beside so many properties."""

MOST_PATH = 500
"""Characters of a place as errors name it."""

FORBIDDEN = ("allOf", "not", "dependentRequired", "dependentSchemas", "if", "then", "else")


@dataclass(frozen=True, slots=True)
class _Place:
    """A schema within the schema, and how deep its values are nested."""

    schema: Any
    at: str
    depth: int


def require_strict(schema: object, field: str) -> None:
    """Raises `BadGuide` at `field` unless strict mode takes the schema."""
    if fault := fault_of(schema):
        raise BadGuide(field, f"strict mode does not take this schema: {fault}.")


def fault_of(schema: object) -> str | None:
    """What strict mode does not take about what should be a JSON Schema, and where; None if nothing.

    Takes time linear in the schema, and no stack: it may be nested as deeply as it likes.
    """
    if not _is_object(schema):
        return 'the root must have type "object" and no anyOf'
    schemas = properties = values = 0
    places = [_Place(schema, "#", 0)]
    while places:
        place = places.pop()
        schemas += 1
        if schemas > MOST_SCHEMAS:
            return f"it has more than {MOST_SCHEMAS} schemas"
        if not isinstance(place.schema, dict):
            continue  # true and false
        properties += len(_members(place.schema, "properties"))
        values += len(_list(place.schema, "enum"))
        if properties > MOST_PROPERTIES or values > MOST_ENUM_VALUES:
            return f"it has more than {MOST_PROPERTIES} properties or {MOST_ENUM_VALUES} enum values"
        if fault := _fault(place):
            return fault
        places += reversed(list(_inner(place)))
    return None


def _is_object(root: object) -> bool:
    if not isinstance(root, dict):
        return False
    is_reference = set(root) - {"$defs", "definitions", "$schema"} == {"$ref"}
    return is_reference or (root.get("type") == "object" and "anyOf" not in root)


def _fault(place: _Place) -> str | None:
    """What is wrong with a schema itself, whatever is in it."""
    schema, at = place.schema, place.at
    if place.depth > MOST_DEPTH:
        return f"{at} is nested more than {MOST_DEPTH} deep"
    for keyword in FORBIDDEN:
        if keyword in schema:
            return f"{keyword} at {at} is not permitted"
    properties = _members(schema, "properties")
    if schema.get("type") == "object" or properties:
        if schema.get("additionalProperties") is not False:
            return f"additionalProperties at {at} is required to be false"
        required = {name for name in _list(schema, "required") if isinstance(name, str)}
        missing = next((name for name in properties if name not in required), None)
        if missing is not None:
            return f"required at {at} must name every property; {missing[:100]!r} is missing"
    return None


def _inner(place: _Place) -> Iterator[_Place]:
    schema, at, depth = place.schema, place.at, place.depth
    at = at[:MOST_PATH]
    for keyword, inside in (("properties", depth + 1), ("$defs", 0), ("definitions", 0)):
        for name, one in _members(schema, keyword).items():
            yield _Place(one, f"{at}/{keyword}/{name[:100]}", inside)
    for keyword in ("anyOf", "oneOf", "prefixItems"):
        for number, one in enumerate(_list(schema, keyword)):
            yield _Place(one, f"{at}/{keyword}/{number}", depth)
    if "items" in schema:
        yield _Place(schema["items"], f"{at}/items", depth + 1)


def _members(schema: dict[str, Any], keyword: str) -> dict[str, Any]:
    """A keyword's members; none where it is no object, which is for whoever checks schemas to say."""
    found = schema.get(keyword)
    return found if isinstance(found, dict) else {}


def _list(schema: dict[str, Any], keyword: str) -> list[Any]:
    found = schema.get(keyword)
    return found if isinstance(found, list) else []
