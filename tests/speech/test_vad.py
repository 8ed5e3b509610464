"""Speech by loudness."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ringline.speech.vad import (
    SILENCE_DB,
    WINDOW_BYTES,
    WINDOW_SAMPLES,
    EnergyDetection,
    EnergyDetector,
    level,
)
from tests.speech.hearing import quiet, tone

pytestmark = pytest.mark.unit


def levels(pcm: bytes) -> list[float]:
    return [level(pcm[at : at + WINDOW_BYTES]) for at in range(0, len(pcm) - WINDOW_BYTES + 1, WINDOW_BYTES)]


def noise(ms: int, db: float) -> bytes:
    samples = np.random.default_rng(1).normal(size=16 * ms) * 32768 * 10 ** (db / 20)
    return samples.clip(-32768, 32767).astype(np.int16).tobytes()


async def speech(pcm: bytes) -> list[bool]:
    heard = await EnergyDetection().detector().listen(pcm, levels(pcm))
    return [one >= 0.5 for one in heard]


@pytest.mark.parametrize(
    ("amplitude", "db"), [(1.0, -3.0), (0.1, -23.0), (0.001, -63.0)]
)  # a sine has half the power of its peak
def test_a_level_is_in_db_below_full_scale(amplitude: float, db: float) -> None:
    assert level(tone(500, 32, amplitude)) == pytest.approx(db, abs=0.2)


def test_silence_has_a_level() -> None:
    assert level(bytes(WINDOW_BYTES)) == SILENCE_DB
    assert level(np.full(WINDOW_SAMPLES, -32768, np.int16).tobytes()) == 0.0


async def test_a_tone_speaks_and_silence_does_not() -> None:
    heard = await speech(quiet(640) + tone(440, 640, 0.05) + quiet(640))
    assert heard == [False] * 20 + [True] * 20 + [False] * 20


async def test_speech_over_a_noisy_line() -> None:
    heard = await speech(noise(6400, -45) + tone(440, 640, 0.2) + noise(640, -45))
    assert not any(heard[130:199]), "the noise of the line is known after four seconds"
    assert all(heard[201:219])
    assert not any(heard[221:])


async def test_noise_that_ends_is_forgotten_at_once() -> None:
    heard = await speech(noise(6400, -40) + quiet(640) + tone(440, 640, 0.006))
    assert all(heard[221:239]), "a quiet voice, below the noise that was"


async def test_speech_of_half_a_minute_remains_speech() -> None:
    assert all(await speech(tone(440, 30_000, 0.2)))


async def test_a_quiet_voice_on_a_quiet_line() -> None:
    assert all((await speech(noise(2000, -75) + noise(1000, -48)))[63:93])


@given(st.lists(st.floats(SILENCE_DB, 0.0), max_size=200))
@settings(max_examples=50)
def test_any_levels_give_probabilities(given: list[float]) -> None:
    detector = EnergyDetector()
    for one in given:
        probability = detector.probability(one)
        assert 0 <= probability <= 1
        assert not math.isnan(probability)
