"""The recognizer of a node, from its settings to a text."""

from pathlib import Path

import httpx
import pytest
from pydantic import SecretStr

from ringline.core.clock import SystemClock
from ringline.core.settings import RecognitionSettings, Settings, SpeechSettings
from ringline.node.inference import make_client
from ringline.node.recognition import make_recognition
from ringline.speech.recognition import Listening, RecognitionUnavailable
from tests.speech.hearing import Told, play, quiet, tone, tone_engine

pytestmark = pytest.mark.system


async def test_a_node_hears_through_the_engine_of_its_settings(tmp_path: Path) -> None:
    async with tone_engine() as engine, make_client() as client:
        settings = Settings(
            data=tmp_path,
            recognition=RecognitionSettings(
                remote_url=engine.url,
                remote_key=SecretStr("secret"),
                remote_model="large",
                remote_languages=("en", "de"),
                tracks=1,
            ),
        )
        service = make_recognition(settings, SystemClock(), client)
        told = Told()
        with pytest.raises(RecognitionUnavailable, match="understands fr"):
            await service.open(Listening("fr"), told.transcript, told.failure)
        recognition = await service.open(Listening("de", model="large"), told.transcript, told.failure)
        with pytest.raises(RecognitionUnavailable, match="1 tracks"):
            await service.open(Listening(), told.transcript, told.failure)
        play(recognition, quiet(200) + tone(440, 400) + quiet(800))
        await service.stop()
    assert told.finals == ["alpha"]
    (sent,) = engine.sent
    assert sent.form["model"] == "large"
    assert sent.form["language"] == "de"
    assert sent.headers["Authorization"] == "Bearer secret"


async def test_nothing_is_no_error_until_a_track_is_to_be_heard(tmp_path: Path) -> None:
    async with httpx.AsyncClient() as client:
        settings = Settings(data=tmp_path, speech=SpeechSettings(models=str(tmp_path / "none")))
        service = make_recognition(settings, SystemClock(), client)
        assert not service.ready()
        with pytest.raises(RecognitionUnavailable, match="ringline models pull"):
            await service.open(Listening(), print, print)
        await service.stop()
