import itertools
from array import array

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ringline.media.core.resample import Resampler
from tests.media.signals import fitted, floats, noise, sine

pytestmark = pytest.mark.unit

LEG_RATES = (8000, 16_000)
STREAM_RATES = (8000, 16_000, 22_050, 24_000, 48_000)
PAIRS = sorted(
    {
        pair
        for leg, other in itertools.product(LEG_RATES, STREAM_RATES)
        for pair in ((leg, other), (other, leg))
    }
)
CHANGES = [pair for pair in PAIRS if pair[0] != pair[1]]


def converted(pcm: "array[int]", rate_in: int, rate_out: int) -> "array[int]":
    """The stream in blocks of 20 ms."""
    resampler, out = Resampler(rate_in, rate_out), array("h")
    for i in range(0, len(pcm), rate_in // 50):
        out.extend(resampler.process(pcm[i : i + rate_in // 50]))
    return out


@pytest.mark.parametrize(("rate_in", "rate_out"), PAIRS)
def test_twenty_milliseconds_in_are_twenty_out(rate_in: int, rate_out: int) -> None:
    resampler = Resampler(rate_in, rate_out)
    for _ in range(3):
        assert len(resampler.process(array("h", bytes(2 * (rate_in // 50))))) == rate_out // 50


@pytest.mark.parametrize(("rate_in", "rate_out"), CHANGES)
@pytest.mark.parametrize("part", [0.02, 0.25, 0.42])
def test_what_both_rates_can_carry_passes_unchanged(rate_in: int, rate_out: int, part: float) -> None:
    frequency = part * min(rate_in, rate_out)
    heard = converted(sine(frequency, 0.2, rate_in, peak=16_000), rate_in, rate_out)
    peak, ratio = fitted(heard[rate_out // 20 :], frequency, rate_out)
    assert peak == pytest.approx(16_000, rel=0.01)
    assert ratio > 50


@pytest.mark.parametrize(
    ("rate_in", "rate_out", "frequency"),
    [(a, b, part * b) for a, b in CHANGES for part in (0.6, 0.75, 0.9) if a > b and part * b < a / 2],
)
def test_what_the_lower_rate_cannot_carry_is_55_db_less(
    rate_in: int, rate_out: int, frequency: float
) -> None:
    heard = converted(sine(frequency, 0.1, rate_in, peak=16_000), rate_in, rate_out)
    assert np.abs(floats(heard[rate_out // 50 :])).max() < 16_000 / 560


@pytest.mark.parametrize(("rate_in", "rate_out"), CHANGES)
def test_the_delay_is_twelve_periods_of_the_lower_rate(rate_in: int, rate_out: int) -> None:
    pulse = array("h", [0] * 40 + [20_000] + [0] * (rate_in // 25))
    answer = floats(converted(pulse, rate_in, rate_out))
    centre = float(np.sum(np.arange(len(answer)) * answer) / np.sum(answer)) / rate_out
    assert centre - 40 / rate_in == pytest.approx(12 / min(rate_in, rate_out), abs=5e-5)


@settings(max_examples=15, deadline=None)
@given(st.sampled_from(PAIRS), st.lists(st.integers(0, 300), min_size=1, max_size=8))
def test_blocks_of_any_size_give_the_same_stream(pair: tuple[int, int], sizes: list[int]) -> None:
    pcm = noise(sum(sizes) / pair[0], pair[0])[: sum(sizes)]
    resampler, out, at = Resampler(*pair), array("h"), 0
    for size in sizes:
        out.extend(resampler.process(pcm[at : at + size]))
        at += size
    assert out == Resampler(*pair).process(pcm)


def test_a_block_longer_than_the_inner_one_is_converted_whole() -> None:
    pcm = noise(0.3, 48_000)
    assert converted(pcm, 48_000, 8000) == Resampler(48_000, 8000).process(pcm)


@pytest.mark.parametrize(("rate_in", "rate_out"), CHANGES)
def test_a_constant_stays_one(rate_in: int, rate_out: int) -> None:
    heard = converted(array("h", [12_345] * (rate_in // 10)), rate_in, rate_out)
    assert set(heard[rate_out // 50 :]) == {12_345}


def test_full_scale_clips_and_does_not_wrap() -> None:
    square = array("h", [32767 if i // 8 % 2 else -32768 for i in range(1600)])
    heard = floats(converted(square, 8000, 16_000))[64:]
    middle = np.array([32767 if i // 16 % 2 else -32768 for i in range(len(heard) + 64)])[
        40 : 40 + len(heard)
    ]
    assert np.mean(np.sign(heard) == np.sign(middle)) > 0.9
    assert heard.max() == 32767
    assert heard.min() == -32768


@pytest.mark.parametrize(("rate_in", "rate_out"), [(0, 8000), (8000, 0), (-1, 8000)])
def test_no_rate_is_refused(rate_in: int, rate_out: int) -> None:
    with pytest.raises(ValueError, match="cannot convert"):
        Resampler(rate_in, rate_out)
