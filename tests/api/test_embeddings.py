"""OpenAI embeddings over the API, asked by the stock SDKs; the engine is a small one in a real child."""

import base64
import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import httpx2
import numpy as np
import openai
import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from ringline.api.models.embeddings import MOST_INPUTS, EmbeddingsBody, write
from ringline.inference.cards import ModelCard
from ringline.inference.embedding import Embedded, Embedder
from ringline.inference.registry import Task
from ringline.store.usage_tables import usage_records
from tests.api.conftest import client_of
from tests.api.house import KEY, House
from tests.inference.embedding_engines import CONTEXT
from tests.inference.test_embedding_local import make

pytestmark = pytest.mark.unit

PLACES = ["/embeddings", "/ai/embeddings", "/ai/openai/embeddings"]


@pytest.fixture(autouse=True)
async def embedder(house: House) -> AsyncIterator[None]:
    """One small model, `small`, to which another name leads."""
    card = ModelCard("small", Task.EMBEDDING, created=1_700_000_000)
    house.embedder = Embedder({"small": make()}, [card], {"thenlper/gte-large": "small"})
    yield
    await house.embedder.stop()


def sdk(house: House, base: str) -> openai.AsyncOpenAI:
    return openai.AsyncOpenAI(
        api_key=KEY,
        base_url=f"http://api.test/v2{base}",
        max_retries=0,
        http_client=httpx2.AsyncClient(transport=httpx2.ASGITransport(app=house.app())),
    )


@pytest.mark.parametrize("base", ["", "/ai", "/ai/openai"])
async def test_the_openai_sdk_gets_a_vector_for_each_text(house: House, base: str) -> None:
    made = await sdk(house, base).embeddings.create(model="thenlper/gte-large", input=["abc", "z"])
    assert [item.index for item in made.data] == [0, 1]
    assert [item.embedding for item in made.data] == [[3, 97, 1, 2], [1, 122, 1, 2]]
    assert (made.object, made.model) == ("list", "small")
    assert (made.usage.prompt_tokens, made.usage.total_tokens) == (4, 4)


@pytest.mark.parametrize(
    ("asked", "first"), [("abc", [3, 97, 1]), ([7, 8], [2, 7, 0]), ([[7, 8], [9]], [2, 7, 0])]
)
async def test_texts_and_tokens_in_all_their_shapes(house: House, asked: Any, first: list[float]) -> None:
    made = await sdk(house, "").embeddings.create(model="small", input=asked, encoding_format="float")
    assert made.data[0].embedding[:3] == first


@pytest.mark.parametrize("place", PLACES)
async def test_base64_is_that_of_little_endian_floats(api: httpx.AsyncClient, place: str) -> None:
    body = {"model": "small", "input": "abc", "encoding_format": "base64", "dimensions": "4", "user": "me"}
    item = (await api.post(place, json=body)).json()["data"][0]
    assert np.frombuffer(base64.b64decode(item["embedding"]), "<f4").tolist() == [3, 97, 1, 1]


WRONG: list[tuple[dict[str, Any], int, str, str]] = [
    ({"input": "a"}, 422, "/model", "10004"),
    ({"model": "small", "input": []}, 422, "/input", "10015"),
    ({"model": "small", "input": ""}, 422, "/input", "10015"),
    ({"model": "small", "input": ["a", ""]}, 422, "/input", "10015"),
    ({"model": "small", "input": [[1], []]}, 422, "/input", "10015"),
    ({"model": "small", "input": 5}, 422, "/input", "10026"),
    ({"model": "small", "input": ["a", 5]}, 422, "/input", "10026"),
    ({"model": "small", "input": [1, -5]}, 422, "/input", "10026"),
    ({"model": "small", "input": [1, True]}, 422, "/input", "10026"),
    ({"model": "small", "input": [2**70]}, 422, "/input", "10026"),
    ({"model": "small", "input": ["a"] * (MOST_INPUTS + 1)}, 422, "/input", "10033"),
    ({"model": "small", "input": "a", "dimensions": 0}, 422, "/dimensions", "10033"),
    ({"model": "small", "input": "a", "encoding_format": "int8"}, 422, "/encoding_format", "10032"),
    (
        {"model": "small", "input": "a", "truncate_prompt_tokens": 0},
        422,
        "/truncate_prompt_tokens",
        "10033",
    ),
    ({"model": "small", "input": "a", "dimensions": 3}, 400, "/dimensions", "10015"),
    ({"model": "small", "input": "x" * (CONTEXT + 1)}, 400, "/input", "10015"),
    ({"model": "thenlper/gte-large", "input": [7, 8]}, 400, "/input", "10015"),
    ({"model": "thenlper/gte-large", "input": [[7], [8]]}, 400, "/input", "10015"),
    ({"model": "nobody/nothing", "input": "a"}, 404, "/model", "10005"),
]


