"""What a synthesis worker is asked and what it answers: a `ClauseJob`, then PCM at the rate asked for."""

import msgspec
import numpy as np
import soxr
from numpy.typing import NDArray

from ringline.core.errors import ProtocolError

_encoder = msgspec.msgpack.Encoder()


class ClauseJob(msgspec.Struct, frozen=True, array_like=True):
    """One clause, ready to be read out; `voice` is the engine's own key."""

    text: str
    voice: str
    rate: int
    speed: float


_decoder = msgspec.msgpack.Decoder(ClauseJob)


def write_job(job: ClauseJob) -> bytes:
    """A job as a worker's payload."""
    return _encoder.encode(job)


def read_job(payload: bytes) -> ClauseJob:
    """A worker's payload as a job; raises `ProtocolError`."""
    try:
        return _decoder.decode(payload)
    except msgspec.DecodeError as error:
        raise ProtocolError(f"no synthesis job: {error}") from error


def to_pcm(samples: NDArray[np.float32], rate: int, wanted: int) -> bytes:
    """Samples of ±1.0 as 16 bit little endian at the wanted rate, clipped."""
    if rate != wanted:
        samples = soxr.resample(samples, rate, wanted)
    scaled: NDArray[np.int16] = np.clip(samples * 32767.0, -32768, 32767).astype("<i2")
    return scaled.tobytes()
