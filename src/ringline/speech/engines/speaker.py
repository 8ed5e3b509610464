"""A `Speaker` whose engine runs in a worker child."""

import importlib.util
from pathlib import Path

import msgspec

from ringline.core.clock import Clock
from ringline.speech.engines.espeak_voices import VOICES
from ringline.speech.engines.job import ClauseJob, write_job
from ringline.speech.engines.piper_files import PiperSettings, find_voices
from ringline.speech.synthesis import SpeechUnavailable, Utterance
from ringline.speech.voices import LocalVoice
from ringline.workers import Priority, State, Worker, WorkerFailed, WorkerSpec
from ringline.workers.admission import Limits

ADVICE = "Run `ringline doctor`; the server's log has the child's last words"
NICENESS = 5  # speech is made ahead of the listener; the packets of running calls are not
ESPEAK_PACKAGE = "espeakng_loader"


class WorkerSpeaker:
    """Says clauses through one worker; `patience` is how long a clause may wait for a place, in seconds."""

    def __init__(self, voices: tuple[LocalVoice, ...], worker: Worker, patience: float = 10.0) -> None:
        self._voices = voices
        self.worker = worker
        self._patience = patience

    @property
    def voices(self) -> tuple[LocalVoice, ...]:
        """The voices of the engine."""
        return self._voices

    async def start(self) -> None:
        """Load the engine now; raises `SpeechUnavailable`."""
        try:
            await self.worker.start()
        except WorkerFailed as error:
            raise SpeechUnavailable(str(error), ADVICE) from error

    async def stop(self) -> None:
        """End the child."""
        await self.worker.stop()

    def ready(self) -> bool:
        """Idle counts: the first clause starts the child."""
        return self.worker.status().state not in (State.BACKOFF, State.STOPPED)

    async def say(self, utterance: Utterance, priority: Priority) -> bytes:
        """One clause as PCM; raises `Busy`, or `SpeechUnavailable` when the engine failed."""
        job = ClauseJob(utterance.text, utterance.voice.key, utterance.rate, utterance.speed)
        try:
            return await self.worker.call(write_job(job), priority, self._patience)
        except WorkerFailed as error:
            raise SpeechUnavailable(str(error), ADVICE) from error


def espeak_speaker(limits: Limits, clock: Clock | None = None) -> WorkerSpeaker | None:
    """espeak-ng's own voice; None when the package is not installed."""
    if not _installed(ESPEAK_PACKAGE):
        return None
    spec = WorkerSpec(
        "espeak", "ringline.speech.engines.espeak:load", limits=limits, niceness=NICENESS, answer_within=20.0
    )
    return WorkerSpeaker(VOICES, Worker(spec, clock))


def piper_speaker(
    models: Path, limits: Limits, threads: int = 1, clock: Clock | None = None
) -> WorkerSpeaker | None:
    """The Piper voices under a folder; None when there are none, or the packages are missing.

    Raises `ConfigError` for a voice whose configuration cannot be read.
    """
    voices = find_voices(models)
    if not voices or not all(map(_installed, (ESPEAK_PACKAGE, "onnxruntime"))):
        return None
    settings = PiperSettings(tuple(voice.key for voice in voices), threads)
    spec = WorkerSpec(
        "piper",
        "ringline.speech.engines.piper:load",
        settings=msgspec.msgpack.encode(settings),
        limits=limits,
        threads=threads,
        niceness=NICENESS,
        answer_within=30.0,
    )
    return WorkerSpeaker(voices, Worker(spec, clock))


def _installed(package: str) -> bool:
    return importlib.util.find_spec(package) is not None
