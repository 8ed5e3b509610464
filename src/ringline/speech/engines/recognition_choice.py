"""Which recognition engines a node gets, from what is installed, pulled and configured."""

import os
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import httpx

from ringline.core.clock import Clock
from ringline.core.errors import ConfigError
from ringline.speech.engines.local_transcriber import moonshine_transcriber
from ringline.speech.engines.remote_transcriber import RemoteTranscriber, RemoteTranscriberSettings
from ringline.speech.engines.silero_detection import MODEL, SileroDetection, is_here
from ringline.speech.recognition import Transcriber
from ringline.speech.recognition_service import RecognitionService
from ringline.speech.vad import Detection, EnergyDetection
from ringline.workers.admission import Limits

MOST_AT_ONCE = 4


class Vad(StrEnum):
    """Who finds speech: Silero's model, loudness alone, or the model if it is pulled."""

    AUTO = "auto"
    SILERO = "silero"
    ENERGY = "energy"


@dataclass(frozen=True, slots=True)
class RecognitionChoice:
    """`models` is the folder that `ringline models pull` fills.

    So many `tracks` are listened to at once, of which `at_once` utterances are written down here in parallel,
    a core each; 0 is as many as there are cores, up to 4. `early` is explained at `hearing.Engines`.
    """

    models: Path
    vad: Vad = Vad.AUTO
    tracks: int = 32
    at_once: int = 0
    early: bool = True
    remote: RemoteTranscriberSettings | None = None


def make_recognizer(
    choice: RecognitionChoice, client: httpx.AsyncClient | None = None, clock: Clock | None = None
) -> RecognitionService:
    """The recognizer of a node: a remote engine before a local one, as far as they are there.

    Raises `ConfigError` for a remote engine without a client.
    """
    transcribers: list[Transcriber] = []
    if choice.remote is not None:
        if client is None:
            raise ConfigError("a remote recognition engine needs an HTTP client")
        transcribers.append(RemoteTranscriber(choice.remote, client, clock))
    at_once = choice.at_once or min(MOST_AT_ONCE, os.cpu_count() or 1)
    local = moonshine_transcriber(choice.models, Limits(at_once, choice.tracks), clock=clock)
    if local is not None:
        transcribers.append(local)
    return RecognitionService(transcribers, _detection(choice, clock), choice.tracks, clock, choice.early)


def _detection(choice: RecognitionChoice, clock: Clock | None) -> Detection:
    model = choice.models / MODEL
    if choice.vad is Vad.ENERGY or (choice.vad is Vad.AUTO and not is_here(model)):
        return EnergyDetection()
    return SileroDetection(model, choice.tracks, clock)
