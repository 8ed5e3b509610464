"""Uploads in parts: begun, filled in any order, and completed into an object without moving a byte."""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from ringline.core.errors import RinglineError
from ringline.store import bucket_listing, buckets
from ringline.store.bucket_tables import bucket_pieces, bucket_uploads
from ringline.store.buckets import Bucket, Condition, Headers, Piece, StoredObject

PART_LEAST = 5 * 1024**2
"""Bytes that every part but the last must have (S3 user guide, "Multipart upload limits")."""

OBJECT_MOST = 5 * 1024**4

BATCH = 1_000


class NoSuchUpload(RinglineError):
    """There is no such upload, or it was completed or given up."""


class NoSuchPart(RinglineError):
    """The upload has no part of this number and hash."""


class PartTooSmall(RinglineError):
    """A part that is not the last has less than `PART_LEAST` bytes."""


class ObjectTooLarge(RinglineError):
    """The parts have more than `OBJECT_MOST` bytes together."""


@dataclass(frozen=True, slots=True)
class Upload:
    """An upload that is under way; its id becomes the object's `content_id`."""

    id: str
    key: str
    headers: Headers
    created_at: datetime


Describe = Callable[[Upload, Sequence[Piece]], Headers]
"""Looks at the parts that an upload is made of; returns the object's headers, or raises to forbid it."""


@dataclass(frozen=True, slots=True)
class Page:
    """Uploads by key and id, common prefixes, and the key and id after which the next page begins."""

    uploads: tuple[Upload, ...]
    prefixes: tuple[str, ...]
    next: tuple[str, str] | None


def begin(conn: sa.Connection, account_id: str, name: str, upload: Upload) -> Upload:
    """Keep a new upload. Raises `NoSuchBucket`."""
    bucket = buckets.lock(conn, account_id, name)
    conn.execute(
        bucket_uploads.insert().values(
            id=upload.id,
            bucket_id=bucket.id,
            key=upload.key.encode(),
            headers=upload.headers,
            created_at=upload.created_at,
        )
    )
    return upload


def find(conn: sa.Connection, account_id: str, name: str, key: str, upload_id: str) -> Upload:
    """An upload. Raises `NoSuchBucket`, `NoSuchUpload`."""
    return _found(conn, buckets.find(conn, account_id, name), key, upload_id)


def add_part(
    conn: sa.Connection, account_id: str, name: str, key: str, upload_id: str, part: Piece
) -> list[str]:
    """Keep a part in the place of the one with its number; returns what that leaves in the object store.

    Raises `NoSuchBucket`, `NoSuchUpload`.
    """
    _found(conn, buckets.lock(conn, account_id, name), key, upload_id)
    one = bucket_pieces.c
    same = (one.content_id == upload_id, one.number == part.number)
    left = conn.execute(sa.select(one.storage_key).where(*same)).scalars().all()
    conn.execute(bucket_pieces.delete().where(*same))
    buckets.add_piece(conn, upload_id, part)
    return list(left)


def parts(
    conn: sa.Connection, account_id: str, name: str, key: str, upload_id: str
) -> tuple[Upload, tuple[Piece, ...]]:
    """An upload and its parts, by number. Raises `NoSuchBucket`, `NoSuchUpload`."""
    return find(conn, account_id, name, key, upload_id), buckets.pieces(conn, upload_id)


def complete(
    conn: sa.Connection,
    account_id: str,
    name: str,
    key: str,
    upload_id: str,
    wanted: Sequence[tuple[int, str]],
    now: datetime,
    allowed: Condition,
    describe: Describe,
) -> tuple[StoredObject, list[str]]:
    """Make the object of the parts `wanted`, numbers ascending, each with its MD5; returns what that leaves.

    Once more, for a client that lost the answer, it returns the object that it has made already.
    Raises `NoSuchBucket`, `NoSuchUpload`, `NoSuchPart`, `PartTooSmall`, `ObjectTooLarge`, and what `allowed`
    and `describe` raise.
    """
    bucket = buckets.lock(conn, account_id, name)
    before = buckets.current(conn, bucket, key)
    if before is not None and before.content_id == upload_id:
        return before, []
    upload = _found(conn, bucket, key, upload_id)
    allowed(before)
    there = {one.number: one for one in buckets.pieces(conn, upload_id)}
    chosen = [_chosen(there, number, md5) for number, md5 in wanted]
    if any(one.size_bytes < PART_LEAST for one in chosen[:-1]):
        raise PartTooSmall(upload_id)
    size = sum(one.size_bytes for one in chosen)
    if size > OBJECT_MOST:
        raise ObjectTooLarge(upload_id)
    unused = there.keys() - {one.number for one in chosen}
    for number in unused:
        one = bucket_pieces.c
        conn.execute(bucket_pieces.delete().where(one.content_id == upload_id, one.number == number))
    conn.execute(bucket_uploads.delete().where(bucket_uploads.c.id == upload_id))
    item = StoredObject(
        key=key,
        content_id=upload_id,
        size_bytes=size,
        etag=_etag(chosen),
        headers=describe(upload, chosen),
        modified_at=now,
    )
    left = buckets.replace(conn, bucket, before, item)
    return item, left + [there[number].storage_key for number in unused]


