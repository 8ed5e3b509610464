"""Operations on buckets, and lists of what is in them."""

import base64
import binascii
import re
from dataclasses import replace

from fastapi import Response

from ringline.api.s3.call import Call, nothing, xml
from ringline.storage.s3 import answers, documents
from ringline.storage.s3.answers import Asked
from ringline.storage.s3.errors import S3Error
from ringline.store import bucket_listing, buckets
from ringline.store.bucket_listing import Page, Query
from ringline.store.buckets import Bucket

BUCKETS = 100
"""Buckets of an account (spec ai-api §12)."""

KEYS = 1_000
"""Entries of one page of a list."""

DEFAULT_REGION = "us-east-1"

_REGION = re.compile(r"[A-Za-z0-9-]{1,63}")


async def list_buckets(call: Call) -> Response:
    """`GET /`."""
    found = await call.store.read(buckets.of_account, call.account_id)
    return xml(answers.buckets(call.account_id, found))


async def create_bucket(call: Call) -> Response:
    """`PUT /bucket`."""
    region = await call.document(documents.parse_location)
    if region and not _REGION.fullmatch(region):
        raise S3Error("InvalidLocationConstraint", "The specified location-constraint is not valid.")
    made = Bucket(call.buckets.ids.uuid(), call.account_id, call.bucket, region, call.buckets.clock.utc())
    await call.store.tx(buckets.create, made, BUCKETS)
    return nothing(200, {"location": f"/{made.name}"})


async def head_bucket(call: Call) -> Response:
    """`HEAD /bucket`."""
    found = await call.store.read(buckets.find, call.account_id, call.bucket)
    return nothing(200, {"x-amz-bucket-region": found.region or DEFAULT_REGION})


async def delete_bucket(call: Call) -> Response:
    """`DELETE /bucket`."""
    await call.buckets.discard(await call.store.tx(buckets.delete, call.account_id, call.bucket))
    return nothing()


async def get_bucket_location(call: Call) -> Response:
    """`GET /bucket?location`."""
    found = await call.store.read(buckets.find, call.account_id, call.bucket)
    return xml(answers.location(found.region if found.region != DEFAULT_REGION else ""))


async def list_objects(call: Call) -> Response:
    """`GET /bucket`."""
    asked = read_list(call, "max-keys")
    marker = call.target.query.get("marker", "")
    page = await _page(call, asked, _following(asked, marker))
    return xml(
        answers.objects(
            asked,
            page.objects,
            page.prefixes,
            marker=marker,
            next_marker=page.last if page.next is not None else None,
        )
    )


async def list_objects_v2(call: Call) -> Response:
    """`GET /bucket?list-type=2`."""
    query = call.target.query
    asked = read_list(call, "max-keys")
    start_after, token = query.get("start-after", ""), query.get("continuation-token", "")
    if token:
        start = _from_token(token)
    else:
        start = bucket_listing.after(start_after.encode()) if start_after else b""
    page = await _page(call, asked, start)
    return xml(
        answers.objects_v2(
            asked,
            page.objects,
            page.prefixes,
            start_after=start_after,
            token=token,
            next_token=_token(page.next) if page.next is not None else None,
            owner=call.account_id if query.get("fetch-owner") == "true" else "",
        )
    )


def read_list(call: Call, limit: str) -> Asked:
    """What a list is asked for; `limit` names the parameter. Raises `S3Error` InvalidArgument."""
    query = call.target.query
    encoding = query.get("encoding-type", "")
    if encoding not in ("", "url"):
        raise S3Error("InvalidArgument", "encoding-type must be url.")
    return Asked(
        bucket=call.bucket,
        prefix=query.get("prefix", ""),
        delimiter=query.get("delimiter", ""),
        limit=call.target.integer(limit, KEYS, most=KEYS),
        url_encoded=encoding == "url",
    )


async def _page(call: Call, asked: Asked, start: bytes) -> Page:
    query = Query(asked.limit, asked.prefix.encode(), asked.delimiter.encode(), start)
    page = await call.store.read(bucket_listing.page, call.account_id, call.bucket, query)
    # Who asks for nothing has it whole.
    return page if asked.limit else replace(page, next=None)


def _following(asked: Asked, marker: str) -> bytes:
    if not marker:
        return b""
    if asked.delimiter and marker.startswith(asked.prefix) and marker.endswith(asked.delimiter):
        # The marker was a common prefix: what is behind it has been shown.
        return bucket_listing.beyond(marker.encode()) or bucket_listing.after(marker.encode())
    return bucket_listing.after(marker.encode())


def _token(start: bytes) -> str:
    return base64.urlsafe_b64encode(start).decode()


def _from_token(token: str) -> bytes:
    try:
        return base64.b64decode(token.encode(), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        raise S3Error("InvalidArgument", "The continuation token provided is incorrect.") from None
