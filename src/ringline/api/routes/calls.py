"""Placing calls and asking for them (spec voice-api §3, §4)."""

from fastapi import APIRouter

from ringline.api import errors
from ringline.api.context import Ctx
from ringline.api.models.calls import Dial
from ringline.api.models.errors import Described, ErrorEnvelope
from ringline.api.models.views import ActiveCall, Call
from ringline.api.paging import Data, Listing, Meta, PageQuery

router = APIRouter(tags=["calls"])

CROWDED: Described = {
    403: {"model": ErrorEnvelope, "description": "The connection has as many calls as its limit allows."}
}


@router.post("/calls", response_model_exclude_none=True, responses=CROWDED)
async def dial(ctx: Ctx, body: Dial) -> Data[Call]:
    """Place a call; `call.initiated`, then `call.answered` or `call.hangup` follow."""
    return Data(data=Call.of(await ctx.deps.calls.dial(ctx.account_id, body.command())))


@router.get("/calls/{call_control_id}", response_model_exclude_none=True)
async def retrieve_status(ctx: Ctx, call_control_id: str) -> Data[Call]:
    """A call, alive or recently ended."""
    info = await ctx.deps.calls.status(ctx.account_id, call_control_id)
    if info is None:
        raise errors.not_found("The call")
    return Data(data=Call.of(info))


@router.get("/connections/{connection_id}/active_calls")
async def list_active_calls(ctx: Ctx, connection_id: str, page: PageQuery) -> Listing[ActiveCall]:
    """The calls of a connection that are alive."""
    alive = await ctx.deps.calls.active(ctx.account_id, connection_id)
    shown = alive[page.offset : page.offset + page.size]
    return Listing(data=[ActiveCall.of(info) for info in shown], meta=Meta.of(page, len(alive)))