@pytest.mark.parametrize("place", PLACES)
async def test_what_is_wrong_is_named_in_each_envelope(api: httpx.AsyncClient, place: str) -> None:
    for body, status, pointer, code in WRONG:
        answer = await api.post(place, json=body)
        said = answer.json()
        assert [(one["code"], one["source"]["pointer"]) for one in said["errors"]] == [(code, pointer)]
        assert answer.status_code == status
        assert said["detail"][0]["loc"] == ["body", pointer[1:]]
        assert said["error"]["param"] == pointer[1:]
        assert said["error"]["type"] == "invalid_request_error"


async def test_half_a_character_is_refused(api: httpx.AsyncClient) -> None:
    body = rb'{"model": "small", "input": ["ok", "\ud800"]}'
    answer = await api.post("/embeddings", content=body, headers={"content-type": "application/json"})
    assert answer.status_code == 400
    assert answer.json()["error"]["param"] == "input"


async def test_the_sdk_raises_what_it_knows(house: House) -> None:
    client = sdk(house, "")
    with pytest.raises(openai.NotFoundError) as unknown:
        await client.embeddings.create(model="nobody/nothing", input="a")
    assert unknown.value.code == "model_not_found"
    with pytest.raises(openai.BadRequestError) as long:
        await client.embeddings.create(model="small", input="x" * 99)
    assert long.value.code == "context_length_exceeded"


async def test_a_long_input_is_cut_where_that_is_asked_for(api: httpx.AsyncClient) -> None:
    for cut, tokens in ((-1, CONTEXT), (3, 3), (999, CONTEXT)):
        body = {"model": "small", "input": "x" * 99, "truncate_prompt_tokens": cut}
        assert (await api.post("/embeddings", json=body)).json()["usage"]["prompt_tokens"] == tokens


async def test_a_dead_engine_may_be_asked_again(api: httpx.AsyncClient) -> None:
    answer = await api.post("/embeddings", json={"model": "small", "input": "die"})
    assert answer.status_code == 503
    assert answer.headers["retry-after"] == "1"
    assert answer.json()["error"]["type"] == "server_error"


async def test_buckets_are_told_that_they_cannot_be_embedded_here(api: httpx.AsyncClient) -> None:
    for body in ({"bucket_name": "b"}, {"bucket_name": "b", "input": "a", "model": "small"}, {}):
        answer = await api.post("/ai/embeddings", json=body)
        assert answer.status_code == 422
        assert answer.json()["errors"][0]["code"] == "10038"


@pytest.mark.parametrize("place", PLACES)
async def test_a_body_that_is_no_object_is_refused(api: httpx.AsyncClient, place: str) -> None:
    for body in (b"", b"[]", b'"text"', b"{", b"null"):
        answer = await api.post(place, content=body, headers={"content-type": "application/json"})
        assert answer.status_code in (400, 422)
        assert answer.json()["error"]["type"] == "invalid_request_error"


async def test_models_that_embed_are_listed(house: House) -> None:
    async with client_of(house, KEY) as api:
        listed = (await api.get("/ai/openai/embeddings/models")).json()
    model = {"id": "small", "object": "model", "created": 1_700_000_000, "owned_by": "ringline"}
    assert listed == {"object": "list", "data": [model]}


async def test_what_was_embedded_is_used(house: House, api: httpx.AsyncClient) -> None:
    await api.post("/embeddings", json={"model": "thenlper/gte-large", "input": ["abc", "de"]})
    await api.post("/embeddings", json={"model": "nobody/nothing", "input": ["abc"]})
    await house.usage.flush()
    columns = usage_records.c
    wanted = sa.select(columns.kind, columns.account_id, columns.model, columns.prompt_tokens)
    noted = await house.store.read(lambda conn: conn.execute(wanted).all())
    assert [tuple(row) for row in noted] == [("embedding", house.account_id, "small", 5)]


@pytest.mark.parametrize("rows", [1, 64, 65, 130])
@pytest.mark.parametrize("encoding", ["float", "base64"])
async def test_an_answer_of_any_size_is_one_document(rows: int, encoding: Any) -> None:
    vectors = np.arange(rows * 3, dtype=np.float32).reshape(rows, 3)
    written = json.loads(await write(Embedded(vectors, 9, "m"), encoding))
    assert [item["index"] for item in written["data"]] == list(range(rows))
    shown = [item["embedding"] for item in written["data"]]
    read = (
        [np.frombuffer(base64.b64decode(one), "<f4").tolist() for one in shown]
        if encoding == "base64"
        else shown
    )
    assert read == vectors.tolist()
    assert written["usage"] == {"prompt_tokens": 9, "total_tokens": 9}


@given(st.lists(st.text(min_size=1), min_size=1, max_size=5))
def test_any_texts_pass_as_they_are(texts: list[str]) -> None:
    assert EmbeddingsBody.model_validate({"model": "m", "input": texts}).input == texts
