"""The synthesiser of this node: the engines that are installed and wanted."""

from collections.abc import Sequence

from ringline.core.clock import Clock
from ringline.core.settings import Settings
from ringline.speech.engines.speaker import espeak_speaker, piper_speaker
from ringline.speech.service import SpeechService
from ringline.speech.synthesis import Speaker
from ringline.workers.admission import Limits

WORKER_LIMITS = Limits(in_flight=1, waiting=64)


def make_speech(settings: Settings, clock: Clock) -> SpeechService:
    """Best engines first; none at all is no error until somebody wants to speak."""
    return SpeechService(_speakers(settings, clock))


def _speakers(settings: Settings, clock: Clock) -> Sequence[Speaker]:
    wanted = settings.speech.engine
    speakers: list[Speaker] = []
    if wanted in ("auto", "piper"):
        piper = piper_speaker(settings.models_folder(), WORKER_LIMITS, settings.speech.threads, clock)
        speakers += [piper] if piper else []
    if wanted in ("auto", "espeak"):
        espeak = espeak_speaker(WORKER_LIMITS, clock)
        speakers += [espeak] if espeak else []
    return speakers
