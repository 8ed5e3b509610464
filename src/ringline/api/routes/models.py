"""Models (spec ai-api §3)."""

from fastapi import APIRouter

router = APIRouter(tags=["models"])
