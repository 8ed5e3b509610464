"""What a recognition worker is asked and what it answers: a `PassageJob`, then one `HeardAnswer`."""

import msgspec

from ringline.core.errors import ProtocolError

_encoder = msgspec.msgpack.Encoder()


class PassageJob(msgspec.Struct, frozen=True, array_like=True):
    """Samples of 16 bit in native order at 16 kHz.

    `model` writes them down; `drafter`, if any, is a quicker one that proposes the text first.
    """

    pcm: bytes
    model: str
    drafter: str = ""


class HeardAnswer(msgspec.Struct, frozen=True, array_like=True):
    """The text, and how sure the model is of it, 0 to 1; passes is how often the model had to be run."""

    text: str
    confidence: float
    passes: int


_jobs = msgspec.msgpack.Decoder(PassageJob)
_answers = msgspec.msgpack.Decoder(HeardAnswer)


def write_job(job: PassageJob) -> bytes:
    """A job as a worker's payload."""
    return _encoder.encode(job)


def read_job(payload: bytes) -> PassageJob:
    """A worker's payload as a job; raises `ProtocolError`."""
    try:
        return _jobs.decode(payload)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ProtocolError(f"no recognition job: {error}") from error


def write_answer(answer: HeardAnswer) -> bytes:
    """An answer as a worker's item."""
    return _encoder.encode(answer)


def read_answer(payload: bytes) -> HeardAnswer:
    """A worker's item as an answer; raises `ProtocolError`."""
    try:
        return _answers.decode(payload)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ProtocolError(f"no transcription: {error}") from error
