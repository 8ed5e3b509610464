"""Long conversations in windows that fit a model. Pure.

Tokens are counted by a function that is passed in. It must be subadditive: a text has at most as many tokens
as its parts together.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

Count = Callable[[str], int]

SMALLEST = 16
"""Tokens of the smallest budget: any one character has fewer."""

_ASCII_PER_TOKEN = 3
_DIGITS = bytes(range(0x30, 0x3A))
_HIGH = bytes(range(0x80, 0x100))


def estimate(text: str) -> int:
    """Tokens of a text for a model whose tokenizer we do not have, rather too many than too few.

    English has about four characters a token. Digits may be tokens of their own, and outside ASCII a
    byte-level tokenizer may need one for each byte.
    """
    octets = text.encode(errors="replace")
    ascii_ = len(octets.translate(None, _HIGH))
    digits = len(octets) - len(octets.translate(None, _DIGITS))
    return -(-(ascii_ - digits) // _ASCII_PER_TOKEN) + digits + len(octets) - ascii_


@dataclass(frozen=True, slots=True)
class Piece:
    """A message, or the part of one that is too long for a window."""

    message: int
    """Which message, from 0."""
    text: str
    tokens: int


Window = tuple[Piece, ...]


def text_of(window: Window) -> str:
    """What a model reads of a window: one piece a line."""
    return "\n".join(piece.text for piece in window)


def plan(messages: Sequence[str], budget: int, count: Count = estimate) -> tuple[Window, ...]:
    """Windows of at most `budget` tokens that together hold every message once, in order.

    A message that is longer than a window is cut, at blanks where there are some. No window is empty; no
    messages make no windows. Raises ValueError for a budget below `SMALLEST`.
    """
    if budget < SMALLEST:
        raise ValueError(f"a window of {budget} tokens holds nothing")
    windows: list[Window] = []
    window: list[Piece] = []
    room = budget
    for number, message in enumerate(messages):
        for text in _cut(message, budget - 1, count):
            piece = Piece(number, text, count(text))
            cost = piece.tokens + 1  # the line break
            if cost > room and window:
                windows.append(tuple(window))
                window, room = [], budget
            window.append(piece)
            room -= cost
    return (*windows, tuple(window)) if window else ()


def _cut(text: str, budget: int, count: Count) -> Iterator[str]:
    if count(text) <= budget or len(text) < 2:
        yield text
        return
    middle = len(text) // 2
    blank = text.rfind(" ", 1, middle + 1)
    at = blank if blank > len(text) // 4 else middle
    yield from _cut(text[:at], budget, count)
    yield from _cut(text[at:], budget, count)
