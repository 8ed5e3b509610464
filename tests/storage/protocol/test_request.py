"""What requests are about, who they come from, and what they hinge on."""

from contextlib import suppress
from datetime import UTC, datetime, timedelta
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringline.storage.s3 import auth, conditions
from ringline.storage.s3.auth import AccessKey, BadToken, Grant, Token
from ringline.storage.s3.errors import S3Error
from ringline.storage.s3.request import Operation, Target, is_bucket_name, operation_of, parse_target

pytestmark = pytest.mark.unit

NOW = datetime(2030, 1, 1, 12, tzinfo=UTC)
DAY = "20300101T120000Z"


def refused(code: str, operation: object, *arguments: object) -> None:
    assert callable(operation)
    with pytest.raises(S3Error) as caught:
        operation(*arguments)
    assert caught.value.code == code


@given(st.text(st.characters(codec="utf-8"), max_size=100))
def test_a_key_is_what_it_was_before_it_was_encoded(key: str) -> None:
    for safe in ("/", "", "/~!*'();:@&=$,[]+."):
        assert parse_target(f"/bucket/{quote(key, safe=safe)}".encode(), b"").key == key


def test_targets() -> None:
    assert parse_target(b"/", b"") == Target("", "", {})
    assert parse_target(b"", b"") == Target("", "", {})
    assert parse_target(b"/abc", b"prefix=a+b%2Bc&x&prefix=2&=3") == Target(
        "abc", "", {"prefix": "a b+c", "x": "", "": "3"}
    )
    assert parse_target(b"/abc//x/../y%2F", b"").key == "/x/../y/"
    assert len(parse_target(b"/abc/" + b"%C3%BC" * 512, b"").key) == 512
    refused("KeyTooLongError", parse_target, b"/abc/" + b"%C3%BC" * 512 + b"k", b"")
    refused("InvalidURI", parse_target, b"/abc/%FF", b"")
    refused("InvalidURI", parse_target, b"/abc/x", b"a=%FF")
    refused("InvalidBucketName", parse_target, b"/Abc/x", b"")


@pytest.mark.parametrize("name", ["abc", "a.b-c", "0ab", "a" * 63])
def test_names_of_buckets(name: str) -> None:
    assert is_bucket_name(name)


@pytest.mark.parametrize(
    "name", ["ab", "a" * 64, "Abc", "a_b", "-ab", "ab-", "a..b", "192.168.0.1", "abc\n", "äbc", "a/b"]
)
def test_names_that_no_bucket_may_have(name: str) -> None:
    assert not is_bucket_name(name)


def chosen(method: str, path: bytes, query: bytes = b"", headers: dict[str, str] | None = None) -> Operation:
    return operation_of(method, parse_target(path, query), headers or {})


def test_operations() -> None:
    assert chosen("GET", b"/") is Operation.LIST_BUCKETS
    assert chosen("GET", b"/abc", b"prefix=a&max-keys=3") is Operation.LIST_OBJECTS
    assert chosen("GET", b"/abc/", b"list-type=2") is Operation.LIST_OBJECTS_V2
    assert chosen("PUT", b"/abc/k", b"x-id=PutObject") is Operation.PUT_OBJECT
    assert chosen("PUT", b"/abc/k", b"partNumber=1&uploadId=x") is Operation.UPLOAD_PART
    assert chosen("GET", b"/abc/k", b"response-content-type=a") is Operation.GET_OBJECT
    refused("InvalidArgument", chosen, "GET", b"/abc", b"list-type=3")
    refused("MethodNotAllowed", chosen, "PATCH", b"/abc/k")


@pytest.mark.parametrize(
    ("method", "path", "query"),
    [
        ("POST", b"/", b""),
        ("PUT", b"/", b""),
        ("GET", b"/abc", b"acl"),
        ("PUT", b"/abc", b"lifecycle"),
        ("GET", b"/abc", b"versions"),
        ("GET", b"/abc", b"uploads&versions"),
        ("POST", b"/abc", b""),
        ("GET", b"/abc/k", b"tagging"),
        ("PUT", b"/abc/k", b"partNumber=1"),
        ("DELETE", b"/abc/k", b"versionId=3"),
        ("POST", b"/abc/k", b"select&select-type=2"),
    ],
)
def test_what_is_not_there_is_not_implemented(method: str, path: bytes, query: bytes) -> None:
    refused("NotImplemented", chosen, method, path, query)


