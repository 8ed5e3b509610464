"""As much of an S3 server as an object store needs, in memory: put, get, head, delete, list, multipart."""

import hashlib
from xml.etree import ElementTree

from aiohttp import web


class S3:
    """One bucket named `bucket`; `objects` by key. Requests must be signed, by whomever."""

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}
        self.parts: dict[str, dict[int, bytes]] = {}
        self.broken = False
        self._runner: web.AppRunner | None = None
        self.url = ""

    async def start(self) -> None:
        app = web.Application(client_max_size=64 * 1024 * 1024)
        app.router.add_route("*", "/bucket{slash:/?}{key:.*}", self._handle)
        self._runner = web.AppRunner(app, access_log=None)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"

    async def stop(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        if self.broken:
            return web.Response(status=507)
        if not request.headers.get("authorization", "").startswith("AWS4-HMAC-SHA256 Credential=access/"):
            return web.Response(status=403)
        key = request.match_info["key"]
        match request.method:
            case "POST" if "delete" in request.query:
                return await self._delete(request)
            case "POST":
                return await self._multipart(request, key)
            case "PUT":
                return self._put(key, request.query, await request.read())
            case "DELETE":
                del self.parts[request.query["uploadId"]]
                return web.Response(status=204)
            case "GET" if "list-type" in request.query:
                return self._list(request.query["prefix"])
            case _:
                return self._get(request, key)

    async def _multipart(self, request: web.Request, key: str) -> web.StreamResponse:
        if "uploads" in request.query:
            upload = f"upload{len(self.parts)}"
            self.parts[upload] = {}
            text = f"<InitiateMultipartUploadResult><Bucket>bucket</Bucket><Key>{key}</Key>"
            text += f"<UploadId>{upload}</UploadId></InitiateMultipartUploadResult>"
        else:
            named = ElementTree.fromstring(await request.read())
            numbers = [int(one.text or "") for one in named.iter() if one.tag.endswith("PartNumber")]
            parts = self.parts.pop(request.query["uploadId"])
            self.objects[key] = b"".join(parts[number] for number in numbers)
            text = '<CompleteMultipartUploadResult><ETag>"x"</ETag></CompleteMultipartUploadResult>'
        return web.Response(text=text, content_type="application/xml")

    async def _delete(self, request: web.Request) -> web.StreamResponse:
        named = ElementTree.fromstring(await request.read())
        keys = [one.text or "" for one in named.iter() if one.tag.endswith("Key")]
        for key in keys:
            self.objects.pop(key, None)
        text = "".join(f"<Deleted><Key>{key}</Key></Deleted>" for key in keys)
        return web.Response(text=f"<DeleteResult>{text}</DeleteResult>", content_type="application/xml")

    def _put(self, key: str, query: object, data: bytes) -> web.StreamResponse:
        assert hasattr(query, "get")
        if query.get("uploadId"):
            self.parts[query.get("uploadId")][int(query.get("partNumber"))] = data
        else:
            self.objects[key] = data
        return web.Response(headers={"etag": f'"{hashlib.md5(data).hexdigest()}"'})

    def _list(self, prefix: str) -> web.StreamResponse:
        text = "".join(
            f"<Contents><Key>{key}</Key><LastModified>2030-01-01T00:00:00.000Z</LastModified>"
            f"<Size>{len(data)}</Size></Contents>"
            for key, data in self.objects.items()
            if key.startswith(prefix)
        )
        text = f"<ListBucketResult><IsTruncated>false</IsTruncated>{text}</ListBucketResult>"
        return web.Response(text=text, content_type="application/xml")

    def _get(self, request: web.Request, key: str) -> web.StreamResponse:
        if key not in self.objects:
            return web.Response(status=404)
        data = self.objects[key]
        headers = {"etag": '"x"', "last-modified": "Tue, 01 Jan 2030 00:00:00 GMT"}
        wanted = request.http_range
        if request.method == "HEAD":
            return web.Response(headers=headers | {"content-length": str(len(data))})
        if wanted.start is None:
            return web.Response(body=data, headers=headers)
        part = data[wanted]
        headers["content-range"] = f"bytes {wanted.start}-{wanted.start + len(part) - 1}/{len(data)}"
        return web.Response(status=206, body=part, headers=headers)
