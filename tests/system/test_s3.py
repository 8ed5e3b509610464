"""The unmodified boto3 against a running server: every operation of spec ai-api §12."""

import hashlib
import io
import os
import secrets
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from boto3.s3.transfer import TransferConfig
from botocore.config import Config
from botocore.exceptions import ClientError

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
