"""Writes filters: `parse(serialize(query)) == query`."""

import re
from collections.abc import Iterable
from datetime import UTC, datetime

from ringline.conversations.filters import patterns
from ringline.conversations.filters.tree import (
    And,
    Column,
    Compare,
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
    Term,
)

_PLAIN = re.compile(r"[\w@+%*-][\w@+%*:. -]*", re.ASCII)
"""Operands that need no quotes anywhere."""
_PLAIN_KEY = re.compile(r"[\w-]+", re.ASCII)
_TO_ESCAPE = re.compile(r'(["\\])')


def serialize(query: Query) -> list[tuple[str, str]]:
    """The items of a query string, not yet percent-encoded."""
    items = [_item(term) for term in query.where]
    if query.order:
        items.append(("order", ",".join(map(_order, query.order))))
    if query.limit is not None:
        items.append(("limit", str(query.limit)))
    if query.offset:
        items.append(("offset", str(query.offset)))
    return items


def _item(term: Term) -> tuple[str, str]:
    sign, inner = _signed(term)
    if isinstance(inner, And | Or):
        return sign + _head(inner), _group(inner)
    return _name(inner.field), sign + _test(inner)


def _term(term: Term) -> str:
    sign, inner = _signed(term)
    if isinstance(inner, And | Or):
        return sign + _head(inner) + _group(inner)
    return f"{_field(inner.field)}.{sign}{_test(inner)}"


def _signed(term: Term) -> tuple[str, Leaf | And | Or]:
    return ("not.", term.term) if isinstance(term, Not) else ("", term)


def _head(group: And | Or) -> str:
    return "and" if isinstance(group, And) else "or"


def _group(group: And | Or) -> str:
    return f"({','.join(map(_term, group.terms))})"


def _test(leaf: Leaf) -> str:
    match leaf:
        case Compare(_, comparison, value):
            return f"{comparison}.{_scalar(value)}"
        case Like(_, pattern, fold):
            return f"{'ilike' if fold else 'like'}.{_operand(patterns.serialize(pattern))}"
        case In(_, values):
            return f"in.({_list(values)})"
        case Is(_, state):
            return f"is.{state}"


def _list(values: Iterable[Scalar]) -> str:
    return ",".join(map(_scalar, values))


def _scalar(value: Scalar) -> str:
    if isinstance(value, datetime):
        return _operand(value.astimezone(UTC).replace(tzinfo=None).isoformat() + "Z")
    return _operand(value)


def _operand(text: str) -> str:
    return text if _PLAIN.fullmatch(text) else _quoted(text)


def _quoted(text: str) -> str:
    return '"' + _TO_ESCAPE.sub(r"\\\1", text) + '"'


def _name(field: Field) -> str:
    if isinstance(field, Column):
        return field.value
    return f"metadata->{_quoted(field.key) if field.key[0] in _OPENING else field.key}"


_OPENING = '">'
"""A key that begins so would be read as something else."""


def _field(field: Field) -> str:
    if isinstance(field, MetadataKey):
        return f"metadata->{field.key if _PLAIN_KEY.fullmatch(field.key) else _quoted(field.key)}"
    return field.value


def _order(order: Order) -> str:
    way = "desc" if order.descending else "asc"
    nulls = "nullsfirst" if order.nulls_first else "nullslast"
    return f"{_field(order.field)}.{way}.{nulls}"
