"""A check is begun only where it ends: what it may take is known beforehand, and never too low."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ringline.inference.guided.check import schema_check
from ringline.inference.guided.effort import MOST_HERE, MOST_LOOKS, Effort, extent
from ringline.inference.guided.errors import BadGuide, SchemaLimit

pytestmark = pytest.mark.unit

TWICE = {"anyOf": [{"properties": {"a": {"$ref": "#"}}, "required": [name]} for name in "bc"]}
"""Each level of `a` is looked at twice as often as the one above."""


def nested(depth: int, value: Any = 1) -> Any:
    for _ in range(depth):
        value = {"a": value}
    return value


def chain(length: int) -> Any:
    """Each definition leads to the next by two ways."""
    definitions: dict[str, Any] = {f"d{length}": {"type": "integer"}}
    definitions |= {f"d{n}": {"allOf": [{"$ref": f"#/$defs/d{n + 1}"}] * 2} for n in range(length)}
    return {"$defs": definitions, "$ref": "#/$defs/d0"}


@pytest.mark.parametrize(
    ("schema", "looks"),
    [
        (True, [1, 1]),
        ({"type": "string"}, [1, 1]),
        ({"properties": {"a": {}, "b": {}}}, [1, 2, 2]),
        ({"properties": {"a": {}}, "additionalProperties": {}}, [1, 2, 2]),
        ({"properties": {"a": {}}, "patternProperties": {"^a": {}, "b$": {}}}, [1, 4, 4]),
        ({"properties": {"a": {}}, "unevaluatedProperties": False, "propertyNames": {}}, [1, 4, 4]),
        ({"items": {"items": {}}}, [1, 2, 3, 3]),
        ({"prefixItems": [{}, {}], "items": {}}, [1, 2, 2]),
        ({"prefixItems": [{}, {}], "contains": {}}, [1, 3, 3]),
        ({"items": [{}, {}], "additionalItems": {}}, [1, 2, 2]),
        ({"allOf": [{}, {"not": {}}], "if": {}, "then": {}}, [6, 6]),
        ({"dependentSchemas": {"a": {}}, "dependencies": {"b": ["c"], "d": {}}}, [4, 4]),
        ({"enum": list(range(100))}, [6, 6]),
        ({"properties": {"next": {"$ref": "#"}}}, [1, 2, 3, 4]),
        ({"properties": {"l": {"$ref": "#"}, "r": {"$ref": "#", "title": "R"}}}, [1, 2, 3, 4]),
        (TWICE, [3, 9, 21, 45]),
        ({"$defs": {"a/b": {}}, "$ref": "#/$defs/a~1b"}, [1, 1]),
        ({"$defs": {"a b": {}}, "$ref": "#/$defs/a%20b", "enum": [1]}, [2, 2]),
    ],
)  # fmt: skip
def test_what_a_schema_may_take(schema: Any, looks: list[int]) -> None:
    effort = Effort(schema)
    assert [effort.looks(depth) for depth in range(len(looks))] == looks


def test_more_than_is_ever_done_is_not_counted() -> None:
    assert Effort(TWICE).looks(10_000) == MOST_LOOKS


def test_a_large_schema_is_not_followed_for_ever() -> None:
    names = [f"p{number}" for number in range(1_000)]
    flat = Effort({"properties": {name: {"type": "string"} for name in names}})
    assert flat.looks(10_000) == 2  # there is nothing further down
    endless = Effort({"properties": {name: {"$ref": "#", "title": name} for name in names}})
    assert endless.looks(10) == 11
    assert endless.looks(10_000) == MOST_LOOKS
    assert endless.looks(10) == 11


@pytest.mark.parametrize(
    ("schema", "told"),
    [
        (chain(60), f"more than {MOST_HERE} of its parts speak of one value"),
        ({"anyOf": [{}] * MOST_HERE}, f"more than {MOST_HERE} of its parts"),
        ({"anyOf": [{"$ref": "#"}]}, f"more than {MOST_HERE} of its parts"),
        ({"$ref": "#"}, "more than 10 references lead to each other"),
        (
            {
                "$defs": {"wide": {"allOf": [{}] * 900}},
                "properties": {f"p{number}": {"allOf": [{"$ref": "#/$defs/wide"}]} for number in range(200)},
            },
            "more than 100000 steps",
        ),
        ({"properties": {"a": {"$id": "http://a/", "$ref": "#/$defs/b"}}}, r"\$id inside"),
        ({"$schema": "http://json-schema.org/draft-04/schema#", "not": {"id": "http://a/"}}, r"\$id inside"),
        ({"$ref": "#a", "$defs": {"a": {"$anchor": "a"}}}, "only references into the same schema"),
        ({"$ref": "https://json-schema.org/draft/2020-12/schema"}, "only references into the same schema"),
        ({"$dynamicRef": "#"}, r"\$dynamicRef is not followed"),
        ({"$ref": "#/$defs/b", "$defs": {"a": {}}}, r"nothing at #/\$defs/b"),
        ({"$ref": "#/allOf/7", "allOf": [{}]}, "nothing at #/allOf/7"),
    ],
)
def test_what_is_not_followed_is_refused(schema: Any, told: str) -> None:
    with pytest.raises(SchemaLimit, match=told):
        Effort(schema)


@pytest.mark.parametrize(
    ("value", "found"),
    [(1, (0, 1)), ([], (0, 1)), ([1, [2]], (2, 4)), ({"a": {"b": 0}, "c": []}, (2, 4)), (nested(9), (9, 10))],
)
def test_the_extent_of_a_value(value: Any, found: tuple[int, int]) -> None:
    assert extent(value) == found


def test_a_check_that_would_not_end_is_not_begun() -> None:
    check = schema_check(json.dumps(TWICE), "f")
    assert check(json.dumps({"b": 1, "a": {"c": 1}})) is None
    assert "is not valid under any" in (check(json.dumps(nested(3, {}))) or "")
    assert check(json.dumps(nested(10, {}))) == "it is not valid against the schema"
    assert "cannot be checked" in (check(json.dumps(nested(60, {}))) or "")
    with pytest.raises(BadGuide, match="this schema is too much: more than 1000"):
        schema_check(json.dumps(chain(60)), "f")


NAMES = st.sampled_from("ab")
VALUES = st.recursive(
    st.integers(0, 1) | st.booleans(),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(NAMES, inner, max_size=2),
    max_leaves=8,
)
REFERENCES = st.sampled_from([{"$ref": "#/$defs/x"}, {"$ref": "#/$defs/y"}])
SCHEMAS = st.recursive(
    REFERENCES | st.sampled_from([{}, True, {"type": "integer"}]),
    lambda inner: st.fixed_dictionaries(
        {},
        optional={
            "properties": st.dictionaries(NAMES, inner, max_size=2),
            "patternProperties": st.dictionaries(st.just("^a"), inner, max_size=1),
            "additionalProperties": inner,
            "items": inner,
            "prefixItems": st.lists(inner, min_size=1, max_size=2),
            "contains": inner,
            "anyOf": st.lists(inner, min_size=1, max_size=2),
            "allOf": st.lists(inner, min_size=1, max_size=2),
            "not": inner,
            "dependentSchemas": st.dictionaries(NAMES, inner, max_size=1),
        },
    ),
    max_leaves=6,
)


def looked(schema: Any, value: Any, definitions: Any) -> int:
    """The looks of a validator that leaves nothing out; what is only a reference is none."""
    if not isinstance(schema, dict):
        return 1
    if schema.keys() == {"$ref"}:
        return looked(definitions[schema["$ref"][-1]], value, definitions)
    beside = [*schema.get("anyOf", ()), *schema.get("allOf", ())]
    beside += [schema["not"]] if "not" in schema else []
    beside += schema.get("dependentSchemas", {}).values()
    total = 1 + sum(looked(one, value, definitions) for one in beside)
    if isinstance(value, dict):
        for name, inner in value.items():
            for one in members(schema, name):
                total += looked(one, inner, definitions)
    if isinstance(value, list):
        first = schema.get("prefixItems", ())
        for place, inner in enumerate(value):
            here = [first[place]] if place < len(first) else [schema["items"]] if "items" in schema else []
            for one in [*here, *([schema["contains"]] if "contains" in schema else [])]:
                total += looked(one, inner, definitions)
    return total


def members(schema: Any, name: str) -> list[Any]:
    of_name = [schema["properties"][name]] if name in schema.get("properties", {}) else []
    of_pattern = [one for _, one in schema.get("patternProperties", {}).items() if name == "a"]
    if not of_name and not of_pattern and "additionalProperties" in schema:
        return [schema["additionalProperties"]]
    return of_name + of_pattern


@given(SCHEMAS, SCHEMAS, SCHEMAS, VALUES)
@settings(max_examples=150, deadline=None)
def test_no_validator_looks_more_often(schema: Any, x: Any, y: Any, value: Any) -> None:
    definitions = {"x": {"properties": {"a": x}, "items": x}, "y": {"anyOf": [{}, {"properties": {"b": y}}]}}
    document = {"allOf": [schema], "$defs": definitions}
    depth, count = extent(value)
    assert looked(document, value, definitions) <= Effort(document).looks(depth) * count
