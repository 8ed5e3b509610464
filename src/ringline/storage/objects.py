"""Objects: recordings and media, in a folder or in any S3."""

import asyncio
import re
from collections.abc import AsyncIterable, AsyncIterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Literal, get_args
from urllib.parse import parse_qsl, urlsplit

import obstore
from obstore.exceptions import BaseError, NotFoundError
from obstore.store import LocalStore, S3Store

from ringline.core.errors import ConfigError, RinglineError
from ringline.core.ids import Ids

if TYPE_CHECKING:  # the package has its types in its stubs only
    from obstore import GetResult

CHUNK = 256 * 1024
"""Bytes of a piece of an object as it is read."""

PART = 5 * 1024 * 1024
"""Bytes that are held of an object as it is written: the least that S3 takes as a part."""

LISTED = 1_000
"""Objects that a list tells of at once."""

Kind = Literal["recordings", "media", "files"]

_KEY = re.compile(r"[a-z0-9]+(/[a-z0-9][a-z0-9._-]*)+")
_OURS = re.compile(r"[a-z]+/[0-9a-f]{2}/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\.[a-z0-9]{1,8}")
_PARTIAL = re.compile(r".+#[0-9]+")
_EXTENSION = re.compile(r"[a-z0-9]{1,8}")


class ObjectMissing(RinglineError):
    """There is no such object."""


class StorageUnavailable(RinglineError):
    """The object store cannot be reached or refuses; disk full, no permission, no network."""


@dataclass(frozen=True, slots=True)
class ObjectInfo:
    """What is known of an object without reading it."""

    key: str
    size: int
    modified_at: datetime


def new_key(ids: Ids, kind: Kind, extension: str) -> str:
    """A key for a new object: `recordings/3f/3f2c….wav`. Never made of anything a user has said.

    `extension` is one of ours (`wav`, `mp3`, `bin`); ValueError for what does not look like one.
    """
    if not _EXTENSION.fullmatch(extension):
        raise ValueError(f"{extension!r} is no file extension")
    name = ids.uuid()
    return f"{kind}/{name[:2]}/{name}.{extension}"


def shelves() -> list[str]:
    """What keys begin with: every object of `new_key` is on exactly one of these shelves."""
    return [f"{kind}/{number:02x}" for kind in get_args(Kind) for number in range(256)]


