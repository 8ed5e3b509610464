"""Chat completions (spec ai-api §2)."""

from fastapi import APIRouter

router = APIRouter(tags=["chat"])
