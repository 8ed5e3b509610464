"""The one translation of filters to SQL: the same conversations in the same order on both engines.

A test of a metadata key is a look-up in the side table, so negations are carried down to the tests: there the
key is known to exist, and what has no row is neither true nor false.

Where the filter asks for a key's value outright, the side table leads: its index has such rows newest first,
so that a page of them is read without looking at the rest.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from ringline.conversations.filters import metadata
from ringline.conversations.filters.dialects import Condition, by_code_point, matches
from ringline.conversations.filters.tree import (
    And,
    Column,
    Compare,
    Comparison,
    In,
    Is,
    Leaf,
    Like,
    MetadataKey,
    Not,
    Or,
    Order,
    Query,
    State,
    Term,
)
from ringline.store.conversation_tables import conversation_metadata, conversations
from ringline.store.conversations import COLUMNS

MOST_FOUND = 1_000
"""Conversations that one query finds at most, whatever its limit; `offset` goes on."""

NEWEST = (Order(Column.CREATED_AT, descending=True),)


@dataclass(frozen=True, slots=True)
class _Scope:
    """Whose conversations, and which of equal columns to ask: the one whose index is walked."""

    account_id: str
    id: sa.ColumnElement[str]
    created_at: sa.ColumnElement[Any]

    def column(self, column: Column) -> sa.ColumnElement[Any]:
        """Where a column is read."""
        return self.created_at if column is Column.CREATED_AT else conversations.c[column.value]


def select(account_id: str, query: Query) -> sa.Select[Any]:
    """The query over `store.conversations.COLUMNS` that finds what an account's filter asks for."""
    found = sa.select(*COLUMNS)
    lead = _lead(query)
    if lead is None:
        scope = _scope(account_id)
    else:
        side = conversation_metadata.alias()
        scope = _Scope(account_id, side.c.conversation_id, side.c.created_at)
        found = found.join(side, side.c.conversation_id == conversations.c.id)
        found = found.where(*metadata.rows_of(side, account_id, lead[0]), *metadata.holds(side, lead[1]))
    rest = [_condition(scope, term) for term in query.where if lead is None or term is not lead[1]]
    found = _ordered(
        found.where(conversations.c.account_id == account_id, *rest), scope, query.order or NEWEST
    )
    most = MOST_FOUND if query.limit is None else min(query.limit, MOST_FOUND)
    return found.limit(most).offset(query.offset or None)


def condition(account_id: str, term: Term) -> Condition:
    """Whether the term is true of a row of `conversations`."""
    return _condition(_scope(account_id), term)


def _scope(account_id: str) -> _Scope:
    return _Scope(account_id, conversations.c.id, conversations.c.created_at)


def _lead(query: Query) -> tuple[MetadataKey, Compare | In] | None:
    several = None
    for term in query.where:
        match term:
            case Compare(MetadataKey() as key, Comparison.EQ, _):
                return key, term
            case In(MetadataKey() as key, _) if several is None:
                several = key, term
    return several


def _condition(scope: _Scope, term: Term, *, negated: bool = False) -> Condition:
    match term:
        case Not(inner):
            return _condition(scope, inner, negated=not negated)
        case And(terms) | Or(terms):
            join = sa.and_ if isinstance(term, And) is not negated else sa.or_
            return join(*[_condition(scope, one, negated=negated) for one in terms])
        case _ if isinstance(term.field, MetadataKey):
            return _of_key(scope, term.field, term, negated)
        case _:
            return metadata.signed(_of_column(scope, Column(term.field), term), negated)


def _of_column(scope: _Scope, column: Column, leaf: Leaf) -> Condition:
    kept = scope.column(column)
    match leaf:
        case Compare(_, comparison, value):
            equality = comparison in (Comparison.EQ, Comparison.NEQ)
            ordered = by_code_point(kept) if column is Column.ID and not equality else kept
            return metadata.COMPARE[comparison](ordered, value)
        case In(_, values):
            return kept.in_(values)
        case Like():
            folded = conversations.c.name_folded if column is Column.NAME else kept
            return matches(leaf, kept, folded)
        case Is():
            return sa.false()  # these columns are never null


def _of_key(scope: _Scope, field: MetadataKey, leaf: Leaf, negated: bool) -> Condition:
    # A list of ids rather than a question for each row: never much dearer than going through one index, where
    # SQLite would look up every conversation's key when few of them are what is asked for.
    side = conversation_metadata
    having = sa.select(side.c.conversation_id).where(*metadata.rows_of(side, scope.account_id, field))
    if not isinstance(leaf, Is):
        return scope.id.in_(having.where(*metadata.holds(side, leaf, negated=negated)))
    if leaf.state is State.NULL:
        return scope.id.in_(having) if negated else scope.id.not_in(having)
    having = having.where(metadata.is_text(side, leaf.state.value))
    return scope.id.not_in(having) if negated else scope.id.in_(having)


def _ordered(found: sa.Select[Any], scope: _Scope, order: Sequence[Order]) -> sa.Select[Any]:
    joined: dict[MetadataKey, sa.FromClause] = {}
    keys: list[sa.ColumnElement[Any]] = []
    for one in order:
        if isinstance(one.field, Column):
            keys.append(_way(scope.column(one.field), one.descending))
            continue
        side = joined.get(one.field)
        if side is None:
            side = joined[one.field] = conversation_metadata.alias()
            named = sa.and_(side.c.conversation_id == scope.id, side.c.key == one.field.key)
            found = found.outerjoin(side, named)
        lacking = side.c.value.is_(None)
        keys.append(lacking.desc() if one.nulls_first else lacking)
        keys += [_way(key, one.descending) for key in (side.c.number.is_(None), side.c.number, side.c.value)]
    # The last key's direction, so that one walk along an index gives this order.
    keys.append(_way(scope.id, order[-1].descending))
    return found.order_by(*keys)


def _way(key: sa.ColumnElement[Any], descending: bool) -> sa.ColumnElement[Any]:
    return key.desc() if descending else key.asc()
