"""Number orders and the numbers they bring (spec voice-api §6.2)."""

from itertools import islice
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Query
from pydantic import Field

from ringline.api import countries, errors, fiction, filters, sorting
from ringline.api.context import Ctx
from ringline.api.models.fields import Ignored
from ringline.api.models.numbers import (
    AvailableList,
    AvailableMeta,
    AvailableNumber,
    NumberUpdate,
    NumberView,
    OrderCreate,
    OrderUpdate,
    OrderView,
    Region,
    SlimNumberView,
    Status,
    VoiceUpdate,
    VoiceView,
)
from ringline.api.paging import Data, Listing, Meta, PageQuery
from ringline.store import connections, numbers
from ringline.store.numbers import NumberOrder, NumberQuery, OrderQuery, PhoneNumber

router = APIRouter(tags=["phone numbers"])


class OrderFilters(filters.Filters):
    """What orders can be filtered by."""

    status: Literal["pending", "success", "failure"] | None = None
    customer_reference: str | None = None
    phone_numbers_count: Annotated[int, Field(ge=0, le=1_000_000)] | None = None
    requirements_met: bool | None = Field(None, description="They always are.")
    created_after: filters.Moment | None = Field(None, alias="created_at[gt]")
    created_before: filters.Moment | None = Field(None, alias="created_at[lt]")


Order = sorting.Sort[Literal["purchased_at", "phone_number", "connection_name", "usage_payment_method"]]


class NumberFilters(filters.Filters):
    """What numbers can be filtered by."""

    phone_number: Annotated[str, Field(min_length=1, pattern=r"\d")] | None = Field(
        None, description="Part of the number."
    )
    connection_id: str | None = None
    status: Literal[Status, "port_pending"] | None = None
    tag: str | None = None
    without_tags: bool | None = None
    customer_reference: str | None = None
    name: str | None = Field(None, alias="voice.connection_name[eq]")
    name_contains: Annotated[str, Field(min_length=3)] | None = Field(
        None, alias="voice.connection_name[contains]"
    )
    name_starts: Annotated[str, Field(min_length=3)] | None = Field(
        None, alias="voice.connection_name[starts_with]"
    )
    name_ends: Annotated[str, Field(min_length=3)] | None = Field(
        None, alias="voice.connection_name[ends_with]"
    )
    country_iso_alpha2: filters.Csv | None = None
    billing_group_id: str | None = Field(None, description="No number has one that could be found.")
    emergency_address_id: str | None = Field(None, description="No number has one.")
    number_type: Literal["local", "national", "toll_free", "mobile", "shared_cost"] | None = Field(
        None, alias="number_type[eq]"
    )
    source: Literal["ported", "purchased"] | None = None
    usage: Literal["pay-per-minute", "channel"] | None = Field(None, alias="voice.usage_payment_method")

    def query(self, sort: "Order") -> NumberQuery | None:
        """As the store asks; None when nothing can match."""
        if self.billing_group_id or self.emergency_address_id or self.source == "ported":
            return None
        if self.number_type not in (None, "local") or self.usage == "channel":
            return None
        codes = [countries.prefixes(country.upper()) for country in self.country_iso_alpha2 or ()]
        return NumberQuery(
            starts_with=None
            if self.country_iso_alpha2 is None
            else tuple(one for mine, _ in codes for one in mine),
            starts_not_with=tuple(one for _, others in codes for one in others),
            phone_number=self.phone_number,
            connection_id=self.connection_id,
            connection_name=self.name,
            connection_name_contains=self.name_contains,
            connection_name_starts=self.name_starts,
            connection_name_ends=self.name_ends,
            status=self.status,
            tag=self.tag,
            without_tags=self.without_tags,
            customer_reference=self.customer_reference,
            order_by="purchased_at" if sort.by == "usage_payment_method" else sort.by,
            descending=sort.descending,
        )


class VoiceFilters(filters.Filters):
    """What voice settings can be filtered by."""

    phone_number: Annotated[str, Field(min_length=1, pattern=r"\d")] | None = None
    customer_reference: str | None = None
    name_contains: Annotated[str, Field(min_length=3)] | None = Field(None, alias="connection_name[contains]")
    usage: Literal["pay-per-minute", "channel"] | None = Field(None, alias="voice.usage_payment_method")


