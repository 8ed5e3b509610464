"""Tests of metadata values, on rows of the side table that has one for each key of each conversation."""

from collections.abc import Callable, Sequence
from typing import Any

import sqlalchemy as sa

from ringline.conversations.filters.dialects import Condition, matches
from ringline.conversations.filters.tree import Compare, Comparison, In, Like, MetadataKey, Scalar
from ringline.store import searchable

COMPARE: dict[Comparison, Callable[[sa.ColumnElement[Any], Any], Condition]] = {
    Comparison.EQ: lambda column, value: column == value,
    Comparison.NEQ: lambda column, value: column != value,
    Comparison.GT: lambda column, value: column > value,
    Comparison.GTE: lambda column, value: column >= value,
    Comparison.LT: lambda column, value: column < value,
    Comparison.LTE: lambda column, value: column <= value,
}
_HEADS = {Comparison.GT: Comparison.GTE, Comparison.LT: Comparison.LTE}
"""How the heads of two long values stand, at least, when the values stand so; as they do if not in here."""


def rows_of(side: sa.FromClause, account_id: str, field: MetadataKey) -> tuple[Condition, ...]:
    """The rows of a key."""
    return side.c.account_id == account_id, side.c.key == field.key


def holds(side: sa.FromClause, leaf: Compare | In | Like, *, negated: bool = False) -> Sequence[Condition]:
    """What must all hold of a key's row for the leaf, or its opposite, to be true."""
    match leaf:
        case Compare(_, comparison, value):
            return _compared(side, comparison, _text(value), negated)
        case In(_, values):
            return _within(side, [_text(value) for value in values], negated)
        case Like():
            return [signed(matches(leaf, side.c.value, side.c.value_folded), negated)]


def is_text(side: sa.FromClause, text: str) -> Condition:
    """Whether the value is this short text."""
    return side.c.head == text


def signed(test: Condition, negated: bool) -> Condition:
    """The test, or its opposite."""
    return sa.not_(test) if negated else test


def _compared(side: sa.FromClause, comparison: Comparison, value: str, negated: bool) -> Sequence[Condition]:
    compare = COMPARE[comparison]
    number = searchable.number(value)
    if number is not None and comparison not in (Comparison.EQ, Comparison.NEQ):
        return [signed(compare(side.c.number, number), negated)]
    if searchable.is_short(value):
        return [signed(compare(side.c.head, value), negated)]
    if negated or comparison is Comparison.NEQ:
        return [signed(compare(side.c.value, value), negated)]
    heads = COMPARE[_HEADS.get(comparison, comparison)]
    return [heads(side.c.head, searchable.head(value)), compare(side.c.value, value)]


def _within(side: sa.FromClause, values: Sequence[str], negated: bool) -> Sequence[Condition]:
    if all(map(searchable.is_short, values)):
        return [signed(side.c.head.in_(values), negated)]
    if negated:
        return [side.c.value.not_in(values)]
    heads = list(dict.fromkeys(map(searchable.head, values)))
    return [side.c.head.in_(heads), side.c.value.in_(values)]


def _text(value: Scalar) -> str:
    assert isinstance(value, str)  # only columns have times
    return value
