"""Buckets and their objects (spec ai-api §12): what is where, never the bytes themselves.

An object's bytes are its *pieces*, each an object of its own in the object store; a plain upload makes one,
an upload in parts one for each part, and completing it moves no byte. Functions that leave pieces without an
owner return their storage keys, for the caller to delete once the transaction is committed.

Whoever writes locks the bucket's row first: on PostgreSQL two writers of one key, or a writer and the one who
deletes the bucket, follow each other as they do on SQLite.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from ringline.core.errors import RinglineError
from ringline.store.bucket_tables import (
    bucket_objects,
    bucket_pieces,
    bucket_traffic,
    bucket_uploads,
    buckets,
)
from ringline.store.tables import accounts

Headers = tuple[tuple[str, str], ...]
"""Names in lower case and values: `content-type`, `cache-control`, `x-amz-meta-…`."""


class NoSuchBucket(RinglineError):
    """The account has no bucket of this name."""


class NoSuchObject(RinglineError):
    """The bucket has no object under this key."""


class BucketExists(RinglineError):
    """The account has a bucket of this name already."""


class TooManyBuckets(RinglineError):
    """The account has as many buckets as it may."""


class BucketNotEmpty(RinglineError):
    """There are objects in the bucket."""


@dataclass(frozen=True, slots=True)
class Bucket:
    """One bucket; names are unique within an account."""

    id: str
    account_id: str
    name: str
    region: str
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredObject:
    """One object as its bucket knows it; `etag` is without quotation marks."""

    key: str
    content_id: str
    size_bytes: int
    etag: str
    headers: Headers
    modified_at: datetime

    @property
    def content_type(self) -> str:
        """Its type, as its maker said it."""
        return dict(self.headers).get("content-type", "binary/octet-stream")


@dataclass(frozen=True, slots=True)
class Piece:
    """Some of an object's bytes, in the order of `number`; `md5` is hexadecimal."""

    number: int
    storage_key: str
    size_bytes: int
    md5: str
    modified_at: datetime
    checksums: Headers = ()
    """Names of algorithms and, in base64, what they make of it."""


@dataclass(frozen=True, slots=True)
class Extent:
    """What a bucket holds."""

    objects: int
    size_bytes: int


Condition = Callable[[StoredObject | None], None]
"""Looks at what a write would replace; raises to forbid it."""


def create(conn: sa.Connection, bucket: Bucket, limit: int) -> Bucket:
    """Keep a new bucket; an account may have `limit`. Raises `BucketExists`, `TooManyBuckets`."""
    # Makers of buckets follow each other, too: neither name nor number is counted twice.
    conn.execute(sa.select(accounts.c.id).where(accounts.c.id == bucket.account_id).with_for_update())
    names = [one.name for one in of_account(conn, bucket.account_id)]
    if bucket.name in names:
        raise BucketExists(bucket.name)
    if len(names) >= limit:
        raise TooManyBuckets(f"there are {len(names)} buckets already")
    conn.execute(
        buckets.insert().values(
            id=bucket.id,
            account_id=bucket.account_id,
            name=bucket.name,
            region=bucket.region,
            created_at=bucket.created_at,
        )
    )
    return bucket


def of_account(conn: sa.Connection, account_id: str) -> list[Bucket]:
    """The buckets of an account, by name."""
    rows = conn.execute(sa.select(buckets).where(buckets.c.account_id == account_id))
    return sorted((Bucket(*row) for row in rows), key=lambda one: one.name)


def find(conn: sa.Connection, account_id: str, name: str) -> Bucket:
    """A bucket of an account. Raises `NoSuchBucket`."""
    return _found(conn, _named(account_id, name), name)


def lock(conn: sa.Connection, account_id: str, name: str) -> Bucket:
    """As `find`, and no other transaction changes the bucket before this one ends."""
    return _found(conn, _named(account_id, name).with_for_update(), name)


def delete(conn: sa.Connection, account_id: str, name: str) -> list[str]:
    """Remove an empty bucket and its unfinished uploads; returns what these leave in the object store.

    Raises `NoSuchBucket`, `BucketNotEmpty`.
    """
    bucket = lock(conn, account_id, name)
    if conn.execute(sa.select(1).where(bucket_objects.c.bucket_id == bucket.id).limit(1)).first():
        raise BucketNotEmpty(name)
    query = sa.select(bucket_uploads.c.id).where(bucket_uploads.c.bucket_id == bucket.id)
    left = [key for upload in conn.execute(query).scalars().all() for key in drop_pieces(conn, upload)]
    conn.execute(bucket_uploads.delete().where(bucket_uploads.c.bucket_id == bucket.id))
    conn.execute(bucket_traffic.delete().where(bucket_traffic.c.bucket_id == bucket.id))
    conn.execute(buckets.delete().where(buckets.c.id == bucket.id))
    return left


