"""How a text is kept so that filters on it are quick and mean the same on both engines."""

import re

HEAD = 128
"""Characters of a value that are indexed; PostgreSQL refuses index rows above 2704 bytes."""

_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]{0,14})(?:\.[0-9]{1,14})?")
_DIGITS = 15
"""Decimal digits that a double tells apart: more, and two numbers may become one."""


def head(text: str) -> str:
    """What the index has of a text.

    It stands to a text shorter than `HEAD` as the whole does; to the head of a longer one as the whole does,
    or equal.
    """
    return text[:HEAD]


def is_short(text: str) -> bool:
    """Whether comparing heads with this text is comparing whole values with it."""
    return len(text) < HEAD


def folded(text: str) -> str:
    """The text for comparisons that ignore case: lower case, character by character.

    A character whose lower case is longer stays, so that `_` in a pattern stands for the same character.
    """
    return "".join([low if len(low := one.lower()) == 1 else one for one in text])


def number(text: str) -> float | None:
    """The number that a text is written as: plain decimal, at most 15 digits; None for any other text.

    `007`, `+1312…` and `1e5` are texts: codes and telephone numbers are not quantities.
    """
    if _NUMBER.fullmatch(text) is None or sum(map(str.isdigit, text)) > _DIGITS:
        return None
    return float(text)
