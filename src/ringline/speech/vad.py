"""Voice activity: how probably a window of a track is speech."""

import math
from array import array
from collections.abc import Sequence
from operator import mul
from typing import Protocol

from ringline.speech.endpointing import WINDOW_MS
from ringline.speech.recognition import RATE, SAMPLE_BYTES

WINDOW_SAMPLES = WINDOW_MS * RATE // 1000
WINDOW_BYTES = WINDOW_SAMPLES * SAMPLE_BYTES
FULL_SCALE_SQUARED = 32768.0**2
SILENCE_DB = -100.0

LOUDER_DB = 10.0
"""Above the noise by so much, a window is as likely speech as not."""
STEEPNESS_DB = 2.0
QUIETEST_NOISE_DB = -62.0
"""Where the noise of a track is before it is known: about what G.711 can still say."""
LOUDEST_NOISE_DB = -35.0
"""Louder is no noise, or nobody could talk over it: 10 dB above it speech of any length remains speech."""
UP_DB_A_SECOND = 3.0
"""How fast the noise is found to be louder: speech pauses within seconds, noise does not."""
DOWN = 0.2
"""The part of the way down to a quieter window that the noise goes at once."""


class Detector(Protocol):
    """Listens to one track. `at_once` windows are worth waiting for before it is asked."""

    at_once: int

    async def listen(self, pcm: bytes, levels: Sequence[float]) -> list[float]:
        """The probability of speech, 0 to 1, of each window of the track's next samples.

        `pcm` is whole windows of int16 in native order, `levels` what `level` says of each. Never raises.
        """
        ...


class Detection(Protocol):
    """A kind of detector, and what all of its detectors share."""

    name: str

    def detector(self) -> Detector:
        """One for another track; raises `RecognitionUnavailable` when it cannot be had."""
        ...

    async def stop(self) -> None:
        """End what is shared."""
        ...


def level(window: bytes) -> float:
    """The power of a window of int16 samples in dB below full scale, -100 for silence."""
    samples = array("h", window)
    power = sum(map(mul, samples, samples)) / len(samples) / FULL_SCALE_SQUARED
    return max(SILENCE_DB, 10 * math.log10(power)) if power else SILENCE_DB


class EnergyDetector:
    """Speech is what is louder than the track's own noise. Needs no model; music and tones speak, too."""

    at_once = 1

    def __init__(self) -> None:
        self._noise = QUIETEST_NOISE_DB

    async def listen(self, pcm: bytes, levels: Sequence[float]) -> list[float]:
        """See `Detector`."""
        return [self.probability(one) for one in levels]

    def probability(self, level_db: float) -> float:
        """Take the next window's level."""
        speech = 1 / (1 + math.exp((self._noise + LOUDER_DB - level_db) / STEEPNESS_DB))
        if level_db < self._noise:
            noise = self._noise + DOWN * (level_db - self._noise)
        else:
            noise = min(level_db, self._noise + UP_DB_A_SECOND * WINDOW_MS / 1000)
        self._noise = min(LOUDEST_NOISE_DB, max(QUIETEST_NOISE_DB, noise))
        return speech


class EnergyDetection:
    """Detectors that need nothing."""

    name = "energy"

    def detector(self) -> EnergyDetector:
        """One for another track."""
        return EnergyDetector()

    async def stop(self) -> None:
        """There is nothing to end."""
