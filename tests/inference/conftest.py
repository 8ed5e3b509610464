"""An engine that says what a test tells it to, and a client for engines."""

from collections.abc import AsyncIterator

import httpx
import pytest

from ringline.node.inference import make_client
from tests.inference.engine import ScriptedEngine, scripted_engine


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    async with make_client() as made:
        yield made


@pytest.fixture
async def engine() -> AsyncIterator[ScriptedEngine]:
    async with scripted_engine() as made:
        yield made
