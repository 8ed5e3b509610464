"""Which encoding each direction gets."""

import pytest

from ringline.streams.formats import Audio, from_app, to_app
from ringline.streams.frames import InvalidMedia, MediaFormat
from tests.streams.apps import request

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    ("asked", "leg", "chosen"),
    [
        ("default", ("PCMU", 8000), ("PCMU", 8000)),
        ("default", ("PCMA", 8000), ("PCMA", 8000)),
        ("default", ("G722", 16000), ("G722", 8000)),
        ("default", ("L16", 16000), ("L16", 16000)),
        ("default", ("L16", 8000), ("L16", 8000)),
        ("PCMU", ("G722", 16000), ("PCMU", 8000)),
        ("PCMA", ("L16", 16000), ("PCMA", 8000)),
        ("G722", ("PCMU", 8000), ("G722", 8000)),
        ("L16", ("PCMU", 8000), ("L16", 16000)),
        ("L16", ("L16", 8000), ("L16", 8000)),
        ("OPUS", ("PCMA", 8000), ("PCMA", 8000)),
        ("AMR-WB", ("G722", 16000), ("G722", 8000)),
    ],
)
def test_what_the_app_is_sent_is_what_start_declares(
    asked: str, leg: tuple[str, int], chosen: tuple[str, int]
) -> None:
    audio = to_app(request("ws://x", codec=asked), *leg)
    assert audio == Audio(*chosen)
    assert audio.declared() == MediaFormat(*chosen, channels=1)


@pytest.mark.parametrize(
    ("codec", "rate", "audio", "bytes_per_second"),
    [
        ("PCMU", 8000, Audio("PCMU", 8000), 8000),
        ("PCMU", 16000, Audio("PCMU", 8000), 8000),
        ("PCMA", 48000, Audio("PCMA", 8000), 8000),
        ("G722", 16000, Audio("G722", 8000), 8000),
        ("L16", 8000, Audio("L16", 8000), 16000),
        ("L16", 22050, Audio("L16", 22050), 44100),
        ("L16", 48000, Audio("L16", 48000), 96000),
    ],
)
def test_how_the_app_is_read(codec: str, rate: int, audio: Audio, bytes_per_second: int) -> None:
    read = from_app(request("ws://x", bidirectional_codec=codec, bidirectional_rate=rate))
    assert read == audio
    assert read.bytes_per_second == bytes_per_second


@pytest.mark.parametrize(
    ("codec", "rate"), [("OPUS", 16000), ("AMR-WB", 16000), ("L16", 44100), ("pcmu", 8000)]
)
def test_what_cannot_be_read_is_invalid_media(codec: str, rate: int) -> None:
    with pytest.raises(InvalidMedia, match=codec):
        from_app(request("ws://x", bidirectional_codec=codec, bidirectional_rate=rate))
