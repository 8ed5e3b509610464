"""What recognition is tested with: tones for words, and an engine that writes down which tones it hears."""

import asyncio
import io
import wave
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import numpy as np
from aiohttp import web
from aiohttp.web_request import FileField

from ringline.speech.recognition import RATE, Recognition, Transcript

FRAME = RATE // 50 * 2
"""Bytes of 20 ms, as a tap gives them."""
WORDS = {440: "alpha", 660: "bravo", 880: "charlie", 1100: "delta"}


def tone(hertz: float, ms: int, amplitude: float = 0.3) -> bytes:
    """Samples of a sine wave."""
    wave_form = np.sin(np.arange(RATE * ms // 1000) / RATE * 2 * np.pi * hertz) * amplitude * 32767
    return wave_form.astype(np.int16).tobytes()


def quiet(ms: int) -> bytes:
    """Samples of nothing."""
    return bytes(RATE * ms // 1000 * 2)


def words_in(pcm: bytes) -> str:
    """The words whose tones are in the samples, in order; each as often as it begins."""
    samples = np.frombuffer(pcm, np.int16).astype(np.float64)
    size = RATE // 20
    said: list[str] = []
    before = None
    for start in range(0, len(samples) - size + 1, size):
        frame = samples[start : start + size]
        word = None
        if np.abs(frame).max() > 500:
            strongest = np.argmax(np.abs(np.fft.rfft(frame * np.hanning(size)))) * RATE / size
            word = next((word for hertz, word in WORDS.items() if abs(hertz - strongest) <= 20), None)
        if word and word != before:
            said.append(word)
        before = word
    return " ".join(said)


@dataclass
class Sent:
    """One request: the members of its form, the samples of its file, its headers."""

    form: dict[str, str]
    pcm: bytes
    rate: int
    headers: dict[str, str]


@dataclass
class ToneEngine:
    """`POST /v1/audio/transcriptions` that answers with the words whose tones are in the file it got."""

    url: str = ""
    sent: list[Sent] = field(default_factory=list)
    instead: Callable[[Sent], Awaitable[web.StreamResponse | None]] | None = None
    """Answers in its place; None lets it answer."""

    async def answer(self, request: web.Request) -> web.StreamResponse:
        posted = await request.post()
        file = posted["file"]
        assert isinstance(file, FileField)
        with file.file, wave.open(io.BytesIO(file.file.read())) as sound:
            assert (sound.getnchannels(), sound.getsampwidth()) == (1, 2)
            pcm, rate = sound.readframes(sound.getnframes()), sound.getframerate()
        form = {name: value for name, value in posted.items() if isinstance(value, str)}
        sent = Sent(form, pcm, rate, dict(request.headers))
        self.sent.append(sent)
        if self.instead and (response := await self.instead(sent)) is not None:
            return response
        return web.json_response({"text": words_in(pcm)})


@asynccontextmanager
async def tone_engine() -> AsyncIterator[ToneEngine]:
    """A running one."""
    engine = ToneEngine()
    app = web.Application()
    app.router.add_post("/v1/audio/transcriptions", engine.answer)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    engine.url = f"http://127.0.0.1:{runner.addresses[0][1]}/v1"
    try:
        yield engine
    finally:
        await runner.cleanup()


class Told:
    """Collects what a recognition tells."""

    def __init__(self) -> None:
        self.transcripts: list[Transcript] = []
        self.failures: list[str] = []
        self._more = asyncio.Event()

    def transcript(self, one: Transcript) -> None:
        assert not self.failures, "nothing comes behind a failure"
        self.transcripts.append(one)
        self._more.set()

    def failure(self, why: str) -> None:
        self.failures.append(why)
        self._more.set()

    async def until(self, reached: Callable[["Told"], bool]) -> None:
        """Wait for a condition."""
        async with asyncio.timeout(20):
            while not reached(self):
                self._more.clear()
                await self._more.wait()

    @property
    def finals(self) -> list[str]:
        return [one.text for one in self.transcripts if one.is_final]

    @property
    def interims(self) -> list[str]:
        return [one.text for one in self.transcripts if not one.is_final]


def play(recognition: Recognition, pcm: bytes) -> None:
    """Give samples in frames, all at once."""
    for at in range(0, len(pcm), FRAME):
        recognition.hear(pcm[at : at + FRAME])
