"""Which recognition engines a node gets, from what is installed, pulled and configured."""

from dataclasses import dataclass

import httpx

from ringline.core.clock import Clock
from ringline.core.errors import ConfigError
from ringline.speech.engines.remote_transcriber import RemoteTranscriber, RemoteTranscriberSettings
from ringline.speech.recognition import Transcriber
from ringline.speech.recognition_service import RecognitionService


@dataclass(frozen=True, slots=True)
class RecognitionChoice:
    """So many `tracks` are listened to at once."""

    tracks: int = 32
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
    return RecognitionService(transcribers, tracks=choice.tracks, clock=clock)
