"""Two schemas that both hold as one schema, and whether two schemas exclude each other."""

import json
from collections.abc import Callable
from typing import Any

from ringline.inference.guided.errors import NotExpressible

Schema = dict[str, Any]

KINDS = ("object", "array", "string", "number", "integer", "boolean", "null")
"""JSON Schema's types; each integer is a number too."""

ASSERTIONS = frozenset(
    {
        "type",
        "enum",
        "const",
        "properties",
        "required",
        "additionalProperties",
        "items",
        "prefixItems",
        "minItems",
        "maxItems",
        "pattern",
        "format",
        "minLength",
        "maxLength",
        "minimum",
        "maximum",
        "exclusiveMinimum",
        "exclusiveMaximum",
        "allOf",
        "anyOf",
        "oneOf",
        "$ref",
        "not",
        "if",
        "then",
        "else",
        "dependentRequired",
        "dependentSchemas",
        "dependencies",
        "patternProperties",
        "propertyNames",
        "minProperties",
        "maxProperties",
        "unevaluatedProperties",
        "unevaluatedItems",
        "contains",
        "minContains",
        "maxContains",
        "uniqueItems",
        "multipleOf",
        "$dynamicRef",
        "$recursiveRef",
    }
)
"""Keywords that can make a value invalid; everything else describes."""

TIGHTER: dict[str, Callable[[Any, Any], Any]] = {
    "minLength": max,
    "minItems": max,
    "minimum": max,
    "exclusiveMinimum": max,
    "maxLength": min,
    "maxItems": min,
    "maximum": min,
    "exclusiveMaximum": min,
    "required": lambda one, other: list(dict.fromkeys([*one, *other])),
}


def asserted(schema: Schema) -> Schema:
    """What a schema demands, without what it only describes."""
    return {keyword: value for keyword, value in schema.items() if keyword in ASSERTIONS}


def merged(one: Schema, other: Schema, at: str) -> Schema:
    """A schema that is valid where both are; raises `NotExpressible` where that takes more than a merge."""
    _check_closed(one, other, at)
    _check_closed(other, one, at)
    both = asserted(one)
    for keyword, value in asserted(other).items():
        if keyword not in both or both[keyword] == value:
            both[keyword] = value
        elif keyword in TIGHTER:
            both[keyword] = TIGHTER[keyword](both[keyword], value)
        elif keyword == "type":
            both[keyword] = _common(kinds_of(one), kinds_of(other), at)
        elif keyword == "enum":
            allowed = set(map(_key, value))
            both[keyword] = [member for member in both[keyword] if _key(member) in allowed]
        elif keyword == "properties":
            both[keyword] = _properties(both[keyword], value)
        else:
            raise NotExpressible(f"{keyword} at {at}, said twice and differently")
    return both


def kinds_of(schema: Schema) -> tuple[str, ...]:
    """The types that a schema names; all of them where it names none."""
    named = schema.get("type", KINDS)
    return (named,) if isinstance(named, str) else tuple(named)


def are_disjoint(one: Schema, other: Schema, flat: Callable[[object], Schema], depth: int = 3) -> bool:
    """Whether it is plain that no value is valid against both.

    By their types, their listed values, or a property that both require and that cannot be the same in both.
    `flat` follows a schema's references.
    """
    if not set(_widened(one)) & set(_widened(other)):
        return True
    mine, others = _listed(one), _listed(other)
    if mine is not None and others is not None:
        return not mine & others
    if depth == 0 or "object" not in kinds_of(one) or "object" not in kinds_of(other):
        return False
    shared = set(one.get("required", ())) & set(other.get("required", ()))
    mine_of, others_of = one.get("properties", {}), other.get("properties", {})
    only_objects = kinds_of(one) == ("object",) or kinds_of(other) == ("object",)
    return only_objects and any(
        are_disjoint(flat(mine_of[name]), flat(others_of[name]), flat, depth - 1)
        for name in shared & set(mine_of) & set(others_of)
    )


def kind_of(value: object) -> str:
    """The type of a value; whole numbers are integers."""
    match value:
        case None:
            return "null"
        case bool():
            return "boolean"
        case int():
            return "integer"
        case float():
            return "integer" if value.is_integer() else "number"
        case str():
            return "string"
        case list():
            return "array"
        case _:
            return "object"


def _check_closed(closed: Schema, other: Schema, at: str) -> None:
    # `additionalProperties` is about the properties beside it: merged with others it would let those pass.
    if closed.get("additionalProperties", True) is not True and not set(other.get("properties", ())) <= set(
        closed.get("properties", ())
    ):
        raise NotExpressible(f"additionalProperties at {at}, which forbids another part's properties")


def _common(mine: tuple[str, ...], others: tuple[str, ...], at: str) -> list[str]:
    common = [kind for kind in mine if kind in others or (kind == "integer" and "number" in others)]
    common += [kind for kind in others if kind == "integer" and "number" in mine and kind not in common]
    if not common:
        raise NotExpressible(f"type at {at}: no type is left")
    return common


def _properties(mine: Schema, others: Schema) -> Schema:
    both = dict(mine)
    for name, schema in others.items():
        both[name] = {"allOf": [both[name], schema]} if both.get(name, schema) != schema else schema
    return both


def _widened(schema: Schema) -> tuple[str, ...]:
    kinds = kinds_of(schema)
    return (*kinds, "integer") if "number" in kinds else kinds


def _listed(schema: Schema) -> set[str] | None:
    if "const" in schema:
        return {_key(schema["const"])}
    return set(map(_key, schema["enum"])) if "enum" in schema else None


def _key(value: object) -> str:
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return json.dumps(value, sort_keys=True)
