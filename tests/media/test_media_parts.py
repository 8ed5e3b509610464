"""The small parts of the engine: mixing, coding, latching, talk spurts, taps, conversion, sending."""

from array import array

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ringline.media.core.coder import Coder
from ringline.media.core.kinds import Codec
from ringline.media.core.latch import Latch
from ringline.media.core.mix import Mixer
from ringline.media.core.talk import TalkDetector
from tests.media.signals import sine, snr

pytestmark = pytest.mark.unit

MS = 1_000_000
ANNOUNCED, OTHER, THIRD = 1, 2, 3

samples = st.lists(st.integers(-32768, 32767), min_size=8, max_size=8).map(lambda v: array("h", v))


@given(st.lists(st.tuples(samples, st.integers(0, 1024)), min_size=1, max_size=6))
@settings(max_examples=60)
def test_a_mix_is_the_saturated_sum(sources: "list[tuple[array[int], int]]") -> None:
    expected = [
        max(-32768, min(32767, sum(v if gain == 256 else v * gain >> 8 for v, gain in column)))
        for column in zip(*[[(v, gain) for v in pcm] for pcm, gain in sources], strict=True)
    ]
    assert list(Mixer().mix(sources)) == expected


def test_a_crossfade_leads_from_one_to_the_other() -> None:
    faded = Mixer().crossfade(array("h", [1000] * 160), array("h", [-1000] * 160))
    assert (faded[0], faded[80], faded[159]) == (1000, 0, -988)
    assert list(faded) == sorted(faded, reverse=True)


def test_energy_is_the_mean_square() -> None:
    assert Mixer().energy(array("h", [3, -4, 0, 5])) == 12
    assert Mixer().energy(array("h", [-32768] * 4)) == 1 << 30


@pytest.mark.parametrize(
    ("codec", "rate", "heard_rate", "clock", "octets", "quality"),
    [
        (Codec.PCMU, 8000, 8000, 8000, 160, 35),
        (Codec.PCMA, 8000, 8000, 8000, 160, 35),
        (Codec.G722, 16000, 16000, 8000, 160, 20),
        (Codec.L16, 16000, 16000, 16000, 640, 90),
        (Codec.L16, 8000, 8000, 8000, 320, 90),
        (Codec.L16_LITTLE, 24000, 24000, 24000, 960, 90),
    ],
)
def test_each_codec_carries_a_tone(
    codec: Codec, rate: int, heard_rate: int, clock: int, octets: int, quality: float
) -> None:
    coder = Coder()
    coder.choose(codec, rate)
    assert (coder.rate, coder.clock) == (heard_rate, clock)
    pcm = sine(440, 0.5, heard_rate)
    payload = coder.encode(pcm)
    assert len(payload) == octets * 25
    assert snr(pcm, coder.decode(payload)) > quality


def test_byte_orders() -> None:
    big, little = Coder(), Coder()
    big.choose(Codec.L16, 16000)
    little.choose(Codec.L16_LITTLE, 16000)
    assert (big.encode(array("h", [258])), little.encode(array("h", [258]))) == (b"\x01\x02", b"\x02\x01")
    assert list(big.decode(b"\x01\x02\x03")) == [258]


def test_the_announced_source_is_believed_at_once() -> None:
    latch = Latch()
    latch.expect(ANNOUNCED)
    assert latch.target() == ANNOUNCED
    assert latch.accept(ANNOUNCED, 7, 0) == 2
    assert latch.accept(ANNOUNCED, 7, 0) == 1
    assert latch.accept(OTHER, 7, MS) == 0
    assert latch.strangers == 1


def test_another_source_is_learned_after_five_in_a_row() -> None:
    latch = Latch()
    latch.expect(ANNOUNCED)
    assert [latch.accept(OTHER, 7, 0) for _ in range(5)] == [0, 0, 0, 0, 2]
    assert latch.target() == OTHER


def test_five_of_a_source_must_follow_each_other_with_one_ssrc() -> None:
    latch = Latch()
    latch.expect(ANNOUNCED)
    for _ in range(4):
        assert latch.accept(OTHER, 7, 0) == 0
    assert latch.accept(THIRD, 7, 0) == 0
    assert latch.accept(OTHER, 8, 0) == 0
    assert [latch.accept(OTHER, 8, 0) for _ in range(4)] == [0, 0, 0, 2]


def test_the_announced_source_wins_over_a_learned_one() -> None:
    latch = Latch()
    latch.expect(ANNOUNCED)
    for _ in range(5):
        latch.accept(OTHER, 7, 0)
    assert latch.accept(ANNOUNCED, 9, MS) == 2
    assert latch.target() == ANNOUNCED


def test_a_silent_source_may_be_replaced_and_one_that_speaks_may_not() -> None:
    latch = Latch()
    latch.expect(ANNOUNCED)
    latch.accept(ANNOUNCED, 7, 0)
    assert [latch.accept(OTHER, 9, 1999 * MS) for _ in range(6)] == [0] * 6
    assert [latch.accept(OTHER, 9, 2001 * MS) for _ in range(5)] == [0, 0, 0, 0, 2]


def test_a_new_ssrc_needs_a_pause_or_a_new_offer() -> None:
    latch = Latch()
    latch.expect(ANNOUNCED)
    latch.accept(ANNOUNCED, 7, 0)
    assert latch.accept(ANNOUNCED, 8, 100 * MS) == 0
    assert latch.accept(ANNOUNCED, 8, 201 * MS) == 2
    assert latch.accept(ANNOUNCED, 9, 210 * MS) == 0
    latch.expect(ANNOUNCED)
    assert latch.accept(ANNOUNCED, 9, 211 * MS) == 2


def test_a_new_offer_with_the_same_address_keeps_the_learned_source() -> None:
    latch = Latch()
    latch.expect(ANNOUNCED)
    for _ in range(5):
        latch.accept(OTHER, 7, 0)
    latch.expect(ANNOUNCED)
    assert latch.accept(OTHER, 7, MS) == 1


def test_a_new_offer_with_another_address_moves_at_once() -> None:
    latch = Latch()
    latch.expect(ANNOUNCED)
    latch.accept(ANNOUNCED, 7, 0)
    latch.expect(THIRD)
    assert latch.target() == THIRD
    assert latch.accept(THIRD, 9, MS) == 2
    assert latch.accept(ANNOUNCED, 7, 2 * MS) == 0


def spurts(levels: list[int]) -> list[tuple[int, int]]:
    detector = TalkDetector()
    return [(i, change) for i, energy in enumerate(levels) if (change := detector.hear(energy))]


QUIET, LOUD = 400, 4_000_000


def test_a_spurt_begins_with_three_loud_frames_and_ends_with_twenty_quiet() -> None:
    assert spurts([QUIET] * 10 + [LOUD] * 10 + [QUIET] * 30) == [(12, 1), (39, -1)]


def test_clicks_are_no_talk_and_short_pauses_no_end() -> None:
    assert spurts([QUIET, LOUD, LOUD, QUIET] * 10) == []
    assert spurts([LOUD] * 5 + ([QUIET] * 19 + [LOUD]) * 5) == [(2, 1)]


def test_steady_noise_becomes_the_floor() -> None:
    noise = 60_000
    assert spurts([noise] * 400 + [noise * 100] * 5)[-1] == (402, 1)
    assert [change for _, change in spurts([noise] * 600)] == [1, -1]
