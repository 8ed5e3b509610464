"""Conversations over the wire (spec ai-api §5.1–5.3)."""

import json
import uuid

import httpx
import pytest

from tests.api.house import House

pytestmark = pytest.mark.unit

UNKNOWN = str(uuid.UUID(int=7))


async def make(api: httpx.AsyncClient, name: str = "", **metadata: object) -> str:
    answer = await api.post("/ai/conversations", json={"name": name, "metadata": metadata})
    assert answer.status_code == 200, answer.text
    made: str = answer.json()["id"]
    return made


async def found(api: httpx.AsyncClient, *query: tuple[str, str]) -> list[str]:
    answer = await api.get("/ai/conversations", params=list(query))
    assert answer.status_code == 200, answer.text
    assert set(answer.json()) == {"data"}
    return [one["name"] for one in answer.json()["data"]]


async def problem(answer: httpx.Response, status: int) -> dict[str, object]:
    assert answer.status_code == status, answer.text
    (only,) = answer.json()["errors"]
    return {"code": only["code"], **only.get("source", {})}


async def test_a_conversation_is_made_bare_and_shown_wrapped(api: httpx.AsyncClient) -> None:
    made = await api.post(
        "/ai/conversations",
        json={"name": "Call", "metadata": {"a": "x", "n": 5, "f": 1.5, "b": True, "gone": None}},
    )
    body = made.json()
    assert made.status_code == 200
    assert body == {
        "id": body["id"],
        "name": "Call",
        "metadata": {"a": "x", "n": "5", "f": "1.5", "b": "true"},
        "created_at": "2030-01-01T00:00:00Z",
        "last_message_at": "2030-01-01T00:00:00Z",
    }
    assert str(uuid.UUID(body["id"])) == body["id"]
    shown = await api.get(f"/ai/conversations/{body['id']}")
    assert (shown.status_code, shown.json()) == (200, {"data": body})


@pytest.mark.parametrize("content", [b"", b"{}", b'{"metadata": null, "name": null}'])
async def test_nothing_need_be_said(api: httpx.AsyncClient, content: bytes) -> None:
    made = await api.post("/ai/conversations", content=content)
    assert made.status_code == 200
    assert (made.json()["name"], made.json()["metadata"]) == ("", {})


async def test_metadata_is_merged_and_null_removes(api: httpx.AsyncClient) -> None:
    made = await make(api, a="1", b="2", c="3")
    changed = await api.put(f"/ai/conversations/{made}", json={"metadata": {"b": None, "c": "4", "d": True}})
    assert changed.json()["data"]["metadata"] == {"a": "1", "c": "4", "d": "true"}
    assert len(await found(api, ("metadata->c", "eq.4"))) == 1
    assert await found(api, ("metadata->c", "eq.3")) == []
    assert await found(api, ("metadata->b", "not.is.null")) == []


async def test_merging_stops_at_the_most_keys(api: httpx.AsyncClient) -> None:
    made = await make(api, **{f"a{number}": "x" for number in range(60)})
    more = {f"b{number}": "x" for number in range(60)}
    refused = await api.put(f"/ai/conversations/{made}", json={"metadata": more})
    assert await problem(refused, 422) == {"code": "10033", "pointer": "/metadata"}
    shown = await api.get(f"/ai/conversations/{made}")
    assert len(shown.json()["data"]["metadata"]) == 60


async def test_messages_are_kept_in_order_with_all_they_say(api: httpx.AsyncClient, house: House) -> None:
    made = await make(api)
    house.clock.advance(5)
    calls = [{"id": "c1", "type": "function", "function": {"name": "look", "arguments": '{"q":1}'}}]
    said = [
        {"role": "user", "content": "Hello", "sent_at": "2029-12-31T23:00:00+00:00"},
        {"role": "assistant", "content": None, "tool_calls": calls, "tool_choice": "auto"},
        {"role": "tool", "content": "42", "tool_call_id": "c1", "name": "look"},
        {"role": "assistant", "content": "It is 42.", "metadata": {"n": 1, "yes": True, "l": ["a", 2]}},
    ]
    for one in said:
        answer = await api.post(f"/ai/conversations/{made}/message", json=one)
        assert (answer.status_code, answer.content) == (200, b"")

    listed = (await api.get(f"/ai/conversations/{made}/messages")).json()

    now = "2030-01-01T00:00:05Z"
    assert listed["meta"] == {"page_number": 1, "page_size": 20, "total_pages": 1, "total_results": 4}
    assert listed["data"] == [
        {
            "role": "user",
            "text": "Hello",
            "created_at": now,
            "sent_at": "2029-12-31T23:00:00Z",
            "metadata": {},
        },
        {
            "role": "assistant",
            "text": "",
            "created_at": now,
            "sent_at": now,
            "metadata": {},
            "tool_calls": calls,
        },
        {"role": "tool", "text": "42", "created_at": now, "sent_at": now, "metadata": {}},
        {
            "role": "assistant",
            "text": "It is 42.",
            "created_at": now,
            "sent_at": now,
            "metadata": {"n": 1, "yes": True, "l": ["a", 2]},
        },
    ]
    shown = (await api.get(f"/ai/conversations/{made}")).json()["data"]
    assert (shown["created_at"], shown["last_message_at"]) == ("2030-01-01T00:00:00Z", now)


