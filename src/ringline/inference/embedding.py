"""Texts into vectors: the front of every embedding engine, local or upstream."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from ringline.inference.cards import ModelCard
from ringline.inference.embedding_job import OWN_TOKENS, Input, Vectors
from ringline.inference.errors import EngineRefused, UnknownModel
from ringline.workers import Priority

__all__ = [
    "CUT_TO_CONTEXT",
    "Embedded",
    "Embedder",
    "EmbeddingEngine",
    "EmbeddingRequest",
    "Input",
    "Vectors",
]

SURROGATE = re.compile("[\ud800-\udfff]")
CUT_TO_CONTEXT = -1
"""As `cut`: each input is cut to what the model can read."""


@dataclass(frozen=True, slots=True)
class EmbeddingRequest:
    """Inputs for one model.

    Raises ValueError without any, or with an empty one; `EngineRefused` for text that UTF-8 cannot carry.

    `dimensions` is None for the model's own. `cut` is the most tokens of an input that are read, the rest is
    left away; None refuses an input that is longer than the model's context.
    """

    inputs: Sequence[Input]
    dimensions: int | None = None
    cut: int | None = None
    priority: Priority = Priority.BATCH

    def __post_init__(self) -> None:
        if not self.inputs or not all(self.inputs):
            raise ValueError("nothing to embed: no input, or an empty one")
        for place, one in enumerate(self.inputs):
            if isinstance(one, str) and not one.isascii() and SURROGATE.search(one):
                raise EngineRefused(
                    400, f"input {place} has half a surrogate pair, which is no text.", "input"
                )


@dataclass(frozen=True, slots=True)
class Embedded:
    """A row of length 1 for each input, in order, float32; the tokens of all by the model's own tokenizer."""

    vectors: Vectors
    prompt_tokens: int
    model: str


class EmbeddingEngine(Protocol):
    """Something that runs one model."""

    async def embed(self, request: EmbeddingRequest) -> Embedded:
        """Embed all inputs; raises `InferenceError` or `Busy`."""
        ...

    async def stop(self) -> None:
        """Give up what is running; the engine cannot be used again."""
        ...


class Embedder:
    """The embedding models of this node by name, and their other names."""

    def __init__(
        self,
        engines: Mapping[str, EmbeddingEngine] = {},
        cards: Sequence[ModelCard] = (),
        aliases: Mapping[str, str] = {},
    ) -> None:
        """`aliases` lead to names in `engines`, which go first; the empty one leads to the default model."""
        self._engines = dict(engines)
        self._cards = tuple(cards)
        self._aliases = dict(aliases)

    def models(self) -> tuple[ModelCard, ...]:
        """The models that can be used now."""
        return self._cards

    async def embed(
        self,
        texts: Sequence[Input],
        model: str = "",
        dimensions: int | None = None,
        priority: Priority = Priority.BATCH,
        cut: int | None = None,
    ) -> Embedded:
        """Embed texts or token arrays; see `EmbeddingRequest`.

        Raises `UnknownModel`; `EngineRefused` for an input that is too long, dimensions the model does not
        have, or token arrays under another model's name; `EngineFailed`; `Busy` when there is no place.
        """
        meant = model if model in self._engines else self._aliases.get(model)
        if meant is None:
            raise UnknownModel(model)
        request = EmbeddingRequest(texts, dimensions, cut, priority)
        # The numbers of another vocabulary are words in this one: nothing later would show it.
        if model not in ("", meant) and not all(isinstance(one, str) for one in texts):
            raise EngineRefused(400, f"{model} leads to {meant} here, and {OWN_TOKENS}.", "input")
        return await self._engines[meant].embed(request)

    async def stop(self) -> None:
        """Stop every engine."""
        for engine in self._engines.values():
            await engine.stop()
