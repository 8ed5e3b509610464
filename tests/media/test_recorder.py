import signal
import subprocess
import sys
import wave
from array import array
from itertools import groupby
from pathlib import Path
from random import Random

import av
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ringline.media import files, wav
from ringline.media.recorder import (
    Channels,
    Ending,
    EndRule,
    Format,
    RecordingFailed,
    RecordingFile,
    Trimmer,
    arrange,
    loudness,
    repair,
    silent,
)
from tests.media.signals import fitted, noise, sine

pytestmark = pytest.mark.unit

RATE = 8000
SIZE = RATE // 50
QUIET = array("h", [3, -3] * (SIZE // 2)).tobytes()


def frames(pcm: "array[int]", rate: int = RATE) -> list[bytes]:
    data = pcm.tobytes()
    return [data[i : i + rate // 25] for i in range(0, len(data), rate // 25)]


LEFT = frames(sine(500, 2.0, RATE, peak=9000))
RIGHT = frames(sine(800, 2.0, RATE, peak=6000))


def samples(path: Path) -> list["array[int]"]:
    """The channels of a recording, as an independent reader sees them."""
    if path.suffix == ".wav":
        with wave.open(str(path)) as reader:
            data, channels = array("h", reader.readframes(reader.getnframes())), reader.getnchannels()
        return [data[i::channels] for i in range(channels)]
    with av.open(str(path)) as container:
        decoded = np.concatenate([frame.to_ndarray() for frame in container.decode(audio=0)], axis=1)
    return [array("h", np.rint(channel * 32767).astype(np.int16).tobytes()) for channel in decoded]


# Parts without a disk


def test_loudness_is_the_root_mean_square() -> None:
    assert loudness(sine(400, 0.02, RATE, peak=10_000).tobytes()) == pytest.approx(7071, rel=0.001)
    assert loudness(b"") == 0


def test_silence_is_a_lines_noise_and_speech_is_not() -> None:
    whisper = noise(0.02, RATE, peak=600).tobytes()
    assert silent(QUIET, None)
    assert silent(QUIET, QUIET)
    assert not silent(whisper, None)
    assert not silent(QUIET, whisper)


def test_two_channels_alternate() -> None:
    left, right = array("h", [1, 2, 3]).tobytes(), array("h", [-1, -2, -3]).tobytes()
    assert array("h", arrange(left, right, 2)).tolist() == [1, -1, 2, -2, 3, -3]
    assert array("h", arrange(left, None, 2)).tolist() == [1, 0, 2, 0, 3, 0]


def test_one_channel_is_the_sum_and_clips() -> None:
    left, right = array("h", [100, 30_000, -30_000]).tobytes(), array("h", [11, 30_000, -30_000]).tobytes()
    assert array("h", arrange(left, right, 1)).tolist() == [111, 32_767, -32_768]
    assert arrange(left, None, 1) == left


def ending(rule: EndRule, pattern: str) -> tuple[int, Ending] | None:
    """When (in ms) and why a rule ends a recording of sounding `x` and silent `.` frames."""
    for i, kind in enumerate(pattern, 1):
        verdict = rule.heard(silent=kind == ".")
        if verdict is not None:
            return i * 20, verdict
    return None


@pytest.mark.parametrize(
    ("rule", "pattern", "expected"),
    [
        (EndRule(), "x" * 50 + "." * 500, None),
        (EndRule(max_length_ms=200), "x" * 50, (200, Ending.MAX_LENGTH)),
        (EndRule(silence_ms=200), "." * 500, None),
        (EndRule(silence_ms=200), "..x" + "." * 50, (260, Ending.SILENCE)),
        (EndRule(silence_ms=200), "x" + ("." * 9 + "x") * 20, None),
        (EndRule(silence_ms=200, max_length_ms=100), "x" + "." * 50, (100, Ending.MAX_LENGTH)),
    ],
    ids=["no limits", "length", "never a sound", "silence", "pauses", "both"],
)
def test_when_a_recording_ends_by_itself(
    rule: EndRule, pattern: str, expected: tuple[int, Ending] | None
) -> None:
    assert ending(rule, pattern) == expected


def trimmed(pattern: str) -> list[bytes]:
    """What a trimmer leaves of sounding `x` and silent `.` frames, each with its number in it."""
    trimmer = Trimmer()
    out = []
    for i, kind in enumerate(pattern):
        out += trimmer.push(i.to_bytes(4), silent=kind == ".")
    return out


def numbers(kept: list[bytes]) -> list[int]:
    return [int.from_bytes(frame) for frame in kept]


@pytest.mark.parametrize(
    ("pattern", "kept"),
    [
        ("", []),
        ("." * 100, []),
        ("." * 30 + "x" * 5 + "." * 30, range(20, 45)),
        ("..x..", range(5)),
        ("x" + "." * 100 + "x", range(102)),
        ("x" * 3, range(3)),
    ],
)
def test_trimming_keeps_200_ms_around_the_sound(pattern: str, kept: list[int]) -> None:
    assert numbers(trimmed(pattern)) == list(kept)


@settings(deadline=None)
@given(st.text("x.", max_size=120))
def test_trimming_never_loses_a_sound_nor_moves_one(pattern: str) -> None:
    kept = numbers(trimmed(pattern))
    assert kept == list(range(kept[0], kept[-1] + 1)) if kept else "x" not in pattern
    assert set(kept) >= {i for i, kind in enumerate(pattern) if kind == "x"}


def test_a_very_long_pause_keeps_its_length_in_little_memory() -> None:
    pause = 4 * 30_000 // 20
    trimmer = Trimmer()
    kept = trimmer.push(b"\1" * 320, silent=False)
    for _ in range(pause):
        kept += trimmer.push(b"\2" * 320, silent=True)
    assert len(kept) == 11
    kept += trimmer.push(b"\3" * 320, silent=False)

    runs = [(frame[0], len(list(same))) for frame, same in groupby(kept)]
    assert runs == [(1, 1), (2, 10), (0, pause - 10 - 1500), (2, 1500), (3, 1)]


# Files


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("format", ["wav", "mp3"])
def test_a_recording_holds_both_sides(tmp_path: Path, format: Format, channels: Channels) -> None:
    path = tmp_path / f"call.{format}"
    recording = RecordingFile(path, format=format, channels=channels, rate=RATE)
    for left, right in zip(LEFT, RIGHT, strict=True):
        recording.write(left, right)
    info = recording.close()

    assert (info.path, info.format, info.channels, info.rate) == (path, format, channels, RATE)
    assert info.duration_ms == 2000
    assert info.size == path.stat().st_size
    heard = [channel[800:-800] for channel in samples(path)]
    assert len(heard) == channels
    assert len(heard[0]) == pytest.approx(16_000 - 1600, abs=10)
    tolerance = 0.07 if format == "mp3" else 0.01
    for channel, frequency, peak in ((0, 500, 9000), (channels - 1, 800, 6000)):
        assert fitted(heard[channel], frequency, RATE)[0] == pytest.approx(peak, rel=tolerance)
    if channels == 2:
        assert fitted(heard[0], 800, RATE)[0] < 100
        assert fitted(heard[1], 500, RATE)[0] < 100


def test_a_pause_leaves_no_gap(tmp_path: Path) -> None:
    path = tmp_path / "call.wav"
    recording = RecordingFile(path, format="wav", channels=1, rate=RATE)
    for i, frame in enumerate(LEFT):
        if i == 20:
            recording.pause()
        if i == 70:
            recording.resume()
        assert recording.paused == (20 <= i < 70)
        recording.write(frame)
    assert recording.close().duration_ms == 1000
    assert samples(path)[0].tobytes() == b"".join(LEFT[:20] + LEFT[70:])


def test_a_trimmed_recording_loses_its_silent_ends(tmp_path: Path) -> None:
    recording = RecordingFile(tmp_path / "call.wav", format="wav", channels=2, rate=RATE, trim=True)
    for frame in [QUIET] * 60 + LEFT[:50] + [QUIET] * 60:
        recording.write(frame, QUIET)
    info = recording.close()
    assert info.duration_ms == 200 + 1000 + 200
    assert len(samples(tmp_path / "call.wav")[1]) == 1400 * 8


@pytest.mark.parametrize("format", ["wav", "mp3"])
def test_an_empty_recording_is_still_a_file(tmp_path: Path, format: Format) -> None:
    path = tmp_path / f"call.{format}"
    recording = RecordingFile(path, format=format, channels=1, rate=RATE)
    info = recording.close()
    assert (info.duration_ms, info.size) == (0, path.stat().st_size)


def test_closing_twice_answers_the_same(tmp_path: Path) -> None:
    recording = RecordingFile(tmp_path / "call.wav", format="wav", channels=1, rate=RATE)
    recording.write(LEFT[0])
    assert recording.close() == recording.close()


@pytest.mark.parametrize("format", ["wav", "mp3"])
def test_what_is_written_after_the_close_is_passed_over(tmp_path: Path, format: Format) -> None:
    path = tmp_path / f"call.{format}"
    recording = RecordingFile(path, format=format, channels=1, rate=RATE)
    recording.write(LEFT[0])
    info = recording.close()
    before = path.read_bytes()
    for frame in LEFT:
        recording.write(frame)
    assert recording.close() == info
    assert path.read_bytes() == before


def test_a_recording_whose_file_was_taken_away_closes_with_nothing(tmp_path: Path) -> None:
    path = tmp_path / "call.wav"
    recording = RecordingFile(path, format="wav", channels=1, rate=RATE)
    recording.write(LEFT[0])
    path.unlink()
    assert recording.close().size == 0


@settings(max_examples=20, deadline=None)
@given(st.lists(st.sampled_from(["write", "pause", "resume"]), max_size=40), st.sampled_from([1, 2]))
def test_any_order_of_commands_leaves_just_the_unpaused_frames(
    tmp_path_factory: pytest.TempPathFactory, commands: list[str], channels: Channels
) -> None:
    path = tmp_path_factory.mktemp("any") / "call.wav"
    recording = RecordingFile(path, format="wav", channels=channels, rate=RATE)
    expected = bytearray()
    paused = False
    for i, command in enumerate(commands):
        if command == "write":
            recording.write(LEFT[i], RIGHT[i])
            expected += b"" if paused else arrange(LEFT[i], RIGHT[i], channels)
        else:
            getattr(recording, command)()
            paused = command == "pause"
    recording.close()
    assert path.read_bytes()[wav.HEADER.size :] == expected
    assert wav.parse(path.read_bytes()).data == len(expected)


@pytest.mark.parametrize("format", ["wav", "mp3"])
def test_a_file_that_cannot_be_made_is_named(tmp_path: Path, format: Format) -> None:
    path = tmp_path / "missing" / f"call.{format}"
    with pytest.raises(RecordingFailed, match=f"call.{format} cannot be written: No such file"):
        RecordingFile(path, format=format, channels=1, rate=RATE)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs the device that is always full")
@pytest.mark.parametrize("format", ["wav", "mp3"])
def test_a_full_disk_is_named_once_and_closing_is_quiet(tmp_path: Path, format: Format) -> None:
    path = tmp_path / f"call.{format}"
    path.symlink_to("/dev/full")

    def record() -> None:
        recordings.append(RecordingFile(path, format=format, channels=1, rate=RATE))
        for frame in LEFT * 2:
            recordings[0].write(frame)

    recordings: list[RecordingFile] = []
    with pytest.raises(RecordingFailed, match="No space left"):
        record()
    for recording in recordings:
        recording.write(LEFT[0])
        assert recording.close().size == 0


# After a crash

CRASH = """
import os, signal, sys
from pathlib import Path
from ringline.media.recorder import RecordingFile
path = Path(sys.argv[1])
recording = RecordingFile(path, format=path.suffix[1:], channels=int(sys.argv[2]), rate=8000)
left, right = (sys.stdin.buffer.read(32_000) for _ in range(2))
for i in range(501):
    at = i % 100 * 320
    recording.write(left[at : at + 320], right[at : at + 320])
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("format", ["wav", "mp3"])
def test_a_killed_process_leaves_a_playable_recording(
    tmp_path: Path, format: Format, channels: Channels
) -> None:
    path = tmp_path / f"call.{format}"
    killed = subprocess.run(
        [sys.executable, "-c", CRASH, str(path), str(channels)],
        input=b"".join(LEFT + RIGHT),
        check=False,
        timeout=50,
    )
    assert killed.returncode == -signal.SIGKILL

    # Playable as it lies there, and whole to the last second after the repair.
    assert 9.0 * RATE <= len(samples(path)[0]) <= 10.1 * RATE
    info = repair(path)
    heard = samples(path)
    assert len(heard) == channels
    assert info.duration_ms == pytest.approx(len(heard[0]) / 8, abs=100)
    assert fitted(heard[0][8000:16_000], 500, RATE)[0] == pytest.approx(9000, rel=0.07)
    assert (info.format, info.channels, info.rate, info.size) == (format, channels, RATE, path.stat().st_size)


def test_repair_finds_what_the_header_does_not_tell(tmp_path: Path) -> None:
    path = tmp_path / "call.wav"
    path.write_bytes(wav.serialize(wav.WavHeader(2, RATE, 400)) + bytes(4 * 8000 + 3))
    info = repair(path)
    assert (info.duration_ms, info.size) == (1000, wav.HEADER.size + 32_000)
    assert [len(channel) for channel in samples(path)] == [8000, 8000]


@pytest.mark.parametrize("format", ["wav", "mp3"])
def test_repair_of_a_closed_recording_changes_nothing(tmp_path: Path, format: Format) -> None:
    path = tmp_path / f"call.{format}"
    recording = RecordingFile(path, format=format, channels=1, rate=RATE)
    for frame in LEFT:
        recording.write(frame)
    info = recording.close()
    before = path.read_bytes()
    assert repair(path) == info
    assert path.read_bytes() == before


@pytest.mark.parametrize("data", [b"", b"RIFF", b"RIFF" + bytes(60), b"ID3", Random(1).randbytes(500)])
def test_what_cannot_be_repaired_is_named(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "call.wav"
    path.write_bytes(data)
    with pytest.raises(RecordingFailed, match=r"call\.wav cannot be saved"):
        repair(path)


def test_a_recording_plays_through_our_own_decoder(tmp_path: Path) -> None:
    path = tmp_path / "call.wav"
    recording = RecordingFile(path, format="wav", channels=1, rate=RATE)
    for frame in LEFT:
        recording.write(frame)
    recording.close()
    assert np.array_equal(files.decode(path, rate=RATE), np.frombuffer(b"".join(LEFT), np.int16))
