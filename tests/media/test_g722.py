from array import array

import G722
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ringline.media.core.g722 import G722Decoder, G722Encoder
from tests.media.signals import added, fitted, noise, sine, snr, voiced

pytestmark = pytest.mark.unit

SOUNDS = {
    "loud noise": noise(0.25, 16_000, peak=32767),
    "quiet noise": noise(0.25, 16_000, peak=4),
    "tones in both bands": added(sine(900, 0.25, 16_000), sine(5200, 0.25, 16_000)),
    "clipped square": array("h", [32767 if i // 9 % 2 else -32768 for i in range(4000)]),
    "speech": voiced(0.25, 16_000),
    "silence, then a click": array("h", [0] * 2000 + [32767, -32768] + [0] * 1998),
}


@pytest.mark.parametrize("name", SOUNDS)
def test_the_encoder_equals_the_reference_bit_by_bit(name: str) -> None:
    assert G722Encoder().encode(SOUNDS[name]) == bytes(G722.G722(16_000, 64_000).encode(SOUNDS[name]))


@pytest.mark.parametrize("name", SOUNDS)
def test_the_decoder_equals_the_reference_bit_by_bit(name: str) -> None:
    data = G722Encoder().encode(SOUNDS[name])
    assert list(G722Decoder().decode(data)) == list(G722.G722(16_000, 64_000).decode(data))


@settings(max_examples=15, deadline=None)
@given(st.binary(max_size=400))
def test_any_octets_decode_as_in_the_reference(data: bytes) -> None:
    assert list(G722Decoder().decode(data)) == list(G722.G722(16_000, 64_000).decode(data))


@settings(max_examples=15, deadline=None)
@given(st.lists(st.integers(-32768, 32767), max_size=300))
def test_any_samples_encode_as_in_the_reference(samples: list[int]) -> None:
    pcm = array("h", samples[: len(samples) // 2 * 2])
    assert G722Encoder().encode(pcm) == bytes(G722.G722(16_000, 64_000).encode(pcm))


def test_twenty_milliseconds_are_160_octets_and_320_samples() -> None:
    data = G722Encoder().encode(sine(440, 0.02, 16_000))
    assert len(data) == 160
    assert len(G722Decoder().decode(data)) == 320


def test_blocks_of_any_size_give_the_same_stream() -> None:
    pcm = SOUNDS["speech"]
    encoder, decoder = G722Encoder(), G722Decoder()
    data = b"".join(encoder.encode(pcm[i : i + 62]) for i in range(0, len(pcm), 62))
    heard = array("h")
    for i in range(0, len(data), 7):
        heard.extend(decoder.decode(data[i : i + 7]))

    assert data == G722Encoder().encode(pcm)
    assert heard == G722Decoder().decode(data)


def test_speech_comes_back_clean() -> None:
    assert snr(SOUNDS["speech"], G722Decoder().decode(G722Encoder().encode(SOUNDS["speech"]))) > 15


@pytest.mark.parametrize(("frequency", "least_db"), [(300, 30), (1000, 30), (3000, 20), (6500, 15)])
def test_a_tone_of_either_band_comes_back(frequency: int, least_db: float) -> None:
    heard = G722Decoder().decode(G722Encoder().encode(sine(frequency, 0.3, 16_000)))
    peak, ratio = fitted(heard[1600:], frequency, 16_000)
    assert peak == pytest.approx(10_000, rel=0.06)
    assert ratio > least_db


def test_a_stream_joined_in_the_middle_recovers() -> None:
    data = G722Encoder().encode(sine(500, 0.6, 16_000))
    joined = G722Decoder().decode(data[2400:])
    whole = G722Decoder().decode(data)[4800:]
    assert snr(whole[3000:], joined[3000:], most_delay=1) > 30


def test_an_odd_last_sample_waits_for_nothing() -> None:
    assert len(G722Encoder().encode(array("h", [1, 2, 3]))) == 1
