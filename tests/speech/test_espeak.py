"""espeak-ng's own voice through a real worker: what comes out is sound, of the right length and kind."""

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import numpy as np
import psutil
import pytest

from ringline.speech.engines.choice import SynthesisSettings, make_service
from ringline.speech.engines.espeak_voices import VOICES
from ringline.speech.engines.speaker import WorkerSpeaker, espeak_speaker
from ringline.speech.service import SpeechService
from ringline.speech.synthesis import PcmChunk, SpeechRequest, SpeechUnavailable, Utterance
from ringline.speech.voices import Gender, LocalVoice
from ringline.workers import Priority
from ringline.workers.admission import Limits
from tests.speech.sound import level, loud, pitch, samples, seconds_of_sound, share_above

pytestmark = pytest.mark.system

TEXT = "Hello, this is a test of the telephone."


@pytest.fixture
async def speech(tmp_path: Path) -> AsyncIterator[SpeechService]:
    """A service without weights: espeak-ng speaks."""
    service = make_service(SynthesisSettings(models=tmp_path))
    await service.start()
    yield service
    await service.stop()


@pytest.fixture
async def speaker() -> AsyncIterator[WorkerSpeaker]:
    made = espeak_speaker(Limits(2, 64))
    assert made is not None
    yield made
    await made.stop()


async def spoken(service: SpeechService, **fields: object) -> list[PcmChunk]:
    request = SpeechRequest(**fields)  # type: ignore[arg-type]  # any field of the request
    async with contextlib.aclosing(service.synthesize(request)) as chunks:
        return [chunk async for chunk in chunks]


@pytest.mark.parametrize("rate", [8000, 16000, 24000])
async def test_a_sentence_sounds_for_as_long_as_it_takes_to_say(speech: SpeechService, rate: int) -> None:
    chunks = await spoken(speech, text=TEXT, rate=rate)
    signal = samples(*chunks)
    assert {chunk.rate for chunk in chunks} == {rate}
    assert {chunk.voice for chunk in chunks} == {"espeak:en-us+f3"}
    assert 1.5 < seconds_of_sound(signal, rate) < 3.5
    assert -30 < level(signal) < -10
    assert np.abs(signal).max() <= 1.0


async def test_eight_kilohertz_are_a_resampling_and_not_a_slower_voice(speech: SpeechService) -> None:
    narrow, wide = await spoken(speech, text=TEXT, rate=8000), await spoken(speech, text=TEXT, rate=16000)
    assert [chunk.seconds for chunk in narrow] == pytest.approx([c.seconds for c in wide], abs=0.01)
    assert pitch(samples(*narrow), 8000) == pytest.approx(pitch(samples(*wide), 16000), rel=0.05)
    assert share_above(samples(*wide), 16000, 4000) > 0.001


async def test_speed_shortens(speech: SpeechService) -> None:
    slow, fast = await spoken(speech, text=TEXT, speed=0.7), await spoken(speech, text=TEXT, speed=1.4)
    ratio = seconds_of_sound(samples(*slow), 8000) / seconds_of_sound(samples(*fast), 8000)
    assert 1.6 < ratio < 2.4


async def test_genders_differ_in_pitch(speech: SpeechService) -> None:
    man, woman = (
        await spoken(speech, text=TEXT, voice="male"),
        await spoken(speech, text=TEXT, voice="female"),
    )
    assert pitch(samples(*woman), 8000) > 1.3 * pitch(samples(*man), 8000)


async def test_written_and_spoken_forms_last_equally_long(speech: SpeechService) -> None:
    async def seconds(**fields: object) -> float:
        return (await spoken(speech, **fields))[0].seconds

    in_words = await seconds(text="You owe five dollars on March third.")
    assert await seconds(text="You owe $5 on March 3.") == pytest.approx(in_words, abs=0.03)
    assert await seconds(text="You owe $500 on March 3.") > in_words + 0.2
    spelled = '<speak>Code <say-as interpret-as="digits">4217</say-as>.</speak>'
    by_digit = await seconds(text="Code four, two, one, seven.")
    assert await seconds(ssml=spelled) == pytest.approx(by_digit, abs=0.03)
    assert await seconds(text="Code 42.") < by_digit - 0.2


