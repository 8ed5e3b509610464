"""llama.cpp as the oracle: the same scores of the same file, with the adapter that we have written."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("gguf", reason="the extra `train` is not installed")
pytest.importorskip("xllamacpp", reason="the extra `llm` is not installed")

import httpx
import xllamacpp

from ringline.finetune.lora import llama
from ringline.finetune.lora.gguf_file import GgufFile, write_adapter
from tests.finetune import tiny

pytestmark = pytest.mark.system

RANK, ALPHA = 4, 12.0
PROMPT = [1, 80, 81, 259, 100, 2, 13, 1, 90]
SHOWN = 40


def scores_of_llama_cpp(model: Path, adapter: Path, scale: float) -> dict[int, float]:
    """Log probabilities of the likeliest tokens behind the prompt."""
    wanted = xllamacpp.CommonParams()
    wanted.model.path = str(model)
    wanted.n_ctx = tiny.CONTEXT
    wanted.port = 0
    wanted.verbosity = 1
    wanted.warmup = False
    wanted.cpuparams.n_threads = 1
    wanted.lora_adapters = [xllamacpp.CommonAdapterLoraInfo(str(adapter), scale)]
    server = xllamacpp.Server(wanted)
    # Whichever token is chosen, "x" is written: half a letter would be held back. Scores are those before.
    x = 3 + tiny.alphabet().index("x")
    question: dict[str, Any] = {
        "prompt": PROMPT,
        "n_predict": 1,
        "n_probs": SHOWN,
        "logit_bias": [[x, 1000.0]],
    }
    answer = httpx.post(f"{server.listening_address}/completion", json=question, timeout=60, trust_env=False)
    (first,) = answer.json()["completion_probabilities"]
    return {one["id"]: one["logprob"] for one in first["top_logprobs"]}


@pytest.mark.parametrize("scale", [0.0, 1.0])
def test_scores_agree(tmp_path: Path, scale: float) -> None:
    path = tiny.write_model(tmp_path / "tiny.gguf")
    weights = GgufFile(path).weights()
    random = np.random.default_rng(2)
    adapter = {
        name: value if name.endswith("_a") else random.normal(0, 0.3, value.shape).astype(np.float32)
        for name, value in llama.new_adapter(weights, RANK, seed=1).items()
    }
    write_adapter(tmp_path / "adapter.gguf", adapter, ALPHA)
    theirs = scores_of_llama_cpp(path, tmp_path / "adapter.gguf", scale)

    model = llama.Model(weights, adapter, scale * ALPHA / RANK)
    tokens = np.array(PROMPT)
    scores = model.logits(llama.Batch.of([(tokens, np.zeros(len(tokens), bool))]))[-1].astype(np.float64)
    ours = scores - np.log(np.exp(scores - scores.max()).sum()) - scores.max()

    assert len(theirs) == SHOWN
    for token, logprob in theirs.items():
        assert ours[token] == pytest.approx(logprob, abs=0.01)  # its memory of keys and values has 16 bits
