"""The transformer: its gradients against differences, and what must not depend on what."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

pytest.importorskip("gguf", reason="the extra `train` is not installed")

from ringline.finetune.errors import TrainingError
from ringline.finetune.lora import llama
from ringline.finetune.lora.gguf_file import GgufFile, write_adapter
from ringline.finetune.lora.llama import Batch, Layer, Model, Weights
from tests.finetune import tiny

pytestmark = pytest.mark.unit


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Weights:
    """In 64 bits, for differences need them."""
    read = GgufFile(tiny.write_model(tmp_path_factory.mktemp("tiny") / "tiny.gguf")).weights()
    layers = [
        Layer(**{part: getattr(layer, part).astype(np.float64) for part in Layer.__dataclass_fields__})
        for layer in read.layers
    ]
    embedding = read.embedding.astype(np.float64)
    return Weights(read.shape, embedding, layers, read.output_norm.astype(np.float64), embedding)


@pytest.fixture
def adapter(weights: Weights) -> dict[str, llama.Floats]:
    """One that has begun to learn: B is not zero any more."""
    made, random = llama.new_adapter(weights, 4, seed=3), np.random.default_rng(9)
    return {
        name: value if name.endswith("_a") else random.normal(0, 0.1, value.shape)
        for name, value in made.items()
    }


def an_example(tokens: list[int], *learnt: int) -> tuple[llama.Ints, NDArray[np.bool_]]:
    return np.array(tokens), np.isin(np.arange(len(tokens)), learnt)


ONE = an_example([5, 80, 81, 82, 90, 7, 2], 3, 4, 6)
OTHER = an_example([1, 100, 101, 2], 2, 3)


def test_gradients_are_differences(weights: Weights, adapter: dict[str, llama.Floats]) -> None:
    batch = Batch.of([ONE, OTHER])
    model = Model(weights, adapter, scale=2.0)
    _, gradients = model.learn(batch)
    assert gradients.keys() == adapter.keys()
    random, width = np.random.default_rng(1), 1e-6
    for name, value in adapter.items():
        place = tuple(int(random.integers(size)) for size in value.shape)
        kept = value[place]
        losses = []
        for moved in (kept + width, kept - width):
            value[place] = moved
            losses.append(model.learn(batch)[0])
        value[place] = kept
        assert gradients[name][place] == pytest.approx(
            (losses[0] - losses[1]) / (2 * width), rel=1e-4, abs=1e-8
        )


def test_the_loss_is_the_cross_entropy_of_what_is_learnt(
    weights: Weights, adapter: dict[str, llama.Floats]
) -> None:
    model = Model(weights, adapter, scale=2.0)
    loss, _ = model.learn(Batch.of([ONE]))
    scores = model.logits(Batch.of([ONE]))
    chances = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    tokens, learn = ONE
    expected = [-np.log(chances[place - 1, tokens[place]]) for place in range(len(tokens)) if learn[place]]
    assert loss == pytest.approx(np.mean(expected))


def test_conversations_do_not_see_each_other(weights: Weights, adapter: dict[str, llama.Floats]) -> None:
    model = Model(weights, adapter, scale=2.0)
    together = model.logits(Batch.of([ONE, OTHER]))
    apart = np.concatenate([model.logits(Batch.of([ONE])), model.logits(Batch.of([OTHER]))])
    np.testing.assert_allclose(together, apart, rtol=1e-9, atol=1e-12)


def test_nothing_sees_what_follows_it(weights: Weights, adapter: dict[str, llama.Floats]) -> None:
    model = Model(weights, adapter, scale=2.0)
    tokens, learn = ONE
    whole = model.logits(Batch.of([ONE]))
    begun = model.logits(Batch.of([(tokens[:4], learn[:4])]))
    np.testing.assert_allclose(whole[:4], begun, rtol=1e-9, atol=1e-12)


def test_places_matter(weights: Weights, adapter: dict[str, llama.Floats]) -> None:
    model = Model(weights, adapter, scale=2.0)
    there = model.logits(Batch.of([an_example([80, 81, 90])]))[-1]
    back = model.logits(Batch.of([an_example([81, 80, 90])]))[-1]
    assert np.abs(there - back).max() > 1e-3


def test_a_new_adapter_changes_nothing(weights: Weights) -> None:
    batch = Batch.of([ONE])
    plain = Model(weights, llama.new_adapter(weights, 8, seed=1), scale=2.0).logits(batch)
    other = Model(weights, llama.new_adapter(weights, 8, seed=2), scale=0.0).logits(batch)
    np.testing.assert_array_equal(plain, other)


def test_factors_slow_the_turning(weights: Weights, adapter: dict[str, llama.Floats]) -> None:
    size = weights.shape.head_size
    slow = replace(weights, rope_factors=np.full(size // 2, 8.0))
    like = replace(weights, rope_factors=np.ones(size // 2))
    batch = Batch.of([ONE])
    plain = Model(weights, adapter, 2.0).logits(batch)
    np.testing.assert_array_equal(Model(like, adapter, 2.0).logits(batch), plain)
    assert np.abs(Model(slow, adapter, 2.0).logits(batch) - plain).max() > 1e-6


@pytest.mark.parametrize("packed", ["Q4_1", "Q8_0", "F16"])
def test_packed_weights_are_near_the_plain_ones(tmp_path: Path, packed: str) -> None:
    import gguf

    plain = GgufFile(tiny.write_model(tmp_path / "plain.gguf")).weights()
    kind = gguf.GGMLQuantizationType[packed]
    read = GgufFile(tiny.write_model(tmp_path / "packed.gguf", kind=kind)).weights()
    assert read.layers[1].attn_q.dtype == np.float32
    np.testing.assert_allclose(read.layers[1].attn_q, plain.layers[1].attn_q, atol=0.06)


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"architecture": "qwen2"}, "knows models of the architecture llama, this is qwen2"),
        ({"without": "blk.1.ffn_up.weight"}, "has no tensor blk.1.ffn_up.weight"),
    ],
)
def test_what_cannot_be_trained_is_told(tmp_path: Path, changed: dict[str, str], told: str) -> None:
    path = tiny.write_model(tmp_path / "m.gguf", **changed)  # type: ignore[arg-type]  # one of its texts
    with pytest.raises(TrainingError, match=told):
        GgufFile(path).weights()


@pytest.mark.parametrize("content", [None, b"", b"GGUF", b"not a model" * 100])
def test_a_file_that_is_no_model_is_told(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "m.gguf"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(TrainingError, match="cannot be read"):
        GgufFile(path)


def test_an_adapter_is_written_as_it_is(tmp_path: Path, adapter: dict[str, llama.Floats]) -> None:
    import gguf

    path = tmp_path / "adapter.gguf"
    write_adapter(path, adapter, 16.0)
    read = gguf.GGUFReader(path)
    assert read.fields["adapter.lora.alpha"].contents() == 16.0
    assert read.fields["general.type"].contents() == "adapter"
    assert read.fields["general.architecture"].contents() == "llama"
    for tensor in read.tensors:
        np.testing.assert_allclose(tensor.data, adapter[tensor.name], rtol=1e-6)
    assert {tensor.name for tensor in read.tensors} == set(adapter)
    assert [one.name for one in tmp_path.iterdir()] == ["adapter.gguf"]
