"""Insights, their groups and results (spec ai-api §5.4–5.6)."""

from fastapi import APIRouter

router = APIRouter(tags=["insights"])
