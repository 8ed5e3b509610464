"""The S3 API request by request: what a stock client does not send, and what must be refused."""

import asyncio
import base64
import hashlib
import zlib
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import quote, urlencode
from xml.etree import ElementTree

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ringline.api.buckets import Buckets
from ringline.api.s3 import app
from ringline.api.s3.object_operations import METADATA
from ringline.storage.s3.request import SUBRESOURCES
from ringline.store.bucket_uploads import PART_LEAST
from tests.api.conftest import client_of, open_house
from tests.api.house import KEY, OTHER_KEY, House

pytestmark = pytest.mark.unit

S3 = httpx.URL("http://api.test/s3")


def client(house: House, key: str | None = KEY) -> httpx.AsyncClient:
    made = client_of(house, key)
    made.base_url = S3
    return made


@pytest.fixture
async def s3(house: House) -> AsyncIterator[httpx.AsyncClient]:
    """A client with a key, and a bucket that is called `bucket`."""
    async with client(house) as made:
        assert (await made.put("/bucket")).status_code == 200
        yield made


def code(response: httpx.Response) -> tuple[int, str]:
    """The status of a refusal and the code in its document."""
    root = ElementTree.fromstring(response.content)
    assert root.findtext("RequestId") == response.headers["x-amz-request-id"]
    return response.status_code, root.findtext("Code") or ""


def files(house: House) -> list[Path]:
    """What lies in the object store."""
    return [path for path in (house.folder / "objects").rglob("*") if path.is_file()]


def md5(data: bytes) -> str:
    return hashlib.md5(data).hexdigest()


async def test_who_may_ask(house: House, s3: httpx.AsyncClient) -> None:
    await s3.put("/bucket/a", content=b"mine")
    async with client(house, None) as nobody:
        assert code(await nobody.get("/bucket/a")) == (403, "AccessDenied")
        wrong = {"authorization": "AWS4-HMAC-SHA256 Credential=wrong/20300101/r/s3/aws4_request"}
        assert code(await nobody.get("/bucket/a", headers=wrong)) == (403, "InvalidAccessKeyId")
        right = {
            "authorization": f"AWS4-HMAC-SHA256 Credential={KEY}/20300101/r/s3/aws4_request, Signature=x"
        }
        assert (await nobody.get("/bucket/a", headers=right)).content == b"mine"
        assert (await nobody.get("/bucket/a", headers={"authorization": f"AWS {KEY}:x"})).content == b"mine"
        head = await nobody.head("/bucket/a")
        assert (head.status_code, head.content) == (403, b"")
    async with client(house, OTHER_KEY) as other:
        assert code(await other.get("/bucket/a")) == (404, "NoSuchBucket")
        assert b"<Name>" not in (await other.get("/")).content
        assert (await other.put("/bucket")).status_code == 200
        assert code(await other.get("/bucket/a")) == (404, "NoSuchKey")


