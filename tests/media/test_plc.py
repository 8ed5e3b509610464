from array import array

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ringline.media.core.plc import Concealer
from tests.media.signals import added, floats, level, noise, sine, voiced

pytestmark = pytest.mark.unit

RATES = [8000, 16_000]


def frames(pcm: "array[int]", rate: int) -> list["array[int]"]:
    size = rate // 50
    return [pcm[i : i + size] for i in range(0, len(pcm) - size + 1, size)]


def heard(pcm: "array[int]", rate: int, lost: set[int]) -> list["array[int]"]:
    concealer = Concealer(rate)
    return [
        concealer.conceal(len(frame)) if i in lost else concealer.good(frame)
        for i, frame in enumerate(frames(pcm, rate))
    ]


def buzz(rate: int, pitch: float = 130.0) -> "array[int]":
    """A steady voice: twelve harmonics."""
    return added(*(sine(pitch * k, 0.6, rate, peak=3000 / k, start=k) for k in range(1, 13)))


def largest_step(pcm: "array[int]") -> float:
    return float(np.abs(np.diff(floats(pcm))).max())


@pytest.mark.parametrize("rate", RATES)
def test_without_loss_nothing_is_touched(rate: int) -> None:
    assert heard(buzz(rate), rate, set()) == frames(buzz(rate), rate)


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("pitch", [75.0, 130.0, 190.0])
def test_one_lost_frame_of_a_steady_voice_is_hardly_missed(rate: int, pitch: float) -> None:
    pcm = buzz(rate, pitch)
    made_up = floats(heard(pcm, rate, {20})[20])
    real = floats(frames(pcm, rate)[20])
    assert np.corrcoef(made_up, real)[0, 1] > 0.9
    assert np.std(made_up) == pytest.approx(np.std(real), rel=0.25)


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("lost", [{20}, {20, 21}, {20, 21, 22, 23, 24}, {20, 22, 24}])
def test_no_seam_clicks(rate: int, lost: set[int]) -> None:
    pcm = buzz(rate)
    joined = array("h", [sample for frame in heard(pcm, rate, lost) for sample in frame])
    assert largest_step(joined) <= largest_step(pcm) * 1.15


@pytest.mark.parametrize("rate", RATES)
def test_it_fades_and_is_silent_after_60_ms(rate: int) -> None:
    out = heard(voiced(1.0, rate), rate, set(range(20, 30)))
    levels = [level(frame) for frame in out[20:23]]
    assert levels[0] > levels[1] > levels[2] > -80
    assert all(not any(frame) for frame in out[23:30])


def test_the_first_good_frame_is_blended_in_and_the_next_is_itself() -> None:
    pcm = noise(0.6, 8000)
    out, real = heard(pcm, 8000, {20, 21}), frames(pcm, 8000)
    assert out[22] != real[22]
    assert out[22][80:] == real[22][80:]
    assert out[23] == real[23]


def test_a_loss_before_any_sound_is_silence() -> None:
    assert not any(Concealer(8000).conceal(160))


def test_after_a_reset_the_old_voice_is_gone() -> None:
    concealer = Concealer(8000)
    for frame in frames(buzz(8000), 8000):
        concealer.good(frame)
    concealer.reset()
    assert not any(concealer.conceal(160))


def test_a_second_loss_continues_what_came_in_between() -> None:
    low, high = sine(200, 0.2, 8000), sine(350, 0.2, 8000)
    concealer = Concealer(8000)
    for frame in frames(low, 8000):
        concealer.good(frame)
    concealer.conceal(160)
    for frame in frames(high, 8000):
        concealer.good(frame)
    spectrum = np.abs(np.fft.rfft(floats(concealer.conceal(160)), 8000))
    assert 320 < int(np.argmax(spectrum)) < 380


@settings(max_examples=20, deadline=None)
@given(
    st.lists(st.tuples(st.booleans(), st.integers(1, 480)), max_size=12),
    st.integers(0, 100),
)
def test_any_pattern_of_sizes_and_losses_stays_in_range(steps: list[tuple[bool, int]], seed: int) -> None:
    concealer = Concealer(8000)
    loud = noise(0.1, 8000, peak=32767, seed=seed)
    for good, size in steps:
        out = concealer.good(loud[:size]) if good else concealer.conceal(size)
        assert len(out) == size
