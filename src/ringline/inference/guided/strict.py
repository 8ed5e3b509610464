"""Which schemas OpenAI's strict mode takes (its guide to structured outputs, "Supported schemas")."""

from typing import Any

MOST_DEPTH = 10
MOST_PROPERTIES = 5000
MOST_ENUM_VALUES = 1000

FORBIDDEN = ("allOf", "not", "dependentRequired", "dependentSchemas", "if", "then", "else")


def fault_of(schema: object) -> str | None:
    """What strict mode does not take about a schema, and where; None if nothing."""
    if not isinstance(schema, dict) or schema.get("type") != "object" or "anyOf" in schema:
        if isinstance(schema, dict) and set(schema) - {"$defs", "definitions", "$schema"} == {"$ref"}:
            return _fault(schema, "#", 0, [0, 0])
        return 'the root must have type "object" and no anyOf'
    return _fault(schema, "#", 0, [0, 0])


def _fault(schema: Any, at: str, depth: int, counts: list[int]) -> str | None:
    """`counts` sums properties and enum values over the whole schema."""
    if not isinstance(schema, dict):
        return f"{at} must be an object" if not isinstance(schema, bool) else None
    if depth > MOST_DEPTH:
        return f"{at} is nested more than {MOST_DEPTH} deep"
    for keyword in FORBIDDEN:
        if keyword in schema:
            return f"{keyword} at {at} is not permitted"
    properties = schema.get("properties", {})
    counts[0] += len(properties)
    counts[1] += len(schema.get("enum", ()))
    if counts[0] > MOST_PROPERTIES or counts[1] > MOST_ENUM_VALUES:
        return f"it has more than {MOST_PROPERTIES} properties or {MOST_ENUM_VALUES} enum values"
    if schema.get("type") == "object" or properties:
        if schema.get("additionalProperties") is not False:
            return f"additionalProperties at {at} is required to be false"
        missing = [name for name in properties if name not in schema.get("required", ())]
        if missing:
            return f"required at {at} must name every property; {missing[0][:100]!r} is missing"
    return _first_fault(schema, at, depth, counts)


def _first_fault(schema: dict[str, Any], at: str, depth: int, counts: list[int]) -> str | None:
    inner: list[tuple[object, str, int]] = []
    for keyword in ("properties", "$defs", "definitions"):
        deeper = depth + 1 if keyword == "properties" else 0
        inner += [
            (one, f"{at}/{keyword}/{name[:100]}", deeper) for name, one in schema.get(keyword, {}).items()
        ]
    for keyword in ("anyOf", "oneOf", "prefixItems"):
        inner += [
            (one, f"{at}/{keyword}/{place}", depth) for place, one in enumerate(schema.get(keyword, ()))
        ]
    if "items" in schema:
        inner.append((schema["items"], f"{at}/items", depth + 1))
    faults = (_fault(one, where, deeper, counts) for one, where, deeper in inner)
    return next((fault for fault in faults if fault is not None), None)
