"""Whatever a client sends about conversations, the answer is ours and below 500."""

import json
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
import pytest_asyncio
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.api.conftest import client_of, open_house
from tests.api.house import KEY

pytestmark = [pytest.mark.unit, pytest.mark.asyncio(loop_scope="module")]

EXAMPLES = settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats()
    | st.text(max_size=20)
    | st.sampled_from(["\x00", "\ud800", "user", "function", "2025-01-01"])
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
MEMBERS = ["role", "content", "metadata", "name", "sent_at", "tool_call_id", "tool_calls", "tool_choice"]
COLUMNS = [
    *("id", "name", "created_at", "last_message_at", "metadata->a", 'metadata->"a"', "metadata", "x"),
    *("or", "and", "not.or", "order", "limit", "offset", "select", "page[size]"),
]
TESTS = st.builds(
    "".join,
    st.lists(
        st.sampled_from(
            [
                "not.",
                "eq.",
                "in.",
                "is.",
                "like.",
                "gt.",
                "(",
                ")",
                ",",
                '"',
                "\\",
                "null",
                "a",
                "name.",
                "5",
                "%",
            ]
        ),
        max_size=8,
    ),
)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def api(
    database: tuple[Path, tuple[str, str]], tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[httpx.AsyncClient]:
    """One client for every example."""
    async with open_house(database, tmp_path_factory.mktemp("house")) as made, client_of(made, KEY) as client:
        yield client


def check(answer: httpx.Response) -> None:
    assert answer.status_code < 500, answer.text
    if answer.status_code >= 400:
        for error in answer.json()["errors"]:
            assert error["code"].isdecimal()
            assert error["title"]
            assert len(error["detail"]) < 2000


@given(st.dictionaries(st.sampled_from(["metadata", "name"]), VALUES), st.sampled_from(["POST", "PUT"]))
@EXAMPLES
async def test_any_conversation(api: httpx.AsyncClient, body: dict[str, object], method: str) -> None:
    made = (await api.post("/ai/conversations")).json()["id"]
    path = "/ai/conversations" if method == "POST" else f"/ai/conversations/{made}"
    check(await api.request(method, path, content=json.dumps(body)))
    check(await api.get("/ai/conversations", params={"limit": 3}))


@given(
    st.dictionaries(st.sampled_from(MEMBERS), VALUES, max_size=4), st.sampled_from(["user", "assistant", 5])
)
@EXAMPLES
async def test_any_message(api: httpx.AsyncClient, body: dict[str, object], role: object) -> None:
    made = (await api.post("/ai/conversations")).json()["id"]
    body = {"role": role} | body
    check(await api.post(f"/ai/conversations/{made}/message", content=json.dumps(body)))
    listed = await api.get(f"/ai/conversations/{made}/messages")
    assert listed.status_code == 200, listed.text


@given(st.lists(st.tuples(st.sampled_from(COLUMNS), TESTS | st.text(max_size=12)), max_size=3))
@EXAMPLES
async def test_any_filter(
    api: httpx.AsyncClient, query: list[tuple[str, str | int | float | bool | None]]
) -> None:
    check(await api.get("/ai/conversations", params=httpx.QueryParams(tuple(query))))