async def test_messages_come_in_pages(api: httpx.AsyncClient) -> None:
    made = await make(api)
    for number in range(5):
        await api.post(f"/ai/conversations/{made}/message", json={"role": "user", "content": str(number)})
    pages = []
    for number in (0, 1, 2, 3, 4):
        answer = await api.get(
            f"/ai/conversations/{made}/messages", params={"page[number]": number, "page[size]": 2}
        )
        pages.append("".join(one["text"] for one in answer.json()["data"]))
    assert pages == ["01", "01", "23", "4", ""]
    refused = await api.get(f"/ai/conversations/{made}/messages", params={"page[size]": 101})
    assert await problem(refused, 422) == {"code": "10033", "parameter": "page[size]"}


async def test_a_deleted_conversation_is_gone_with_its_messages(api: httpx.AsyncClient) -> None:
    made = await make(api, name="gone", a="1")
    await api.post(f"/ai/conversations/{made}/message", json={"role": "user"})
    assert (await api.delete(f"/ai/conversations/{made}")).status_code == 200
    assert (await api.delete(f"/ai/conversations/{made}")).status_code == 404
    assert (await api.get(f"/ai/conversations/{made}/messages")).status_code == 404
    assert await found(api) == []


async def test_another_account_sees_nothing(api: httpx.AsyncClient, other: httpx.AsyncClient) -> None:
    made = await make(api, name="mine", a="1")
    theirs = [
        await other.get(f"/ai/conversations/{made}"),
        await other.put(f"/ai/conversations/{made}", json={"metadata": {"a": "2"}}),
        await other.delete(f"/ai/conversations/{made}"),
        await other.post(f"/ai/conversations/{made}/message", json={"role": "user"}),
        await other.get(f"/ai/conversations/{made}/messages"),
    ]
    assert {answer.status_code for answer in theirs} == {404}
    assert await found(other) == await found(other, ("metadata->a", "not.is.null")) == []
    assert await found(other, ("not.or", "(metadata->a.eq.2,metadata->b.eq.1)")) == []
    assert await found(api, ("metadata->a", "eq.1")) == ["mine"]


@pytest.mark.parametrize(("method", "path"), [("GET", ""), ("PUT", ""), ("DELETE", ""), ("GET", "/messages")])
async def test_unknown_and_malformed_ids(api: httpx.AsyncClient, method: str, path: str) -> None:
    unknown = await api.request(method, f"/ai/conversations/{UNKNOWN}{path}")
    assert await problem(unknown, 404) == {"code": "10005"}
    malformed = await api.request(method, f"/ai/conversations/no-id{path}")
    assert await problem(malformed, 422) == {"code": "10006", "parameter": "conversation_id"}


@pytest.mark.parametrize(
    ("body", "code", "pointer"),
    [
        ({"metadata": "x"}, "10026", "/metadata"),
        ({"metadata": {"a": [1]}}, "10020", "/metadata/a"),
        ({"metadata": {"a": "x" * 8193}}, "10025", "/metadata/a"),
        ({"metadata": {"a": "\x00"}}, "10028", "/metadata/a"),
        ({"metadata": {str(number): "x" for number in range(101)}}, "10033", "/metadata"),
        ({"name": "x" * 256}, "10025", "/name"),
        ({"name": ["x"]}, "10020", "/name"),
    ],
)
async def test_a_wrong_conversation_is_refused(
    api: httpx.AsyncClient, body: object, code: str, pointer: str
) -> None:
    refused = await api.post("/ai/conversations", json=body)
    assert await problem(refused, 422) == {"code": code, "pointer": pointer}


