"""Phone numbers and the orders that bring them (spec voice-api §6.2); a number belongs to one account."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, fields
from datetime import datetime
from typing import Any, Literal

import msgspec
import sqlalchemy as sa

from ringline.core.errors import RinglineError
from ringline.store.tables import applications, credential_connections, number_orders, phone_numbers


class NumberTaken(RinglineError):
    """Somebody on this server has this number already; `number` says which."""

    def __init__(self, number: str) -> None:
        super().__init__(f"{number} belongs to somebody on this server already")
        self.number = number


@dataclass(frozen=True, slots=True, kw_only=True)
class PhoneNumber:
    """A number of an account; `connection_id` says who takes its calls. `settings` are kept and echoed."""

    id: str
    account_id: str
    phone_number: str
    created_at: datetime
    updated_at: datetime
    connection_id: str | None = None
    number_order_id: str | None = None
    status: str = "active"
    settings: dict[str, Any] = field(default_factory=dict)
    tags: tuple[str, ...] = ()
    connection_name: str | None = None
    """Of the connection; read with the number, never written."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NumberOrder:
    """An order; `phone_numbers` are (id, number) of what it brought."""

    id: str
    account_id: str
    created_at: datetime
    updated_at: datetime
    status: str = "success"
    connection_id: str | None = None
    customer_reference: str | None = None
    phone_numbers: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class NumberQuery:
    """Which numbers to list, and in what order; None means any."""

    phone_number: str | None = None
    """Part of the number; digits only are compared."""
    starts_with: tuple[str, ...] | None = None
    """With one of these."""
    starts_not_with: tuple[str, ...] = ()
    """With none of these."""
    connection_id: str | None = None
    connection_name: str | None = None
    connection_name_contains: str | None = None
    connection_name_starts: str | None = None
    connection_name_ends: str | None = None
    status: str | None = None
    tag: str | None = None
    without_tags: bool | None = None
    customer_reference: str | None = None
    order_by: Literal["purchased_at", "phone_number", "connection_name"] = "purchased_at"
    descending: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderQuery:
    """Which orders to list; None means any. Newest first."""

    status: str | None = None
    customer_reference: str | None = None
    phone_numbers_count: int | None = None
    created_after: datetime | None = None
    created_before: datetime | None = None


_NAME = sa.func.coalesce(applications.c.application_name, credential_connections.c.connection_name)


def order(conn: sa.Connection, wanted: NumberOrder, numbers: Sequence[PhoneNumber]) -> NumberOrder:
    """Keep an order and its numbers, all or none; raises `NumberTaken`."""
    for number in numbers:
        if conn.execute(
            sa.select(phone_numbers.c.id).where(phone_numbers.c.phone_number == number.phone_number)
        ).first():
            raise NumberTaken(number.phone_number)
        conn.execute(phone_numbers.insert().values(_row(number)))
    row = {one.name: getattr(wanted, one.name) for one in fields(wanted)}
    conn.execute(number_orders.insert().values(row))
    return wanted


def find_order(conn: sa.Connection, account_id: str, id: str) -> NumberOrder | None:
    """One order of an account."""
    one = number_orders.c
    row = conn.execute(
        sa.select(number_orders).where(one.id == id, one.account_id == account_id)
    ).one_or_none()
    return _order(row) if row else None


def refer_order(
    conn: sa.Connection, account_id: str, id: str, reference: str, now: datetime
) -> NumberOrder | None:
    """Change an order's customer reference; None when there is no such order."""
    one = number_orders.c
    conn.execute(
        number_orders.update()
        .where(one.id == id, one.account_id == account_id)
        .values(customer_reference=reference, updated_at=now)
    )
    return find_order(conn, account_id, id)


def page_of_orders(
    conn: sa.Connection, account_id: str, query: OrderQuery, *, limit: int, offset: int = 0
) -> tuple[list[NumberOrder], int]:
    """One page, newest first, and the number of all that match."""
    one = number_orders.c
    conditions = [one.account_id == account_id]
    if query.status is not None:
        conditions.append(one.status == query.status)
    if query.customer_reference is not None:
        conditions.append(one.customer_reference == query.customer_reference)
    if query.created_after is not None:
        conditions.append(one.created_at > query.created_after)
    if query.created_before is not None:
        conditions.append(one.created_at < query.created_before)
    if query.phone_numbers_count is not None:
        count = (
            sa.select(sa.func.count())
            .where(phone_numbers.c.number_order_id == one.id)
            .correlate(number_orders)
            .scalar_subquery()
        )
        conditions.append(count == query.phone_numbers_count)
    total = conn.execute(
        sa.select(sa.func.count()).select_from(number_orders).where(*conditions)
    ).scalar_one()
    rows = conn.execute(
        sa.select(number_orders)
        .where(*conditions)
        .order_by(one.created_at.desc(), one.id)
        .limit(limit)
        .offset(offset)
    )
    return [_order(row) for row in rows], total


