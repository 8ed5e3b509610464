"""What a grammar takes and makes, worked out on its values: the oracle of these tests."""

import random

from ringline.inference.guided.grammar import (
    SURROGATES,
    Chars,
    Expression,
    Grammar,
    OneOf,
    Repeat,
    Rule,
    Sequence,
    Text,
)


def accepts(grammar: Grammar, text: str) -> bool:
    """Whether the whole text is in the grammar."""
    known: dict[tuple[str, int], set[int]] = {}

    def ends(expression: Expression, at: int) -> set[int]:
        match expression:
            case Chars():
                return {at + 1} if at < len(text) and text[at] in expression else set()
            case Text(exact):
                return {at + len(exact)} if text.startswith(exact, at) else set()
            case Sequence(parts):
                places = {at}
                for part in parts:
                    places = {end for place in places for end in ends(part, place)}
                return places
            case OneOf(options):
                return {end for option in options for end in ends(option, at)}
            case Repeat(item, least, most):
                return times(item, least, most, at)
            case Rule(name):
                if (name, at) not in known:
                    known[name, at] = set()
                    known[name, at] = ends(grammar.rules[name], at)
                return known[name, at]

    def times(item: Expression, least: int, most: int | None, at: int) -> set[int]:
        places, found = {at}, set()
        for done in range(len(text) + least + 1):
            if done >= least:
                if places <= found:
                    break
                found |= places
            if not places or done == most:
                break
            places = {end for place in places for end in ends(item, place)}
        return found

    return len(text) in ends(grammar.root, 0)


def made(grammar: Grammar, rng: random.Random, room: int = 12) -> str:
    """A text of the grammar; `room` bounds how far it goes on where it may stop."""

    def draw(expression: Expression, depth: int) -> str:
        match expression:
            case Chars(ranges):
                low, high = rng.choice(ranges)
                code = rng.randint(low, min(high, low + 300))
                return chr(low if SURROGATES[0] <= code <= SURROGATES[1] else code)
            case Text(text):
                return text
            case Sequence(parts):
                return "".join(draw(part, depth) for part in parts)
            case OneOf(options):
                return draw(rng.choice(plain(options) if depth > room else options), depth)
            case Repeat(item, least, most):
                more = 0 if depth > room else rng.randint(0, 3)
                count = least + more if most is None else min(least + more, most)
                return "".join(draw(item, depth + 1) for _ in range(count))
            case Rule(name):
                return draw(grammar.rules[name], depth + 1)

    def plain(options: tuple[Expression, ...]) -> tuple[Expression, ...]:
        return tuple(one for one in options if isinstance(one, Text | Chars)) or options

    return draw(grammar.root, 0)