async def test_ssml_pauses_are_heard(speech: SpeechService) -> None:
    signal = samples(*await spoken(speech, ssml='<speak>Hi.<break time="1500ms"/>Bye.</speak>'))
    pauses = "".join("1" if sounding else "0" for sounding in loud(signal, 8000)).split("1")
    assert max(map(len, pauses)) * 0.02 == pytest.approx(1.5 + 0.22, abs=0.1)


async def test_every_language_of_the_api_speaks_its_own_way(speaker: WorkerSpeaker) -> None:
    sounds = {}
    for voice in VOICES:
        sounds[voice.key] = await speaker.say(Utterance("Radio 12", voice, 8000, 1.0), Priority.LIVE)
        signal = np.frombuffer(sounds[voice.key], "<i2") / 32768
        assert seconds_of_sound(signal, 8000) > 0.3, voice.id
    assert len(set(sounds.values())) == len(sounds)


async def test_a_voice_that_the_library_lacks_is_an_error_and_nothing_more(speaker: WorkerSpeaker) -> None:
    nobody = LocalVoice("espeak:xx", "espeak", "xx-nobody", "xx", Gender.MALE, 1)
    with pytest.raises(SpeechUnavailable, match="no voice 'xx-nobody'"):
        await speaker.say(Utterance("hello", nobody, 8000, 1.0), Priority.LIVE)
    assert await speaker.say(Utterance("hello", VOICES[0], 8000, 1.0), Priority.LIVE)


@pytest.mark.parametrize("text", ["\ud800 lone", "a\x00b c", "😀 smile", "[[h@'loU]] <b>x</b>", "x" * 220])
async def test_strange_text_is_spoken_or_skipped(speech: SpeechService, text: str) -> None:
    assert samples(*await spoken(speech, text=text)).size > 0


async def test_many_speak_at_once_each_its_own_words(speech: SpeechService) -> None:
    texts = [f"{'Well ' * count}." for count in range(1, 9)]
    alone = [await spoken(speech, text=text, cached=False) for text in texts]
    together = await asyncio.gather(*(spoken(speech, text=text, cached=False) for text in texts))
    lengths = [chunks[0].seconds for chunks in alone]
    assert sorted(lengths) == lengths
    assert [chunks[0].seconds for chunks in together] == pytest.approx(lengths, abs=0.05)


async def test_a_killed_engine_comes_back(speaker: WorkerSpeaker) -> None:
    before = psutil.Process().children()
    service = SpeechService([speaker])
    await service.warm()
    pid = speaker.worker.status().pid
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    async with asyncio.timeout(20):
        while speaker.worker.status().deaths == 0 or not service.ready():  # noqa: ASYNC110 - another process's state
            await asyncio.sleep(0.01)
    assert samples(*await spoken(service, text=TEXT)).size > 0
    await service.stop()
    assert set(psutil.Process().children()) <= set(before)


DEEP = """
import pathlib, sys
import espeakng_loader
link = pathlib.Path(sys.argv[1])
link.symlink_to(espeakng_loader.get_data_path())
espeakng_loader.get_data_path = lambda: str(link)
from ringline.speech.engines.espeak_library import Espeak
espeak = Espeak()
espeak.use("en-us")
print(len(espeak.speak("hello", 1.0, lambda: False)), espeak.phonemes("hello"))
"""


async def test_the_library_finds_its_data_in_a_deep_folder(tmp_path: Path) -> None:
    deep = tmp_path / ("d" * 100) / ("e" * 100)
    deep.mkdir(parents=True)
    run = await asyncio.create_subprocess_exec(
        sys.executable, "-c", DEEP, str(deep / "data"), stdout=asyncio.subprocess.PIPE
    )
    out, _ = await run.communicate()
    size, _, phonemes = out.decode().partition(" ")
    assert int(size) > 5000
    assert phonemes.strip() == "['həlˈoʊ']"