async def test_guesses_are_slowed_down(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(app, "ACCOUNT_PER_S", 0.05)
    async with client(house, "wrong") as guesser:
        answers = [code(await guesser.get("/")) for _ in range(5)]
    assert answers == [(403, "InvalidAccessKeyId")] * 3 + [(503, "SlowDown")] * 2


async def test_an_account_and_a_bucket_have_their_rates(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(app, "BUCKET_PER_S", 0.05)
    async with client(house) as one:
        assert [(await one.get("/bucket")).status_code for _ in range(4)] == [404, 404, 404, 503]
        assert (await one.get("/other")).status_code == 404


async def test_a_bucket_that_cannot_be_made(s3: httpx.AsyncClient) -> None:
    assert code(await s3.put("/bucket")) == (409, "BucketAlreadyOwnedByYou")
    assert code(await s3.put("/Bucket")) == (400, "InvalidBucketName")
    assert code(await s3.put("/other", content=b"<nonsense")) == (400, "MalformedXML")
    body = (
        b"<CreateBucketConfiguration><LocationConstraint>a b</LocationConstraint></CreateBucketConfiguration>"
    )
    assert code(await s3.put("/other", content=body)) == (400, "InvalidLocationConstraint")
    for number in range(99):
        assert (await s3.put(f"/more-{number}")).status_code == 200
    assert code(await s3.put("/one-too-many")) == (400, "TooManyBuckets")


async def test_ranges(s3: httpx.AsyncClient) -> None:
    await s3.put("/bucket/a", content=b"0123456789")
    for header, status, content in (
        ("bytes=2-4", 206, b"234"),
        ("bytes=7-", 206, b"789"),
        ("bytes=-3", 206, b"789"),
        ("bytes=5-99", 206, b"56789"),
        ("bytes=4-2", 200, b"0123456789"),
        ("bytes=0-1,3-4", 200, b"0123456789"),
        ("lines=1-2", 200, b"0123456789"),
    ):
        got = await s3.get("/bucket/a", headers={"range": header})
        assert (got.status_code, got.content) == (status, content)
        head = await s3.head("/bucket/a", headers={"range": header})
        assert (head.status_code, head.headers["content-length"]) == (status, str(len(content)))
        assert head.headers.get("content-range") == got.headers.get("content-range")
    assert code(await s3.get("/bucket/a", headers={"range": "bytes=10-"})) == (416, "InvalidRange")
    assert code(await s3.get("/bucket/a", params={"partNumber": 2})) == (416, "InvalidRange")
    assert (await s3.get("/bucket/a", params={"partNumber": 1})).content == b"0123456789"
    stale = {"range": "bytes=2-4", "if-range": '"x"'}
    assert (await s3.get("/bucket/a", headers=stale)).status_code == 200


async def test_conditions(house: House, s3: httpx.AsyncClient) -> None:
    etag = (await s3.put("/bucket/a", content=b"one")).headers["etag"]
    assert etag == f'"{md5(b"one")}"'
    unchanged = await s3.get("/bucket/a", headers={"if-none-match": etag})
    assert (unchanged.status_code, unchanged.content, unchanged.headers["etag"]) == (304, b"", etag)
    assert code(await s3.get("/bucket/a", headers={"if-match": '"x"'})) == (412, "PreconditionFailed")
    new_only = {"if-none-match": "*"}
    assert code(await s3.put("/bucket/a", content=b"two", headers=new_only)) == (412, "PreconditionFailed")
    assert (await s3.put("/bucket/b", content=b"two", headers=new_only)).status_code == 200
    assert code(await s3.delete("/bucket/a", headers={"if-match": '"x"'})) == (412, "PreconditionFailed")
    assert (await s3.put("/bucket/a", content=b"two", headers={"if-match": etag})).status_code == 200
    assert (await s3.get("/bucket/a")).content == b"two"
    assert len(files(house)) == 2


async def test_headers_are_given_back(s3: httpx.AsyncClient) -> None:
    kept = {
        "content-type": "text/csv",
        "content-encoding": "gzip",
        "content-language": "de",
        "content-disposition": 'attachment; filename="a.csv"',
        "cache-control": "max-age=5",
        "expires": "Thu, 01 Jan 2032 00:00:00 GMT",
        "x-amz-meta-one": "1",
        "x-amz-meta-two": "zwei",
    }
    await s3.put("/bucket/a", content=b"x", headers=kept)
    head = await s3.head("/bucket/a")
    assert {name: head.headers[name] for name in kept} == kept
    said = {"response-content-type": "text/plain", "response-content-disposition": 'inline; filename="ü"'}
    got = await s3.get("/bucket/a", params=said, headers={"accept-encoding": "identity"}, extensions={})
    assert got.headers["content-type"] == "text/plain"
    assert got.headers.raw[[name for name, _ in got.headers.raw].index(b"content-disposition")][1] == (
        'inline; filename="ü"'.encode()
    )
    evil = await s3.get("/bucket/a", params={"response-content-type": "a\r\nset-cookie: b=c"})
    assert code(evil) == (400, "InvalidArgument")
    much = {"x-amz-meta-a": "x" * METADATA}
    assert code(await s3.put("/bucket/a", content=b"x", headers=much)) == (400, "MetadataTooLarge")


def framed(data: bytes, trailer: str = "", size: int = 3) -> bytes:
    chunks = [data[start : start + size] for start in range(0, len(data), size)]
    return b"".join(b"%x;chunk-signature=0\r\n%s\r\n" % (len(one), one) for one in chunks) + (
        f"0;chunk-signature=0\r\n{trailer}\r\n".encode()
    )


STREAMING = {
    "x-amz-content-sha256": "STREAMING-UNSIGNED-PAYLOAD-TRAILER",
    "content-encoding": "gzip,aws-chunked",
}


async def test_bodies_in_chunks_with_trailers(house: House, s3: httpx.AsyncClient) -> None:
    data = b"some longer text"
    crc = base64.b64encode(zlib.crc32(data).to_bytes(4)).decode()
    headers = STREAMING | {"x-amz-trailer": "x-amz-checksum-crc32", "x-amz-decoded-content-length": "16"}
    body = framed(data, f"x-amz-checksum-crc32:{crc}\r\n")
    put = await s3.put("/bucket/a", content=body, headers=headers)
    assert (put.status_code, put.headers["x-amz-checksum-crc32"]) == (200, crc)
    head = await s3.head("/bucket/a", headers={"x-amz-checksum-mode": "ENABLED"})
    assert (head.headers["x-amz-checksum-crc32"], head.headers["content-encoding"]) == (crc, "gzip")
    assert head.headers["etag"] == f'"{md5(data)}"'
    assert "x-amz-checksum-crc32" not in (await s3.head("/bucket/a")).headers

    for wrong, said, expected in (
        (framed(data, "x-amz-checksum-crc32:AAAAAA==\r\n"), headers, "BadDigest"),
        (framed(data), headers, "InvalidRequest"),
        (body, headers | {"x-amz-decoded-content-length": "17"}, "IncompleteBody"),
        (body[:20], headers, "IncompleteBody"),
        (b"zz\r\n", headers, "InvalidRequest"),
        (body + b"more", headers, "InvalidRequest"),
    ):
        assert code(await s3.put("/bucket/a", content=wrong, headers=said)) == (400, expected)
    assert (await s3.head("/bucket/a")).headers["etag"] == f'"{md5(data)}"'
    assert len(files(house)) == 1


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({"content-md5": base64.b64encode(bytes(16)).decode()}, "BadDigest"),
        ({"content-md5": "no"}, "InvalidDigest"),
        ({"x-amz-checksum-crc32": "AAAAAA=="}, "BadDigest"),
        ({"x-amz-checksum-crc64nvme": "AAAAAAAAAAA="}, "BadDigest"),
        ({"x-amz-content-sha256": "0" * 64}, "XAmzContentSHA256Mismatch"),
    ],
)
async def test_what_does_not_arrive_as_it_was_is_not_kept(
    house: House, s3: httpx.AsyncClient, headers: dict[str, str], expected: str
) -> None:
    assert code(await s3.put("/bucket/a", content=b"x" * 700_000, headers=headers)) == (400, expected)
    assert code(await s3.get("/bucket/a")) == (404, "NoSuchKey")
    assert files(house) == []


