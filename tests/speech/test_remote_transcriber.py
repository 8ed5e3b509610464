"""A remote recognition engine is a real HTTP server here, which hears tones."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import httpx
import pytest
from aiohttp import web

from ringline.core.clock import VirtualClock
from ringline.core.errors import ConfigError, ProtocolError
from ringline.speech.engines import remote_transcriber
from ringline.speech.engines.recognition_choice import RecognitionChoice, make_recognizer
from ringline.speech.engines.remote_transcriber import RemoteTranscriber, RemoteTranscriberSettings, read
from ringline.speech.recognition import RATE, Heard, Listening, Passage, RecognitionUnavailable
from ringline.speech.recognition_service import RecognitionService
from ringline.workers import Busy
from tests.speech.hearing import Sent, Told, ToneEngine, play, quiet, tone, tone_engine

pytestmark = pytest.mark.system

SAID = quiet(200) + tone(440, 400) + quiet(100)
PASSAGE = Passage(SAID, is_final=True)
Instead = Callable[[Sent], Awaitable[web.StreamResponse | None]]


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


def answering(status: int, body: bytes = b"", **headers: str) -> Instead:
    async def instead(sent: Sent) -> web.StreamResponse:
        return web.Response(status=status, body=body, headers=headers)

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
    assert service.status().engines == ("remote",)
    assert service.status().detector == "energy"


async def test_unfinished_texts_come_from_it_too(engine: ToneEngine, client: httpx.AsyncClient) -> None:
    service, told = recognizer(client, engine.url), Told()
    recognition = await service.open(Listening(interim=True), told.transcript, told.failure)
    for hertz in (440, 660, 880):
        asked = len(engine.sent)
        async with asyncio.timeout(10):
            while len(engine.sent) == asked:
                recognition.hear(tone(hertz, 20))
                await asyncio.sleep(0.001)
    await recognition.close()
    assert told.finals == ["alpha bravo charlie"]
    assert told.interims, "the second look agreed with the first on the first word"
    assert all("alpha bravo charlie".startswith(text) for text in told.interims)


async def told_of(engine: ToneEngine, requests: int) -> None:
    """Wait until the engine was asked so often."""
    async with asyncio.timeout(10):
        while len(engine.sent) < requests:  # noqa: ASYNC110 - the server has no event for it
            await asyncio.sleep(0.005)


async def test_a_passage_is_asked_for_in_the_openai_form(
    engine: ToneEngine, client: httpx.AsyncClient
) -> None:
    transcriber = RemoteTranscriber(settings(engine.url, key="secret"), client)
    passage = Passage(SAID, is_final=True, language="en-US", hints=("Telnyx", "ringline"))
    assert await transcriber.transcribe(passage) == Heard("alpha")
    (sent,) = engine.sent
    assert sent.form == {
        "model": "whisper-1",
        "response_format": "json",
        "language": "en",
        "prompt": "Telnyx, ringline",
    }
    assert (sent.rate, sent.pcm) == (RATE, SAID)
    assert sent.headers["Authorization"] == "Bearer secret"


async def test_what_is_not_known_is_not_sent(engine: ToneEngine, client: httpx.AsyncClient) -> None:
    transcriber = RemoteTranscriber(settings(engine.url), client)
    await transcriber.transcribe(Passage(SAID, is_final=True, language="auto_detect"))
    (sent,) = engine.sent
    assert set(sent.form) == {"model", "response_format"}
    assert "Authorization" not in sent.headers


async def test_a_busy_engine_is_busy(engine: ToneEngine, client: httpx.AsyncClient) -> None:
    engine.instead = answering(429, **{"Retry-After": "7"})
    transcriber = RemoteTranscriber(settings(engine.url), client)
    with pytest.raises(Busy) as error:
        await transcriber.transcribe(PASSAGE)
    assert error.value.retry_after == 7
    assert transcriber.ready()


@pytest.mark.parametrize(
    ("instead", "why"),
    [
        (answering(401, b"who are you?"), "it answered 401"),
        (answering(200, b"alpha"), "no transcription"),
        (answering(200, b'{"text": 1}'), "no transcription"),
        (answering(200, b'{"text": "\xff"}'), "no transcription"),
        (answering(200, b'{"words": []}'), "no transcription"),
        (answering(200, b" " * 2000), "larger than 1000 bytes"),
    ],
)
async def test_a_failing_engine_rests(
    engine: ToneEngine,
    client: httpx.AsyncClient,
    monkeypatch: pytest.MonkeyPatch,
    instead: Instead,
    why: str,
) -> None:
    monkeypatch.setattr(remote_transcriber, "MAX_ANSWER", 1000)
    engine.instead = instead
    clock = VirtualClock()
    transcriber = RemoteTranscriber(settings(engine.url), client, clock)
    with pytest.raises(RecognitionUnavailable, match=why):
        await transcriber.transcribe(PASSAGE)
    assert not transcriber.ready()
    clock.advance(6)
    assert transcriber.ready()
    engine.instead = None
    assert await transcriber.transcribe(PASSAGE) == Heard("alpha")


async def test_a_broken_connection_is_asked_once_more(engine: ToneEngine, client: httpx.AsyncClient) -> None:
    async def hang_up(sent: Sent) -> web.StreamResponse | None:
        if len(engine.sent) == 1:
            raise asyncio.CancelledError  # the server closes the connection without an answer
        return None

    engine.instead = hang_up
    assert await RemoteTranscriber(settings(engine.url), client).transcribe(PASSAGE) == Heard("alpha")
    assert len(engine.sent) == 2


async def test_a_slow_engine_has_a_deadline(engine: ToneEngine, client: httpx.AsyncClient) -> None:
    never = asyncio.Event()

    async def think(sent: Sent) -> None:
        await never.wait()

    engine.instead = think
    transcriber = RemoteTranscriber(settings(engine.url, answer_within=0.1), client)
    with pytest.raises(RecognitionUnavailable, match="Timeout"):
        await transcriber.transcribe(PASSAGE)
    assert len(engine.sent) == 1
    never.set()


async def test_so_many_passages_at_once(engine: ToneEngine, client: httpx.AsyncClient) -> None:
    go = asyncio.Event()

    async def think(sent: Sent) -> None:
        await go.wait()

    engine.instead = think
    transcriber = RemoteTranscriber(settings(engine.url, in_flight=2), client)
    asked = [asyncio.create_task(transcriber.transcribe(PASSAGE)) for _ in range(3)]
    await told_of(engine, 2)
    assert not transcriber.has_room()
    go.set()
    assert await asyncio.gather(*asked) == [Heard("alpha")] * 3
    assert transcriber.has_room()


async def test_nobody_there(client: httpx.AsyncClient, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "ringline")
    service, told = recognizer(client, "http://127.0.0.1:9/v1", key="secret"), Told()
    recognition = await service.open(Listening(), told.transcript, told.failure)
    play(recognition, SAID + quiet(800))
    await recognition.close()
    assert told.transcripts == []
    assert recognition.lost == 1
    assert "http://127.0.0.1:9/v1 failed: ConnectError" in caplog.text
    assert "secret" not in caplog.text


async def test_languages_are_those_configured(client: httpx.AsyncClient) -> None:
    any_language = RemoteTranscriber(settings("http://x/v1"), client)
    german = RemoteTranscriber(settings("http://x/v1", languages=("de-DE",)), client)
    for language in ("de", "de-AT", "auto_detect"):
        assert german.understands(language)
        assert any_language.understands(language)
    assert not german.understands("en")
    assert any_language.names == ("remote", "whisper-1")


def test_a_remote_engine_needs_a_client() -> None:
    with pytest.raises(ConfigError, match="needs an HTTP client"):
        make_recognizer(RecognitionChoice(Path("no-models-here"), remote=settings("http://x/v1")))


def test_the_text_of_an_answer() -> None:
    assert read('{"text": " Grüß Gott ", "usage": {}}'.encode()) == "Grüß Gott"
    assert read(b'{"text": "\\u0000 one\\n two\\u0085three \\u200d"}') == "one two three \u200d"
    with pytest.raises(ProtocolError):
        read(b"")
