"""What is in a bucket, in the order of the keys' UTF-8 octets, page by page.

With a delimiter, keys that have it after the prefix are shown once, as what they have in common; the keys
behind such a common prefix are skipped by one look-up in the index, however many there are.
"""

from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from ringline.store import buckets
from ringline.store.bucket_tables import bucket_objects
from ringline.store.buckets import StoredObject

FEW, MANY = 16, 1_000
"""Rows of a query: few where the next common prefix may skip the rest, more as long as nothing is skipped."""


@dataclass(frozen=True, slots=True)
class Query:
    """Which keys; `start` is the least that may be listed, both ends of it as bytes."""

    limit: int
    prefix: bytes = b""
    delimiter: bytes = b""
    start: bytes = b""


@dataclass(frozen=True, slots=True)
class Page:
    """Objects and common prefixes, each in order; `next` is the `start` of the next page, None at the end."""

    objects: tuple[StoredObject, ...]
    prefixes: tuple[str, ...]
    next: bytes | None
    last: str
    """The last thing on this page, object or prefix; empty when there is none."""


def after(key: bytes) -> bytes:
    """The least key that comes after `key`."""
    return key + b"\0"


def beyond(prefix: bytes) -> bytes | None:
    """The least key that comes after all that begin with `prefix`; None when there can be none."""
    kept = prefix.rstrip(b"\xff")
    return kept[:-1] + bytes([kept[-1] + 1]) if kept else None


def page(conn: sa.Connection, account_id: str, name: str, query: Query) -> Page:
    """One page of a bucket. Raises `NoSuchBucket`."""
    bucket = buckets.find(conn, account_id, name)
    found: list[StoredObject] = []
    prefixes: list[str] = []
    last = ""
    position: bytes | None = max(query.start, query.prefix)
    batch = FEW if query.delimiter else MANY
    while position is not None:
        room = query.limit - len(found) - len(prefixes)
        rows = _rows(conn, bucket.id, query.prefix, position, min(batch, max(room, 1)))
        if not rows:
            break
        if room <= 0:
            return Page(tuple(found), tuple(prefixes), position, last)
        skipped: bytes | None = None
        for row in rows:
            key = bytes(row.key)
            if skipped is not None and key.startswith(skipped):
                continue
            common = _common(key, query)
            if common is None:
                found.append(buckets.stored(row))
                last, skipped, position = found[-1].key, None, after(key)
            else:
                last, skipped, position = common.decode(), common, beyond(common)
                prefixes.append(last)
        batch = FEW if skipped is not None else min(2 * batch, MANY)
    return Page(tuple(found), tuple(prefixes), None, last)


def _common(key: bytes, query: Query) -> bytes | None:
    if not query.delimiter:
        return None
    end = key.find(query.delimiter, len(query.prefix))
    return None if end < 0 else key[: end + len(query.delimiter)]


def _rows(
    conn: sa.Connection, bucket_id: str, prefix: bytes, position: bytes, limit: int
) -> list[sa.Row[Any]]:
    one = bucket_objects.c
    conditions = [one.bucket_id == bucket_id, one.key >= position]
    end = beyond(prefix)
    if end is not None:
        conditions.append(one.key < end)
    query = sa.select(bucket_objects).where(*conditions).order_by(one.key).limit(limit)
    return list(conn.execute(query))
