"""The grammar of filters: what it reads, what it writes, what it refuses."""

from contextlib import suppress
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ringline.conversations import filters
from ringline.conversations.filters import parser
from ringline.conversations.filters.parser import BadFilter
from ringline.conversations.filters.patterns import Wildcard
from ringline.conversations.filters.tree import (
    And,
    Column,
    Compare,
    Comparison,
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
from tests.conversations import trees

pytestmark = pytest.mark.unit

NAME, CREATED = Column.NAME, Column.CREATED_AT
EQ = Comparison.EQ
NEW_YEAR = datetime(2025, 1, 1, tzinfo=UTC)


def one(name: str, value: str) -> Term:
    (term,) = filters.parse([(name, value)]).where
    return term


@given(trees.QUERIES)
@settings(deadline=None)
def test_what_is_written_is_read_again(query: Query) -> None:
    assert filters.parse(filters.serialize(query)) == query


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["or", "not.and", "name", "created_at", "metadata->a", "order", "limit", "x"])
            | st.text(max_size=12),
            st.text(alphabet='nameto.,()"\\{}eqlikn->%*1 \x00', max_size=30) | st.text(max_size=20),
        ),
        max_size=3,
    )
)
@settings(deadline=None)
def test_any_text_is_read_or_refused_by_name(items: list[tuple[str, str]]) -> None:
    blamed = None
    try:
        query = filters.parse(items)
    except BadFilter as wrong:
        blamed = wrong.parameter
    if blamed is None:
        assert filters.parse(filters.serialize(query)) == query
    else:
        assert blamed in dict(items)


@pytest.mark.parametrize(
    ("name", "value", "term"),
    [
        ("name", "eq.a.b", Compare(NAME, EQ, "a.b")),
        ("name", "eq.", Compare(NAME, EQ, "")),
        ("name", 'eq."a"', Compare(NAME, EQ, "a")),
        ("name", "eq.a,(b)", Compare(NAME, EQ, "a,(b)")),
        ("name", "not.eq.a", Not(Compare(NAME, EQ, "a"))),
        ("id", "neq.a", Compare(Column.ID, Comparison.NEQ, "a")),
        ("created_at", "eq.2025-01-01", Compare(CREATED, EQ, NEW_YEAR)),
        ("created_at", "eq.2025-01-01T02:00:00+02:00", Compare(CREATED, EQ, NEW_YEAR)),
        ("created_at", "eq.2025-01-01T02:00:00 02:00", Compare(CREATED, EQ, NEW_YEAR)),
        ("created_at", "eq.2025-01-01 00:00:00.000Z", Compare(CREATED, EQ, NEW_YEAR)),
        ("created_at", "eq.2025-01-01t00:00z", Compare(CREATED, EQ, NEW_YEAR)),
        ("metadata->k", "eq.x", Compare(MetadataKey("k"), EQ, "x")),
        ("metadata->>k", "eq.x", Compare(MetadataKey("k"), EQ, "x")),
        ("metadata->a.b", "eq.x", Compare(MetadataKey("a.b"), EQ, "x")),
        ('metadata->"a b"', "eq.x", Compare(MetadataKey("a b"), EQ, "x")),
        ("metadata->k", "eq. 13128675309", Compare(MetadataKey("k"), EQ, "+13128675309")),
        ("metadata->k", 'eq." 13128675309"', Compare(MetadataKey("k"), EQ, " 13128675309")),
        ("name", 'in.(a,"b,c","q\\"q",)', In(NAME, ("a", "b,c", 'q"q', ""))),
        ("name", "in.()", In(NAME, ())),
        ("created_at", "in.(2025-01-01)", In(CREATED, (NEW_YEAR,))),
        ("name", "like.a%b_c", Like(NAME, ("a", Wildcard.ANY, "b", Wildcard.ONE, "c"))),
        ("name", "like.**%a", Like(NAME, (Wildcard.ANY, "a"))),
        ("name", r"like.\%\*\\", Like(NAME, (r"%*" + "\\",))),
        ("name", "ilike.*A", Like(NAME, (Wildcard.ANY, "A"), fold=True)),
        ("name", "is.null", Is(NAME, State.NULL)),
        ("name", "is.NOT_NULL", Not(Is(NAME, State.NULL))),
        ("name", "not.is.not_null", Is(NAME, State.NULL)),
        ("metadata->k", "is.unknown", Is(MetadataKey("k"), State.NULL)),
        ("metadata->k", "is.true", Is(MetadataKey("k"), State.TRUE)),
        ("name", "eq(any).{a,b}", Or((Compare(NAME, EQ, "a"), Compare(NAME, EQ, "b")))),
        ("name", "not.eq(all).{a}", Not(And((Compare(NAME, EQ, "a"),)))),
        ("or", "(name.eq.a)", Or((Compare(NAME, EQ, "a"),))),
        ("not.and", "(name.eq.a)", Not(And((Compare(NAME, EQ, "a"),)))),
        (
            "or",
            "(created_at.gte.2025-01-01,last_message_at.gte.2025-01-01T00:00:00Z)",
            Or(
                (
                    Compare(CREATED, Comparison.GTE, NEW_YEAR),
                    Compare(Column.LAST_MESSAGE_AT, Comparison.GTE, NEW_YEAR),
                )
            ),
        ),
        (
            "and",
            '(metadata->x.eq.a.b:c,not.or(name.not.in.(a,b),metadata->"a.b".is.null))',
            And(
                (
                    Compare(MetadataKey("x"), EQ, "a.b:c"),
                    Not(Or((Not(In(NAME, ("a", "b"))), Is(MetadataKey("a.b"), State.NULL)))),
                )
            ),
        ),
        ("or", '(name.eq."a),(b",name.like."x*")', Or((
            Compare(NAME, EQ, "a),(b"), Like(NAME, ("x", Wildcard.ANY))))),
    ],
)  # fmt: skip
def test_readings(name: str, value: str, term: Term) -> None:
    assert one(name, value) == term


