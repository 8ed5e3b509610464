"""Conversations and their messages (spec ai-api §5.1–5.3)."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request, Response

from ringline.api import errors
from ringline.api.context import Ctx
from ringline.api.models.conversations import (
    ConversationCreate,
    ConversationUpdate,
    ConversationView,
    MessageCreate,
    MessageView,
)
from ringline.api.paging import Data, Listing, Meta, Page
from ringline.conversations import filters
from ringline.conversations.search import MOST_FOUND, search
from ringline.core.errors import ApiError
from ringline.store import conversations
from ringline.store.conversations import Conversation, TooManyKeys

router = APIRouter(prefix="/ai/conversations", tags=["conversations"])

FILTERS = {
    "id": "As `eq.182bd5e5-6e1a-4fe4-a799-aa6d9a6ab26e`, `in.(…,…)`.",
    "name": "As `like.Voice%`, `ilike.*call*`.",
    "created_at": "As `gte.2025-01-01`; several of one column must all hold.",
    "last_message_at": "As `lte.2025-06-01T12:00:00Z`.",
    "metadata->assistant_id": "As `eq.assistant-1`; any key can stand after `metadata->`.",
    "metadata->assistant_version_id": "As `eq.20250812T114318034399`.",
    "metadata->call_control_id": "As `eq.v3:MdI91X4lWFEs7IgbBEOT9M4AigoY08M0WWZFISt1Yw2axZ_IiE4pqg`.",
    "metadata->telnyx_agent_target": "As `eq.+13128675309`.",
    "metadata->telnyx_conversation_channel": "As `eq.phone_call`.",
    "metadata->telnyx_end_user_target": "As `not.is.null`.",
    "or": "As `(created_at.gte.2025-04-01,last_message_at.gte.2025-04-01)`.",
    "and": "As `(name.eq.a,or(metadata->x.eq.1,metadata->x.is.null))`.",
    "order": "As `created_at.desc,metadata->priority.asc.nullsfirst`; newest first without it.",
    "limit": f"At most {MOST_FOUND}, which is also the default.",
    "offset": "How many to leave out.",
}
DESCRIBED: dict[str, Any] = {
    "parameters": [
        {"name": name, "in": "query", "required": False, "schema": {"type": "string"}, "description": text}
        for name, text in FILTERS.items()
    ]
}

Number = Annotated[
    int, Query(alias="page[number]", ge=0, le=1_000_000, description="Which page, from 1; 0 is 1.")
]
Size = Annotated[int, Query(alias="page[size]", ge=1, le=100, description="Messages on a page.")]


async def _asked(request: Request) -> filters.Query:
    try:
        return filters.parse(request.query_params.multi_items())
    except filters.BadFilter as wrong:
        problem = errors.problem("10031", f"{wrong.detail}.", parameter=wrong.parameter[: errors.SHOWN])
        raise ApiError(422, problem) from wrong


async def _page(number: Number = 1, size: Size = 20) -> Page:
    return Page(max(1, number), size)


Asked = Annotated[filters.Query, Depends(_asked)]
PageQuery = Annotated[Page, Depends(_page)]


@router.get("", openapi_extra=DESCRIBED)
async def list_conversations(ctx: Ctx, asked: Asked) -> Data[list[ConversationView]]:
    """Conversations by PostgREST filters: `column=operator.value`, all of which must hold."""
    found = await ctx.read(search, ctx.account_id, asked)
    return Data(data=[ConversationView.of(one) for one in found])


@router.post("")
async def create_conversation(ctx: Ctx, body: ConversationCreate) -> ConversationView:
    """Begin a conversation; the answer is not wrapped in `data`."""
    wanted = body.created(ctx.deps.ids.uuid(), ctx.account_id, ctx.deps.clock.utc())
    return ConversationView.of(await ctx.write(conversations.create, wanted))


@router.get("/{conversation_id}")
async def retrieve_conversation(ctx: Ctx, conversation_id: UUID) -> Data[ConversationView]:
    """One conversation."""
    return _shown(await ctx.read(conversations.find, ctx.account_id, str(conversation_id)))


@router.put("/{conversation_id}")
async def update_conversation(
    ctx: Ctx, conversation_id: UUID, body: ConversationUpdate
) -> Data[ConversationView]:
    """Set the metadata keys that are given, remove those given as null, leave the others."""
    try:
        return _shown(
            await ctx.write(conversations.merge_metadata, ctx.account_id, str(conversation_id), body.metadata)
        )
    except TooManyKeys as wrong:
        raise errors.invalid("10033", "/metadata", f"The {wrong}.") from wrong


@router.delete("/{conversation_id}", response_class=Response)
async def delete_conversation(ctx: Ctx, conversation_id: UUID) -> None:
    """Remove a conversation with its messages and insights."""
    if not await ctx.write(conversations.delete, ctx.account_id, str(conversation_id)):
        raise errors.not_found("The conversation")


@router.post("/{conversation_id}/message", response_class=Response)
async def add_message(ctx: Ctx, conversation_id: UUID, body: MessageCreate) -> None:
    """Add a message at the end of a conversation."""
    now = ctx.deps.clock.utc()
    position = await ctx.write(
        conversations.append, ctx.account_id, str(conversation_id), body.message(), now
    )
    if position is None:
        raise errors.not_found("The conversation")


@router.get("/{conversation_id}/messages", response_model_exclude_none=True)
async def list_messages(ctx: Ctx, conversation_id: UUID, page: PageQuery) -> Listing[MessageView]:
    """The messages of a conversation, oldest first."""
    found = await ctx.read(
        conversations.page, ctx.account_id, str(conversation_id), limit=page.size, offset=page.offset
    )
    if found is None:
        raise errors.not_found("The conversation")
    messages, total = found
    return Listing(data=[MessageView.of(one) for one in messages], meta=Meta.of(page, total))


def _shown(conversation: Conversation | None) -> Data[ConversationView]:
    if conversation is None:
        raise errors.not_found("The conversation")
    return Data(data=ConversationView.of(conversation))
