"""Counts of what insights say, on both engines of the store."""

from collections import Counter
from contextlib import suppress
from datetime import timedelta
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ringline.conversations.filters import BadFilter
from ringline.conversations.insights import aggregates
from ringline.conversations.insights.aggregates import ByField, ByMetadata
from ringline.conversations.insights.answers import groupable
from ringline.core.clock import VirtualClock
from ringline.core.ids import Ids
from ringline.store import conversations, insight_runs
from ringline.store.conversations import Conversation
from ringline.store.db import Store
from ringline.store.insight_runs import InsightResult, InsightRun

pytestmark = pytest.mark.unit

ACCOUNT = "account"


class Desk:
    """Puts completed runs into a store."""

    def __init__(self, store: Store, clock: VirtualClock) -> None:
        self._store = store
        self._clock = clock
        self._ids = Ids.seeded(3)

    async def conversation(self, account_id: str = ACCOUNT, **metadata: str) -> str:
        now = self._clock.utc()
        one = Conversation(
            id=self._ids.uuid(),
            account_id=account_id,
            created_at=now,
            last_message_at=now,
            metadata=metadata,
        )
        await self._store.tx(conversations.create, one)
        return one.id

    async def run(
        self,
        conversation_id: str,
        results: dict[str, str],
        *,
        version: int = 1,
        account_id: str = ACCOUNT,
        completed: bool = True,
    ) -> None:
        now = self._clock.utc()
        run = InsightRun(
            id=self._ids.uuid(),
            account_id=account_id,
            conversation_id=conversation_id,
            group_id="group",
            version=version,
            cause="idle",
            job_id="job",
            created_at=now,
            updated_at=now,
        )
        await self._store.tx(insight_runs.add, run)
        for position, (insight_id, text) in enumerate(results.items()):
            result = InsightResult(
                insight_id=insight_id, position=position, insight_name="n", structured=True, result=text
            )
            await self._store.tx(insight_runs.record, run.id, result, groupable(text), now=now)
        if completed:
            await self._store.tx(insight_runs.complete, run.id, now=now)

    async def count(self, *items: tuple[str, str]) -> list[dict[str, Any]]:
        return await self._store.read(aggregates.count, ACCOUNT, aggregates.parse(items))


@pytest.fixture
def desk(store: Store, clock: VirtualClock) -> Desk:
    return Desk(store, clock)


async def test_results_are_counted_by_members_and_metadata(desk: Desk) -> None:
    for assistant, score in (("a", 5), ("a", 5), ("b", 5), ("b", 3)):
        await desk.run(await desk.conversation(assistant_id=assistant), {"i": f'{{"score":{score}}}'})
    await desk.run(await desk.conversation(), {"i": '{"other":true}'})

    assert await desk.count() == [{"record_count": 5}]
    assert await desk.count(("group_by", "score")) == [
        {"record_count": 3, "score": 5},
        {"record_count": 1, "score": 3},
    ]
    assert await desk.count(("group_by", "score,metadata.assistant_id")) == [
        {"record_count": 2, "score": 5, "metadata.assistant_id": "a"},
        {"record_count": 1, "score": 3, "metadata.assistant_id": "b"},
        {"record_count": 1, "score": 5, "metadata.assistant_id": "b"},
    ]
    assert await desk.count(("show", "score"), ("metadata.assistant_id", "is.null")) == [
        {"record_count": 1, "score": None}
    ]
    assert await desk.count(("group_by", "metadata.assistant_id"), ("show", "score")) == [
        {"record_count": 2, "metadata.assistant_id": "a", "score": 5},
        {"record_count": 1, "metadata.assistant_id": None, "score": None},
        {"record_count": 1, "metadata.assistant_id": "b", "score": 3},
        {"record_count": 1, "metadata.assistant_id": "b", "score": 5},
    ]


async def test_every_spelling_of_a_metadata_filter_is_taken(desk: Desk) -> None:
    await desk.run(await desk.conversation(assistant_id="a.b"), {"i": "{}"})
    await desk.run(await desk.conversation(assistant_id="c"), {"i": "{}"})
    for name in ("metadata.assistant_id", "metadata[assistant_id]", "metadata->assistant_id"):
        assert await desk.count((name, "eq.a.b")) == [{"record_count": 1}]
        assert await desk.count((name, "in.(a.b,c,d)")) == [{"record_count": 2}]


