"""A `Transcriber` behind an OpenAI-compatible `POST …/audio/transcriptions`."""

import asyncio
import io
import wave
from dataclasses import dataclass

import httpx
import msgspec

from ringline.core.clock import SECOND, Clock, SystemClock
from ringline.core.errors import ProtocolError
from ringline.speech.engines.remote import retry_after
from ringline.speech.recognition import (
    AUTO_DETECT,
    RATE,
    SAMPLE_BYTES,
    Heard,
    Passage,
    RecognitionUnavailable,
    base_language,
)
from ringline.workers import Busy

NAME = "remote"
MAX_ANSWER = 256 * 1024
CONTROLS = dict.fromkeys((*range(32), *range(127, 160)), " ")
"""Characters that no text has and some databases refuse (C0 and C1 of ISO 6429)."""
# After a failure the other engines hear for this long, rather than every utterance waiting for a dead host.
COOL_DOWN = 5 * SECOND
ADVICE = "Check recognition.remote_url, remote_key and remote_model"
BUSY = (httpx.codes.TOO_MANY_REQUESTS, httpx.codes.SERVICE_UNAVAILABLE)


@dataclass(frozen=True, slots=True)
class RemoteTranscriberSettings:
    """`url` ends before `/audio/transcriptions`. `languages` are those it understands, none for any.

    So many passages are asked for at once. Times in seconds.
    """

    url: str
    model: str
    key: str = ""
    languages: tuple[str, ...] = ()
    in_flight: int = 16
    connect_within: float = 2.0
    answer_within: float = 30.0


class _Answer(msgspec.Struct, frozen=True):
    text: str


_answers = msgspec.json.Decoder(_Answer)


class RemoteTranscriber:
    """Sends each passage as a WAV file through the client it is given."""

    def __init__(
        self, settings: RemoteTranscriberSettings, client: httpx.AsyncClient, clock: Clock | None = None
    ) -> None:
        self._settings = settings
        self._client = client
        self._clock = clock or SystemClock()
        self._places = asyncio.Semaphore(settings.in_flight)
        self._languages = frozenset(map(base_language, settings.languages))
        self._failed_ns: int | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """`remote`, and the model it is asked for."""
        return (NAME, self._settings.model)

    def understands(self, language: str) -> bool:
        """Whether the language is one of those that are configured."""
        return not self._languages or language == AUTO_DETECT or base_language(language) in self._languages

    async def start(self) -> None:
        """There is nothing to load."""

    async def stop(self) -> None:
        """The client belongs to whoever gave it."""

    def ready(self) -> bool:
        """False for a while after a failure."""
        return self._failed_ns is None or self._clock.now_ns() - self._failed_ns > COOL_DOWN

    def has_room(self) -> bool:
        """Whether fewer passages are under way than may be."""
        return not self._places.locked()

    async def transcribe(self, passage: Passage) -> Heard:
        """One passage; raises `Busy` for 429 and 503, `RecognitionUnavailable` for any other failure."""
        async with self._places:
            try:
                async with asyncio.timeout(self._settings.answer_within):
                    text = await self._ask_twice(passage)
            except (httpx.HTTPError, httpx.InvalidURL, ProtocolError, TimeoutError) as error:
                raise self._failure(f"{type(error).__name__} {error}".strip()) from error
        self._failed_ns = None
        return Heard(text)

    async def _ask_twice(self, passage: Passage) -> str:
        """Once more where the connection broke: the engine may have closed it just when it was used again."""
        try:
            return await self._ask(passage)
        except httpx.TimeoutException:
            raise
        except httpx.TransportError:
            return await self._ask(passage)

    async def _ask(self, passage: Passage) -> str:
        settings = self._settings
        form = {"model": settings.model, "response_format": "json"}
        if passage.language != AUTO_DETECT:
            form["language"] = base_language(passage.language)  # the endpoint takes ISO 639-1
        if passage.hints:
            form["prompt"] = ", ".join(passage.hints)
        headers = {"Authorization": f"Bearer {settings.key}"} if settings.key else {}
        async with self._client.stream(
            "POST",
            f"{settings.url}/audio/transcriptions",
            data=form,
            files={"file": ("passage.wav", wav(passage.pcm), "audio/wav")},
            headers=headers,
            timeout=httpx.Timeout(settings.answer_within, connect=settings.connect_within),
        ) as response:
            if response.status_code in BUSY:
                raise Busy(
                    "the remote recognition engine is busy",
                    retry_after(response.headers.get("Retry-After", "")),
                )
            if response.status_code != httpx.codes.OK:
                raise self._failure(f"it answered {response.status_code}")
            return read(await _body(response))

    def _failure(self, reason: str) -> RecognitionUnavailable:
        self._failed_ns = self._clock.now_ns()
        return RecognitionUnavailable(
            f"The recognition engine at {self._settings.url} failed: {reason}", ADVICE
        )


async def _body(response: httpx.Response) -> bytes:
    body = bytearray()
    async for piece in response.aiter_bytes():
        body += piece
        if len(body) > MAX_ANSWER:
            raise ProtocolError(f"an answer is larger than {MAX_ANSWER} bytes")
    return bytes(body)


def read(body: bytes) -> str:
    """The text of a `json` answer, on one line; raises `ProtocolError`."""
    try:
        return " ".join(_answers.decode(body).text.translate(CONTROLS).split())
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ProtocolError(f"no transcription: {error}") from error


def wav(pcm: bytes) -> bytes:
    """Samples of a passage as a WAV file."""
    file = io.BytesIO()
    with wave.open(file, "wb") as written:
        written.setnchannels(1)
        written.setsampwidth(SAMPLE_BYTES)
        written.setframerate(RATE)
        written.writeframes(pcm)
    return file.getvalue()