class AvailableFilters(filters.Filters):
    """What free numbers can be looked for by."""

    country_code: str | None = None
    national_destination_code: str | None = None
    locality: str | None = None
    starts_with: str | None = Field(None, alias="phone_number[starts_with]")
    ends_with: str | None = Field(None, alias="phone_number[ends_with]")
    contains: str | None = Field(None, alias="phone_number[contains]")
    phone_number_type: Literal["local", "toll_free", "mobile", "national", "shared_cost"] = "local"
    features: filters.Csv = ()
    limit: Annotated[int, Field(ge=1, le=250)] = 10
    administrative_area: Ignored = None
    rate_center: Ignored = None
    best_effort: Ignored = None
    exclude_held_numbers: Ignored = None
    quickship: Ignored = None
    reservable: Ignored = None

    def wish(self) -> fiction.Wish | None:
        """What to look for; None when no number here is like that."""
        if self.phone_number_type != "local" or set(self.features) - {"voice", "local_calling"}:
            return None
        return fiction.Wish(
            country=self.country_code.upper() if self.country_code else None,
            area=self.national_destination_code,
            place=self.locality,
            starts_with=self.starts_with,
            ends_with=self.ends_with,
            contains=self.contains,
        )


Sorted = Annotated[
    Order,
    Depends(sorting.reader("purchased_at", "phone_number", "connection_name", "usage_payment_method")),
]
NumbersWanted = Annotated[NumberFilters, Depends(filters.reader(NumberFilters))]
OrdersWanted = Annotated[OrderFilters, Depends(filters.reader(OrderFilters))]
VoiceWanted = Annotated[VoiceFilters, Depends(filters.reader(VoiceFilters))]
FreeWanted = Annotated[AvailableFilters, Depends(filters.reader(AvailableFilters))]


@router.post("/number_orders")
async def create_number_order(ctx: Ctx, body: OrderCreate) -> Data[OrderView]:
    """Have numbers: on one's own server any +E.164 number can be had, once."""
    await _check_connection(ctx, body.connection_id)
    order, brought = _ordered(ctx, body)
    return Data(data=OrderView.of(await ctx.route(numbers.order, order, brought)))


@router.get("/number_orders", openapi_extra=filters.described(OrderFilters))
async def list_number_orders(ctx: Ctx, page: PageQuery, only: OrdersWanted) -> Listing[OrderView]:
    """The orders of this account, newest first."""
    query = OrderQuery(
        status="none" if only.requirements_met is False else only.status,
        customer_reference=only.customer_reference,
        phone_numbers_count=only.phone_numbers_count,
        created_after=only.created_after,
        created_before=only.created_before,
    )
    found, total = await ctx.read(
        numbers.page_of_orders, ctx.account_id, query, limit=page.size, offset=page.offset
    )
    return Listing(data=[OrderView.of(one) for one in found], meta=Meta.of(page, total))


@router.get("/number_orders/{id}")
async def retrieve_number_order(ctx: Ctx, id: str) -> Data[OrderView]:
    """One order."""
    return _shown_order(await ctx.read(numbers.find_order, ctx.account_id, id))


@router.patch("/number_orders/{id}")
async def update_number_order(ctx: Ctx, id: str, body: OrderUpdate) -> Data[OrderView]:
    """Change an order's reference."""
    if body.customer_reference is None:
        return _shown_order(await ctx.read(numbers.find_order, ctx.account_id, id))
    now = ctx.deps.clock.utc()
    return _shown_order(
        await ctx.write(numbers.refer_order, ctx.account_id, id, body.customer_reference, now)
    )


@router.get("/available_phone_numbers", openapi_extra=filters.described(AvailableFilters))
async def list_available_numbers(ctx: Ctx, only: FreeWanted) -> AvailableList:
    """Numbers set aside for fiction that nobody on this server has; any other can be ordered too."""
    wish = only.wish()
    fitting = dict(fiction.matching(wish)) if wish else {}
    gone = await ctx.read(numbers.taken, list(fitting))
    free = islice(((number, place) for number, place in fitting.items() if number not in gone), only.limit)
    shown = [_available(number, place) for number, place in free]
    meta = AvailableMeta(total_results=len(shown))
    return AvailableList(data=shown, meta=meta, metadata=meta)


@router.get("/phone_numbers", openapi_extra=filters.described(NumberFilters))
async def list_phone_numbers(
    ctx: Ctx, page: PageQuery, only: NumbersWanted, sort: Sorted
) -> Listing[NumberView]:
    """The numbers of this account."""
    found, meta = await _found(ctx, only.query(sort), page)
    return Listing(data=[NumberView.of(one) for one in found], meta=meta)


@router.get("/phone_numbers/slim", openapi_extra=filters.described(NumberFilters))
async def list_slim_numbers(
    ctx: Ctx,
    page: PageQuery,
    only: NumbersWanted,
    sort: Sorted,
    include_connection: Annotated[bool, Query(description="Without effect: it is there.")] = False,
    include_tags: Annotated[bool, Query(description="Without effect.")] = False,
) -> Listing[SlimNumberView]:
    """The numbers of this account, in short."""
    found, meta = await _found(ctx, only.query(sort), page)
    return Listing(data=[SlimNumberView.model_validate(NumberView.of(one)) for one in found], meta=meta)


