"""XML that clients are sent, field by field as the S3 API reference has it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol
from urllib.parse import quote

from ringline.storage.s3.composite import WholeChecksum
from ringline.storage.s3.errors import S3Error

CONTENT_TYPE = "application/xml"
_NAMESPACE = "http://s3.amazonaws.com/doc/2006-03-01/"
_HEAD = '<?xml version="1.0" encoding="UTF-8"?>\n'

# XML 1.0 has no control characters but these; S3 writes references to the others nevertheless.
_ESCAPES = {code: f"&#x{code:X};" for code in (*range(0x20), 0x7F, 0xFFFE, 0xFFFF) if code not in (9, 10)}
_ESCAPES |= {ord("&"): "&amp;", ord("<"): "&lt;", ord(">"): "&gt;", ord('"'): "&quot;"}


class Named(Protocol):
    """A bucket as a list shows it."""

    @property
    def name(self) -> str:
        """What it is called."""
        ...

    @property
    def created_at(self) -> datetime:
        """When it was made."""
        ...


class Listed(Protocol):
    """An object as a list shows it."""

    @property
    def key(self) -> str:
        """Its key."""
        ...

    @property
    def size_bytes(self) -> int:
        """How long it is."""
        ...

    @property
    def etag(self) -> str:
        """Without quotation marks."""
        ...

    @property
    def modified_at(self) -> datetime:
        """When it was written."""
        ...


class Part(Protocol):
    """A part of an upload as a list shows it."""

    @property
    def number(self) -> int:
        """From 1."""
        ...

    @property
    def size_bytes(self) -> int:
        """How long it is."""
        ...

    @property
    def md5(self) -> str:
        """In hexadecimal."""
        ...

    @property
    def modified_at(self) -> datetime:
        """When it was written."""
        ...


class Upload(Protocol):
    """An upload in parts as a list shows it."""

    @property
    def id(self) -> str:
        """Its id."""
        ...

    @property
    def key(self) -> str:
        """Its key."""
        ...

    @property
    def created_at(self) -> datetime:
        """When it was made."""
        ...


@dataclass(frozen=True, slots=True)
class Asked:
    """What a list was asked for, to be repeated in it."""

    bucket: str
    prefix: str
    delimiter: str
    limit: int
    url_encoded: bool
    """Keys percent-encoded, as `encoding-type=url` asks: XML cannot carry them all."""

    def key(self, text: str) -> str:
        """A key, prefix or marker as this list writes it."""
        return quote(text, safe="/-_.~*") if self.url_encoded else text


def error(failure: S3Error, resource: str, request_id: str) -> bytes:
    """Any refusal."""
    fields = (
        _text("Code", failure.code),
        _text("Message", failure.message),
        _text("Resource", resource),
        _text("RequestId", request_id),
    )
    return f"{_HEAD}<Error>{''.join(fields)}</Error>".encode(errors="replace")


def buckets(owner: str, found: Iterable[Named]) -> bytes:
    """ListBuckets."""
    shown = (
        _wrap("Bucket", _text("Name", one.name), _text("CreationDate", _date(one.created_at)))
        for one in found
    )
    return _root("ListAllMyBucketsResult", _owner("Owner", owner), _wrap("Buckets", *shown))


def location(region: str) -> bytes:
    """GetBucketLocation; empty stands for us-east-1."""
    return f'{_HEAD}<LocationConstraint xmlns="{_NAMESPACE}">{_escape(region)}</LocationConstraint>'.encode()


def objects(
    asked: Asked,
    found: Sequence[Listed],
    prefixes: Sequence[str],
    *,
    marker: str,
    next_marker: str | None,
) -> bytes:
    """ListObjects; `next_marker` is None on the last page."""
    return _root(
        "ListBucketResult",
        *_asked(asked),
        _text("Marker", asked.key(marker)),
        # Without a delimiter the next marker is the last key, and S3 does not say it.
        _text("NextMarker", asked.key(next_marker)) if next_marker is not None and asked.delimiter else "",
        _truncated(next_marker is not None),
        *_contents(asked, found),
        *_prefixes(asked, prefixes),
    )


def objects_v2(
    asked: Asked,
    found: Sequence[Listed],
    prefixes: Sequence[str],
    *,
    start_after: str,
    token: str,
    next_token: str | None,
    owner: str,
) -> bytes:
    """ListObjectsV2; `next_token` is None on the last page, `owner` is empty unless it was asked for."""
    return _root(
        "ListBucketResult",
        *_asked(asked),
        _text("KeyCount", str(len(found) + len(prefixes))),
        _text("StartAfter", asked.key(start_after)) if start_after else "",
        _text("ContinuationToken", token) if token else "",
        _text("NextContinuationToken", next_token) if next_token is not None else "",
        _truncated(next_token is not None),
        *_contents(asked, found, owner),
        *_prefixes(asked, prefixes),
    )


def deleted(keys: Sequence[str], *, quiet: bool) -> bytes:
    """DeleteObjects."""
    shown = () if quiet else (_wrap("Deleted", _text("Key", key)) for key in keys)
    return _root("DeleteResult", *shown)


def upload_created(bucket: str, key: str, upload_id: str) -> bytes:
    """CreateMultipartUpload."""
    return _root(
        "InitiateMultipartUploadResult",
        _text("Bucket", bucket),
        _text("Key", key),
        _text("UploadId", upload_id),
    )


def upload_completed(address: str, bucket: str, key: str, etag: str, checksum: WholeChecksum | None) -> bytes:
    """CompleteMultipartUpload; `address` is the object's URL."""
    proven: tuple[str, ...] = ()
    if checksum is not None:
        proven = (
            _text(f"Checksum{checksum.algorithm.upper()}", checksum.value),
            _text("ChecksumType", checksum.kind),
        )
    return _root(
        "CompleteMultipartUploadResult",
        _text("Location", address),
        _text("Bucket", bucket),
        _text("Key", key),
        _etag(etag),
        *proven,
    )


