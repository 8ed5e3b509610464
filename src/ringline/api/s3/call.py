"""What an S3 operation is given, and how it answers."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeVar

from fastapi import Response
from starlette.types import Receive

from ringline.api.buckets import Buckets
from ringline.api.s3.body import Body
from ringline.storage.s3 import answers
from ringline.storage.s3.request import Operation, Target
from ringline.store.db import Store

T = TypeVar("T")

DOCUMENT_LIMIT = 4 * 1024**2
"""Octets of an XML body: 10 000 parts with their checksums, or 1 000 long keys, fit."""


@dataclass(frozen=True, slots=True)
class Call:
    """One request, its account known; headers have their names in lower case."""

    account_id: str
    operation: Operation
    target: Target
    headers: Mapping[str, str]
    address: str
    """The URL that was asked for, without its query."""
    buckets: Buckets
    receive: Receive

    @property
    def store(self) -> Store:
        """Where the rows are."""
        return self.buckets.store

    @property
    def bucket(self) -> str:
        """The bucket's name."""
        return self.target.bucket

    @property
    def key(self) -> str:
        """The object's key."""
        return self.target.key

    def body(self, limit: int) -> Body:
        """The body, of `limit` octets at most. Raises `S3Error`."""
        return Body(self.receive, self.headers, limit)

    async def document(self, parse: Callable[[bytes], T]) -> T:
        """A body of XML as `parse` understands it, on another thread: it may be long. Raises `S3Error`."""
        return await asyncio.to_thread(parse, await self.body(DOCUMENT_LIMIT).whole())


def xml(document: bytes, headers: Mapping[str, str] | None = None) -> Response:
    """200 with a document."""
    return Response(document, 200, dict(headers or {}), answers.CONTENT_TYPE)


def nothing(status: int = 204, headers: Mapping[str, str] | None = None) -> Response:
    """An answer without a body."""
    return Response(status_code=status, headers=dict(headers or {}))
