"""Grammars in llama.cpp's notation, GBNF (its `grammars/README.md`)."""

from collections.abc import Iterable

from ringline.inference.guided.grammar import (
    Chars,
    Expression,
    Grammar,
    OneOf,
    Repeat,
    Rule,
    Sequence,
    Text,
)

MOST_TIMES = 2000
"""Repetitions of one item that llama.cpp takes (`MAX_REPETITION_THRESHOLD`)."""


def serialize(grammar: Grammar) -> str:
    """The text of a grammar; its root is called `root`, rules that nothing leads to are left out.

    A repeated item that is no plain character becomes a rule of its own: llama.cpp multiplies the counts of
    nested repetitions and refuses the product.
    """
    writer = _Writer()
    lines = [f"root ::= {writer.write(grammar.root)}"]
    written: set[str] = set()
    while missing := [name for name in writer.named if name not in written]:
        written.update(missing)
        lines += [f"{_name(name)} ::= {writer.write(grammar.rules[name])}" for name in missing]
    return "\n".join([*lines, *writer.lines, ""])


class _Writer:
    def __init__(self) -> None:
        self.lines: list[str] = []
        self.named: dict[str, None] = {}
        self._made: dict[Expression, str] = {}

    def write(self, expression: Expression) -> str:
        match expression:
            case Chars(ranges):
                return "[" + "".join(_range(low, high) for low, high in ranges) + "]"
            case Text(text):
                return '"' + "".join(_escaped(char, '"\\') for char in text) + '"'
            case Sequence(parts):
                return " ".join(self._inner(part) for part in parts)
            case OneOf(options):
                return " | ".join(self.write(option) for option in options)
            case Repeat(item, least, most):
                return self._item(item) + _times(least, most)
            case Rule(name):
                self.named[name] = None
                return _name(name)

    def _inner(self, expression: Expression) -> str:
        text = self.write(expression)
        return f"({text})" if isinstance(expression, OneOf | Sequence) else text

    def _item(self, item: Expression) -> str:
        if isinstance(item, Chars | Rule):
            return self.write(item)
        if item not in self._made:
            self._made[item] = name = f"r{len(self._made)}"
            self.lines.append(f"{name} ::= {self.write(item)}")
        return self._made[item]


def _times(least: int, most: int | None) -> str:
    match least, most:
        case 0, None:
            return "*"
        case 1, None:
            return "+"
        case 0, 1:
            return "?"
        case _, None:
            return f"{{{least},}}"
        case _:
            return f"{{{least}}}" if least == most else f"{{{least},{most}}}"


def _range(low: int, high: int) -> str:
    first = _escaped(chr(low), "]\\-^[")
    return first if low == high else f"{first}-{_escaped(chr(high), ']-^[' + chr(92))}"


def _escaped(char: str, special: Iterable[str]) -> str:
    code = ord(char)
    if 0x20 <= code < 0x7F and char not in special:
        return char
    if code <= 0xFF:
        return f"\\x{code:02X}"
    return f"\\u{code:04X}" if code <= 0xFFFF else f"\\U{code:08X}"


def _name(name: str) -> str:
    # The names of our own rules have no digits at their end; `r0` and the like are this writer's.
    return f"{name}-rule"
