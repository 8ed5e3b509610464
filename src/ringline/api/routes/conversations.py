"""Conversations and messages (spec ai-api §5.1–5.3)."""

from fastapi import APIRouter

router = APIRouter(tags=["conversations"])
