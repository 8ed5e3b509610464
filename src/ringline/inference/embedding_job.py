"""What an embedding worker is told and what it answers: vectors travel as float32 bytes, never as text."""

from collections.abc import Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray

from ringline.core.errors import ProtocolError

Vectors = NDArray[np.float32]
Input = str | Sequence[int]
"""A text, or the ids of its tokens in the model's own vocabulary."""

FLOAT = np.dtype("<f4")
OWN_TOKENS = (
    "token arrays are ids of this model's own tokenizer. "
    "Send text (LangChain: check_embedding_ctx_length=False)"
)


class OnnxSettings(msgspec.Struct, frozen=True, array_like=True):
    """The files of a model, and how it is run: `context` tokens a text, `texts` and `tokens` a run.

    `integers`: weights that are kept as integers are multiplied as such (`embedding_graph`).
    """

    model: str
    tokenizer: str
    context: int
    texts: int
    tokens: int
    threads: int = 1
    integers: bool = True


class EmbeddingJob(msgspec.Struct, frozen=True, array_like=True):
    """Inputs; each has its own limit of tokens, to which it is cut. 0: it is refused when it is too long."""

    inputs: list[str | list[int]]
    cut: list[int]


class EmbeddingAnswer(msgspec.Struct, frozen=True, array_like=True):
    """For each input its tokens (special ones counted) and a row of `vectors`.

    `refused` says what is wrong with those inputs, by place, that have a row of zeros instead.
    """

    tokens: list[int]
    dimensions: int
    vectors: bytes
    refused: dict[int, str]

    def rows(self) -> Vectors:
        """The vectors, one row an input; raises `ProtocolError` when the sizes do not fit."""
        if len(self.vectors) != len(self.tokens) * self.dimensions * FLOAT.itemsize:
            raise ProtocolError(f"{len(self.vectors)} bytes are not {len(self.tokens)} × {self.dimensions}")
        return np.frombuffer(self.vectors, FLOAT).reshape(len(self.tokens), self.dimensions)


def too_long(tokens: int, context: int) -> str:
    """Why an input is refused that may not be cut."""
    return (
        f"it has {tokens} tokens and the model's maximum context length is {context}; shorten it, or set "
        "truncate_prompt_tokens to -1"
    )


_encoder = msgspec.msgpack.Encoder()
_jobs = msgspec.msgpack.Decoder(EmbeddingJob)
_answers = msgspec.msgpack.Decoder(EmbeddingAnswer)


def write_job(job: EmbeddingJob) -> bytes:
    """A job as a worker's payload."""
    return _encoder.encode(job)


def read_job(payload: bytes) -> EmbeddingJob:
    """A worker's payload as a job; raises `ProtocolError`."""
    try:
        return _jobs.decode(payload)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ProtocolError(f"no embedding job: {error}") from error


def write_answer(answer: EmbeddingAnswer) -> bytes:
    """An answer as a worker's item."""
    return _encoder.encode(answer)


def read_answer(payload: bytes) -> EmbeddingAnswer:
    """A worker's item as an answer; raises `ProtocolError`."""
    try:
        return _answers.decode(payload)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ProtocolError(f"no embedding answer: {error}") from error
