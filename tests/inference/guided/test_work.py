"""No schema costs more than is allowed for, and what a client may reasonably ask costs less.

What Python does is counted, call by call: a time would say more of the machine.
"""

import json
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType
from typing import Any

import pytest

from ringline.core.ids import Ids
from ringline.inference.cards import BY_DIALECT, Dialect, ModelCard
from ringline.inference.chat import ChatRequest, Choice, JsonSchema, Message, Regex, Role, Tool
from ringline.inference.errors import Unsupported
from ringline.inference.guided import gbnf, merge
from ringline.inference.guided.check import schema_check
from ringline.inference.guided.errors import BadGuide, NotExpressible
from ringline.inference.guided.plan import Promise, grammar_of, is_quick, plan
from ringline.inference.guided.work import MOST_WORK, Work
from ringline.inference.registry import Task

pytestmark = pytest.mark.unit

MOST = 500
CALLS_OF_ONE = 250
"""Calls that an element takes at most, whatever kind it is."""

CALLS_OF_ONE_MEMBER = 8
"""Calls that reading one member of a schema takes before anything is made of it."""

CALLS_OF_ALL = 3_000
"""Calls that any grammar takes, the rules of JSON included."""


@dataclass
class Steps:
    calls: int = 0


@contextmanager
def counted() -> Iterator[Steps]:
    """Counts the calls that are made inside, of Python's own functions too."""
    steps = Steps()

    def note(_frame: FrameType, event: str, _arg: object) -> None:
        steps.calls += event in ("call", "c_call")

    sys.setprofile(note)
    try:
        yield steps
    finally:
        sys.setprofile(None)


def guide(schema: Any) -> JsonSchema:
    return JsonSchema(json.dumps(schema))


def many(count: int, of: Callable[[int], Any]) -> dict[str, Any]:
    return {"anyOf": [of(number) for number in range(count)]}


def an_object(names: Iterable[str], **more: Any) -> dict[str, Any]:
    return {"type": "object", "properties": dict.fromkeys(names, True), **more}


def names(count: int, start: str = "p") -> list[str]:
    return [f"{start}{number}" for number in range(count)]


def doubling(levels: int) -> dict[str, Any]:
    """Each definition leads to the next by two ways, which differ."""
    definitions: dict[str, Any] = {f"d{levels}": {"type": "string"}}
    for level in range(levels):
        ways = [{"$ref": f"#/$defs/d{level + 1}", "minLength": number} for number in (0, 1)]
        definitions[f"d{level}"] = {"anyOf": ways}
    return {"$defs": definitions, "$ref": "#/$defs/d0"}


FAMILIES: dict[str, tuple[Callable[[int], Promise], int, int]] = {
    "a long regex": (lambda size: Regex("[^a]" * size), 40, 2_000),
    "long patterns": (
        lambda size: guide(many(9, lambda number: {"pattern": f"[^{number}]" * size})),
        *(4, 2_000),
    ),
    "classes of controls": (lambda size: guide({"pattern": r"[\x00-\x1f]" * size}), 20, 800),
    "bounded numbers": (
        lambda size: guide(
            many(size, lambda number: {"type": "number", "minimum": -number - 0.12345, "maximum": number})
        ),
        *(3, 1_500),
    ),
    "names to differ from": (
        lambda size: guide(
            an_object([name[::-1] * 3 for name in names(size)], additionalProperties={"type": "string"})
        ),
        *(8, 1_500),
    ),
    "many listed values": (lambda size: guide({"enum": names(size)}), 300, 30_000),
    "long listed values": (lambda size: guide({"enum": [name * 900 for name in names(size)]}), 5, 100),
    "choices": (lambda size: Choice(tuple(name * 200 for name in names(size))), 20, 1_000),
    "parts that exclude each other": (
        lambda size: guide({"oneOf": [{"enum": names(size, f"{part}-")} for part in range(8)]}),
        *(20, 3_000),
    ),
    "objects that exclude each other": (
        lambda size: guide(
            {
                "oneOf": [
                    an_object([*names(size), "kind"], required=["kind"])
                    | {"properties": {"kind": {"const": part}, **dict.fromkeys(names(size), True)}}
                    for part in range(8)
                ]
            }
        ),
        *(5, 2_000),
    ),
    "one schema merged with many": (
        lambda size: guide(
            {
                "$defs": {"wide": an_object(names(size))},
                **many(8, lambda number: {"$ref": "#/$defs/wide", "required": [f"z{number}"]}),
            }
        ),
        *(8, 5_000),
    ),
    "references that double": (lambda size: guide(doubling(size)), 5, 20),
    "many properties": (lambda size: guide(an_object(names(size))), 200, 1_500),
    "nested tuples": (
        lambda size: guide(many(size, lambda _: {"prefixItems": [{"type": "string"}] * 40})),
        *(2, 500),
    ),
}


