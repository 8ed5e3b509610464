"""kill -9 in the middle of an upload: the old object stays, whole, and the next upload goes on."""

import asyncio
import hashlib
from pathlib import Path

import httpx
import pytest

from ringline.testing import Server

pytestmark = [pytest.mark.fault, pytest.mark.timeout(120)]

MIB = 1024**2


async def test_a_crash_leaves_the_old_object_and_the_parts(tmp_path: Path) -> None:
    async with Server(tmp_path) as server:
        key = {"authorization": f"Bearer {server.api_key}"}
        part = b"p" * (5 * MIB)
        async with httpx.AsyncClient(base_url=server.url.removesuffix("/v2") + "/s3", headers=key) as s3:
            await s3.put("/bucket")
            await s3.put("/bucket/a", content=b"old")
            begun = await s3.post("/bucket/large?uploads")
            upload = begun.text.partition("<UploadId>")[2].partition("</UploadId>")[0]
            put = await s3.put("/bucket/large", params={"partNumber": 1, "uploadId": upload}, content=part)
            etag = put.headers["etag"]

        host, _, port = server.url.removeprefix("http://").removesuffix("/v2").partition(":")
        _reader, writer = await asyncio.open_connection(host, int(port))
        head = (
            f"PUT /s3/bucket/a HTTP/1.1\r\nhost: {host}\r\nauthorization: Bearer {server.api_key}\r\n"
            f"content-length: {40 * MIB}\r\n\r\n"
        )
        writer.write(head.encode() + b"n" * (20 * MIB))
        await writer.drain()
        await server.kill()
        writer.close()
        await server.start()

        async with httpx.AsyncClient(base_url=server.url.removesuffix("/v2") + "/s3", headers=key) as s3:
            assert (await s3.get("/bucket/a")).content == b"old"
            parts = f"<Part><PartNumber>1</PartNumber><ETag>{etag}</ETag></Part>"
            body = f"<CompleteMultipartUpload>{parts}</CompleteMultipartUpload>"
            done = await s3.post("/bucket/large", params={"uploadId": upload}, content=body)
            assert done.status_code == 200
            got = await s3.get("/bucket/large")
            assert hashlib.md5(got.content).digest() == hashlib.md5(part).digest()
            assert (await s3.put("/bucket/a", content=b"new")).status_code == 200
            assert (await s3.get("/bucket/a")).content == b"new"
