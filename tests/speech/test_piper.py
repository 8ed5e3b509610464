"""Piper with real weights: `ringline models pull piper-joe`, then RINGLINE_TEST_MODELS=<models folder>."""

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator
from pathlib import Path

import numpy as np
import pytest

from ringline.speech.engines.choice import SynthesisSettings, make_service
from ringline.speech.engines.piper_files import find_voices
from ringline.speech.service import SpeechService
from ringline.speech.synthesis import PcmChunk, SpeechRequest
from ringline.speech.voices import Gender
from tests.speech.sound import level, pitch, samples, seconds_of_sound, share_above

MODELS = Path(os.environ.get("RINGLINE_TEST_MODELS", "ringline-data/models"))

pytestmark = [
    pytest.mark.models,
    pytest.mark.skipif(
        not (MODELS / "piper-joe").is_dir(),
        reason="no Piper weights: `ringline models pull piper-joe`, then set RINGLINE_TEST_MODELS",
    ),
]


@pytest.fixture
async def speech() -> AsyncIterator[SpeechService]:
    service = make_service(SynthesisSettings(models=MODELS))
    await service.warm()
    yield service
    await service.stop()


async def spoken(service: SpeechService, text: str, **fields: object) -> list[PcmChunk]:
    request = SpeechRequest(text=text, **fields)  # type: ignore[arg-type]  # any field of the request
    async with contextlib.aclosing(service.synthesize(request)) as chunks:
        return [chunk async for chunk in chunks]


def test_the_voice_is_found_with_language_and_gender() -> None:
    (voice,) = [voice for voice in find_voices(MODELS) if "joe" in voice.id]
    assert (voice.id, voice.language, voice.gender) == ("piper:en_US-joe-medium", "en-US", Gender.MALE)


@pytest.mark.parametrize("rate", [8000, 16000])
async def test_a_sentence_sounds_like_a_man_for_as_long_as_it_takes(speech: SpeechService, rate: int) -> None:
    text = "Please confirm your appointment on Tuesday at the main office."
    chunks = await spoken(speech, text, rate=rate)
    signal = samples(*chunks)
    assert {chunk.voice for chunk in chunks} == {"piper:en_US-joe-medium"}
    assert 1.5 < seconds_of_sound(signal, rate) < 5.5
    assert 70 < pitch(signal, rate) < 180
    assert -32 < level(signal) < -12
    assert np.abs(signal).max() == pytest.approx(0.7, abs=0.1)
    assert share_above(signal, rate, 3400) < 0.2


async def test_every_name_speaks_english_with_it_and_other_languages_without(speech: SpeechService) -> None:
    def voice(name: str, language: str = "en-US") -> str:
        return speech.voice_for(SpeechRequest(text="a", voice=name, language=language)).engine

    assert voice("female") == voice("AWS.Polly.Amy") == voice("Telnyx.KokoroTTS.af_heart") == "piper"
    assert voice("female", "de-DE") == voice("AWS.Polly.Hans") == "espeak"


async def test_speed_shortens(speech: SpeechService) -> None:
    text = "Our agent will call you back in the afternoon."
    slow, fast = await spoken(speech, text, speed=0.75), await spoken(speech, text, speed=1.5)
    ratio = seconds_of_sound(samples(*slow), 8000) / seconds_of_sound(samples(*fast), 8000)
    assert 1.25 < ratio < 3.0


async def test_callers_share_the_engine(speech: SpeechService) -> None:
    texts = [f"Caller number {number}, please hold the line." for number in range(6)]
    answers = await asyncio.gather(*(spoken(speech, text) for text in texts))
    for text, chunks in zip(texts, answers, strict=True):
        assert " ".join(chunk.text for chunk in chunks) == text
        assert seconds_of_sound(samples(*chunks), 8000) > 1.0


async def test_what_has_no_phonemes_is_short_not_wrong(speech: SpeechService) -> None:
    assert samples(*await spoken(speech, "你好")).size > 0
