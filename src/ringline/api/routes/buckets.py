"""Buckets over JSON (spec ai-api §12)."""

from fastapi import APIRouter

router = APIRouter(tags=["storage"])
