"""How much a validator may have to do for an answer: some schemas double it with each level of the answer.

A validator looks at a value once for each schema that speaks of it, and as often as it is led there. Schemas
that stand side by side (`allOf`, `anyOf`, a reference, …) speak of the same value; those of members and items
speak of a value within it. `Effort` follows both and counts, so that a check that would not end in this
life is never begun.
"""

from collections import Counter
from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from typing import Any, Literal
from urllib.parse import unquote

from ringline.inference.guided.errors import SchemaLimit

MOST_HERE = 1_000
"""Looks at one value that one schema may lead to."""

MOST_STEPS = 100_000
"""Steps that are taken to follow a schema at all."""

MOST_STEPS_DOWN = 300_000
"""Steps that are taken to follow it into the depth of answers, as many again for each level."""

MOST_LOOKS = 4_000_000
"""Looks at an answer, each some 50 ns; what comes to so many, or is not followed so deep, is not checked."""

LISTED = 20
"""Values of an `enum` that are compared in the time of one look."""

BESIDE = ("allOf", "anyOf", "oneOf", "not", "if", "then", "else")
DEPENDENT = ("dependentSchemas", "dependencies")
OF_MEMBERS = ("unevaluatedProperties", "propertyNames")
OF_ITEMS = ("unevaluatedItems", "contains")
ELSEWHERE = ("$dynamicRef", "$recursiveRef")
LEADING = frozenset(
    {"$ref", "$id", "id", "enum", "properties", "patternProperties", "additionalProperties", "items"}
    | {"prefixItems", "additionalItems", *BESIDE, *DEPENDENT, *OF_MEMBERS, *OF_ITEMS, *ELSEWHERE}
)
"""Keywords that lead to more looks, or elsewhere."""

MOST_REFERENCES = 10
"""References that lead to nothing but another one; they are not counted as looks."""

Name = str | int


@dataclass(frozen=True, slots=True)
class _Way:
    """From a value into it: to a member by its name or an item by its place, or to any but some."""

    kind: Literal["member", "item"]
    name: Name | None
    schema: Any
    but: Collection[Name] = ()


@dataclass(frozen=True, slots=True)
class _Spot:
    """A schema at which looking at a value begins: the looks at that value, and what begins within it.

    `ways`: for each way in, how often looking begins there, by the schema's id.
    """

    looks: int
    ways: tuple[Counter[int], ...]


