"""Which embedding models a node serves, from what is configured, installed and pulled."""

import importlib.util
import os
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import msgspec

from ringline.core.clock import Clock
from ringline.core.errors import ConfigError
from ringline.inference.cards import ModelCard
from ringline.inference.embedding import Embedder, EmbeddingEngine
from ringline.inference.embedding_batching import BatchLimits
from ringline.inference.embedding_job import OnnxSettings
from ringline.inference.embedding_local import LocalEmbeddings, LocalModel
from ringline.inference.embedding_upstream import UpstreamEmbeddings
from ringline.inference.engines import checked_urls
from ringline.inference.registry import Model, Task
from ringline.inference.replicas import FixedReplica
from ringline.inference.weights import is_present
from ringline.workers import Worker, WorkerSpec
from ringline.workers.admission import Limits

ENGINE = "minilm"
"""The registry's name for what `embedding_onnx` runs."""
PACKAGES = ("onnx", "onnxruntime", "tokenizers")
NICENESS = 5  # the packets of running calls go before
MOST_PLACES = 4

ALIASES = (
    "thenlper/gte-large",
    "intfloat/multilingual-e5-large",
    "sentence-transformers/all-MiniLM-L6-v2",
    "text-embedding-ada-002",
    "text-embedding-3-small",
    "text-embedding-3-large",
)
"""Names that clients send because Telnyx or OpenAI has them: here they mean the default model."""


@dataclass(frozen=True, slots=True)
class LocalChoice:
    """How local models are run: `places` batches at once, each on one core; 0 takes as many as fit.

    `integers`: with the products of integers where weights are such, see `embedding_graph`.
    """

    folder: Path
    places: int = 0
    limits: BatchLimits = field(default_factory=BatchLimits)
    integers: bool = True
    idle_after: float | None = 600.0  # seconds; then the child leaves and its memory is free


@dataclass(frozen=True, slots=True)
class UpstreamChoice:
    """An OpenAI-compatible engine at one or several URLs (each ends before `/embeddings`), and its models."""

    urls: tuple[str, ...]
    models: tuple[str, ...]
    key: str = ""

    def __post_init__(self) -> None:
        """Raises `ConfigError`."""
        checked_urls(self.urls, "embeddings.urls")
        if not self.models:
            raise ConfigError("embeddings.models must name the models that embeddings.urls serve")


def local_models(registry: Iterable[Model], folder: Path) -> list[Model]:
    """The embedding models that can be run here: weights pulled, packages installed."""
    if not all(map(importlib.util.find_spec, PACKAGES)):
        return []
    return [
        model
        for model in registry
        if model.task is Task.EMBEDDING and model.engine == ENGINE and is_present(model, folder)
    ]


def card_of(model: Model, folder: Path) -> ModelCard:
    """What is told of a local model; it was created when its weights were."""
    weights = folder / model.name / "model.onnx"
    return ModelCard(
        model.name,
        Task.EMBEDDING,
        context=model.context or 0,
        created=int(weights.stat().st_mtime),
        languages=model.languages,
        licence=model.licence,
    )


def engine_of(model: Model, choice: LocalChoice, clock: Clock) -> LocalEmbeddings:
    """A local model's engine; its child starts with the first request."""
    assert model.context is not None  # an embedding model's entry has both
    assert model.dimensions is not None
    folder, limits = choice.folder / model.name, choice.limits
    places = choice.places or min(MOST_PLACES, os.cpu_count() or 1)
    settings = OnnxSettings(
        str(folder / "model.onnx"),
        str(folder / "tokenizer.json"),
        model.context,
        limits.texts,
        limits.tokens,
        integers=choice.integers,
    )
    spec = WorkerSpec(
        f"embeddings {model.name}",
        "ringline.inference.embedding_onnx:load",
        settings=msgspec.msgpack.encode(settings),
        limits=Limits(places, places),
        niceness=NICENESS,
        answer_within=60.0,
        idle_after=choice.idle_after,
    )
    local = LocalModel(model.name, model.context, model.dimensions)
    return LocalEmbeddings(local, Worker(spec, clock), limits, places, clock=clock)


def make_embedder(
    registry: Iterable[Model],
    local: LocalChoice,
    clock: Clock,
    *,
    upstream: UpstreamChoice | None = None,
    client: httpx.AsyncClient | None = None,
    default: str = "",
) -> Embedder:
    """The embedder of a node: the models of the upstream before those that are run here.

    `default` is the model that other names lead to, empty for the first. Raises `ConfigError` for an upstream
    without a client, or a default that is not served.
    """
    engines: dict[str, EmbeddingEngine] = {}
    cards: list[ModelCard] = []
    if upstream is not None:
        if client is None:
            raise ConfigError("an upstream of embeddings needs an HTTP client")
        replicas = [FixedReplica(url, upstream.key) for url in upstream.urls]
        engines |= {name: UpstreamEmbeddings(name, replicas, client, clock) for name in upstream.models}
        cards += [ModelCard(name, Task.EMBEDDING) for name in upstream.models]
    for model in local_models(registry, local.folder):
        if model.name not in engines:
            engines[model.name] = engine_of(model, local, clock)
            cards.append(card_of(model, local.folder))
    return Embedder(engines, cards, aliases_to(default, engines))


def aliases_to(default: str, names: Iterable[str]) -> dict[str, str]:
    """Every other name, the empty one too, leads to the default; raises `ConfigError` if it is not served."""
    served = list(names)
    if default and served and default not in served:
        raise ConfigError(f"embeddings.default {default!r} is not served; there are {', '.join(served)}")
    if not served:
        return {}
    return dict.fromkeys(("", *ALIASES), default or served[0])
