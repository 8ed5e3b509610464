r"""Patterns of `like` and `ilike`.

`%` and `*` stand for any characters, `_` for one; `\` takes its meaning from the character that follows.
"""

from enum import Enum

LONGEST = 256
"""Characters of a pattern. Both engines match a text in its length times the pattern's steps at most: a
wildcard that has found its place is never moved again.
"""

MOST_WILDCARDS = 16
"""Runs of any characters in one pattern."""


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
    """Read a pattern; raises ValueError where it is too long, ends in an escape, has too many wildcards."""
    if len(text) > LONGEST:
        raise ValueError(f"a pattern may have {LONGEST} characters at most")
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
