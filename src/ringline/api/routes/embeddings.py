"""OpenAI embeddings (spec ai-api §4)."""

from fastapi import APIRouter

router = APIRouter(tags=["embeddings"])
