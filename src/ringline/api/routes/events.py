"""What happened to calls, and which webhooks told of it (spec voice-api §4)."""

from dataclasses import replace
from datetime import timedelta
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends
from pydantic import BaseModel, Field

from ringline.api import call_events, errors, filters
from ringline.api.call_events import EventQuery
from ringline.api.context import Ctx
from ringline.api.models.deliveries import DeliveryView, Redelivery
from ringline.api.paging import Data, Listing, Meta, PageQuery
from ringline.core.errors import ApiError
from ringline.store import deliveries
from ringline.store.deliveries import Delivery, DeliveryFilter
from ringline.timeline.readers import CallEvent
from ringline.webhooks import outbox

router = APIRouter(tags=["events"])

WINDOW = timedelta(hours=24)
"""What is listed when neither a leg, nor a session, nor a time is asked for."""


class CallEventFilters(filters.Filters):
    """What call events can be filtered by."""

    leg_id: str | None = None
    session_id: str | None = Field(None, alias="application_session_id")
    connection_id: str | None = None
    product: Literal["call_control", "fax", "texml"] = "call_control"
    failed: bool | None = None
    from_: str | None = Field(None, alias="from")
    to: str | None = None
    name: str | None = None
    type: Literal["command", "webhook"] | None = None
    status: Literal["init", "in_progress", "completed"] | None = None
    at: filters.Moment | None = Field(None, alias="occurred_at[eq]")
    after: filters.Moment | None = Field(None, alias="occurred_at[gt]")
    from_time: filters.Moment | None = Field(None, alias="occurred_at[gte]")
    before: filters.Moment | None = Field(None, alias="occurred_at[lt]")
    to_time: filters.Moment | None = Field(None, alias="occurred_at[lte]")
    application_name_contains: Annotated[str, Field(min_length=3)] | None = Field(
        None, alias="application_name[contains]"
    )
    outbound_voice_profile_id: str | None = Field(None, alias="outbound.outbound_voice_profile_id")

    def narrow(self) -> bool:
        """Whether a leg, a session or a time is asked for."""
        times = (self.at, self.after, self.from_time, self.before, self.to_time)
        return any((self.leg_id, self.session_id, *times))


class DeliveryFilters(filters.Filters):
    """What webhook deliveries can be filtered by."""

    state: Literal["delivered", "failed"] | None = Field(None, alias="status[eq]")
    event_type: str | None = None
    webhook_contains: str | None = Field(None, alias="webhook[contains]")
    attempts_contain: str | None = Field(None, alias="attempts[contains]")
    started_from: filters.Moment | None = Field(None, alias="started_at[gte]")
    started_to: filters.Moment | None = Field(None, alias="started_at[lte]")
    finished_from: filters.Moment | None = Field(None, alias="finished_at[gte]")
    finished_to: filters.Moment | None = Field(None, alias="finished_at[lte]")


class CallEventView(BaseModel):
    """A command, or one attempt to deliver a webhook."""

    record_type: Literal["call_event"] = "call_event"
    call_leg_id: str
    call_session_id: str
    event_timestamp: str
    name: str
    type: Literal["command", "webhook"]
    metadata: dict[str, Any]

    @classmethod
    def of(cls, event: CallEvent) -> "CallEventView":
        """The view of a row."""
        return cls.model_validate(event, from_attributes=True)


EventsWanted = Annotated[CallEventFilters, Depends(filters.reader(CallEventFilters))]
DeliveriesWanted = Annotated[DeliveryFilters, Depends(filters.reader(DeliveryFilters))]


@router.get("/call_events", openapi_extra=filters.described(CallEventFilters))
async def list_call_events(ctx: Ctx, page: PageQuery, only: EventsWanted) -> Listing[CallEventView]:
    """Commands and webhooks, newest first; the last 24 hours unless a leg, session or time is asked for."""
    if only.product != "call_control":
        return Listing(data=[], meta=Meta.of(page, 0))
    query = EventQuery(**only.model_dump(exclude={"product"}))
    if not only.narrow():
        query = replace(query, after=ctx.deps.clock.utc() - WINDOW)
    found, total = await ctx.read(
        call_events.page, ctx.account_id, query, limit=page.size, offset=page.offset
    )
    return Listing(data=[CallEventView.of(one) for one in found], meta=Meta.of(page, total))


@router.get("/webhook_deliveries", openapi_extra=filters.described(DeliveryFilters))
async def list_webhook_deliveries(ctx: Ctx, page: PageQuery, only: DeliveriesWanted) -> Listing[DeliveryView]:
    """Events on their way to apps, newest first."""
    found, total = await ctx.read(
        deliveries.list_deliveries,
        ctx.account_id,
        DeliveryFilter(**only.model_dump()),
        limit=page.size,
        offset=page.offset,
    )
    return Listing(data=[DeliveryView.of(one) for one in found], meta=Meta.of(page, total))


@router.get("/webhook_deliveries/{id}")
async def retrieve_webhook_delivery(ctx: Ctx, id: str) -> Data[DeliveryView]:
    """One delivery with its attempts."""
    return Data(data=DeliveryView.of(await _found(ctx, id)))


@router.post("/webhook_deliveries/{id}/actions/redeliver")
async def redeliver_webhook(ctx: Ctx, id: str) -> Data[Redelivery]:
    """Send the event once more to everybody it went to; attempts go on counting."""
    delivery = await _found(ctx, id)
    count = await ctx.write(
        outbox.redeliver, delivery.event_id, now=ctx.deps.clock.utc(), account_id=ctx.account_id
    )
    if count == 0:
        raise ApiError(422, errors.problem("10036", "The event is still being delivered."))
    return Data(data=Redelivery(deliveries=count))


async def _found(ctx: Ctx, id: str) -> Delivery:
    delivery = await ctx.read(deliveries.find_delivery, ctx.account_id, id)
    if delivery is None:
        raise errors.not_found("The webhook delivery")
    return delivery
