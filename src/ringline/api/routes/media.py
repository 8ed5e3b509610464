"""Stored media (spec voice-api §6.6): audio files that commands name."""

from dataclasses import replace
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header, Query, Request, Response

from ringline.api import downloads, errors, filters, uploads
from ringline.api.context import Ctx, discard
from ringline.api.models.errors import Described, ErrorEnvelope
from ringline.api.models.media import MediaBody, MediaView
from ringline.api.paging import Data, Listing, Meta, Number, Page
from ringline.store import media
from ringline.store.media import Media, MediaNameTaken

router = APIRouter(prefix="/media", tags=["media"])

EVERYTHING = 10_000
"""The SDK does not turn this list's pages, so without `page[size]` it has but one."""

UPLOAD: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {"schema": MediaBody.model_json_schema()},
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "properties": {
                        "media": {"type": "string", "format": "binary"},
                        "media_name": {"type": "string"},
                        "ttl_secs": {"type": "integer"},
                    },
                }
            },
        },
    }
}

RANGES: Described = {
    206: {"description": "The part that `Range` names."},
    416: {"model": ErrorEnvelope, "description": "`Range` begins behind the end of the file."},
}


class MediaFilters(filters.Filters):
    """What media can be filtered by."""

    content_type: filters.Csv = ()


Filters = Annotated[MediaFilters, Depends(filters.reader(MediaFilters))]
Size = Annotated[int, Query(alias="page[size]", ge=1, le=EVERYTHING)]


@router.post("", status_code=201, openapi_extra=UPLOAD)
async def upload_media(ctx: Ctx, request: Request) -> Data[MediaView]:
    """Store a file that is sent, or fetched from a URL."""
    async with uploads.received(request) as (body, file):
        stored = await uploads.store(ctx.deps, body, file)
    if stored is None:
        raise errors.missing("/media_url")
    now = ctx.deps.clock.utc()
    item = Media(
        id=ctx.deps.ids.uuid(),
        account_id=ctx.account_id,
        media_name=body.media_name or ctx.deps.ids.uuid(),
        content_type=stored.content_type,
        object_key=stored.key,
        size_bytes=stored.size,
        expires_at=body.expires(now),
        created_at=now,
        updated_at=now,
    )
    try:
        expired = await ctx.write(media.create, item, now)
    except MediaNameTaken:
        await discard(ctx.deps.objects, [stored.key])
        raise
    if expired:
        await discard(ctx.deps.objects, [expired.object_key])
    return Data(data=MediaView.of(item))


@router.get("", openapi_extra=filters.described(MediaFilters))
async def list_media(
    ctx: Ctx, only: Filters, number: Number = 1, size: Size = EVERYTHING
) -> Listing[MediaView]:
    """What is stored and has not expired, newest first."""
    page = Page(number, size)
    found, total = await ctx.read(
        media.page,
        ctx.account_id,
        only.content_type,
        ctx.deps.clock.utc(),
        limit=page.size,
        offset=page.offset,
    )
    return Listing(data=[MediaView.of(one) for one in found], meta=Meta.of(page, total))


@router.get("/{media_name}")
async def retrieve_media(ctx: Ctx, media_name: str) -> Data[MediaView]:
    """One file's facts."""
    return Data(data=MediaView.of(await _found(ctx, media_name)))


@router.put("/{media_name}", openapi_extra=UPLOAD)
async def update_media(ctx: Ctx, media_name: str, request: Request) -> Data[MediaView]:
    """Replace a file's content, or keep it longer."""
    await _found(ctx, media_name)
    async with uploads.received(request) as (body, file):
        stored = await uploads.store(ctx.deps, body, file)
    now = ctx.deps.clock.utc()

    def change(item: Media) -> Media:
        if stored is not None:
            item = replace(
                item, content_type=stored.content_type, object_key=stored.key, size_bytes=stored.size
            )
        expires = body.expires(now) if body.ttl_secs or stored else item.expires_at
        return replace(item, expires_at=expires, updated_at=now)

    changed = await ctx.write(media.revise, ctx.account_id, media_name, now, change)
    if changed is None:
        await discard(ctx.deps.objects, [stored.key] if stored else [])
        raise errors.not_found("The media")
    before, after = changed
    if after.object_key != before.object_key:
        await discard(ctx.deps.objects, [before.object_key])
    return Data(data=MediaView.of(after))


@router.delete("/{media_name}", status_code=204)
async def delete_media(ctx: Ctx, media_name: str) -> Response:
    """Forget a file."""
    gone = await ctx.write(media.delete, ctx.account_id, media_name, ctx.deps.clock.utc())
    if gone is None:
        raise errors.not_found("The media")
    await discard(ctx.deps.objects, [gone.object_key])
    return Response(status_code=204)


@router.get("/{media_name}/download", response_class=Response, responses=RANGES)
async def download_media(
    ctx: Ctx, media_name: str, range: Annotated[str | None, Header()] = None
) -> Response:
    """The file itself."""
    item = await _found(ctx, media_name)
    return await downloads.serve(
        ctx.deps.objects,
        item.object_key,
        content_type=item.content_type,
        filename=item.media_name,
        range_header=range,
    )


async def _found(ctx: Ctx, media_name: str) -> Media:
    item = await ctx.read(media.find, ctx.account_id, media_name, ctx.deps.clock.utc())
    if item is None:
        raise errors.not_found("The media")
    return item
