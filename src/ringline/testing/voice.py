"""A voice for phones: the speech engine that is installed, started with the first word."""

import tempfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ringline.speech.engines.choice import SynthesisSettings, make_service
from ringline.speech.service import SpeechService
from ringline.speech.synthesis import SpeechRequest

RATE = 16000


class Voice:
    """Speaks texts; `models` is a folder of weights, without which espeak-ng speaks."""

    def __init__(self, models: Path | None = None) -> None:
        self._models = models or Path(tempfile.gettempdir()) / "no-ringline-models"
        self._service: SpeechService | None = None

    async def say(self, text: str, voice: str = "male") -> NDArray[np.int16]:
        """A text as mono int16 at 16 kHz; raises `SpeechUnavailable` where no engine is installed."""
        if self._service is None:
            self._service = make_service(SynthesisSettings(models=self._models, at_once=1))
        request = SpeechRequest(text=text, voice=voice, rate=RATE)
        chunks = [chunk.pcm async for chunk in self._service.synthesize(request)]
        return np.frombuffer(b"".join(chunks), np.int16)

    async def stop(self) -> None:
        """End the engine."""
        if self._service is not None:
            await self._service.stop()
