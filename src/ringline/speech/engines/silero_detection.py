"""Silero's detectors: one worker child listens for all tracks."""

import asyncio
import importlib.util
import logging
from collections.abc import Sequence
from pathlib import Path

import msgspec

from ringline.core.clock import Clock
from ringline.core.errors import ProtocolError
from ringline.speech.engines.silero_job import (
    SileroSettings,
    WindowsAnswer,
    WindowsJob,
    read_answer,
    write_job,
)
from ringline.speech.recognition import RecognitionUnavailable
from ringline.speech.vad import EnergyDetector
from ringline.workers import Busy, Worker, WorkerFailed, WorkerSpec
from ringline.workers.admission import Limits

log = logging.getLogger(__name__)

NAME = "silero"
MODEL = Path("silero-vad") / "silero_vad_v6.onnx"
PATIENCE_S = 1.0
"""Later than this, an answer delays the end of the utterance more than a plain one spoils it."""
ADVICE = (
    "Install the extra `ringline[speech]` and run `ringline models pull silero-vad`, or set recognition.vad "
    "to energy"
)


class SileroDetector:
    """One track's. While the child is away or late, loudness answers for it."""

    at_once = 3

    def __init__(self, worker: Worker) -> None:
        self._worker = worker
        self._energy = EnergyDetector()
        self._memory = b""

    async def listen(self, pcm: bytes, levels: Sequence[float]) -> list[float]:
        """See `Detector`."""
        plain = await self._energy.listen(pcm, levels)  # always, for it has to know the track's noise
        try:
            async with asyncio.timeout(PATIENCE_S):
                answer = await self._ask(pcm)
        except (Busy, WorkerFailed, ProtocolError, TimeoutError) as error:
            log.debug("the voice detector is away: %s", error)
            self._memory = b""
            return plain
        if len(answer.probabilities) != len(plain):
            return plain
        self._memory = answer.memory
        return answer.probabilities

    async def _ask(self, pcm: bytes) -> WindowsAnswer:
        return read_answer(await self._worker.call(write_job(WindowsJob(pcm, self._memory)), wait=PATIENCE_S))


class SileroDetection:
    """The model in its child, which starts with the first track."""

    name = NAME

    def __init__(self, model: Path, tracks: int, clock: Clock | None = None) -> None:
        self._model = model
        settings = SileroSettings(str(model))
        spec = WorkerSpec(
            "voice detector",
            "ringline.speech.engines.silero:load",
            settings=msgspec.msgpack.encode(settings),
            limits=Limits(in_flight=1, waiting=tracks),
            answer_within=10.0,
            idle_after=600.0,
        )
        self.worker = Worker(spec, clock)

    def detector(self) -> SileroDetector:
        """One for another track; raises `RecognitionUnavailable` when the model is not here."""
        if not is_here(self._model):
            raise RecognitionUnavailable("The voice detector silero-vad is not here", ADVICE)
        return SileroDetector(self.worker)

    async def stop(self) -> None:
        """End the child."""
        await self.worker.stop()


def is_here(model: Path) -> bool:
    """Whether the model and what it runs on are installed."""
    return model.is_file() and importlib.util.find_spec("onnxruntime") is not None
