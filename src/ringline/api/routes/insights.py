"""Insights, their groups and results (spec ai-api §5.4–5.6)."""

from collections.abc import Sequence
from typing import Annotated, Any
from uuid import UUID

import sqlalchemy as sa
from fastapi import APIRouter, Depends, Query, Request, Response

from ringline.api import errors
from ringline.api.context import Ctx
from ringline.api.models.insights import (
    AggregateRow,
    GroupCreate,
    GroupUpdate,
    GroupView,
    InsightCreate,
    InsightUpdate,
    InsightView,
    RunRequest,
    RunView,
)
from ringline.api.paging import Data, Listing, Meta, Page
from ringline.conversations.filters import BadFilter
from ringline.conversations.insights import aggregates
from ringline.conversations.insights.intake import NoConversation, NoGroup, NotAsked
from ringline.core.errors import ApiError
from ringline.store import conversations, insight_runs, insights
from ringline.store.insights import Insight, InsightGroup

router = APIRouter(prefix="/ai/conversations", tags=["insights"])

COUNTED: dict[str, Any] = {
    "parameters": [
        {"name": name, "in": "query", "required": False, "schema": {"type": "string"}, "description": text}
        for name, text in {
            "group_by": "Members of the results and metadata keys, as `score,metadata.assistant_id`.",
            "show": "More of these; results that lack one are counted too.",
            "insight_id": "Only this insight.",
            "created_at": "As `gte.2025-01-01T00:00:00Z`; several must all hold.",
            "metadata.assistant_id": "As `eq.assistant-1`; any key, also as `metadata[KEY]`.",
        }.items()
    ]
}

Number = Annotated[
    int, Query(alias="page[number]", ge=0, le=1_000_000, description="Which page, from 1; 0 is 1.")
]
Size = Annotated[
    int, Query(alias="page[size]", ge=0, lt=100, description="Entries on a page; 0 only counts them.")
]


async def _page(number: Number = 1, size: Size = 20) -> Page:
    return Page(max(1, number), size)


async def _counting(request: Request) -> aggregates.Aggregation:
    try:
        return aggregates.parse(request.query_params.multi_items())
    except BadFilter as wrong:
        problem = errors.problem("10031", f"{wrong.detail}.", parameter=wrong.parameter[: errors.SHOWN])
        raise ApiError(422, problem) from wrong


PageQuery = Annotated[Page, Depends(_page)]
Counting = Annotated[aggregates.Aggregation, Depends(_counting)]


def _meta(page: Page, total: int) -> Meta:
    return (
        Meta.of(page, total)
        if page.size
        else Meta.of(Page(), 0).model_copy(
            update={"page_number": page.number, "page_size": 0, "total_results": total}
        )
    )


@router.get("/insights")
async def list_insights(ctx: Ctx, page: PageQuery) -> Listing[InsightView]:
    """The insight templates of this account, newest first."""
    found, total = await ctx.read(insights.page, ctx.account_id, limit=page.size, offset=page.offset)
    return Listing(data=[InsightView.of(one) for one in found], meta=_meta(page, total))


@router.post("/insights")
async def create_insight(ctx: Ctx, body: InsightCreate) -> Data[InsightView]:
    """Make a template: what is to be found out of conversations."""
    wanted = body.created(ctx.deps.ids.uuid(), ctx.account_id, ctx.deps.clock.utc())
    return Data(data=InsightView.of(await ctx.write(insights.create, wanted)))


@router.get("/insights/{insight_id}")
async def retrieve_insight(ctx: Ctx, insight_id: UUID) -> Data[InsightView]:
    """One template."""
    return _shown(await ctx.read(insights.find, ctx.account_id, str(insight_id)))


@router.put("/insights/{insight_id}")
async def update_insight(ctx: Ctx, insight_id: UUID, body: InsightUpdate) -> Data[InsightView]:
    """Change the members that are given; what was found before stays as it is."""
    now = ctx.deps.clock.utc()
    return _shown(
        await ctx.write(insights.revise, ctx.account_id, str(insight_id), lambda one: body.changed(one, now))
    )


@router.delete("/insights/{insight_id}", response_class=Response)
async def delete_insight(ctx: Ctx, insight_id: UUID) -> None:
    """Remove a template, also from its groups."""
    if not await ctx.write(insights.delete, ctx.account_id, str(insight_id)):
        raise errors.not_found("The insight")


@router.get("/insight-groups")
async def list_groups(ctx: Ctx, page: PageQuery) -> Listing[GroupView]:
    """The insight groups of this account, newest first."""
    found, total = await ctx.read(insights.group_page, ctx.account_id, limit=page.size, offset=page.offset)
    return Listing(data=[GroupView.of(one) for one in found], meta=_meta(page, total))