def parts(
    bucket: str, upload: Upload, found: Sequence[Part], *, marker: int, limit: int, more: bool
) -> bytes:
    """ListParts; `more` follow those `found`."""
    shown = (
        _wrap(
            "Part",
            _text("PartNumber", str(one.number)),
            _text("LastModified", _date(one.modified_at)),
            _etag(one.md5),
            _text("Size", str(one.size_bytes)),
        )
        for one in found
    )
    return _root(
        "ListPartsResult",
        _text("Bucket", bucket),
        _text("Key", upload.key),
        _text("UploadId", upload.id),
        _text("StorageClass", "STANDARD"),
        _text("PartNumberMarker", str(marker)),
        _text("NextPartNumberMarker", str(found[-1].number if found else marker)),
        _text("MaxParts", str(limit)),
        _truncated(more),
        *shown,
    )


def uploads(
    asked: Asked,
    found: Sequence[Upload],
    prefixes: Sequence[str],
    *,
    key_marker: str,
    id_marker: str,
    next_markers: tuple[str, str] | None,
) -> bytes:
    """ListMultipartUploads; `next_markers`, key and upload, are None on the last page."""
    shown = (
        _wrap(
            "Upload",
            _text("Key", asked.key(one.key)),
            _text("UploadId", one.id),
            _text("StorageClass", "STANDARD"),
            _text("Initiated", _date(one.created_at)),
        )
        for one in found
    )
    following: tuple[str, ...] = ()
    if next_markers is not None:
        following = (
            _text("NextKeyMarker", asked.key(next_markers[0])),
            _text("NextUploadIdMarker", next_markers[1]),
        )
    return _root(
        "ListMultipartUploadsResult",
        _text("Bucket", asked.bucket),
        _text("KeyMarker", asked.key(key_marker)),
        _text("UploadIdMarker", id_marker),
        *following,
        _text("Prefix", asked.key(asked.prefix)),
        _text("Delimiter", asked.key(asked.delimiter)) if asked.delimiter else "",
        _text("MaxUploads", str(asked.limit)),
        _text("EncodingType", "url") if asked.url_encoded else "",
        _truncated(next_markers is not None),
        *shown,
        *_prefixes(asked, prefixes),
    )


def _asked(asked: Asked) -> Iterable[str]:
    yield _text("Name", asked.bucket)
    yield _text("Prefix", asked.key(asked.prefix))
    if asked.delimiter:
        yield _text("Delimiter", asked.key(asked.delimiter))
    yield _text("MaxKeys", str(asked.limit))
    if asked.url_encoded:
        yield _text("EncodingType", "url")


def _contents(asked: Asked, found: Iterable[Listed], owner: str = "") -> Iterable[str]:
    for one in found:
        yield _wrap(
            "Contents",
            _text("Key", asked.key(one.key)),
            _text("LastModified", _date(one.modified_at)),
            _etag(one.etag),
            _text("Size", str(one.size_bytes)),
            _text("StorageClass", "STANDARD"),
            _owner("Owner", owner) if owner else "",
        )


def _prefixes(asked: Asked, prefixes: Iterable[str]) -> Iterable[str]:
    return (_wrap("CommonPrefixes", _text("Prefix", asked.key(one))) for one in prefixes)


def _owner(name: str, owner: str) -> str:
    return _wrap(name, _text("ID", owner), _text("DisplayName", owner))


def _truncated(more: bool) -> str:
    return _text("IsTruncated", "true" if more else "false")


def _etag(etag: str) -> str:
    return _text("ETag", f'"{etag}"')


def _date(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z"


def _root(name: str, *content: str) -> bytes:
    return f'{_HEAD}<{name} xmlns="{_NAMESPACE}">{"".join(content)}</{name}>'.encode()


def _wrap(name: str, *content: str) -> str:
    return f"<{name}>{''.join(content)}</{name}>"


def _text(name: str, value: str) -> str:
    return f"<{name}>{_escape(value)}</{name}>"


def _escape(value: str) -> str:
    return value.translate(_ESCAPES)
