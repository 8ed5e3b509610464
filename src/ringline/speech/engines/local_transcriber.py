"""A `Transcriber` whose engine runs in a worker child."""

import importlib.util
from pathlib import Path

import msgspec

from ringline.core.clock import Clock
from ringline.core.errors import ProtocolError
from ringline.speech.engines.moonshine_files import MoonshineSettings, find_models
from ringline.speech.engines.recognition_job import HeardAnswer, PassageJob, read_answer, write_job
from ringline.speech.recognition import AUTO_DETECT, Heard, Passage, RecognitionUnavailable, base_language
from ringline.workers import Priority, State, Worker, WorkerFailed, WorkerSpec
from ringline.workers.admission import Limits

NAME = "moonshine"
QUICK, GOOD = "moonshine-tiny-en", "moonshine-base-en"
LANGUAGE = "en"
ADVICE = "Run `ringline doctor`; the server's log has the child's last words"
LEAST_CONFIDENCE = 0.35
"""Below it the text is what the quick model makes of noise: mostly "you" or "the"."""
NICENESS = 5  # words may come a little later; the packets of running calls may not


class MoonshineTranscriber:
    """The models that are pulled: the quick one for what is still being said, the good one for what is whole.

    `patience` is how long a passage may wait for a place, in seconds.
    """

    def __init__(self, models: tuple[str, ...], worker: Worker, patience: float = 10.0) -> None:
        self._models = models
        self.worker = worker
        self._patience = patience

    @property
    def names(self) -> tuple[str, ...]:
        """`moonshine`, and the models."""
        return (NAME, *self._models)

    def understands(self, language: str) -> bool:
        """English; whose language is not known is taken to speak it."""
        return language == AUTO_DETECT or base_language(language) == LANGUAGE

    async def start(self) -> None:
        """Load the models now; raises `RecognitionUnavailable`."""
        try:
            await self.worker.start()
        except WorkerFailed as error:
            raise RecognitionUnavailable(str(error), ADVICE) from error

    async def stop(self) -> None:
        """End the child."""
        await self.worker.stop()

    def ready(self) -> bool:
        """Idle counts: the first passage starts the child."""
        return self.worker.status().state not in (State.BACKOFF, State.STOPPED)

    def has_room(self) -> bool:
        """Whether a place is free and nobody waits for it."""
        status = self.worker.status()
        busy = status.running + status.waiting
        return status.state in (State.IDLE, State.READY) and busy < self.worker.spec.limits.in_flight

    async def transcribe(self, passage: Passage) -> Heard:
        """One passage; raises `Busy`, or `RecognitionUnavailable` when the engine failed."""
        payload = write_job(self._job(passage))
        priority = Priority.LIVE if passage.is_final else Priority.BATCH
        try:
            try:
                answer = await self._call(payload, priority)
            except WorkerFailed:
                # A child that died took with it whatever it was at; who said that did not make it die.
                if self.worker.status().state is State.READY:
                    raise
                answer = await self._call(payload, priority)
        except (WorkerFailed, ProtocolError) as error:
            raise RecognitionUnavailable(str(error), ADVICE) from error
        return Heard(answer.text if answer.confidence >= LEAST_CONFIDENCE else "", answer.confidence)

    async def _call(self, payload: bytes, priority: Priority) -> HeardAnswer:
        return read_answer(await self.worker.call(payload, priority, self._patience))

    def _job(self, passage: Passage) -> PassageJob:
        model = passage.model if passage.model in self._models else self._choice(passage)
        drafter = QUICK if QUICK in self._models and model != QUICK else ""
        return PassageJob(passage.pcm, model, drafter)

    def _choice(self, passage: Passage) -> str:
        wanted = GOOD if passage.is_final else QUICK
        return wanted if wanted in self._models else self._models[0]


def moonshine_transcriber(
    models: Path, limits: Limits, threads: int = 1, clock: Clock | None = None
) -> MoonshineTranscriber | None:
    """The Moonshine models in a folder; None when there are none, or onnxruntime is missing."""
    found = find_models(models, (QUICK, GOOD))
    if not found or importlib.util.find_spec("onnxruntime") is None:
        return None
    settings = MoonshineSettings({name: str(folder) for name, folder in found.items()}, threads)
    spec = WorkerSpec(
        NAME,
        "ringline.speech.engines.moonshine:load",
        settings=msgspec.msgpack.encode(settings),
        limits=limits,
        threads=threads,
        niceness=NICENESS,
        answer_within=60.0,
        idle_after=600.0,
    )
    return MoonshineTranscriber(tuple(found), Worker(spec, clock))
