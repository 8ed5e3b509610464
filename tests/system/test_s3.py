"""The unmodified boto3 against a running server: every operation of spec ai-api §12."""

import hashlib
import io
import os
import secrets
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import boto3
import httpx
import obstore
import pytest
import telnyx
from boto3.s3.transfer import TransferConfig
from botocore.config import Config
from botocore.exceptions import ClientError
from obstore.exceptions import AlreadyExistsError
from obstore.store import S3Store

from ringline.testing import Server

pytestmark = pytest.mark.system

MIB = 1024**2


def client_of(server: Server, key: str | None = None, **options: Any) -> Any:
    """A stock client; the secret is whatever one likes."""
    return boto3.client(
        "s3",
        endpoint_url=server.url.removesuffix("/v2") + "/s3",
        aws_access_key_id=key or server.api_key,
        aws_secret_access_key="ignored",
        region_name="us-east-1",
        config=Config(
            retries={"max_attempts": 1},
            s3={"addressing_style": "path"},
            **options,
        ),
    )


@pytest.fixture
def s3(server: Server) -> Iterator[Any]:
    client = client_of(server)
    yield client
    client.close()


@pytest.fixture
def bucket(s3: Any) -> str:
    name = f"test-{secrets.token_hex(6)}"
    s3.create_bucket(Bucket=name)
    return name


def refusal(operation: Any, **arguments: Any) -> tuple[str, int]:
    """The code and status that an operation is refused with."""
    with pytest.raises(ClientError) as caught:
        operation(**arguments)
    response = caught.value.response
    return response["Error"]["Code"], response["ResponseMetadata"]["HTTPStatusCode"]


def test_a_bucket_is_made_found_and_removed(s3: Any) -> None:
    name = f"made-{secrets.token_hex(6)}"
    s3.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": "us-central-1"})
    assert name in [one["Name"] for one in s3.list_buckets()["Buckets"]]
    assert s3.get_bucket_location(Bucket=name)["LocationConstraint"] == "us-central-1"
    assert s3.head_bucket(Bucket=name)["BucketRegion"] == "us-central-1"
    assert refusal(s3.create_bucket, Bucket=name) == ("BucketAlreadyOwnedByYou", 409)
    s3.put_object(Bucket=name, Key="a", Body=b"x")
    assert refusal(s3.delete_bucket, Bucket=name) == ("BucketNotEmpty", 409)
    s3.delete_object(Bucket=name, Key="a")
    s3.delete_bucket(Bucket=name)
    assert refusal(s3.head_bucket, Bucket=name) == ("404", 404)
    assert refusal(s3.list_objects_v2, Bucket=name) == ("NoSuchBucket", 404)


def test_what_was_put_is_got(s3: Any, bucket: str) -> None:
    put = s3.put_object(
        Bucket=bucket,
        Key="a/b.txt",
        Body=b"hello world",
        ContentType="text/plain",
        CacheControl="no-store",
        ContentDisposition="inline",
        ContentLanguage="en",
        Metadata={"who": "me"},
    )
    assert put["ETag"] == f'"{hashlib.md5(b"hello world").hexdigest()}"'
    got = s3.get_object(Bucket=bucket, Key="a/b.txt")
    assert got["Body"].read() == b"hello world"
    assert (got["ContentType"], got["ETag"], got["Metadata"]) == ("text/plain", put["ETag"], {"who": "me"})
    assert (got["CacheControl"], got["ContentDisposition"], got["ContentLanguage"]) == (
        "no-store",
        "inline",
        "en",
    )
    assert got["ChecksumCRC32"] == put["ChecksumCRC32"]
    head = s3.head_object(Bucket=bucket, Key="a/b.txt")
    assert (head["ContentLength"], head["ETag"]) == (11, put["ETag"])
    assert head["LastModified"] == got["LastModified"]
    assert refusal(s3.get_object, Bucket=bucket, Key="a/b") == ("NoSuchKey", 404)
    assert refusal(s3.head_object, Bucket=bucket, Key="a/b") == ("404", 404)


KEYS = [
    "plain",
    "with space",
    "a+b=c&d?e#f%g%20h",
    "schöne/Grüße/日本語/🙂.txt",
    "//double//slashes//",
    "../..//./up",
    "..",
    ".",
    "/",
    "new\nline\ttab\rcr",
    "<xml>&\"'",
    "quote'and(paren)*!~",
    "ends in dot.",
    "%2F%2e%2e",
    "back\\slash",
    "k" * 1024,
]


