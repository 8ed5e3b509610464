import io
import struct
import wave
from array import array
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import av
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from ringline.media import files
from ringline.media.core.g711 import A_LAW, MU_LAW
from ringline.media.files import AudioInfo, UnreadableAudio
from tests.media.signals import fitted, sine

pytestmark = pytest.mark.unit

Samples = NDArray[np.int16]


def samples(pcm: "array[int]") -> Samples:
    return np.array(pcm, np.int16)


def heard(pcm: Samples, frequency: float, rate: int) -> tuple[float, float]:
    """Peak and signal-to-rest ratio of a tone, without 50 ms at both ends."""
    margin = rate // 20
    return fitted(array("h", pcm[margin:-margin].tobytes()), frequency, rate)


def chunk(name: bytes, data: bytes) -> bytes:
    return name + struct.pack("<I", len(data)) + data + bytes(len(data) % 2)


def wav(
    tag: int, bits: int, data: bytes, *, rate: int = 8000, channels: int = 1, extra: bytes = b""
) -> bytes:
    """A WAV file of any sample format, with a chunk in front that players skip."""
    frame = bits * channels // 8
    fmt = struct.pack("<HHIIHH", tag, channels, rate, rate * frame, frame, bits) + extra
    body = b"WAVE" + chunk(b"LIST", b"INFOxyz") + chunk(b"fmt ", fmt) + chunk(b"data", data)
    return b"RIFF" + struct.pack("<I", len(body)) + body


