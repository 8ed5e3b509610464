"""JSON numbers within bounds, as grammars: digit by digit, no exponents, nothing a double cannot hold."""

from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

from ringline.inference.guided.errors import NotExpressible
from ringline.inference.guided.grammar import (
    EMPTY,
    Chars,
    Expression,
    Repeat,
    Text,
    one_of,
    optional,
    repeat,
    sequence,
)

LARGEST = 10**15 - 1
"""15 digits are what a double keeps of a decimal number (IEEE 754, DBL_DIG)."""

MOST_DIGITS = 6
"""Digits after the point."""

DIGIT = Chars(((ord("0"), ord("9")),))
NONZERO = Chars(((ord("1"), ord("9")),))
ANY_DIGITS = Repeat(DIGIT, 0, MOST_DIGITS)


@dataclass(frozen=True, slots=True)
class Bounds:
    """From `low` to `high`; None is as far as we count. An open end does not belong to them."""

    low: Decimal | None = None
    high: Decimal | None = None
    open_low: bool = False
    open_high: bool = False


def integers(bounds: Bounds) -> Expression:
    """The whole numbers within the bounds; raises `NotExpressible` if there are none."""
    low = -LARGEST if bounds.low is None else _ceiling(bounds.low, beyond=bounds.open_low)
    high = LARGEST if bounds.high is None else -_ceiling(-bounds.high, beyond=bounds.open_high)
    low, high = max(low, -LARGEST), min(high, LARGEST)
    options = []
    if low < 0:
        options.append(sequence(Text("-"), _naturals(max(1, -high), -low)))
    if high >= 0 and low <= high:
        options.append(_naturals(max(0, low), high))
    if low > high or not options:
        raise NotExpressible("bounds that no number is within")
    return one_of(*options)


def numbers(bounds: Bounds) -> Expression:
    """The decimal numbers within the bounds; raises `NotExpressible` if there are none."""
    options = []
    zero = Decimal(0)
    if bounds.low is None or bounds.low < zero:
        # Mirrored: -x is within the bounds if x is within theirs.
        low = None if bounds.high is None or bounds.high >= 0 else -bounds.high
        high = None if bounds.low is None else -bounds.low
        options += _decimals(Bounds(low or zero, high, bounds.open_high or not low, bounds.open_low), "-")
    if bounds.high is None or bounds.high >= zero:
        from_zero = bounds.low is None or bounds.low < zero
        low = zero if from_zero else bounds.low
        options += _decimals(
            Bounds(low, bounds.high, bounds.open_low and not from_zero, bounds.open_high), ""
        )
    if not options:
        raise NotExpressible("bounds that no number is within")
    return one_of(*options)


