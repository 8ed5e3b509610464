import bisect
from array import array
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringline.media.core import COMPILED
from ringline.media.core.g711 import A_LAW, A_LAW_SILENCE, G711, MU_LAW, MU_LAW_SILENCE
from tests.media.signals import fitted, sine

pytestmark = pytest.mark.unit

EVERY_SAMPLE = array("h", range(-32768, 32768))
# ITU-T G.711 tables 2a/2b and 1a/1b, per segment: how many steps of which size, in units of the tables.
MU_SEGMENTS = [(1, 1), (15, 2), (16, 4), (16, 8), (16, 16), (16, 32), (16, 64), (16, 128), (16, 256)]
A_SEGMENTS = [(32, 2), (16, 4), (16, 8), (16, 16), (16, 32), (16, 64), (16, 128)]


def intervals(segments: list[tuple[int, int]]) -> tuple[list[int], list[Fraction]]:
    """Lower decision values and reconstruction values of one sign, smallest first."""
    lows, middles, at = [], [], 0
    for count, size in segments:
        for _ in range(count):
            lows.append(at)
            middles.append(Fraction(2 * at + size, 2))
            at += size
    return lows, middles


def test_mu_law_decodes_to_the_values_of_table_2() -> None:
    _, middles = intervals(MU_SEGMENTS)
    # The first interval of µ-law straddles zero and stands for it.
    expected = [Fraction(0), *middles[1:]]

    positive = MU_LAW.decode(bytes(0xFF - i for i in range(128)))
    negative = MU_LAW.decode(bytes(0x7F - i for i in range(128)))

    assert [Fraction(v, 4) for v in positive] == expected
    assert [Fraction(-v, 4) for v in negative] == expected


def test_a_law_decodes_to_the_values_of_table_1() -> None:
    _, middles = intervals(A_SEGMENTS)

    positive = A_LAW.decode(bytes((0x80 | i) ^ 0x55 for i in range(128)))
    negative = A_LAW.decode(bytes(i ^ 0x55 for i in range(128)))

    # Table 1 counts to 4096, samples to 32768.
    assert [Fraction(v, 8) for v in positive] == middles
    assert [Fraction(-v, 8) for v in negative] == middles


def test_mu_law_decides_every_sample_as_table_2_does() -> None:
    lows, _ = intervals(MU_SEGMENTS)
    codes = MU_LAW.encode(EVERY_SAMPLE)
    for sample, code in zip(EVERY_SAMPLE, codes, strict=True):
        index = bisect.bisect_right(lows, Fraction(abs(sample), 4)) - 1
        expected = (0x7F if sample < 0 else 0xFF) - index
        assert code == expected, sample


def test_a_law_decides_every_sample_as_table_1_does() -> None:
    lows, _ = intervals(A_SEGMENTS)
    codes = A_LAW.encode(EVERY_SAMPLE)
    for sample, code in zip(EVERY_SAMPLE, codes, strict=True):
        magnitude = sample if sample >= 0 else -sample - 1
        index = bisect.bisect_right(lows, Fraction(magnitude, 8)) - 1
        assert code == ((0x80 if sample >= 0 else 0) | index) ^ 0x55, sample


@pytest.mark.parametrize("law", [MU_LAW, A_LAW], ids=["mu", "a"])
def test_what_was_decoded_encodes_to_the_same_octet(law: G711) -> None:
    every = bytes(range(256))
    again = law.encode(law.decode(every))
    # µ-law has two zeros; the negative one is never sent.
    assert again == (every.replace(b"\x7f", b"\xff") if law is MU_LAW else every)


@pytest.mark.parametrize(
    ("law", "silence"), [(MU_LAW, MU_LAW_SILENCE), (A_LAW, A_LAW_SILENCE)], ids=["mu", "a"]
)
def test_silence_is_the_octet_of_zero(law: G711, silence: int) -> None:
    assert law.encode(array("h", [0])) == bytes([silence])


@pytest.mark.parametrize("law", [MU_LAW, A_LAW], ids=["mu", "a"])
def test_a_tone_keeps_its_level_and_36_db_of_cleanness(law: G711) -> None:
    peak, ratio = fitted(law.decode(law.encode(sine(1000, 0.5, 8000))), 1000, 8000)
    assert peak == pytest.approx(10_000, rel=0.01)
    assert ratio > 36


@given(st.lists(st.integers(-32768, 32767), max_size=200))
def test_the_error_is_at_most_half_a_step(samples: list[int]) -> None:
    for law in (MU_LAW, A_LAW):
        for before, after in zip(samples, law.decode(law.encode(array("h", samples))), strict=True):
            assert abs(before - after) <= max(8, abs(before) / 24 + 20)


@pytest.mark.skipif(COMPILED, reason="the twin for the media thread is visible to Python in the sources only")
def test_only_the_given_stretch_is_touched() -> None:
    out = array("h", [7] * 6)
    assert MU_LAW.c_decode(bytearray(b"\x00\x80\x00\x00"), 1, 2, out, 3) == 2
    assert list(out) == [7, 7, 7, 32124, -32124, 7]
