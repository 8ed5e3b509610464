"""Grammars as values: what text may be, character by character.

An expression is one of `Chars`, `Text`, `Sequence`, `OneOf`, `Repeat` and `Rule`; a `Grammar` is a root
expression and the rules that expressions name. `gbnf` writes one for llama.cpp.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from os.path import commonprefix

LAST = 0x10FFFF
MOST_FORKS = 50
"""Places of one text at which others leave it; beyond them texts are just listed."""

SURROGATES = (0xD800, 0xDFFF)

Range = tuple[int, int]
"""First and last code point, both included."""


@dataclass(frozen=True, slots=True)
class Chars:
    """One character out of a set: sorted ranges that neither touch nor overlap; empty matches nothing."""

    ranges: tuple[Range, ...]

    def __contains__(self, char: str) -> bool:
        return any(low <= ord(char) <= high for low, high in self.ranges)

    def inverted(self) -> "Chars":
        """Every other character; surrogates are none."""
        free, inverse = 0, []
        for low, high in union(Chars(self.ranges), Chars((SURROGATES,))).ranges:
            if low > free:
                inverse.append((free, low - 1))
            free = high + 1
        if free <= LAST:
            inverse.append((free, LAST))
        return Chars(tuple(inverse))

    def without(self, other: "Chars") -> "Chars":
        """The characters of this set that are not in the other."""
        return union(self.inverted(), other).inverted()


@dataclass(frozen=True, slots=True)
class Text:
    """Exactly these characters; none is the empty text."""

    text: str


@dataclass(frozen=True, slots=True)
class Sequence:
    """One after the other."""

    parts: tuple["Expression", ...]


@dataclass(frozen=True, slots=True)
class OneOf:
    """Any one of them; at least one is given."""

    options: tuple["Expression", ...]


@dataclass(frozen=True, slots=True)
class Repeat:
    """`least` to `most` times; None is without end."""

    item: "Expression"
    least: int = 0
    most: int | None = None


@dataclass(frozen=True, slots=True)
class Rule:
    """What the grammar's rule of this name says."""

    name: str


Expression = Chars | Text | Sequence | OneOf | Repeat | Rule

EMPTY = Text("")


@dataclass(frozen=True, slots=True)
class Grammar:
    """A whole grammar: every `Rule` in it is in `rules`."""

    root: Expression
    rules: Mapping[str, Expression] = field(default_factory=dict)


def union(*sets: Chars) -> Chars:
    """The characters of all of them."""
    merged: list[Range] = []
    for low, high in sorted(pair for one in sets for pair in one.ranges):
        if merged and low <= merged[-1][1] + 1:
            merged[-1] = (merged[-1][0], max(merged[-1][1], high))
        else:
            merged.append((low, high))
    return Chars(tuple(merged))


def chars(text: str) -> Chars:
    """The characters of a text as a set."""
    return union(*(Chars(((ord(char), ord(char)),)) for char in text))


def sequence(*parts: Expression) -> Expression:
    """One after the other, as flat as can be: nested sequences dissolve, neighbouring texts join."""
    flat: list[Expression] = []
    for part in _dissolved(parts):
        match flat, part:
            case _, Text(""):
                pass
            case [*_, Text(before)], Text(after):
                flat[-1] = Text(before + after)
            case _:
                flat.append(part)
    if len(flat) == 1:
        return flat[0]
    return Sequence(tuple(flat)) if flat else EMPTY


def one_of(*options: Expression) -> Expression:
    """Any of them: nested ones dissolve, sets of characters join, the same twice is once."""
    sets: list[Chars] = []
    rest: dict[Expression, None] = {}
    for option in options:
        for one in option.options if isinstance(option, OneOf) else (option,):
            if isinstance(one, Chars):
                sets.append(one)
            else:
                rest[one] = None
    united = (union(*sets),) if sets else ()
    kept = (*united, *rest)
    return kept[0] if len(kept) == 1 else OneOf(kept)


def one_of_texts(texts: Iterable[str], depth: int = 0) -> Expression:
    """Any of these texts; what several begin with is said once, or an engine would follow each by itself."""
    groups: dict[str, list[str]] = {}
    for text in dict.fromkeys(texts):
        groups.setdefault(text[:1], []).append(text)
    if depth >= MOST_FORKS:
        return one_of(*(Text(text) for group in groups.values() for text in group))
    options: list[Expression] = []
    for group in groups.values():
        start = commonprefix(group)  # noqa: RUF071 – characters are what is wanted here
        rest = one_of_texts([text[len(start) :] for text in group], depth + 1) if len(group) > 1 else EMPTY
        options.append(sequence(Text(start), rest))
    return one_of(*options)


def size(expression: Expression) -> int:
    """How many elements the expression has as it is written."""
    match expression:
        case Sequence(parts) | OneOf(parts):
            return 1 + sum(map(size, parts))
        case Repeat(item):
            return 1 + size(item)
        case _:
            return 1


def optional(item: Expression) -> Expression:
    """Once or not at all."""
    return Repeat(item, 0, 1)


def repeat(item: Expression, least: int = 0, most: int | None = None) -> Expression:
    """`least` to `most` times, without the repetitions that say nothing."""
    if most == 0 or item == EMPTY:
        return EMPTY
    return item if (least, most) == (1, 1) else Repeat(item, least, most)


def mapped(expression: Expression, one: Callable[[Chars | Text], Expression]) -> Expression:
    """The expression with its characters and texts replaced; rules stay."""
    match expression:
        case Chars() | Text():
            return one(expression)
        case Sequence(parts):
            return sequence(*(mapped(part, one) for part in parts))
        case OneOf(options):
            return one_of(*(mapped(option, one) for option in options))
        case Repeat(item, least, most):
            return repeat(mapped(item, one), least, most)
        case Rule():
            return expression


def _dissolved(parts: Iterable[Expression]) -> Iterable[Expression]:
    for part in parts:
        if isinstance(part, Sequence):
            yield from part.parts
        else:
            yield part


def renamed(grammar: Grammar, prefix: str) -> tuple[Expression, dict[str, Expression]]:
    """Root and rules with a prefix before every rule's name, to stand in one grammar with others."""

    def of(expression: Expression) -> Expression:
        match expression:
            case Rule(name):
                return Rule(prefix + name)
            case Sequence(parts):
                return Sequence(tuple(map(of, parts)))
            case OneOf(options):
                return OneOf(tuple(map(of, options)))
            case Repeat(item, least, most):
                return Repeat(of(item), least, most)
            case _:
                return expression

    return of(grammar.root), {prefix + name: of(rule) for name, rule in grammar.rules.items()}
