import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringline.media.core.quality import Reception, ReceptionStats, mos

pytestmark = pytest.mark.unit

MS = 1_000_000


def counted(
    sequences: list[int], *, first: int = 65_530, delays_ms: dict[int, float] | None = None, rate: int = 8000
) -> ReceptionStats:
    """Statistics of a 20 ms stream of which only `sequences` come, each on time but for `delays_ms`."""
    stats = ReceptionStats(rate)
    for i in sequences:
        now = i * 20 * MS + round((delays_ms or {}).get(i, 0) * MS)
        stats.packet((first + i) & 0xFFFF, (2**32 - 1000 + i * rate // 50) & 0xFFFFFFFF, now + 7 * MS)
    return stats


def test_a_whole_stream_has_no_loss_and_no_jitter_across_both_wraps() -> None:
    assert counted(list(range(100))).reception() == Reception(100, 100, 99, 0.0, 0.0)


def test_missing_packets_are_lost() -> None:
    reception = counted([i for i in range(100) if i % 10 != 5]).reception()
    assert (reception.received, reception.expected, reception.lost, reception.loss) == (90, 100, 10, 0.1)


def test_reordered_packets_are_not_lost() -> None:
    assert counted([0, 2, 1, 3, 5, 4]).reception().lost == 0


def test_duplicates_do_not_make_the_loss_negative() -> None:
    reception = counted([0, 1, 1, 1, 2]).reception()
    assert (reception.received, reception.expected, reception.lost) == (5, 3, 0)


def test_nothing_received_is_nothing_lost() -> None:
    reception = ReceptionStats(8000).reception()
    assert (reception.expected, reception.loss) == (0, 0.0)


def test_jitter_is_the_running_mean_of_rfc_3550() -> None:
    # One packet 16 ms late: two differences of 128 units, each a sixteenth of the way (appendix A.8).
    stats = counted(list(range(3)), delays_ms={1: 16})
    first = 128 / 16
    second = first + (128 - first) / 16
    assert stats.reception().jitter_ms == pytest.approx(second / 8, abs=0.02)
    assert stats.reception().measured == 2


def test_jitter_of_alternating_delays_settles_at_their_difference() -> None:
    stats = counted(list(range(400)), delays_ms=dict.fromkeys(range(1, 400, 2), 8))
    assert stats.reception().jitter_ms == pytest.approx(8, rel=0.05)
    assert stats.reception().max_jitter_ms >= stats.reception().jitter_ms


def test_jitter_of_g722_counts_its_8000_hz_clock() -> None:
    stats = counted(list(range(400)), delays_ms=dict.fromkeys(range(1, 400, 2), 8), rate=16_000)
    assert stats.reception().jitter_ms == pytest.approx(8, rel=0.05)


def test_a_sender_that_restarts_its_sequence_loses_nothing() -> None:
    stats = ReceptionStats(8000)
    for i in range(50):
        stats.packet(100 + i, i * 160, i * 20 * MS)
    for i in range(50, 100):
        stats.packet(30_000 + i, i * 160, i * 20 * MS)
    assert stats.reception().lost == 0
    assert stats.reception().expected == 100


def test_a_sender_that_moves_its_timestamps_does_not_spoil_the_jitter() -> None:
    stats = ReceptionStats(8000)
    for i in range(50):
        stats.packet(i, i * 160 + (2**31 if i >= 25 else 0), i * 20 * MS)
    assert stats.reception().max_jitter_ms == 0


def test_the_fraction_is_of_the_packets_since_the_last_report() -> None:
    stats = ReceptionStats(8000)
    for i in range(0, 100, 2):
        stats.packet(i, i * 160, i * 20 * MS)
    stats.packet(99, 99 * 160, 99 * 20 * MS)
    assert stats.fraction_lost() == 49 * 256 // 100
    for i in range(100, 200):
        stats.packet(i, i * 160, i * 20 * MS)
    assert stats.fraction_lost() == 0
    assert stats.fraction_lost() == 0


@given(
    st.lists(st.tuples(st.integers(0, 65535), st.integers(0, 2**32 - 1), st.integers(0, 10**14)), max_size=60)
)
def test_any_packets_give_sane_counts(packets: list[tuple[int, int, int]]) -> None:
    stats = ReceptionStats(8000)
    for sequence, timestamp, now in packets:
        stats.packet(sequence, timestamp, now)
    reception = stats.reception()
    assert reception.received == len(packets)
    assert 0 <= reception.loss <= 1
    assert 0 <= reception.jitter_ms <= reception.max_jitter_ms <= 1000
    assert 0 <= stats.fraction_lost() <= 255


# What a listener makes of it (ITU-T G.107)


def test_the_default_of_the_e_model_is_4_41() -> None:
    assert mos(0, 0) == pytest.approx(4.41, abs=0.005)


@pytest.mark.parametrize(("r", "expected"), [(90, 4.34), (80, 4.03), (70, 3.60), (60, 3.10), (50, 2.58)])
def test_ratings_map_to_scores_as_in_annex_b(r: float, expected: float) -> None:
    by_delay = (93.2 - r) / 0.024 if r == 90 else (93.2 - r + 0.11 * 177.3) / 0.134
    percent = (93.2 - r) * 25.1 / (95 - (93.2 - r))
    assert mos(0, by_delay) == pytest.approx(expected, abs=0.01)
    assert mos(percent / 100, 0) == pytest.approx(expected, abs=0.01)


def test_all_lost_and_late_is_the_worst_score() -> None:
    assert mos(1.0, 5000) == 1.0


@given(st.floats(0, 1), st.floats(0, 2000), st.floats(0, 0.2))
def test_a_score_lies_between_1_and_4_41_and_never_gains_by_loss(
    loss: float, delay: float, more: float
) -> None:
    assert 1 <= mos(loss + more, delay) <= mos(loss, delay) + 1e-9 <= 4.42
