"""OpenAI embeddings as they are asked for and answered (spec ai-api §4)."""

import asyncio
import base64
from typing import Annotated, Any, Literal

import msgspec
from pydantic import BaseModel, Field, PlainValidator, WithJsonSchema, field_validator

from ringline.api.models.base import Body
from ringline.api.models.fields import mistake
from ringline.inference.cards import ModelCard
from ringline.inference.embedding import CUT_TO_CONTEXT, Embedded, Input
from ringline.inference.embedding_job import FLOAT, Vectors

MOST_INPUTS = 2048
"""OpenAI's own limit of one request."""
MAX_TOKEN = 2**31 - 1
MAX_DIMENSIONS = 65_536
AT_ONCE = 64
"""Vectors written as JSON before others get a turn of the loop: about 2 ms as numbers."""

_encoder = msgspec.json.Encoder()


def _is_tokens(value: object) -> bool:
    return isinstance(value, list) and all(type(one) is int and 0 <= one <= MAX_TOKEN for one in value)


def _inputs(value: Any) -> list[Input]:
    """One text or several, one token array or several; nothing may be empty."""
    several = value if isinstance(value, list) and not (value and _is_tokens(value)) else [value]
    if len(several) > MOST_INPUTS:
        raise mistake("10033", f"input may have {MOST_INPUTS} members at most; got {len(several)}.")
    if not (all(isinstance(one, str) for one in several) or all(map(_is_tokens, several))):
        raise mistake(
            "10026", "input must be a string, an array of strings, or one or more arrays of tokens."
        )
    if not several or not all(several):
        raise mistake("10015", "input must not be empty, nor any of its members.")
    return several


_TEXT = {"type": "string", "minLength": 1}
_TOKENS = {"type": "array", "items": {"type": "integer", "minimum": 0, "maximum": MAX_TOKEN}, "minItems": 1}
_SEVERAL = {"type": "array", "minItems": 1, "maxItems": MOST_INPUTS}
Inputs = Annotated[
    list[Input],
    PlainValidator(_inputs),
    WithJsonSchema({"anyOf": [_TEXT, _SEVERAL | {"items": _TEXT}, _TOKENS, _SEVERAL | {"items": _TOKENS}]}),
]


class EmbeddingsBody(Body):
    """What is to be embedded, and how."""

    input: Inputs = Field(
        description="A text, several texts, or arrays of tokens of the model's own tokenizer.",
        examples=["I would like a refund."],
    )
    model: str = Field(max_length=200, examples=["thenlper/gte-large"])
    dimensions: Annotated[int, Field(ge=1, le=MAX_DIMENSIONS)] | None = Field(
        None, description="Length of the vectors; models that have only one length refuse any other."
    )
    encoding_format: Literal["float", "base64"] = Field(
        "float", description="base64 is that of little-endian float32."
    )
    user: str | None = Field(None, description="Accepted without effect.")
    truncate_prompt_tokens: int | None = Field(
        None,
        description="Cut longer inputs to so many tokens, -1 to what the model reads; without it they are "
        "refused. (vLLM's extension.)",
    )

    @field_validator("truncate_prompt_tokens")
    @classmethod
    def _cut(cls, value: int | None) -> int | None:
        if value is not None and value < 1 and value != CUT_TO_CONTEXT:
            raise mistake("10033", "truncate_prompt_tokens must be at least 1, or -1.")
        return value


class EmbeddingItem(BaseModel):
    """One vector."""

    object: Literal["embedding"] = "embedding"
    index: int
    embedding: list[float] | str


class EmbeddingUsage(BaseModel):
    """Tokens by the model's own tokenizer."""

    prompt_tokens: int
    total_tokens: int


class EmbeddingList(BaseModel):
    """A vector for each input, in order; `model` is the one that made them."""

    object: Literal["list"] = "list"
    data: list[EmbeddingItem]
    model: str
    usage: EmbeddingUsage


async def write(embedded: Embedded, encoding: Literal["float", "base64"]) -> bytes:
    """An `EmbeddingList` as JSON."""
    rows = embedded.vectors
    parts = [b'{"object":"list","data":[']
    for begin in range(0, len(rows), AT_ONCE):
        if begin:
            parts.append(b",")
            await asyncio.sleep(0)
        parts.append(_items(rows[begin : begin + AT_ONCE], begin, encoding))
    tokens = embedded.prompt_tokens
    tail = {"model": embedded.model, "usage": {"prompt_tokens": tokens, "total_tokens": tokens}}
    parts.append(b"]," + _encoder.encode(tail)[1:])
    return b"".join(parts)


def _items(rows: Vectors, first: int, encoding: Literal["float", "base64"]) -> bytes:
    """Some members of `data`, without the brackets around them."""
    shown: list[Any] = (
        rows.tolist()
        if encoding == "float"
        else [base64.b64encode(row).decode() for row in rows.astype(FLOAT, order="C", copy=False)]
    )
    items = [
        {"object": "embedding", "index": index, "embedding": one} for index, one in enumerate(shown, first)
    ]
    return _encoder.encode(items)[1:-1]


class EmbeddingModel(BaseModel):
    """A model that embeds."""

    id: str
    object: Literal["model"] = "model"
    created: int
    owned_by: str


class EmbeddingModels(BaseModel):
    """The models that embed."""

    object: Literal["list"] = "list"
    data: list[EmbeddingModel]

    @classmethod
    def of(cls, cards: tuple[ModelCard, ...]) -> "EmbeddingModels":
        """The view of model cards."""
        return cls(data=[EmbeddingModel(id=c.id, created=c.created, owned_by=c.owner) for c in cards])
