"""Uploads in parts."""

from collections.abc import Sequence
from dataclasses import replace

from fastapi import Response

from ringline.api.s3.bucket_operations import KEYS, read_list
from ringline.api.s3.call import Call, nothing, xml
from ringline.api.s3.object_operations import BODY, condition, content_type, described, require_length
from ringline.storage.s3 import answers, composite, documents
from ringline.storage.s3.checksums import PREFIX as CHECKSUM
from ringline.storage.s3.composite import Kind, PartChecksum, Plan, WholeChecksum
from ringline.storage.s3.documents import PARTS_LIMIT, PartRef
from ringline.storage.s3.errors import S3Error
from ringline.store import bucket_uploads
from ringline.store.bucket_uploads import NoSuchUpload, Upload
from ringline.store.buckets import Headers, Piece, StoredObject

ALGORITHM, KIND = CHECKSUM + "algorithm", CHECKSUM + "type"
"""What an upload was begun with; the second is also told of the object."""


async def create_multipart_upload(call: Call) -> Response:
    """`POST /bucket/key?uploads`."""
    plan = composite.planned(call.headers)
    agreed = ((ALGORITHM, plan.algorithm), (KIND, plan.kind.value)) if plan else ()
    headers = (("content-type", content_type(call.headers)), *described(call.headers), *agreed)
    upload = Upload(call.buckets.ids.uuid(), call.key, headers, call.buckets.clock.utc())
    await call.store.tx(bucket_uploads.begin, call.account_id, call.bucket, upload)
    return xml(answers.upload_created(call.bucket, call.key, upload.id))


async def upload_part(call: Call) -> Response:
    """`PUT /bucket/key?partNumber&uploadId`."""
    require_length(call)
    number = call.target.integer("partNumber", 0, least=1)
    if not 1 <= number <= PARTS_LIMIT:
        raise S3Error("InvalidArgument", f"Part number must be an integer between 1 and {PARTS_LIMIT}.")
    await call.store.read(bucket_uploads.find, call.account_id, call.bucket, call.key, _id(call))
    body = call.body(BODY)
    written = await call.buckets.write(body.pieces())
    part = Piece(
        number,
        written.storage_key,
        written.size_bytes,
        written.md5,
        call.buckets.clock.utc(),
        tuple((name.removeprefix(CHECKSUM), value) for name, value in body.earned),
    )
    left = await call.buckets.keep(
        written, bucket_uploads.add_part, call.account_id, call.bucket, call.key, _id(call), part
    )
    await call.buckets.discard(left)
    return nothing(200, {"etag": f'"{written.md5}"', **dict(body.earned)})


async def complete_multipart_upload(call: Call) -> Response:
    """`POST /bucket/key?uploadId`."""
    # Here alone the checksums in the headers are not the body's, but the object's.
    said = {name: value for name, value in call.headers.items() if not name.startswith(CHECKSUM)}
    wanted = await replace(call, headers=said).document(documents.parse_complete)

    def describe(upload: Upload, parts: Sequence[Piece]) -> Headers:
        _check_parts(wanted, parts)
        checksum = _whole(upload, parts)
        for name, value in composite.promised(call.headers):
            if checksum is None or (checksum.algorithm, checksum.value) != (name, value):
                raise S3Error("BadDigest", f"The {name.upper()} you specified did not match the object's.")
        kept = tuple(pair for pair in upload.headers if pair[0] not in (ALGORITHM, KIND))
        if checksum is None:
            return kept
        return (*kept, (CHECKSUM + checksum.algorithm, checksum.value), (KIND, checksum.kind.value))

    item, left = await call.store.tx(
        bucket_uploads.complete,
        call.account_id,
        call.bucket,
        call.key,
        _id(call),
        [(one.number, one.etag) for one in wanted],
        call.buckets.clock.utc(),
        condition(call.headers),
        describe,
    )
    await call.buckets.discard(left)
    return xml(answers.upload_completed(call.address, call.bucket, call.key, item.etag, _known(item)))


async def abort_multipart_upload(call: Call) -> Response:
    """`DELETE /bucket/key?uploadId`."""
    left = await call.store.tx(bucket_uploads.abort, call.account_id, call.bucket, call.key, _id(call))
    await call.buckets.discard(left)
    return nothing()


async def list_parts(call: Call) -> Response:
    """`GET /bucket/key?uploadId`."""
    upload, parts = await call.store.read(
        bucket_uploads.parts, call.account_id, call.bucket, call.key, _id(call)
    )
    marker = call.target.integer("part-number-marker", 0)
    limit = call.target.integer("max-parts", KEYS, most=KEYS)
    following = [one for one in parts if one.number > marker]
    return xml(
        answers.parts(
            call.bucket,
            upload,
            following[:limit],
            marker=marker,
            limit=limit,
            more=len(following) > limit > 0,
        )
    )


async def list_multipart_uploads(call: Call) -> Response:
    """`GET /bucket?uploads`."""
    asked = read_list(call, "max-uploads")
    query = call.target.query
    after = (query.get("key-marker", ""), _upload_id(query.get("upload-id-marker", "")))
    page = await call.store.read(
        bucket_uploads.page,
        call.account_id,
        call.bucket,
        limit=asked.limit,
        prefix=asked.prefix,
        delimiter=asked.delimiter,
        after=after,
    )
    return xml(
        answers.uploads(
            asked,
            page.uploads,
            page.prefixes,
            key_marker=after[0],
            id_marker=after[1],
            next_markers=page.next if asked.limit else None,
        )
    )


def _check_parts(wanted: Sequence[PartRef], parts: Sequence[Piece]) -> None:
    for said, part in zip(wanted, parts, strict=True):
        if not set(said.checksums) <= set(part.checksums):
            raise S3Error("InvalidPart", f"A checksum of part {said.number} is not the one it was sent with.")


def _whole(upload: Upload, parts: Sequence[Piece]) -> WholeChecksum | None:
    agreed = dict(upload.headers)
    if ALGORITHM not in agreed:
        return None
    plan = Plan(agreed[ALGORITHM], Kind(agreed[KIND]))
    known = [dict(part.checksums).get(plan.algorithm) for part in parts]
    sums = [PartChecksum(one, part.size_bytes) for one, part in zip(known, parts, strict=True) if one]
    # A client may begin with an algorithm and then not use it.
    return composite.whole(plan, sums) if len(sums) == len(parts) else None


def _known(item: StoredObject) -> WholeChecksum | None:
    headers = dict(item.headers)
    found = composite.promised(headers)
    return WholeChecksum(found[0][0], Kind(headers[KIND]), found[0][1]) if found else None


def _id(call: Call) -> str:
    return _upload_id(call.target.query["uploadId"])


def _upload_id(text: str) -> str:
    # PostgreSQL takes no NUL even to look for.
    if "\0" in text:
        raise NoSuchUpload(text)
    return text
