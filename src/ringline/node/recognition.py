"""The recognizer of this node: the engines that are pulled and configured."""

import httpx

from ringline.core.clock import Clock
from ringline.core.settings import Settings
from ringline.speech.engines.recognition_choice import RecognitionChoice, Vad, make_recognizer
from ringline.speech.engines.remote_transcriber import RemoteTranscriberSettings
from ringline.speech.recognition_service import RecognitionService


def make_recognition(settings: Settings, clock: Clock, client: httpx.AsyncClient) -> RecognitionService:
    """Best engines first; none at all is no error until a track is to be heard. Whoever asks stops it."""
    one = settings.recognition
    remote = None
    if one.remote_url:
        remote = RemoteTranscriberSettings(
            one.remote_url,
            one.remote_model,
            one.remote_key.get_secret_value(),
            one.remote_languages,
            one.remote_in_flight,
        )
    choice = RecognitionChoice(
        settings.models_folder(), Vad(one.vad), one.tracks, one.workers, one.early, remote
    )
    return make_recognizer(choice, client, clock)
