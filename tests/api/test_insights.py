"""Insights and their groups through the stock SDK (spec ai-api §5.4, §5.5)."""

from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import httpx
import pytest
import telnyx

from tests.api.conftest import client_of
from tests.api.house import KEY, OTHER_KEY, House

pytestmark = pytest.mark.unit

SCHEMA: dict[str, object] = {
    "type": "object",
    "properties": {"score": {"type": "integer"}},
    "required": ["score"],
}


async def sdk_of(house: House, key: str) -> telnyx.AsyncTelnyx:
    return telnyx.AsyncTelnyx(
        api_key=key, base_url="http://api.test/v2", http_client=client_of(house, None), max_retries=0
    )


@pytest.fixture
async def sdk(house: House) -> AsyncIterator[telnyx.AsyncTelnyx]:
    async with await sdk_of(house, KEY) as client:
        yield client


@pytest.fixture
async def other_sdk(house: House) -> AsyncIterator[telnyx.AsyncTelnyx]:
    async with await sdk_of(house, OTHER_KEY) as client:
        yield client


async def test_a_template_is_made_changed_and_removed(sdk: telnyx.AsyncTelnyx, house: House) -> None:
    made = (await sdk.ai.conversations.insights.create(name="Mood", instructions="How do they feel?")).data

    assert (made.name, made.instructions, made.insight_type) == ("Mood", "How do they feel?", "custom")
    assert (made.json_schema, made.webhook, made.created_at) == (None, "", house.clock.utc())

    changed = (await sdk.ai.conversations.insights.update(made.id, name="Feeling", json_schema=SCHEMA)).data
    assert (changed.name, changed.instructions, changed.json_schema) == ("Feeling", made.instructions, SCHEMA)
    assert (await sdk.ai.conversations.insights.retrieve(made.id)).data == changed

    await sdk.ai.conversations.insights.delete(made.id)
    with pytest.raises(telnyx.NotFoundError):
        await sdk.ai.conversations.insights.retrieve(made.id)
    with pytest.raises(telnyx.NotFoundError):
        await sdk.ai.conversations.insights.delete(made.id)


@pytest.mark.parametrize("schema", [SCHEMA, '{"type": "object"}'])
async def test_a_schema_comes_back_as_it_was_given(sdk: telnyx.AsyncTelnyx, schema: Any) -> None:
    made = await sdk.ai.conversations.insights.create(name="a", instructions="b", json_schema=schema)
    assert made.data.json_schema == schema
    assert (await sdk.ai.conversations.insights.retrieve(made.data.id)).data.json_schema == schema


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"name": "a"}, "/instructions"),
        ({"instructions": "a"}, "/name"),
        ({"name": "", "instructions": "a"}, "/name"),
        ({"name": "a", "instructions": "b", "json_schema": "[1]"}, "/json_schema"),
        ({"name": "a", "instructions": "b", "json_schema": "{"}, "/json_schema"),
        ({"name": "a", "instructions": "b", "json_schema": 7}, "/json_schema"),
        ({"name": "a", "instructions": "b", "webhook": "mailto:x"}, "/webhook"),
    ],
)
async def test_a_wrong_template_is_refused_by_field(
    api: httpx.AsyncClient, body: dict[str, Any], pointer: str
) -> None:
    answer = await api.post("/ai/conversations/insights", json=body)
    assert answer.status_code == 422
    pointers = {one["source"]["pointer"] for one in answer.json()["errors"]}
    assert {one if one.count("/") == 1 else one[: one.rindex("/")] for one in pointers} == {pointer}


async def test_templates_come_in_pages_newest_first(sdk: telnyx.AsyncTelnyx, house: House) -> None:
    made = []
    for number in range(5):
        house.clock.advance(1)
        created = await sdk.ai.conversations.insights.create(name=f"n{number}", instructions="x")
        made.append(created.data.id)

    page = await sdk.ai.conversations.insights.list(page_size=2)
    assert page.meta is not None
    assert page.meta.model_dump() == {
        "page_number": 1,
        "page_size": 2,
        "total_pages": 3,
        "total_results": 5,
    }
    assert [one.id async for one in page] == made[::-1]


@pytest.mark.parametrize("path", ["insights", "insight-groups"])
async def test_the_limits_of_pages(api: httpx.AsyncClient, path: str) -> None:
    await api.post(f"/ai/conversations/{path}", json={"name": "a", "instructions": "b"})
    none = (await api.get(f"/ai/conversations/{path}?page[size]=0&page[number]=0")).json()
    assert none["data"] == []
    assert none["meta"] == {"page_number": 1, "page_size": 0, "total_pages": 1, "total_results": 1}
    for query in ("page[size]=100", "page[size]=-1", "page[number]=-1", "page[size]=many"):
        assert (await api.get(f"/ai/conversations/{path}?{query}")).status_code == 422