class Effort:
    """Of one schema; raises `SchemaLimit` for one that cannot be followed, or leads to too much."""

    def __init__(self, document: Any) -> None:
        self._document = document  # kept, for its parts are known by their ids
        self._ids = ("$id", "id") if "draft-04" in str(_member(document, "$schema")) else ("$id",)
        self._steps = 0
        spots: dict[int, _Spot] = {}
        self._root = self._meant(document)
        waiting = [self._root]
        while waiting:
            schema = waiting.pop()
            if id(schema) not in spots:
                ways, looks = self._followed(schema)
                spots[id(schema)] = _Spot(looks, self._joined(ways))
                waiting += [way.schema for way in ways]
        self._spots = spots
        self._deepest = {key: spot.looks for key, spot in spots.items()}
        self._at_depth = [self._deepest[id(self._root)]]
        self._is_settled = False

    def looks(self, depth: int) -> int:
        """The most looks on one way through a value that is nested `depth` deep, up to `MOST_LOOKS`."""
        while len(self._at_depth) <= depth and not self._is_settled:
            if len(self._at_depth) * self._steps > MOST_STEPS_DOWN:
                return MOST_LOOKS
            before = self._deepest
            self._deepest = {key: min(MOST_LOOKS, _from(spot, before)) for key, spot in self._spots.items()}
            self._is_settled = self._deepest == before
            self._at_depth.append(self._deepest[id(self._root)])
        return self._at_depth[min(depth, len(self._at_depth) - 1)]

    def _followed(self, schema: Any) -> tuple[list[_Way], int]:
        """The ways into a value that the schema and those beside it speak of, and the looks at the value."""
        looks = 0
        ways: list[_Way] = []
        beside = [schema]
        while beside:
            one = beside.pop()
            looks += 1 + len(_list(one, "enum")) // LISTED
            if looks > MOST_HERE:
                raise SchemaLimit(f"more than {MOST_HERE} of its parts speak of one value")
            self._step(1)
            if isinstance(one, dict):
                beside += self._beside(one)
                for way in _inside(one):
                    self._step(1)
                    ways.append(replace(way, schema=self._meant(way.schema)))
        return ways, looks

    def _meant(self, schema: Any) -> Any:
        """The schema that one stands for which is only a reference."""
        for _ in range(MOST_REFERENCES):
            if not isinstance(schema, dict) or LEADING & schema.keys() != {"$ref"}:
                return schema
            schema = self._resolved(schema["$ref"])
        raise SchemaLimit(f"more than {MOST_REFERENCES} references lead to each other")

    def _joined(self, ways: list[_Way]) -> tuple[Counter[int], ...]:
        """What speaks of any member speaks of each that is named too, and so do items."""
        named: dict[tuple[str, Name | None], Counter[int]] = {}
        for way in ways:
            named.setdefault((way.kind, way.name), Counter())[id(way.schema)] += 1
        for way in ways:
            if way.name is None:
                self._step(len(named))
                for (kind, name), begun in named.items():
                    if kind == way.kind and name is not None and name not in way.but:
                        begun[id(way.schema)] += 1
        return tuple(named.values())

    def _beside(self, schema: dict[str, Any]) -> Iterator[Any]:
        if schema is not self._document and any(isinstance(schema.get(key), str) for key in self._ids):
            raise SchemaLimit("an $id inside of a schema is not followed")
        for keyword in ELSEWHERE:
            if keyword in schema:
                raise SchemaLimit(f"{keyword} is not followed")
        if "$ref" in schema:
            yield self._meant(self._resolved(schema["$ref"]))
        for keyword in BESIDE:
            if keyword in schema:
                part = schema[keyword]
                yield from map(self._meant, part if isinstance(part, list) else (part,))
        for keyword in DEPENDENT:
            yield from map(self._meant, _dict(schema, keyword).values())

    def _resolved(self, target: Any) -> Any:
        if not isinstance(target, str) or not (target == "#" or target.startswith("#/")):
            raise SchemaLimit("only references into the same schema (#/…) are followed")
        found = self._document
        for step in unquote(target).split("/")[1:]:  # RFC 6901 §6
            name = step.replace("~1", "/").replace("~0", "~")
            if isinstance(found, list) and name.isdecimal() and len(name) < 9 and int(name) < len(found):
                found = found[int(name)]
            elif isinstance(found, dict) and name in found:
                found = found[name]
            else:
                raise SchemaLimit(f"there is nothing at {target[:200]}")
        return found

    def _step(self, count: int) -> None:
        self._steps += count
        if self._steps > MOST_STEPS:
            raise SchemaLimit(f"it takes more than {MOST_STEPS} steps to follow")


def extent(value: Any) -> tuple[int, int]:
    """How deep a JSON value is nested, and how many values it has, itself included."""
    depth = -1
    count = 0
    level = [value]
    while level:
        depth += 1
        count += len(level)
        level = [inner for one in level for inner in _values(one)]
    return depth, count


def _values(value: Any) -> Collection[Any]:
    match value:
        case dict():
            return value.values()
        case list():
            return value
        case _:
            return ()


def _from(spot: _Spot, deeper: dict[int, int]) -> int:
    """The looks from a spot on, if it is `deeper` so many from each within."""
    return spot.looks + max(
        (sum(times * deeper[key] for key, times in way.items()) for way in spot.ways), default=0
    )


def _inside(schema: dict[str, Any]) -> Iterator[_Way]:
    declared = _dict(schema, "properties")
    for name, inner in declared.items():
        yield _Way("member", name, inner)
    for inner in _dict(schema, "patternProperties").values():
        yield _Way("member", None, inner)
    if "additionalProperties" in schema:
        yield _Way("member", None, schema["additionalProperties"], declared.keys())
    items = schema.get("items", True)
    first = [*_list(schema, "prefixItems"), *(items if isinstance(items, list) else ())]
    for place, inner in enumerate(first):
        yield _Way("item", place, inner)
    for inner in (items, schema.get("additionalItems", True)):
        if isinstance(inner, dict):
            yield _Way("item", None, inner, range(len(first)))
    yield from (_Way("member", None, schema[keyword]) for keyword in OF_MEMBERS if keyword in schema)
    yield from (_Way("item", None, schema[keyword]) for keyword in OF_ITEMS if keyword in schema)


def _member(schema: Any, keyword: str) -> Any:
    return schema.get(keyword) if isinstance(schema, dict) else None


def _dict(schema: Any, keyword: str) -> dict[str, Any]:
    found = _member(schema, keyword)
    return found if isinstance(found, dict) else {}


def _list(schema: Any, keyword: str) -> list[Any]:
    found = _member(schema, keyword)
    return found if isinstance(found, list) else []
