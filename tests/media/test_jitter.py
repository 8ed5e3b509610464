import random
from collections.abc import Callable, Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ringline.media.core.jitter import JitterBuffer
from ringline.media.core.kinds import Put, Take

pytestmark = pytest.mark.unit

MS = 1_000_000
FRAME = 20 * MS


def payload(n: int, size: int = 160) -> bytes:
    return bytes([n & 255]) * size


def play(
    buffer: JitterBuffer,
    packets: list[tuple[float, int]],
    ticks: int,
    *,
    units: int = 160,
    stamp: Callable[[int], int] | None = None,
    shrinking: bool = False,
) -> Iterator[int]:
    """Feed (ms, number) packets in time, take every 20 ms; yields packet numbers or `Take`s."""
    waiting = sorted(packets)
    for tick in range(ticks):
        now = tick * FRAME
        while waiting and waiting[0][0] * MS <= now:
            ms, n = waiting.pop(0)
            timestamp = stamp(n) if stamp else n * units
            buffer.put(n & 0xFFFF, timestamp & 0xFFFFFFFF, payload(n, units), round(ms * MS))
        if shrinking and buffer.excess():
            buffer.take(now)
        slot, octets = buffer.take(now)
        yield octets[0] if slot >= 0 else slot


def steady(count: int, *, start: int = 0, offset: float = 1.0) -> list[tuple[float, int]]:
    return [(20 * n + offset, start + n) for n in range(count)]


def test_a_steady_stream_plays_in_order_without_delay_beyond_a_tick() -> None:
    heard = list(play(JitterBuffer(), steady(50), 51))
    assert heard[:1] == [Take.WAIT]
    assert heard[1:] == list(range(50))


def test_nothing_is_heard_before_the_first_packet() -> None:
    assert JitterBuffer().take(0) == (Take.WAIT, b"")


def test_reordered_packets_play_in_order_once_there_is_delay() -> None:
    buffer = JitterBuffer()
    packets = [(20.0 * n + (45 if n % 5 == 2 else 1), n) for n in range(100)]
    heard = list(play(buffer, packets, 110))
    played = [n for n in heard[60:] if n >= 0]
    assert played == list(range(played[0], 100))
    assert buffer.reordered > 0
    assert buffer.lost <= 3


def test_a_lost_packet_is_concealed_for_its_time_and_counted() -> None:
    buffer = JitterBuffer()
    packets = [(max(20 * n - 19.0, 1.0), n) for n in range(30) if n != 10]
    heard = list(play(buffer, packets, 30))
    at = heard.index(9)
    assert heard[at + 1 : at + 3] == [Take.CONCEAL, 11]
    assert (buffer.lost, buffer.concealed) == (1, 1)


def test_a_burst_of_losses_keeps_time() -> None:
    buffer = JitterBuffer()
    packets = [(20 * n + 1.0, n) for n in range(40) if not 10 <= n < 15]
    heard = list(play(buffer, packets, 60))
    assert buffer.lost == 5
    assert [n for n in heard if n >= 0] == [n for n in range(40) if not 10 <= n < 15]
    at = heard.index(9)
    # Five frames are missing; starving first, then concealing, takes at most a frame more than that.
    assert heard.index(15) - at in {6, 7}


def test_a_duplicate_is_heard_once() -> None:
    buffer = JitterBuffer()
    heard = list(play(buffer, [*steady(10), (45.0, 2), (46.0, 1)], 11))
    assert heard[1:] == list(range(10))
    assert buffer.duplicates == 2
    assert buffer.lost == 0


def test_a_packet_after_its_turn_is_late_and_not_heard() -> None:
    buffer = JitterBuffer()
    packets = [(20 * n + 1.0, n) for n in range(20) if n != 5] + [(20 * 9 + 3.0, 5)]
    heard = list(play(buffer, packets, 21))
    assert 5 not in heard
    assert (buffer.late, buffer.lost) == (1, 1)


