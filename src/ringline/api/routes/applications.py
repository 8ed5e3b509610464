"""Call control applications (spec voice-api §6.1)."""

from typing import Annotated, Literal

from fastapi import APIRouter, Depends
from pydantic import Field

from ringline.api import errors, filters, sorting
from ringline.api.context import Ctx
from ringline.api.models.applications import ApplicationBody, ApplicationView
from ringline.api.models.fields import Ignored
from ringline.api.paging import Data, Listing, Meta, PageQuery
from ringline.store import applications
from ringline.store.applications import Application, ApplicationQuery

router = APIRouter(prefix="/call_control_applications", tags=["call control applications"])


class ApplicationFilters(filters.Filters):
    """What applications can be filtered by; the SDK lists the filters of call events here too."""

    name_contains: Annotated[str, Field(min_length=3)] | None = Field(
        None, alias="application_name[contains]"
    )
    connection_id: str | None = None
    profile_id: str | None = Field(None, alias="outbound.outbound_voice_profile_id")
    application_session_id: Ignored = None
    failed: Ignored = None
    from_: Ignored = Field(None, alias="from")
    leg_id: Ignored = None
    name: Ignored = None
    occurred_at: Ignored = Field(None, alias="occurred_at[eq]")
    occurred_after: Ignored = Field(None, alias="occurred_at[gt]")
    occurred_from: Ignored = Field(None, alias="occurred_at[gte]")
    occurred_before: Ignored = Field(None, alias="occurred_at[lt]")
    occurred_to: Ignored = Field(None, alias="occurred_at[lte]")
    product: Literal["call_control", "fax", "texml"] | None = None
    status: Literal["init", "in_progress", "completed"] | None = None
    to: Ignored = None
    type: Literal["command", "webhook"] | None = None


Order = sorting.Sort[Literal["created_at", "connection_name", "active"]]
Filters = Annotated[ApplicationFilters, Depends(filters.reader(ApplicationFilters))]
Sorted = Annotated[Order, Depends(sorting.reader("created_at", "connection_name", "active"))]
"""An application's name goes by `connection_name` here."""


@router.post("", status_code=201)
async def create_application(ctx: Ctx, body: ApplicationBody) -> Data[ApplicationView]:
    """Make an application; its `id` is the `connection_id` to dial with."""
    wanted = body.created(ctx.deps.ids.decimal(), ctx.account_id, ctx.deps.clock.utc())
    return Data(data=ApplicationView.of(await ctx.route(applications.create, wanted)))


@router.get("", openapi_extra=filters.described(ApplicationFilters))
async def list_applications(
    ctx: Ctx, page: PageQuery, only: Filters, sort: Sorted
) -> Listing[ApplicationView]:
    """The applications of this account."""
    query = ApplicationQuery(
        name_contains=only.name_contains,
        connection_id=only.connection_id,
        outbound_voice_profile_id=only.profile_id,
        order_by=sort.by,
        descending=sort.descending,
    )
    found, total = await ctx.read(
        applications.page, ctx.account_id, query, limit=page.size, offset=page.offset
    )
    return Listing(data=[ApplicationView.of(one) for one in found], meta=Meta.of(page, total))


@router.get("/{id}")
async def retrieve_application(ctx: Ctx, id: str) -> Data[ApplicationView]:
    """One application."""
    return _shown(await ctx.read(applications.find, ctx.account_id, id))


@router.patch("/{id}")
async def update_application(ctx: Ctx, id: str, body: ApplicationBody) -> Data[ApplicationView]:
    """Change the members that are given; calls that are up keep what they began with."""
    now = ctx.deps.clock.utc()
    return _shown(
        await ctx.route(applications.revise, ctx.account_id, id, lambda one: body.changed(one, now))
    )


@router.delete("/{id}")
async def delete_application(ctx: Ctx, id: str) -> Data[ApplicationView]:
    """Remove an application; numbers that it answered belong to none then."""
    return _shown(await ctx.route(applications.delete, ctx.account_id, id))


def _shown(application: Application | None) -> Data[ApplicationView]:
    if application is None:
        raise errors.not_found("The call control application")
    return Data(data=ApplicationView.of(application))
