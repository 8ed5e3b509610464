from typing import Any

import pytest

from ringline.inference.guided import gbnf, schema
from ringline.inference.guided.errors import NotExpressible
from ringline.inference.guided.strict import fault_of
from ringline.inference.guided.work import Work
from tests.inference.guided.language import accepts

pytestmark = pytest.mark.unit

LIST: Any = {
    "$defs": {
        "node": {
            "type": "object",
            "properties": {
                "value": {"type": "integer"},
                "next": {"anyOf": [{"$ref": "#/$defs/node"}, {"type": "null"}]},
            },
            "required": ["value", "next"],
            "additionalProperties": False,
        }
    },
    "$ref": "#/$defs/node",
}
OPTIONAL: Any = {
    "type": "object",
    "properties": {name: {"type": "integer"} for name in "abc"},
    "required": ["b"],
}
EITHER: Any = {
    "oneOf": [
        {"type": "object", "properties": {"kind": {"const": kind}}, "required": ["kind"]}
        for kind in ("cat", "dog")
    ],
    "discriminator": {"propertyName": "kind"},
}


@pytest.mark.parametrize(
    ("asked", "valid", "invalid"),
    [
        (
            OPTIONAL,
            ['{"b":1}', '{"a":1, "b":2}', '{"b": 1,"c":2}', '{"a":1,"b":2,"c":3}'],
            ['{"a":1}', '{"b":1,}', "{}"],
        ),
        (LIST, ['{"value":1,"next":{"value":2,"next":null}}'], ['{"value":1}', '{"value":1,"next":{}}']),
        (EITHER, ['{"kind":"cat"}', '{"kind":"dog"}'], ['{"kind":"cow"}', "{}"]),
        (
            {"type": "array", "items": {"type": "null"}, "maxItems": 2},
            ["[]", "[null]", "[null, null]"],
            ["[null,null,null]"],
        ),
        ({"type": "array", "items": False}, ["[]"], ["[1]"]),
        ({"type": "array", "minItems": 1}, ["[1]", '["a", {}]'], ["[]"]),
        (
            {"prefixItems": [{"type": "null"}], "items": {"const": 1}},
            ["[]", "[null]", "[null,1,1]"],
            ["[1]", "[null,2]"],
        ),
        ({"type": ["string", "null"], "maxLength": 2}, ['"ab"', "null", '"\\n\\""'], ['"abc"', "1"]),
        ({"type": "string", "pattern": '^"\\\\$'}, ['"\\"\\\\"'], ['""']),
        ({"enum": ["a", 1, None]}, ['"a"', "1", "null"], ["2", "a"]),
        ({"type": "integer", "enum": [1, 2.0, "x"]}, ["1", "2.0"], ['"x"']),
        (
            {"properties": {"a": True}, "additionalProperties": {"const": 0}},
            ["{}", '{"a":{}}', '{"b":0}', '{"a":1,"aa":0}'],
            ['{"b":1}', '{"a":1,"a":0}'],
        ),
        ({"required": ["x"], "type": "object"}, ['{"x":[1]}', '{"x":1,"y":2}'], ["{}", '{"y":1}']),
        ({"allOf": [{"minimum": 3}, {"type": "integer", "maximum": 5}]}, ["3", "5"], ["2", "6"]),
        (
            {"$ref": "#/$defs/n", "maximum": 2, "$defs": {"n": {"type": "integer", "minimum": 1}}},
            ["1", "2"],
            ["0", "3"],
        ),
        (
            {"type": "object", "anyOf": [{"properties": {"a": {"const": 1}}, "required": ["a"]}]},
            ['{"a":1}'],
            ["{}"],
        ),
        (True, ["1", "null", '{"a":[true,"x"]}'], ["tru", ""]),
        ({"type": "object"}, ["{}", '{"a":{"b":[]}}'], ["[]"]),
        ({"title": "T", "description": "d", "type": "boolean", "x-mine": 1}, ["true", "false"], ["null"]),
    ],
)
def test_what_is_understood(asked: Any, valid: list[str], invalid: list[str]) -> None:
    grammar = schema.grammar_of(asked, Work())
    assert [text for text in valid if not accepts(grammar, text)] == []
    assert [text for text in invalid if accepts(grammar, text)] == []


