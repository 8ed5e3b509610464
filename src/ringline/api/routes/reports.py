"""Speech-to-text reports (spec ai-api §10)."""

from fastapi import APIRouter

router = APIRouter(tags=["reports"])
