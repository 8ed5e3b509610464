"""Credential connections (spec voice-api §6.2): phones that register; and connections of any kind."""

import hashlib
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, fields
from datetime import datetime
from typing import Any, Literal

import sqlalchemy as sa

from ringline.core.errors import RinglineError
from ringline.store.applications import DtmfType, WebhookVersion, has_profile
from ringline.store.tables import applications, credential_connections, phone_numbers


class UserNameTaken(RinglineError):
    """Another connection of this server has this `user_name`."""


@dataclass(frozen=True, slots=True)
class Secrets:
    """What is kept of a password: H(user:realm:password) (RFC 8760 §2.4), in hexadecimal, twice."""

    md5: str
    sha256: str

    @classmethod
    def of(cls, user_name: str, realm: str, password: str) -> "Secrets":
        """The digests of a password; they hold for this user name and realm only."""
        text = f"{user_name}:{realm}:{password}".encode()
        return cls(hashlib.md5(text, usedforsecurity=False).hexdigest(), hashlib.sha256(text).hexdigest())


@dataclass(frozen=True, slots=True, kw_only=True)
class CredentialConnection:
    """One user that may register; `inbound`, `outbound` and `settings` are kept and echoed."""

    id: str
    account_id: str
    connection_name: str
    user_name: str
    secrets: Secrets = field(repr=False)
    created_at: datetime
    updated_at: datetime
    active: bool = True
    anchorsite_override: str = "Latency"
    dtmf_type: DtmfType = "RFC 2833"
    encrypted_media: str | None = None
    sip_uri_calling_preference: Literal["disabled", "unrestricted", "internal"] = "disabled"
    inbound: dict[str, Any] = field(default_factory=dict)
    outbound: dict[str, Any] = field(default_factory=dict)
    settings: dict[str, Any] = field(default_factory=dict)
    webhook_event_url: str | None = None
    webhook_event_failover_url: str | None = ""
    webhook_api_version: WebhookVersion = "2"
    webhook_timeout_secs: int | None = None
    tags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class AnyConnection:
    """What connections of every kind have in common."""

    id: str
    record_type: Literal["call_control_application", "credential_connection"]
    connection_name: str
    active: bool
    anchorsite_override: str
    outbound_voice_profile_id: str | None
    tags: tuple[str, ...]
    webhook_event_url: str | None
    webhook_event_failover_url: str | None
    webhook_api_version: WebhookVersion
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionQuery:
    """Which connections to list, and in what order; None means any."""

    id: str | None = None
    name_contains: str | None = None
    outbound_voice_profile_id: str | None = None
    order_by: Literal["created_at", "connection_name", "active"] = "created_at"
    descending: bool = False


def create(conn: sa.Connection, connection: CredentialConnection) -> CredentialConnection:
    """Keep a new connection; raises `UserNameTaken`."""
    _check_user_name(conn, connection)
    conn.execute(credential_connections.insert().values(_row(connection)))
    return connection


def find(conn: sa.Connection, account_id: str, id: str) -> CredentialConnection | None:
    """One credential connection of an account."""
    one = credential_connections.c
    query = sa.select(credential_connections).where(one.id == id, one.account_id == account_id)
    row = conn.execute(query).one_or_none()
    return _connection(row) if row else None


def everything(conn: sa.Connection) -> list[CredentialConnection]:
    """The credential connections of all accounts, oldest first: who may register."""
    one = credential_connections.c
    query = sa.select(credential_connections).order_by(one.created_at, one.id)
    return [_connection(row) for row in conn.execute(query)]


def page(
    conn: sa.Connection, account_id: str, query: ConnectionQuery, *, limit: int, offset: int = 0
) -> tuple[list[CredentialConnection], int]:
    """One page of credential connections, and the number of all that match."""
    one = credential_connections.c
    conditions = [
        one.account_id == account_id,
        *_conditions(one.id, one.connection_name, one.outbound, query),
    ]
    total = conn.execute(
        sa.select(sa.func.count()).select_from(credential_connections).where(*conditions)
    ).scalar_one()
    order = {"created_at": one.created_at, "connection_name": one.connection_name, "active": one.active}
    column = order[query.order_by]
    rows = conn.execute(
        sa.select(credential_connections)
        .where(*conditions)
        .order_by(column.desc() if query.descending else column, one.id)
        .limit(limit)
        .offset(offset)
    )
    return [_connection(row) for row in rows], total