class ObjectStore:
    """Where objects are. Every method raises `StorageUnavailable` when the store does not work."""

    def __init__(self, store: LocalStore | S3Store) -> None:
        """Use `ObjectStore.open`."""
        self._store = store

    @classmethod
    def open(cls, url: str, folder: Path) -> "ObjectStore":
        """Use `s3://BUCKET[/PREFIX][?endpoint=URL&region=NAME]`, or `folder` when `url` is empty.

        Credentials come from the environment (`AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY`) or the machine's
        role.
        Raises `ConfigError` for any other URL.
        """
        if not url:
            folder.mkdir(parents=True, exist_ok=True)
            return cls(LocalStore(folder))
        parts = urlsplit(url)
        options = dict(parse_qsl(parts.query))
        if parts.scheme != "s3" or not parts.hostname or options.keys() - {"endpoint", "region"}:
            raise ConfigError(
                f"storage.url {url!r} is not s3://BUCKET[/PREFIX][?endpoint=URL&region=NAME]; "
                "leave it empty to keep objects in the data folder."
            )
        endpoint = options.get("endpoint")
        return cls(
            S3Store(
                parts.hostname,
                prefix=parts.path.strip("/") or None,
                region=options.get("region", "us-east-1"),
                endpoint=endpoint,
                client_options={
                    "allow_http": bool(endpoint and endpoint.startswith("http:")),
                    "connect_timeout": timedelta(seconds=5),
                    "timeout": timedelta(seconds=60),
                },
                retry_config={"max_retries": 3, "retry_timeout": timedelta(seconds=20)},
            )
        )

    async def put(self, key: str, content: bytes | Path | AsyncIterable[bytes]) -> None:
        """Write an object, whole or not at all. A path or a stream is copied in parts, not held in memory."""
        _check(key)
        try:
            await obstore.put_async(self._store, key, content, chunk_size=PART, max_concurrency=2)
        except (BaseError, OSError) as error:
            raise StorageUnavailable(f"{key} could not be stored: {_first_line(error)}") from error

    async def get(self, key: str, *, start: int = 0, end: int | None = None) -> AsyncIterator[bytes]:
        """The bytes from `start` up to, not including, `end`, in pieces. Raises `ObjectMissing`.

        The object is opened before this returns: what is missing shows here and not at the first piece.
        """
        _check(key)
        size = (await self.head(key)).size
        stop = size if end is None else min(end, size)
        if start >= stop:
            return _nothing()
        try:
            result = await obstore.get_async(self._store, key, options={"range": (start, stop)})
        except (NotFoundError, FileNotFoundError) as error:
            raise ObjectMissing(key) from error
        except (BaseError, OSError) as error:
            raise StorageUnavailable(f"{key} could not be read: {_first_line(error)}") from error
        return _pieces(key, result)

    async def read(self, key: str, limit: int) -> bytes:
        """A small object at once; `StorageUnavailable` when it is larger than `limit` bytes."""
        size = (await self.head(key)).size
        if size > limit:
            raise StorageUnavailable(f"{key} has {size} bytes, more than {limit}")
        return b"".join([piece async for piece in await self.get(key)])

    async def head(self, key: str) -> ObjectInfo:
        """Size and time of an object. Raises `ObjectMissing`."""
        _check(key)
        try:
            meta = await obstore.head_async(self._store, key)
        except (NotFoundError, FileNotFoundError) as error:
            raise ObjectMissing(key) from error
        except (BaseError, OSError) as error:
            raise StorageUnavailable(f"{key} could not be read: {_first_line(error)}") from error
        return ObjectInfo(key, meta["size"], meta["last_modified"])

    async def delete(self, key: str) -> None:
        """Remove an object; one that is not there is removed already."""
        _check(key)
        try:
            await obstore.delete_async(self._store, key)
        except (NotFoundError, FileNotFoundError):
            return
        except (BaseError, OSError) as error:
            raise StorageUnavailable(f"{key} could not be deleted: {_first_line(error)}") from error

    async def shelved(self, shelf: str) -> AsyncIterator[list[ObjectInfo]]:
        """The objects on one of `shelves`, up to 1,000 at a time, in no order; foreign ones are left out."""
        try:
            async for some in obstore.list(self._store, shelf, chunk_size=LISTED):
                yield [
                    ObjectInfo(one["path"], one["size"], one["last_modified"])
                    for one in some
                    if _OURS.fullmatch(one["path"])
                ]
        except (BaseError, OSError) as error:
            raise StorageUnavailable(f"{shelf} could not be listed: {_first_line(error)}") from error

    async def drop_partial(self, shelf: str, before: datetime) -> int:
        """Delete what broken-off puts have left and nobody has written to since `before`; returns how many.

        In a folder only: S3 keeps the parts where no client sees them, for a lifecycle rule of the bucket
        (AbortIncompleteMultipartUpload).
        """
        if not isinstance(self._store, LocalStore):
            return 0
        return await asyncio.to_thread(_drop_partial, Path(str(self._store.prefix), shelf), before)


def _drop_partial(folder: Path, before: datetime) -> int:
    dropped = 0
    try:
        for file in folder.glob("*#*"):
            if _PARTIAL.fullmatch(file.name) and file.stat().st_mtime < before.timestamp():
                file.unlink(missing_ok=True)
                dropped += 1
    except OSError as error:
        raise StorageUnavailable(f"{folder} could not be swept: {error.strerror}") from error
    return dropped


async def _pieces(key: str, result: "GetResult") -> AsyncIterator[bytes]:
    try:
        async for piece in result.stream(min_chunk_size=CHUNK):
            yield bytes(piece)
    except (BaseError, OSError) as error:
        raise StorageUnavailable(f"{key} broke off: {_first_line(error)}") from error


async def _nothing() -> AsyncIterator[bytes]:
    empty: tuple[bytes, ...] = ()
    for piece in empty:
        yield piece


def _check(key: str) -> None:
    if not _KEY.fullmatch(key) or ".." in key:
        raise ValueError(f"{key!r} is no object key; make keys with new_key")


def _first_line(error: BaseException) -> str:
    return str(error).partition("\n")[0]
