from array import array

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ringline.media.core.kinds import Channel, Cue, Ending, Event
from ringline.media.core.playout import Queue
from ringline.media.core.ring import Records

pytestmark = pytest.mark.unit

MS = 1_000_000


class Played:
    """A queue and the events it made: (kind, number, value, ms)."""

    def __init__(self) -> None:
        self.ring = Records(1024)
        self.queue = Queue(self.ring, 7, Channel.PLAY)
        self.queue.attach(8000)
        self.now = 0

    def says(self, samples: int, number: int, *, end: bool = True) -> None:
        self.queue.cue(Cue.START, number)
        self.queue.push(array("h", [number]) * samples)
        if end:
            self.queue.cue(Cue.END, number)

    def pull(self, times: int = 1) -> list[int]:
        heard: list[int] = []
        for _ in range(times):
            heard += self.queue.pull(160, self.now * MS)
            self.now += 20
        return heard

    def events(self) -> list[tuple[int, ...]]:
        out: list[tuple[int, ...]] = []
        while (record := self.ring.get()) is not None:
            kind, leg, _channel, b, c, d, _, at = record
            assert leg == 7
            out.append((kind, b, c, d, at // MS))
        return out


def started(number: int, ms: int) -> tuple[int, ...]:
    return (Event.STARTED, number, 0, 0, ms)


def ended(number: int, samples: int, ms: int, reason: Ending = Ending.COMPLETED) -> tuple[int, ...]:
    return (Event.ENDED, number, samples, reason, ms)


def test_an_unattached_queue_is_silent_and_has_no_room() -> None:
    queue = Queue(Records(4), 0, Channel.PLAY)
    assert queue.room() == 0
    assert len(queue.pull(160, 0)) == 0


def test_a_playout_starts_with_its_first_sample_and_ends_with_its_last() -> None:
    p = Played()
    p.pull()
    p.says(400, 1)
    assert p.pull(4) == [1] * 400
    assert p.events() == [started(1, 20), ended(1, 400, 60)]


def test_a_playout_that_fills_its_last_frame_ends_in_that_frame() -> None:
    p = Played()
    p.says(320, 1)
    p.pull(3)
    assert p.events() == [started(1, 0), ended(1, 320, 20)]


def test_a_start_without_samples_waits_for_them() -> None:
    p = Played()
    p.queue.cue(Cue.START, 5)
    p.pull(3)
    assert p.events() == []
    p.queue.push(array("h", [5]) * 10)
    p.pull()
    assert p.events() == [started(5, 60)]


def test_an_empty_playout_starts_and_ends() -> None:
    p = Played()
    p.says(0, 3)
    assert p.pull() == []
    assert p.events() == [started(3, 0), ended(3, 0, 0)]


def test_the_next_playout_joins_without_a_gap() -> None:
    p = Played()
    p.says(100, 1)
    p.says(100, 2)
    assert p.pull(2) == [1] * 100 + [2] * 100
    assert p.events() == [started(1, 0), ended(1, 100, 0), started(2, 0), ended(2, 100, 20)]


def test_python_late_is_silence_and_the_playout_goes_on() -> None:
    p = Played()
    p.says(200, 1, end=False)
    assert p.pull(3) == [1] * 200
    p.queue.push(array("h", [1]) * 100)
    p.queue.cue(Cue.END, 1)
    assert p.pull() == [1] * 100
    assert p.events() == [started(1, 0), ended(1, 300, 60)]


def test_marks_are_reached_when_what_stood_before_them_is_sent() -> None:
    p = Played()
    p.queue.cue(Cue.MARK, 1)
    p.queue.push(array("h", [9]) * 320)
    p.queue.cue(Cue.MARK, 2)
    p.queue.cue(Cue.MARK, 3)
    p.queue.push(array("h", [9]) * 1)
    p.queue.cue(Cue.MARK, 4)
    p.pull(3)
    assert [(b, at) for _, b, _, _, at in p.events()] == [(1, 0), (2, 20), (3, 20), (4, 40)]


def test_stopping_what_is_heard_says_how_much_was() -> None:
    p = Played()
    p.says(8000, 1)
    p.says(160, 2)
    p.pull(5)
    p.queue.stop(1, p.now * MS)
    assert p.pull() == [2] * 160
    assert p.events() == [
        started(1, 0),
        ended(1, 800, 100, Ending.STOPPED),
        started(2, 100),
        ended(2, 160, 100),
    ]


def test_stopping_one_that_waits_leaves_it_out() -> None:
    p = Played()
    for number in (1, 2, 3):
        p.says(160, number)
    p.queue.stop(2, 0)
    assert p.pull(3) == [1] * 160 + [3] * 160
    assert p.events() == [
        started(1, 0),
        ended(1, 160, 0),
        ended(2, 0, 20, Ending.STOPPED),
        started(3, 20),
        ended(3, 160, 20),
    ]


def test_stopping_one_whose_end_is_not_written_yet() -> None:
    p = Played()
    p.says(8000, 1, end=False)
    p.pull()
    p.queue.stop(1, p.now * MS)
    assert p.pull() == []
    p.queue.cue(Cue.END, 1)
    p.pull()
    assert p.events() == [started(1, 0), ended(1, 160, 40, Ending.STOPPED)]


def test_stopping_what_has_ended_does_nothing() -> None:
    p = Played()
    p.says(160, 1)
    p.pull()
    p.queue.stop(1, p.now * MS)
    p.says(160, 2)
    assert p.pull() == [2] * 160
    assert [e[0] for e in p.events()] == [Event.STARTED, Event.ENDED, Event.STARTED, Event.ENDED]


def test_clear_drops_what_waits_and_echoes_its_marks() -> None:
    p = Played()
    p.queue.push(array("h", [1]) * 1000)
    p.queue.cue(Cue.MARK, 1)
    p.queue.push(array("h", [1]) * 600)
    p.queue.cue(Cue.MARK, 2)
    p.pull(2)
    p.queue.clear(p.queue.write, p.now * MS)
    p.queue.push(array("h", [2]) * 160)
    assert p.pull() == [2] * 160
    assert p.events() == [
        (Event.MARK, 1, 0, 0, 40),
        (Event.MARK, 2, 0, 0, 40),
        (Event.CLEARED, 320, 1280, 8000, 40),
    ]


def test_clear_keeps_what_came_after_it_was_asked_for() -> None:
    p = Played()
    p.queue.push(array("h", [1]) * 500)
    until = p.queue.write
    p.queue.push(array("h", [2]) * 160)
    p.queue.clear(until, 0)
    assert p.pull() == [2] * 160


def test_clear_counts_what_was_heard_since_the_queue_ran_dry() -> None:
    p = Played()
    p.queue.push(array("h", [1]) * 320)
    p.pull(3)
    p.queue.push(array("h", [2]) * 800)
    p.pull(2)
    p.queue.clear(p.queue.write, p.now * MS)
    assert p.events() == [(Event.CLEARED, 320, 480, 8000, 100)]
    p.queue.clear(p.queue.write, p.now * MS)
    assert p.events() == [(Event.CLEARED, 0, 0, 8000, 100)]


def test_closing_ends_everything_as_closed() -> None:
    p = Played()
    p.says(800, 1)
    p.says(160, 2)
    p.pull()
    p.queue.close(p.now * MS)
    assert p.events() == [
        started(1, 0),
        ended(1, 160, 20, Ending.CLOSED),
        ended(2, 0, 20, Ending.CLOSED),
    ]


def test_room_is_told_once_when_half_is_free() -> None:
    p = Played()
    p.queue.push(array("h", bytes(2 * 32768)))
    assert (p.queue.room(), p.queue.push(array("h", [1]))) == (0, 0)
    p.queue.want()
    p.pull(102)
    assert p.events() == []
    p.pull(3)
    assert [e[0] for e in p.events()] == [Event.ROOM]
    p.pull(50)
    assert p.events() == []


def test_a_full_cue_ring_refuses() -> None:
    p = Played()
    for number in range(256):
        assert p.queue.cue(Cue.MARK, number)
    assert not p.queue.cue(Cue.MARK, 256)
    p.pull()
    assert p.queue.cue(Cue.MARK, 256)
    assert [b for _, b, *_ in p.events()] == list(range(256))


steps = st.lists(
    st.one_of(
        st.tuples(st.just("say"), st.integers(0, 700)),
        st.tuples(st.just("pull"), st.integers(1, 4)),
        st.tuples(st.just("stop"), st.integers(1, 12)),
        st.tuples(st.just("clear"), st.just(0)),
    ),
    max_size=30,
)


@given(steps)
@settings(max_examples=150)
def test_every_playout_ends_once_and_what_was_heard_adds_up(script: list[tuple[str, int]]) -> None:
    p, last, heard = Played(), 0, 0
    for step, value in script:
        if step == "say":
            last += 1
            p.says(value, last)
        elif step == "pull":
            heard += len(p.pull(value))
        elif step == "stop":
            p.queue.stop(value, p.now * MS)
        else:
            p.queue.clear(p.queue.write, p.now * MS)
    while p.queue.queued() or p.queue.cue_head != p.queue.cue_tail:
        heard += len(p.pull())
    told = p.events()
    endings = [e for e in told if e[0] == Event.ENDED]
    assert [e[1] for e in endings] == list(range(1, last + 1))
    assert sum(e[2] for e in endings) == heard
    begun = [e[1] for e in told if e[0] == Event.STARTED]
    assert begun == sorted(set(begun))
    assert [e[4] for e in told] == sorted(e[4] for e in told)
