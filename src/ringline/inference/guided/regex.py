r"""Regular expressions as grammars: the part of RE2's syntax that a grammar can follow.

::

    pattern     = alternative *("|" alternative)
    alternative = ["^"] *(atom [quantifier]) ["$"]
    atom        = character / "." / class / escape / "(" pattern ")" / "(?:" … / "(?P<name>" … / "(?<name>" …
    quantifier  = ("*" / "+" / "?" / "{n}" / "{n,}" / "{n,m}") ["?"]        ; lazy or not: the same texts
    class       = "[" ["^"] 1*(character / range / escape) "]"
    escape      = "\" ("d" / "D" / "w" / "W" / "s" / "S" / "t" / "n" / "r" / "f" / "v" / punctuation
                        / "xHH" / "uHHHH")

The whole text matches, so `^` and `$` at the edges say nothing. Look-around, back references, word
boundaries, flags and Unicode properties are refused by name.
"""

import string
from collections.abc import Mapping

from ringline.inference.guided.errors import NotExpressible
from ringline.inference.guided.grammar import (
    EMPTY,
    SURROGATES,
    Chars,
    Expression,
    OneOf,
    Repeat,
    Sequence,
    Text,
    chars,
    one_of,
    repeat,
    sequence,
    union,
)

MOST_DEPTH = 50
"""Groups within groups."""

MOST_TIMES = 1000
"""A counted repetition; RE2's limit."""

MOST_WEIGHT = 10_000
"""What a grammar may come to, see `weight`; an engine looks at all of it for each token."""

MOST_LEFT_OUT = 12
"""Parts in a row that may all be left out."""

MOST_COUNTED = 2
"""Repetitions within repetitions of which each may end at several counts."""

MOST_EMPTY = 50
"""Parts of a repeated sequence that may all be left out: it is written out once for each."""

DIGITS = Chars(((ord("0"), ord("9")),))
WORD = chars(string.ascii_letters + string.digits + "_")
SPACE = chars("\t\n\f\r ")
ANY_SPACE = union(
    SPACE, chars("\v\u00a0\u1680\u2028\u2029\u202f\u205f\u3000\ufeff"), Chars(((0x2000, 0x200A),))
)
"""White space of ECMA-262; what is not white space for any reader is outside of this."""

LINE_ENDS = chars("\n\r\u2028\u2029")
CLASSES: dict[str, Chars] = {
    "d": DIGITS,
    "D": DIGITS.inverted(),
    "w": WORD,
    "W": WORD.inverted(),
    "s": SPACE,
    "S": ANY_SPACE.inverted(),
}
ANY = LINE_ENDS.inverted()
EXCLUDED = CLASSES | {"s": ANY_SPACE, "S": SPACE.inverted()}
"""The same where they are taken out of a class: what is white space to some reader only is never made."""

CONTROLS = {"t": "\t", "n": "\n", "r": "\r", "f": "\f", "v": "\v"}
STARTS = ("?P<", "?<")


def parse(pattern: str) -> Expression:
    """The texts that match as a whole; raises `NotExpressible` that names what cannot be said."""
    parser = _Parser(pattern)
    expression, _ = parser.alternatives(0, at_start=True)
    if not parser.done:
        raise NotExpressible("an unmatched )")
    if weight(expression) > MOST_WEIGHT:
        raise NotExpressible("so many repetitions")
    _check_ways(expression, 0)
    return expression


def weight(expression: Expression) -> int:
    """How many elements the grammar comes to once its counted repetitions are written out."""
    match expression:
        case Sequence(parts) | OneOf(parts):
            return sum(map(weight, parts))
        case Repeat(item, least, most):
            return weight(item) + max(least, most or 1)
        case Text(text):
            return len(text)
        case _:
            return 1