@router.post("/insight-groups")
async def create_group(ctx: Ctx, body: GroupCreate) -> Data[GroupView]:
    """Make a group: insights that are generated together.

    A conversation names its group by the metadata key `insight_group_id`; the group called `default` is for
    those that name none.
    """
    group_id, now = ctx.deps.ids.uuid(), ctx.deps.clock.utc()

    def create(conn: sa.Connection) -> InsightGroup:
        members = [insights.find(conn, ctx.account_id, str(one)) for one in dict.fromkeys(body.insights)]
        return insights.create_group(conn, body.created(group_id, ctx.account_id, _known(members), now))

    return Data(data=GroupView.of(await ctx.write(create)))


@router.get("/insight-groups/{group_id}")
async def retrieve_group(ctx: Ctx, group_id: UUID) -> Data[GroupView]:
    """One group."""
    return _shown_group(await ctx.read(insights.find_group, ctx.account_id, str(group_id)))


@router.put("/insight-groups/{group_id}")
async def update_group(ctx: Ctx, group_id: UUID, body: GroupUpdate) -> Data[GroupView]:
    """Change the members that are given; its insights are assigned and unassigned one by one."""
    now = ctx.deps.clock.utc()
    return _shown_group(
        await ctx.write(
            insights.revise_group, ctx.account_id, str(group_id), lambda one: body.changed(one, now)
        )
    )


@router.delete("/insight-groups/{group_id}", response_class=Response)
async def delete_group(ctx: Ctx, group_id: UUID) -> None:
    """Remove a group; its insights stay."""
    if not await ctx.write(insights.delete_group, ctx.account_id, str(group_id)):
        raise errors.not_found("The insight group")


@router.post("/insight-groups/{group_id}/insights/{insight_id}/assign", response_class=Response)
async def assign_insight(ctx: Ctx, group_id: UUID, insight_id: UUID) -> None:
    """Put an insight into a group; doing it again changes nothing."""
    now = ctx.deps.clock.utc()
    if not await ctx.write(insights.assign, ctx.account_id, str(group_id), str(insight_id), now=now):
        raise errors.not_found("The insight or its group")


@router.delete("/insight-groups/{group_id}/insights/{insight_id}/unassign", response_class=Response)
async def unassign_insight(ctx: Ctx, group_id: UUID, insight_id: UUID) -> None:
    """Take an insight out of a group; one that is not in it stays out."""
    if not await ctx.write(insights.unassign, ctx.account_id, str(group_id), str(insight_id)):
        raise errors.not_found("The insight or its group")


@router.get("/conversation-insights/aggregates", openapi_extra=COUNTED)
async def count_insights(ctx: Ctx, asked: Counting) -> Data[list[AggregateRow]]:
    """How many insights say what: results counted by their members and by the conversations' metadata."""
    rows = await ctx.read(aggregates.count, ctx.account_id, asked)
    return Data(data=[AggregateRow.model_validate(row) for row in rows])


@router.get("/{conversation_id}/conversations-insights")
async def list_runs(ctx: Ctx, conversation_id: UUID, page: PageQuery) -> Listing[RunView]:
    """What was found in a conversation, newest first."""
    if await ctx.read(conversations.find, ctx.account_id, str(conversation_id)) is None:
        raise errors.not_found("The conversation")
    found, total = await ctx.read(
        insight_runs.page, ctx.account_id, str(conversation_id), limit=page.size, offset=page.offset
    )
    return Listing(data=[RunView.of(one) for one in found], meta=_meta(page, total))


@router.post("/{conversation_id}/conversations-insights")
async def generate_insights(
    ctx: Ctx, conversation_id: UUID, body: RunRequest = RunRequest()
) -> Data[RunView]:
    """Generate insights of a conversation as it and they are now: once, and again where that failed.

    An operation of ringline's own: they are also generated when a conversation goes idle, or its call ends.
    """
    group_id = str(body.insight_group_id) if body.insight_group_id else None
    try:
        run = await ctx.deps.insights.request(ctx.account_id, str(conversation_id), group_id)
    except NoConversation as wrong:
        raise errors.not_found("The conversation") from wrong
    except NoGroup as wrong:
        raise errors.invalid("10017", "/insight_group_id", str(wrong)) from wrong
    except NotAsked as wrong:
        raise ApiError(422, errors.problem("10027", str(wrong))) from wrong
    return Data(data=RunView.of(run))


def _known(members: Sequence[Insight | None]) -> tuple[Insight, ...]:
    known = tuple(one for one in members if one is not None)
    if len(known) < len(members):
        raise errors.invalid("10015", "/insights", "One of these insights does not exist.")
    return known


def _shown(insight: Insight | None) -> Data[InsightView]:
    if insight is None:
        raise errors.not_found("The insight")
    return Data(data=InsightView.of(insight))


def _shown_group(group: InsightGroup | None) -> Data[GroupView]:
    if group is None:
        raise errors.not_found("The insight group")
    return Data(data=GroupView.of(group))