@pytest.mark.parametrize(
    ("asked", "named"),
    [
        ({"not": {}}, "not at #"),
        ({"type": "object", "properties": {"a": {"uniqueItems": True}}}, "uniqueItems at #/properties/a"),
        ({"patternProperties": {"a": {}}}, "patternProperties at #"),
        ({"if": {}}, "if at #"),
        ({"type": "integer", "multipleOf": 3}, "multipleOf at #"),
        ({"type": "object", "minProperties": 1}, "minProperties at #"),
        ({"$ref": "#"}, "leads back to itself"),
        ({"anyOf": [{"$ref": "#"}, {"type": "null"}]}, "leads back to itself"),
        ({"$ref": "https://example.com/x"}, "same schema"),
        ({"$ref": "#/$defs/none"}, "nothing at #/$defs/none"),
        ({"oneOf": [{"type": "integer"}, {"type": "number"}]}, "do not plainly exclude"),
        ({"type": "string", "pattern": "a", "maxLength": 3}, "two of pattern"),
        ({"type": "string", "pattern": "(?=a)"}, "pattern at # with the group"),
        ({"type": "string", "format": "idn-email"}, "idn-email"),
        ({"type": "integer", "minimum": 5, "maximum": 4}, "no number is within"),
        ({"type": "string", "minLength": 5, "maxLength": 4}, "more than maxLength"),
        ({"enum": ["a"], "type": "integer"}, "no listed value"),
        ({"enum": ["a"], "pattern": "a"}, "beside enum"),
        ({"allOf": [{"type": "string"}, {"type": "integer"}]}, "no type is left"),
        (
            {"allOf": [{"properties": {"a": {}}, "additionalProperties": False}, {"properties": {"b": {}}}]},
            "another part's properties",
        ),
        ({"required": ["x"], "additionalProperties": False}, "no property"),
        (False, "no value is valid"),
    ],
)
def test_what_is_refused_is_named_with_its_place(asked: Any, named: str) -> None:
    with pytest.raises(NotExpressible) as refusal:
        schema.grammar_of(asked, Work())
    assert named in refusal.value.what


def test_keywords_that_ask_for_nothing_are_no_reason_to_refuse() -> None:
    asked = {"type": "array", "items": {"type": "null"}, "uniqueItems": False}
    assert accepts(schema.grammar_of(asked, Work()), "[null,null]")


def test_a_grammar_grows_with_its_schema_not_faster() -> None:
    """Optional objects within optional objects: written out, each would double the next."""

    def nested(depth: int) -> Any:
        inner: Any = {"type": "object", "properties": {}}
        for _ in range(depth):
            inner = {"type": "object", "properties": dict.fromkeys("ab", inner)}
            inner = {"$defs": {"x": inner}, **inner}
        return inner

    wide = {"type": "object", "properties": {f"p{n}": {"type": "string"} for n in range(300)}}
    assert len(gbnf.serialize(schema.grammar_of(wide, Work()))) < 60_000
    small, large = (len(gbnf.serialize(schema.grammar_of(nested(depth), Work()))) for depth in (3, 6))
    assert large < small * 16


@pytest.mark.parametrize("depth", [100, 2000])
def test_deep_schemas_are_refused_not_followed(depth: int) -> None:
    asked: Any = {"type": "integer"}
    for _ in range(depth):
        asked = {"type": "array", "items": asked}
    with pytest.raises(NotExpressible, match="nested more than"):
        schema.grammar_of(asked, Work())


def test_a_reference_that_merges_itself_for_ever_is_refused() -> None:
    inner = {"$ref": "#/$defs/n", "description": "d", "required": ["a"]}
    asked = {"$defs": {"n": {"type": "object", "properties": {"a": inner}}}, "$ref": "#/$defs/n"}
    with pytest.raises(NotExpressible, match="nested more than"):
        schema.grammar_of(asked, Work())


def nested(depth: int) -> Any:
    schema: Any = {}
    for _ in range(depth):
        schema = {"items": schema}
    return schema


STRICT: Any = {
    "type": "object",
    "properties": {"a": {"type": "string"}, "b": {"type": ["integer", "null"]}},
    "required": ["a", "b"],
    "additionalProperties": False,
}


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({}, None),
        ({"additionalProperties": True}, "additionalProperties"),
        ({"required": ["a"]}, "'b' is missing"),
        ({"type": "array"}, "root must"),
        ({"allOf": []}, "allOf"),
        (
            {"properties": {"a": {"type": "object"}}, "required": ["a"]},
            "additionalProperties at #/properties/a",
        ),
        ({"properties": {"a": {"items": {"not": {}}}}, "required": ["a"]}, "not at #/properties/a/items"),
        ({"properties": {"a": {"enum": list(range(1001))}}, "required": ["a"]}, "1000 enum values"),
        ({"properties": {"a": nested(11)}, "required": ["a"]}, "nested more than 10 deep"),
        ({"$defs": {"a": {"$defs": {"b": {"if": {}}}}}}, "if at #/$defs/a/$defs/b"),
        ({"properties": {"a": {"anyOf": [{}, {"then": {}}]}}, "required": ["a"]}, "then at #/properties/a/"),
        ({"required": ["a", "b", ["c"]], "enum": 5, "$defs": [1]}, None),
    ],
)
def test_strict_mode(change: Any, named: str | None) -> None:
    fault = fault_of(STRICT | change)
    assert fault is None if named is None else named in (fault or "")


def test_strict_mode_needs_no_stack() -> None:
    deep: Any = {"not": {}}
    for _ in range(10_000):
        deep = {"anyOf": [deep]}
    fault = fault_of(STRICT | {"$defs": {"a": deep}}) or ""
    assert fault.startswith("not at #/$defs/a/anyOf/0/anyOf/0/")
    assert len(fault) < 1000


def test_strict_mode_does_not_look_at_everything() -> None:
    wide = STRICT | {"$defs": {"a": {"anyOf": [{}] * 20_000}}}
    assert "more than 20000 schemas" in (fault_of(wide) or "")