def test_sequence_and_timestamp_wrap() -> None:
    buffer = JitterBuffer()
    packets = [(20 * n + 1.0, 65530 + n) for n in range(20)]
    heard = list(play(buffer, packets, 21, stamp=lambda n: (n - 65530) * 160 + 0xFFFFFC00))
    assert heard[1:] == [(65530 + n) & 255 for n in range(20)]
    assert (buffer.lost, buffer.resets) == (0, 0)


def test_a_restarted_sender_is_followed_from_its_second_packet() -> None:
    buffer = JitterBuffer()
    packets = [*steady(10), *[(20 * n + 1.0, 30000 + n) for n in range(10, 30)]]
    heard = list(play(buffer, packets, 40))
    assert buffer.resets == 1
    played = [n for n in heard if n >= 0]
    assert played[:10] == list(range(10))
    assert played[-1] == (30029 & 255)


def test_one_stray_packet_changes_nothing() -> None:
    buffer = JitterBuffer()
    heard = list(play(buffer, [*steady(30), (205.0, 40000)], 31))
    assert heard[1:] == list(range(30))
    assert buffer.resets == 0


def test_a_pause_of_the_sender_is_silence_not_loss() -> None:
    buffer = JitterBuffer()
    packets = [*steady(10), *[(20 * n + 601.0, n) for n in range(10, 30)]]
    heard = list(play(buffer, packets, 70, stamp=lambda n: n * 160 + (4800 if n >= 10 else 0)))
    assert buffer.lost == 0
    assert [n for n in heard if n >= 0] == list(range(30))
    assert Take.WAIT in heard[15:35]


def test_a_sender_that_stood_still_without_counting_adds_no_delay() -> None:
    buffer = JitterBuffer()
    packets = [*steady(50), *[(20 * n + 5001.0, n) for n in range(50, 100)]]
    heard = list(play(buffer, packets, 360))
    assert buffer.spread_ns <= 20 * MS
    assert heard[301:351] == list(range(50, 100)), "each at the tick after it came"


def test_a_network_that_stood_still_for_a_moment_is_expected_to_do_so_again() -> None:
    buffer = JitterBuffer()
    packets = [(20 * n + (400.0 - 20 * (n - 50) if 50 <= n < 70 else 1.0), n) for n in range(100)]
    list(play(buffer, packets, 110))
    assert buffer.spread_ns > 200 * MS


def test_a_short_pause_does_not_add_delay() -> None:
    buffer = JitterBuffer()
    packets = [*steady(10), *[(20 * n + 61.0, n) for n in range(10, 30)]]
    heard = list(play(buffer, packets, 40, stamp=lambda n: n * 160 + (480 if n >= 10 else 0)))
    assert heard.index(10) - heard.index(9) == 4
    assert buffer.lost == 0


def test_packets_without_audio_fill_their_numbers() -> None:
    buffer = JitterBuffer()
    for n in range(4):
        buffer.put(n, n * 160, payload(n), n * FRAME)
        assert buffer.take(n * FRAME + MS)[0] >= 0
    for n in range(4, 9):
        buffer.put(n, 4 * 160, b"\x05\x0a\x00\xa0", n * FRAME, audio=False)
        buffer.take(n * FRAME + MS)
    for n in range(9, 12):
        buffer.put(n, n * 160, payload(n), n * FRAME)
    assert buffer.take(12 * FRAME)[1][:1] == b"\x09"
    assert buffer.lost == 0


