"""Random filters and conversations that have something to do with each other."""

from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import strategies as st

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

START = datetime(2025, 1, 1, tzinfo=UTC)
LONG = "x" * 130

TEXTS = st.sampled_from(
    [
        *(
            "",
            " ",
            "a",
            "A",
            "b",
            "ab",
            "aB",
            "a b",
            "a,b",
            "(a)",
            "a.b",
            "^a",
            "é",
            "É",
            "ß",
            "ẞ",
            "İ",
            "Ω",
            "ω",
        ),
        *("a%b", "a_b", "a*b", "[a]", "[ab]", "a]b", 'q"q', '"', "\\", "back\\slash", "😀"),
        *("9", "10", "9.0", "0.1", "-3", "-0", "0", "007", "1e5", "123456789012345", "1234567890123456"),
        *("true", "false", "TRUE", "null", "2025-01-01", "+13125550123", " 1312555", " 13125550123"),
        *(f"{LONG}a", f"{LONG}b", LONG[:128], LONG[:127], LONG[:129]),
    ]
)
"""Values at every edge that a comparison has."""

KEYS = st.sampled_from(["a", "b", "n", "a.b", 'q"k', "with blank", "->", "é", "and", "not.or"])
FIELDS = st.sampled_from(list(Column)) | st.builds(MetadataKey, KEYS)
MOMENTS = st.integers(-2, 4).map(lambda days: START + timedelta(days=days)) | st.datetimes(
    datetime(1970, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC)
)
IDS = st.integers(0, 9).map(lambda number: f"00000000-0000-4000-8000-00000000000{number}")


def _scalars(field: Field) -> st.SearchStrategy[Any]:
    if field is Column.ID:
        return IDS | TEXTS
    return MOMENTS if isinstance(field, Column) and field.is_time else TEXTS


@st.composite
def patterns(draw: st.DrawFn) -> Pattern:
    """A pattern in its normal form."""
    parts: list[str | Wildcard] = []
    for part in draw(st.lists(st.sampled_from([*Wildcard]) | TEXTS.map(lambda text: text[:3]), max_size=6)):
        if part == "" or (part is Wildcard.ANY and parts and parts[-1] is part):
            continue
        if isinstance(part, str) and parts and isinstance(parts[-1], str):
            parts[-1] += part
        else:
            parts.append(part)
    return tuple(parts)


@st.composite
def _leaves(draw: st.DrawFn) -> Term:
    field = draw(FIELDS)
    kinds = ["compare", "in", "is"]
    if not (isinstance(field, Column) and field.is_time):
        kinds.append("like")
    match draw(st.sampled_from(kinds)):
        case "compare":
            return Compare(field, draw(st.sampled_from(list(Comparison))), draw(_scalars(field)))
        case "in":
            return In(field, tuple(draw(st.lists(_scalars(field), max_size=3))))
        case "like":
            return Like(field, draw(patterns()), draw(st.booleans()))
        case _:
            states = list(State) if isinstance(field, MetadataKey) else [State.NULL]
            return Is(field, draw(st.sampled_from(states)))


def _groups(inner: st.SearchStrategy[Term]) -> st.SearchStrategy[Term]:
    several = st.lists(inner, min_size=1, max_size=3).map(tuple)
    return st.builds(And, several) | st.builds(Or, several)


def _signed(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Term]:
    return inner | inner.map(Not)


TERMS: st.SearchStrategy[Term] = st.recursive(
    _signed(_leaves()), lambda inner: _signed(_groups(inner)), max_leaves=6
)
QUERIES = st.builds(
    Query,
    where=st.lists(TERMS, max_size=3).map(tuple),
    order=st.lists(st.builds(Order, FIELDS, st.booleans(), st.booleans()), max_size=3).map(tuple),
    limit=st.none() | st.integers(1, 4) | st.just(2**31 - 1),
    offset=st.sampled_from([0, 0, 1, 3]),
)


@st.composite
def conversations(draw: st.DrawFn) -> list[Conversation]:
    """A few conversations of two accounts."""
    made = []
    for number in range(draw(st.integers(1, 9))):
        created = START + timedelta(days=draw(st.integers(-1, 2)))
        made.append(
            Conversation(
                id=f"00000000-0000-4000-8000-00000000000{number}",
                account_id=draw(st.sampled_from(["mine", "mine", "mine", "theirs"])),
                name=draw(TEXTS),
                metadata=draw(st.dictionaries(KEYS, TEXTS, max_size=4)),
                created_at=created,
                last_message_at=created + timedelta(hours=draw(st.sampled_from([0, 24]))),
            )
        )
    return made
