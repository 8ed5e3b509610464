"""Which engines a node gets, from what is installed and configured."""

import os
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from ringline.core.clock import Clock
from ringline.core.errors import ConfigError
from ringline.speech.cache import CacheLimits, ClauseCache
from ringline.speech.engines.remote import RemoteSettings, RemoteSpeaker
from ringline.speech.engines.speaker import espeak_speaker, piper_speaker
from ringline.speech.service import SpeechService, SpeechSettings
from ringline.speech.synthesis import Speaker
from ringline.workers.admission import Limits

MOST_IN_FLIGHT = 4


@dataclass(frozen=True, slots=True)
class SynthesisSettings:
    """`models` is the folder that `ringline models pull` fills; `at_once` clauses are made in parallel.

    `cache` is a folder that outlives the node; without one clauses are kept in memory only.
    """

    models: Path
    at_once: int = min(MOST_IN_FLIGHT, os.cpu_count() or 1)
    utterances: int = 64
    ahead: int = 2
    cache: Path | None = None
    cache_limits: CacheLimits = field(default_factory=CacheLimits)
    remote: RemoteSettings | None = None


def make_service(
    settings: SynthesisSettings, client: httpx.AsyncClient | None = None, clock: Clock | None = None
) -> SpeechService:
    """The speech service of a node: remote before Piper before espeak-ng, as far as they are there.

    Raises `ConfigError` for a remote engine without a client or a Piper voice that cannot be read.
    """
    # Every clause of every utterance finds a place in the queue: who begins to speak can finish.
    limits = Limits(settings.at_once, settings.utterances * (settings.ahead + 1))
    speakers: list[Speaker] = []
    if settings.remote is not None:
        if client is None:
            raise ConfigError("a remote speech engine needs an HTTP client")
        speakers.append(RemoteSpeaker(settings.remote, client, clock))
    for local in (piper_speaker(settings.models, limits, clock=clock), espeak_speaker(limits, clock)):
        if local is not None:
            speakers.append(local)
    return SpeechService(
        speakers,
        SpeechSettings(settings.utterances, settings.ahead),
        ClauseCache(settings.cache, settings.cache_limits),
    )