async def test_groups_hold_templates_in_the_order_of_assignment(
    sdk: telnyx.AsyncTelnyx, house: House
) -> None:
    groups = sdk.ai.conversations.insight_groups
    group = (
        await groups.insight_groups(name="After calls", description="d", webhook="https://a.example/")
    ).data
    assert (group.name, group.description, group.webhook) == ("After calls", "d", "https://a.example/")
    ids = []
    for name in ("second", "first"):
        ids.append((await sdk.ai.conversations.insights.create(name=name, instructions="x")).data.id)
    for insight_id in reversed(ids):
        house.clock.advance(1)
        for _ in range(2):  # the second time changes nothing
            await groups.insights.assign(insight_id, group_id=group.id)

    found = (await groups.retrieve(group.id)).data
    assert [one.name for one in found.insights or ()] == ["first", "second"]

    for _ in range(2):
        await groups.insights.delete_unassign(ids[1], group_id=group.id)
    assert [one.id for one in (await groups.retrieve(group.id)).data.insights or ()] == ids[:1]

    changed = (await groups.update(group.id, name="New")).data
    assert (changed.name, changed.description) == ("New", "d")
    assert [one.id for one in changed.insights or ()] == ids[:1]

    await sdk.ai.conversations.insights.delete(ids[0])
    assert (await groups.retrieve(group.id)).data.insights == []
    listed = [one async for one in await groups.retrieve_insight_groups()]
    assert [one.id for one in listed] == [group.id]
    await groups.delete(group.id)
    with pytest.raises(telnyx.NotFoundError):
        await groups.update(group.id, name="gone")


async def test_a_group_can_be_made_with_its_templates(api: httpx.AsyncClient) -> None:
    insight = (await api.post("/ai/conversations/insights", json={"name": "a", "instructions": "b"})).json()
    insight_id = insight["data"]["id"]
    body = {"name": "g", "insights": [insight_id, {"id": insight_id}]}
    made = await api.post("/ai/conversations/insight-groups", json=body)
    assert [one["id"] for one in made.json()["data"]["insights"]] == [insight_id]
    body = {"name": "g", "insights": [str(uuid4())]}
    refused = await api.post("/ai/conversations/insight-groups", json=body)
    assert (refused.status_code, refused.json()["errors"][0]["source"]) == (422, {"pointer": "/insights"})


async def test_what_is_another_accounts_does_not_exist(
    sdk: telnyx.AsyncTelnyx, other_sdk: telnyx.AsyncTelnyx
) -> None:
    insight_id = (await sdk.ai.conversations.insights.create(name="a", instructions="b")).data.id
    group_id = (await sdk.ai.conversations.insight_groups.insight_groups(name="g")).data.id
    theirs = other_sdk.ai.conversations
    own_group = (await theirs.insight_groups.insight_groups(name="g")).data.id

    for call in (
        lambda: theirs.insights.retrieve(insight_id),
        lambda: theirs.insights.update(insight_id, name="mine"),
        lambda: theirs.insights.delete(insight_id),
        lambda: theirs.insight_groups.retrieve(group_id),
        lambda: theirs.insight_groups.update(group_id, name="mine"),
        lambda: theirs.insight_groups.delete(group_id),
        lambda: theirs.insight_groups.insights.assign(insight_id, group_id=own_group),
        lambda: theirs.insight_groups.insights.delete_unassign(insight_id, group_id=group_id),
    ):
        with pytest.raises(telnyx.NotFoundError):
            await call()
    assert [one async for one in await theirs.insights.list()] == []
    assert (await sdk.ai.conversations.insights.retrieve(insight_id)).data.name == "a"


@pytest.mark.parametrize("path", ["insights/x", "insight-groups/x", "insight-groups/x/insights/y/assign"])
async def test_an_id_that_is_no_uuid_is_a_mistake(api: httpx.AsyncClient, path: str) -> None:
    method = api.post if path.endswith("assign") else api.get
    assert (await method(f"/ai/conversations/{path}")).status_code == 422


async def test_answers_without_content_are_empty(api: httpx.AsyncClient) -> None:
    made = (await api.post("/ai/conversations/insights", json={"name": "a", "instructions": "b"})).json()
    gone = await api.delete(f"/ai/conversations/insights/{made['data']['id']}")
    assert (gone.status_code, gone.content) == (200, b"")


async def test_a_key_makes_one_template(sdk: telnyx.AsyncTelnyx) -> None:
    first = await sdk.ai.conversations.insights.create(name="a", instructions="b", idempotency_key="k")
    again = await sdk.ai.conversations.insights.create(name="a", instructions="b", idempotency_key="k")
    assert first.data.id == again.data.id
    assert len([one async for one in await sdk.ai.conversations.insights.list()]) == 1