def members(asked: Promise) -> int:
    """What has to be read before anything is made of it."""
    return len(asked.schema) // 4 if isinstance(asked, JsonSchema) else 0


@pytest.mark.parametrize(("family", "_", "size"), FAMILIES.values(), ids=FAMILIES.keys())
def test_what_is_hostile_is_refused_before_it_costs_much(
    family: Callable[[int], Promise], _: int, size: int
) -> None:
    asked = family(size)
    with counted() as steps, pytest.raises(NotExpressible, match=f"more than {MOST} elements"):
        grammar_of(asked, Work(MOST))
    assert steps.calls < CALLS_OF_ONE * MOST + CALLS_OF_ONE_MEMBER * members(asked)


@pytest.mark.parametrize(("family", "size", "_"), FAMILIES.values(), ids=FAMILIES.keys())
def test_what_is_let_through_was_paid_for(family: Callable[[int], Promise], size: int, _: int) -> None:
    asked, work = family(size), Work(MOST)
    with counted() as steps:
        gbnf.serialize(grammar_of(asked, work))
    assert steps.calls < CALLS_OF_ONE * work.done + CALLS_OF_ONE_MEMBER * members(asked) + CALLS_OF_ALL


def test_what_people_ask_for_is_far_from_the_limit() -> None:
    inner = [
        {"type": "string", "description": "A name"},
        {"type": "integer", "minimum": 0},
        {"type": "number", "minimum": -90, "maximum": 90},
        {"type": "string", "format": "date-time"},
        {"enum": ["open", "closed", None]},
        {"type": "array", "items": {"type": "object", "properties": {"id": {"type": "string"}}}},
    ]
    properties = {f"property_{number}": inner[number % len(inner)] for number in range(300)}
    work = Work()
    grammar_of(guide({"type": "object", "properties": properties, "required": list(properties)}), work)
    assert work.done < MOST_WORK / 4


def test_lists_are_merged_in_one_pass() -> None:
    one, other = ({"enum": names(2_000, start)} for start in "ab")
    with counted() as steps:
        assert merge.merged(one, other, "#") == {"enum": []}
    assert steps.calls < 50 * 4_000


# ---------------------------------------------------------------------- what is never begun


GRAMMARS = ModelCard("m", Task.CHAT, Dialect.LLAMA_CPP, BY_DIALECT[Dialect.LLAMA_CPP])
NATIVE = ModelCard("m", Task.CHAT, Dialect.VLLM, BY_DIALECT[Dialect.VLLM])


def question(asked: Promise | None = None, *tools: Tool) -> ChatRequest:
    return ChatRequest("m", (Message(Role.USER, "Hi"),), guide=asked, tools=tools)


def tool(name: str, schema: Any) -> Tool:
    return Tool(name, "", json.dumps(schema))


