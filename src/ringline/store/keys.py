"""API keys, of which only a hash is kept, and the accounts' webhook signing keys."""

import base64
import hashlib
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from ringline.core.ids import Ids
from ringline.store.tables import api_keys, server_secrets, signing_keys

PREFIX = 8
"""Characters of a key that lists show."""


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A key as it can be listed; the key itself is known to its owner only."""

    id: str
    account_id: str
    name: str
    prefix: str
    created_at: datetime
    revoked_at: datetime | None


def new_secret(ids: Ids) -> str:
    """A fresh API key, `KEY` and 43 characters, as clients send it after `Bearer`."""
    return "KEY" + ids.token(32)


def create_key(
    conn: sa.Connection, account_id: str, secret: str, *, name: str, ids: Ids, now: datetime
) -> ApiKey:
    """Keep the hash of `secret`. A secret that is there already raises IntegrityError."""
    key = ApiKey(ids.uuid(), account_id, name, secret[:PREFIX], now, None)
    conn.execute(
        api_keys.insert().values(
            id=key.id,
            account_id=account_id,
            hash=_hash(secret),
            name=name,
            prefix=key.prefix,
            created_at=now,
        )
    )
    return key


def account_of(conn: sa.Connection, secret: str) -> str | None:
    """The account that a key belongs to; None for an unknown or revoked one."""
    query = sa.select(api_keys.c.account_id).where(
        api_keys.c.hash == _hash(secret), api_keys.c.revoked_at.is_(None)
    )
    return conn.execute(query).scalar()


def list_keys(conn: sa.Connection, account_id: str | None = None) -> list[ApiKey]:
    """The keys of one account, or of all, oldest first, revoked ones included."""
    query = sa.select(api_keys).order_by(api_keys.c.created_at, api_keys.c.id)
    if account_id is not None:
        query = query.where(api_keys.c.account_id == account_id)
    return [
        ApiKey(row.id, row.account_id, row.name, row.prefix, row.created_at, row.revoked_at)
        for row in conn.execute(query)
    ]


def revoke_key(conn: sa.Connection, key: str, now: datetime) -> bool:
    """End a key, given by its id or prefix; False when no such key is alive."""
    one = api_keys.c
    found = conn.execute(
        sa.select(one.id).where(sa.or_(one.id == key, one.prefix == key), one.revoked_at.is_(None)).limit(2)
    ).all()
    if len(found) != 1:
        return False
    conn.execute(api_keys.update().where(one.id == found[0].id).values(revoked_at=now))
    return True


def signing_seed(conn: sa.Connection, account_id: str, *, ids: Ids, now: datetime) -> bytes:
    """The 32 raw bytes of the account's Ed25519 key, made now if there is none."""
    one = signing_keys.c
    query = sa.select(one.seed).where(one.account_id == account_id)
    fresh = {"account_id": account_id, "seed": _secret(ids), "created_at": now}
    return _get_or_add(conn, query, signing_keys, fresh)


def signing_seeds(conn: sa.Connection) -> dict[str, bytes]:
    """The keys that there are, by account."""
    one = signing_keys.c
    return {row.account_id: bytes(row.seed) for row in conn.execute(sa.select(one.account_id, one.seed))}


def server_secret(conn: sa.Connection, name: str, *, ids: Ids, now: datetime) -> bytes:
    """32 random bytes that all nodes share and that last; made now if there are none of that name."""
    one = server_secrets.c
    query = sa.select(one.value).where(one.name == name)
    return _get_or_add(conn, query, server_secrets, {"name": name, "value": _secret(ids), "created_at": now})


def _get_or_add(
    conn: sa.Connection, query: sa.Select[Any], table: sa.Table, fresh: dict[str, object]
) -> bytes:
    found = conn.execute(query).scalar()
    if found is None:
        with suppress(sa.exc.IntegrityError), conn.begin_nested():  # another node may be first
            conn.execute(table.insert(), fresh)
        found = conn.execute(query).scalar_one()
    return bytes(found)


def _secret(ids: Ids) -> bytes:
    return base64.urlsafe_b64decode(ids.token(32) + "=")


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