def find(conn: sa.Connection, account_id: str, id: str) -> PhoneNumber | None:
    """One number of an account, by its id or by the number itself."""
    one = phone_numbers.c
    row = conn.execute(
        _joined().where(sa.or_(one.id == id, one.phone_number == id), one.account_id == account_id)
    ).one_or_none()
    return _number(row) if row else None


def everything(conn: sa.Connection) -> list[PhoneNumber]:
    """The numbers of all accounts: what incoming calls are routed by."""
    return [_number(row) for row in conn.execute(_joined().order_by(phone_numbers.c.id))]


def taken(conn: sa.Connection, numbers: Sequence[str]) -> set[str]:
    """Those of `numbers` that belong to anybody on this server."""
    one = phone_numbers.c.phone_number
    return set(conn.execute(sa.select(one).where(one.in_(numbers))).scalars())


def page(
    conn: sa.Connection, account_id: str, query: NumberQuery, *, limit: int, offset: int = 0
) -> tuple[list[PhoneNumber], int]:
    """One page, and the number of all that match."""
    conditions = [phone_numbers.c.account_id == account_id, *_conditions(query)]
    matching = _joined().where(*conditions)
    total = conn.execute(sa.select(sa.func.count()).select_from(matching.subquery())).scalar_one()
    one = phone_numbers.c
    order: dict[str, sa.ColumnElement[Any]] = {
        "purchased_at": one.created_at,
        "phone_number": one.phone_number,
        "connection_name": _NAME,
    }
    column = order[query.order_by]
    rows = conn.execute(
        matching.order_by(column.desc() if query.descending else column, one.id).limit(limit).offset(offset)
    )
    return [_number(row) for row in rows], total


def revise(
    conn: sa.Connection, account_id: str, id: str, change: Callable[[PhoneNumber], PhoneNumber]
) -> PhoneNumber | None:
    """Replace a number's row by what `change` makes of it; None when there is none."""
    current = find(conn, account_id, id)
    if current is None:
        return None
    changed = change(current)
    conn.execute(phone_numbers.update().where(phone_numbers.c.id == current.id).values(_row(changed)))
    return find(conn, account_id, current.id)


def delete(conn: sa.Connection, account_id: str, id: str) -> PhoneNumber | None:
    """Give a number up; anybody may have it then. None when there is none."""
    current = find(conn, account_id, id)
    if current is not None:
        conn.execute(phone_numbers.delete().where(phone_numbers.c.id == current.id))
    return current


def _joined() -> sa.Select[Any]:
    one = phone_numbers.c
    return (
        sa.select(phone_numbers, _NAME.label("connection_name"))
        .outerjoin(applications, applications.c.id == one.connection_id)
        .outerjoin(credential_connections, credential_connections.c.id == one.connection_id)
    )


def _conditions(query: NumberQuery) -> list[sa.ColumnElement[bool]]:
    one = phone_numbers.c
    found: list[sa.ColumnElement[bool]] = []
    if query.phone_number:
        digits = "".join(letter for letter in query.phone_number if letter.isdigit())
        found.append(one.phone_number.contains(digits))
    if query.starts_with is not None:
        found.append(sa.or_(sa.false(), *(one.phone_number.startswith(code) for code in query.starts_with)))
    found += [~one.phone_number.startswith(code) for code in query.starts_not_with]
    if query.connection_id is not None:
        found.append(one.connection_id == query.connection_id)
    if query.status is not None:
        found.append(one.status == query.status)
    if query.connection_name is not None:
        found.append(_NAME.in_([query.connection_name]))
    if query.connection_name_contains is not None:
        found.append(_NAME.icontains(query.connection_name_contains, autoescape=True))
    if query.connection_name_starts is not None:
        found.append(_NAME.istartswith(query.connection_name_starts, autoescape=True))
    if query.connection_name_ends is not None:
        found.append(_NAME.iendswith(query.connection_name_ends, autoescape=True))
    tags = sa.type_coerce(one.tags, sa.Text)
    if query.tag is not None:
        found.append(tags.contains(_json(query.tag), autoescape=True))
    if query.without_tags is not None:
        found.append(tags.in_(["[]"]) if query.without_tags else tags.not_in(["[]"]))
    if query.customer_reference is not None:
        settings = sa.type_coerce(one.settings, sa.Text)
        found.append(
            settings.contains(f'"customer_reference":{_json(query.customer_reference)}', autoescape=True)
        )
    return found


def _json(text: str) -> str:
    return msgspec.json.encode(text).decode()


def _row(number: PhoneNumber) -> dict[str, Any]:
    return {one.name: getattr(number, one.name) for one in fields(number) if one.name != "connection_name"}


def _number(row: sa.Row[Any]) -> PhoneNumber:
    return PhoneNumber(**dict(row._mapping) | {"tags": tuple(row.tags)})


def _order(row: sa.Row[Any]) -> NumberOrder:
    brought = tuple((pair[0], pair[1]) for pair in row.phone_numbers)
    return NumberOrder(**dict(row._mapping) | {"phone_numbers": brought})
