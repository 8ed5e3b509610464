"""The one translation of filters to SQL: the same conversations in the same order on both engines.

A test of a metadata key is a look-up in the side table, so negations are carried down to the tests: there the
key is known to exist, and what has no row is neither true nor false.
"""

from collections.abc import Callable, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement

from ringline.conversations.filters import patterns
from ringline.conversations.filters.tree import (
    And,
    Column,
    Compare,
    Comparison,
    Field,
    In,
    Is,
    Leaf,
    Like,
    MetadataKey,
    Not,
    Or,
    Order,
    Query,
    Scalar,
    State,
    Term,
)
from ringline.store import searchable
from ringline.store.conversation_tables import conversation_metadata, conversations
from ringline.store.conversations import COLUMNS

MOST_FOUND = 1_000
"""Conversations that one query finds at most, whatever its limit; `offset` goes on."""

Condition = sa.ColumnElement[bool]

_COLUMNS: dict[Column, sa.Column[Any]] = {one: conversations.c[one.value] for one in Column}
_COMPARE: dict[Comparison, Callable[[sa.ColumnElement[Any], Any], Condition]] = {
    Comparison.EQ: lambda column, value: column == value,
    Comparison.NEQ: lambda column, value: column != value,
    Comparison.GT: lambda column, value: column > value,
    Comparison.GTE: lambda column, value: column >= value,
    Comparison.LT: lambda column, value: column < value,
    Comparison.LTE: lambda column, value: column <= value,
}
_HEADS: dict[Comparison, Comparison] = {
    Comparison.EQ: Comparison.EQ,
    Comparison.GT: Comparison.GTE,
    Comparison.GTE: Comparison.GTE,
    Comparison.LT: Comparison.LTE,
    Comparison.LTE: Comparison.LTE,
}
"""What the heads of two values are to each other when the values are so: what the index can be asked."""


class by_code_point(FunctionElement[str]):  # noqa: N801 - named as the function that it is
    """A text whose order is that of its code points, whatever the database's collation."""

    type = sa.Text()
    inherit_cache = True


class like_exactly(FunctionElement[bool]):  # noqa: N801 - named as the function that it is
    """Whether a text matches a pattern, with case: (text, pattern for LIKE, pattern for GLOB)."""

    type = sa.Boolean()
    inherit_cache = True


@compiles(by_code_point)
def _collated(element: Any, compiler: SQLCompiler, **options: Any) -> str:
    return f'({compiler.process(element.clauses, **options)} COLLATE "C")'


@compiles(by_code_point, "sqlite")
def _plain(element: Any, compiler: SQLCompiler, **options: Any) -> str:
    return f"({compiler.process(element.clauses, **options)})"


@compiles(like_exactly)
def _like(element: Any, compiler: SQLCompiler, **options: Any) -> str:
    text, pattern, _ = element.clauses
    return rf"({compiler.process(text, **options)} LIKE {compiler.process(pattern, **options)} ESCAPE '\')"


@compiles(like_exactly, "sqlite")
def _glob(element: Any, compiler: SQLCompiler, **options: Any) -> str:
    text, _, pattern = element.clauses
    return f"({compiler.process(text, **options)} GLOB {compiler.process(pattern, **options)})"


def select(account_id: str, query: Query) -> sa.Select[Any]:
    """The query over `store.conversations.COLUMNS` that finds what an account's filter asks for."""
    found = sa.select(*COLUMNS).where(
        conversations.c.account_id == account_id, *[condition(account_id, term) for term in query.where]
    )
    found = _ordered(found, query.order or (Order(Column.CREATED_AT, descending=True),))
    most = MOST_FOUND if query.limit is None else min(query.limit, MOST_FOUND)
    return found.limit(most).offset(query.offset or None)


def condition(account_id: str, term: Term, *, negated: bool = False) -> Condition:
    """Whether the term, or its opposite, is true of a row of `conversations`."""
    match term:
        case Not(inner):
            return condition(account_id, inner, negated=not negated)
        case And(terms) | Or(terms):
            join = sa.and_ if isinstance(term, And) is not negated else sa.or_
            return join(*[condition(account_id, one, negated=negated) for one in terms])
        case _ if isinstance(term.field, MetadataKey):
            return _of_key(account_id, term.field, term, negated)
        case _:
            column = _COLUMNS[Column(term.field)]
            return _signed(_of_column(column, term), negated)


