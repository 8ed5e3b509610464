"""What a trainer is given and what it tells, the same for ours and for one outside (docs/trainers.md)."""

from collections.abc import AsyncGenerator
from typing import Protocol

import msgspec

from ringline.finetune.errors import TrainingError

LONGEST_PIECE = 64 * 1024
"""Bytes of one message of a trainer."""


class Task(msgspec.Struct, frozen=True, kw_only=True):
    """One job. Paths are of this machine; `data` holds a conversation a line (`conversation.serialize`).

    `adapter` is where the trainer is to leave a GGUF LoRA for `base`, and `state` where it may keep what it
    needs to go on after a kill. `epochs` None: the trainer is to choose. `longest` is the limit of a
    conversation in tokens.
    """

    id: str
    model: str
    weights: str
    data: str
    state: str
    adapter: str
    epochs: int | None
    batch_size: int
    learning_rate: float
    seed: int
    longest: int
    suffix: str | None = None


class Planned(msgspec.Struct, frozen=True, kw_only=True, tag_field="event", tag="planned"):
    """The data have been read. `step` is the last one that an earlier life of the job had saved."""

    examples: int
    epochs: int
    steps: int
    step: int = 0


class Stepped(msgspec.Struct, frozen=True, kw_only=True, tag_field="event", tag="step"):
    """A step is done. `tokens` counts what the whole job has read so far, `loss` is nats a learnt token."""

    step: int
    steps: int
    loss: float
    tokens: int


class Kept(msgspec.Struct, frozen=True, kw_only=True, tag_field="event", tag="checkpoint"):
    """What has been learnt up to `step` is safe."""

    step: int


class Finished(msgspec.Struct, frozen=True, kw_only=True, tag_field="event", tag="finished"):
    """The adapter lies where the task said. `tokens` counts every token of every pass."""

    tokens: int


class Refused(msgspec.Struct, frozen=True, kw_only=True, tag_field="event", tag="failed"):
    """The job cannot succeed; `reason` is for whoever made it. `parameter`: the request's field at fault."""

    reason: str
    parameter: str | None = None


Piece = Planned | Stepped | Kept | Finished | Refused

_encoder = msgspec.json.Encoder()
_decoder: msgspec.json.Decoder[Piece] = msgspec.json.Decoder(Piece)


class Trainer(Protocol):
    """What trains."""

    def train(self, task: Task) -> AsyncGenerator[Piece, None]:
        """Do a task, or go on with it; `aclose` stops the work within a step, or leaves it where it is.

        Raises `TrainingError` for what no repetition mends, any other `RinglineError` for what one may.
        """
        ...

    async def forget(self, id: str) -> None:
        """The job was cancelled: nothing must go on working for it."""
        ...

    async def stop(self) -> None:
        """The server ends."""
        ...


def write(message: Task | Piece) -> bytes:
    """A message as one line of JSON, without its end."""
    return _encoder.encode(message)


def read_piece(data: bytes) -> Piece:
    """Read a trainer's message; raises `TrainingError`, which shows what was said instead."""
    try:
        return _decoder.decode(data)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        said = data[:200].decode(errors="replace")
        raise TrainingError(f"the trainer said what is no event ({error}): {said}") from error


def read_task(data: bytes) -> Task:
    """Read a task; raises msgspec's errors."""
    return msgspec.json.decode(data, type=Task)
