"""JSON values as grammars (RFC 8259): compact, with a blank at most after each comma and colon."""

import json
from collections.abc import Iterable
from functools import lru_cache

from ringline.inference.guided import numbers
from ringline.inference.guided.errors import NotExpressible
from ringline.inference.guided.grammar import (
    EMPTY,
    SURROGATES,
    Chars,
    Expression,
    Repeat,
    Rule,
    Text,
    chars,
    mapped,
    one_of,
    optional,
    repeat,
    sequence,
    union,
)
from ringline.inference.guided.numbers import Bounds
from ringline.inference.guided.work import Work

QUOTE = Text('"')
NAMED_ESCAPES = {'"': '\\"', "\\": "\\\\", "\b": "\\b", "\f": "\\f", "\n": "\\n", "\r": "\\r", "\t": "\\t"}
CONTROLS = Chars(((0, 0x1F), (0x7F, 0x9F)))
PLAIN = union(CONTROLS, chars('"\\'), Chars((SURROGATES,))).inverted()
"""Characters that stand for themselves in a string; the controls of Latin 1 could, but serve nobody."""

MOST_NAME = 200
"""Characters of a name that others have to differ from, one rule after the other."""

BRANCH = 5
"""Elements that one place of a name comes to at which others differ from it."""

COMMA = sequence(Text(","), optional(Text(" ")))
COLON = sequence(Text(":"), optional(Text(" ")))

VALUE = Rule("value")
OBJECT = Rule("object")
CHARACTER = Rule("character")
STRING = Rule("string")

RULES: dict[str, Expression] = {
    "character": one_of(PLAIN, sequence(Text("\\"), chars('"\\/bfnrt'))),
    "string": sequence(QUOTE, Repeat(CHARACTER), QUOTE),
    "number": numbers.numbers(Bounds()),
    "integer": numbers.integers(Bounds()),
    "value": one_of(OBJECT, Rule("array"), STRING, Rule("number"), Text("true"), Text("false"), Text("null")),
    "object": sequence(
        Text("{"),
        optional(sequence(STRING, COLON, VALUE, Repeat(sequence(COMMA, STRING, COLON, VALUE)))),
        Text("}"),
    ),
    "array": sequence(Text("["), optional(sequence(VALUE, Repeat(sequence(COMMA, VALUE)))), Text("]")),
}
"""What the rules above say; any grammar that names one of them needs all."""


def literal(value: object) -> Text:
    """Exactly this value; raises `NotExpressible` for half a surrogate pair, which no text can hold."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    if any(SURROGATES[0] <= ord(char) <= SURROGATES[1] for char in text):
        raise NotExpressible("a string with half a surrogate pair")
    return Text(text)


def quoted(expression: Expression) -> Expression:
    """The JSON strings whose characters the expression takes."""
    return sequence(QUOTE, mapped(expression, _in_string), QUOTE)


def array(first: Iterable[Expression], rest: Expression | None, least: int, most: int | None) -> Expression:
    """Arrays of `least` to `most` items: `first` one by one, then `rest` again and again; None: no more."""
    head = list(first)[:most]
    most = len(head) if rest is None else most
    if most is not None and most < least:
        raise NotExpressible("an array that has to be longer than it may be")
    required = min(least, len(head))
    tail: Expression = EMPTY
    if rest is not None:
        more = repeat(
            sequence(COMMA, rest), max(0, least - len(head)), None if most is None else most - len(head)
        )
        tail = more if head else _first_of(rest, least, most)
    for place in range(len(head) - 1, -1, -1):
        item = sequence(COMMA, head[place]) if place else head[place]
        tail = sequence(item, tail)
        tail = tail if place < required else optional(tail)
    return sequence(Text("["), tail, Text("]"))


def _first_of(item: Expression, least: int, most: int | None) -> Expression:
    if most == 0:
        return EMPTY
    some = sequence(
        item, repeat(sequence(COMMA, item), max(0, least - 1), None if most is None else most - 1)
    )
    return some if least else optional(some)


def names_but(taken: Iterable[str], work: Work) -> Expression:
    """Strings that are none of these names; raises `NotExpressible` for very long ones."""
    names = sorted(set(taken))
    # At most a set of characters, and an end, for each character of each name.
    work.add(BRANCH * sum(map(len, names)))
    if names and max(map(len, names)) > MOST_NAME:
        raise NotExpressible(f"additionalProperties beside a name of more than {MOST_NAME} characters")
    return sequence(QUOTE, _differing(names), QUOTE) if names else STRING


def _differing(names: list[str]) -> Expression:
    """The rest of a string that must not be any of these rests."""
    firsts = {name[0] for name in names if name}
    usable = PLAIN.without(chars("".join(firsts))) if firsts else PLAIN
    options: list[Expression] = [sequence(usable, Repeat(CHARACTER))]
    for first in sorted(firsts):
        if first in PLAIN:
            options.append(
                sequence(Text(first), _differing([name[1:] for name in names if name[:1] == first]))
            )
    some = one_of(*options)
    return some if "" in names else optional(some)


@lru_cache(maxsize=1024)
def _in_string(one: Chars | Text) -> Expression:
    if isinstance(one, Text):
        return Text("".join(map(_escaped, one.text)))
    plain = one.without(CONTROLS).without(chars('"\\'))
    named = [Text(escape) for char, escape in NAMED_ESCAPES.items() if char in one]
    controls = [
        Text(_escaped(chr(code)))
        for low, high in CONTROLS.ranges
        for code in range(low, high + 1)
        if chr(code) in one and chr(code) not in NAMED_ESCAPES
    ]
    # A class that has controls among others is spared them; one that has nothing else is not.
    options = [*([plain] if plain.ranges else []), *named]
    return one_of(*(options or controls))


@lru_cache(maxsize=1024)
def _escaped(char: str) -> str:
    if char in NAMED_ESCAPES:
        return NAMED_ESCAPES[char]
    return f"\\u{ord(char):04x}" if char in CONTROLS else char
