"""Sentence embeddings on onnxruntime: mean of the last hidden states, brought to length 1.

Runs in a worker child. One session serves several threads at once, each run on one thread of its own: for
short texts that makes twice the use of two cores that one run on two threads makes.
"""

from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import numpy as np
import onnxruntime
from numpy.typing import NDArray
from tokenizers import Tokenizer

from ringline.core.errors import ConfigError
from ringline.inference.embedding_graph import with_integers
from ringline.inference.embedding_job import (
    OWN_TOKENS,
    EmbeddingAnswer,
    OnnxSettings,
    Vectors,
    read_job,
    too_long,
    write_answer,
)
from ringline.inference.embedding_runs import plan

# Together in one operator, an addition and a normalisation take twice the time that they take as two.
SLOWER = ["SkipLayerNormFusion"]
SMALLEST_NORM = np.float32(1e-12)
# What a run costs beside its tokens, in tokens. MiniLM on one core takes 0.5 ms and 0.18 ms a token with
# integers, 1.8 ms and 0.24 ms a token with floats.
RUN_COST_INTEGERS = 3
RUN_COST_FLOATS = 7


class OnnxEmbeddings:
    """One model with its tokenizer."""

    def __init__(self, settings: OnnxSettings) -> None:
        self._settings = settings
        self._run_cost = RUN_COST_INTEGERS if settings.integers else RUN_COST_FLOATS
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = settings.threads
        options.inter_op_num_threads = 1
        # Batches differ in size and an arena keeps room for the largest (0.5 GB); without it is as fast.
        options.enable_cpu_mem_arena = False
        model = Path(settings.model).read_bytes()
        self._session = onnxruntime.InferenceSession(
            with_integers(model) if settings.integers else model,
            options,
            providers=["CPUExecutionProvider"],
            disabled_optimizers=SLOWER,
        )
        self._inputs = {one.name for one in self._session.get_inputs()}
        self._dimensions = int(self._session.get_outputs()[0].shape[-1])
        self._tokenizer = Tokenizer.from_file(settings.tokenizer)
        # The file pads and cuts everything to one fixed length; we pad each run to its own.
        self._tokenizer.no_padding()
        self._tokenizer.no_truncation()
        around = self._tokenizer.encode("").ids
        if len(around) != 2:
            raise ConfigError(f"{settings.tokenizer} does not put one token before and one behind a text")
        self._begin, self._end = around
        self._vocabulary = self._tokenizer.get_vocab_size()

    def run(self, payload: bytes, cancelled: Callable[[], bool]) -> Iterator[bytes]:
        """Embed one `EmbeddingJob`."""
        job = read_job(payload)
        ids = self._ids(job.inputs)
        refused: dict[int, str] = {}
        for place, (asked, cut) in enumerate(zip(job.inputs, job.cut, strict=True)):
            limit = cut or self._settings.context
            if not isinstance(asked, str) and (reason := self._unknown(asked)):
                refused[place] = reason
            elif len(ids[place]) > limit and not cut:
                refused[place] = too_long(len(ids[place]), limit)
            else:
                ids[place] = self._cut(ids[place], limit)
        good = [place for place in range(len(ids)) if place not in refused]
        vectors = np.zeros((len(ids), self._dimensions), np.float32)
        lengths = [len(ids[place]) for place in good]
        for run in plan(lengths, self._settings.texts, self._settings.tokens, self._run_cost):
            if cancelled():
                return
            places = [good[one] for one in run]
            vectors[places] = self._embed([ids[place] for place in places])
        counts = [len(tokens) for tokens in ids]
        yield write_answer(EmbeddingAnswer(counts, self._dimensions, vectors.tobytes(), refused))

    def _ids(self, inputs: list[str | list[int]]) -> list[list[int]]:
        texts = iter(self._tokenizer.encode_batch([one for one in inputs if isinstance(one, str)]))
        return [next(texts).ids if isinstance(one, str) else self._framed(one) for one in inputs]

    def _framed(self, tokens: list[int]) -> list[int]:
        """Token ids as the tokenizer would give them, with or without the two special ones around them."""
        if tokens and tokens[0] == self._begin and tokens[-1] == self._end:
            return tokens
        return [self._begin, *tokens, self._end]

    def _unknown(self, tokens: list[int]) -> str | None:
        wrong = next((token for token in tokens if not 0 <= token < self._vocabulary), None)
        if wrong is None:
            return None
        return f"token {wrong} is not in the model's vocabulary of {self._vocabulary}: {OWN_TOKENS}"

    def _cut(self, tokens: list[int], limit: int) -> list[int]:
        return tokens if len(tokens) <= limit else [*tokens[: limit - 1], self._end]

    def _embed(self, rows: list[list[int]]) -> Vectors:
        longest = max(map(len, rows))
        ids = np.zeros((len(rows), longest), np.int64)
        mask = np.zeros((len(rows), longest), np.int64)
        for place, tokens in enumerate(rows):
            ids[place, : len(tokens)] = tokens
            mask[place, : len(tokens)] = 1
        given: dict[str, NDArray[np.int64]] = {"input_ids": ids, "attention_mask": mask}
        if "token_type_ids" in self._inputs:
            given["token_type_ids"] = np.zeros_like(ids)
        hidden: Vectors = self._session.run(None, given)[0]
        return pool(hidden, mask)


def pool(hidden: Vectors, mask: NDArray[np.int64]) -> Vectors:
    """The mean of each text's hidden states (texts, tokens, dimensions) under its mask, of length 1."""
    # The sum stands for the mean: its length is taken away anyway.
    summed = (mask[:, None, :].astype(np.float32) @ hidden)[:, 0, :]
    norms = np.linalg.norm(summed, axis=1, keepdims=True)
    pooled: Vectors = summed / np.maximum(norms, SMALLEST_NORM)
    return pooled


def load(settings: bytes) -> OnnxEmbeddings:
    """Make the engine from encoded `OnnxSettings`."""
    return OnnxEmbeddings(msgspec.msgpack.decode(settings, type=OnnxSettings))
