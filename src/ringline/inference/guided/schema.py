"""JSON Schema (2020-12) as grammars: what is understood, and what is refused by its keyword's name.

Understood: `type`, `enum`, `const`, `properties`, `required`, `additionalProperties`, `items`, `prefixItems`,
`minItems`, `maxItems`, `minLength`, `maxLength`, `pattern`, `format`, the four bounds of numbers, `anyOf`,
`oneOf` of parts that exclude each other, `allOf` of parts that do not contradict, `$ref` within the schema.

A grammar takes nothing that its schema does not; it leaves out what a model had better not write: properties
that are not declared (unless `additionalProperties` asks for them), other orders of properties, exponents,
numbers of more than 15 digits, text around a pattern that is not anchored, indentation.
"""

from decimal import Decimal
from functools import lru_cache
from itertools import combinations
from typing import Any

from ringline.inference.guided import formats, numbers, regex, values
from ringline.inference.guided.errors import NotExpressible
from ringline.inference.guided.gbnf import MOST_TIMES
from ringline.inference.guided.grammar import (
    EMPTY,
    Expression,
    Grammar,
    Rule,
    Text,
    one_of,
    one_of_texts,
    optional,
    repeat,
    sequence,
    size,
)
from ringline.inference.guided.merge import (
    KINDS,
    Schema,
    are_disjoint,
    asserted,
    kind_of,
    kinds_of,
    merged,
)
from ringline.inference.guided.numbers import Bounds
from ringline.inference.guided.work import PATTERN, Work, listed

MOST_DEPTH = 60
"""Schemas within schemas; references do not count."""

MOST_PARTS = 2000
"""Schemas in a schema, those met again by merging included."""

MOST_PARTS_EXCLUDING = 40
"""Parts of a `oneOf`; each is compared with each."""

MOST_ITEMS = 100
"""Items of a tuple: each is nested in the one before."""

CHEAP = 10
"""Members that are merged or compared in the time that one element takes to be written."""

REFUSED: dict[str, object] = {
    "not": None,
    "if": None,
    "dependentRequired": {},
    "dependentSchemas": {},
    "dependencies": {},
    "patternProperties": {},
    "propertyNames": True,
    "minProperties": 0,
    "maxProperties": None,
    "unevaluatedProperties": True,
    "unevaluatedItems": True,
    "contains": True,
    "uniqueItems": False,
    "multipleOf": None,
    "$dynamicRef": None,
    "$recursiveRef": None,
}
"""Keywords without a grammar, each with the value that asks for nothing, if it has one."""

BY_TYPE = {
    "object": ("properties", "required", "additionalProperties"),
    "array": ("items", "prefixItems", "minItems", "maxItems"),
    "string": ("pattern", "format", "minLength", "maxLength"),
    "number": ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"),
}
"""The keywords that say something about values of a type; they also tell the type where none is given."""


def grammar_of(schema: object, work: Work) -> Grammar:
    """The values that are valid against a schema; raises `NotExpressible` that names keyword and place."""
    compiler = _Compiler(schema, work)
    root = compiler.expression(schema, "#", ())
    return Grammar(root, values.RULES | compiler.rules)


