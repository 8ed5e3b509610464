"""Insight templates and the groups they are assigned to (spec ai-api §5.4, §5.5)."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any, Literal

import sqlalchemy as sa

from ringline.store.insight_tables import insight_assignments, insight_groups, insights
from ringline.store.once import insert_once
from ringline.store.types import MICROSECOND

InsightType = Literal["custom", "default"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Insight:
    """A template: what is asked of a conversation. With a `json_schema` the answer is JSON that fits it."""

    id: str
    account_id: str
    name: str
    instructions: str
    created_at: datetime
    updated_at: datetime
    insight_type: InsightType = "custom"
    json_schema: dict[str, Any] | str | None = None
    """As it was given: an object, or its JSON text."""
    webhook: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class InsightGroup:
    """Templates that are asked together, in the order in which they were assigned."""

    id: str
    account_id: str
    name: str
    created_at: datetime
    updated_at: datetime
    description: str = ""
    webhook: str = ""
    insights: tuple[Insight, ...] = ()


_INSIGHT = tuple(field.name for field in fields(Insight))
_GROUP = tuple(field.name for field in fields(InsightGroup) if field.name != "insights")


def create(conn: sa.Connection, insight: Insight) -> Insight:
    """Keep a new template."""
    conn.execute(insights.insert(), _row(insight))
    return insight


def ensure(conn: sa.Connection, insight: Insight) -> Insight:
    """The template with this id, kept as it is now if there is none."""
    insert_once(conn, insights, _row(insight))
    found = find(conn, insight.account_id, insight.id)
    assert found is not None
    return found


def find(conn: sa.Connection, account_id: str, id: str) -> Insight | None:
    """One template of an account."""
    one = insights.c
    row = conn.execute(sa.select(insights).where(one.id == id, one.account_id == account_id)).one_or_none()
    return _insight(row) if row else None


def page(conn: sa.Connection, account_id: str, *, limit: int, offset: int = 0) -> tuple[list[Insight], int]:
    """One page of the templates, newest first, and the number of all. A `limit` of 0 only counts."""
    mine = insights.c.account_id == account_id
    total = conn.execute(sa.select(sa.func.count()).select_from(insights).where(mine)).scalar_one()
    query = sa.select(insights).where(mine).order_by(insights.c.created_at.desc(), insights.c.id)
    return [_insight(row) for row in conn.execute(query.limit(limit).offset(offset))], total


def revise(
    conn: sa.Connection, account_id: str, id: str, change: Callable[[Insight], Insight]
) -> Insight | None:
    """Replace a template by what `change` makes of it, if there is one."""
    current = find(conn, account_id, id)
    if current is None:
        return None
    changed = change(current)
    conn.execute(insights.update().where(insights.c.id == id), _row(changed))
    return changed


def delete(conn: sa.Connection, account_id: str, id: str) -> bool:
    """Remove a template, also from its groups; results that it gave stay. False when there is none."""
    one = insights.c
    gone = conn.execute(insights.delete().where(one.id == id, one.account_id == account_id)).rowcount == 1
    if gone:
        conn.execute(insight_assignments.delete().where(insight_assignments.c.insight_id == id))
    return gone


def create_group(conn: sa.Connection, group: InsightGroup) -> InsightGroup:
    """Keep a new group, its `insights` assigned."""
    conn.execute(insight_groups.insert(), _group_row(group))
    for number, insight in enumerate(group.insights):  # a microsecond apart, for the order to be kept
        _assign(conn, group.id, insight.id, group.created_at + number * MICROSECOND)
    return group


def find_group(conn: sa.Connection, account_id: str, id: str) -> InsightGroup | None:
    """One group of an account."""
    one = insight_groups.c
    found = _groups(conn, sa.select(insight_groups).where(one.id == id, one.account_id == account_id))
    return found[0] if found else None


def group_named(conn: sa.Connection, account_id: str, name: str) -> InsightGroup | None:
    """The account's oldest group of this name, upper and lower case alike."""
    one = insight_groups.c
    query = sa.select(insight_groups).where(
        one.account_id == account_id, sa.func.lower(one.name) == name.lower()
    )
    found = _groups(conn, query.order_by(one.created_at, one.id).limit(1))
    return found[0] if found else None


