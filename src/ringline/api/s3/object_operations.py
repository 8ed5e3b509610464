"""Operations on objects."""

from collections.abc import Mapping

from fastapi import Response
from fastapi.responses import StreamingResponse

from ringline.api.downloads import Unsatisfiable, parse_range
from ringline.api.s3.body import encodings
from ringline.api.s3.call import Call, nothing, xml
from ringline.storage.objects import ObjectMissing
from ringline.storage.s3 import answers, conditions, documents
from ringline.storage.s3.checksums import PREFIX as CHECKSUM
from ringline.storage.s3.conditions import http_date
from ringline.storage.s3.errors import S3Error
from ringline.storage.s3.request import Operation
from ringline.store import buckets
from ringline.store.buckets import Headers, NoSuchObject, Piece, StoredObject

BODY = 5 * 1024**3
"""Octets of one PUT (spec ai-api §12)."""

METADATA = 2 * 1024
"""Octets of all `x-amz-meta-…` names and values (S3 user guide, "Working with object metadata")."""

META = "x-amz-meta-"
KEPT = ("cache-control", "content-disposition", "content-language", "expires")
OVERRIDES = (*KEPT, "content-encoding", "content-type")
"""Headers that `response-…` in the query may say differently."""

TRIES = 3
"""An object that is replaced between its row and its bytes is looked up again, so often at most."""

AT_ONCE = 100
"""Objects deleted in one transaction: calls write to the same store in between."""


async def put_object(call: Call) -> Response:
    """`PUT /bucket/key`."""
    require_length(call)
    body = call.body(BODY)
    kept = described(call.headers)
    stored = await call.buckets.put(
        call.account_id,
        call.bucket,
        call.key,
        body.pieces(),
        content_type(call.headers),
        headers=lambda: (*kept, *body.earned),
        allowed=condition(call.headers),
    )
    return nothing(200, {"etag": f'"{stored.etag}"', **dict(body.earned)})


async def get_object(call: Call) -> Response:
    """`GET` or `HEAD /bucket/key`, whole, in part, or one part of an upload in parts."""
    for _ in range(TRIES):
        item, pieces = await call.store.read(buckets.find_object, call.account_id, call.bucket, call.key)
        if conditions.is_unchanged(call.headers, item.etag, item.modified_at):
            return nothing(304, _validators(item))
        span = _span(call, item, pieces)
        status, headers = _head(call, item, pieces, span)
        if call.operation is Operation.HEAD_OBJECT:
            return nothing(status, headers)
        start, end = span or (0, item.size_bytes)
        try:
            content = await call.buckets.read(pieces, start, end)
        except ObjectMissing:
            continue
        return StreamingResponse(content, status, headers)
    raise NoSuchObject(call.key)


async def delete_object(call: Call) -> Response:
    """`DELETE /bucket/key`."""
    left = await call.store.tx(
        buckets.delete_objects, call.account_id, call.bucket, (call.key,), condition(call.headers)
    )
    await call.buckets.discard(left)
    return nothing()


async def delete_objects(call: Call) -> Response:
    """`POST /bucket?delete`."""
    asked = await call.document(documents.parse_delete)
    for first in range(0, len(asked.keys), AT_ONCE):
        some = asked.keys[first : first + AT_ONCE]
        left = await call.store.tx(buckets.delete_objects, call.account_id, call.bucket, some)
        await call.buckets.discard(left)
    return xml(answers.deleted(asked.keys, quiet=asked.quiet))


def content_type(headers: Mapping[str, str]) -> str:
    """The type that a client gives its object; S3's own word where it gives none."""
    return headers.get("content-type") or "binary/octet-stream"


def described(headers: Mapping[str, str]) -> Headers:
    """What is kept of a write's headers, its type apart. Raises `S3Error` MetadataTooLarge."""
    meta = tuple((name, value) for name, value in headers.items() if name.startswith(META))
    if sum(len(name) - len(META) + len(value) for name, value in meta) > METADATA:
        raise S3Error("MetadataTooLarge", f"Metadata may have {METADATA} bytes.")
    kept = tuple((name, headers[name]) for name in KEPT if name in headers)
    encoding = ", ".join(one for one in encodings(headers) if one != "aws-chunked")
    return kept + ((("content-encoding", encoding),) if encoding else ()) + meta


def condition(headers: Mapping[str, str]) -> buckets.Condition:
    """What If-Match and If-None-Match demand of the object that a write is about."""

    def allowed(found: StoredObject | None) -> None:
        conditions.check_write(headers, found.etag if found else None)

    return allowed


def require_length(call: Call) -> None:
    """Raises `S3Error` MissingContentLength for a write that does not say how long it is."""
    if "content-length" not in call.headers and "transfer-encoding" not in call.headers:
        raise S3Error("MissingContentLength", "You must provide the Content-Length HTTP header.")


def _span(call: Call, item: StoredObject, pieces: tuple[Piece, ...]) -> tuple[int, int] | None:
    number = call.target.integer("partNumber", 0, least=1, most=documents.PARTS_LIMIT)
    if number:
        offset = 0
        for piece in pieces:
            if piece.number == number:
                return offset, offset + piece.size_bytes
            offset += piece.size_bytes
        raise S3Error("InvalidRange", "The object has no such part.")
    if not conditions.range_applies(call.headers, item.etag, item.modified_at):
        return None
    try:
        return parse_range(call.headers.get("range"), item.size_bytes)
    except Unsatisfiable:
        raise S3Error("InvalidRange", "The requested range is not satisfiable") from None


def _head(
    call: Call, item: StoredObject, pieces: tuple[Piece, ...], span: tuple[int, int] | None
) -> tuple[int, dict[str, str]]:
    whole = span is None
    with_checksum = whole and call.headers.get("x-amz-checksum-mode", "").upper() == "ENABLED"
    headers = {name: value for name, value in item.headers if with_checksum or not name.startswith(CHECKSUM)}
    headers |= {**_validators(item), "accept-ranges": "bytes", "x-content-type-options": "nosniff"}
    start, end = span or (0, item.size_bytes)
    headers["content-length"] = str(end - start)
    if span:
        headers["content-range"] = f"bytes {start}-{end - 1}/{item.size_bytes}"
    if "partNumber" in call.target.query and len(pieces) > 1:
        headers["x-amz-mp-parts-count"] = str(len(pieces))
    for name in OVERRIDES:
        if value := call.target.query.get(f"response-{name}"):
            if not value.isprintable():
                raise S3Error("InvalidArgument", f"response-{name} has characters that no header may have.")
            headers[name] = value.encode().decode("latin-1")
    return 206 if span else 200, headers


def _validators(item: StoredObject) -> dict[str, str]:
    return {"etag": f'"{item.etag}"', "last-modified": http_date(item.modified_at)}