async def test_lengths(s3: httpx.AsyncClient) -> None:
    request = s3.build_request("PUT", "/bucket/a")
    del request.headers["content-length"]
    assert code(await s3.send(request)) == (411, "MissingContentLength")
    too_large = {"content-length": str(5 * 1024**3 + 1)}
    assert code(await s3.put("/bucket/a", content=b"x", headers=too_large)) == (400, "EntityTooLarge")
    for wrong in ("-1", "x", "9" * 30):
        headers = STREAMING | {"x-amz-decoded-content-length": wrong}
        assert code(await s3.put("/bucket/a", content=b"0\r\n\r\n", headers=headers)) == (
            400,
            "InvalidArgument",
        )

    async def unannounced() -> AsyncIterator[bytes]:
        yield b"one "
        yield b"two"

    assert (await s3.put("/bucket/a", content=unannounced())).status_code == 200
    assert (await s3.get("/bucket/a")).content == b"one two"
    assert (await s3.put("/bucket/a", content=b"")).status_code == 200
    assert (await s3.get("/bucket/a")).content == b""


async def test_what_is_replaced_and_deleted_goes_from_the_disk(house: House, s3: httpx.AsyncClient) -> None:
    for content in (b"one", b"two"):
        await s3.put("/bucket/a", content=content)
    assert [path.read_bytes() for path in files(house)] == [b"two"]
    await s3.put("/bucket/b", content=b"three")
    body = b"<Delete><Object><Key>a</Key></Object><Object><Key>b</Key></Object><Quiet>true</Quiet></Delete>"
    assert b"<Deleted>" not in (await s3.post("/bucket?delete", content=body)).content
    assert files(house) == []
    assert (await s3.delete("/bucket/a")).status_code == 204


async def test_writers_at_once_leave_one_whole_object(house: House, s3: httpx.AsyncClient) -> None:
    contents = [bytes([number]) * 300_000 for number in range(12)]
    await asyncio.gather(*(s3.put("/bucket/a", content=one) for one in contents))
    got = await s3.get("/bucket/a")
    assert got.content in contents
    assert got.headers["etag"] == f'"{md5(got.content)}"'
    assert [path.read_bytes() for path in files(house)] == [got.content]


