"""What a filter means, said a second time: the tree evaluated on plain objects, in three-valued logic."""

import functools
import re
from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Any

from ringline.conversations.filters.patterns import Pattern, Wildcard
from ringline.conversations.filters.tree import (
    And,
    Column,
    Compare,
    Comparison,
    Field,
    In,
    Is,
    Like,
    MetadataKey,
    Not,
    Or,
    Order,
    Query,
    State,
    Term,
)
from ringline.store.conversations import Conversation

MOST = 1_000
PLAIN = re.compile(r"-?(0|[1-9]\d*)(\.\d+)?", re.ASCII)


def answer(conversations: Iterable[Conversation], account_id: str, query: Query) -> list[str]:
    """The ids that the query finds, in its order."""
    found = [
        one
        for one in conversations
        if one.account_id == account_id and all(truth(term, one) is True for term in query.where)
    ]
    order = query.order or (Order(Column.CREATED_AT, descending=True),)
    found.sort(key=lambda one: one.id, reverse=order[-1].descending)
    for key in reversed(order):  # sorting is stable: the last key first
        found.sort(key=functools.cmp_to_key(functools.partial(_stand, key)))
    limit = MOST if query.limit is None else min(MOST, query.limit)
    return [one.id for one in found[query.offset : query.offset + limit]]


def truth(term: Term, one: Conversation) -> bool | None:
    """True, False, or None for what cannot be known."""
    match term:
        case And(terms):
            return _all([truth(part, one) for part in terms])
        case Or(terms):
            return _not(_all([_not(truth(part, one)) for part in terms]))
        case Not(inner):
            return _not(truth(inner, one))
        case Is(field, state):
            value = _value(field, one)
            return value is None if state is State.NULL else value == state.value
        case _:
            value = _value(term.field, one)
            return None if value is None else _of(value, term)


def _of(value: Any, term: Compare | Like | In) -> bool | None:
    match term:
        case In(_, values):
            return value in values
        case Like(_, pattern, fold):
            return matches(pattern, value, fold)
        case Compare(Column(), comparison, wanted):
            return _compared(comparison, value, wanted)
        case Compare(_, comparison, str() as wanted):
            if comparison in (Comparison.EQ, Comparison.NEQ) or _number(wanted) is None:
                return _compared(comparison, value, wanted)
            number = _number(value)
            return None if number is None else _compared(comparison, number, _number(wanted))
        case _:
            raise AssertionError(term)


def _compared(comparison: Comparison, left: Any, right: Any) -> bool:
    return bool(
        {
            "eq": left == right,
            "neq": left != right,
            "gt": left > right,
            "gte": left >= right,
            "lt": left < right,
            "lte": left <= right,
        }[comparison.value]
    )


def matches(pattern: Pattern, text: str, fold: bool) -> bool:
    """Whether the pattern matches, by keeping every place in the text that it could have come to."""
    places = {0}
    lowered = [_lower(one) if fold else one for one in text]
    for part in pattern:
        if part is Wildcard.ANY:
            places = set(range(min(places), len(text) + 1)) if places else set()
        elif part is Wildcard.ONE:
            places = {place + 1 for place in places if place < len(text)}
        else:
            assert isinstance(part, str)
            wanted = [_lower(one) if fold else one for one in part]
            end = len(wanted)
            places = {place + end for place in places if lowered[place : place + end] == wanted}
    return len(text) in places


def _lower(character: str) -> str:
    return character.lower() if len(character.lower()) == 1 else character


def _all(values: Sequence[bool | None]) -> bool | None:
    if False in values:
        return False
    return None if None in values else True


def _not(value: bool | None) -> bool | None:
    return None if value is None else not value


def _value(field: Field, one: Conversation) -> Any:
    if isinstance(field, MetadataKey):
        return one.metadata.get(field.key)
    return getattr(one, field.value)


def _number(text: str) -> Decimal | None:
    digits = text.removeprefix("-").replace(".", "")
    return Decimal(text) if PLAIN.fullmatch(text) and len(digits) <= 15 else None


def _stand(order: Order, left: Conversation, right: Conversation) -> int:
    one, other = _value(order.field, left), _value(order.field, right)
    if one is None or other is None:
        return 0 if one is other else (1 if (one is None) is not order.nulls_first else -1)
    mine, theirs = _rank(order.field, one), _rank(order.field, other)
    if mine == theirs:
        return 0
    return 1 if (mine > theirs) is not order.descending else -1


def _rank(field: Field, value: Any) -> Any:
    if isinstance(field, Column):
        return value
    number = _number(value)
    return (number is None, number or Decimal(0), value)
