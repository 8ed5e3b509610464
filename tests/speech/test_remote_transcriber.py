"""A remote recognition engine is a real HTTP server here, which hears tones."""

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from aiohttp import web

from ringline.speech.engines.recognition_choice import RecognitionChoice, make_recognizer
from ringline.speech.engines.remote_transcriber import RemoteTranscriberSettings
from ringline.speech.recognition import Listening, Passage
from ringline.speech.recognition_service import RecognitionService
from tests.speech.hearing import Sent, Told, ToneEngine, play, quiet, tone, tone_engine

pytestmark = pytest.mark.system

SAID = quiet(200) + tone(440, 400) + quiet(100)
PASSAGE = Passage(SAID, is_final=True)


@pytest.fixture
async def engine() -> AsyncIterator[ToneEngine]:
    async with tone_engine() as made:
        yield made


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient() as made:
        yield made


def settings(url: str, **fields: object) -> RemoteTranscriberSettings:
    return RemoteTranscriberSettings(url, "whisper-1", **fields)  # type: ignore[arg-type]  # any field


def recognizer(client: httpx.AsyncClient, url: str, **fields: object) -> RecognitionService:
    nowhere = Path("no-models-here")
    return make_recognizer(RecognitionChoice(nowhere, remote=settings(url, **fields)), client)


def answering(status: int, **fields: object) -> object:
    async def instead(sent: Sent) -> web.StreamResponse:
        return web.Response(status=status, **fields)  # type: ignore[arg-type]  # any field of a response

    return instead


async def test_two_utterances_of_a_track_become_two_texts(
    engine: ToneEngine, client: httpx.AsyncClient
) -> None:
    service, told = recognizer(client, engine.url), Told()
    recognition = await service.open(Listening(), told.transcript, told.failure)
    play(recognition, quiet(500) + tone(440, 600) + tone(660, 600) + quiet(1000) + tone(880, 500))
    await recognition.close()
    assert told.finals == ["alpha bravo", "charlie"]
    assert told.failures == []
    first, second = told.transcripts
    assert 200 <= first.started_ms <= 500
    assert 1700 <= first.ended_ms <= 1900
    assert 2400 <= second.started_ms <= 2700
    assert 3200 <= second.ended_ms <= 3232
    assert service.seconds_heard == pytest.approx(3.2)