@pytest.mark.parametrize(
    ("body", "code", "pointer"),
    [
        ({}, "10004", "/role"),
        ({"role": "wizard"}, "10032", "/role"),
        ({"role": "user", "sent_at": "yesterday"}, "10026", "/sent_at"),
        ({"role": "user", "content": "a\x00b"}, "10028", "/content"),
        ({"role": "assistant", "tool_calls": [{"id": "x"}]}, "10004", "/tool_calls/0/function"),
        ({"role": "user", "tool_choice": {"a": "\ud800"}}, "10015", "/tool_choice"),
    ],
)
async def test_a_wrong_message_is_refused(
    api: httpx.AsyncClient, body: object, code: str, pointer: str
) -> None:
    made = await make(api)
    refused = await api.post(f"/ai/conversations/{made}/message", content=json.dumps(body))
    told = await problem(refused, 422)
    assert told["code"] == code
    assert str(told["pointer"]).startswith(pointer)
    assert (await api.get(f"/ai/conversations/{made}/messages")).json()["data"] == []


async def test_a_repeated_message_is_kept_once(api: httpx.AsyncClient) -> None:
    made = await make(api)
    key = {"Idempotency-Key": "one"}
    path = f"/ai/conversations/{made}/message"
    first = await api.post(path, json={"role": "user", "content": "a"}, headers=key)
    again = await api.post(path, json={"role": "user", "content": "a"}, headers=key)
    other = await api.post(path, json={"role": "user", "content": "b"}, headers=key)
    assert (first.status_code, again.status_code, other.status_code) == (200, 200, 422)
    assert len((await api.get(f"/ai/conversations/{made}/messages")).json()["data"]) == 1


async def test_a_repeated_create_gives_the_same_conversation(api: httpx.AsyncClient) -> None:
    key = {"Idempotency-Key": "two"}
    first = await api.post("/ai/conversations", json={"name": "a"}, headers=key)
    again = await api.post("/ai/conversations", json={"name": "a"}, headers=key)
    assert first.json() == again.json()
    assert await found(api) == ["a"]


async def test_lists_are_filtered_ordered_and_limited(api: httpx.AsyncClient, house: House) -> None:
    for name, priority in (("first", 9), ("second", 10), ("third", None)):
        await make(api, name=name, priority=priority)
        house.clock.advance(86_400)
    assert await found(api) == ["third", "second", "first"]
    assert await found(api, ("order", "created_at.asc"), ("limit", "2")) == ["first", "second"]
    assert await found(api, ("order", "created_at"), ("limit", "2"), ("offset", "1")) == ["second", "third"]
    assert await found(api, ("metadata->priority", "gt.9")) == ["second"]
    assert await found(api, ("order", "metadata->priority.desc.nullslast")) == ["second", "first", "third"]
    assert await found(api, ("created_at", "gte.2030-01-02"), ("created_at", "lt.2030-01-03")) == ["second"]
    assert await found(api, ("or", "(name.like.*rst,metadata->>priority.is.null)")) == ["third", "first"]
    assert await found(api, ("name", "ilike.FI*"), ("select", "id,name")) == ["first"]


async def test_the_query_may_be_written_raw(api: httpx.AsyncClient) -> None:
    await make(api, name="a", telnyx_agent_target="+13128675309")
    for raw in (
        "metadata-%3Etelnyx_agent_target=eq.%2B13128675309",
        "metadata->telnyx_agent_target=eq.+13128675309",
        "created_at=lte.2030-01-01T01:00:00+01:00",
    ):
        answer = await api.get(f"/ai/conversations?{raw}")
        assert [one["name"] for one in answer.json()["data"]] == ["a"], raw


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("colour", "eq.blue"),
        ("metadata", "eq.x"),
        ("name", "blue"),
        ("name", "match.^a"),
        ("created_at", "gt.soon"),
        ("or", "name.eq.a"),
        ("order", "colour"),
        ("limit", "0"),
        ("limit", "many"),
        ("offset", "-1"),
        ("page[size]", "10"),
    ],
)
async def test_a_filter_that_means_nothing_is_refused_by_name(
    api: httpx.AsyncClient, name: str, value: str
) -> None:
    refused = await api.get("/ai/conversations", params={name: value})
    assert await problem(refused, 422) == {"code": "10031", "parameter": name}
