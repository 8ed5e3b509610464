"""The embedder of this node: the models that are pulled, and the engine that is configured."""

import httpx

from ringline.core.clock import MILLISECOND, Clock
from ringline.core.settings import Settings
from ringline.inference.embedding import Embedder
from ringline.inference.embedding_batching import BatchLimits
from ringline.inference.embedding_models import LocalChoice, UpstreamChoice, make_embedder
from ringline.inference.registry import load_registry


def make_embeddings(settings: Settings, clock: Clock, client: httpx.AsyncClient) -> Embedder:
    """No model at all is no error until somebody asks for one; raises `ConfigError`."""
    one = settings.embeddings
    limits = BatchLimits(
        one.batch_texts, one.batch_tokens, round(one.batch_wait_ms * MILLISECOND), one.waiting
    )
    local = LocalChoice(settings.models_folder(), one.workers, limits, one.arithmetic == "int8")
    upstream = UpstreamChoice(one.urls, one.models, one.key.get_secret_value()) if one.urls else None
    return make_embedder(load_registry(), local, clock, upstream=upstream, client=client, default=one.default)