def _ceiling(bound: Decimal, *, beyond: bool) -> int:
    whole = -((-Fraction(bound)) // 1)
    return int(whole + 1 if beyond and whole == bound else whole)


def _naturals(low: int, high: int) -> Expression:
    """Whole numbers 0 ≤ low ≤ high, as short as they can be written."""
    shortest, longest = len(str(low)), len(str(high))
    if shortest == longest:
        return _same_length(str(low), str(high))
    options = [_same_length(str(low), "9" * shortest), _same_length("1".ljust(longest, "0"), str(high))]
    if longest - shortest > 1:
        options.append(sequence(NONZERO, repeat(DIGIT, shortest, longest - 2)))
    return one_of(*options)


def _same_length(low: str, high: str) -> Expression:
    """Digit texts of one length from low to high."""
    if not low:
        return EMPTY
    if set(low) == {"0"} and set(high) == {"9"}:
        return repeat(DIGIT, len(low), len(low))
    if low[0] == high[0]:
        return sequence(Text(low[0]), _same_length(low[1:], high[1:]))
    options: list[Expression] = []
    first, last = int(low[0]), int(high[0])
    if set(low[1:]) - {"0"}:
        options.append(sequence(Text(low[0]), _same_length(low[1:], "9" * len(low[1:]))))
        first += 1
    tail: list[Expression] = []
    if set(high[1:]) - {"9"}:
        tail.append(sequence(Text(high[0]), _same_length("0" * len(high[1:]), high[1:])))
        last -= 1
    if first <= last:
        options.append(sequence(_digits(first, last), repeat(DIGIT, len(low) - 1, len(low) - 1)))
    return one_of(*options, *tail)


def _decimals(bounds: Bounds, sign: str) -> list[Expression]:
    """Decimal numbers within bounds that are not negative, `sign` before them."""
    assert bounds.low is not None
    low_whole, low_part = _split(bounds.low)
    high_whole, high_part = (LARGEST, "") if bounds.high is None else _split(bounds.high)
    if low_whole > LARGEST:
        return []
    if high_whole > LARGEST:
        high_whole, high_part, bounds = LARGEST, "", Bounds(bounds.low, None, bounds.open_low)
    open_high = bounds.high is not None and bounds.open_high
    options: list[Expression] = []
    if low_whole == high_whole and bounds.high is not None:
        options += _same_whole(low_whole, low_part, high_part, bounds)
    else:
        options.append(sequence(Text(str(low_whole)), _at_least(low_part, open_=bounds.open_low)))
        last = high_whole if bounds.high is None else high_whole - 1
        if low_whole + 1 <= last:
            options.append(sequence(_naturals(low_whole + 1, last), _any_part()))
        if bounds.high is not None and (high_part or not open_high):
            options.append(sequence(Text(str(high_whole)), _at_most(high_part, open_=open_high)))
    return [sequence(Text(sign), option) for option in options]


def _same_whole(whole: int, low: str, high: str, bounds: Bounds) -> list[Expression]:
    closed = not bounds.open_low and not bounds.open_high
    if low == high and not closed:
        return []
    fraction = sequence(Text("."), _between(low, high, open_low=bounds.open_low, open_high=bounds.open_high))
    return [sequence(Text(str(whole)), fraction if low or bounds.open_low else optional(fraction))]


def _split(bound: Decimal) -> tuple[int, str]:
    """The whole part and the digits after the point, without the zeros that say nothing."""
    whole = int(bound)
    digits = f"{bound - whole:f}".partition(".")[2].rstrip("0")
    if len(digits) >= MOST_DIGITS:
        raise NotExpressible("bounds with so many digits")
    return whole, digits


def _any_part() -> Expression:
    return optional(sequence(Text("."), repeat(DIGIT, 1, MOST_DIGITS)))


def _at_least(part: str, *, open_: bool) -> Expression:
    """What may stand after a whole number so that the fraction is ≥ .part, or > if open."""
    if not part and not open_:
        return _any_part()
    return sequence(Text("."), _digits_at_least(part, MOST_DIGITS, open_=open_))


def _digits_at_least(part: str, room: int, *, open_: bool) -> Expression:
    if not part:
        more = sequence(repeat(Text("0"), 0, room - 1), NONZERO, repeat(DIGIT, 0, room))
        return more if open_ else repeat(DIGIT, 0, room)
    same = sequence(Text(part[0]), _digits_at_least(part[1:], room - 1, open_=open_))
    if part[0] == "9":
        return same
    return one_of(same, sequence(_digits(int(part[0]) + 1, 9), repeat(DIGIT, 0, room)))


def _at_most(part: str, *, open_: bool) -> Expression:
    """What may stand after a whole number so that the fraction is ≤ .part, or < if open."""
    return optional(sequence(Text("."), _digits_at_most(part, open_=open_)))


def _digits_at_most(part: str, *, open_: bool) -> Expression:
    if not part:
        return repeat(Text("0"), 1, MOST_DIGITS)
    options: list[Expression] = []
    if part[0] != "0":
        options.append(sequence(_digits(0, int(part[0]) - 1), ANY_DIGITS))
    if part[1:] or not open_:
        options.append(sequence(Text(part[0]), _rest_at_most(part[1:], open_=open_)))
    return one_of(*options)


def _between(low: str, high: str, *, open_low: bool, open_high: bool) -> Expression:
    """Digits after the point of fractions from .low to .high, low < high, or both the same and closed."""
    if not high:
        return repeat(Text("0"), 1, MOST_DIGITS)
    first, last = low[:1] or "0", high[0]
    if first == last:
        rest = _between(low[1:], high[1:], open_low=open_low, open_high=open_high)
        return sequence(Text(first), rest if low[1:] or open_low else optional(rest))
    options = [sequence(Text(first), _digits_at_least(low[1:], MOST_DIGITS - 1, open_=open_low))]
    if int(last) - int(first) > 1:
        options.append(sequence(_digits(int(first) + 1, int(last) - 1), ANY_DIGITS))
    if high[1:] or not open_high:
        options.append(sequence(Text(last), _rest_at_most(high[1:], open_=open_high)))
    return one_of(*options)


def _rest_at_most(part: str, *, open_: bool) -> Expression:
    """Further digits, if any: together ≤ part, or < if open."""
    return optional(_digits_at_most(part, open_=open_)) if part else repeat(Text("0"), 0, MOST_DIGITS)


def _digits(first: int, last: int) -> Expression:
    return Text(str(first)) if first == last else Chars(((ord(str(first)), ord(str(last))),))