async def begun(s3: httpx.AsyncClient) -> str:
    answer = await s3.post("/bucket/k?uploads", headers={"content-type": "text/plain"})
    return ElementTree.fromstring(answer.content).findtext("{*}UploadId") or ""


def completion(*parts: tuple[int, str]) -> bytes:
    inner = "".join(f"<Part><PartNumber>{n}</PartNumber><ETag>{etag}</ETag></Part>" for n, etag in parts)
    return f"<CompleteMultipartUpload>{inner}</CompleteMultipartUpload>".encode()


async def test_uploads_in_parts_that_go_wrong(house: House, s3: httpx.AsyncClient) -> None:
    await s3.put("/bucket/k", content=b"old")
    upload = {"uploadId": await begun(s3)}
    etags = []
    for number in (1, 2):
        put = await s3.put("/bucket/k", params=upload | {"partNumber": number}, content=b"small")
        etags.append(put.headers["etag"])
    whole = completion((1, etags[0]), (2, etags[1]))
    for content, expected in (
        (whole, "EntityTooSmall"),
        (completion((1, '"x"')), "InvalidPart"),
        (completion((3, etags[0])), "InvalidPart"),
        (completion((2, etags[1]), (1, etags[0])), "InvalidPartOrder"),
        (b"", "MalformedXML"),
    ):
        assert code(await s3.post("/bucket/k", params=upload, content=content)) == (400, expected)
    for number in ("0", "10001", "x", "-1", "99999999999999999999"):
        refused = await s3.put("/bucket/k", params=upload | {"partNumber": number}, content=b"x")
        assert code(refused) == (400, "InvalidArgument")
    for method, path in (("PUT", "/bucket/other"), ("DELETE", "/bucket/other"), ("GET", "/bucket/other")):
        number = {"partNumber": "1"} if method == "PUT" else {}
        refused = await s3.request(method, path, params=upload | number)
        assert code(refused) == (404, "NoSuchUpload")
    assert code(await s3.get("/bucket/k?uploadId=%00")) == (404, "NoSuchUpload")
    assert code(await s3.get("/bucket?uploads&upload-id-marker=%00")) == (404, "NoSuchUpload")
    bad = {"content-md5": base64.b64encode(bytes(16)).decode()}
    refused = await s3.put("/bucket/k", params=upload | {"partNumber": 1}, content=b"y", headers=bad)
    assert code(refused) == (400, "BadDigest")
    assert (await s3.get("/bucket/k")).content == b"old"
    assert len(files(house)) == 3

    done = await s3.post("/bucket/k", params=upload, content=completion((2, etags[1])))
    assert done.status_code == 200
    assert (await s3.get("/bucket/k")).content == b"small"
    again = await s3.post("/bucket/k", params=upload, content=completion((2, etags[1])))
    assert again.content == done.content
    assert len(files(house)) == 1


async def test_an_upload_that_is_given_up_leaves_nothing(house: House, s3: httpx.AsyncClient) -> None:
    upload = {"uploadId": await begun(s3)}
    await s3.put("/bucket/k", params=upload | {"partNumber": 7}, content=b"x")
    assert b"<PartNumber>7</PartNumber>" in (await s3.get("/bucket/k", params=upload)).content
    assert (await s3.delete("/bucket/k", params=upload)).status_code == 204
    assert code(await s3.get("/bucket/k", params=upload)) == (404, "NoSuchUpload")
    assert files(house) == []


async def test_a_reader_is_not_cut_off_by_a_writer(house: House) -> None:
    application = house.app()
    buckets: Buckets = application.state.deps.buckets
    transport = httpx.ASGITransport(app=application)
    async with httpx.AsyncClient(
        transport=transport, base_url=S3, headers={"authorization": f"Bearer {KEY}"}
    ) as s3:
        await s3.put("/bucket")
        upload = {"uploadId": await begun(s3)}
        parts = [bytes([number]) * size for number, size in ((1, PART_LEAST), (2, PART_LEAST), (3, 9))]
        etags = []
        for number, part in enumerate(parts, 1):
            put = await s3.put("/bucket/k", params=upload | {"partNumber": number}, content=part)
            etags.append((number, put.headers["etag"]))
        await s3.post("/bucket/k", params=upload, content=completion(*etags))
        readers = [(await buckets.open(house.account_id, "bucket", "k"))[1] for _ in range(2)]
        begin = [await anext(reader) for reader in readers]

        await s3.put("/bucket/k", content=b"new")

        for first, rest in zip(begin, readers, strict=True):
            assert first + b"".join([piece async for piece in rest]) == b"".join(parts)
        assert [path.read_bytes() for path in files(house)] == [b"new"]