async def test_only_what_was_asked_for_is_counted(desk: Desk, clock: VirtualClock) -> None:
    await desk.run(await desk.conversation(), {"i": "{}", "j": "{}"})
    await desk.run(await desk.conversation(), {"i": "{}"}, completed=False)
    await desk.run(await desk.conversation("another"), {"i": "{}"}, account_id="another")
    before = clock.utc()
    clock.advance(timedelta(days=1).total_seconds())
    await desk.run(await desk.conversation(), {"i": "{}"})

    assert await desk.count() == [{"record_count": 3}]
    assert await desk.count(("insight_id", "i")) == [{"record_count": 2}]
    after = f"gt.{before.isoformat()}"
    assert await desk.count(("created_at", after)) == [{"record_count": 1}]
    assert await desk.count(("created_at", "gte.2030-01-01"), ("created_at", "lt.2030-01-02")) == [
        {"record_count": 2}
    ]


async def test_of_a_conversation_that_went_on_the_last_run_counts(desk: Desk) -> None:
    conversation_id = await desk.conversation()
    await desk.run(conversation_id, {"i": '{"score":1}'})
    await desk.run(conversation_id, {"i": '{"score":2}'}, version=2)
    await desk.run(conversation_id, {"i": '{"score":3}'}, version=3, completed=False)
    assert await desk.count(("group_by", "score")) == [{"record_count": 1, "score": 2}]


async def test_of_a_conversation_that_was_asked_again_the_last_run_counts(
    desk: Desk, clock: VirtualClock
) -> None:
    conversation_id = await desk.conversation()
    for text, completed in (('{"score":1}', True), ('{"score":2}', True), ('{"score":3}', False)):
        await desk.run(conversation_id, {"i": text}, completed=completed)
        clock.advance(1)
    assert await desk.count(("group_by", "score")) == [{"record_count": 1, "score": 2}]


SCALARS = st.none() | st.booleans() | st.integers(-2, 2) | st.sampled_from(["", "a", "é", "2", "null"])


@given(st.lists(st.tuples(SCALARS, SCALARS), max_size=8))
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_counts_are_those_of_counting(desk: Desk, values: list[tuple[Any, Any]]) -> None:
    insight_id = desk._ids.uuid()  # each example has results of its own
    for first, second in values:
        text = msgspec.json.encode({"first": first, "second": second}).decode()
        await desk.run(await desk.conversation(), {insight_id: text})
    rows = await desk.count(("insight_id", insight_id), ("group_by", "first"), ("group_by", "second"))
    key = msgspec.json.encode
    assert {(key(row["first"]), key(row["second"])): row["record_count"] for row in rows} == Counter(
        (key(first), key(second)) for first, second in values
    )


@pytest.mark.parametrize(
    ("items", "parameter"),
    [
        ([("created_at", "2030")], "created_at"),
        ([("created_at", "like.2030")], "created_at"),
        ([("created_at", "not.eq.2030-01-01")], "created_at"),
        ([("metadata[a]", "b")], "metadata[a]"),
        ([("group_by", ",".join("abcdefghi"))], "group_by"),
        ([("show", ",".join("abcdefghi"))], "show"),
        ([("metadata.a", "eq.b")] * 33, "metadata"),
    ],
)
def test_a_wrong_query_is_refused_by_parameter(items: list[tuple[str, str]], parameter: str) -> None:
    with pytest.raises(BadFilter) as refused:
        aggregates.parse(items)
    assert refused.value.parameter == parameter


def test_names_may_be_repeated_and_unknown_parameters_mean_nothing() -> None:
    asked = aggregates.parse(
        [("group_by[]", "a"), ("group_by", "a, metadata[k]"), ("show", "b,a"), ("x", "y"), ("insight_id", "")]
    )
    assert asked.by == (ByField("a"), ByMetadata("k"), ByField("b", needed=False))
    assert asked.insight_id is None


@given(st.lists(st.tuples(st.sampled_from(["group_by", "metadata.", "metadata[", "created_at"]), st.text())))
def test_any_query_is_read_or_refused(items: list[tuple[str, str]]) -> None:
    with suppress(BadFilter):
        aggregates.parse(items)
