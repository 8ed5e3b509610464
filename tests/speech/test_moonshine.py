"""Recognition with real weights and real speech, of the local synthesizer.

`ringline models pull piper-joe moonshine-tiny-en moonshine-base-en silero-vad`, then
RINGLINE_TEST_MODELS=<models folder>.
"""

import asyncio
import contextlib
import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import numpy as np
import pytest
from benchmarks.recognition import word_errors, words_of

from ringline.speech.engines.choice import SynthesisSettings, make_service
from ringline.speech.engines.local_transcriber import GOOD, QUICK, MoonshineTranscriber, moonshine_transcriber
from ringline.speech.engines.moonshine import MoonshineModel, to_samples
from ringline.speech.engines.recognition_choice import RecognitionChoice, make_recognizer
from ringline.speech.engines.silero_detection import MODEL, SileroDetection
from ringline.speech.recognition import Listening, Passage, Recognition
from ringline.speech.recognition_service import RecognitionService
from ringline.speech.synthesis import SpeechRequest
from ringline.speech.vad import WINDOW_BYTES, level
from ringline.workers.admission import Limits
from tests.speech.hearing import FRAME, Told, play, quiet, tone

MODELS = Path(os.environ.get("RINGLINE_TEST_MODELS", "ringline-data/models"))
NEEDED = ("piper-joe", QUICK, GOOD, "silero-vad")

pytestmark = [
    pytest.mark.models,
    pytest.mark.skipif(
        not all((MODELS / name).is_dir() for name in NEEDED),
        reason=f"no weights: `ringline models pull {' '.join(NEEDED)}`, then set RINGLINE_TEST_MODELS",
    ),
]

APPOINTMENT = "Please confirm your appointment on Tuesday at the main office."
AGENT = "Our agent will call you back in the afternoon."
ORDER = "I would like to change the address of my order."


async def spoken() -> dict[str, bytes]:
    """The sentences, as a telephone line carries them: nothing above 4 kHz."""
    service = make_service(SynthesisSettings(models=MODELS))
    sounds = {}
    for text in (APPOINTMENT, AGENT, ORDER):
        async with contextlib.aclosing(service.synthesize(SpeechRequest(text=text, rate=8000))) as chunks:
            sounds[text] = widened(b"".join([chunk.pcm async for chunk in chunks]))
    await service.stop()
    return sounds


def widened(pcm: bytes) -> bytes:
    """Samples of 8 kHz as such of 16 kHz."""
    narrow = np.frombuffer(pcm, np.int16)
    spectrum = np.fft.rfft(narrow)
    wide = np.fft.irfft(np.pad(spectrum, (0, len(narrow) + 1 - len(spectrum))), 2 * len(narrow)) * 2
    return wide.clip(-32768, 32767).astype(np.int16).tobytes()


@pytest.fixture(scope="module")
def speech() -> dict[str, bytes]:
    return asyncio.run(spoken())


async def play_as_spoken(recognition: Recognition, pcm: bytes) -> None:
    """Give samples at the pace of a call: how many looks an open utterance gets depends on it."""
    for at in range(0, len(pcm), FRAME):
        recognition.hear(pcm[at : at + FRAME])
        await asyncio.sleep(0.02)


@pytest.fixture
async def recognizer() -> AsyncIterator[RecognitionService]:
    service = make_recognizer(RecognitionChoice(MODELS, at_once=2))
    yield service
    await service.stop()


@pytest.fixture
async def transcriber() -> AsyncIterator[MoonshineTranscriber]:
    made = moonshine_transcriber(MODELS, Limits(1, 8))
    assert made is not None
    yield made
    await made.stop()


async def test_sentences_are_written_down_word_by_word(
    recognizer: RecognitionService, speech: dict[str, bytes]
) -> None:
    told = Told()
    recognition = await recognizer.open(Listening(), told.transcript, told.failure)
    for count, sentence in enumerate((APPOINTMENT, AGENT), 1):
        play(recognition, quiet(400) + speech[sentence] + quiet(800))
        await told.until(lambda told, count=count: len(told.finals) == count)
    await recognition.close()
    assert word_errors(APPOINTMENT, told.finals[0]) <= 0.2
    assert word_errors(AGENT, told.finals[1]) <= 0.2
    assert all(one.confidence is not None and 0.5 < one.confidence <= 1 for one in told.transcripts)
    status = recognizer.status()
    assert (status.engines, status.detector) == (("moonshine",), "silero")


