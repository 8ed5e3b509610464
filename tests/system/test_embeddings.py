"""A configured engine of embeddings behind a real server, asked by the stock SDKs."""

from collections.abc import AsyncIterator
from pathlib import Path

import openai
import pytest
import pytest_asyncio
import telnyx

from ringline.testing import Server
from ringline.testing.engine import DIMENSIONS, EMBEDDING_MODEL, Engine, vector_of

pytestmark = [pytest.mark.system, pytest.mark.asyncio(loop_scope="session")]

TEXTS = ["a refund please", "the weather is fine"]


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def engine() -> AsyncIterator[Engine]:
    async with Engine() as running:
        yield running


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def served(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Server]:
    """Two replicas, of which one is not there."""
    settings = engine.settings | {"embeddings.urls": f"http://127.0.0.1:9/v1,{engine.url}"}
    async with Server(tmp_path_factory.mktemp("embeddings"), settings=settings) as running:
        yield running


def client_of(server: Server, base: str = "") -> openai.AsyncOpenAI:
    return openai.AsyncOpenAI(api_key=server.api_key, base_url=server.url + base, max_retries=0)


@pytest.mark.parametrize("base", ["", "/ai", "/ai/openai"])
async def test_the_openai_sdk_asks_the_engine(served: Server, base: str) -> None:
    async with client_of(served, base) as client:
        made = await client.embeddings.create(model="thenlper/gte-large", input=TEXTS)
    assert [item.embedding for item in made.data] == [pytest.approx(vector_of(text)) for text in TEXTS]
    assert made.model == EMBEDDING_MODEL
    assert made.usage.prompt_tokens == 7


async def test_dimensions_are_the_engines_business(served: Server) -> None:
    async with client_of(served) as client:
        made = await client.embeddings.create(model=EMBEDDING_MODEL, input="a", dimensions=4)
    assert made.data[0].embedding == pytest.approx(vector_of("a", 4))


async def test_the_telnyx_sdk_lists_and_asks(served: Server) -> None:
    async with telnyx.AsyncTelnyx(api_key=served.api_key, base_url=served.url, max_retries=0) as client:
        listed = await client.ai.openai.embeddings.list_embedding_models()
        made = await client.ai.openai.embeddings.create_embeddings(model=EMBEDDING_MODEL, input=TEXTS[0])
    assert EMBEDDING_MODEL in [model.id for model in listed.data]
    assert len(made.data[0].embedding) == DIMENSIONS


async def test_an_engine_that_has_gone_is_told(tmp_path: Path) -> None:
    async with Engine() as engine:
        gone = engine.settings
    async with Server(tmp_path, settings=gone) as server, client_of(server) as client:
        for status in (502, 503):  # tried in vain, then left alone for a while
            with pytest.raises(openai.InternalServerError) as refusal:
                await client.embeddings.create(model=EMBEDDING_MODEL, input="a")
            assert refusal.value.status_code == status
    assert int(refusal.value.response.headers["retry-after"]) >= 1
