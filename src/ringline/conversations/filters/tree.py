"""What a filter says, as values.

Logic has three values, as SQL's: a comparison with a metadata key that a conversation lacks is unknown,
its negation too, and only what is true is found. `Is` is never unknown.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from ringline.conversations.filters.patterns import Pattern


class Column(StrEnum):
    """A column that every conversation has."""

    ID = "id"
    NAME = "name"
    CREATED_AT = "created_at"
    LAST_MESSAGE_AT = "last_message_at"

    @property
    def is_time(self) -> bool:
        """Whether its values are moments; the others are texts."""
        return self in (Column.CREATED_AT, Column.LAST_MESSAGE_AT)


@dataclass(frozen=True, slots=True)
class MetadataKey:
    """The value under a key of the metadata: a text, or none."""

    key: str


Field = Column | MetadataKey
Scalar = str | datetime
"""Moments for columns that are times, texts for all else."""


class Comparison(StrEnum):
    """How a field stands to a value.

    Texts compare by code point. Order (`gt`, `gte`, `lt`, `lte`) of a metadata value against a text that is
    written as a number is by number, and a value that is not a number is unknown then.
    """

    EQ = "eq"
    NEQ = "neq"
    GT = "gt"
    GTE = "gte"
    LT = "lt"
    LTE = "lte"


@dataclass(frozen=True, slots=True)
class Compare:
    """Field against value."""

    field: Field
    comparison: Comparison
    value: Scalar


@dataclass(frozen=True, slots=True)
class Like:
    """A text against a pattern; `fold` ignores case."""

    field: Field
    pattern: Pattern
    fold: bool = False


@dataclass(frozen=True, slots=True)
class In:
    """The field equals one of the values; none of no values."""

    field: Field
    values: tuple[Scalar, ...]


class State(StrEnum):
    """What a field may be without being compared."""

    NULL = "null"
    TRUE = "true"
    FALSE = "false"


@dataclass(frozen=True, slots=True)
class Is:
    """Whether a field has no value, or the text `true` or `false`; a lacking one is neither."""

    field: Field
    state: State


Leaf = Compare | Like | In | Is


@dataclass(frozen=True, slots=True)
class And:
    """All of them; at least one."""

    terms: tuple["Term", ...]


@dataclass(frozen=True, slots=True)
class Or:
    """One of them or more; at least one."""

    terms: tuple["Term", ...]


@dataclass(frozen=True, slots=True)
class Not:
    """The opposite. The grammar has no second negation right inside."""

    term: "Leaf | And | Or"


Term = Leaf | And | Or | Not


@dataclass(frozen=True, slots=True)
class Order:
    """One key of the order: numbers before texts, and conversations without a value first or last."""

    field: Field
    descending: bool = False
    nulls_first: bool = False


@dataclass(frozen=True, slots=True)
class Query:
    """All of `where`, in this order; equal ones by id. No order: newest first."""

    where: tuple[Term, ...] = ()
    order: tuple[Order, ...] = ()
    limit: int | None = None
    offset: int = 0