def test_isdistinct_knows_what_is_not_there() -> None:
    key = MetadataKey("k")
    assert one("metadata->k", "isdistinct.a") == Or((Not(Compare(key, EQ, "a")), Is(key, State.NULL)))


@pytest.mark.parametrize(
    ("text", "order"),
    [
        ("name", [Order(NAME)]),
        ("name.desc", [Order(NAME, descending=True, nulls_first=True)]),
        ("name.desc.nullslast", [Order(NAME, descending=True)]),
        ("metadata->k.nullsfirst,id.asc", [Order(MetadataKey("k"), nulls_first=True), Order(Column.ID)]),
        ('metadata->>"a.b".desc', [Order(MetadataKey("a.b"), descending=True, nulls_first=True)]),
    ],
)
def test_orders(text: str, order: list[Order]) -> None:
    assert filters.parse([("order", text)]) == Query(order=tuple(order))


def test_items_add_up() -> None:
    query = filters.parse(
        [
            ("created_at", "gte.2025-01-01"),
            ("limit", "5"),
            ("created_at", "lt.2026-01-01"),
            ("order", "name"),
            ("select", "*"),
            ("order", "id"),
            ("offset", "10"),
        ]
    )
    assert len(query.where) == 2
    assert [key.field for key in query.order] == [NAME, Column.ID]
    assert (query.limit, query.offset) == (5, 10)


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("colour", "eq.a", "no column 'colour'"),
        ("metadata", "eq.a", "no column"),
        ("metadata->", "eq.a", "key is empty"),
        ('metadata->"a', "eq.a", "does not end with its quote"),
        ("name", "a", "operator.value"),
        ("name", "eq", "operator.value"),
        ("name", "equals.a", "no operator 'equals'"),
        ("name", "EQ.a", "operator.value"),
        ("name", "match.^a", "match is not available"),
        ("name", "imatch.a", "imatch is not available"),
        ("name", "fts.a", "fts is not available"),
        ("name", "neq(any).{a}", "cannot be asked of any or all"),
        ("name", "eq(any).(a)", "the values come in {…}"),
        ("name", "eq(any).{}", "list is empty"),
        ("name", "in.a", "the values come in (…)"),
        ("name", "in.(a", "closing ) of the values"),
        ("name", "in.(a)b", "cannot read on at 'b'"),
        ("name", 'eq."a', "quoted value does not end"),
        ("name", 'eq."a"b', "cannot read on at 'b'"),
        ("name", "like.a\\", "single backslash"),
        ("name", "like." + "a*" * 17, "16 wildcards"),
        ("name", "like." + "a" * 257, "256 characters"),
        ("name", "is.true", "neither true nor false"),
        ("name", "is.blue", "is takes"),
        ("name", "eq.\x00", "a value has characters that no text has"),
        ("name", "like.\x00", "a value has characters that no text has"),
        ("name", "eq." + "a" * 1_001, "1000 characters"),
        ("created_at", "like.2025*", "is a time"),
        ("created_at", "eq.2025-13-01", "not a time"),
        ("created_at", "eq.0001-01-01T00:00:00+01:00", "not a time"),
        ("created_at", "eq.20250101", "not a time"),
        ("or", "name.eq.a", "list in parentheses"),
        ("or", "()", "no column ''"),
        ("or", "(name.eq.a", "closing parenthesis"),
        ("or", "(name.eq.a))", "cannot read on at ')'"),
        ("or", "(name.eq.a,)", "no column ''"),
        ("or", "(name)", "column.operator.value"),
        ("or", "(nor(name.eq.a))", "no column 'nor'"),
        ("order", "colour", "no column 'colour'"),
        ("order", "name.down", "asc or desc"),
        ("order", "name.nullsfirst.desc", "asc or desc"),
        ("order", "", "no column ''"),
        ("order", ",".join(["name"] * 9), "8 keys"),
        ("limit", "0", "1 or more"),
        ("limit", "1.5", "1 or more"),
        ("limit", "٣", "1 or more"),
        ("offset", "-1", "0 or more"),
        ("offset", "99999999999", "0 or more"),
    ],
)  # fmt: skip
def test_refusals_say_what_and_where(name: str, value: str, told: str) -> None:
    with pytest.raises(BadFilter) as refused:
        filters.parse([(name, value)])
    assert refused.value.parameter == name
    assert told in refused.value.detail
    assert not refused.value.detail.startswith(name + ":")


