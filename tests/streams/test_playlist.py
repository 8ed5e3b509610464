"""Files and marks in submission order, decoded in a thread."""

import asyncio
import threading
from collections.abc import Callable

import numpy as np
import pytest

from ringline.media.files import encode_mp3, encode_wav
from ringline.streams.frames import FrameError
from ringline.streams.playlist import Decode, Playlist, decode_file
from ringline.streams.request import StreamLimits
from tests.streams.apps import ScriptedInject

pytestmark = pytest.mark.unit


def tone(hz: float, seconds: float, rate: int) -> "np.ndarray[tuple[int], np.dtype[np.int16]]":
    moments = np.arange(round(seconds * rate)) / rate
    return (8000 * np.sin(2 * np.pi * hz * moments)).astype(np.int16)


def echo(file: bytes, rate: int, limit: float) -> bytes:
    return file


class Held:
    """A decoder that a test lets go on file by file."""

    def __init__(self) -> None:
        self.go = threading.Semaphore(0)

    def __call__(self, file: bytes, rate: int, limit: float) -> bytes:
        assert self.go.acquire(timeout=5)
        return file


@pytest.fixture
def inject() -> ScriptedInject:
    return ScriptedInject({})


@pytest.fixture
def refused() -> list[FrameError]:
    return []


def playlist(
    inject: ScriptedInject,
    decode: Decode,
    reject: Callable[[FrameError], None] = lambda _: None,
    limits: StreamLimits | None = None,
) -> Playlist:
    return Playlist(inject, decode=decode, limits=limits or StreamLimits(), reject=reject)


async def test_files_and_marks_keep_their_order(inject: ScriptedInject) -> None:
    held = Held()
    files = playlist(inject, held)
    files.mark("before")
    files.add(b"one.")
    files.mark("after one")
    files.add(b"two.")
    files.mark("after two")
    held.go.release(2)
    assert await inject.until(5) == [
        ("mark", "before"),
        ("pcm", b"one."),
        ("mark", "after one"),
        ("pcm", b"two."),
        ("mark", "after two"),
    ]


async def test_clear_forgets_the_file_that_is_being_decoded(inject: ScriptedInject) -> None:
    held = Held()
    files = playlist(inject, held)
    files.add(b"old.")
    files.mark("old")
    files.add(b"older")
    await asyncio.sleep(0)
    files.clear()
    held.go.release(3)
    files.add(b"new.")
    assert await inject.until(2) == [("clear", None), ("pcm", b"new.")]


async def test_a_file_that_is_none_does_not_stop_the_next(
    inject: ScriptedInject, refused: list[FrameError]
) -> None:
    files = playlist(inject, decode_file, refused.append)
    files.add(b"\xff" * 160)
    files.add(encode_wav(tone(400, 0.1, 8000), 8000))
    [(what, samples)] = await inject.until(1)
    assert (what, len(samples)) == ("pcm", 1600)  # type: ignore[arg-type]  # `object` is bytes here
    assert [error.code for error in refused] == [100004]


async def test_a_decoder_that_breaks_does_not_stop_the_next(
    inject: ScriptedInject, refused: list[FrameError]
) -> None:
    def fragile(file: bytes, rate: int, limit: float) -> bytes:
        if file == b"bad":
            raise ZeroDivisionError
        return file

    files = playlist(inject, fragile, refused.append)
    files.add(b"bad")
    files.add(b"good")
    assert await inject.until(1) == [("pcm", b"good")]
    assert [error.code for error in refused] == [100002]


async def test_how_many_files_may_wait(inject: ScriptedInject, refused: list[FrameError]) -> None:
    held = Held()
    files = playlist(inject, held, refused.append, StreamLimits(files_waiting=2))
    for name in (b"aa", b"bb", b"cc"):
        files.add(name)
    assert [error.code for error in refused] == [100005]
    held.go.release(2)
    assert await inject.until(2) == [("pcm", b"aa"), ("pcm", b"bb")]


async def test_how_much_audio_may_wait(inject: ScriptedInject, refused: list[FrameError]) -> None:
    inject.backlog_ms = 9_500
    files = playlist(inject, echo, refused.append, StreamLimits(buffer=10))
    files.add(bytes(16_000))
    files.add(bytes(8_000))
    assert await inject.until(1) == [("pcm", bytes(8_000))]
    assert [error.code for error in refused] == [100005]


async def test_a_call_without_room(inject: ScriptedInject, refused: list[FrameError]) -> None:
    inject.full = True
    held = Held()
    files = playlist(inject, held, refused.append)
    files.add(b"much")
    files.mark("end")
    held.go.release()
    assert await inject.until(1) == [("mark", "end")]
    assert [error.code for error in refused] == [100005]


async def test_after_close_nothing_is_played(inject: ScriptedInject) -> None:
    held = Held()
    files = playlist(inject, held)
    files.add(b"late")
    await asyncio.sleep(0)
    files.close()
    held.go.release()
    await asyncio.get_running_loop().shutdown_default_executor()
    assert inject.done == []


@pytest.mark.parametrize("rate", [8000, 16000])
def test_an_mp3_keeps_its_pitch_and_length(rate: int) -> None:
    file = encode_mp3(tone(600, 1.0, 24000), 24000)
    samples = np.frombuffer(decode_file(file, rate, 600), np.int16).astype(float)
    assert len(samples) / rate == pytest.approx(1.0, abs=0.1)
    middle = samples[len(samples) // 4 : len(samples) * 3 // 4]
    spectrum = np.abs(np.fft.rfft(middle * np.hanning(len(middle))))
    assert np.argmax(spectrum) * rate / len(middle) == pytest.approx(600, abs=5)


def test_a_file_longer_than_the_limit_is_refused() -> None:
    with pytest.raises(FrameError, match="longer than"):
        decode_file(encode_wav(tone(400, 1.2, 8000), 8000), 8000, 1.0)
