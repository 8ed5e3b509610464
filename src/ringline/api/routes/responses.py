"""Responses: OpenAI's newer way to ask a model (spec ai-api §4)."""

from collections.abc import AsyncGenerator
from contextlib import aclosing

import msgspec
from fastapi import APIRouter, Request, Response

from ringline.api import ai_errors
from ringline.api.context import Context, Ctx
from ringline.api.event_stream import EventStream
from ringline.api.leaving import CLIENT_CLOSED, ClientGone, unless_gone
from ringline.api.models.errors import ENGINE_FAILURES, Described
from ringline.api.models.response_answer import ResponseView, Writer
from ringline.api.models.responses import ResponseBody
from ringline.api.turns import Turn
from ringline.core import log
from ringline.inference.chat import ChatRequest
from ringline.inference.errors import InferenceError
from ringline.workers import Busy

router = APIRouter(tags=["responses"])

logger = log.get("api")

STREAMED: Described = {
    200: {
        "description": "A response; with `stream` the events that build it up.",
        "content": {"text/event-stream": {}},
    },
    **ENGINE_FAILURES,
}


@router.post("/responses", response_model=ResponseView, responses=STREAMED)
@router.post("/ai/responses", response_model=ResponseView, responses=STREAMED)
@router.post("/ai/openai/responses", response_model=ResponseView, responses=STREAMED)
async def create_response(ctx: Ctx, request: Request, body: ResponseBody) -> Response:
    """Ask a model; whole, or as events with `stream`. Nothing is stored but what a conversation keeps."""
    asked = body.request(ctx.account_id)
    card = await ctx.deps.inference.find(asked.model, asked.account_id)
    turn = await Turn.begin(ctx, body.conversation, asked.messages)
    writer = Writer(body, card.id, ctx.deps.ids, int(ctx.deps.clock.utc().timestamp()))
    if body.stream:
        return EventStream(_events(ctx, asked, turn, writer))
    try:
        await unless_gone(request.receive, _whole(ctx, asked, turn, writer))
    except ClientGone:
        return Response(status_code=CLIENT_CLOSED)
    return Response(msgspec.json.encode(writer.response()), media_type="application/json")


async def _whole(ctx: Context, asked: ChatRequest, turn: Turn, writer: Writer) -> None:
    async with aclosing(_events(ctx, asked, turn, writer, tells_troubles=False)) as events:
        async for _ in events:
            pass


async def _events(
    ctx: Context, asked: ChatRequest, turn: Turn, writer: Writer, *, tells_troubles: bool = True
) -> AsyncGenerator[bytes, None]:
    begun = False
    async with aclosing(ctx.deps.inference.stream(asked)) as pieces:
        try:
            async for piece in pieces:
                await turn.hear(piece)
                if not begun:
                    begun = True
                    yield writer.begin()
                if event := writer.feed(piece):
                    yield event
        except (InferenceError, Busy) as error:
            if not begun or not tells_troubles:
                raise
            logger.warning("a stream broke off", model=asked.model, reason=str(error))
            yield writer.fail(ai_errors.openai_error(ai_errors.refusal(error)))
            return
    yield writer.end()
