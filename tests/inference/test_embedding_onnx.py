"""MiniLM: `ringline models pull all-minilm-l6-v2`, then RINGLINE_TEST_MODELS=<models folder>."""

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ringline.core.clock import SystemClock
from ringline.inference.embedding import CUT_TO_CONTEXT, Embedder, Input, Vectors
from ringline.inference.embedding_models import LocalChoice, make_embedder
from ringline.inference.errors import EngineRefused, UnknownModel
from ringline.inference.registry import load_registry

MODELS = Path(os.environ.get("RINGLINE_TEST_MODELS", "ringline-data/models"))
NAME = "all-minilm-l6-v2"

pytestmark = [
    pytest.mark.models,
    pytest.mark.skipif(
        not (MODELS / NAME).is_dir(),
        reason=f"no embedding weights: `ringline models pull {NAME}`, then set RINGLINE_TEST_MODELS",
    ),
]

TEXTS = [
    "I would like my money back for the broken kettle.",
    "How do I get a refund?",
    "The weather in Lisbon is sunny today.",
    "ok",
    "Sturm und Drang, café, 日本語 — and an emoji 🙂.",
    "A long one. " * 40,
]


@pytest.fixture
async def embedder() -> AsyncIterator[Embedder]:
    made = make_embedder(load_registry(), LocalChoice(MODELS), SystemClock())
    yield made
    await made.stop()


@pytest.fixture
async def exact() -> AsyncIterator[Embedder]:
    made = make_embedder(load_registry(), LocalChoice(MODELS, integers=False), SystemClock())
    yield made
    await made.stop()


@pytest.fixture(scope="module")
def tokenizer() -> Any:
    tokenizers = pytest.importorskip("tokenizers")
    made = tokenizers.Tokenizer.from_file(str(MODELS / NAME / "tokenizer.json"))
    made.no_padding()
    made.no_truncation()
    return made


@pytest.fixture(scope="module")
def bare(tokenizer: Any) -> Any:
    """The same model without any of our code: one text at a time, mean, length 1."""
    onnxruntime = pytest.importorskip("onnxruntime")
    session = onnxruntime.InferenceSession(str(MODELS / NAME / "model.onnx"))

    def embed(text: str) -> Vectors:
        ids = np.array([tokenizer.encode(text).ids], np.int64)
        given = {
            "input_ids": ids,
            "attention_mask": np.ones_like(ids),
            "token_type_ids": np.zeros_like(ids),
        }
        mean: Vectors = session.run(None, given)[0][0].mean(axis=0)
        return mean / np.linalg.norm(mean)

    return embed


async def test_vectors_are_those_of_the_bare_session(exact: Embedder, bare: Any) -> None:
    embedded = await exact.embed(TEXTS)
    assert embedded.vectors.shape == (len(TEXTS), 384)
    assert embedded.vectors.dtype == np.float32
    for text, row in zip(TEXTS, embedded.vectors, strict=True):
        assert np.linalg.norm(row) == pytest.approx(1.0, abs=1e-5)
        np.testing.assert_allclose(row, bare(text), atol=2e-5)


async def test_integers_change_little(embedder: Embedder, bare: Any) -> None:
    rows = (await embedder.embed(TEXTS)).vectors
    near = [float(row @ bare(text)) for text, row in zip(TEXTS, rows, strict=True)]
    assert min(near) > 0.997
    assert sum(near) / len(near) > 0.999
    assert max(near) < 0.999999, "these are integers"


async def test_company_changes_no_vector(embedder: Embedder) -> None:
    alone = [await embedder.embed([text]) for text in TEXTS]
    together = await asyncio.gather(*(embedder.embed([text]) for text in TEXTS * 8))
    for number, embedded in enumerate(together):
        np.testing.assert_allclose(embedded.vectors, alone[number % len(TEXTS)].vectors, atol=2e-5)


async def test_what_means_the_same_is_near(embedder: Embedder) -> None:
    refund, question, weather = (await embedder.embed(TEXTS[:3])).vectors
    assert refund @ question > 0.3
    assert abs(refund @ weather) < 0.15


async def test_tokens_are_counted_by_the_tokenizer(embedder: Embedder, tokenizer: Any) -> None:
    for text in TEXTS:
        assert (await embedder.embed([text])).prompt_tokens == len(tokenizer.encode(text).ids)
    counted = sum(len(tokenizer.encode(text).ids) for text in TEXTS)
    assert (await embedder.embed(TEXTS)).prompt_tokens == counted


async def test_token_arrays_are_as_good_as_their_text(embedder: Embedder, tokenizer: Any) -> None:
    ids = tokenizer.encode(TEXTS[0]).ids
    forms: list[Input] = [TEXTS[0], ids, ids[1:-1]]
    embedded = await embedder.embed(forms)
    assert embedded.prompt_tokens == 3 * len(ids)
    for row in embedded.vectors[1:]:
        np.testing.assert_allclose(row, embedded.vectors[0], atol=2e-5)


async def test_tokens_of_another_vocabulary_are_refused(embedder: Embedder) -> None:
    with pytest.raises(EngineRefused, match=r"input 1 cannot be embedded: token 100257 is not in .* 30522"):
        await embedder.embed([[7592], [7592, 100257]])


async def test_a_long_text_is_refused_or_cut_as_asked(exact: Embedder, bare: Any) -> None:
    long = "word " * 300
    with pytest.raises(EngineRefused, match="302 tokens and the model's maximum context length is 256"):
        await exact.embed([long])
    whole = await exact.embed([long], cut=CUT_TO_CONTEXT)
    assert whole.prompt_tokens == 256
    np.testing.assert_allclose(whole.vectors[0], bare("word " * 254), atol=2e-5)
    few = await exact.embed([long], cut=5)
    assert few.prompt_tokens == 5
    np.testing.assert_allclose(few.vectors[0], bare("word word word"), atol=2e-5)


async def test_other_names_lead_to_the_model_that_is_here(embedder: Embedder) -> None:
    assert [card.id for card in embedder.models()] == [NAME]
    for name in ("", NAME, "thenlper/gte-large", "intfloat/multilingual-e5-large", "text-embedding-3-small"):
        assert (await embedder.embed(["a"], name)).model == NAME
    with pytest.raises(UnknownModel):
        await embedder.embed(["a"], "nobody/nothing")
