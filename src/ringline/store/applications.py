"""Call control applications (spec voice-api §6.1): whose webhooks hear of a call, and what it may do."""

from collections.abc import Callable
from dataclasses import asdict, dataclass, fields
from datetime import datetime
from typing import Any, Literal

import sqlalchemy as sa

from ringline.core.errors import RinglineError
from ringline.store.tables import applications, phone_numbers

DtmfType = Literal["RFC 2833", "Inband", "SIP INFO"]
WebhookVersion = Literal["1", "2"]


class SubdomainTaken(RinglineError):
    """Another application of this server has this `sip_subdomain`."""


@dataclass(frozen=True, slots=True)
class Inbound:
    """How calls come in."""

    channel_limit: int | None = None
    shaken_stir_enabled: bool = False
    sip_subdomain: str | None = None
    sip_subdomain_receive_settings: Literal["only_my_connections", "from_anyone"] = "from_anyone"


@dataclass(frozen=True, slots=True)
class Outbound:
    """How calls go out."""

    channel_limit: int | None = None
    outbound_voice_profile_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Application:
    """One application; `id` is the `connection_id` of its calls."""

    id: str
    account_id: str
    application_name: str
    webhook_event_url: str
    created_at: datetime
    updated_at: datetime
    active: bool = True
    anchorsite_override: str = "Latency"
    dtmf_type: DtmfType = "RFC 2833"
    first_command_timeout: bool = False
    first_command_timeout_secs: int = 30
    inbound: Inbound = Inbound()
    outbound: Outbound = Outbound()
    webhook_api_version: WebhookVersion = "2"
    webhook_event_failover_url: str | None = ""
    webhook_timeout_secs: int | None = None
    call_cost_in_webhooks: bool = False
    redact_dtmf_debug_logging: bool = False
    tags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ApplicationQuery:
    """Which applications to list, and in what order; None means any."""

    name_contains: str | None = None
    connection_id: str | None = None
    outbound_voice_profile_id: str | None = None
    order_by: Literal["created_at", "connection_name", "active"] = "created_at"
    descending: bool = False


def create(conn: sa.Connection, application: Application) -> Application:
    """Keep a new application; raises `SubdomainTaken`."""
    _check_subdomain(conn, application)
    conn.execute(applications.insert().values(_row(application)))
    return application


def find(conn: sa.Connection, account_id: str, id: str) -> Application | None:
    """One application of an account."""
    one = applications.c
    row = conn.execute(
        sa.select(applications).where(one.id == id, one.account_id == account_id)
    ).one_or_none()
    return _application(row) if row else None


def everything(conn: sa.Connection) -> list[Application]:
    """The applications of all accounts, oldest first: what the routing of calls is made from."""
    query = sa.select(applications).order_by(applications.c.created_at, applications.c.id)
    return [_application(row) for row in conn.execute(query)]


def page(
    conn: sa.Connection, account_id: str, query: ApplicationQuery, *, limit: int, offset: int = 0
) -> tuple[list[Application], int]:
    """One page, and the number of all that match."""
    one = applications.c
    conditions = [one.account_id == account_id]
    if query.name_contains:
        conditions.append(one.application_name.icontains(query.name_contains, autoescape=True))
    if query.connection_id is not None:
        conditions.append(one.id == query.connection_id)
    if query.outbound_voice_profile_id is not None:
        conditions.append(has_profile(one.outbound, query.outbound_voice_profile_id))
    total = conn.execute(sa.select(sa.func.count()).select_from(applications).where(*conditions)).scalar_one()
    order = {"created_at": one.created_at, "connection_name": one.application_name, "active": one.active}
    column = order[query.order_by]
    rows = conn.execute(
        sa.select(applications)
        .where(*conditions)
        .order_by(column.desc() if query.descending else column, one.id)
        .limit(limit)
        .offset(offset)
    )
    return [_application(row) for row in rows], total


def revise(
    conn: sa.Connection, account_id: str, id: str, change: Callable[[Application], Application]
) -> Application | None:
    """Replace an application by what `change` makes of it, if there is one. Raises `SubdomainTaken`."""
    current = find(conn, account_id, id)
    if current is None:
        return None
    changed = change(current)
    _check_subdomain(conn, changed)
    conn.execute(applications.update().where(applications.c.id == id).values(_row(changed)))
    return changed


def delete(conn: sa.Connection, account_id: str, id: str) -> Application | None:
    """Remove an application and the routes of numbers to it; None when there is none."""
    current = find(conn, account_id, id)
    if current is not None:
        conn.execute(applications.delete().where(applications.c.id == id))
        conn.execute(
            phone_numbers.update().where(phone_numbers.c.connection_id == id).values(connection_id=None)
        )
    return current


def has_profile(outbound: sa.Column[Any], profile_id: str) -> sa.ColumnElement[bool]:
    """Whether the JSON of an `outbound` column names a profile: it is written compact, by one encoder."""
    text = sa.type_coerce(outbound, sa.Text)
    return text.contains(f'"outbound_voice_profile_id":"{profile_id}"', autoescape=True)


def _check_subdomain(conn: sa.Connection, application: Application) -> None:
    name = application.inbound.sip_subdomain
    one = applications.c
    if (
        name
        and conn.execute(sa.select(one.id).where(one.sip_subdomain == name, one.id != application.id)).first()
    ):
        raise SubdomainTaken(f"the SIP subdomain {name} is in use")


def _row(application: Application) -> dict[str, Any]:
    row = {field.name: getattr(application, field.name) for field in fields(application)}
    row |= {"inbound": asdict(application.inbound), "outbound": asdict(application.outbound)}
    row["sip_subdomain"] = application.inbound.sip_subdomain or None
    return row


def _application(row: sa.Row[Any]) -> Application:
    values = {name: value for name, value in row._mapping.items() if name != "sip_subdomain"}
    values |= {
        "inbound": Inbound(**row.inbound),
        "outbound": Outbound(**row.outbound),
        "tags": tuple(row.tags),
    }
    return Application(**values)
