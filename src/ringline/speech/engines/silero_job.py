"""What a voice-detection worker is asked and what it answers.

The detector's memory of a track travels with each request: the child keeps nothing, so that another one can
go on where it died.
"""

import msgspec

from ringline.core.errors import ProtocolError

_encoder = msgspec.msgpack.Encoder()


class WindowsJob(msgspec.Struct, frozen=True, array_like=True):
    """Whole windows of 512 samples of 16 bit in native order; `memory` is empty for a track's first."""

    pcm: bytes
    memory: bytes


class WindowsAnswer(msgspec.Struct, frozen=True, array_like=True):
    """For each window the probability of speech, and the memory for the next request."""

    probabilities: list[float]
    memory: bytes


class SileroSettings(msgspec.Struct, frozen=True):
    """The model's file."""

    model: str


_jobs = msgspec.msgpack.Decoder(WindowsJob)
_answers = msgspec.msgpack.Decoder(WindowsAnswer)


def write_job(job: WindowsJob) -> bytes:
    """A job as a worker's payload."""
    return _encoder.encode(job)


def read_job(payload: bytes) -> WindowsJob:
    """A worker's payload as a job; raises `ProtocolError`."""
    try:
        return _jobs.decode(payload)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ProtocolError(f"no windows to listen to: {error}") from error


def write_answer(answer: WindowsAnswer) -> bytes:
    """An answer as a worker's item."""
    return _encoder.encode(answer)


def read_answer(payload: bytes) -> WindowsAnswer:
    """A worker's item as an answer; raises `ProtocolError`."""
    try:
        return _answers.decode(payload)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ProtocolError(f"no probabilities: {error}") from error
