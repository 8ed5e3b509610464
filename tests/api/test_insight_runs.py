"""What was found in conversations, through the stock SDK (spec ai-api §5.6)."""

from collections.abc import AsyncIterator
from uuid import uuid4

import httpx
import pytest
import telnyx

from ringline.conversations.insights.intake import KIND
from ringline.jobs.run import Run
from ringline.store import insight_runs, insights
from ringline.store.insight_runs import InsightResult
from tests.api.conftest import client_of
from tests.api.house import KEY, House

pytestmark = pytest.mark.unit


@pytest.fixture
async def sdk(house: House) -> AsyncIterator[telnyx.AsyncTelnyx]:
    async def do(_run: Run) -> None:
        """Jobs are queued here, not run."""

    house.jobs.register(KIND, do)
    http = client_of(house, None)
    async with telnyx.AsyncTelnyx(
        api_key=KEY, base_url="http://api.test/v2", http_client=http, max_retries=0
    ) as client:
        yield client


async def conversation_of(sdk: telnyx.AsyncTelnyx, *said: str, **metadata: str) -> str:
    made = await sdk.ai.conversations.create(metadata=metadata)
    for text in said:
        await sdk.ai.conversations.add_message(made.id, role="user", content=text)
    return made.id


async def asked(sdk: telnyx.AsyncTelnyx, conversation_id: str, **body: object) -> dict[str, object]:
    path = f"/ai/conversations/{conversation_id}/conversations-insights"
    answer = await sdk.post(path, cast_to=httpx.Response, body=body)
    run: dict[str, object] = answer.json()["data"]
    return run


async def found(house: House, run_id: object, insight_id: str, text: str) -> None:
    """Play the job that does a run."""
    result = InsightResult(insight_id=insight_id, position=0, insight_name="n", structured=True, result=text)
    fields = {"score": text.removeprefix('{"score":').removesuffix("}")}
    now = house.clock.utc()
    await house.store.tx(insight_runs.record, str(run_id), result, fields, now=now)
    await house.store.tx(insight_runs.complete, str(run_id), now=now)


async def test_a_run_is_asked_for_once_and_listed(sdk: telnyx.AsyncTelnyx, house: House) -> None:
    conversation_id = await conversation_of(sdk, "Hello.")
    insight = (await sdk.ai.conversations.insights.create(name="a", instructions="b")).data
    group = (await sdk.ai.conversations.insight_groups.insight_groups(name="g")).data
    await sdk.ai.conversations.insight_groups.insights.assign(insight.id, group_id=group.id)

    run = await asked(sdk, conversation_id, insight_group_id=group.id)
    assert (run["status"], run["insight_group_id"], run["trigger"]) == ("pending", group.id, "request")
    assert (await asked(sdk, conversation_id, insight_group_id=group.id))["id"] == run["id"]

    listed = await sdk.ai.conversations.retrieve_conversations_insights(conversation_id)
    assert [(one.id, one.status, one.conversation_insights) for one in listed.data] == [
        (run["id"], "pending", [])
    ]
    assert (listed.meta.page_size, listed.meta.total_results) == (20, 1)

    await found(house, run["id"], insight.id, '{"score":5}')
    (one,) = (await sdk.ai.conversations.retrieve_conversations_insights(conversation_id)).data
    assert one.status == "completed"
    assert [(each.insight_id, each.result) for each in one.conversation_insights] == [
        (insight.id, '{"score":5}')
    ]


async def test_counts(sdk: telnyx.AsyncTelnyx, house: House) -> None:
    insight = (await sdk.ai.conversations.insights.create(name="a", instructions="b")).data
    for assistant, score in (("x", 5), ("x", 5), ("y", 1)):
        conversation_id = await conversation_of(sdk, "Hello.", assistant_id=assistant)
        run = await asked(sdk, conversation_id)
        await found(house, run["id"], insight.id, f'{{"score":{score}}}')
    aggregates = sdk.ai.conversations.conversation_insights.retrieve_aggregates

    rows = (await aggregates(group_by=["score", "metadata.assistant_id"], insight_id=insight.id)).data
    assert [one.model_dump() for one in rows] == [
        {"record_count": 2, "score": 5, "metadata.assistant_id": "x"},
        {"record_count": 1, "score": 1, "metadata.assistant_id": "y"},
    ]
    rows = (await aggregates(metadata={"assistant_id": "eq.y"}, created_at="gte.2030-01-01")).data
    assert [one.model_dump() for one in rows] == [{"record_count": 1}]
    with pytest.raises(telnyx.UnprocessableEntityError) as refused:
        await aggregates(created_at="yesterday")
    assert refused.value.body["errors"][0]["source"] == {"parameter": "created_at"}  # type: ignore[index]


async def test_what_cannot_be_asked_for(sdk: telnyx.AsyncTelnyx) -> None:
    silent = await conversation_of(sdk)
    spoken = await conversation_of(sdk, "Hello.")
    with pytest.raises(telnyx.NotFoundError):
        await asked(sdk, str(uuid4()))
    with pytest.raises(telnyx.UnprocessableEntityError, match="Nothing has been said"):
        await asked(sdk, silent)
    with pytest.raises(telnyx.UnprocessableEntityError) as refused:
        await asked(sdk, spoken, insight_group_id=str(uuid4()))
    assert refused.value.body["errors"][0]["source"] == {"pointer": "/insight_group_id"}  # type: ignore[index]
    with pytest.raises(telnyx.UnprocessableEntityError):
        await asked(sdk, spoken, insight_group_id="none")


async def test_without_a_group_the_summary_is_asked_for(sdk: telnyx.AsyncTelnyx, house: House) -> None:
    run = await asked(sdk, await conversation_of(sdk, "Hello."))
    assert run["insight_group_id"] is None
    (summary,), _total = await house.store.read(insights.page, house.account_id, limit=9)
    assert (summary.name, summary.insight_type) == ("Summary", "default")


async def test_another_accounts_conversation_does_not_exist(
    sdk: telnyx.AsyncTelnyx, other: httpx.AsyncClient
) -> None:
    conversation_id = await conversation_of(sdk, "Hello.")
    path = f"/ai/conversations/{conversation_id}/conversations-insights"
    assert (await other.get(path)).status_code == 404
    assert (await other.post(path)).status_code == 404
    assert (await other.get("/ai/conversations/x/conversations-insights")).status_code == 422
