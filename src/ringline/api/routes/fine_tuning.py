"""Fine-tuning jobs (spec ai-api §8)."""

from fastapi import APIRouter

router = APIRouter(tags=["fine-tuning"])
