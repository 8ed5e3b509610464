"""Models (spec ai-api §3)."""

from urllib.parse import unquote

from fastapi import APIRouter

from ringline.api.context import Ctx
from ringline.api.models.ai_models import ModelList, ModelView

router = APIRouter(tags=["models"])


@router.get("/models")
@router.get("/ai/models")
@router.get("/ai/openai/models")
async def list_models(ctx: Ctx) -> ModelList:
    """The models that can be asked now."""
    cards = (*ctx.deps.inference.models(ctx.account_id), *ctx.deps.embedder.models())
    return ModelList(data=[ModelView.of(card) for card in cards])


@router.get("/models/{id:path}")
@router.get("/ai/models/{id:path}")
@router.get("/ai/openai/models/{id:path}")
async def retrieve_model(ctx: Ctx, id: str) -> ModelView:
    """One model, by its id or an alias."""
    named = unquote(id)  # the edge keeps an encoded slash, which is no end of a segment elsewhere
    embedding = next((card for card in ctx.deps.embedder.models() if card.id == named), None)
    return ModelView.of(embedding or await ctx.deps.inference.find(named, ctx.account_id))
