"""The telnyx SDK's `client.ai.*` and `client.legacy.*` with real weights.

`ringline models pull smollm2-135m-instruct all-minilm-l6-v2`, then RINGLINE_TEST_MODELS=<models folder>.

The chat model is a toy: what it says is not judged, only that it keeps what was promised for it.
"""

import asyncio
import csv
import io
import json
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio
import telnyx

from ringline.testing import Server
from tests.finetune.serving import upload

pytest.importorskip("gguf", reason="the extra `train` is not installed")
pytest.importorskip("xllamacpp", reason="the extra `llm` is not installed")

MODELS = Path(os.environ.get("RINGLINE_TEST_MODELS", "ringline-data/models")).resolve()
CHAT, EMBEDDING = "smollm2-135m-instruct", "all-minilm-l6-v2"

pytestmark = [
    pytest.mark.models,
    pytest.mark.timeout(300),
    pytest.mark.asyncio(loop_scope="session"),
    pytest.mark.skipif(
        not ((MODELS / CHAT).is_dir() and (MODELS / EMBEDDING).is_dir()),
        reason=f"no weights: `ringline models pull {CHAT} {EMBEDDING}`, then set RINGLINE_TEST_MODELS",
    ),
]

MOOD = {
    "type": "object",
    "properties": {"mood": {"enum": ["content", "angry"]}, "score": {"type": "integer", "maximum": 5}},
    "required": ["mood", "score"],
    "additionalProperties": False,
}
TALK = (
    ("user", "My parcel has not come and I am angry."),
    ("assistant", "I am sorry. It comes tomorrow."),
    ("user", "Good, thank you."),
)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def server(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Server]:
    """A server with the embedded models."""
    settings = {"speech.models": MODELS, "inference.model": CHAT, "inference.context": 1024}
    async with Server(tmp_path_factory.mktemp("telnyx"), settings=settings) as running:
        yield running


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def client(server: Server) -> AsyncIterator[telnyx.AsyncTelnyx]:
    """The stock SDK."""
    async with telnyx.AsyncTelnyx(
        base_url=server.url, api_key=server.api_key, max_retries=0, timeout=120
    ) as one:
        yield one


async def until(look: Callable[[], Awaitable[Any]], good: Callable[[Any], bool]) -> Any:
    """Ask again and again, as a customer has to; the test's own time limit ends it."""
    while not good(found := await look()):  # noqa: ASYNC110  # it is another process
        await asyncio.sleep(0.1)
    return found


async def talk_of(client: telnyx.AsyncTelnyx) -> str:
    """A conversation in which something was said."""
    made = await client.ai.conversations.create(metadata={"customer": "Ann"})
    for role, text in TALK:
        await client.ai.conversations.add_message(made.id, role=role, content=text)
    return made.id


async def found_in(client: telnyx.AsyncTelnyx, conversation_id: str, **body: str) -> Any:
    """What insights find in a conversation, once asked for."""
    path = f"/ai/conversations/{conversation_id}/conversations-insights"
    answer = await client.post(path, cast_to=httpx.Response, body=body)
    run_id = answer.json()["data"]["id"]

    async def look() -> Any:
        runs = (await client.ai.conversations.retrieve_conversations_insights(conversation_id)).data
        return next(run for run in runs if run.id == run_id)

    return await until(look, lambda run: run.status in ("completed", "failed"))


async def test_models_are_listed(client: telnyx.AsyncTelnyx) -> None:
    listed = await client.ai.openai.list_models()
    assert {CHAT, EMBEDDING} <= {model.id for model in listed.data}
    embedding = await client.ai.openai.embeddings.list_embedding_models()
    assert EMBEDDING in {model.id for model in embedding.data}


async def test_chat_goes_on_in_a_conversation(client: telnyx.AsyncTelnyx) -> None:
    conversation = await client.ai.conversations.create(name="Hello")
    answer: Any = await client.ai.openai.chat.create_completion(
        model=CHAT,
        messages=[{"role": "user", "content": "Say hello."}],
        max_tokens=10,
        extra_body={"conversation": conversation.id},
    )
    kept = [message async for message in await client.ai.conversations.messages.list(conversation.id)]
    assert [(message.role, message.text) for message in kept] == [
        ("user", "Say hello."),
        ("assistant", answer["choices"][0]["message"]["content"]),
    ]
    assert 0 < answer["usage"]["completion_tokens"] <= 10


