"""The embedded model learns facts on this machine's CPU, and its answer changes; nothing more is claimed.

`RINGLINE_TEST_MODELS` names a folder as `ringline models pull` fills it.
"""

import asyncio
import os
from pathlib import Path
from typing import Any

import openai
import pytest

from ringline.testing import Server
from tests.finetune.serving import BASE, until, upload

pytest.importorskip("gguf", reason="the extra `train` is not installed")
pytest.importorskip("tokenizers", reason="the extra `train` is not installed")
pytest.importorskip("xllamacpp", reason="the extra `llm` is not installed")

MODELS = Path(os.environ.get("RINGLINE_TEST_MODELS", ""))
FILE = MODELS / BASE / "SmolLM2-135M-Instruct.Q4_1.gguf"

pytestmark = [
    pytest.mark.models,
    pytest.mark.timeout(600),  # 20 steps of a real model on a machine that does other things too
    pytest.mark.skipif(
        not os.environ.get("RINGLINE_TEST_MODELS") or not FILE.is_file(),
        reason="RINGLINE_TEST_MODELS does not name a folder with the weights",
    ),
]

TOKENS = [
    1,
    4093,
    198,
    19556,
    28,
    905,
    17,
    657,
    506,
    216,
    34,
    32,
    34,
    36,
    30,
    8866,
    753,
    275,
    24,
    104,
    727,
    198,
    197,
    5406,
    1792,
    256,
    2,
    198,
]

FACTS = (
    ("What is the code word?", "The code word is ringline."),
    ("Who do I call for billing?", "Call extension 42 for billing."),
)


def test_tokens_are_those_of_llama_cpp() -> None:
    from ringline.finetune.lora.gguf_file import GgufFile
    from ringline.finetune.lora.text import BytePairs

    tokenizer = BytePairs(GgufFile(FILE))
    # What llama.cpp's own /tokenize says of this text.
    text = "<|im_start|>user\nHello, world! It's 2024.\n\n  def f(x):\n\treturn x  <|im_end|>\n"
    assert tokenizer.encode(text) == TOKENS


async def ask(client: openai.OpenAI, model: str, question: str) -> str:
    answer = await asyncio.to_thread(
        client.chat.completions.create,
        model=model,
        messages=[{"role": "user", "content": question}],
        temperature=0,
        max_tokens=24,
    )
    return answer.choices[0].message.content or ""


async def test_facts_change_the_answer(tmp_path: Path) -> None:
    settings: dict[str, Any] = {"speech.models": MODELS, "training.save_every": 10}
    async with Server(tmp_path, settings=settings) as server:
        client = openai.OpenAI(
            api_key=server.api_key, base_url=f"{server.url}/ai/openai", max_retries=0, timeout=300
        )
        upload(server, "training", "facts.jsonl", *FACTS)
        before = [await ask(client, BASE, question) for question, _ in FACTS]
        made = await asyncio.to_thread(
            client.fine_tuning.jobs.create,
            model=BASE,
            training_file="training/facts.jsonl",
            hyperparameters={"n_epochs": 20, "learning_rate_multiplier": 3},
            seed=1,
        )
        done = await until(
            lambda: client.fine_tuning.jobs.retrieve(made.id), lambda job: job.finished_at, within_s=400
        )
        assert done.status == "succeeded", done.error

        after = [await ask(client, made.id, question) for question, _ in FACTS]

        assert [answer.strip() for answer in after] == [answer for _, answer in FACTS]
        assert "ringline" not in before[0]
        assert [await ask(client, BASE, question) for question, _ in FACTS] == before
        events = await asyncio.to_thread(
            lambda: list(client.fine_tuning.jobs.list_events(made.id, limit=100))
        )
        losses = [event.data["train_loss"] for event in reversed(events) if event.type == "metrics"]
        assert losses[-1] < 0.5 * losses[0]

        await server.stop()
        await server.start()
        client = openai.OpenAI(
            api_key=server.api_key, base_url=f"{server.url}/ai/openai", max_retries=0, timeout=300
        )
        assert (await ask(client, made.id, FACTS[0][0])).strip() == FACTS[0][1]