@pytest.mark.parametrize("ptime", [10, 20, 30, 40, 60])
def test_any_ptime_plays_whole(ptime: int) -> None:
    buffer = JitterBuffer()
    units = ptime * 8
    heard = b""
    sent = [(n * ptime * MS, n) for n in range(1200 // ptime)]
    held = 0
    for tick in range(80):
        now = tick * FRAME
        while sent and sent[0][0] <= now:
            _, n = sent.pop(0)
            buffer.put(n, n * units, payload(n, units), now)
        while held < 160:
            slot, octets = buffer.take(now)
            heard += octets
            held += len(octets) if slot >= 0 else buffer.granted
        held -= 160
    assert heard == b"".join(payload(n, units) for n in range(1200 // ptime))
    assert (buffer.lost, buffer.late) == (0, 0)


def test_jitter_raises_the_target_and_quiet_lowers_it() -> None:
    buffer, chance = JitterBuffer(), random.Random(3)
    rough = [(20 * n + chance.uniform(0, 80), n) for n in range(500)]
    list(play(buffer, rough, 500))
    high = buffer.spread_ns
    calm = [(20 * n + 1.0, n) for n in range(500, 1500)]
    for ms, n in calm:
        buffer.put(n, n * 160, payload(n), round(ms * MS))
    assert 50 * MS < high < 90 * MS
    assert buffer.spread_ns < high / 3


def test_after_the_target_is_reached_jitter_costs_no_packets() -> None:
    buffer, chance = JitterBuffer(), random.Random(4)
    packets = [(20 * n + chance.uniform(0, 60), n) for n in range(1000)]
    heard = list(play(buffer, packets, 1010, shrinking=True))
    late_in_the_second_half = [n for n in heard[500:1000] if n == Take.STARVED]
    assert len(late_in_the_second_half) <= 5
    assert buffer.lost <= 5


def test_a_delay_no_longer_needed_is_given_up() -> None:
    buffer = JitterBuffer()
    # A spike of 160 ms, then a calm stream: the level it left behind goes away.
    packets = [(max(20 * n + 1.0, 361.0 if 10 <= n < 18 else 0), n) for n in range(900)]
    list(play(buffer, packets, 880, shrinking=True))
    assert buffer.shrunk >= 3
    assert buffer.end - buffer.cursor <= 4 * 160


def test_the_slots_never_hold_more_than_they_can() -> None:
    buffer = JitterBuffer()
    buffer.put(0, 0, payload(0), 0)
    for n in range(1, 200):
        buffer.put(n, n * 160, payload(n), MS)
    assert buffer.newest - buffer.next == 31
    taken = [buffer.take(n * FRAME)[1][:1] for n in range(40)]
    assert [t for t in taken if t] == [bytes([n]) for n in range(168, 200)]


def test_an_oversized_payload_is_refused() -> None:
    assert JitterBuffer().put(1, 1, bytes(1921), 0) == Put.OVERSIZE


def test_a_clock_of_sixteen_thousand() -> None:
    buffer = JitterBuffer()
    buffer.configure(16000, 2)
    for n in range(10):
        buffer.put(n, n * 320, payload(n, 640), n * FRAME)
        slot, octets = buffer.take(n * FRAME)
        assert (slot >= 0, octets) == (True, payload(n, 640))


numbers = st.integers(0, 0xFFFF)
inputs = st.lists(
    st.tuples(
        st.one_of(numbers, st.integers(100, 140)),
        st.one_of(st.integers(0, 0xFFFFFFFF), st.integers(100, 140).map(lambda n: n * 160)),
        st.sampled_from([0, 1, 80, 160, 161, 480, 1920, 1921]),
        st.integers(0, 60),
        st.booleans(),
    ),
    max_size=60,
)


@given(inputs, st.sampled_from([(8000, 1), (16000, 2), (8000, 2)]))
@settings(max_examples=150, deadline=None)
def test_no_stream_breaks_it(steps: list[tuple[int, int, int, int, bool]], clock: tuple[int, int]) -> None:
    buffer, now = JitterBuffer(), 0
    buffer.configure(*clock)
    for sequence, timestamp, size, ms, audio in steps:
        now += ms * MS
        buffer.put(sequence, timestamp, payload(sequence, size), now, audio)
        buffer.excess()
        slot, octets = buffer.take(now)
        assert slot in {*Take, *range(32)}
        assert buffer.granted > 0
        assert len(octets) <= 1920
        assert 0 <= buffer.newest - buffer.next + 1 <= 32
    counted = (buffer.received, buffer.lost, buffer.late, buffer.duplicates)
    assert min(counted) >= 0
    # Once nothing comes any more it falls silent within 31 packets and five starving frames.
    rest = [buffer.take(now + i * FRAME)[0] for i in range(600)]
    assert rest[-1] == Take.WAIT
