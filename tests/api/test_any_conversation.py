"""Whatever a client sends about conversations, the answer is ours and below 500."""

import json

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.api.house import check_answer

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


@given(st.dictionaries(st.sampled_from(["metadata", "name"]), VALUES), st.sampled_from(["POST", "PUT"]))
@EXAMPLES
async def test_any_conversation(one_api: httpx.AsyncClient, body: dict[str, object], method: str) -> None:
    made = (await one_api.post("/ai/conversations")).json()["id"]
    path = "/ai/conversations" if method == "POST" else f"/ai/conversations/{made}"
    check_answer(await one_api.request(method, path, content=json.dumps(body)))
    check_answer(await one_api.get("/ai/conversations", params={"limit": 3}))


@given(
    st.dictionaries(st.sampled_from(MEMBERS), VALUES, max_size=4), st.sampled_from(["user", "assistant", 5])
)
@EXAMPLES
async def test_any_message(one_api: httpx.AsyncClient, body: dict[str, object], role: object) -> None:
    made = (await one_api.post("/ai/conversations")).json()["id"]
    body = {"role": role} | body
    check_answer(await one_api.post(f"/ai/conversations/{made}/message", content=json.dumps(body)))
    listed = await one_api.get(f"/ai/conversations/{made}/messages")
    assert listed.status_code == 200, listed.text


@given(st.lists(st.tuples(st.sampled_from(COLUMNS), TESTS | st.text(max_size=12)), max_size=3))
@EXAMPLES
async def test_any_filter(
    one_api: httpx.AsyncClient, query: list[tuple[str, str | int | float | bool | None]]
) -> None:
    check_answer(await one_api.get("/ai/conversations", params=httpx.QueryParams(tuple(query))))