def group_page(
    conn: sa.Connection, account_id: str, *, limit: int, offset: int = 0
) -> tuple[list[InsightGroup], int]:
    """One page of the groups, newest first, and the number of all. A `limit` of 0 only counts."""
    mine = insight_groups.c.account_id == account_id
    total = conn.execute(sa.select(sa.func.count()).select_from(insight_groups).where(mine)).scalar_one()
    query = sa.select(insight_groups).where(mine)
    query = query.order_by(insight_groups.c.created_at.desc(), insight_groups.c.id)
    return _groups(conn, query.limit(limit).offset(offset)), total


def revise_group(
    conn: sa.Connection, account_id: str, id: str, change: Callable[[InsightGroup], InsightGroup]
) -> InsightGroup | None:
    """Replace a group by what `change` makes of it, if there is one; its templates stay."""
    current = find_group(conn, account_id, id)
    if current is None:
        return None
    changed = change(current)
    conn.execute(insight_groups.update().where(insight_groups.c.id == id), _group_row(changed))
    return changed


def delete_group(conn: sa.Connection, account_id: str, id: str) -> bool:
    """Remove a group; its templates and what they gave stay. False when there is none."""
    one = insight_groups.c
    gone = conn.execute(insight_groups.delete().where(one.id == id, one.account_id == account_id))
    if gone.rowcount:
        conn.execute(insight_assignments.delete().where(insight_assignments.c.group_id == id))
    return gone.rowcount == 1


def assign(conn: sa.Connection, account_id: str, group_id: str, insight_id: str, *, now: datetime) -> bool:
    """Put a template into a group, once. False when the account lacks one of the two."""
    if not _both(conn, account_id, group_id, insight_id):
        return False
    _assign(conn, group_id, insight_id, now)
    return True


def unassign(conn: sa.Connection, account_id: str, group_id: str, insight_id: str) -> bool:
    """Take a template out of a group, if it is in it. False when the account lacks one of the two."""
    if not _both(conn, account_id, group_id, insight_id):
        return False
    one = insight_assignments.c
    conn.execute(insight_assignments.delete().where(one.group_id == group_id, one.insight_id == insight_id))
    return True


def _both(conn: sa.Connection, account_id: str, group_id: str, insight_id: str) -> bool:
    group, insight = insight_groups.c, insights.c
    query = (
        sa.select(group.id)
        .join_from(insight_groups, insights, insight.account_id == group.account_id)
        .where(group.id == group_id, insight.id == insight_id, group.account_id == account_id)
    )
    return conn.execute(query).first() is not None


def _assign(conn: sa.Connection, group_id: str, insight_id: str, now: datetime) -> None:
    row = {"group_id": group_id, "insight_id": insight_id, "assigned_at": now}
    insert_once(conn, insight_assignments, row)


def _groups(conn: sa.Connection, query: sa.Select[Any]) -> list[InsightGroup]:
    rows: Sequence[sa.Row[Any]] = conn.execute(query).all()
    members: dict[str, list[Insight]] = {row.id: [] for row in rows}
    one = insight_assignments.c
    assigned = (
        sa.select(one.group_id.label("member_of"), insights)
        .join_from(insight_assignments, insights, one.insight_id == insights.c.id)
        .where(one.group_id.in_(members))
        .order_by(one.assigned_at, insights.c.created_at, insights.c.id)
    )
    if rows:
        for row in conn.execute(assigned):
            members[row.member_of].append(_insight(row))
    return [
        InsightGroup(**{name: getattr(row, name) for name in _GROUP}, insights=tuple(members[row.id]))
        for row in rows
    ]


def _insight(row: sa.Row[Any]) -> Insight:
    return Insight(**{name: getattr(row, name) for name in _INSIGHT})


def _row(insight: Insight) -> dict[str, Any]:
    return {name: getattr(insight, name) for name in _INSIGHT}


def _group_row(group: InsightGroup) -> dict[str, Any]:
    return {name: getattr(group, name) for name in _GROUP}
