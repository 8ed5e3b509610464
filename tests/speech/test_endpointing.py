"""Where utterances begin and end."""

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ringline.speech.endpointing import (
    Ended,
    Endpointer,
    InterimDue,
    Move,
    Paused,
    Rules,
    Span,
    State,
    windows,
)

pytestmark = pytest.mark.unit

RULES = Rules(
    silence_ms=160, onset=3, before_ms=64, after_ms=64, longest_ms=32 * 40, interim_ms=320, pause_ms=96
)  # 5, 2, 2, 40, 10 and 3 windows
LEVEL = -30.0


def run(track: str, rules: Rules = RULES) -> list[Move]:
    """The moves of a track: `#` speaks, `-` only goes on speaking, anything else is quiet."""
    endpointer = Endpointer(rules)
    speech = {"#": 1.0, "-": 0.4}
    moves = [move for sign in track for move in endpointer.step(speech.get(sign, 0.0), LEVEL)]
    return [*moves, *endpointer.flush()]


def ended(track: str, rules: Rules = RULES) -> list[Span]:
    return [move.span for move in run(track, rules) if isinstance(move, Ended)]


@pytest.mark.parametrize(("ms", "count"), [(0, 1), (1, 1), (32, 1), (33, 2), (500, 16)])
def test_a_time_in_windows(ms: int, count: int) -> None:
    assert windows(ms) == count


@pytest.mark.parametrize(
    ("track", "spans"),
    [
        ("", []),
        ("..........", []),
        ("..##..##..##..", []),  # clicks
        ("....###......", [Span(2, 9)]),
        ("###......", [Span(0, 5)]),  # there is nothing before the track
        ("....######", [Span(2, 10)]),  # the track ends within speech
        ("....###...", [Span(2, 9)]),  # and within the silence behind it
        ("....###.", [Span(2, 8)]),
        ("....###....###.....", [Span(2, 16)]),  # a pause shorter than the silence that ends
        ("....###.....###.....", [Span(2, 9), Span(10, 17)]),
        ("....###.....#######", [Span(2, 9), Span(10, 19)]),
        ("....###--..-.....", [Span(2, 14)]),  # what would not begin speech continues it
        ("....---......", []),
    ],
)
def test_utterances_with_their_surroundings(track: str, spans: list[Span]) -> None:
    assert ended(track) == spans


def test_what_comes_before_is_not_taken_from_the_utterance_before() -> None:
    rules = Rules(silence_ms=64, onset=1, before_ms=320, after_ms=64)
    assert ended("....#..#....", rules) == [Span(0, 7), Span(7, 10)]


def test_the_end_is_told_when_the_silence_is_long_enough_and_not_before() -> None:
    endpointer = Endpointer(RULES)
    for _ in range(6):
        assert endpointer.step(1.0, LEVEL) == ()
    whole = Span(0, 8)
    assert [endpointer.step(0.0, LEVEL) for _ in range(5)] == [(), (), (Paused(whole),), (), (Ended(whole),)]
    assert endpointer.state is State.QUIET


def test_an_unfinished_utterance_is_worth_a_look_from_time_to_time() -> None:
    looks = [move.span for move in run("...." + "#" * 24 + ".....") if isinstance(move, InterimDue)]
    assert looks == [Span(2, 12), Span(2, 22)]


def test_a_pause_may_be_the_end_and_may_not() -> None:
    moves = [move for move in run("....###...##....##.....") if not isinstance(move, InterimDue)]
    assert moves == [Paused(Span(2, 9)), Paused(Span(2, 14)), Paused(Span(2, 20)), Ended(Span(2, 20))]


def test_where_the_silence_that_ends_is_short_there_is_no_pause_before_it() -> None:
    moves = run("####....", Rules(silence_ms=64, pause_ms=64))
    assert moves == [Ended(Span(0, 6))]


def test_an_endless_utterance_is_cut_at_the_quietest_place_of_its_second_half() -> None:
    endpointer = Endpointer(RULES)
    moves: list[Move] = []
    for at in range(100):
        quieter = {7: -90.0, 29: -48.0, 30: -50.0, 31: -48.0, 35: -60.0}
        moves += endpointer.step(1.0, quieter.get(at, LEVEL))
    first, second, *_ = [move.span for move in moves if isinstance(move, Ended)]
    assert first == Span(0, 30)  # one quiet window alone (35) is no pause, and 7 is in the first half
    assert second.first == 30
    assert second.end - second.first <= 40
    assert endpointer.state is State.SPEAKING


def test_the_second_part_of_a_cut_utterance_ends_as_any() -> None:
    spans = ended("#" * 41 + "." * 10)
    assert spans[-1].end == 43
    assert spans[0].end == spans[1].first


tracks = st.lists(
    st.tuples(st.sampled_from([0.0, 0.1, 0.34, 0.35, 0.49, 0.5, 1.0]), st.floats(-100, 0)), max_size=300
)
bursts = st.lists(
    st.tuples(st.sampled_from([0.0, 0.4, 1.0]), st.integers(1, 60), st.floats(-100, 0)), max_size=12
).map(lambda runs: [(speech, level) for speech, count, level in runs for _ in range(count)])
rules = st.builds(
    Rules,
    silence_ms=st.integers(0, 1000),
    onset=st.integers(1, 4),
    before_ms=st.integers(0, 400),
    after_ms=st.integers(0, 400),
    longest_ms=st.integers(0, 2000),
    interim_ms=st.integers(0, 1000),
    pause_ms=st.integers(0, 600),
)


@given(tracks | bursts, rules)
@settings(max_examples=150, deadline=None)
def test_any_track_becomes_utterances_in_order(track: list[tuple[float, float]], rules: Rules) -> None:
    endpointer = Endpointer(rules)
    longest = max(windows(rules.longest_ms), 2 * (windows(rules.before_ms) + rules.onset))
    spans: list[Span] = []
    looks: list[Span] = []
    pause: Span | None = None
    needed = [0]
    for speech, level in track:
        if speech >= rules.goes_on:
            pause = None
        for move in endpointer.step(speech, level):
            if isinstance(move, Paused):
                assert pause is None, "once in a silence"
                pause = move.span
            elif isinstance(move, Ended):
                if endpointer.state is State.QUIET:  # it was not cut
                    assert pause in (None, move.span), "unless more is said, the pause was the end"
                pause = None
                assert all(look.first == move.span.first for look in looks), "looks are at what ends"
                looks.clear()
                spans.append(move.span)
                assert needed[-1] <= move.span.first, "nobody asks for what may be forgotten"
            else:
                looks.append(move.span)
        needed.append(endpointer.needed)
    assert needed == sorted(needed)
    assert len(track) - needed[-1] <= max(longest, windows(rules.before_ms) + rules.onset)
    spans += [move.span for move in endpointer.flush() if isinstance(move, Ended)]

    assert all(0 <= span.first < span.end <= len(track) for span in spans)
    assert all(span.end - span.first <= longest for span in spans)
    assert all(one.end <= other.first for one, other in pairwise(spans))
    covered = {at for span in spans for at in range(span.first, span.end)}
    row = 0
    for at, (speech, _) in enumerate(track):
        row = row + 1 if speech >= rules.begins else 0
        if row >= rules.onset:
            assert at in covered, "nothing that was said is lost"
    for span in spans:
        whole = any(other.end == span.first for other in spans)  # the second part of one that was cut
        loud = [track[at][0] >= rules.begins for at in range(span.first, span.end)]
        assert whole or sum(loud) >= rules.onset, "silence is no utterance"