async def test_lists_take_their_parameters_seriously(s3: httpx.AsyncClient) -> None:
    for key in ("a", "b/1", "b/2", "c"):
        await s3.put(f"/bucket/{key}", content=b"")
    for wrong in ({"max-keys": "x"}, {"max-keys": "-1"}, {"encoding-type": "gzip"}):
        assert code(await s3.get("/bucket", params=wrong)) == (400, "InvalidArgument")
    wrong = {"list-type": "2", "continuation-token": "!"}
    assert code(await s3.get("/bucket", params=wrong)) == (400, "InvalidArgument")
    nothing = ElementTree.fromstring((await s3.get("/bucket", params={"max-keys": "0"})).content)
    assert (nothing.findtext("{*}IsTruncated"), nothing.findall("{*}Contents")) == ("false", [])
    first = ElementTree.fromstring(
        (await s3.get("/bucket", params={"max-keys": "2", "delimiter": "/"})).content
    )
    assert first.findtext("{*}NextMarker") == "b/"
    rest = await s3.get("/bucket", params={"marker": "b/", "delimiter": "/"})
    root = ElementTree.fromstring(rest.content)
    assert [one.text for one in root.findall("{*}Contents/{*}Key")] == ["c"]
    assert root.findall("{*}CommonPrefixes") == []


ANY = st.text(st.characters(max_codepoint=0x2FF), max_size=12)
METHODS = st.sampled_from(["GET", "HEAD", "PUT", "POST", "DELETE", "PATCH"])
QUERY = st.dictionaries(
    st.sampled_from(
        [*SUBRESOURCES, "max-keys", "marker", "prefix", "delimiter", "encoding-type", "key-marker"]
    )
    | ANY,
    st.sampled_from(["", "1", "2", "url", "bytes"]) | ANY,
    max_size=3,
)
HEADERS = st.dictionaries(
    st.sampled_from(
        [
            "host",
            "range",
            "if-match",
            "if-none-match",
            "if-modified-since",
            "content-md5",
            "content-encoding",
            "content-type",
            "x-amz-content-sha256",
            "x-amz-checksum-crc32",
            "x-amz-checksum-crc64nvme",
            "x-amz-trailer",
            "x-amz-decoded-content-length",
            "x-amz-meta-a",
            "x-amz-acl",
        ]
    ),
    st.sampled_from(
        ["aws-chunked", "STREAMING-", "[", "bytes=0-1", "*", "private", "x-amz-checksum-crc32", "1"]
    )
    | st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=12),
    max_size=3,
)


async def test_whatever_comes_is_answered_in_s3s_words(
    database: tuple[Path, tuple[str, str]], tmp_path: Path
) -> None:
    async with open_house(database, tmp_path) as house, client(house) as s3:
        await s3.put("/bucket")
        await s3.put("/bucket/a", content=b"abc")

        async def check(
            method: str, path: str, query: dict[str, str], headers: dict[str, str], body: bytes
        ) -> None:
            raw = f"/s3{quote(path, safe='/%', errors='replace')}?{urlencode(query)}"
            url = S3.copy_with(raw_path=raw.encode())
            sent = {name: value.encode("latin-1") for name, value in headers.items()}
            answer = await s3.request(method, url, headers=sent, content=body)
            assert answer.status_code < 500 or answer.status_code == 501, (answer.status_code, answer.text)
            if answer.status_code >= 400 and method != "HEAD":
                code(answer)

        loop = asyncio.get_running_loop()

        @settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
        @given(
            METHODS,
            st.sampled_from(["", "/", "/bucket", "/bucket/", "/bucket/a", "/none/a"])
            | ANY.map(lambda key: f"/bucket/{key}"),
            QUERY,
            HEADERS,
            st.binary(max_size=40),
        )
        def fuzz(method: str, path: str, query: dict[str, str], headers: dict[str, str], body: bytes) -> None:
            asyncio.run_coroutine_threadsafe(check(method, path, query, headers, body), loop).result(30)

        await asyncio.to_thread(fuzz)
