"""What recognizers are asked for and given, and what becomes of their words."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringline.calls.options import TranscriptionOptions
from ringline.media.tapping import TapFrame, Track
from ringline.node.transcripts import MOST_CHARACTERS, Ear, listening_of, told
from ringline.speech.recognition import Listening

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (TranscriptionOptions(), Listening()),
        (TranscriptionOptions(engine="Azure", language="de-CH"), Listening(language="de-CH")),
        (TranscriptionOptions(language="auto"), Listening(language="auto_detect")),
        (TranscriptionOptions(language="auto_detect"), Listening(language="auto_detect")),
        (TranscriptionOptions(model="remote", interim=True), Listening(model="remote", interim=True)),
        (TranscriptionOptions(hints=("Ann",), silence_ms=900), Listening(hints=("Ann",), silence_ms=900)),
        (TranscriptionOptions(silence_ms=0), Listening(silence_ms=100)),
    ],
)
def test_what_a_track_is_listened_to_for(options: TranscriptionOptions, expected: Listening) -> None:
    assert listening_of(options) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Well, I don't know: 'Maybe?' OK…", "well i don't know maybe ok"),
        ("It costs 3.50, or 1,000.", "it costs 3.50 or 1,000"),
        ("Ça va? Straße; 東京。 हिन्दी!", "ça va straße 東京 हिन्दी"),
        ("?!", ""),
    ],
)
def test_plain_words(text: str, expected: str) -> None:
    assert told(text, plain=True) == expected


@given(st.text(), st.booleans())
def test_a_text_is_one_line_of_bounded_length(text: str, plain: bool) -> None:
    line = told(text * 50, plain=plain)
    assert len(line) <= MOST_CHARACTERS
    assert line.isprintable()
    assert line == told(line, plain=plain)


def test_what_is_not_plain_stays_as_it_is() -> None:
    assert told(" Well, Ann:\n“3.5”? ", plain=False) == "Well, Ann: “3.5”?"


class Noted:
    """A recognition that notes what it is given, in the order of time."""

    rate = 16_000

    def __init__(self) -> None:
        self.given: list[bytes | int] = []

    def hear(self, pcm: bytes) -> None:
        self.given.append(pcm)

    def missed(self, ms: int) -> None:
        self.given.append(ms)

    async def close(self) -> None:
        """Nothing is open."""


def frame(track: Track, at_ms: int, payload: bytes = b"") -> TapFrame:
    return TapFrame(track, 1 + at_ms // 20, at_ms, 1 + at_ms // 20, payload)


def test_an_ear_hears_its_own_track() -> None:
    noted = Noted()
    ear = Ear("inbound", noted)
    for at in (0, 20):
        ear.pass_by(frame("inbound", at, b"in"))
        ear.pass_by(frame("outbound", at, b"out"))
    assert (noted.given, ear.heard_ms) == ([b"in", b"in"], 40)


def test_frames_that_were_dropped_are_missing() -> None:
    noted = Noted()
    ear = Ear("inbound", noted)
    for at in (40, 60, 160):
        ear.pass_by(frame("inbound", at, b"in"))
    assert noted.given == [40, b"in", b"in", 80, b"in"]
    assert ear.heard_ms == 60


def test_the_other_track_tells_how_long_a_pause_is() -> None:
    noted = Noted()
    ear = Ear("outbound", noted)
    for at in (0, 20, 40, 60):
        ear.pass_by(frame("inbound", at))
        if at in (20, 60):
            ear.pass_by(frame("outbound", at, b"out"))
    ear.pass_by(frame("inbound", 100))
    assert noted.given == [20, b"out", 20, b"out", 20]
    assert ear.heard_ms == 40