@pytest.mark.parametrize(
    ("name", "value", "code"),
    [
        ("x-amz-copy-source", "/abc/other", "NotImplemented"),
        ("x-amz-acl", "public-read", "NotImplemented"),
        ("x-amz-grant-read", "id=1", "NotImplemented"),
        ("x-amz-server-side-encryption", "AES256", "NotImplemented"),
        ("x-amz-server-side-encryption-customer-key", "x", "NotImplemented"),
        ("x-amz-tagging", "a=b", "NotImplemented"),
        ("x-amz-object-lock-mode", "GOVERNANCE", "NotImplemented"),
        ("x-amz-storage-class", "GLACIER", "InvalidStorageClass"),
    ],
)
def test_headers_that_ask_for_what_is_not_there(name: str, value: str, code: str) -> None:
    refused(code, chosen, "PUT", b"/abc/k", b"", {name: value})


def test_headers_that_ask_for_what_is_so_anyway() -> None:
    headers = {"x-amz-acl": "private", "x-amz-storage-class": "STANDARD"}
    assert chosen("PUT", b"/abc/k", b"", headers) is Operation.PUT_OBJECT


def claimed(header: str | None = None, **query: str) -> AccessKey | Token:
    return auth.claimed({"authorization": header} if header is not None else {}, query, NOW)


def test_the_access_key_is_all_that_counts() -> None:
    signed = "AWS4-HMAC-SHA256 Credential=KEY-1_x/20300101/r/s3/aws4_request, SignedHeaders=host, Signature=0"
    assert claimed(signed) == AccessKey("KEY-1_x")
    assert claimed(signed.replace(", ", ",")) == AccessKey("KEY-1_x")
    assert claimed("AWS4-HMAC-SHA256 SignedHeaders=host,Credential=KEY/x") == AccessKey("KEY")
    assert claimed("AWS KEY:signature=") == AccessKey("KEY")
    assert claimed("Bearer KEY") == AccessKey("KEY")
    assert claimed("bearer  KEY ") == AccessKey("KEY")


@pytest.mark.parametrize(
    "header", ["", "Basic a", "Bearer ", "AWS", "AWS4-HMAC-SHA256 ", "AWS4-HMAC-SHA256 Credential=/x"]
)
def test_a_header_without_a_key(header: str) -> None:
    refused("AccessDenied", claimed, header)


def presigned(**changed: str) -> dict[str, str]:
    return {
        "X-Amz-Credential": "KEY/20300101/r/s3/aws4_request",
        "X-Amz-Date": DAY,
        "X-Amz-Expires": "60",
    } | changed


def test_presigned_queries() -> None:
    assert claimed(**presigned()) == AccessKey("KEY")
    later = NOW + timedelta(seconds=60)
    refused("AccessDenied", auth.claimed, {}, presigned(), later)
    assert auth.claimed({}, presigned(), later - timedelta(seconds=1)) == AccessKey("KEY")
    for changed in (
        {"X-Amz-Expires": "0"},
        {"X-Amz-Expires": "604801"},
        {"X-Amz-Expires": ""},
        {"X-Amz-Date": "now"},
    ):
        refused("InvalidArgument", auth.claimed, {}, presigned(**changed), NOW)
    second = str(int(NOW.timestamp()) + 1)
    assert claimed(AWSAccessKeyId="KEY", Expires=second, Signature="x") == AccessKey("KEY")
    refused("AccessDenied", auth.claimed, {}, {"AWSAccessKeyId": "KEY", "Expires": "1"}, NOW)
    refused("InvalidArgument", auth.claimed, {}, {"AWSAccessKeyId": "KEY"}, NOW)
    assert claimed(**{"X-AMZ-Security-Token": "t"}) == Token("t")
    refused("AccessDenied", auth.claimed, {}, {}, NOW)


