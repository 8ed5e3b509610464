"""A remote engine is a real HTTP server here."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import httpx
import numpy as np
import pytest
from aiohttp import web

from ringline.core.clock import VirtualClock
from ringline.core.errors import ConfigError
from ringline.speech.engines import remote
from ringline.speech.engines.choice import SynthesisSettings, make_service
from ringline.speech.engines.remote import RemoteSettings, RemoteSpeaker, retry_after
from ringline.speech.synthesis import SpeechRequest, SpeechUnavailable, Utterance
from ringline.speech.voices import Gender
from ringline.workers import Busy, Priority

pytestmark = pytest.mark.system

TONE = (np.sin(np.arange(24000) / 24000 * 2 * np.pi * 440) * 16000).astype("<i2").tobytes()
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Server:
    """Answers as `handler` says and remembers what was asked."""

    def __init__(self) -> None:
        self.asked: list[dict[str, object]] = []
        self.headers: list[dict[str, str]] = []
        self.url = ""

        async def tone(request: web.Request) -> web.StreamResponse:
            return web.Response(body=TONE)

        self.handler: Handler = tone

    async def answer(self, request: web.Request) -> web.StreamResponse:
        self.asked.append(await request.json())
        self.headers.append(dict(request.headers))
        return await self.handler(request)


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    made = Server()
    app = web.Application()
    app.router.add_post("/v1/audio/speech", made.answer)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    made.url = f"http://127.0.0.1:{runner.addresses[0][1]}/v1"
    yield made
    await runner.cleanup()


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient() as made:
        yield made


def settings(url: str, **fields: object) -> RemoteSettings:
    return RemoteSettings(url=url, model="tts", **fields)  # type: ignore[arg-type]  # any field of the settings


def utterance(speaker: RemoteSpeaker, rate: int = 8000) -> Utterance:
    return Utterance("Hello.", speaker.voices[0], rate, 1.25)


async def test_a_clause_is_asked_for_in_the_openai_form(server: Server, client: httpx.AsyncClient) -> None:
    speaker = RemoteSpeaker(settings(server.url, key="secret"), client)
    await speaker.say(utterance(speaker), Priority.LIVE)
    assert server.asked == [
        {"model": "tts", "voice": "alloy", "input": "Hello.", "speed": 1.25, "response_format": "pcm"}
    ]
    assert server.headers[0]["Authorization"] == "Bearer secret"


async def test_its_sound_is_resampled(server: Server, client: httpx.AsyncClient) -> None:
    speaker = RemoteSpeaker(settings(server.url), client)
    sound = np.frombuffer(await speaker.say(utterance(speaker), Priority.LIVE), "<i2")
    assert len(sound) == 8000
    assert np.argmax(np.abs(np.fft.rfft(sound))) == 440
    assert "Authorization" not in server.headers[0]


async def test_a_busy_engine_is_busy(server: Server, client: httpx.AsyncClient) -> None:
    async def busy(request: web.Request) -> web.StreamResponse:
        return web.Response(status=429, headers={"Retry-After": "7"})

    server.handler = busy
    speaker = RemoteSpeaker(settings(server.url), client)
    with pytest.raises(Busy) as error:
        await speaker.say(utterance(speaker), Priority.LIVE)
    assert error.value.retry_after == 7
    assert speaker.ready()


async def test_a_failing_engine_rests(server: Server, client: httpx.AsyncClient) -> None:
    async def wrong(request: web.Request) -> web.StreamResponse:
        return web.Response(status=401, text="who are you?")

    good, server.handler = server.handler, wrong
    clock = VirtualClock()
    speaker = RemoteSpeaker(settings(server.url), client, clock)
    with pytest.raises(SpeechUnavailable, match="it answered 401"):
        await speaker.say(utterance(speaker), Priority.LIVE)
    assert not speaker.ready()
    clock.advance(11)
    assert speaker.ready()
    server.handler = good
    await speaker.say(utterance(speaker), Priority.LIVE)
    assert speaker.ready()


async def test_a_slow_engine_has_a_deadline(server: Server, client: httpx.AsyncClient) -> None:
    async def trickle(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        with contextlib.suppress(ConnectionError):
            while True:
                await response.write(b"\0\0")
                await asyncio.sleep(0.01)
        return response

    server.handler = trickle
    speaker = RemoteSpeaker(settings(server.url, answer_within=0.1), client)
    with pytest.raises(SpeechUnavailable, match="Timeout"):
        await speaker.say(utterance(speaker), Priority.LIVE)


async def test_an_endless_answer_is_cut(
    server: Server, client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(remote, "MAX_SOUND", 1000)
    speaker = RemoteSpeaker(settings(server.url), client)
    with pytest.raises(SpeechUnavailable, match="exceeds 1000 bytes"):
        await speaker.say(utterance(speaker), Priority.LIVE)


async def test_half_a_sample_at_the_end_is_left_out(server: Server, client: httpx.AsyncClient) -> None:
    async def odd(request: web.Request) -> web.StreamResponse:
        return web.Response(body=TONE[:-1])

    server.handler = odd
    speaker = RemoteSpeaker(settings(server.url, rate=8000), client)
    assert await speaker.say(utterance(speaker), Priority.LIVE) != b""


async def test_nobody_there_falls_back_to_the_voice_of_the_house(
    client: httpx.AsyncClient, tmp_path: Path
) -> None:
    nobody = settings("http://127.0.0.1:9/v1")
    service = make_service(SynthesisSettings(models=tmp_path, remote=nobody), client)
    assert service.voice_for(SpeechRequest(text="a", voice="male")).id == "remote:onyx"
    async with contextlib.aclosing(service.synthesize(SpeechRequest(text="Hello.", voice="male"))) as chunks:
        voices = [chunk.voice async for chunk in chunks]
    assert voices == ["espeak:en-us"]
    assert service.voice_for(SpeechRequest(text="a", voice="male")).id == "espeak:en-us"
    await service.stop()


async def test_voices_are_those_configured(client: httpx.AsyncClient, tmp_path: Path) -> None:
    speaker = RemoteSpeaker(
        settings("http://x/v1", voices={Gender.FEMALE: "af_heart"}, language="en-US"), client
    )
    assert [(voice.id, voice.language) for voice in speaker.voices] == [("remote:af_heart", "en-US")]


def test_a_remote_engine_needs_a_client(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="needs an HTTP client"):
        make_service(SynthesisSettings(models=tmp_path, remote=settings("http://x/v1")))


@pytest.mark.parametrize(
    ("header", "seconds"),
    [("7", 7), ("0", 1), ("99999", 60), ("", 1), ("Fri, 31 Dec 1999 23:59:59 GMT", 1), ("²", 1)],
)
def test_retry_after(header: str, seconds: int) -> None:
    assert retry_after(header) == seconds
