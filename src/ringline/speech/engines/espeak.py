"""espeak-ng's own voice: robotic, immediate, in every language of the API. The last resort."""

import threading
from collections.abc import Callable, Iterator

import numpy as np

from ringline.speech.engines.espeak_library import Espeak
from ringline.speech.engines.job import read_job, to_pcm

FULL_SCALE = 32768.0


class EspeakEngine:
    """Runs in a worker child."""

    def __init__(self) -> None:
        self._espeak = Espeak()
        self._one_at_a_time = threading.Lock()

    def run(self, payload: bytes, cancelled: Callable[[], bool]) -> Iterator[bytes]:
        """Say one `ClauseJob`."""
        job = read_job(payload)
        with self._one_at_a_time:
            self._espeak.use(job.voice)
            raw = self._espeak.speak(job.text, job.speed, cancelled)
        samples = np.frombuffer(raw, np.int16).astype(np.float32) / FULL_SCALE
        yield to_pcm(samples, self._espeak.rate, job.rate)


def load(settings: bytes) -> EspeakEngine:
    """Make the engine; it has no settings."""
    return EspeakEngine()
