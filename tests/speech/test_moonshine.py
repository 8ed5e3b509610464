"""Recognition with real weights and real speech, of the local synthesizer.

`ringline models pull piper-joe moonshine-tiny-en moonshine-base-en silero-vad`, then
RINGLINE_TEST_MODELS=<models folder>.
"""

import contextlib
import os
from collections.abc import AsyncIterator
from pathlib import Path

import numpy as np
import pytest

from ringline.speech.engines.choice import SynthesisSettings, make_service
from ringline.speech.engines.local_transcriber import GOOD, QUICK
from ringline.speech.engines.recognition_choice import RecognitionChoice, make_recognizer
from ringline.speech.recognition import Listening
from ringline.speech.recognition_service import RecognitionService
from ringline.speech.synthesis import SpeechRequest
from tests.speech.hearing import Told, play_slowly, quiet

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


async def spoken(text: str) -> bytes:
    """A sentence, as a telephone line carries it: nothing above 4 kHz."""
    service = make_service(SynthesisSettings(models=MODELS))
    request = SpeechRequest(text=text, rate=8000)
    async with contextlib.aclosing(service.synthesize(request)) as chunks:
        pcm = b"".join([chunk.pcm async for chunk in chunks])
    await service.stop()
    narrow = np.frombuffer(pcm, np.int16)
    spectrum = np.fft.rfft(narrow)
    wide = np.fft.irfft(np.pad(spectrum, (0, len(narrow) + 1 - len(spectrum))), 2 * len(narrow)) * 2
    return wide.clip(-32768, 32767).astype(np.int16).tobytes()


def words(text: str) -> list[str]:
    return "".join(sign for sign in text.lower() if sign.isalnum() or sign == " ").split()


def errors(reference: str, text: str) -> float:
    """The word error rate: substitutions, deletions and insertions, in parts of the reference."""
    right, heard = words(reference), words(text)
    row = list(range(len(heard) + 1))
    for at, word in enumerate(right, 1):
        before, row[0] = row[0], at
        for place, other in enumerate(heard, 1):
            before, row[place] = row[place], min(row[place] + 1, row[place - 1] + 1, before + (word != other))
    return row[-1] / len(right)


@pytest.fixture
async def recognizer() -> AsyncIterator[RecognitionService]:
    service = make_recognizer(RecognitionChoice(MODELS, at_once=2))
    yield service
    await service.stop()


async def test_sentences_are_written_down_word_by_word(recognizer: RecognitionService) -> None:
    told = Told()
    recognition = await recognizer.open(Listening(), told.transcript, told.failure)
    for sentence in (APPOINTMENT, AGENT):
        await play_slowly(recognition, quiet(400) + await spoken(sentence) + quiet(800))
    await recognition.close()
    assert len(told.finals) == 2
    assert errors(APPOINTMENT, told.finals[0]) <= 0.2
    assert errors(AGENT, told.finals[1]) <= 0.2
    assert all(one.confidence is not None and 0.5 < one.confidence <= 1 for one in told.transcripts)
    assert recognizer.status().detector == "silero"
