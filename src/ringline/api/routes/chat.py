"""Chat completions (spec ai-api §2)."""

from collections.abc import AsyncGenerator
from contextlib import aclosing

from fastapi import APIRouter, Request, Response

from ringline.api import ai_errors
from ringline.api.context import Context, Ctx
from ringline.api.event_stream import EventStream
from ringline.api.leaving import CLIENT_CLOSED, ClientGone, unless_gone
from ringline.api.models.chat import ChatBody
from ringline.api.models.chat_answer import DONE, ChatCompletionView, Events, broken_off, whole
from ringline.api.models.errors import ENGINE_FAILURES, Described
from ringline.api.turns import Turn
from ringline.core import log
from ringline.inference.chat import ChatRequest
from ringline.inference.errors import InferenceError
from ringline.workers import Busy

router = APIRouter(tags=["chat"])

logger = log.get("api")

STREAMED: Described = {
    200: {
        "description": "A completion; with `stream` its chunks as server-sent events.",
        "content": {"text/event-stream": {}},
    },
    **ENGINE_FAILURES,
}


@router.post("/chat/completions", response_model=ChatCompletionView, responses=STREAMED)
@router.post("/ai/chat/completions", response_model=ChatCompletionView, responses=STREAMED)
@router.post("/ai/openai/chat/completions", response_model=ChatCompletionView, responses=STREAMED)
async def create_chat_completion(ctx: Ctx, request: Request, body: ChatBody) -> Response:
    """Ask a model; whole, or as events with `stream`."""
    asked = body.request(ctx.account_id)
    turn = await Turn.begin(ctx, body.conversation, asked.messages)
    if body.stream:
        return EventStream(_events(ctx, asked, turn, tells_usage=body.stream_options.include_usage))
    try:
        completion = await unless_gone(request.receive, ctx.deps.inference.complete(asked))
    except ClientGone:
        return Response(status_code=CLIENT_CLOSED)
    await turn.end(completion)
    return Response(whole(completion), media_type="application/json")


async def _events(
    ctx: Context, asked: ChatRequest, turn: Turn, *, tells_usage: bool
) -> AsyncGenerator[bytes, None]:
    card = await ctx.deps.inference.find(asked.model, asked.account_id)
    events = Events(
        f"chatcmpl-{ctx.deps.ids.token(18)}",
        int(ctx.deps.clock.utc().timestamp()),
        card.id,
        tells_usage=tells_usage,
    )
    begun = False
    async with aclosing(ctx.deps.inference.stream(asked)) as pieces:
        try:
            async for piece in pieces:
                await turn.hear(piece)
                if event := events.write(piece):
                    begun = True
                    yield event
        except (InferenceError, Busy) as error:
            if not begun:
                raise
            logger.warning("a stream broke off", model=card.id, reason=str(error))
            yield broken_off(ai_errors.openai_error(ai_errors.refusal(error)))
            return
    yield DONE
