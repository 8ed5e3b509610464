r"""Patterns of `like` and `ilike`.

`%` and `*` stand for any characters, `_` for one; `\` takes its meaning from the character that follows.
"""

from enum import Enum

MOST_WILDCARDS = 16
"""In one pattern; with the limit on its length it bounds what matching costs for one row."""


class Wildcard(Enum):
    """A part of a pattern that is not itself."""

    ANY = "%"
    """Any characters, or none."""
    ONE = "_"


Pattern = tuple[str | Wildcard, ...]
"""Texts and wildcards in turn: no text is empty or beside a text, no ANY beside an ANY."""

_WILDCARDS = {"%": Wildcard.ANY, "*": Wildcard.ANY, "_": Wildcard.ONE}
_ESCAPED = str.maketrans({one: f"\\{one}" for one in ("\\", *_WILDCARDS)})
_LIKE = str.maketrans({one: f"\\{one}" for one in "\\%_"})
_GLOB = str.maketrans({one: f"[{one}]" for one in "[*?"})


def parse(text: str) -> Pattern:
    """Read a pattern; raises ValueError where it ends in an escape or has too many wildcards."""
    parts: list[str | Wildcard] = []
    literal: list[str] = []
    characters = iter(text)
    for one in characters:
        wildcard = _WILDCARDS.get(one)
        if one == "\\":
            escaped = next(characters, None)
            if escaped is None:
                raise ValueError("a pattern cannot end with a single backslash")
            literal.append(escaped)
        elif wildcard is None:
            literal.append(one)
        else:
            if literal:
                parts.append("".join(literal))
                literal.clear()
            if not (wildcard is Wildcard.ANY and parts and parts[-1] is Wildcard.ANY):
                parts.append(wildcard)
    if literal:
        parts.append("".join(literal))
    if sum(part is Wildcard.ANY for part in parts) > MOST_WILDCARDS:
        raise ValueError(f"a pattern may have {MOST_WILDCARDS} wildcards at most")
    return tuple(parts)


def serialize(pattern: Pattern) -> str:
    """The text that `parse` reads as this pattern."""
    return "".join(part.value if isinstance(part, Wildcard) else part.translate(_ESCAPED) for part in pattern)


def like(pattern: Pattern) -> str:
    r"""As SQL's LIKE with the escape character `\`."""
    return "".join(part.value if isinstance(part, Wildcard) else part.translate(_LIKE) for part in pattern)


def glob(pattern: Pattern) -> str:
    """As SQLite's GLOB, which minds case where its LIKE does not."""
    wildcards = {Wildcard.ANY: "*", Wildcard.ONE: "?"}
    return "".join(
        wildcards[part] if isinstance(part, Wildcard) else part.translate(_GLOB) for part in pattern
    )
