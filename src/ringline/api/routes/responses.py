"""Responses (spec ai-api §0.5)."""

from fastapi import APIRouter

router = APIRouter(tags=["responses"])