def chained(length: int) -> dict[str, Any]:
    """Definitions of which each leads to the next."""
    definitions: dict[str, Any] = {f"d{length}": {}}
    definitions |= {f"d{n}": {"items": {"$ref": f"#/$defs/d{n + 1}"}} for n in range(length)}
    return {"$defs": definitions, "$ref": "#/$defs/d0"}


def tuples(depth: int) -> dict[str, Any]:
    """Tuples whose last item is a tuple."""
    schema: dict[str, Any] = {"type": "string"}
    for _ in range(depth):
        schema = {"prefixItems": [{"type": "string"}] * 99 + [schema]}
    return schema


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        (chained(1_500), "nested so deeply"),
        (tuples(5), "nested so deeply"),
        ({"prefixItems": [{"type": "integer"}] * 101}, "prefixItems at #: more than 100"),
    ],
)
def test_what_is_deep_is_refused_too(asked: dict[str, Any], told: str) -> None:
    with pytest.raises(Unsupported, match=told):
        plan(question(guide(asked)), GRAMMARS, Ids.seeded(1))


def test_a_refusal_names_the_limit() -> None:
    bounded = {"type": "number", "minimum": -0.12345, "maximum": 98765.4321}
    asked = guide({"type": "object", "properties": dict.fromkeys(names(900), bounded)})
    with pytest.raises(Unsupported, match="a grammar of more than 20000 elements") as refused:
        plan(question(asked), GRAMMARS, Ids.seeded(1))
    assert refused.value.field == "response_format"


def test_tools_share_what_one_guide_may_cost() -> None:
    numbers, _, _ = FAMILIES["bounded numbers"]
    one = numbers(60)
    assert isinstance(one, JsonSchema)
    tools = [Tool(f"f{number}", "", one.schema) for number in range(9)]
    plan(question(None, *tools[:1]), GRAMMARS, Ids.seeded(1))
    with pytest.raises(Unsupported, match=r"more than 20000 elements in the parameters of f\d"):
        plan(question(None, *tools), GRAMMARS, Ids.seeded(1))


@pytest.mark.parametrize(
    ("schema", "told"),
    [
        (many(101, lambda number: {"pattern": f"a{number}"}), "more than 100 patterns"),
        ({"patternProperties": {f"a{number}": {} for number in range(101)}}, "more than 100 patterns"),
        ({"pattern": r"(\w{90}){90}"}, "regex"),
    ],
)
def test_an_engine_of_its_own_is_no_way_round(schema: Any, told: str) -> None:
    with pytest.raises(BadGuide, match=told):
        plan(question(guide(schema)), NATIVE, Ids.seeded(1))


def test_so_many_patterns_are_fine() -> None:
    check = schema_check(json.dumps(many(100, lambda number: {"pattern": f"^a{number}$"})), "tools")
    assert check('"a99"') is None
    assert check('"a100"') is not None


def test_tools_have_limits_together() -> None:
    patterns = many(60, lambda number: {"pattern": f"a{number}"})
    plan(question(None, tool("a", patterns)), NATIVE, Ids.seeded(1))
    with pytest.raises(BadGuide, match="more than 100 patterns together"):
        plan(question(None, tool("a", patterns), tool("b", patterns)), NATIVE, Ids.seeded(1))
    wide = {"description": "x" * 150_000}
    with pytest.raises(BadGuide, match="more than 200000 characters together"):
        plan(question(None, tool("a", wide), tool("b", wide)), NATIVE, Ids.seeded(1))


@pytest.mark.parametrize(
    ("asked", "quick"),
    [
        (question(), True),
        (question(guide({"type": "object"}), tool("f", {"type": "object"})), True),
        (question(guide({"description": "x" * 1000})), False),
        (question(Regex("a" * 1001)), False),
        (question(Choice(("a" * 500, "b" * 501))), False),
        (question(None, tool("f", {"description": "x" * 500}), tool("g", {"description": "x" * 500})), False),
    ],
)
def test_what_takes_long_is_known_beforehand(asked: ChatRequest, quick: bool) -> None:
    assert is_quick(asked) is quick