def extent(conn: sa.Connection, account_id: str, name: str) -> Extent:
    """How much a bucket holds. Raises `NoSuchBucket`."""
    bucket = find(conn, account_id, name)
    size = sa.func.coalesce(sa.func.sum(bucket_objects.c.size_bytes), 0)
    query = sa.select(sa.func.count(), size).where(bucket_objects.c.bucket_id == bucket.id)
    count, size_bytes = conn.execute(query).one()
    return Extent(count, int(size_bytes))


def find_object(
    conn: sa.Connection, account_id: str, name: str, key: str
) -> tuple[StoredObject, tuple[Piece, ...]]:
    """An object and its pieces. Raises `NoSuchBucket`, `NoSuchObject`."""
    found = current(conn, find(conn, account_id, name), key)
    if found is None:
        raise NoSuchObject(key)
    return found, pieces(conn, found.content_id)


def put(
    conn: sa.Connection, account_id: str, name: str, item: StoredObject, piece: Piece, allowed: Condition
) -> list[str]:
    """Keep an object of one piece in the place of whatever has its key; returns what that leaves.

    Raises `NoSuchBucket`, and what `allowed` raises.
    """
    bucket = lock(conn, account_id, name)
    before = current(conn, bucket, item.key)
    allowed(before)
    add_piece(conn, item.content_id, piece)
    return replace(conn, bucket, before, item)


def replace(
    conn: sa.Connection, bucket: Bucket, before: StoredObject | None, item: StoredObject
) -> list[str]:
    """Put `item`, whose pieces are there, in the place of `before`; the bucket is locked."""
    left = _forget(conn, bucket, before) if before else []
    conn.execute(
        bucket_objects.insert().values(
            bucket_id=bucket.id,
            key=item.key.encode(),
            content_id=item.content_id,
            size_bytes=item.size_bytes,
            etag=item.etag,
            headers=item.headers,
            modified_at=item.modified_at,
        )
    )
    return left


def delete_objects(
    conn: sa.Connection,
    account_id: str,
    name: str,
    keys: Sequence[str],
    allowed: Condition = lambda _found: None,
) -> list[str]:
    """Remove objects, those that are there; returns what they leave.

    Raises `NoSuchBucket`, and what `allowed` raises.
    """
    bucket = lock(conn, account_id, name)
    left: list[str] = []
    for key in keys:
        found = current(conn, bucket, key)
        allowed(found)
        if found is not None:
            left += _forget(conn, bucket, found)
    return left


def current(conn: sa.Connection, bucket: Bucket, key: str) -> StoredObject | None:
    """The object under a key."""
    one = bucket_objects.c
    row = conn.execute(
        sa.select(bucket_objects).where(one.bucket_id == bucket.id, one.key == key.encode())
    ).one_or_none()
    return stored(row) if row else None


def stored(row: sa.Row[Any]) -> StoredObject:
    """A row of `bucket_objects`."""
    return StoredObject(
        key=bytes(row.key).decode(),
        content_id=row.content_id,
        size_bytes=row.size_bytes,
        etag=row.etag,
        headers=headers_of(row.headers),
        modified_at=row.modified_at,
    )


def headers_of(pairs: Sequence[Sequence[str]]) -> Headers:
    """Headers as they come back from JSON."""
    return tuple((name, value) for name, value in pairs)


def pieces(conn: sa.Connection, content_id: str) -> tuple[Piece, ...]:
    """The pieces of an object or an upload, in their order."""
    one = bucket_pieces.c
    rows = conn.execute(sa.select(bucket_pieces).where(one.content_id == content_id).order_by(one.number))
    return tuple(_piece(row) for row in rows)


def add_piece(conn: sa.Connection, content_id: str, piece: Piece) -> None:
    """Keep a piece; its number is free."""
    conn.execute(
        bucket_pieces.insert().values(
            content_id=content_id,
            number=piece.number,
            storage_key=piece.storage_key,
            size_bytes=piece.size_bytes,
            md5=piece.md5,
            checksums=piece.checksums,
            modified_at=piece.modified_at,
        )
    )


def drop_pieces(conn: sa.Connection, content_id: str) -> list[str]:
    """Forget all pieces of an object or an upload; returns their storage keys."""
    left = [one.storage_key for one in pieces(conn, content_id)]
    conn.execute(bucket_pieces.delete().where(bucket_pieces.c.content_id == content_id))
    return left


def _named(account_id: str, name: str) -> sa.Select[Any]:
    return sa.select(buckets).where(buckets.c.account_id == account_id, buckets.c.name == name)


def _found(conn: sa.Connection, query: sa.Select[Any], name: str) -> Bucket:
    row = conn.execute(query).one_or_none()
    if row is None:
        raise NoSuchBucket(name)
    return Bucket(*row)


def _forget(conn: sa.Connection, bucket: Bucket, item: StoredObject) -> list[str]:
    one = bucket_objects.c
    conn.execute(bucket_objects.delete().where(one.bucket_id == bucket.id, one.key == item.key.encode()))
    return drop_pieces(conn, item.content_id)


def _piece(row: sa.Row[Any]) -> Piece:
    return Piece(
        row.number, row.storage_key, row.size_bytes, row.md5, row.modified_at, headers_of(row.checksums)
    )