TONE = sine(600, 0.5, 8000, peak=12_000)
REAL = np.array(TONE) / 32768
FORMATS = {
    "8 bit": (wav(1, 8, (np.array(TONE) // 256 + 128).astype(np.uint8).tobytes()), 30),
    "16 bit": (wav(1, 16, TONE.tobytes()), 60),
    "24 bit": (wav(1, 24, b"".join(struct.pack("<i", v * 256)[:3] for v in TONE)), 60),
    "32 bit": (wav(1, 32, b"".join(struct.pack("<i", v * 65536) for v in TONE)), 60),
    "float": (wav(3, 32, REAL.astype("<f4").tobytes()), 60),
    "double": (wav(3, 64, REAL.astype("<f8").tobytes()), 60),
    "µ-law": (wav(7, 8, MU_LAW.encode(TONE), extra=b"\0\0"), 30),
    "A-law": (wav(6, 8, A_LAW.encode(TONE), extra=b"\0\0"), 30),
    "stereo": (wav(1, 16, np.repeat(samples(TONE), 2).tobytes(), channels=2), 60),
    "44.1 kHz": (wav(1, 16, sine(600, 0.5, 44_100, peak=12_000).tobytes(), rate=44_100), 60),
    "11.025 kHz": (wav(1, 16, sine(600, 0.5, 11_025, peak=12_000).tobytes(), rate=11_025), 60),
    "mp3": (files.encode_mp3(samples(sine(600, 0.5, 16_000, peak=12_000)), 16_000), 25),
    "mp3 at 44.1 kHz": (
        files.encode_mp3(samples(sine(600, 0.5, 44_100, peak=12_000)), 44_100, bit_rate=128_000),
        30,
    ),
    "mp3 at 8 kHz": (files.encode_mp3(samples(TONE), 8000), 25),
}


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("rate", [8000, 16_000])
def test_every_format_is_heard_as_it_is(name: str, rate: int) -> None:
    data, least_db = FORMATS[name]
    pcm = files.decode(data, rate=rate)
    assert len(pcm) == pytest.approx(rate / 2, abs=rate / 100)
    peak, ratio = heard(pcm, 600, rate)
    # The MP3 encoder turns everything down by 5 %, against clipping.
    assert peak == pytest.approx(12_000, rel=0.06 if "mp3" in name else 0.02)
    assert ratio > least_db


def test_a_file_on_disk_is_heard_like_its_bytes(tmp_path: Path) -> None:
    path = tmp_path / "prompt"
    path.write_bytes(FORMATS["mp3"][0])
    assert np.array_equal(files.decode(path, rate=8000), files.decode(FORMATS["mp3"][0], rate=8000))


def test_samples_at_their_own_rate_come_back_unchanged() -> None:
    assert np.array_equal(files.decode(FORMATS["16 bit"][0], rate=8000), samples(TONE))


def test_two_channels_become_their_mean() -> None:
    both = np.stack([np.full(4000, 30_000), np.full(4000, -10_000)], axis=1).astype(np.int16)
    pcm = files.decode(wav(1, 16, both.tobytes(), channels=2), rate=8000)
    assert set(pcm.tolist()) == {10_000}


def test_blocks_are_the_whole_in_pieces() -> None:
    data = FORMATS["44.1 kHz"][0]
    pieces = list(files.blocks(data, rate=16_000))
    assert len(pieces) > 3
    assert all(len(piece) for piece in pieces)
    assert np.array_equal(np.concatenate(pieces), files.decode(data, rate=16_000))


def test_mp3_files_one_after_the_other_in_one_are_all_heard() -> None:
    first = files.encode_mp3(samples(sine(600, 0.5, 16_000)), 16_000)
    second = files.encode_mp3(samples(sine(900, 0.5, 8000)), 8000)
    pcm = files.decode(first + second, rate=8000)
    assert heard(pcm[:3800], 600, 8000)[1] > 20
    assert heard(pcm[-3800:], 900, 8000)[1] > 20


def test_probing_says_what_it_is() -> None:
    assert files.probe(FORMATS["µ-law"][0]) == AudioInfo("wav", "pcm_mulaw", 8000, 1, 500)
    assert files.probe(FORMATS["mp3"][0]) == AudioInfo("mp3", "mp3float", 16_000, 1, 500)


def test_a_wav_cut_short_is_heard_to_where_it_ends() -> None:
    data = FORMATS["16 bit"][0]
    assert len(files.decode(data[: len(data) // 2], rate=8000)) == pytest.approx(2000, abs=40)


def test_damage_in_an_mp3_costs_some_frames_only() -> None:
    data = bytearray(files.encode_mp3(samples(sine(600, 2.0, 16_000)), 16_000))
    data[4000:4100] = bytes(100)
    pcm = files.decode(bytes(data), rate=16_000)
    assert len(pcm) > 1.7 * 16_000


def test_what_no_number_is_sounds_like_nothing() -> None:
    values = np.array([np.nan, np.inf, -np.inf, 0.25] * 1000, np.float32)
    pcm = files.decode(wav(3, 32, values.tobytes()), rate=8000)
    assert pcm[:4].tolist() == [0, 32767, -32768, 8192]


def encoded(container_name: str, codec: str, pcm: Samples, rate: int) -> bytes:
    """A file of a format that we only read, or refuse."""
    out = io.BytesIO()
    with av.open(out, "w", format=container_name) as container:
        stream = container.add_stream(codec, rate=rate, layout="mono")
        frame = av.AudioFrame.from_ndarray(pcm.reshape(1, -1), format="s16", layout="mono")
        frame.sample_rate = rate
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return out.getvalue()


@pytest.mark.parametrize("codec", ["adpcm_ms", "adpcm_ima_wav"])
def test_adpcm_of_old_prompts_is_heard(codec: str) -> None:
    pcm = files.decode(encoded("wav", codec, samples(TONE), 8000), rate=8000)
    assert heard(pcm[:4000], 600, 8000)[1] > 20


def test_gsm_of_old_prompts_is_read() -> None:
    block = struct.pack("<HHIIHHHH", 0x31, 1, 8000, 1625, 65, 0, 2, 320)
    body = b"WAVE" + chunk(b"fmt ", block) + chunk(b"data", bytes(65 * 25))
    assert len(files.decode(b"RIFF" + struct.pack("<I", len(body)) + body, rate=8000)) == 25 * 320


@pytest.mark.parametrize(
    ("data", "complaint"),
    [
        (b"", "empty"),
        (b"\0" * 100, "neither WAV nor MP3"),
        (b"<html>not found</html>", "neither WAV nor MP3"),
        (b"#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd\n", "neither WAV nor MP3"),
        (b"ffconcat version 1.0\nfile /etc/passwd\n", "neither WAV nor MP3"),
        (encoded("ogg", "libopus", np.zeros(4800, np.int16), 48_000), "neither WAV nor MP3"),
        (b"RIFF\0\0\0\0WAVE" + bytes(40), "cannot be read"),
        (b"ID3\x04\0\0\0\0\0\0" + bytes(200), "cannot be read"),
        (wav(1, 16, b""), "no sound"),
        (wav(0x9999, 16, bytes(400)), "coding is unknown"),
        (wav(1, 16, bytes(400), rate=1000), "out of range"),
        (wav(1, 16, bytes(400), channels=16), "out of range"),
        (wav(0x161, 16, bytes(400), extra=bytes(12)), "not supported"),
    ],
    ids=[
        "empty",
        "zeros",
        "html",
        "playlist",
        "concat",
        "ogg",
        "wav",
        "id3",
        "mute",
        "odd",
        "slow",
        "wide",
        "wma",
    ],
)
def test_what_cannot_be_played_is_named(data: bytes, complaint: str) -> None:
    with pytest.raises(UnreadableAudio, match=complaint):
        files.decode(data, rate=8000)


def test_a_file_longer_than_allowed_is_refused() -> None:
    with pytest.raises(UnreadableAudio, match=r"longer than 0\.4 s"):
        files.decode(FORMATS["16 bit"][0], rate=8000, limit_seconds=0.4)


def test_a_stream_that_grows_too_long_is_cut_where_it_does() -> None:
    lengths = []

    def play() -> None:
        lengths.extend(len(block) for block in files.blocks(FORMATS["mp3"][0], rate=8000, limit_seconds=0.4))

    with pytest.raises(UnreadableAudio, match="longer"):
        play()
    assert 0.3 * 8000 < sum(lengths) <= 0.4 * 8000


def test_a_missing_file_is_the_callers_mistake(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        files.probe(tmp_path / "nothing")


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(["16 bit", "24 bit", "float", "µ-law", "mp3"]), st.data())
def test_any_damage_gives_sound_or_unreadable_audio(name: str, data: st.DataObject) -> None:
    broken = bytearray(FORMATS[name][0])
    for _ in range(data.draw(st.integers(1, 8))):
        broken[data.draw(st.integers(0, min(len(broken) - 1, 400)))] = data.draw(st.integers(0, 255))
    with suppress(UnreadableAudio):
        pcm = files.decode(bytes(broken), rate=8000, limit_seconds=60)
        assert 0 < len(pcm) <= 60 * 8000


@settings(max_examples=60, deadline=None)
@given(st.sampled_from([b"", b"ID3", b"\xff\xfb", b"RIFF\xff\xff\xff\xffWAVEfmt "]), st.binary(max_size=300))
def test_any_bytes_give_sound_or_unreadable_audio(start: bytes, rest: bytes) -> None:
    with suppress(UnreadableAudio):
        assert len(files.decode(start + rest, rate=8000, limit_seconds=60))


@pytest.mark.parametrize("channels", [1, 2])
def test_a_wav_we_write_the_standard_library_reads(channels: int) -> None:
    pcm = np.repeat(samples(TONE), channels)
    with wave.open(io.BytesIO(files.encode_wav(pcm, 8000, channels=channels))) as reader:
        assert reader.getparams()[:4] == (channels, 2, 8000, 4000)
        assert reader.readframes(4000) == pcm.tobytes()


@pytest.mark.parametrize("rate", [8000, 16_000, 24_000, 44_100])
@pytest.mark.parametrize("channels", [1, 2])
def test_an_mp3_we_write_keeps_length_channels_and_tone(rate: int, channels: int) -> None:
    data = files.encode_mp3(np.repeat(samples(sine(600, 1.0, rate)), channels), rate, channels=channels)
    assert files.probe(data) == AudioInfo("mp3", "mp3float", rate, channels, 1000)
    assert heard(files.decode(data, rate=rate), 600, rate)[1] > 20


@pytest.mark.parametrize("encode", [files.encode_wav, files.encode_mp3])
def test_no_samples_are_a_file_without_sound(encode: Callable[[Samples, int], bytes]) -> None:
    data = encode(np.empty(0, np.int16), 16_000)
    with pytest.raises(UnreadableAudio, match=r"no sound|cannot be read"):
        files.decode(data, rate=8000)


@pytest.mark.parametrize("count", [1, 160, 1153])
def test_a_few_samples_are_all_there(count: int) -> None:
    pcm = np.full(count, 9000, np.int16)
    assert len(files.decode(files.encode_wav(pcm, 16_000), rate=16_000)) == count
    # An MP3 holds whole frames; what fills up the last is silence.
    assert count <= len(files.decode(files.encode_mp3(pcm, 16_000), rate=16_000)) <= count + 576