class _Compiler:
    def __init__(self, document: object, work: Work) -> None:
        self.rules: dict[str, Expression] = {}
        self._work = work
        self._document = document
        self._names: dict[str, str] = {}
        self._parts = 0

    def expression(self, schema: object, at: str, trail: tuple[str, ...]) -> Expression:
        """`at` is the schema's place, `trail` the references that led here without a character between."""
        self._count_part(schema)
        if at.count("/") > MOST_DEPTH:
            raise NotExpressible(f"schemas nested more than {MOST_DEPTH} deep")
        if not isinstance(schema, dict):
            if schema is False:
                raise NotExpressible(f"false at {at}: no value is valid")
            return values.VALUE
        for keyword, harmless in REFUSED.items():
            if keyword in schema and (harmless is None or schema[keyword] != harmless):
                raise NotExpressible(f"{keyword} at {at}")
        if not asserted(schema):
            return values.VALUE
        if "$ref" in schema:
            return self._reference(schema, at, trail)
        for keyword in ("allOf", "anyOf", "oneOf"):
            if keyword in schema:
                return self._combined(keyword, schema, at, trail)
        if "const" in schema or "enum" in schema:
            return self._listed(schema, at)
        return one_of(*(self._typed(kind, schema, at) for kind in _kinds(schema)))

    def _count_part(self, schema: object) -> None:
        self._parts += 1
        if self._parts > MOST_PARTS:
            raise NotExpressible(f"more than {MOST_PARTS} parts")
        self._work.add(1 + _members_of(schema) // CHEAP)

    def _reference(self, schema: Schema, at: str, trail: tuple[str, ...]) -> Expression:
        target = schema["$ref"]
        if target in trail:
            raise NotExpressible(f"$ref at {at}: it leads back to itself")
        found = self._resolved(target, at)
        trail = (*trail, target)
        if set(asserted(schema)) != {"$ref"}:
            return self.expression(self._flat(schema, at), at, trail)
        if target not in self._names:
            self._names[target] = name = f"definition-{len(self._names)}"
            self.rules[name] = self.expression(found, target, trail)
        return Rule(self._names[target])

    def _combined(self, keyword: str, schema: Schema, at: str, trail: tuple[str, ...]) -> Expression:
        rest = asserted({key: value for key, value in schema.items() if key != keyword})
        parts = schema[keyword]
        if keyword == "allOf":
            for part in parts:
                rest = self._merged(rest, self._flat(part, at), at)
            return self.expression(rest, at, trail)
        if keyword == "oneOf":
            flats = [self._flat(part, f"{at}/oneOf/{place}") for place, part in enumerate(parts)]
            self._work.add(len(flats) * sum(map(_members_of, flats)) // CHEAP)
            if len(flats) > MOST_PARTS_EXCLUDING or not all(
                are_disjoint(one, other, lambda inner: self._flat(inner, at))
                for one, other in combinations(flats, 2)
            ):
                raise NotExpressible(
                    f"oneOf at {at}: its parts do not plainly exclude each other (anyOf would do)"
                )
        if rest:
            parts = [self._merged(self._flat(part, at), rest, at) for part in parts]
        return one_of(
            *(self.expression(part, f"{at}/{keyword}/{place}", trail) for place, part in enumerate(parts))
        )

    def _flat(self, schema: object, at: str) -> Schema:
        """A schema with its references and `allOf` taken in."""
        self._count_part(schema)
        if not isinstance(schema, dict):
            if schema is False:
                raise NotExpressible(f"false at {at}: no value is valid")
            return {}
        flat = asserted({key: value for key, value in schema.items() if key not in ("$ref", "allOf")})
        inner = [self._resolved(schema["$ref"], at)] if "$ref" in schema else []
        for part in (*inner, *schema.get("allOf", ())):
            flat = self._merged(flat, self._flat(part, at), at)
        return flat

    def _merged(self, one: Schema, other: Schema, at: str) -> Schema:
        self._work.add((_members_of(one) + _members_of(other)) // CHEAP)
        return merged(one, other, at)

    def _resolved(self, target: object, at: str) -> object:
        if not isinstance(target, str) or not (target == "#" or target.startswith("#/")):
            raise NotExpressible(f"$ref at {at}: only references into the same schema (#/…) are followed")
        found: Any = self._document
        for step in target.split("/")[1:]:
            name = step.replace("~1", "/").replace("~0", "~")
            if isinstance(found, list) and name.isdecimal() and int(name) < len(found):
                found = found[int(name)]
            elif isinstance(found, dict) and name in found:
                found = found[name]
            else:
                raise NotExpressible(f"$ref at {at}: there is nothing at {target}")
        return found

    def _typed(self, kind: str, schema: Schema, at: str) -> Expression:
        match kind:
            case "object":
                return self._object(schema, at)
            case "array":
                return self._array(schema, at)
            case "string":
                return self._string(schema, at)
            case "number" | "integer":
                return self._number(kind, schema, at)
            case "boolean":
                return one_of(Text("true"), Text("false"))
            case _:
                return Text("null")

    def _number(self, kind: str, schema: Schema, at: str) -> Expression:
        bounds = _bounds(schema, at)
        if bounds == Bounds():
            return Rule(kind)
        expression = numbers.integers(bounds) if kind == "integer" else numbers.numbers(bounds)
        self._work.add(size(expression))
        return expression

    def _array(self, schema: Schema, at: str) -> Expression:
        if len(schema.get("prefixItems", ())) > MOST_ITEMS:
            raise NotExpressible(f"prefixItems at {at}: more than {MOST_ITEMS}")
        self._work.add(len(schema.get("prefixItems", ())) ** 2 // CHEAP)
        first = [
            self.expression(item, f"{at}/prefixItems/{place}", ())
            for place, item in enumerate(schema.get("prefixItems", ()))
        ]
        if not first and "items" not in schema:
            rest: Expression | None = values.VALUE
        elif schema.get("items", False) is False:
            # What may follow a tuple without a word about it had better not.
            rest = None
        else:
            rest = self.expression(schema["items"], f"{at}/items", ())
        least, most = _counts(schema, "minItems", "maxItems", at)
        if rest is None and least > len(first) and "items" not in schema:
            rest = values.VALUE
        return values.array(first, rest, least, most)

    def _object(self, schema: Schema, at: str) -> Expression:
        declared: Schema = schema.get("properties", {})
        self._work.add(len(declared))  # beside what their values take
        required = dict.fromkeys(schema.get("required", ()))
        others = schema.get("additionalProperties", not declared)
        undeclared = [name for name in required if name not in declared]
        if undeclared and others is False and "additionalProperties" in schema:
            raise NotExpressible(
                f"required at {at}: {undeclared[0][:100]!r} is no property that there may be"
            )
        members = [
            (self._member(name, inner, f"{at}/properties/{_step(name)}"), name in required)
            for name, inner in declared.items()
            if inner is not False or name in required
        ]
        another = True if others is False else others
        members += [(self._member(name, another, f"{at}/additionalProperties"), True) for name in undeclared]
        more: Expression | None = None
        if others is not False:
            value = self.expression(others, f"{at}/additionalProperties", ())
            more = sequence(values.names_but([*declared, *required], self._work), values.COLON, value)
        return sequence(Text("{"), self._members(members, more), Text("}"))

    def _member(self, name: str, schema: object, at: str) -> Expression:
        value = self.expression(schema, at, ())
        # It stands in several places: written out, those of nested objects would double and double.
        value = value if isinstance(value, Text | Rule) else self._rule("value", value)
        return sequence(values.literal(name), values.COLON, value)

    def _members(self, members: list[tuple[Expression, bool]], more: Expression | None) -> Expression:
        """Members in their order, those not required left out at will, then any number of `more`."""
        tail: Expression = EMPTY if more is None else repeat(sequence(values.COMMA, more))
        beginnings: list[Expression] = [] if more is None else [sequence(more, tail)]
        may_be_none = True
        for member, is_required in reversed(members):
            if is_required:
                beginnings, may_be_none = [], False
            beginnings.insert(0, sequence(member, tail))
            after = sequence(values.COMMA, member)
            tail = self._rule("rest", sequence(after if is_required else optional(after), tail))
        if not beginnings:
            return EMPTY
        found = one_of(*beginnings)
        return optional(found) if may_be_none else found

    def _listed(self, schema: Schema, at: str) -> Expression:
        """The listed values that have the type; other demands beside a list are refused."""
        extra = set(asserted(schema)) - {"const", "enum", "type"}
        if extra:
            raise NotExpressible(f"{min(extra)} at {at} beside enum or const")
        named = schema.get("enum", [schema.get("const")])
        if "const" in schema:
            named = [value for value in [schema["const"]] if "enum" not in schema or value in schema["enum"]]
        kinds = kinds_of(schema)
        fitting = [
            value
            for value in named
            if kind_of(value) in kinds or (kind_of(value) == "integer" and "number" in kinds)
        ]
        if not fitting:
            raise NotExpressible(f"enum or const at {at}: no listed value is valid")
        texts = [values.literal(value).text for value in fitting]
        self._work.add(listed(texts))
        return one_of_texts(texts)

    def _string(self, schema: Schema, at: str) -> Expression:
        least, most = _counts(schema, "minLength", "maxLength", at)
        pattern, shape = schema.get("pattern"), schema.get("format")
        if shape in formats.OTHERS:
            raise NotExpressible(f"format at {at}: {shape}")
        shaped = formats.REGEXES.get(str(shape))
        if (pattern is not None) + (shaped is not None) + bool(least or most is not None) > 1:
            raise NotExpressible(f"two of pattern, format, minLength and maxLength at {at}")
        if shaped is not None:
            return self._shaped(str(shape), shaped)
        if pattern is not None:
            self._work.add(PATTERN * len(pattern))
            try:
                return values.quoted(regex.parse(pattern))
            except NotExpressible as refusal:
                raise NotExpressible(f"pattern at {at} with {refusal.what}") from refusal
        return sequence(values.QUOTE, repeat(values.CHARACTER, least, most), values.QUOTE)

    def _shaped(self, shape: str, pattern: str) -> Rule:
        """A format's rule, written once however many strings have it."""
        name = f"format-{shape}"
        if name not in self.rules:
            self.rules[name] = _format(pattern)
            self._work.add(size(self.rules[name]))
        return Rule(name)

    def _rule(self, kind: str, expression: Expression) -> Rule:
        name = f"{kind}-{len(self.rules)}"
        self.rules[name] = expression
        return Rule(name)


def _kinds(schema: Schema) -> list[str]:
    if "type" in schema:
        named = kinds_of(schema)
        return [kind for kind in named if kind in KINDS and not (kind == "integer" and "number" in named)]
    told = [kind for kind, keywords in BY_TYPE.items() if any(keyword in schema for keyword in keywords)]
    return told or [kind for kind in KINDS if kind != "integer"]


@lru_cache
def _format(pattern: str) -> Expression:
    return values.quoted(regex.parse(pattern))


def _members_of(schema: object) -> int:
    """How much of a schema is looked at when it is merged or compared."""
    if not isinstance(schema, dict):
        return 1
    return sum(len(value) for value in schema.values() if isinstance(value, dict | list)) + len(schema)


def _counts(schema: Schema, low: str, high: str, at: str) -> tuple[int, int | None]:
    least, most = int(schema.get(low, 0)), schema.get(high)
    if most is not None and int(most) < least:
        raise NotExpressible(f"{low} at {at}: it is more than {high}")
    if least > MOST_TIMES:
        raise NotExpressible(f"{low} at {at}: more than {MOST_TIMES}")
    # An engine counts no further; a text that is shorter than it may be is still valid.
    return least, None if most is None else min(int(most), MOST_TIMES)


def _bounds(schema: Schema, at: str) -> Bounds:
    given = {keyword: schema[keyword] for keyword in BY_TYPE["number"] if schema.get(keyword) is not None}
    if any(isinstance(value, bool) for value in given.values()):
        raise NotExpressible(f"exclusiveMinimum or exclusiveMaximum at {at} as true or false (draft 4)")
    limit = {keyword: Decimal(str(value)) for keyword, value in given.items()}
    low, open_low = limit.get("minimum"), False
    beyond = limit.get("exclusiveMinimum")
    if beyond is not None and (low is None or beyond >= low):
        low, open_low = beyond, True
    high, open_high = limit.get("maximum"), False
    beyond = limit.get("exclusiveMaximum")
    if beyond is not None and (high is None or beyond <= high):
        high, open_high = beyond, True
    return Bounds(low, high, open_low, open_high)


def _step(name: str) -> str:
    return name[:100].replace("~", "~0").replace("/", "~1")
