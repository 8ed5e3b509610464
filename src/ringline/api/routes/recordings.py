"""Recordings (spec voice-api §6.4) and the links by which files are fetched."""

from typing import Annotated

from fastapi import APIRouter, Depends, Header, Request, Response
from pydantic import Field

from ringline.api import downloads, errors, filters
from ringline.api.context import Context, Ctx, discard
from ringline.api.models.recordings import CONTENT_TYPES, Deleted, RecordingIds, RecordingView
from ringline.api.paging import Data, Listing, Meta, PageQuery
from ringline.api.ports import ApiDeps
from ringline.storage import signed
from ringline.store import recordings
from ringline.store.recordings import Recording, RecordingQuery

router = APIRouter(tags=["recordings"])


class RecordingFilters(filters.Filters):
    """What recordings can be filtered by."""

    call_control_id: str | None = None
    call_leg_id: str | None = None
    call_session_id: str | None = None
    connection_id: str | None = None
    conference_id: str | None = None
    conference_region: str | None = Field(None, description="No recording has one.")
    sip_call_id: str | None = None
    from_: str | None = Field(None, alias="from")
    to: str | None = None
    created_from: filters.Moment | None = Field(None, alias="created_at[gte]")
    created_to: filters.Moment | None = Field(None, alias="created_at[lte]")
    started_from: filters.Moment | None = Field(None, alias="start_time[gte]")
    started_to: filters.Moment | None = Field(None, alias="start_time[lte]")
    ended_from: filters.Moment | None = Field(None, alias="end_time[gte]")
    ended_to: filters.Moment | None = Field(None, alias="end_time[lte]")

    def query(self) -> RecordingQuery:
        """As the store asks."""
        return RecordingQuery(**self.model_dump(exclude={"conference_region"}))


Filters = Annotated[RecordingFilters, Depends(filters.reader(RecordingFilters))]
Range = Annotated[str | None, Header()]


@router.get("/recordings", openapi_extra=filters.described(RecordingFilters))
async def list_recordings(
    ctx: Ctx, request: Request, page: PageQuery, only: Filters
) -> Listing[RecordingView]:
    """The recordings of this account, newest first."""
    if only.conference_region:
        return Listing(data=[], meta=Meta.of(page, 0))
    found, total = await ctx.read(
        recordings.page, ctx.account_id, only.query(), limit=page.size, offset=page.offset
    )
    return Listing(data=[_view(ctx, request, one) for one in found], meta=Meta.of(page, total))


@router.get("/recordings/{id}")
async def retrieve_recording(ctx: Ctx, request: Request, id: str) -> Data[RecordingView]:
    """One recording, with fresh links to its file."""
    found = await ctx.read(recordings.find, ctx.account_id, id)
    if found is None:
        raise errors.not_found("The recording")
    return Data(data=_view(ctx, request, found))


@router.delete("/recordings/{id}")
async def delete_recording(ctx: Ctx, request: Request, id: str) -> Data[RecordingView]:
    """Delete a recording and its file."""
    gone = await ctx.write(recordings.delete, ctx.account_id, [id])
    if not gone:
        raise errors.not_found("The recording")
    await discard(ctx.deps.objects, [one.object_key for one in gone])
    return Data(data=_view(ctx, request, gone[0]))


@router.post("/recordings/actions/delete")
async def delete_recordings(ctx: Ctx, body: RecordingIds) -> Deleted:
    """Delete several recordings; those that are gone already do not matter."""
    gone = await ctx.write(recordings.delete, ctx.account_id, body.ids)
    await discard(ctx.deps.objects, [one.object_key for one in gone])
    return Deleted()


@router.api_route("/storage/{token}/{filename}", methods=["GET", "HEAD"], include_in_schema=False)
async def download(request: Request, token: str, filename: str, range: Range = None) -> Response:
    """A file, by a link that carries its own permission."""
    deps: ApiDeps = request.app.state.deps
    try:
        grant = signed.verify(deps.link_secret, token, filename, deps.clock.utc())
    except signed.BadLink:
        raise errors.not_found("The file") from None
    return await downloads.serve(
        deps.objects,
        grant.key,
        content_type=grant.content_type,
        filename=grant.filename,
        range_header=range,
    )


def _view(ctx: Context, request: Request, recording: Recording) -> RecordingView:
    settings = ctx.deps.settings
    grant = signed.Grant(
        key=recording.object_key,
        content_type=CONTENT_TYPES[recording.format],
        filename=recording.file_name,
        expires=int(ctx.deps.clock.utc().timestamp()) + settings.link_secs,
    )
    base = settings.public_url or f"{request.url.scheme}://{request.url.netloc}"
    return RecordingView.of(recording, base.rstrip("/") + signed.link(ctx.deps.link_secret, grant))
