"""The body of an S3 request as the octets it stands for: counted, decoded, checked, never held whole."""

import asyncio
from collections.abc import AsyncIterator, Mapping

from starlette.requests import ClientDisconnect
from starlette.types import Receive

from ringline.storage.s3.checksums import Checksums
from ringline.storage.s3.chunked import ChunkedDecoder
from ringline.storage.s3.errors import S3Error

BLOCK = 256 * 1024
"""Octets that are gathered before they are passed on: hashing them is worth another thread."""


class Body:
    """One request's body; `pieces` may be read once."""

    def __init__(self, receive: Receive, headers: Mapping[str, str], limit: int) -> None:
        """Raises `S3Error`: what the headers say of the body is too large or cannot be."""
        self.earned: tuple[tuple[str, str], ...] = ()
        """`x-amz-checksum-…` headers that proved true; known once all pieces were read."""
        self._receive = receive
        self._limit = limit
        self._checksums = Checksums(headers)
        self._decoder = ChunkedDecoder() if _is_chunked(headers) else None
        self._size = _announced(
            headers, "x-amz-decoded-content-length" if self._decoder else "content-length"
        )
        self._came = 0
        if self._size is not None and self._size > limit:
            raise self._too_large()

    async def pieces(self) -> AsyncIterator[bytes]:
        """The octets, in blocks. An end that is not as announced is an error, and comes after the last block.

        Raises `S3Error`, and `ClientDisconnect` when the client goes away.
        """
        block: list[bytes] = []
        gathered = 0
        async for piece in self._octets():
            block.append(piece)
            gathered += len(piece)
            if gathered >= BLOCK:
                yield await self._checked(b"".join(block))
                block, gathered = [], 0
        last = b"".join(block)
        self._checksums.update(last)
        if self._size is not None and self._came != self._size:
            raise S3Error("IncompleteBody", "The body has not the length that was announced.")
        self.earned = self._checksums.check(self._decoder.trailers if self._decoder else {})
        if last:
            yield last

    async def whole(self) -> bytes:
        """All of it at once."""
        return b"".join([piece async for piece in self.pieces()])

    async def _octets(self) -> AsyncIterator[bytes]:
        more = True
        while more:
            message = await self._receive()
            if message["type"] == "http.disconnect":
                raise ClientDisconnect
            more = message.get("more_body", False)
            data: bytes = message.get("body", b"")
            for piece in self._decoder.feed(data) if self._decoder else (data,):
                self._came += len(piece)
                if self._came > self._limit:
                    raise self._too_large()
                yield piece
        if self._decoder:
            self._decoder.finish()

    async def _checked(self, block: bytes) -> bytes:
        await asyncio.to_thread(self._checksums.update, block)
        return block

    def _too_large(self) -> S3Error:
        return S3Error("EntityTooLarge", f"The body has more than {self._limit} bytes.")


def _is_chunked(headers: Mapping[str, str]) -> bool:
    return headers.get("x-amz-content-sha256", "").startswith("STREAMING-") or "aws-chunked" in encodings(
        headers
    )


def encodings(headers: Mapping[str, str]) -> list[str]:
    """The codings of Content-Encoding."""
    return [one.strip() for one in headers.get("content-encoding", "").split(",") if one.strip()]


def _announced(headers: Mapping[str, str], name: str) -> int | None:
    text = headers.get(name)
    if text is None:
        return None
    if not (text.isascii() and text.isdigit() and len(text) < 20):
        raise S3Error("InvalidArgument", f"{name} must be a whole number.")
    return int(text)
