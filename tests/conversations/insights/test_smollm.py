"""Insights by the embedded model: `ringline models pull smollm2-135m-instruct`, then RINGLINE_TEST_MODELS."""

import json
import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from ringline.core.settings import InferenceSettings, Settings, SpeechSettings
from ringline.store.insight_runs import RunStatus
from tests.conversations.insights.bench import ACCOUNT, Bench, life_of

MODELS = Path(os.environ.get("RINGLINE_TEST_MODELS", "ringline-data/models"))

pytestmark = [
    pytest.mark.timeout(180),
    pytest.mark.models,
    pytest.mark.skipif(
        not (MODELS / "smollm2-135m-instruct").is_dir(),
        reason="no chat model: `ringline models pull smollm2-135m-instruct`, then set RINGLINE_TEST_MODELS",
    ),
]

MOOD = {
    "type": "object",
    "properties": {
        "mood": {"enum": ["content", "neutral", "angry"]},
        "score": {"type": "integer", "minimum": 1, "maximum": 5},
    },
    "required": ["mood", "score"],
    "additionalProperties": False,
}


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    settings = Settings(
        data=tmp_path,
        speech=SpeechSettings(models=str(MODELS)),
        inference=InferenceSettings(context=1024, threads=1),
    )
    async with life_of(f"sqlite:///{tmp_path / 'store.db'}", settings) as opened:
        yield opened


async def test_a_summary_and_a_structured_insight(bench: Bench) -> None:
    await bench.group(await bench.insight("Summary"), await bench.insight("Mood", MOOD))
    conversation_id = await bench.conversation(
        "My parcel has not come and I am angry.", "I am sorry. It comes tomorrow.", "Good, thank you."
    )
    run = await bench.ended((await bench.insights.intake.request(ACCOUNT, conversation_id)).id, wait_s=150)

    assert (run.status, run.reason) == (RunStatus.COMPLETED, None)
    summary, mood = run.results
    assert summary.result
    answer = json.loads(mood.result)
    assert answer["mood"] in ("content", "neutral", "angry")
    assert 1 <= answer["score"] <= 5


async def test_a_conversation_longer_than_the_context_fits_in_windows(bench: Bench) -> None:
    await bench.group(await bench.insight("Mood", MOOD))
    said = [
        f"Order {number * 7919} für Zoë: {'weitere Fragen, 12.5 % Rabatt, ' * 3}日本語 😀"
        for number in range(24)
    ]
    conversation_id = await bench.conversation(*said)
    run = await bench.ended((await bench.insights.intake.request(ACCOUNT, conversation_id)).id, wait_s=150)
    assert (run.status, run.reason) == (RunStatus.COMPLETED, None)
    assert json.loads(run.results[0].result)["mood"] in ("content", "neutral", "angry")