@pytest.mark.parametrize("key", KEYS)
def test_any_key_is_itself(s3: Any, bucket: str, key: str) -> None:
    s3.put_object(Bucket=bucket, Key=key, Body=key.encode())
    assert s3.get_object(Bucket=bucket, Key=key)["Body"].read() == key.encode()
    assert [one["Key"] for one in s3.list_objects_v2(Bucket=bucket)["Contents"]] == [key]
    assert [one["Key"] for one in s3.list_objects(Bucket=bucket)["Contents"]] == [key]
    gone = s3.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": key}]})
    assert "Contents" not in s3.list_objects_v2(Bucket=bucket)
    assert [one["Key"] for one in gone["Deleted"]] == [key]


def test_a_large_file_goes_up_in_parts_and_comes_back(s3: Any, bucket: str) -> None:
    data = os.urandom(13 * MIB + 17)
    config = TransferConfig(multipart_threshold=5 * MIB, multipart_chunksize=5 * MIB, max_concurrency=3)
    s3.upload_fileobj(io.BytesIO(data), bucket, "large", Config=config)
    parts = [data[start : start + 5 * MIB] for start in range(0, len(data), 5 * MIB)]
    md5s = b"".join(hashlib.md5(part).digest() for part in parts)
    head = s3.head_object(Bucket=bucket, Key="large")
    assert head["ETag"] == f'"{hashlib.md5(md5s).hexdigest()}-3"'
    back = io.BytesIO()
    s3.download_fileobj(bucket, "large", back, Config=config)
    assert back.getvalue() == data
    part = s3.get_object(Bucket=bucket, Key="large", PartNumber=2)
    assert (part["Body"].read(), part["PartsCount"]) == (parts[1], 3)
    across = s3.get_object(Bucket=bucket, Key="large", Range=f"bytes={5 * MIB - 3}-{5 * MIB + 4}")
    assert across["Body"].read() == data[5 * MIB - 3 : 5 * MIB + 5]
    assert across["ContentRange"] == f"bytes {5 * MIB - 3}-{5 * MIB + 4}/{len(data)}"


def test_lists_come_page_by_page(s3: Any, bucket: str) -> None:
    keys = sorted([f"folder {number}/ü+{name}" for number in range(4) for name in "ab"] + ["a", "z"])
    for key in keys:
        s3.put_object(Bucket=bucket, Key=key, Body=b"x")

    def paged(operation: str, **options: Any) -> tuple[list[str], list[str]]:
        pages = list(
            s3.get_paginator(operation).paginate(Bucket=bucket, PaginationConfig={"PageSize": 2}, **options)
        )
        assert all(len(page.get("Contents", [])) + len(page.get("CommonPrefixes", [])) <= 2 for page in pages)
        return (
            [one["Key"] for page in pages for one in page.get("Contents", [])],
            [one["Prefix"] for page in pages for one in page.get("CommonPrefixes", [])],
        )

    folders = [f"folder {number}/" for number in range(4)]
    for operation in ("list_objects", "list_objects_v2"):
        assert paged(operation) == (keys, [])
        assert paged(operation, Delimiter="/") == (["a", "z"], folders)
        assert paged(operation, Prefix="folder 1/") == (["folder 1/ü+a", "folder 1/ü+b"], [])
        assert paged(operation, Prefix="folder", Delimiter="ü+") == ([], [f"{one}ü+" for one in folders])
    after = s3.list_objects_v2(Bucket=bucket, StartAfter="folder 3/ü+a", FetchOwner=True)
    assert [one["Key"] for one in after["Contents"]] == ["folder 3/ü+b", "z"]
    assert (after["KeyCount"], after["IsTruncated"]) == (2, False)
    assert after["Contents"][0]["Owner"]["ID"]


def test_uploads_and_their_parts_are_listed_and_given_up(s3: Any, bucket: str) -> None:
    ids = [s3.create_multipart_upload(Bucket=bucket, Key=f"k/{number}")["UploadId"] for number in range(3)]
    for number in (1, 2, 3):
        s3.upload_part(Bucket=bucket, Key="k/0", UploadId=ids[0], PartNumber=number, Body=b"x" * number)
    pages = s3.get_paginator("list_parts").paginate(
        Bucket=bucket, Key="k/0", UploadId=ids[0], PaginationConfig={"PageSize": 2}
    )
    parts = [part for page in pages for part in page["Parts"]]
    assert [(part["PartNumber"], part["Size"]) for part in parts] == [(1, 1), (2, 2), (3, 3)]
    assert parts[0]["ETag"] == f'"{hashlib.md5(b"x").hexdigest()}"'
    pages = s3.get_paginator("list_multipart_uploads").paginate(
        Bucket=bucket, PaginationConfig={"PageSize": 2}
    )
    assert [(one["Key"], one["UploadId"]) for page in pages for one in page["Uploads"]] == [
        (f"k/{number}", upload) for number, upload in enumerate(ids)
    ]
    folded = s3.list_multipart_uploads(Bucket=bucket, Delimiter="/")
    assert [one["Prefix"] for one in folded["CommonPrefixes"]] == ["k/"]
    s3.abort_multipart_upload(Bucket=bucket, Key="k/0", UploadId=ids[0])
    assert refusal(s3.list_parts, Bucket=bucket, Key="k/0", UploadId=ids[0]) == ("NoSuchUpload", 404)
    s3.delete_bucket(Bucket=bucket)


