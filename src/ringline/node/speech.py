"""The synthesiser of this node: the engines that are installed and wanted."""

import httpx

from ringline.core.clock import Clock
from ringline.core.settings import Settings
from ringline.speech.engines.choice import SynthesisSettings, make_service
from ringline.speech.engines.remote import RemoteSettings
from ringline.speech.service import SpeechService


def make_speech(settings: Settings, clock: Clock, client: httpx.AsyncClient) -> SpeechService:
    """Best engines first; none at all is no error until somebody wants to speak."""
    one = settings.speech
    remote = None
    if one.remote_url:
        remote = RemoteSettings(one.remote_url, one.remote_model, one.remote_key.get_secret_value())
    chosen = SynthesisSettings(
        models=settings.models_folder(),
        at_once=one.workers,
        cache=settings.data / "speech",
        remote=remote,
    )
    return make_service(chosen, client, clock)
