"""What a request is about: bucket, key, query, and which operation of the S3 API that is.

Path style only, `/bucket/key`; a key is the rest of the path, percent-decoded once and never normalised:
`a//b`, `../c` and `%2F` are keys as they stand.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from urllib.parse import unquote_to_bytes

from ringline.storage.s3.errors import S3Error, not_implemented

KEY_LIMIT = 1024
"""Octets of a key (S3 user guide, "Naming Amazon S3 objects")."""

_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_ADDRESS = re.compile(r"\d+\.\d+\.\d+\.\d+")


class Operation(StrEnum):
    """The operations that there are, by their names in the S3 API reference."""

    LIST_BUCKETS = "ListBuckets"
    CREATE_BUCKET = "CreateBucket"
    HEAD_BUCKET = "HeadBucket"
    DELETE_BUCKET = "DeleteBucket"
    GET_BUCKET_LOCATION = "GetBucketLocation"
    LIST_OBJECTS = "ListObjects"
    LIST_OBJECTS_V2 = "ListObjectsV2"
    DELETE_OBJECTS = "DeleteObjects"
    PUT_OBJECT = "PutObject"
    GET_OBJECT = "GetObject"
    HEAD_OBJECT = "HeadObject"
    DELETE_OBJECT = "DeleteObject"
    CREATE_MULTIPART_UPLOAD = "CreateMultipartUpload"
    UPLOAD_PART = "UploadPart"
    COMPLETE_MULTIPART_UPLOAD = "CompleteMultipartUpload"
    ABORT_MULTIPART_UPLOAD = "AbortMultipartUpload"
    LIST_PARTS = "ListParts"
    LIST_MULTIPART_UPLOADS = "ListMultipartUploads"


SUBRESOURCES = frozenset(
    {
        "accelerate",
        "acl",
        "analytics",
        "attributes",
        "cors",
        "delete",
        "encryption",
        "intelligent-tiering",
        "inventory",
        "legal-hold",
        "lifecycle",
        "list-type",
        "location",
        "logging",
        "metrics",
        "notification",
        "object-lock",
        "ownershipControls",
        "partNumber",
        "policy",
        "policyStatus",
        "publicAccessBlock",
        "replication",
        "requestPayment",
        "restore",
        "retention",
        "select",
        "tagging",
        "torrent",
        "uploadId",
        "uploads",
        "versionId",
        "versioning",
        "versions",
        "website",
    }
)
"""Query parameters that choose an operation; every other only describes it."""

_SERVICE = {("GET", frozenset[str]()): Operation.LIST_BUCKETS}
_OF_BUCKET = {
    ("PUT", frozenset[str]()): Operation.CREATE_BUCKET,
    ("HEAD", frozenset[str]()): Operation.HEAD_BUCKET,
    ("DELETE", frozenset[str]()): Operation.DELETE_BUCKET,
    ("GET", frozenset({"location"})): Operation.GET_BUCKET_LOCATION,
    ("GET", frozenset[str]()): Operation.LIST_OBJECTS,
    ("GET", frozenset({"list-type"})): Operation.LIST_OBJECTS_V2,
    ("GET", frozenset({"uploads"})): Operation.LIST_MULTIPART_UPLOADS,
    ("POST", frozenset({"delete"})): Operation.DELETE_OBJECTS,
}
_OF_OBJECT = {
    ("PUT", frozenset[str]()): Operation.PUT_OBJECT,
    ("GET", frozenset[str]()): Operation.GET_OBJECT,
    ("HEAD", frozenset[str]()): Operation.HEAD_OBJECT,
    ("GET", frozenset({"partNumber"})): Operation.GET_OBJECT,
    ("HEAD", frozenset({"partNumber"})): Operation.HEAD_OBJECT,
    ("DELETE", frozenset[str]()): Operation.DELETE_OBJECT,
    ("POST", frozenset({"uploads"})): Operation.CREATE_MULTIPART_UPLOAD,
    ("PUT", frozenset({"partNumber", "uploadId"})): Operation.UPLOAD_PART,
    ("POST", frozenset({"uploadId"})): Operation.COMPLETE_MULTIPART_UPLOAD,
    ("DELETE", frozenset({"uploadId"})): Operation.ABORT_MULTIPART_UPLOAD,
    ("GET", frozenset({"uploadId"})): Operation.LIST_PARTS,
}

METHODS = frozenset({"GET", "HEAD", "PUT", "POST", "DELETE"})

REFUSED_HEADERS = (
    "x-amz-copy-source",
    "x-amz-grant-",
    "x-amz-object-lock-",
    "x-amz-server-side-encryption",
    "x-amz-tagging",
    "x-amz-website-redirect-location",
    "x-amz-write-offset-bytes",
)
"""Beginnings of headers that ask for what is not there; to ignore them would be to pretend."""

ACLS = frozenset({"private", "bucket-owner-full-control", "bucket-owner-read"})
"""Canned ACLs that give nobody more than the owner has."""


@dataclass(frozen=True, slots=True)
class Target:
    """What a request is about. `bucket` is empty for the service, `key` for the bucket itself."""

    bucket: str
    key: str
    query: Mapping[str, str]

    def integer(self, name: str, default: int, least: int = 0, most: int = 2**31 - 1) -> int:
        """A number of the query; more than `most` counts as `most`. Raises `S3Error` InvalidArgument."""
        text = self.query.get(name, "")
        if not text:
            return default
        if not (text.isascii() and text.isdigit() and len(text) < 20 and int(text) >= least):
            raise S3Error("InvalidArgument", f"{name} must be a whole number of at least {least}.")
        return min(int(text), most)


def parse_target(path: bytes, query: bytes) -> Target:
    """Read the raw path, from the slash before the bucket, and the raw query string.

    Raises `S3Error`: InvalidURI, KeyTooLongError, InvalidBucketName.
    """
    bucket, _, key = path.removeprefix(b"/").partition(b"/")
    if len(raw_key := unquote_to_bytes(key)) > KEY_LIMIT:
        raise S3Error("KeyTooLongError", f"A key has at most {KEY_LIMIT} bytes.")
    name = _text(bucket)
    if name and not is_bucket_name(name):
        raise S3Error("InvalidBucketName", "The specified bucket is not valid.")
    return Target(name, _decode(raw_key), parse_query(query))


def parse_query(query: bytes) -> dict[str, str]:
    """The parameters of a query string; of several with one name the first counts."""
    found: dict[str, str] = {}
    for pair in query.split(b"&"):
        if pair:
            name, _, value = pair.replace(b"+", b" ").partition(b"=")
            found.setdefault(_text(name), _text(value))
    return found


def is_bucket_name(name: str) -> bool:
    """Whether a bucket may be called so (S3 user guide, "Bucket naming rules")."""
    return bool(_BUCKET.fullmatch(name)) and ".." not in name and not _ADDRESS.fullmatch(name)


def operation_of(method: str, target: Target, headers: Mapping[str, str]) -> Operation:
    """Which operation this is. Raises `S3Error`: NotImplemented, MethodNotAllowed."""
    if method not in METHODS:
        raise S3Error("MethodNotAllowed", "The specified method is not allowed against this resource.")
    chosen = frozenset(SUBRESOURCES & target.query.keys())
    table = _OF_OBJECT if target.key else _OF_BUCKET if target.bucket else _SERVICE
    operation = table.get((method, chosen))
    if operation is None:
        asked = ", ".join(sorted(chosen)) or f"{method} of this resource"
        raise not_implemented(asked)
    if operation is Operation.LIST_OBJECTS_V2 and target.query["list-type"] != "2":
        raise S3Error("InvalidArgument", "list-type must be 2.")
    _refuse_headers(headers)
    return operation


def _refuse_headers(headers: Mapping[str, str]) -> None:
    for name in headers:
        if name.startswith(REFUSED_HEADERS):
            raise not_implemented(f"The header {name[:80]}")
    if headers.get("x-amz-acl", "private") not in ACLS:
        raise not_implemented("An ACL other than private")
    if headers.get("x-amz-storage-class", "STANDARD") != "STANDARD":
        raise S3Error("InvalidStorageClass", "The only storage class is STANDARD.")


def _text(raw: bytes) -> str:
    return _decode(unquote_to_bytes(raw))


def _decode(raw: bytes) -> str:
    try:
        return raw.decode()
    except UnicodeDecodeError:
        raise S3Error("InvalidURI", "Couldn't parse the specified URI: it is not UTF-8.") from None
