"""A `Speaker` behind an OpenAI-compatible `POST …/audio/speech`."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field

import httpx
import numpy as np

from ringline.core.clock import SECOND, Clock, SystemClock
from ringline.speech.engines.job import to_pcm
from ringline.speech.synthesis import SAMPLE_BYTES, SpeechUnavailable, Utterance
from ringline.speech.voices import Gender, LocalVoice
from ringline.workers import Busy, Priority

BEST = 5
MAX_SOUND = 16 * 1024 * 1024
MAX_RETRY_AFTER = 60
# After a failure the other engines speak for this long, rather than every clause waiting for a dead host.
COOL_DOWN = 10 * SECOND
ADVICE = "Check the remote engine's URL, key, model and voices in the configuration"
FULL_SCALE = 32768.0


@dataclass(frozen=True, slots=True)
class RemoteSettings:
    """`url` ends before `/audio/speech`; `rate` is that of its `pcm` format (24000 Hz in OpenAI's own).

    `voices` maps a gender to the engine's name for a voice; `language` is empty for one that speaks any.
    Times in seconds.
    """

    url: str
    model: str
    key: str = ""
    voices: Mapping[Gender, str] = field(
        default_factory=lambda: {Gender.FEMALE: "alloy", Gender.MALE: "onyx"}
    )
    language: str = ""
    rate: int = 24000
    connect_within: float = 2.0
    answer_within: float = 30.0


class RemoteSpeaker:
    """Says each clause with one request through the client it is given."""

    def __init__(
        self, settings: RemoteSettings, client: httpx.AsyncClient, clock: Clock | None = None
    ) -> None:
        self._settings = settings
        self._client = client
        self._clock = clock or SystemClock()
        self._failed_ns: int | None = None
        self._voices = tuple(
            LocalVoice(f"remote:{name}", "remote", name, settings.language, gender, BEST)
            for gender, name in settings.voices.items()
        )

    @property
    def voices(self) -> tuple[LocalVoice, ...]:
        """The configured ones."""
        return self._voices

    async def start(self) -> None:
        """There is nothing to load."""

    async def stop(self) -> None:
        """The client belongs to whoever gave it."""

    def ready(self) -> bool:
        """False for a while after a failure."""
        return self._failed_ns is None or self._clock.now_ns() - self._failed_ns > COOL_DOWN

    async def say(self, utterance: Utterance, priority: Priority) -> bytes:
        """One clause; raises `Busy` for 429 and 503, `SpeechUnavailable` for any other failure."""
        settings = self._settings
        body = {
            "model": settings.model,
            "voice": utterance.voice.key,
            "input": utterance.text,
            "speed": utterance.speed,
            "response_format": "pcm",
        }
        headers = {"Authorization": f"Bearer {settings.key}"} if settings.key else {}
        timeout = httpx.Timeout(settings.answer_within, connect=settings.connect_within)
        try:
            async with (
                asyncio.timeout(settings.answer_within),
                self._client.stream(
                    "POST", f"{settings.url}/audio/speech", json=body, headers=headers, timeout=timeout
                ) as response,
            ):
                sound = await self._sound(response)
        except (httpx.HTTPError, httpx.InvalidURL, TimeoutError) as error:
            raise self._failure(f"{type(error).__name__} {error}".strip()) from error
        self._failed_ns = None
        samples = np.frombuffer(sound, "<i2").astype(np.float32) / FULL_SCALE
        return await asyncio.to_thread(to_pcm, samples, settings.rate, utterance.rate)

    async def _sound(self, response: httpx.Response) -> bytes:
        if response.status_code in (httpx.codes.TOO_MANY_REQUESTS, httpx.codes.SERVICE_UNAVAILABLE):
            raise Busy(
                "the remote speech engine is busy", retry_after(response.headers.get("Retry-After", ""))
            )
        if response.status_code != httpx.codes.OK:
            raise self._failure(f"it answered {response.status_code}")
        sound = bytearray()
        async for piece in response.aiter_bytes():
            sound += piece
            if len(sound) > MAX_SOUND:
                raise self._failure(f"its answer exceeds {MAX_SOUND} bytes")
        return bytes(sound[: len(sound) // SAMPLE_BYTES * SAMPLE_BYTES])

    def _failure(self, reason: str) -> SpeechUnavailable:
        self._failed_ns = self._clock.now_ns()
        return SpeechUnavailable(f"The speech engine at {self._settings.url} failed: {reason}", ADVICE)


def retry_after(header: str) -> int:
    """Whole seconds from a `Retry-After` in seconds (RFC 9110 §10.2.3), 1 to 60; a date counts as 1."""
    return min(MAX_RETRY_AFTER, max(1, int(header))) if header.isascii() and header.isdigit() else 1