async def test_unfinished_texts_are_beginnings_that_grow(
    recognizer: RecognitionService, speech: dict[str, bytes]
) -> None:
    told = Told()
    recognition = await recognizer.open(Listening(interim=True), told.transcript, told.failure)
    await play_as_spoken(recognition, quiet(400) + speech[APPOINTMENT] + quiet(800))
    await recognition.close()
    assert len(told.finals) == 1
    assert len(told.interims) >= 2
    for one, other in zip(told.interims, told.interims[1:], strict=False):
        assert other.startswith(one)
        assert other != one
    heard = words_of(told.interims[-1])
    assert word_errors(" ".join(words_of(APPOINTMENT)[: len(heard)]), " ".join(heard)) <= 0.35


async def test_two_tracks_at_once(recognizer: RecognitionService, speech: dict[str, bytes]) -> None:
    sides = {AGENT: Told(), ORDER: Told()}

    async def listen(sentence: str, told: Told) -> None:
        recognition = await recognizer.open(Listening(), told.transcript, told.failure)
        play(recognition, quiet(400) + speech[sentence] + quiet(800))
        await recognition.close()

    await asyncio.gather(*(listen(sentence, told) for sentence, told in sides.items()))
    for sentence, told in sides.items():
        assert len(told.finals) == 1
        assert word_errors(sentence, told.finals[0]) <= 0.25


async def test_a_child_killed_in_the_middle_costs_no_words(
    transcriber: MoonshineTranscriber, speech: dict[str, bytes]
) -> None:
    await transcriber.start()
    passage = Passage(speech[ORDER], is_final=True)
    pid = transcriber.worker.status().pid
    assert pid is not None
    asked = asyncio.create_task(transcriber.transcribe(passage))
    await asyncio.sleep(0)
    assert transcriber.worker.status().running == 1
    os.kill(pid, signal.SIGKILL)
    heard = await asked
    assert word_errors(ORDER, heard.text) <= 0.25
    assert transcriber.worker.status().pid not in (None, pid)


async def test_silence_tones_and_noise_are_not_written_down(recognizer: RecognitionService) -> None:
    told = Told()
    recognition = await recognizer.open(Listening(), told.transcript, told.failure)
    noise = np.random.default_rng(1).normal(size=32_000) * 1000
    for sound in (quiet(1500), tone(440, 1500), noise.astype(np.int16).tobytes()):
        play(recognition, sound + quiet(800))
        await asyncio.sleep(0)
    await recognition.close()
    assert told.transcripts == []


async def test_the_detector_knows_speech_from_a_tone(speech: dict[str, bytes]) -> None:
    detection = SileroDetection(MODELS / MODEL, 1)
    detector = detection.detector()
    await detection.worker.start()
    shares = []
    for sound in (speech[AGENT], tone(440, 2000), quiet(2000)):
        whole = sound[: len(sound) // WINDOW_BYTES * WINDOW_BYTES]
        levels = [level(whole[at : at + WINDOW_BYTES]) for at in range(0, len(whole), WINDOW_BYTES)]
        heard = await detector.listen(whole, levels)
        assert len(heard) == len(levels)
        shares.append(sum(one >= 0.5 for one in heard) / len(heard))
    await detection.stop()
    speech, whistle, silence = shares
    assert speech > 0.7
    assert whistle < 0.3
    assert silence < 0.1


def test_a_draft_makes_the_good_model_quicker_and_never_different(speech: dict[str, bytes]) -> None:
    quick, good = MoonshineModel(MODELS / QUICK, 1), MoonshineModel(MODELS / GOOD, 1)
    for seconds in (1, 3):
        samples = to_samples(speech[APPOINTMENT][: seconds * 32_000])
        draft = quick.write(samples, ()).tokens
        plain, drafted = good.write(samples, ()), good.write(samples, draft)
        assert drafted.tokens == plain.tokens
        assert drafted.log_probabilities == pytest.approx(plain.log_probabilities, abs=1e-2)
        assert drafted.passes < plain.passes


async def test_what_comes_long_before_the_words_does_not_swallow_them(
    transcriber: MoonshineTranscriber, speech: dict[str, bytes]
) -> None:
    line = np.random.default_rng(2).normal(size=24_000) * 100
    late = line.astype(np.int16).tobytes() + speech[APPOINTMENT]
    heard = await transcriber.transcribe(Passage(late, is_final=True))
    assert word_errors(APPOINTMENT, heard.text) <= 0.25
    assert (await transcriber.transcribe(Passage(line.astype(np.int16).tobytes(), is_final=True))).text == ""


async def test_half_a_minute_in_one_breath(
    transcriber: MoonshineTranscriber, speech: dict[str, bytes]
) -> None:
    breath = ((speech[AGENT] + speech[ORDER]) * 7)[: 30 * 32_000]
    heard = await transcriber.transcribe(Passage(breath, is_final=True, model=QUICK))
    assert len(words_of(heard.text)) > 60
    assert (await transcriber.transcribe(Passage(b"", is_final=True))).text == ""
