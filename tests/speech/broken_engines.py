"""Recognition engines that misbehave; they run in real children of the tests."""

import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from ringline.core.errors import RinglineError
from ringline.speech.engines import recognition_job, silero_job
from ringline.speech.vad import WINDOW_BYTES


class Mortal:
    """Dies of its first passages, as many as its settings say, and writes down the lengths of the others."""

    def __init__(self, settings: bytes) -> None:
        count, _, folder = settings.decode().partition(" ")
        self._deaths = int(count)
        self._folder = Path(folder)

    def run(self, payload: bytes, cancelled: Callable[[], bool]) -> Iterator[bytes]:
        job = recognition_job.read_job(payload)
        if job.pcm == b"refuse":
            (self._folder / f"refused-{time.monotonic_ns()}").touch()
            raise RinglineError("not this one")
        if len(list(self._folder.glob("died-*"))) < self._deaths:
            (self._folder / f"died-{os.getpid()}").touch()
            os.kill(os.getpid(), signal.SIGKILL)
        if job.pcm == b"nonsense":
            yield b"nonsense"
            return
        sure = 0.2 if job.pcm == b"noise" else 0.9
        text = f"{len(job.pcm)} by {job.model} after {job.drafter or 'nobody'}"
        yield recognition_job.write_answer(recognition_job.HeardAnswer(text, sure, 1))


class Deaf:
    """A voice detector that hears speech in every window, until it is told to misbehave."""

    def __init__(self, settings: bytes) -> None:
        self._how = settings

    def run(self, payload: bytes, cancelled: Callable[[], bool]) -> Iterator[bytes]:
        job = silero_job.read_job(payload)
        count = len(job.pcm) // WINDOW_BYTES
        match self._how:
            case b"die":
                os.kill(os.getpid(), signal.SIGKILL)
            case b"hang":
                time.sleep(1000)
            case b"nonsense":
                yield b"nonsense"
            case b"few":
                yield silero_job.write_answer(silero_job.WindowsAnswer([1.0] * (count - 1), b""))
            case _:
                memory = job.memory + bytes([count])
                yield silero_job.write_answer(silero_job.WindowsAnswer([len(memory) / 10] * count, memory))


def unloadable(settings: bytes) -> Mortal:
    raise RinglineError("the weights are broken")
