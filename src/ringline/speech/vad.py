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

    LOUDER_DB = 10.0
    """Above the noise by so much, a window is as likely speech as not."""
    STEEPNESS_DB = 2.0
    FLOOR_DB = (-62.0, -35.0)
    """The noise of a line lies between what G.711 can still say and what nobody could talk over."""
    UP_DB_A_SECOND = 3.0
    UP_WHILE_SPEAKING_DB_A_SECOND = 1.0
    DOWN = 0.2
    """The share of the way down that the floor goes in one window."""

    def __init__(self) -> None:
        self._floor = self.FLOOR_DB[0]

    async def listen(self, pcm: bytes, levels: Sequence[float]) -> list[float]:
        """See `Detector`."""
        return [self.probability(one) for one in levels]

    def probability(self, level_db: float) -> float:
        """Take the next window's level."""
        speech = 1 / (1 + math.exp((self._floor + self.LOUDER_DB - level_db) / self.STEEPNESS_DB))
        if level_db < self._floor:
            moved = self._floor + self.DOWN * (level_db - self._floor)
        else:
            up = self.UP_WHILE_SPEAKING_DB_A_SECOND if speech >= 0.5 else self.UP_DB_A_SECOND
            moved = min(level_db, self._floor + up * WINDOW_MS / 1000)
        low, high = self.FLOOR_DB
        self._floor = min(high, max(low, moved))
        return speech


class EnergyDetection:
    """Detectors that need nothing."""

    name = "energy"

    def detector(self) -> EnergyDetector:
        """One for another track."""
        return EnergyDetector()

    async def stop(self) -> None:
        """There is nothing to end."""
