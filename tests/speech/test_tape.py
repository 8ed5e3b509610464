"""Audio in windows, with its place in time."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ringline.speech.endpointing import WINDOW_MS, Span
from ringline.speech.tape import LATEST_MS, Tape
from ringline.speech.vad import WINDOW_BYTES

pytestmark = pytest.mark.unit


def window(value: int) -> bytes:
    """One window, all of whose bytes are the same."""
    return bytes([value]) * WINDOW_BYTES


def test_windows_come_out_whole_whatever_goes_in() -> None:
    tape = Tape(800)
    sound = window(1) + window(2) + window(3)
    for at in range(0, len(sound) - 100, 333):
        tape.hear(sound[at : min(at + 333, len(sound) - 100)])
    assert tape.waiting == 2
    assert tape.take() == window(1) + window(2)
    assert tape.take() == b""
    assert tape.take_rest() == window(3)[:-100] + bytes(100)


def test_what_was_taken_can_be_cut_until_it_is_forgotten() -> None:
    tape = Tape(800)
    tape.hear(b"".join(map(window, range(6))))
    tape.take()
    assert tape.cut(Span(1, 3)) == window(1) + window(2)
    tape.forget_before(4)
    assert tape.cut(Span(4, 6)) == window(4) + window(5)
    tape.forget_before(2)  # gone already
    assert tape.cut(Span(5, 6)) == window(5)
    tape.forget_before(100)
    tape.hear(window(6))
    assert tape.take() == window(6)
    assert tape.cut(Span(6, 7)) == window(6)


def test_silence_stands_in_for_a_hole() -> None:
    tape = Tape(800)
    tape.hear(window(1))
    tape.missed(2 * WINDOW_MS)
    tape.hear(window(2))
    assert tape.take() == window(1) + window(0) + window(0) + window(2)
    assert tape.place_ms(3) == 3 * WINDOW_MS
    assert tape.seconds_heard == 2 * WINDOW_MS / 1000


def test_a_long_hole_moves_the_time_but_costs_no_memory() -> None:
    tape = Tape(2 * WINDOW_MS)
    tape.hear(window(1))
    tape.missed(3_600_000)
    tape.hear(window(2))
    assert tape.take() == window(1) + bytes(2 * WINDOW_BYTES) + window(2)
    assert tape.place_ms(2) == 2 * WINDOW_MS
    assert tape.place_ms(3) == WINDOW_MS + 3_600_000
    tape.forget_before(3)
    assert tape.place_ms(3) == WINDOW_MS + 3_600_000


def test_half_a_sample_before_a_hole_does_not_shift_what_follows() -> None:
    tape = Tape(800)
    tape.hear(window(1)[:-1])
    tape.missed(WINDOW_MS)
    rest = b"\x02\x03" * (WINDOW_BYTES // 2 + 1)
    tape.hear(rest)
    assert tape.take()[2 * WINDOW_BYTES - 2 :] == rest


def test_what_nobody_looks_at_is_forgotten_and_keeps_its_time() -> None:
    tape = Tape(800)
    most = LATEST_MS // WINDOW_MS
    tape.hear(b"".join(window(at % 250) for at in range(most)))
    tape.hear(window(251) + window(252))
    taken = tape.take()
    assert len(taken) == most * WINDOW_BYTES
    assert taken[:WINDOW_BYTES] == window(2)
    assert taken.endswith(window(251) + window(252))
    assert tape.place_ms(0) == 2 * WINDOW_MS


steps = st.lists(
    st.one_of(
        st.tuples(st.just("hear"), st.integers(0, 9_000)),
        st.tuples(st.just("missed"), st.integers(0, 20_000)),
        st.tuples(st.just("take"), st.just(0)),
        st.tuples(st.just("forget"), st.integers(0, 40)),
    ),
    max_size=40,
)


@given(steps)
@settings(max_examples=100, deadline=None)
def test_time_is_the_sum_of_what_was_heard_and_missed(steps: list[tuple[str, int]]) -> None:
    tape = Tape(500)
    came = 0.0
    taken = 0
    places = [0]
    for what, amount in steps:
        match what:
            case "hear":
                tape.hear(bytes(amount // 2 * 2))
                came += amount // 2 / 16
            case "missed":
                tape.missed(amount)
                came += amount
            case "take":
                taken += len(tape.take()) // WINDOW_BYTES
                if taken:
                    places.append(tape.place_ms(taken - 1))
            case _:
                tape.forget_before(amount)
        assert tape.waiting * WINDOW_MS <= LATEST_MS
    taken += len(tape.take_rest()) // WINDOW_BYTES
    # Another window would begin where the track ended, or less than a window behind it.
    places.append(tape.place_ms(taken))
    assert came - 1 <= places[-1] <= came + WINDOW_MS
    assert places == sorted(places)
