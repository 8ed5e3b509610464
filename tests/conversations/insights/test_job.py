"""Runs from their request to their webhooks, on both engines of the store."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
import sqlalchemy as sa

from ringline.conversations.insights.intake import AT_ONCE, NoConversation, NoGroup, NotAsked
from ringline.store import conversations, insights
from ringline.store.insight_runs import NO_GROUP, InsightRun, RunStatus
from ringline.store.insight_tables import insight_fields, insight_results, insight_runs
from tests.conversations.insights.bench import ACCOUNT, Bench, life
from tests.conversations.insights.engine import Engine, serve

pytestmark = pytest.mark.unit

SCORE = {"type": "object", "properties": {"score": {"type": "integer"}}, "required": ["score"]}
NOW = timedelta(0)


def by_task(body: dict[str, Any]) -> str:
    """JSON where a schema is asked for, else an echo of the task."""
    if "response_format" in body:
        return '{"score": 4}'
    return "found: " + str(body["messages"][-1]["content"]).rpartition("Task: ")[2]


@pytest.fixture
async def engine() -> AsyncIterator[Engine]:
    async with serve(by_task) as served:
        yield served


@pytest.fixture
async def bench(database: str, engine: Engine, tmp_path: Path) -> AsyncIterator[Bench]:
    async with life(database, engine.url, tmp_path) as opened:
        yield opened


async def test_a_group_is_generated_kept_and_told_once(bench: Bench, engine: Engine) -> None:
    mood = await bench.insight("mood", instructions="Mood of {{who}}?", webhook="https://mood.example/")
    score = await bench.insight("score", SCORE)
    group = await bench.group(mood, score, name="After calls", webhook="https://group.example/")
    conversation_id = await bench.conversation("Where is my order?", "On its way.", who="Ann")

    asked = await bench.insights.intake.request(ACCOUNT, conversation_id, group.id)
    again = await bench.insights.intake.request(ACCOUNT, conversation_id, group.id)
    run = await bench.ended(asked.id)

    assert (asked.status, again.id) == (RunStatus.PENDING, asked.id)
    assert (run.status, run.reason, run.version, run.cause) == (RunStatus.COMPLETED, None, 2, "request")
    assert [(one.insight_id, one.result) for one in run.results] == [
        (mood.id, "found: Mood of Ann?"),
        (score.id, '{"score":4}'),
    ]
    assert "User: Where is my order?\nAssistant: On its way." in engine.prompts[0]
    assert len(engine.asked) == 2
    told = [(one.event_type, msgspec.json.decode(one.payload)) for one in await bench.events()]
    of_mood = {"insight_id": mood.id, "insight_name": "mood", "result": "found: Mood of Ann?"}
    of_score = {"insight_id": score.id, "insight_name": "score", "result": {"score": 4}}
    common = {
        "conversation_id": conversation_id,
        "insight_group_id": group.id,
        "insight_group_name": "After calls",
    }
    assert told == [
        ("conversation.insights.completed", common | {"insights": [of_mood, of_score]}),
        ("conversation.insights.completed", common | {"insights": [of_mood]}),
    ]


async def test_a_conversation_that_goes_on_has_another_run(bench: Bench) -> None:
    group = await bench.group(await bench.insight("mood"))
    conversation_id = await bench.conversation("Hello.")
    first = await bench.ended((await bench.insights.intake.request(ACCOUNT, conversation_id)).id)
    await bench.say(conversation_id, "More.")
    second = await bench.ended((await bench.insights.intake.request(ACCOUNT, conversation_id)).id)

    assert (first.group_id, first.version, second.version) == (group.id, 1, 2)
    assert [one.id for one in await bench.runs(conversation_id)] == [second.id, first.id]


async def test_templates_that_changed_are_asked_anew(bench: Bench, engine: Engine) -> None:
    mood = await bench.insight("mood", instructions="Mood?")
    group = await bench.group(mood)
    conversation_id = await bench.conversation("Hello.")

    async def ask() -> InsightRun:
        asked = await bench.insights.intake.request(ACCOUNT, conversation_id)
        return await bench.ended(asked.id)

    async def revise(**members: Any) -> None:
        await bench.store.tx(insights.revise, ACCOUNT, mood.id, lambda one: replace(one, **members))

    first = await ask()
    score = await bench.insight("score", SCORE)
    await bench.store.tx(insights.assign, ACCOUNT, group.id, score.id, now=bench.clock.utc())
    wider = await ask()
    await revise(instructions="Temper?")
    reworded = await ask()
    await revise(json_schema=SCORE)
    shaped = await ask()
    await bench.store.tx(insights.unassign, ACCOUNT, group.id, score.id)
    narrower = await ask()

    runs = [first, wider, reworded, shaped, narrower]
    assert [[one.result for one in run.results] for run in runs] == [
        ["found: Mood?"],
        ["found: Mood?", '{"score":4}'],
        ["found: Temper?", '{"score":4}'],
        ['{"score":4}', '{"score":4}'],
        ['{"score":4}'],
    ]
    assert [one.id for one in await bench.runs(conversation_id)] == [run.id for run in reversed(runs)]
    assert {run.version for run in runs} == {1}
    questions = len(engine.asked)

    await revise(name="Mood of the caller", webhook="https://mood.example/")

    assert (await ask()).id == narrower.id
    assert len(engine.asked) == questions
    assert await bench.insights.intake.look(NOW) == 0


async def test_a_summary_in_other_words_is_another_summary(bench: Bench) -> None:
    conversation_id = await bench.conversation("Hello.")
    first = await bench.ended((await bench.insights.intake.request(ACCOUNT, conversation_id)).id)
    summary = first.results[0].insight_id
    await bench.store.tx(
        insights.revise, ACCOUNT, summary, lambda one: replace(one, instructions="In verse.")
    )
    second = await bench.ended((await bench.insights.intake.request(ACCOUNT, conversation_id)).id)
    assert [one.result for one in second.results] == ["found: In verse."]


async def test_idle_conversations_are_queued_once(bench: Bench) -> None:
    await bench.group(await bench.insight("mood"), name="Default")
    ids = [await bench.conversation("Hello.") for _ in range(3)]
    assert await bench.insights.intake.look(timedelta(hours=1)) == 0

    assert await bench.insights.intake.look(NOW) == 3
    assert await bench.insights.intake.look(NOW) == 0
    for conversation_id in ids:
        (run,) = await bench.runs(conversation_id)
        assert (run.cause, run.version) == ("idle", 1)
        await bench.ended(run.id)


async def test_without_a_group_an_idle_conversation_is_left_alone(bench: Bench, engine: Engine) -> None:
    empty = await bench.group(name="empty")
    ids = [
        await bench.conversation("Hello."),
        await bench.conversation("Hello.", insight_group_id=empty.id),
        await bench.conversation("Hello.", insight_group_id="gone"),
    ]
    assert await bench.insights.intake.look(NOW) == 3
    assert await bench.insights.intake.look(NOW) == 0
    assert [await bench.runs(one) for one in ids] == [[], [], []]
    assert engine.asked == []


async def test_one_look_is_for_all_that_are_idle(bench: Bench) -> None:
    for _ in range(2 * AT_ONCE + 1):
        await bench.conversation("Hello.")
    assert await bench.insights.intake.look(NOW) == 2 * AT_ONCE + 1


async def test_the_metadata_names_the_group(bench: Bench) -> None:
    await bench.group(await bench.insight("mood"))
    named = await bench.group(await bench.insight("other"), name="named")
    conversation_id = await bench.conversation("Hello.", insight_group_id=named.id)
    await bench.insights.intake.look(NOW)
    (run,) = await bench.runs(conversation_id)
    assert run.group_id == named.id


async def test_a_hang_up_queues_the_conversation_of_the_call(bench: Bench) -> None:
    await bench.group(await bench.insight("mood"))
    conversation_id = await bench.conversation("Hello.", call_control_id="v3:call")
    await bench.insights.intake.hung_up(ACCOUNT, "v3:other")
    assert await bench.runs(conversation_id) == []

    for _ in range(2):
        await bench.insights.intake.hung_up(ACCOUNT, "v3:call")

    (run,) = await bench.runs(conversation_id)
    assert run.cause == "hangup"
    assert await bench.insights.intake.look(NOW) == 0


async def test_without_any_group_a_request_makes_a_summary(bench: Bench) -> None:
    conversation_id = await bench.conversation("Hello.")
    for _ in range(2):
        run = await bench.ended((await bench.insights.intake.request(ACCOUNT, conversation_id)).id)
        assert (run.group_id, [one.insight_name for one in run.results]) == (NO_GROUP, ["Summary"])
        await bench.say(conversation_id, "More.")
    (kept,), total = await bench.store.read(insights.page, ACCOUNT, limit=9)
    assert (total, kept.insight_type, kept.id) == (1, "default", run.results[0].insight_id)


async def test_what_cannot_be_asked_is_refused(bench: Bench) -> None:
    silent = await bench.conversation()
    spoken = await bench.conversation("Hello.")
    empty = await bench.group(name="empty")
    request = bench.insights.intake.request
    with pytest.raises(NoConversation):
        await request(ACCOUNT, "unknown")
    with pytest.raises(NoConversation):
        await request("another account", spoken)
    with pytest.raises(NotAsked, match="Nothing has been said"):
        await request(ACCOUNT, silent)
    with pytest.raises(NotAsked, match="empty has no insights"):
        await request(ACCOUNT, spoken, empty.id)
    with pytest.raises(NoGroup):
        await request(ACCOUNT, spoken, "unknown")


async def test_an_answer_that_never_fits_fails_the_run_and_keeps_the_rest(
    bench: Bench, engine: Engine
) -> None:
    good, bad = await bench.insight("good"), await bench.insight("bad", SCORE)
    group = await bench.group(bad, good, webhook="https://group.example/")
    engine.reply = lambda body: '{"score":"high"}' if "response_format" in body else "good"
    conversation_id = await bench.conversation("Hello.")
    run = await bench.ended((await bench.insights.intake.request(ACCOUNT, conversation_id)).id)

    assert run.status is RunStatus.FAILED
    assert run.reason is not None
    assert run.reason.startswith("bad: ")
    assert '"high" is not of type "integer"' in run.reason
    assert [one.insight_id for one in run.results] == [good.id]
    assert await bench.events() == []

    engine.reply = by_task
    engine.asked.clear()
    anew = await bench.insights.intake.request(ACCOUNT, conversation_id, group.id)
    run = await bench.ended(anew.id)
    assert (anew.id, run.status, run.reason) == (run.id, RunStatus.COMPLETED, None)
    assert [one.result for one in run.results] == ['{"score":4}', "good"]
    assert len(engine.asked) == 1
    assert len(await bench.events()) == 1


async def test_a_refusal_of_the_engine_is_the_reason(bench: Bench, engine: Engine) -> None:
    await bench.group(await bench.insight("mood"))
    engine.reply = lambda _body: 400
    conversation_id = await bench.conversation("Hello.")
    run = await bench.ended((await bench.insights.intake.request(ACCOUNT, conversation_id)).id)
    assert (run.status, len(engine.asked)) == (RunStatus.FAILED, 1)
    assert "scripted" in (run.reason or "")


async def test_an_engine_that_is_down_is_asked_again(bench: Bench, engine: Engine) -> None:
    await bench.group(await bench.insight("mood"))
    engine.reply = lambda _body: 500 if len(engine.asked) < 2 else "found"
    conversation_id = await bench.conversation("Hello.")
    run = await bench.ended((await bench.insights.intake.request(ACCOUNT, conversation_id)).id)
    assert (run.status, [one.result for one in run.results]) == (RunStatus.COMPLETED, ["found"])


async def test_a_group_that_was_deleted_meanwhile_ends_the_run(bench: Bench, engine: Engine) -> None:
    engine.hold = asyncio.Event()
    group = await bench.group(await bench.insight("mood"))
    for _ in range(2):  # both places of the runner are taken
        await bench.insights.intake.request(ACCOUNT, await bench.conversation("Hello."))
    conversation_id = await bench.conversation("Hello.")
    asked = await bench.insights.intake.request(ACCOUNT, conversation_id)
    await bench.store.tx(insights.delete_group, ACCOUNT, group.id)
    engine.hold.set()
    run = await bench.ended(asked.id)
    assert (run.status, run.reason) == (RunStatus.FAILED, "the insight group was deleted")


async def test_a_long_conversation_is_read_in_windows(database: str, tmp_path: Path) -> None:
    said = [f"Sentence {number} about the delivery of the parcel." for number in range(120)]

    def reply(body: dict[str, Any]) -> str:
        prompt = str(body["messages"][-1]["content"])
        return "noted" if prompt.startswith("Part ") else "result"

    async with serve(reply, context=1024) as engine, life(database, engine.url, tmp_path) as bench:
        await bench.group(await bench.insight("mood"), await bench.insight("topic"))
        conversation_id = await bench.conversation(*said)
        run = await bench.ended((await bench.insights.intake.request(ACCOUNT, conversation_id)).id)

    assert [one.result for one in run.results] == ["result", "result"]
    parts = [prompt for prompt in engine.prompts if prompt.startswith("Part ")]
    assert len(parts) > 3
    assert [sum(text in part for part in parts) for text in said] == [1] * len(said)
    results = [prompt for prompt in engine.prompts if prompt not in parts]
    assert len(results) == 2
    assert all("\n".join(["noted"] * len(parts)) in prompt for prompt in results)
    assert all(len(prompt) < 4 * 1024 for prompt in engine.prompts)


async def test_a_stop_in_the_middle_loses_no_notes(database: str, tmp_path: Path) -> None:
    said = [f"Sentence {number} about the delivery of the parcel." for number in range(120)]
    async with serve(lambda _body: "noted", context=1024) as engine:
        engine.silent_at = 3
        async with life(database, engine.url, tmp_path) as bench:
            await bench.group(await bench.insight("mood"))
            conversation_id = await bench.conversation(*said)
            asked = await bench.insights.intake.request(ACCOUNT, conversation_id)
            await asyncio.wait_for(engine.silent.wait(), 20)
        async with life(database, engine.url, tmp_path) as bench:
            run = await bench.ended(asked.id)

    assert run.status is RunStatus.COMPLETED
    parts = [prompt for prompt in engine.prompts if prompt.startswith("Part ")]
    assert parts[2] == parts[3]
    assert len(set(parts)) == len(parts) - 1


async def test_instructions_that_leave_no_room_fail_with_advice(database: str, tmp_path: Path) -> None:
    async with serve(by_task, context=512) as engine, life(database, engine.url, tmp_path) as bench:
        await bench.group(await bench.insight("mood", instructions="Be thorough. " * 200))
        conversation_id = await bench.conversation("Hello.")
        run = await bench.ended((await bench.insights.intake.request(ACCOUNT, conversation_id)).id)
    assert run.status is RunStatus.FAILED
    assert "shorten them" in (run.reason or "")


async def test_a_run_whose_job_was_cancelled_is_failed_by_the_watch(bench: Bench, engine: Engine) -> None:
    engine.hold = asyncio.Event()
    await bench.group(await bench.insight("mood"))
    conversation_id = await bench.conversation("Hello.")
    asked = await bench.insights.intake.request(ACCOUNT, conversation_id)
    await bench.jobs.cancel(asked.job_id, account_id=ACCOUNT)
    await bench.job_ended(asked.job_id)
    await bench.insights.watch.look()
    (run,) = await bench.runs(conversation_id)
    assert (run.status, run.reason) == (RunStatus.FAILED, "the job was cancelled")


def rows_of(conn: sa.Connection, table: sa.Table) -> list[Any]:
    return list(conn.execute(sa.select(table)))


@pytest.mark.parametrize("moment", ["found", "underway"])
async def test_what_was_found_goes_with_its_conversation(bench: Bench, engine: Engine, moment: str) -> None:
    await bench.group(await bench.insight("score", SCORE), webhook="https://group.example/")
    conversation_id = await bench.conversation("Hello.")
    if moment == "underway":
        engine.hold = asyncio.Event()
    asked = await bench.insights.intake.request(ACCOUNT, conversation_id)
    if moment == "found":
        await bench.ended(asked.id)
    await bench.store.tx(conversations.delete, ACCOUNT, conversation_id)
    if engine.hold is not None:
        engine.hold.set()
    await bench.job_ended(asked.job_id)

    for table in (insight_runs, insight_results, insight_fields):
        rows = await bench.store.read(rows_of, table)
        assert rows == [], table.name
    assert len(await bench.events()) == (moment == "found")