@router.get("/phone_numbers/voice", openapi_extra=filters.described(VoiceFilters))
async def list_voice_settings(
    ctx: Ctx, page: PageQuery, only: VoiceWanted, sort: Sorted
) -> Listing[VoiceView]:
    """The voice settings of this account's numbers."""
    same = NumberFilters.model_validate(
        {
            "phone_number": only.phone_number,
            "customer_reference": only.customer_reference,
            "voice.connection_name[contains]": only.name_contains,
            "voice.usage_payment_method": only.usage,
        }
    ).query(sort)
    found, meta = await _found(ctx, same, page)
    return Listing(data=[VoiceView.of(one) for one in found], meta=meta)


@router.get("/phone_numbers/{id}")
async def retrieve_phone_number(ctx: Ctx, id: str) -> Data[NumberView]:
    """One number, by its id or by itself."""
    return Data(data=NumberView.of(_there(await ctx.read(numbers.find, ctx.account_id, id))))


@router.patch("/phone_numbers/{id}")
async def update_phone_number(ctx: Ctx, id: str, body: NumberUpdate) -> Data[NumberView]:
    """Change a number; `connection_id` says which application takes its calls."""
    await _check_connection(ctx, body.connection_id)
    now = ctx.deps.clock.utc()
    changed = await ctx.route(numbers.revise, ctx.account_id, id, lambda one: body.changed(one, now))
    return Data(data=NumberView.of(_there(changed)))


@router.delete("/phone_numbers/{id}")
async def delete_phone_number(ctx: Ctx, id: str) -> Data[NumberView]:
    """Give a number up."""
    return Data(data=NumberView.of(_there(await ctx.route(numbers.delete, ctx.account_id, id))))


@router.get("/phone_numbers/{id}/voice")
async def retrieve_voice_settings(ctx: Ctx, id: str) -> Data[VoiceView]:
    """A number's voice settings."""
    return Data(data=VoiceView.of(_there(await ctx.read(numbers.find, ctx.account_id, id))))


@router.patch("/phone_numbers/{id}/voice")
async def update_voice_settings(ctx: Ctx, id: str, body: VoiceUpdate) -> Data[VoiceView]:
    """Change the voice settings that are given."""
    now = ctx.deps.clock.utc()
    changed = await ctx.write(numbers.revise, ctx.account_id, id, lambda one: body.changed(one, now))
    return Data(data=VoiceView.of(_there(changed)))


async def _check_connection(ctx: Ctx, connection_id: str | None) -> None:
    if connection_id and not await ctx.read(connections.exists, ctx.account_id, connection_id):
        raise errors.invalid("10017", "/connection_id", "This account has no such connection.")


async def _found(ctx: Ctx, query: NumberQuery | None, page: PageQuery) -> tuple[list[PhoneNumber], Meta]:
    if query is None:
        return [], Meta.of(page, 0)
    found, total = await ctx.read(numbers.page, ctx.account_id, query, limit=page.size, offset=page.offset)
    return found, Meta.of(page, total)


def _there(number: PhoneNumber | None) -> PhoneNumber:
    if number is None:
        raise errors.not_found("The phone number")
    return number


def _shown_order(order: NumberOrder | None) -> Data[OrderView]:
    if order is None:
        raise errors.not_found("The number order")
    return Data(data=OrderView.of(order))


def _ordered(ctx: Ctx, body: OrderCreate) -> tuple[NumberOrder, list[PhoneNumber]]:
    now, ids = ctx.deps.clock.utc(), ctx.deps.ids
    order_id = ids.uuid()
    brought = [
        PhoneNumber(
            id=ids.decimal(),
            account_id=ctx.account_id,
            phone_number=one.phone_number,
            connection_id=body.connection_id or None,
            number_order_id=order_id,
            settings={"customer_reference": body.customer_reference} if body.customer_reference else {},
            created_at=now,
            updated_at=now,
        )
        for one in body.phone_numbers
    ]
    order = NumberOrder(
        id=order_id,
        account_id=ctx.account_id,
        connection_id=body.connection_id or None,
        customer_reference=body.customer_reference,
        phone_numbers=tuple((one.id, one.phone_number) for one in brought),
        created_at=now,
        updated_at=now,
    )
    return order, brought


def _available(number: str, place: fiction.Range) -> AvailableNumber:
    country = countries.of(number)
    regions = [
        Region(region_name=country, region_type="country_code"),
        Region(region_name=place.place, region_type="location"),
    ]
    return AvailableNumber(phone_number=number, region_information=regions)