def _signed(test: Condition, negated: bool) -> Condition:
    return sa.not_(test) if negated else test


def _of_column(column: sa.Column[Any], leaf: Leaf) -> Condition:
    match leaf:
        case Compare(_, comparison, value):
            if column is conversations.c.id and comparison not in (Comparison.EQ, Comparison.NEQ):
                return _COMPARE[comparison](by_code_point(column), value)
            return _COMPARE[comparison](column, value)
        case In(_, values):
            return column.in_(values)
        case Like(_, _, fold):
            folded = conversations.c.name_folded if column is conversations.c.name else column
            return _like_of(folded if fold else column, leaf)
        case Is():
            return sa.false()  # these columns are never null


def _of_key(account_id: str, field: MetadataKey, leaf: Leaf, negated: bool) -> Condition:
    kept = conversation_metadata.c
    having = sa.select(kept.conversation_id).where(kept.account_id == account_id, kept.key == field.key)
    one = conversations.c.id
    match leaf:
        case Is(_, State.NULL):
            return one.in_(having) if negated else one.not_in(having)
        case Is(_, state):
            having = having.where(*_equal(state.value))
            return one.not_in(having) if negated else one.in_(having)
        case Compare(_, comparison, value):
            return one.in_(having.where(*_compared(comparison, _text(value), negated)))
        case In(_, values):
            return one.in_(having.where(*_within([_text(value) for value in values], negated)))
        case Like(_, _, fold):
            test = _like_of(kept.value_folded if fold else kept.value, leaf)
            return one.in_(having.where(_signed(test, negated)))


def _equal(value: str) -> tuple[Condition, ...]:
    kept = conversation_metadata.c
    return kept.head == searchable.head(value), kept.value == value


def _compared(comparison: Comparison, value: str, negated: bool) -> Sequence[Condition]:
    kept = conversation_metadata.c
    number = searchable.number(value)
    if number is not None and comparison not in (Comparison.EQ, Comparison.NEQ):
        return [_signed(_COMPARE[comparison](kept.number, number), negated)]
    test = _COMPARE[comparison](kept.value, value)
    if negated or comparison not in _HEADS:
        return [_signed(test, negated)]
    return [_COMPARE[_HEADS[comparison]](kept.head, searchable.head(value)), test]


def _within(values: Sequence[str], negated: bool) -> Sequence[Condition]:
    kept = conversation_metadata.c
    if negated:
        return [kept.value.not_in(values)]
    return [kept.head.in_({searchable.head(one): None for one in values}), kept.value.in_(values)]


def _like_of(column: sa.ColumnElement[Any], leaf: Like) -> Condition:
    if leaf.fold:
        # Both sides are folded: SQLite's LIKE, which folds A to Z, finds nothing left to fold.
        folded = tuple(searchable.folded(part) if isinstance(part, str) else part for part in leaf.pattern)
        return column.like(patterns.like(folded), escape="\\")
    return like_exactly(
        column, sa.literal(patterns.like(leaf.pattern)), sa.literal(patterns.glob(leaf.pattern))
    )


def _text(value: Scalar) -> str:
    assert isinstance(value, str)  # only columns have times
    return value


def _ordered(found: sa.Select[Any], order: Sequence[Order]) -> sa.Select[Any]:
    joined: dict[Field, sa.FromClause] = {}
    keys: list[sa.ColumnElement[Any]] = []
    for one in order:
        if isinstance(one.field, Column):
            column = _COLUMNS[one.field]
            keys.append(_way(by_code_point(column) if one.field is Column.ID else column, one.descending))
            continue
        side = joined.get(one.field)
        if side is None:
            side = joined[one.field] = conversation_metadata.alias()
            named = sa.and_(side.c.conversation_id == conversations.c.id, side.c.key == one.field.key)
            found = found.outerjoin(side, named)
        lacking = side.c.value.is_(None)
        keys.append(lacking.desc() if one.nulls_first else lacking)
        keys += [_way(key, one.descending) for key in (side.c.number.is_(None), side.c.number, side.c.value)]
    # The last key's direction, so that one walk along an index gives this order.
    keys.append(_way(by_code_point(conversations.c.id), order[-1].descending))
    return found.order_by(*keys)


def _way(key: sa.ColumnElement[Any], descending: bool) -> sa.ColumnElement[Any]:
    return key.desc() if descending else key.asc()