def test_limit_comes_once() -> None:
    with pytest.raises(BadFilter, match="limit: it is given twice"):
        filters.parse([("limit", "1"), ("limit", "2")])


@pytest.mark.parametrize(
    ("value", "told"),
    [
        ("(" + ",".join(["name.eq.a"] * 101) + ")", "100 tests"),
        ("(" + "and(" * 16 + "name.eq.a" + ")" * 17, "16 deep"),
        ("(name.eq(any).{" + ",".join("a" * 101) + "})", "100 tests"),
        ("(" + ",".join(["name.isdistinct.a"] * 51) + ")", "100 tests"),
        ("(name.in.(" + ",".join("a" * 501) + "))", "500 values"),
    ],
)
def test_a_query_has_its_size(value: str, told: str) -> None:
    with pytest.raises(BadFilter, match=told):
        filters.parse([("or", value)])


def test_the_size_is_that_of_the_whole_query() -> None:
    filters.parse([("name", "eq.a")] * parser.MOST_TESTS)
    with pytest.raises(BadFilter, match="100 tests"):
        filters.parse([("name", "eq.a")] * (parser.MOST_TESTS + 1))
    filters.parse([("order", "name")] * parser.MOST_KEYS)
    with pytest.raises(BadFilter, match="8 keys"):
        filters.parse([("order", "name")] * (parser.MOST_KEYS + 1))


@pytest.mark.parametrize("text", ["(" * 60_000, '"' + "\\a" * 30_000, "not." * 15_000, "(and" * 15_000])
def test_endless_nesting_and_quotes_end_soon(text: str) -> None:
    for name in ("or", "name", "order", f"metadata->{text}"):
        with suppress(BadFilter):
            filters.parse([(name, text)])


def test_one_test_alone() -> None:
    assert filters.parse_test("metadata->k", "eq.a", "metadata[k]") == Compare(MetadataKey("k"), EQ, "a")
    with pytest.raises(BadFilter, match=r"metadata\[k\]: "):
        filters.parse_test("metadata->k", "a", "metadata[k]")
