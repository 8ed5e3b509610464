"""Requests that were made before: `command_id`, `Idempotency-Key`.

The first request `begin`s and later `finish`es with its response; a repeat gets what is known of the first.
The table is in the store, so that it holds over restarts and between nodes.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa

from ringline.store.tables import idempotency


@dataclass(frozen=True, slots=True)
class Earlier:
    """What is known of an earlier request with the same key.

    `status` is None while that one is still at work. `same` is False when it was another request.
    """

    status: int | None
    response: bytes | None
    same: bool


def begin(
    conn: sa.Connection,
    account_id: str,
    scope: str,
    key: str,
    *,
    now: datetime,
    ttl: timedelta,
    fingerprint: str | None = None,
) -> Earlier | None:
    """Take the key for `ttl`; None when it was free, else what holds it.

    `scope` is what the key is unique in (a call_control_id, `dial`, a path); `fingerprint` tells requests
    apart where using a key again for another request is an error.
    """
    one = idempotency.c
    mine = (one.account_id == account_id, one.scope == scope, one.key == key)
    conn.execute(idempotency.delete().where(*mine, one.expires_at <= now))
    try:
        with conn.begin_nested():
            conn.execute(
                idempotency.insert(),
                {
                    "account_id": account_id,
                    "scope": scope,
                    "key": key,
                    "created_at": now,
                    "expires_at": now + ttl,
                    "fingerprint": fingerprint,
                },
            )
    except sa.exc.IntegrityError:
        row = conn.execute(sa.select(idempotency).where(*mine)).one()
        return Earlier(row.status, row.response, row.fingerprint == fingerprint)
    return None


def finish(
    conn: sa.Connection, account_id: str, scope: str, key: str, *, status: int, response: bytes
) -> None:
    """Keep the response for repeats."""
    one = idempotency.c
    conn.execute(
        idempotency.update()
        .where(one.account_id == account_id, one.scope == scope, one.key == key)
        .values(status=status, response=response)
    )


def forget(conn: sa.Connection, account_id: str, scope: str, key: str) -> None:
    """Free the key: the request failed and may be made again."""
    one = idempotency.c
    conn.execute(idempotency.delete().where(one.account_id == account_id, one.scope == scope, one.key == key))


def purge(conn: sa.Connection, now: datetime) -> int:
    """Delete what has expired; returns how many."""
    return conn.execute(idempotency.delete().where(idempotency.c.expires_at <= now)).rowcount
