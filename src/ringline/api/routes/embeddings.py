"""OpenAI embeddings (spec ai-api §4)."""

from typing import Annotated, Any

from fastapi import APIRouter, Body, Response
from fastapi.exceptions import RequestValidationError
from pydantic import ValidationError

from ringline.api import errors
from ringline.api.context import Context, Ctx
from ringline.api.models.embeddings import EmbeddingList, EmbeddingModels, EmbeddingsBody, write
from ringline.api.models.errors import ENGINE_FAILURES
from ringline.reports.usage import UsageKind, UsageRecord

router = APIRouter(tags=["embeddings"])

SCHEMA = EmbeddingsBody.model_json_schema()


@router.post("/embeddings", response_model=EmbeddingList, responses=ENGINE_FAILURES)
@router.post("/ai/openai/embeddings", response_model=EmbeddingList, responses=ENGINE_FAILURES)
async def create_embeddings(ctx: Ctx, body: EmbeddingsBody) -> Response:
    """Turn texts into vectors of length 1."""
    return await _embed(ctx, body)


@router.post(
    "/ai/embeddings",
    response_model=EmbeddingList,
    responses=ENGINE_FAILURES,
    openapi_extra={"requestBody": {"required": True, "content": {"application/json": {"schema": SCHEMA}}}},
)
async def create_embeddings_or_embed_bucket(ctx: Ctx, body: Annotated[dict[str, Any], Body()]) -> Response:
    """What an OpenAI client with the base URL `/v2/ai` asks for: a body with `input` (spec ai-api §7.2)."""
    if "input" not in body or body.get("bucket_name") is not None:
        raise errors.unavailable("/bucket_name", "Embedding of buckets")
    try:
        return await _embed(ctx, EmbeddingsBody.model_validate(body))
    except ValidationError as wrong:
        raise RequestValidationError(
            [{**one, "loc": ("body", *one["loc"])} for one in wrong.errors()]
        ) from wrong


@router.get("/ai/openai/embeddings/models")
async def list_embedding_models(ctx: Ctx) -> EmbeddingModels:
    """The models that can be asked for vectors."""
    return EmbeddingModels.of(ctx.deps.embedder.models())


async def _embed(ctx: Context, body: EmbeddingsBody) -> Response:
    made = await ctx.deps.embedder.embed(
        body.input, body.model, body.dimensions, cut=body.truncate_prompt_tokens
    )
    ctx.deps.usage.note(
        UsageRecord(
            kind=UsageKind.EMBEDDING,
            account_id=ctx.account_id,
            at=ctx.deps.clock.utc(),
            model=made.model,
            prompt_tokens=made.prompt_tokens,
        )
    )
    return Response(await write(made, body.encoding_format), media_type="application/json")