@pytest.mark.parametrize("algorithm", ["CRC32", "CRC32C", "CRC64NVME", "SHA1", "SHA256"])
def test_every_checksum_of_the_sdk_is_checked(s3: Any, bucket: str, algorithm: str) -> None:
    data = os.urandom(700_000)
    put = s3.put_object(Bucket=bucket, Key="a", Body=data, ChecksumAlgorithm=algorithm)
    got = s3.get_object(Bucket=bucket, Key="a", ChecksumMode="ENABLED")
    assert got["Body"].read() == data
    assert got[f"Checksum{algorithm}"] == put[f"Checksum{algorithm}"]


@pytest.mark.parametrize(
    ("algorithm", "kind"), [("CRC32", "COMPOSITE"), ("SHA256", "COMPOSITE"), ("CRC64NVME", "FULL_OBJECT")]
)
def test_an_upload_in_parts_has_a_checksum_too(s3: Any, bucket: str, algorithm: str, kind: str) -> None:
    name = f"Checksum{algorithm}"
    where = {"Bucket": bucket, "Key": "a"}
    data = [os.urandom(5 * MIB), os.urandom(1000)]
    begun = s3.create_multipart_upload(**where, ChecksumAlgorithm=algorithm, ChecksumType=kind)
    where["UploadId"] = begun["UploadId"]
    parts = []
    for number, part in enumerate(data, 1):
        put = s3.upload_part(**where, PartNumber=number, Body=part, ChecksumAlgorithm=algorithm)
        parts.append({"PartNumber": number, "ETag": put["ETag"], name: put[name]})
    swapped = [parts[0] | {name: parts[1][name]}, parts[1]]
    assert refusal(s3.complete_multipart_upload, **where, MultipartUpload={"Parts": swapped}) == (
        "InvalidPart",
        400,
    )
    promise = {name: parts[0][name], "MultipartUpload": {"Parts": parts}}
    assert refusal(s3.complete_multipart_upload, **where, **promise) == ("BadDigest", 400)

    done = s3.complete_multipart_upload(**where, MultipartUpload={"Parts": parts})

    got = s3.get_object(Bucket=bucket, Key="a", ChecksumMode="ENABLED")
    assert got["Body"].read() == b"".join(data)
    assert (got[name], got["ChecksumType"]) == (done[name], done["ChecksumType"])
    assert done["ChecksumType"] == kind
    if kind == "FULL_OBJECT":
        single = s3.put_object(Bucket=bucket, Key="b", Body=b"".join(data), ChecksumAlgorithm=algorithm)
        assert done[name] == single[name]
    else:
        assert done[name].endswith("-2")


def test_another_client_is_content_too(server: Server, s3: Any, bucket: str) -> None:
    """The object_store crate, by way of obstore: streamed parts, ranges, lists, deletions by hundreds."""
    store = S3Store(
        bucket,
        endpoint=server.url.removesuffix("/v2") + "/s3",
        region="us-east-1",
        access_key_id=server.api_key,
        secret_access_key="ignored",
        client_options={"allow_http": True},
    )
    data = os.urandom(12 * MIB)
    obstore.put(store, "a b/ü.bin", data, chunk_size=5 * MIB)
    obstore.put(store, "a b/small", b"x", mode="create")
    assert bytes(obstore.get(store, "a b/ü.bin").bytes()) == data
    assert (
        bytes(obstore.get_range(store, "a b/ü.bin", start=5 * MIB - 1, end=5 * MIB + 1))
        == data[5 * MIB - 1 : 5 * MIB + 1]
    )
    assert obstore.list_with_delimiter(store)["common_prefixes"] == ["a b"]
    with pytest.raises(AlreadyExistsError):
        obstore.put(store, "a b/small", b"y", mode="create")
    assert s3.get_object(Bucket=bucket, Key="a b/small")["Body"].read() == b"x"
    obstore.delete(store, ["a b/small", "a b/ü.bin"])
    assert [one for some in obstore.list(store) for one in some] == []


