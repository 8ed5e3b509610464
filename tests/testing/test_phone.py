"""Two phones call each other: what one plays or speaks, the other hears and keeps."""

import wave
from collections.abc import AsyncIterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
import pytest_asyncio
import soxr

from ringline.media.files import UnreadableAudio, decode, encode_wav
from ringline.testing import Heard, Phone, PhoneCall, tone

pytestmark = pytest.mark.unit


@dataclass(frozen=True)
class Line:
    """A call that stands, from both ends."""

    near: PhoneCall
    far: PhoneCall


@pytest_asyncio.fixture
async def line() -> AsyncIterator[Line]:
    async with Phone() as alice, Phone(user="bob", manner="answer") as bob:
        near = alice.dial(bob.uri)
        far = await bob.next_call()
        await near.answered()
        yield Line(near, far)


async def hears(call: PhoneCall, hertz: float, seconds: float) -> float:
    await call.until(lambda: call.heard.tone(hertz).seconds >= seconds, f"tone of {hertz:g} Hz")
    return call.heard.tone(hertz).seconds


@pytest.mark.parametrize(("rate", "channels"), [(8000, 1), (44_100, 1), (48_000, 2)])
async def test_a_file_of_any_rate_is_played(line: Line, tmp_path: Path, rate: int, channels: int) -> None:
    file = tmp_path / "tone.wav"
    samples = np.repeat(tone(700, 0.5, rate), channels)
    file.write_bytes(encode_wav(samples, rate, channels=channels))

    await line.near.play(file)

    assert await hears(line.far, 700, 0.46) == pytest.approx(0.5, abs=0.06)


async def test_the_path_of_a_file_may_be_text_and_play_in_the_background(line: Line, tmp_path: Path) -> None:
    (tmp_path / "tone.wav").write_bytes(encode_wav(tone(900, 0.4, 16_000), 16_000))
    line.near.say(str(tmp_path / "tone.wav"))
    await hears(line.far, 900, 0.36)


async def test_what_is_no_sound_is_refused(line: Line, tmp_path: Path) -> None:
    (tmp_path / "text.wav").write_bytes(b"not a sound")
    with pytest.raises(UnreadableAudio):
        await line.near.play(tmp_path / "text.wav")
    with pytest.raises(FileNotFoundError):
        await line.near.play(tmp_path / "missing.wav")
    await line.near.play(tone(700, 0.4))
    await hears(line.far, 700, 0.36)


@pytest.mark.skipif(not find_spec("espeakng_loader"), reason="needs the extra `speech`")
async def test_a_text_that_is_spoken_is_heard(line: Line) -> None:
    said = await line.near.speak("Good morning.")
    reference = np.asarray(soxr.resample(said, 16_000, 8000), np.int16)
    await line.far.until(lambda: line.far.heard.seconds > len(reference) / 8000 + 0.5, "all of it")
    assert len(reference) > 4000
    assert line.far.heard.likeness(reference).score > 0.8


async def test_what_was_heard_is_kept_as_a_file(line: Line, tmp_path: Path) -> None:
    await line.near.play(tone(600, 0.4))
    await hears(line.far, 600, 0.36)
    line.near.hang_up()
    await line.far.ended()

    file = line.far.heard.save(tmp_path / "heard.wav")

    with wave.open(str(file)) as saved:
        assert (saved.getnchannels(), saved.getsampwidth(), saved.getframerate()) == (1, 2, 8000)
    kept = Heard(8000)
    kept.add(decode(file, rate=8000))
    assert np.array_equal(kept.samples, line.far.heard.samples)
    assert kept.tone(600).seconds >= 0.36