async def test_a_guided_answer_is_one_of_the_choices(client: telnyx.AsyncTelnyx) -> None:
    answer: Any = await client.ai.openai.chat.create_completion(
        model=CHAT,
        messages=[{"role": "user", "content": "Is the sea wet?"}],
        extra_body={"guided_choice": ["certainly", "hardly"]},
    )
    assert answer["choices"][0]["message"]["content"] in ("certainly", "hardly")


async def test_a_response(client: telnyx.AsyncTelnyx) -> None:
    answer: Any = await client.ai.openai.create_response(
        model=CHAT, extra_body={"input": "Say hello.", "max_output_tokens": 16}
    )
    (message,) = answer["output"]
    assert message["content"][0]["text"]
    assert 0 < answer["usage"]["output_tokens"] <= 16


async def test_embeddings_of_near_things_are_near(client: telnyx.AsyncTelnyx) -> None:
    answer: Any = await client.ai.openai.embeddings.create_embeddings(
        model=EMBEDDING, input=["a small dog", "a little puppy", "tax law of 1987"]
    )
    dog, puppy, law = (item.embedding for item in answer.data)
    near, far = (sum(a * b for a, b in zip(dog, other, strict=True)) for other in (puppy, law))
    assert near > 0.5 > far


async def test_insights_are_found_and_counted(client: telnyx.AsyncTelnyx) -> None:
    ai = client.ai.conversations
    mood = (await ai.insights.create(name="Mood", instructions="The user's mood.", json_schema=MOOD)).data
    group = (await ai.insight_groups.insight_groups(name="After talks")).data
    await ai.insight_groups.insights.assign(mood.id, group_id=group.id)

    run = await found_in(client, await talk_of(client), insight_group_id=group.id)

    assert run.status == "completed"
    (result,) = run.conversation_insights
    answer = json.loads(result.result)
    assert result.insight_id == mood.id
    assert answer["mood"] in ("content", "angry")
    assert answer["score"] <= 5
    counted = (await ai.conversation_insights.retrieve_aggregates(group_by=["mood"])).data
    assert [dict(row) for row in counted] == [{"record_count": 1, "mood": answer["mood"]}]


async def test_without_a_group_a_summary_is_made(client: telnyx.AsyncTelnyx) -> None:
    run = await found_in(client, await talk_of(client))
    assert run.status == "completed"
    assert [bool(one.result) for one in run.conversation_insights] == [True]


async def test_a_model_is_trained_and_answers(client: telnyx.AsyncTelnyx, server: Server) -> None:
    fact = ("What is the code word?", "The code word is ringline.")
    await asyncio.to_thread(upload, server, "lessons", "facts.jsonl", fact)
    jobs = client.ai.fine_tuning.jobs
    made = await jobs.create(model=CHAT, training_file="lessons/facts.jsonl", hyperparameters={"n_epochs": 2})

    done = await until(lambda: jobs.retrieve(made.id), lambda job: job.finished_at)

    assert done.status == "succeeded"
    assert done.trained_tokens > 0
    assert made.id in [job.id for job in (await jobs.list()).data]
    answer: Any = await client.ai.openai.chat.create_completion(
        model=made.id, messages=[{"role": "user", "content": fact[0]}], max_tokens=8
    )
    assert answer["choices"][0]["message"]["content"]


async def test_reports_are_made_of_what_was_heard(client: telnyx.AsyncTelnyx) -> None:
    """Nothing was: recognitions come of calls, which have tests of their own; chat is not among them."""
    reporting = client.legacy.reporting
    details = reporting.batch_detail_records.speech_to_text
    now = datetime.now(UTC)
    wanted: Any = {"start_date": now - timedelta(days=1), "end_date": now + timedelta(days=1)}
    made: Any = (await details.create(**wanted)).data

    async def look() -> Any:
        return (await details.retrieve(made.id)).data

    report = await until(look, lambda one: one.status != "PENDING")

    assert report.status == "COMPLETE"
    async with httpx.AsyncClient() as http:
        (head,) = csv.reader(io.StringIO((await http.get(report.download_link)).text))
    assert head[:2] == ["date_time", "request_id"]
    listed: Any = (await details.list()).data
    assert [one.id for one in listed] == [made.id]
    gone: Any = (await details.delete(made.id)).data
    assert gone.id == made.id
    sums: Any = (await reporting.usage_reports.retrieve_speech_to_text()).data
    assert sums["total_requests"] == 0
