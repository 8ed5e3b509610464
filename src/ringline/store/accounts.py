"""Accounts: whoever owns keys, applications and calls. Most servers have one."""

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from ringline.core.ids import Ids
from ringline.store.tables import accounts

DEFAULT = "default"
"""Name of the account that a server makes for itself."""


@dataclass(frozen=True, slots=True)
class Account:
    """One account."""

    id: str
    name: str
    created_at: datetime


def create_account(conn: sa.Connection, name: str, *, ids: Ids, now: datetime) -> Account:
    """Make an account."""
    account = Account(ids.uuid(), name, now)
    conn.execute(accounts.insert().values(id=account.id, name=name, created_at=now))
    return account


def list_accounts(conn: sa.Connection) -> list[Account]:
    """All accounts, oldest first."""
    query = sa.select(accounts).order_by(accounts.c.created_at, accounts.c.id)
    return [Account(row.id, row.name, row.created_at) for row in conn.execute(query)]


def default_account(conn: sa.Connection, *, ids: Ids, now: datetime) -> Account:
    """The oldest account, made now if there is none."""
    found = list_accounts(conn)
    return found[0] if found else create_account(conn, DEFAULT, ids=ids, now=now)