GRANT = Grant("account", "bucket", "a/ü\x00", int(NOW.timestamp()) + 60)


def test_tokens_open_what_they_say_until_they_are_over() -> None:
    token = auth.seal(b"secret", GRANT)
    assert auth.unseal(b"secret", token, NOW) == GRANT
    assert quote(token, safe="") == token
    for secret, text, moment in (
        (b"other", token, NOW),
        (b"secret", token, NOW + timedelta(seconds=60)),
        (b"secret", token[1:], NOW),
        (b"secret", token + "AAAA", NOW),
        (b"secret", "ü", NOW),
        (b"secret", "", NOW),
    ):
        with pytest.raises(BadToken):
            auth.unseal(secret, text, moment)


ETAG = "e" * 32
MODIFIED = datetime(2030, 1, 1, 10, 0, 0, 500_000, tzinfo=UTC)
BEFORE, SAME, AFTER = (conditions.http_date(MODIFIED + timedelta(seconds=seconds)) for seconds in (-1, 0, 1))


@pytest.mark.parametrize(
    ("headers", "unchanged"),
    [
        ({}, False),
        ({"if-none-match": f'"{ETAG}"'}, True),
        ({"if-none-match": f'"x", W/"{ETAG}"'}, True),
        ({"if-none-match": "*"}, True),
        ({"if-none-match": '"x"'}, False),
        ({"if-none-match": '"x"', "if-modified-since": AFTER}, False),
        ({"if-modified-since": SAME}, True),
        ({"if-modified-since": BEFORE}, False),
        ({"if-modified-since": "no date"}, False),
        ({"if-modified-since": "Mon, 99 Jan 2030 99:99:99 GMT"}, False),
        ({"if-match": ETAG}, False),
        ({"if-match": "*"}, False),
        ({"if-match": f'"{ETAG}"', "if-unmodified-since": BEFORE}, False),
        ({"if-unmodified-since": SAME}, False),
    ],
)
def test_reads_that_go_on(headers: dict[str, str], unchanged: bool) -> None:
    assert conditions.is_unchanged(headers, ETAG, MODIFIED) is unchanged


@pytest.mark.parametrize("headers", [{"if-match": '"x"'}, {"if-unmodified-since": BEFORE}])
def test_reads_that_do_not(headers: dict[str, str]) -> None:
    refused("PreconditionFailed", conditions.is_unchanged, headers, ETAG, MODIFIED)


def test_writes_on_a_condition() -> None:
    conditions.check_write({}, ETAG)
    conditions.check_write({"if-none-match": "*"}, None)
    conditions.check_write({"if-match": f'"{ETAG}"'}, ETAG)
    refused("PreconditionFailed", conditions.check_write, {"if-none-match": "*"}, ETAG)
    refused("PreconditionFailed", conditions.check_write, {"if-match": "x"}, ETAG)
    refused("NoSuchKey", conditions.check_write, {"if-match": ETAG}, None)


def test_a_range_of_what_was_known() -> None:
    for header, applies in (
        (f'"{ETAG}"', True),
        ('"x"', False),
        (SAME, True),
        (AFTER, False),
        (BEFORE, False),
    ):
        assert conditions.range_applies({"if-range": header}, ETAG, MODIFIED) is applies
    assert conditions.range_applies({}, ETAG, MODIFIED)


WORDS = st.text(st.characters(max_codepoint=255), max_size=30)


@given(
    header=WORDS, query=st.dictionaries(st.sampled_from([*presigned(), "AWSAccessKeyId", "Expires"]), WORDS)
)
def test_any_words_are_understood_or_refused(header: str, query: dict[str, str]) -> None:
    with suppress(S3Error):
        auth.claimed({}, query, NOW)
    with suppress(S3Error):
        auth.claimed({"authorization": header}, query, NOW)
    with suppress(S3Error):
        conditions.is_unchanged({"if-modified-since": header, "if-none-match": header}, ETAG, MODIFIED)
    with suppress(BadToken):
        auth.unseal(b"secret", header, NOW)