def abort(conn: sa.Connection, account_id: str, name: str, key: str, upload_id: str) -> list[str]:
    """Give an upload up; returns what it leaves. Raises `NoSuchBucket`, `NoSuchUpload`."""
    _found(conn, buckets.lock(conn, account_id, name), key, upload_id)
    conn.execute(bucket_uploads.delete().where(bucket_uploads.c.id == upload_id))
    return buckets.drop_pieces(conn, upload_id)


def page(
    conn: sa.Connection,
    account_id: str,
    name: str,
    *,
    limit: int,
    prefix: str = "",
    delimiter: str = "",
    after: tuple[str, str] = ("", ""),
) -> Page:
    """Uploads that are under way. With an empty id, `after` passes over all uploads of its key.

    Raises `NoSuchBucket`.
    """
    bucket = buckets.find(conn, account_id, name)
    found: list[Upload] = []
    prefixes: list[str] = []
    last = after
    while rows := _rows(conn, bucket, prefix, last):
        for row in rows:
            upload = _upload(row)
            end = upload.key.find(delimiter, len(prefix)) if delimiter else -1
            common = upload.key[: end + len(delimiter)] if end >= 0 else None
            if common is not None and (prefixes[-1:] == [common] or after[0].startswith(common)):
                last = (upload.key, upload.id)
                continue
            if len(found) + len(prefixes) == limit:
                return Page(tuple(found), tuple(prefixes), last)
            if common is None:
                found.append(upload)
            else:
                prefixes.append(common)
            last = (upload.key, upload.id)
    return Page(tuple(found), tuple(prefixes), None)


def _rows(conn: sa.Connection, bucket: Bucket, prefix: str, after: tuple[str, str]) -> Sequence[sa.Row[Any]]:
    one = bucket_uploads.c
    start, end = prefix.encode(), bucket_listing.beyond(prefix.encode())
    conditions: list[sa.ColumnElement[bool]] = [one.bucket_id == bucket.id, one.key >= start]
    if end is not None:
        conditions.append(one.key < end)
    if after[0]:
        key = after[0].encode()
        later = one.key > key
        conditions.append(sa.or_(later, sa.and_(one.key == key, one.id > after[1])) if after[1] else later)
    query = sa.select(bucket_uploads).where(*conditions).order_by(one.key, one.id).limit(BATCH)
    return conn.execute(query).all()


def _found(conn: sa.Connection, bucket: Bucket, key: str, upload_id: str) -> Upload:
    one = bucket_uploads.c
    row = conn.execute(
        sa.select(bucket_uploads).where(
            one.id == upload_id, one.bucket_id == bucket.id, one.key == key.encode()
        )
    ).one_or_none()
    if row is None:
        raise NoSuchUpload(upload_id)
    return _upload(row)


def _upload(row: sa.Row[Any]) -> Upload:
    return Upload(row.id, bytes(row.key).decode(), buckets.headers_of(row.headers), row.created_at)


def _chosen(there: dict[int, Piece], number: int, md5: str) -> Piece:
    part = there.get(number)
    if part is None or part.md5 != md5:
        raise NoSuchPart(f"part {number}")
    return part


def _etag(chosen: Sequence[Piece]) -> str:
    # What S3 does: the MD5 of the parts' MD5s, and how many there are.
    hashes = b"".join(bytes.fromhex(one.md5) for one in chosen)
    return f"{hashlib.md5(hashes, usedforsecurity=False).hexdigest()}-{len(chosen)}"
