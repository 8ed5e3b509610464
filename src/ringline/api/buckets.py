"""Objects in buckets, rows and bytes together; what other rooms read and write customers' files with.

Bytes are written first, under a key of ours, and named by a row afterwards: whoever reads sees the whole old
object or the whole new one, and a crash in between leaves the old one. What a write replaces is deleted after
its commit; a crash there leaves bytes that nothing names.
"""

import asyncio
import hashlib
from collections import Counter
from collections.abc import AsyncIterable, AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from typing import Concatenate, ParamSpec, TypeVar

import sqlalchemy as sa

from ringline.api.s3.traffic import Traffic
from ringline.core import log
from ringline.core.clock import Clock
from ringline.core.ids import Ids
from ringline.storage.objects import ObjectStore, StorageUnavailable, new_key
from ringline.store import bucket_listing, buckets
from ringline.store.bucket_listing import Query
from ringline.store.buckets import Condition, Headers, Piece, StoredObject
from ringline.store.db import Store

P = ParamSpec("P")
T = TypeVar("T")

logger = log.get("buckets")

PAGE = 1_000
INLINE = 16 * 1024
"""Bytes that are hashed on the spot; more are worth another thread, for calls share this one."""


@dataclass(frozen=True, slots=True)
class Written:
    """Bytes that are in the object store, and which nothing names yet."""

    storage_key: str
    size_bytes: int
    md5: str


@dataclass(frozen=True, slots=True)
class _Span:
    storage_key: str
    start: int
    end: int


def anything(_found: StoredObject | None) -> None:
    """The condition of a write that may replace whatever is there."""


def no_headers() -> Headers:
    """The headers of an object that has a type and nothing else."""
    return ()


class Buckets:
    """The buckets of all accounts. Every method answers for the given account only.

    All raise `NoSuchBucket`, `StoreUnavailable` and, where bytes are moved, `StorageUnavailable`.
    """

    def __init__(self, store: Store, objects: ObjectStore, clock: Clock, ids: Ids) -> None:
        self.store = store
        self.clock = clock
        self.ids = ids
        self.traffic = Traffic(store, clock)
        self._objects = objects
        self._read = Counter[str]()
        self._doomed: set[str] = set()

    async def find(self, account_id: str, bucket: str, key: str) -> StoredObject:
        """What is known of an object. Raises `NoSuchObject`."""
        found, _pieces = await self.store.read(buckets.find_object, account_id, bucket, key)
        return found

    async def open(self, account_id: str, bucket: str, key: str) -> tuple[StoredObject, AsyncIterator[bytes]]:
        """An object and its bytes, in pieces of 256 KiB or so. Raises `NoSuchObject`."""
        found, pieces = await self.store.read(buckets.find_object, account_id, bucket, key)
        return found, await self.read(pieces, 0, found.size_bytes)

    async def read(self, pieces: Sequence[Piece], start: int, end: int) -> AsyncIterator[bytes]:
        """The bytes from `start` up to, not including, `end` of what `pieces` are together.

        The first is opened before this returns: raises `ObjectMissing` when it was deleted meanwhile.
        """
        spans = []
        offset = 0
        for piece in pieces:
            first, last = max(start - offset, 0), min(end - offset, piece.size_bytes)
            if first < last:
                spans.append(_Span(piece.storage_key, first, last))
            offset += piece.size_bytes
        if not spans:
            return _nothing()
        opened = await self._objects.get(spans[0].storage_key, start=spans[0].start, end=spans[0].end)
        return self._follow(opened, spans[1:])

    async def list(self, account_id: str, bucket: str, prefix: str = "") -> AsyncIterator[StoredObject]:
        """The objects whose keys begin with `prefix`, in the order of their keys."""
        query: Query | None = Query(PAGE, prefix.encode())
        while query is not None:
            page = await self.store.read(bucket_listing.page, account_id, bucket, query)
            for item in page.objects:
                yield item
            query = Query(PAGE, query.prefix, start=page.next) if page.next is not None else None

    async def put(
        self,
        account_id: str,
        bucket: str,
        key: str,
        chunks: AsyncIterable[bytes],
        content_type: str = "application/octet-stream",
        *,
        headers: Callable[[], Headers] = no_headers,
        allowed: Condition = anything,
    ) -> StoredObject:
        """Keep an object, whole or not at all, in the place of what has its key.

        `headers`, asked for once the bytes have come, are what a download carries beside its type.
        Raises what `chunks` and `allowed` raise.
        """
        await self.store.read(buckets.find, account_id, bucket)  # before any byte is taken
        written = await self.write(chunks)
        now = self.clock.utc()
        item = StoredObject(
            key=key,
            content_id=self.ids.uuid(),
            size_bytes=written.size_bytes,
            etag=written.md5,
            headers=(("content-type", content_type), *headers()),
            modified_at=now,
        )
        piece = Piece(1, written.storage_key, written.size_bytes, written.md5, now)
        await self.discard(await self.keep(written, buckets.put, account_id, bucket, item, piece, allowed))
        return item

    async def write(self, chunks: AsyncIterable[bytes]) -> Written:
        """Bring bytes into the object store, for a row to name or for `discard`."""
        key = new_key(self.ids, "files", "bin")
        hashed = _Hashed(chunks)
        await self._objects.put(key, hashed.pieces())
        return Written(key, hashed.size, hashed.hexdigest())

    async def keep(
        self,
        written: Written,
        fn: Callable[Concatenate[sa.Connection, P], T],
        /,
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> T:
        """Run a transaction that names what was written; what it refuses to name is deleted."""
        try:
            return await self.store.tx(fn, *args, **kwargs)
        except Exception:
            await self.discard([written.storage_key])
            raise

    async def discard(self, storage_keys: Sequence[str]) -> None:
        """Delete bytes that nothing names any more; what cannot be deleted now only takes up room.

        What somebody reads here is deleted when he has done: an object that is replaced comes to its end.
        """
        self._doomed.update(key for key in storage_keys if key in self._read)
        for key in storage_keys:
            if key in self._doomed:
                continue
            try:
                await self._objects.delete(key)
            except StorageUnavailable as reason:
                logger.warning("object left behind", key=key, reason=str(reason))

    async def _follow(self, first: AsyncIterator[bytes], rest: Sequence[_Span]) -> AsyncIterator[bytes]:
        keys = [span.storage_key for span in rest]
        self._read.update(keys)
        try:
            async for chunk in first:
                yield chunk
            for span in rest:
                async for chunk in await self._objects.get(span.storage_key, start=span.start, end=span.end):
                    yield chunk
        finally:
            self._read -= Counter(keys)
            over = [key for key in keys if key in self._doomed and key not in self._read]
            self._doomed.difference_update(over)
            await self.discard(over)


class _Hashed:
    """Bytes on their way, counted and hashed."""

    def __init__(self, chunks: AsyncIterable[bytes]) -> None:
        self.size = 0
        self._chunks = chunks
        self._md5 = hashlib.md5(usedforsecurity=False)  # an ETag is one, whatever it is worth

    def hexdigest(self) -> str:
        return self._md5.hexdigest()

    async def pieces(self) -> AsyncIterator[bytes]:
        async for chunk in self._chunks:
            self.size += len(chunk)
            if len(chunk) > INLINE:
                await asyncio.to_thread(self._md5.update, chunk)
            else:
                self._md5.update(chunk)
            yield chunk


async def _nothing() -> AsyncIterator[bytes]:
    empty: tuple[bytes, ...] = ()
    for piece in empty:
        yield piece