def _check_ways(expression: Expression, counted: int) -> None:
    # llama.cpp follows every way through the grammar at once, and looks at the whole vocabulary for each.
    match expression:
        case Sequence(parts):
            run = 0
            for part in parts:
                run = run + 1 if may_be_empty(part) else 0
                if run > MOST_LEFT_OUT:
                    raise NotExpressible("so many parts in a row that may be left out")
                _check_ways(part, counted)
        case OneOf(options):
            for option in options:
                _check_ways(option, counted)
        case Repeat(item, least, most):
            counted += most is not None and most > max(least, 1)
            if counted > MOST_COUNTED:
                raise NotExpressible("counted repetitions nested so deeply")
            _check_ways(item, counted)
        case _:
            pass


def may_be_empty(expression: Expression) -> bool:
    """Whether no text at all will do."""
    match expression:
        case Text(text):
            return not text
        case Sequence(parts):
            return all(map(may_be_empty, parts))
        case OneOf(options):
            return any(map(may_be_empty, options))
        case Repeat(item, least, _):
            return least == 0 or may_be_empty(item)
        case _:
            return False


class _Parser:
    """Recursive descent over a pattern; `_at` is the next character's place."""

    def __init__(self, pattern: str) -> None:
        self._pattern = pattern
        self._at = 0

    @property
    def done(self) -> bool:
        return self._at == len(self._pattern)

    def alternatives(self, depth: int, *, at_start: bool) -> tuple[Expression, bool]:
        """A pattern up to its `)` or end, and whether one alternative insists on the end of the text."""
        if depth > MOST_DEPTH:
            raise NotExpressible("groups nested so deeply")
        options, ends = [], False
        while True:
            option, ended = self._alternative(depth, at_start=at_start)
            options.append(option)
            ends |= ended
            if not self._skip("|"):
                return one_of(*options), ends

    def _alternative(self, depth: int, *, at_start: bool) -> tuple[Expression, bool]:
        parts: list[Expression] = []
        ended = False
        while not self.done and self._peek() not in "|)":
            if self._skip("^") or self._skip(r"\A"):
                if parts or not at_start or ended:
                    raise NotExpressible("^ inside of a pattern")
                continue
            if ended:
                raise NotExpressible("$ inside of a pattern")
            if self._skip("$") or self._skip(r"\z") or self._skip(r"\Z"):
                ended = True
                continue
            atom, ended = self._atom(depth, at_start=at_start and not parts)
            times = self._quantifier()
            if times is not None:
                if ended:
                    raise NotExpressible("$ inside of a repetition")
                atom = _repeated(atom, *times)
            parts.append(atom)
        return sequence(*parts), ended

    def _atom(self, depth: int, *, at_start: bool) -> tuple[Expression, bool]:
        match char := self._take():
            case "(":
                self._open_group()
                inner, ends = self.alternatives(depth + 1, at_start=at_start)
                if not self._skip(")"):
                    raise NotExpressible("an unmatched (")
                return inner, ends
            case "[":
                return self._class(), False
            case ".":
                return ANY, False
            case "\\":
                escaped = self._escape(CLASSES)
                return (Text(escaped) if isinstance(escaped, str) else escaped), False
            case "*" | "+" | "?" | "{" if char != "{" or self._counts(1):
                raise NotExpressible(f"{char} with nothing to repeat")
            case _:
                return Text(char), False

    def _open_group(self) -> None:
        if self._skip("?:") or not self._pattern.startswith("?", self._at):
            return
        rest = self._pattern[self._at :]
        named = next((start for start in STARTS if rest.startswith(start)), None)
        name, closed, _ = rest[len(named) :].partition(">") if named else ("", "", "")
        if not named or not closed or not name.isidentifier():
            raise NotExpressible(f"the group ({rest[:3]}")
        self._at += len(named) + len(name) + 1

    def _quantifier(self) -> tuple[int, int | None] | None:
        times = self._times()
        if times is not None:
            self._skip("?")
            if self._counts() or (not self.done and self._peek() in "*+?"):
                raise NotExpressible("a repetition of a repetition")
        return times

    def _times(self) -> tuple[int, int | None] | None:
        for sign, times in (("*", (0, None)), ("+", (1, None)), ("?", (0, 1))):
            if self._skip(sign):
                return times
        if not (counts := self._counts()):
            return None
        self._at += len(counts) + 2
        low, comma, high = counts.partition(",")
        least, most = int(low), (int(high) if high else None) if comma else int(low)
        if max(least, most or 0) > MOST_TIMES or (most is not None and most < least):
            raise NotExpressible(f"the repetition {{{counts}}}")
        return least, most

    def _counts(self, back: int = 0) -> str:
        """What stands between the braces of a counted repetition; other braces are characters."""
        start = self._at - back
        if not self._pattern.startswith("{", start):
            return ""
        inner = self._pattern[start + 1 : start + 16].partition("}")
        low, _, high = inner[0].partition(",")
        # isdecimal knows more digits than we do; so does int, and they mean the same.
        return inner[0] if inner[1] and low.isdecimal() and (not high or high.isdecimal()) else ""

    def _class(self) -> Chars:
        inverted = self._skip("^")
        sets: list[Chars] = []
        while not self._skip("]"):
            low = self._member(EXCLUDED if inverted else CLASSES)
            if isinstance(low, str) and self._is_range():
                self._at += 1
                high = self._member(CLASSES)
                if isinstance(high, Chars) or high < low:
                    raise NotExpressible("a range that ends before it begins")
                sets.append(Chars(((ord(low), ord(high)),)))
            else:
                sets.append(chars(low) if isinstance(low, str) else low)
        found = union(*sets).inverted()
        found = found if inverted else found.inverted()
        if not sets or not found.ranges:
            raise NotExpressible("a class that no character is in")
        return found

    def _is_range(self) -> bool:
        return self._pattern.startswith("-", self._at) and not self._pattern.startswith("-]", self._at)

    def _member(self, classes: Mapping[str, Chars]) -> str | Chars:
        char = self._take()
        if char == "\\":
            return self._escape(classes)
        # Some engines read these as sets within sets; written with a backslash they are characters for all.
        if char == "[" or (char in "&~" and self._pattern.startswith(char, self._at)):
            raise NotExpressible(f"{char} inside of a class without a backslash")
        return char

    def _escape(self, classes: Mapping[str, Chars]) -> str | Chars:
        match char := self._take():
            case _ if char in classes:
                return classes[char]
            case _ if char in CONTROLS:
                return CONTROLS[char]
            case "x" | "u":
                count = 2 if char == "x" else 4
                digits = self._pattern[self._at : self._at + count]
                code = (
                    int(digits, 16) if set(digits) <= set(string.hexdigits) and len(digits) == count else -1
                )
                if code < 0 or SURROGATES[0] <= code <= SURROGATES[1]:
                    raise NotExpressible(f"the escape \\{char}{digits}")
                self._at += count
                return chr(code)
            case _ if char.isalnum():
                raise NotExpressible(f"the escape \\{char}")
            case _:
                return char

    def _peek(self) -> str:
        return self._pattern[self._at]

    def _take(self) -> str:
        if self.done:
            raise NotExpressible("a pattern that ends in the middle")
        self._at += 1
        return self._pattern[self._at - 1]

    def _skip(self, text: str) -> bool:
        found = self._pattern.startswith(text, self._at)
        self._at += len(text) * found
        return found


def _repeated(item: Expression, least: int, most: int | None) -> Expression:
    # A grammar that may take nothing, again and again, recurses on its left: the nothing is taken out.
    if may_be_empty(item):
        item, least = _not_empty(item), 0
    return repeat(item, least, most)


def _not_empty(item: Expression) -> Expression:
    """The texts of an item but the empty one; `EMPTY` if it has no others."""
    match item:
        case Repeat(inner, _, most):
            return Repeat(_not_empty(inner), 1, most) if may_be_empty(inner) else repeat(inner, 1, most)
        case OneOf(options):
            filled = [one for one in map(_not_empty, options) if one != EMPTY]
            return one_of(*filled) if filled else EMPTY
        case Sequence(parts) if may_be_empty(item):
            if len(parts) > MOST_EMPTY:
                raise NotExpressible("a repetition of so much that may be left out")
            return one_of(
                *(sequence(_not_empty(part), *parts[place + 1 :]) for place, part in enumerate(parts))
            )
        case _:
            return item
