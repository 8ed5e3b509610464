"""A recognition engine that knows tones: each frequency is a word, repeated as long as it sounds."""

import io
import wave
from collections.abc import Mapping
from types import TracebackType
from typing import Self

import numpy as np
from aiohttp import web

from ringline.testing import Heard

WORD_S = 0.5
"""Sound of one word."""


class Listener:
    """`async with Listener({440: "hello"}) as engine:` serves `POST /v1/audio/transcriptions` on loopback."""

    def __init__(self, words: Mapping[int, str]) -> None:
        self._words = words
        self.url = ""
        """Its base URL, ending in /v1."""
        self.asked: list[dict[str, str]] = []
        """The form of each request, without the file."""
        self.deaf = False
        """Whether it answers 500 to everything."""
        self._runner: web.AppRunner | None = None

    @property
    def settings(self) -> dict[str, object]:
        """Settings that make a ringline server use it."""
        return {"recognition.remote_url": self.url, "recognition.vad": "energy"}

    async def __aenter__(self) -> Self:
        """Serve."""
        app = web.Application(client_max_size=64_000_000)
        app.router.add_post("/v1/audio/transcriptions", self._transcribe)
        self._runner = web.AppRunner(app, shutdown_timeout=1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}/v1"
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop."""
        assert self._runner is not None
        await self._runner.cleanup()

    async def _transcribe(self, request: web.Request) -> web.Response:
        form = await request.post()
        self.asked.append({name: value for name, value in form.items() if isinstance(value, str)})
        if self.deaf:
            return web.Response(status=500)
        file = form["file"]
        assert isinstance(file, web.FileField)
        return web.json_response({"text": self._text(file.file.read())})

    def _text(self, data: bytes) -> str:
        with wave.open(io.BytesIO(data)) as file:
            heard = Heard(file.getframerate())
            heard.add(np.frombuffer(file.readframes(file.getnframes()), "<i2").astype(np.int16))
        spans = sorted(
            (span.start, word, span.seconds)
            for frequency, word in self._words.items()
            for span in heard.tones(frequency)
            if span.seconds > WORD_S / 2
        )
        words = [word for _, word, seconds in spans for _ in range(max(1, round(seconds / WORD_S)))]
        return f"{' '.join(words).capitalize()}." if words else ""
