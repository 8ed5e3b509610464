"""Buckets over JSON (spec ai-api §12): links to objects, and how much a bucket holds. All else is S3."""

from collections.abc import Callable
from datetime import timedelta
from itertools import groupby
from typing import Annotated, Concatenate, ParamSpec, TypeVar
from urllib.parse import quote

import sqlalchemy as sa
from fastapi import APIRouter, Depends, Request

from ringline.api import errors, filters
from ringline.api.auth import unauthenticated
from ringline.api.context import ACCOUNT, Context, context
from ringline.api.models.buckets import (
    Content,
    Extents,
    ExtentView,
    HourView,
    PresignedUrlBody,
    PresignedUrlView,
)
from ringline.api.paging import Data, Meta, Page
from ringline.api.s3.app import PREFIX
from ringline.core.errors import ApiError
from ringline.storage.s3 import auth
from ringline.storage.s3.auth import Grant
from ringline.storage.s3.errors import S3Error
from ringline.storage.s3.request import Target, is_bucket_name, parse_target
from ringline.store import bucket_traffic, buckets

router = APIRouter(prefix="/storage/buckets", tags=["storage"])

KB = 1024
P = ParamSpec("P")
T = TypeVar("T")


async def member(request: Request) -> Context:
    """The context of a request with a key: beside these paths lie the download links, which need none."""
    if ACCOUNT not in request.scope:
        raise unauthenticated()
    return await context(request)


Member = Annotated[Context, Depends(member)]


@router.post("/{bucket_name}/{object_name:path}/presigned_url")
async def presign_object(
    ctx: Member, bucket_name: str, object_name: str, body: PresignedUrlBody, request: Request
) -> Content:
    """A link with which anybody can GET or PUT one object until it is over."""
    target = _target(request)
    await _of_bucket(ctx, buckets.find, target.bucket)
    expires_at = (ctx.deps.clock.utc() + timedelta(seconds=body.ttl)).replace(microsecond=0)
    grant = Grant(ctx.account_id, target.bucket, target.key, int(expires_at.timestamp()))
    token = auth.seal(ctx.deps.link_secret, grant)
    base = ctx.deps.settings.public_url or f"{request.scope['scheme']}://{request.headers.get('host', '')}"
    path = quote(f"{target.bucket}/{target.key}", safe="/-_.~")
    url = f"{base}{PREFIX}/{path}?X-AMZ-Security-Token={token}"
    return Content(content=PresignedUrlView(token=token, expires_at=expires_at, presigned_url=url))


@router.get("/{bucket_name}/usage/storage")
async def bucket_usage(ctx: Member, bucket_name: str) -> Extents:
    """How many objects a bucket has, and their bytes."""
    extent = await _of_bucket(ctx, buckets.extent, bucket_name)
    view = ExtentView(
        num_objects=extent.objects,
        size=extent.size_bytes,
        size_kb=-(-extent.size_bytes // KB),
        timestamp=ctx.deps.clock.utc(),
    )
    return Extents(data=[view], meta=Meta.of(Page(), 1))


class Period(filters.Filters):
    """Which hours, by their beginnings: from `start_time`, up to and not including `end_time`."""

    start_time: filters.Moment
    end_time: filters.Moment


@router.get("/{bucket_name}/usage/api", openapi_extra=filters.described(Period))
async def bucket_api_usage(
    ctx: Member, bucket_name: str, period: Annotated[Period, Depends(filters.reader(Period))]
) -> Data[list[HourView]]:
    """What a bucket was used for, hour by hour."""
    await ctx.deps.buckets.traffic.flush()
    uses = await _of_bucket(ctx, bucket_traffic.between, bucket_name, period.start_time, period.end_time)
    hours = groupby(uses, key=lambda use: use.hour)
    return Data(data=[HourView.of(hour, list(some)) for hour, some in hours])


def _target(request: Request) -> Target:
    # The path as it was sent: in the decoded one a key's own %2F and an encoded slash are the same.
    raw: bytes = request.scope["raw_path"]
    path = raw.partition(b"/storage/buckets")[2].removesuffix(b"/presigned_url")
    try:
        return parse_target(path, b"")
    except S3Error as reason:
        raise ApiError(422, errors.problem("10015", str(reason))) from reason


async def _of_bucket(
    ctx: Context,
    fn: Callable[Concatenate[sa.Connection, str, str, P], T],
    bucket_name: str,
    *args: P.args,
    **kwargs: P.kwargs,
) -> T:
    try:
        if is_bucket_name(bucket_name):
            return await ctx.read(fn, ctx.account_id, bucket_name, *args, **kwargs)
    except buckets.NoSuchBucket:
        pass
    raise errors.not_found("The bucket")
