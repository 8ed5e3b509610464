"""Filters find the same on SQLite, on PostgreSQL and by the oracle."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from ringline.conversations import filters
from ringline.conversations.filters.patterns import Wildcard
from ringline.conversations.filters.tree import (
    Column,
    Compare,
    Comparison,
    In,
    Is,
    Like,
    MetadataKey,
    Not,
    Order,
    Query,
    State,
    Term,
)
from ringline.conversations.search import search
from ringline.core.clock import VirtualClock
from ringline.store import conversations, sqlite
from ringline.store.conversations import Conversation
from ringline.store.migrate import migrate
from tests.conversations import oracle, trees
from tests.conversations.trees import START

pytestmark = pytest.mark.unit


@pytest.fixture(scope="module")
def engines(postgres: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[sa.Engine]]:
    """Both, migrated and empty; what a test does is rolled back."""
    file: Path = tmp_path_factory.mktemp("search") / "store.db"
    made = [sqlite.writer_engine(sa.make_url(f"sqlite:///{file}")), sa.create_engine(postgres)]
    migrate(made[0], clock=VirtualClock())
    yield made
    for engine in made:
        engine.dispose()


def found(engine: sa.Engine, rows: list[Conversation], queries: list[Query]) -> list[list[str]]:
    with engine.connect() as conn:
        for one in rows:
            conversations.create(conn, one)
        answers = [[one.id for one in search(conn, "mine", query)] for query in queries]
        conn.rollback()
    return answers


ROWS = [
    Conversation(id=number, account_id="mine", created_at=START, last_message_at=START, metadata=metadata)
    for number, metadata in (("1", {"n": "9"}), ("2", {"n": "10"}), ("3", {"n": "nine"}), ("4", {}))
]
N = MetadataKey("n")


@given(trees.conversations(), st.lists(trees.QUERIES, min_size=4, max_size=4))
@example(ROWS, [Query((Compare(N, Comparison.GT, "9"),)), Query((Not(Compare(N, Comparison.GT, "9")),))])
@example(ROWS, [Query(order=(Order(N),)), Query(order=(Order(N, descending=True, nulls_first=True),))])
@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
def test_both_engines_and_the_oracle_agree(
    engines: list[sa.Engine], rows: list[Conversation], queries: list[Query]
) -> None:
    expected = [oracle.answer(rows, "mine", query) for query in queries]
    for engine in engines:
        assert found(engine, rows, queries) == expected, engine.dialect.name


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ([("metadata->n", "eq.9")], "1"),
        ([("metadata->n", "neq.9")], "23"),
        ([("metadata->n", "not.eq.9")], "23"),
        ([("metadata->n", "isdistinct.9")], "234"),
        ([("metadata->n", "gt.9")], "2"),
        ([("metadata->n", "not.gt.9")], "1"),
        ([("metadata->n", "gt.9a")], "3"),
        ([("metadata->n", "in.(9,nine)")], "13"),
        ([("metadata->n", "not.in.(9,nine)")], "2"),
        ([("metadata->n", "in.()")], ""),
        ([("metadata->n", "is.null")], "4"),
        ([("metadata->n", "not.is.null")], "123"),
        ([("metadata->n", "is.true")], ""),
        ([("metadata->n", "not.is.true")], "1234"),
        ([("metadata->n", "like.n*")], "3"),
        ([("metadata->n", "ilike.N_N%")], "3"),
        ([("metadata->n", "like(any).{9,1*}")], "12"),
        ([("metadata->n", "like(all).{n*,*e}")], "3"),
        ([("or", "(metadata->n.eq.9,metadata->n.is.null)")], "14"),
        ([("not.or", "(metadata->n.eq.9,metadata->n.is.null)")], "23"),
        ([("order", "metadata->n")], "1234"),
        ([("order", "metadata->n.desc")], "4321"),
        ([("order", "metadata->n.nullsfirst")], "4123"),
        ([("order", "created_at.asc")], "1234"),
        ([], "4321"),
        ([("limit", "2"), ("offset", "1")], "32"),
    ],
)
def test_what_each_operator_finds(
    engines: list[sa.Engine], query: list[tuple[str, str]], expected: str
) -> None:
    for engine in engines:
        answer = "".join(found(engine, ROWS, [filters.parse(query)])[0])
        if not any(name == "order" for name, _ in query) and "limit" not in dict(query) and query:
            answer = "".join(sorted(answer))
        assert answer == expected, engine.dialect.name


@pytest.mark.parametrize("text", ["' OR 1=1 --", "%'; drop table conversations", '") or ("1"="1', "\\'"])
def test_a_value_is_never_sql(engines: list[sa.Engine], text: str) -> None:
    key = MetadataKey(text)
    row = Conversation(
        id="5", account_id="mine", created_at=START, last_message_at=START, metadata={text: text}
    )
    tests: list[Term] = [
        *(Compare(key, comparison, text) for comparison in (Comparison.EQ, Comparison.GTE, Comparison.LTE)),
        *(Like(key, (text, Wildcard.ANY), fold) for fold in (False, True)),
        In(key, (text,)),
        Not(Is(key, State.NULL)),
    ]
    queries = [filters.parse(filters.serialize(Query((test,), order=(Order(key),)))) for test in tests]
    for engine in engines:
        assert found(engine, [*ROWS, row], queries) == [["5"]] * len(tests)


def test_the_largest_query_there_may_be_is_answered(engines: list[sa.Engine]) -> None:
    one = "(" + "and(" * 15 + ",".join(["metadata->n.not.like.*9*"] * 99) + ")" * 16
    values = ",".join(f"v{number}" for number in range(500))
    order = ",".join(f"metadata->k{number}.desc" for number in range(8))
    query = filters.parse([("not.or", one), ("metadata->n", f"not.in.({values})"), ("order", order)])
    for engine in engines:
        assert found(engine, ROWS, [query]) == [["1"]]


def test_more_rows_than_the_most_are_never_read(engines: list[sa.Engine]) -> None:
    rows = [
        Conversation(id=f"{number:04}", account_id="mine", created_at=START, last_message_at=START)
        for number in range(1_003)
    ]
    query = Query(order=(Order(Column.ID),), limit=2_000)
    for engine in engines:
        (answer,) = found(engine, rows, [query])
        assert answer == [one.id for one in rows[:1_000]]
