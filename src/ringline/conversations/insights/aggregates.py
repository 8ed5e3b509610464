"""How many insights say what (spec ai-api §5.6): counted by members of results and by metadata.

::

    group_by, show   name{,name}      a member of the results (`score`, `a.b`), or metadata.KEY
    insight_id       id
    created_at       op.moment        when it was generated; eq, neq, gt, gte, lt, lte; may be repeated
    metadata.KEY     op.value         also metadata[KEY] and metadata->KEY; every test that §5.2 has
"""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import msgspec
import sqlalchemy as sa

from ringline.conversations.filters import BadFilter, parse_test
from ringline.conversations.filters.sql import condition
from ringline.conversations.filters.tree import Compare, Comparison, Term
from ringline.store.conversation_tables import conversation_metadata, conversations
from ringline.store.insight_runs import RunStatus
from ringline.store.insight_tables import insight_fields, insight_results, insight_runs

MOST_FIELDS = 8
MOST_TESTS = 32
MOST_ROWS = 1_000

_METADATA = re.compile(r"metadata(?:\.|->>?|\[)(?P<key>.+)", re.DOTALL)
_COMPARE: dict[Comparison, Callable[[sa.Column[Any], Any], sa.ColumnElement[bool]]] = {
    Comparison.EQ: lambda column, value: column == value,
    Comparison.NEQ: lambda column, value: column != value,
    Comparison.GT: lambda column, value: column > value,
    Comparison.GTE: lambda column, value: column >= value,
    Comparison.LT: lambda column, value: column < value,
    Comparison.LTE: lambda column, value: column <= value,
}


@dataclass(frozen=True, slots=True)
class ByField:
    """A member of the results. `needed`: results without it are not counted."""

    name: str
    needed: bool = True


@dataclass(frozen=True, slots=True)
class ByMetadata:
    """A key of the conversations' metadata."""

    key: str

    @property
    def name(self) -> str:
        """As it was asked for."""
        return f"metadata.{self.key}"


By = ByField | ByMetadata


@dataclass(frozen=True, slots=True)
class Aggregation:
    """What to count by what; without `by` it is one number."""

    by: tuple[By, ...] = ()
    created: tuple[Compare, ...] = ()
    metadata: tuple[Term, ...] = ()
    insight_id: str | None = None


def parse(items: Iterable[tuple[str, str]]) -> Aggregation:
    """Read a query's items, those that mean nothing here left out; raises `BadFilter`."""
    needed: list[str] = []
    shown: list[str] = []
    created: list[Compare] = []
    metadata: list[Term] = []
    insight_id: str | None = None
    for parameter, value in items:
        match parameter.removesuffix("[]"):
            case "group_by":
                needed += _names(value)
            case "show":
                shown += _names(value)
            case "insight_id":
                insight_id = value or None
            case "created_at":
                created.append(_moment(value))
            case name if found := _METADATA.fullmatch(name):
                key = found["key"].removesuffix("]") if "[" in name else found["key"]
                metadata.append(parse_test(f"metadata->{key}", value, parameter))
    if len(created) + len(metadata) > MOST_TESTS:
        raise BadFilter("created_at" if created else "metadata", f"at most {MOST_TESTS} tests")
    by = {name: _by(name, needed=name in needed) for name in (*needed, *shown)}
    if len(by) > MOST_FIELDS:
        raise BadFilter("group_by" if needed else "show", f"at most {MOST_FIELDS} names")
    return Aggregation(tuple(by.values()), tuple(created), tuple(metadata), insight_id)


def count(conn: sa.Connection, account_id: str, aggregation: Aggregation) -> list[dict[str, Any]]:
    """Rows of `record_count` and what they were counted by, largest first.

    Of a conversation that went on after its insights were generated, or whose templates changed, the last
    count.
    """
    result, run = insight_results.c, insight_runs.c
    tables: sa.FromClause = insight_results.join(insight_runs, run.id == result.run_id)
    tables = tables.join(conversations, conversations.c.id == run.conversation_id)
    columns: list[sa.ColumnElement[Any]] = []
    for one in aggregation.by:
        tables, column = _joined(tables, one)
        columns.append(column)
    later = insight_runs.alias()
    superseded = sa.exists().where(
        later.c.conversation_id == run.conversation_id,
        later.c.group_id == run.group_id,
        sa.or_(
            later.c.version > run.version,
            sa.and_(later.c.version == run.version, later.c.created_at > run.created_at),
        ),
        later.c.status == RunStatus.COMPLETED,
    )
    number = sa.func.count()
    query = (
        sa.select(number, *columns)
        .select_from(tables)
        .where(run.account_id == account_id, run.status == RunStatus.COMPLETED, ~superseded)
        .where(*[_COMPARE[one.comparison](run.created_at, one.value) for one in aggregation.created])
        .where(*[condition(account_id, term) for term in aggregation.metadata])
    )
    if aggregation.insight_id is not None:
        query = query.where(result.insight_id == aggregation.insight_id)
    rows = conn.execute(query.group_by(*columns).order_by(number.desc()).limit(MOST_ROWS)).all()
    ordered = sorted(rows, key=lambda row: (-row[0], [value or "" for value in row[1:]]))
    return [
        {"record_count": row[0]}
        | {one.name: _value(one, value) for one, value in zip(aggregation.by, row[1:], strict=True)}
        for row in ordered
    ]


def _joined(tables: sa.FromClause, one: By) -> tuple[sa.FromClause, sa.ColumnElement[Any]]:
    if isinstance(one, ByMetadata):
        side = conversation_metadata.alias()
        named = sa.and_(side.c.conversation_id == conversations.c.id, side.c.key == one.key)
        return tables.outerjoin(side, named), side.c.value
    side = insight_fields.alias()
    result = insight_results.c
    named = sa.and_(
        side.c.run_id == result.run_id, side.c.insight_id == result.insight_id, side.c.name == one.name
    )
    return tables.join(side, named, isouter=not one.needed), side.c.value


def _value(one: By, value: str | None) -> Any:
    return value if value is None or isinstance(one, ByMetadata) else msgspec.json.decode(value)


def _names(value: str) -> list[str]:
    return [name for part in value.split(",") if (name := part.strip())]


def _by(name: str, *, needed: bool) -> By:
    found = _METADATA.fullmatch(name)
    return ByMetadata(found["key"].removesuffix("]")) if found else ByField(name, needed)


def _moment(value: str) -> Compare:
    term = parse_test("created_at", value, "created_at")
    if not isinstance(term, Compare):
        raise BadFilter("created_at", "compare it with eq, neq, gt, gte, lt or lte")
    return term