def test_refusals_are_the_sdks_own_errors(server: Server, s3: Any, bucket: str) -> None:
    assert refusal(client_of(server, "wrong").list_buckets) == ("InvalidAccessKeyId", 403)
    assert refusal(s3.get_bucket_acl, Bucket=bucket) == ("NotImplemented", 501)
    assert refusal(s3.get_bucket_versioning, Bucket=bucket) == ("NotImplemented", 501)
    source = {"Bucket": bucket, "Key": "a"}
    assert refusal(s3.copy_object, Bucket=bucket, Key="b", CopySource=source) == ("NotImplemented", 501)
    assert refusal(s3.put_object, Bucket=bucket, Key="b", Body=b"", ACL="public-read") == (
        "NotImplemented",
        501,
    )
    assert refusal(s3.put_object, Bucket=bucket, Key="k" * 1025, Body=b"") == ("KeyTooLongError", 400)
    s3.put_object(Bucket=bucket, Key="a", Body=b"x", IfNoneMatch="*")
    again = refusal(s3.put_object, Bucket=bucket, Key="a", Body=b"x", IfNoneMatch="*")
    assert again == ("PreconditionFailed", 412)


@pytest.mark.parametrize("size", [10, 100_000, 20 * MIB])
def test_what_follows_a_refused_upload_is_understood(server: Server, bucket: str, size: int) -> None:
    """The SDK asks for 100 (Continue) before it sends, and goes on with the same connection."""
    client = client_of(server, max_pool_connections=1)
    for _ in range(2):
        assert refusal(client.put_object, Bucket="missing", Key="a", Body=bytes(size)) == (
            "NoSuchBucket",
            404,
        )
        client.head_bucket(Bucket=bucket)
    with httpx.Client(headers={"authorization": f"Bearer {server.api_key}"}) as plain:
        base = server.url.removesuffix("/v2") + "/s3"
        assert plain.put(f"{base}/missing/a", content=bytes(size)).status_code == 404
        assert plain.head(f"{base}/{bucket}").status_code == 200


@pytest.mark.parametrize("version", ["s3v4", "s3"])
def test_links_that_the_sdk_signs(server: Server, bucket: str, version: str) -> None:
    client = client_of(server, signature_version=version)
    put = client.generate_presigned_url("put_object", {"Bucket": bucket, "Key": "a b"}, ExpiresIn=60)
    get = client.generate_presigned_url("get_object", {"Bucket": bucket, "Key": "a b"}, ExpiresIn=60)
    assert httpx.put(put, content=b"by link").status_code == 200
    assert httpx.get(get).content == b"by link"


def test_links_that_the_platform_makes(server: Server, s3: Any, bucket: str) -> None:
    telnyx_client = telnyx.Telnyx(api_key=server.api_key, base_url=server.url, max_retries=0)
    made = telnyx_client.storage.buckets.create_presigned_url(
        "über/a b.txt", bucket_name=bucket, body={"ttl": 60}
    )
    assert made.content is not None
    url = str(made.content.presigned_url)
    assert url.startswith(server.url.removesuffix("/v2"))
    assert httpx.put(url, content=b"by link").status_code == 200
    assert s3.get_object(Bucket=bucket, Key="über/a b.txt")["Body"].read() == b"by link"
    assert httpx.get(url).content == b"by link"
    usage = telnyx_client.storage.buckets.usage.get_bucket_usage(bucket)
    assert usage.data is not None
    assert (usage.data[0].num_objects, usage.data[0].size) == (1, 7)
    now = datetime.now(UTC)
    period: Any = {"start_time": now - timedelta(hours=2), "end_time": now}
    used = telnyx_client.storage.buckets.usage.get_api_usage(bucket, filter=period)
    assert used.data is not None
    categories = [one for hour in used.data for one in hour.categories or []]
    assert {one.category for one in categories} >= {"create_bucket", "put_obj", "get_obj"}


class Zeros(io.RawIOBase):
    """So many zeros, without having them."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._at = 0

    def seekable(self) -> bool:
        return True

    def readable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = 0) -> int:
        self._at = offset + (0, self._at, self._size)[whence]
        return self._at

    def tell(self) -> int:
        return self._at

    def readinto(self, buffer: Any) -> int:
        count = min(len(buffer), self._size - self._at)
        buffer[:count] = bytes(count)
        self._at += count
        return count


def peak_kib(server: Server) -> int:
    """The most memory that the server has ever had."""
    status = Path(f"/proc/{server.pid}/status").read_text()
    return int(next(line.split()[1] for line in status.splitlines() if line.startswith("VmHWM")))


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="memory is read from /proc")
def test_a_large_object_costs_no_memory(server: Server, s3: Any, bucket: str) -> None:
    size = 256 * MIB
    s3.put_object(Bucket=bucket, Key="warm", Body=Zeros(16 * MIB))
    before = peak_kib(server)
    put = s3.put_object(Bucket=bucket, Key="large", Body=Zeros(size))
    body = s3.get_object(Bucket=bucket, Key="large")["Body"]
    got = hashlib.md5()
    for chunk in body.iter_chunks(MIB):
        got.update(chunk)
    assert put["ETag"] == f'"{got.hexdigest()}"'
    assert peak_kib(server) - before < 64 * 1024
    s3.delete_object(Bucket=bucket, Key="large")