def revise(
    conn: sa.Connection,
    account_id: str,
    id: str,
    change: Callable[[CredentialConnection], CredentialConnection],
) -> CredentialConnection | None:
    """Replace a connection by what `change` makes of it; None when there is none. Raises `UserNameTaken`."""
    current = find(conn, account_id, id)
    if current is None:
        return None
    changed = change(current)
    _check_user_name(conn, changed)
    one = credential_connections
    conn.execute(one.update().where(one.c.id == id).values(_row(changed)))
    return changed


def delete(conn: sa.Connection, account_id: str, id: str) -> CredentialConnection | None:
    """Remove a connection and the routes of numbers to it; None when there is none."""
    current = find(conn, account_id, id)
    if current is not None:
        conn.execute(credential_connections.delete().where(credential_connections.c.id == id))
        conn.execute(
            phone_numbers.update().where(phone_numbers.c.connection_id == id).values(connection_id=None)
        )
    return current


def page_of_any(
    conn: sa.Connection, account_id: str, query: ConnectionQuery, *, limit: int, offset: int = 0
) -> tuple[list[AnyConnection], int]:
    """One page of connections of every kind, and the number of all that match."""
    apps, credentials = applications.c, credential_connections.c
    every = sa.union_all(
        sa.select(
            sa.literal("call_control_application").label("record_type"),
            apps.application_name.label("connection_name"),
            *(apps[name] for name in _SHARED),
        ).where(
            apps.account_id == account_id, *_conditions(apps.id, apps.application_name, apps.outbound, query)
        ),
        sa.select(
            sa.literal("credential_connection").label("record_type"),
            credentials.connection_name,
            *(credentials[name] for name in _SHARED),
        ).where(
            credentials.account_id == account_id,
            *_conditions(credentials.id, credentials.connection_name, credentials.outbound, query),
        ),
    ).subquery()
    total = conn.execute(sa.select(sa.func.count()).select_from(every)).scalar_one()
    column = every.c[query.order_by]
    rows = conn.execute(
        sa.select(every)
        .order_by(column.desc() if query.descending else column, every.c.id)
        .limit(limit)
        .offset(offset)
    )
    return [_any(row) for row in rows], total


def exists(conn: sa.Connection, account_id: str, id: str) -> bool:
    """Whether the account has a connection of any kind under this id."""
    return page_of_any(conn, account_id, ConnectionQuery(id=id), limit=1)[1] > 0


_SHARED = (
    "id", "active", "anchorsite_override", "outbound", "tags", "webhook_event_url",
    "webhook_event_failover_url", "webhook_api_version", "created_at", "updated_at",
)  # fmt: skip


def _conditions(
    id: sa.Column[Any], name: sa.Column[Any], outbound: sa.Column[Any], query: ConnectionQuery
) -> list[sa.ColumnElement[bool]]:
    found: list[sa.ColumnElement[bool]] = []
    if query.id is not None:
        found.append(id == query.id)
    if query.name_contains:
        found.append(name.icontains(query.name_contains, autoescape=True))
    if query.outbound_voice_profile_id is not None:
        found.append(has_profile(outbound, query.outbound_voice_profile_id))
    return found


def _check_user_name(conn: sa.Connection, connection: CredentialConnection) -> None:
    one = credential_connections.c
    taken = sa.select(one.id).where(one.user_name == connection.user_name, one.id != connection.id)
    if conn.execute(taken).first():
        raise UserNameTaken(f"the user name {connection.user_name} is in use")


def _row(connection: CredentialConnection) -> dict[str, Any]:
    row = {one.name: getattr(connection, one.name) for one in fields(connection) if one.name != "secrets"}
    return row | {f"ha1_{name}": value for name, value in asdict(connection.secrets).items()}


def _connection(row: sa.Row[Any]) -> CredentialConnection:
    values = dict(row._mapping)
    secrets = Secrets(values.pop("ha1_md5"), values.pop("ha1_sha256"))
    return CredentialConnection(**values | {"secrets": secrets, "tags": tuple(row.tags)})


def _any(row: sa.Row[Any]) -> AnyConnection:
    values = dict(row._mapping)
    profile = values.pop("outbound").get("outbound_voice_profile_id")
    return AnyConnection(**values | {"outbound_voice_profile_id": profile, "tags": tuple(row.tags)})
