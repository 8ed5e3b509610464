"""Feeds and injects against a queue that a test plays by hand."""

import asyncio
import base64
from array import array

import pytest

from ringline.media.core.coder import Coder
from ringline.media.core.kinds import Channel, Codec, Event
from ringline.media.core.playout import Queue
from ringline.media.core.ring import Records
from ringline.media.feed import BLOCK, FeedFull, Lane
from ringline.media.inject import MOST_BACKLOG_MS, Inject
from ringline.media.ports import NoFreePort, Ports
from tests.media.signals import sine, snr

pytestmark = pytest.mark.unit

RING = 32768


class Player:
    """A queue, and the media thread's part of it."""

    def __init__(self, channel: Channel = Channel.PLAY, rate: int = 8000) -> None:
        self.events = Records(1024)
        self.queue = Queue(self.events, 0, channel)
        self.queue.attach(rate)
        self.lane = Lane(self.queue)
        self.names: dict[int, str] = {}
        self.cleared: list[tuple[int, int]] = []
        self.closed = 0

    def play(self, samples: int) -> "array[int]":
        out = array("h")
        for _ in range(samples // 160):
            out += self.queue.pull(160, 0)
            while (record := self.events.get()) is not None:
                if record[0] == Event.ROOM:
                    self.lane.room()
        return out

    def inject(self, codec: Codec = Codec.PCMU, rate: int = 8000) -> Inject:
        def number(name: str) -> int:
            self.names[len(self.names)] = name
            return len(self.names) - 1

        def close() -> None:
            self.closed += 1

        return Inject(
            self.queue,
            codec,
            rate,
            number=number,
            clear=lambda until, dropped: self.cleared.append((until, dropped)),
            close=close,
        )


def test_what_fits_goes_into_the_ring_at_once() -> None:
    p = Player()
    feed = p.lane.add("p", 1)
    assert feed.write(bytes(2000)) == 2 * (RING - 1000)
    assert p.queue.queued() == 1000


def test_what_does_not_fit_waits_and_follows_in_order() -> None:
    p = Player()
    feed = p.lane.add("p", 1)
    pcm = array("h", [i % 20_000 for i in range(80_000)])
    assert feed.write(pcm[:60_000].tobytes()) == 0
    assert feed.write(pcm[60_000:].tobytes()) == 0
    feed.end()
    assert p.play(96_000) == pcm
    assert p.queue.cue_head == p.queue.cue_tail == 2


def test_too_much_is_refused() -> None:
    feed = Player().lane.add("p", 1)
    for _ in range(17):
        feed.write(bytes(BLOCK))
    with pytest.raises(FeedFull, match="p has"):
        feed.write(bytes(BLOCK))


def test_an_odd_octet_is_dropped() -> None:
    p = Player()
    p.lane.add("p", 1).write(b"\x01\x00\x02")
    assert list(p.play(160)) == [1]


async def test_ready_waits_for_half_of_the_ring_and_for_the_turn() -> None:
    p = Player()
    first, second = p.lane.add("a", 1), p.lane.add("b", 2)
    assert await first.ready()
    first.write(bytes(BLOCK))
    waiting = [asyncio.create_task(feed.ready()) for feed in (first, second)]
    await asyncio.sleep(0)
    p.play(8000)
    await asyncio.sleep(0)
    assert [task.done() for task in waiting] == [False, False]
    p.play(8640)
    await asyncio.sleep(0)
    assert [task.done() for task in waiting] == [True, False]
    first.end()
    p.play(16_640)
    assert await waiting[1]
    second.write(bytes(320))
    assert second.welcome() > 0


async def test_ready_is_false_after_a_stop() -> None:
    p = Player()
    feed = p.lane.add("a", 1)
    feed.write(bytes(2 * BLOCK))
    waiting = asyncio.create_task(feed.ready())
    await asyncio.sleep(0)
    assert p.lane.cut(feed)
    assert not await waiting
    assert feed.write(bytes(320)) == 0
    assert p.queue.cue_head == 2


def test_a_playout_cut_before_its_turn_leaves_no_trace() -> None:
    p = Player()
    first, second, third = (p.lane.add(name, i) for i, name in enumerate("abc"))
    second.write(bytes(320))
    assert not p.lane.cut(second)
    first.end()
    third.write(array("h", [7]).tobytes())
    assert list(p.play(160)) == [7]
    assert sorted(p.lane.named) == [0, 2]


def test_payloads_of_a_stream_are_decoded_and_brought_to_the_legs_rate() -> None:
    p = Player(Channel.INJECT, 16000)
    inject = p.inject(Codec.L16, 24000)
    pcm = sine(440, 0.5, 24000)
    payload = array("h", pcm)
    payload.byteswap()
    data = payload.tobytes()
    for at in range(0, len(data), 960):
        assert inject.write(data[at : at + 960])
    heard = p.play(8000)
    assert len(heard) == 8000
    assert snr(sine(440, 0.5, 16000), heard) > 25


def test_ten_minutes_are_the_limit() -> None:
    inject = Player(Channel.INJECT).inject()
    for _ in range(20):
        assert inject.write_pcm(bytes(480_000))
    assert inject.backlog_ms == MOST_BACKLOG_MS
    assert not inject.write(b"\xff")
    assert not inject.write_pcm(b"\0\0")


def test_a_message_of_the_usual_shape_is_taken_and_any_other_is_not() -> None:
    p = Player(Channel.INJECT)
    inject = p.inject()
    message = b'{"event":"media","media":{"payload":"gIA="}}'
    assert inject.push(message, 1000)
    assert not inject.push(b'{"event":"clear"}', 1000)
    assert not inject.push(message, 0)
    assert list(p.play(160)) == [32124, 32124]
    for _ in range(6):
        inject.write_pcm(bytes(2 * 10_000))
    assert not inject.push(message, 60_000), "what waits outside the ring comes first"
    inject.close()
    assert not inject.push(message, 60_000)


@pytest.mark.parametrize(
    ("codec", "rate"), [(Codec.PCMU, 8000), (Codec.PCMA, 8000), (Codec.G722, 16000), (Codec.L16, 24000)]
)
def test_both_ways_into_a_call_sound_the_same(codec: Codec, rate: int) -> None:
    coder = Coder()
    coder.choose(codec, rate)
    pcm = sine(440, 0.4, rate)
    payloads = [coder.encode(pcm[at : at + rate // 50]) for at in range(0, len(pcm), rate // 50)]
    short, long = Player(Channel.INJECT), Player(Channel.INJECT)
    for inject, take in ((short.inject(codec, rate), True), (long.inject(codec, rate), False)):
        for payload in payloads:
            message = b'{"event":"media","media":{"payload":"' + base64.b64encode(payload) + b'"}}'
            assert inject.push(message, 1000) if take else inject.write(payload)
    assert short.play(3200) == long.play(3200)


def test_marks_keep_their_place_in_a_backlog_and_clear_frees_them() -> None:
    p = Player(Channel.INJECT)
    inject = p.inject()
    for i in range(6):
        inject.write_pcm(bytes(2 * 10_000))
        inject.mark(f"m{i}")
    assert inject.backlog_ms == 7500
    p.play(1600)
    assert inject.clear() == 200
    assert p.cleared == [(RING, 60_000 - RING)]
    # All six marks stand in the ring now, none before the end of what was in it.
    assert p.queue.cue_head == 6
    assert inject.backlog_ms == (RING - 1600) // 8


def test_a_closed_inject_takes_nothing() -> None:
    p = Player(Channel.INJECT)
    inject = p.inject()
    inject.write(b"\xff" * 800)
    inject.close()
    inject.close()
    inject.mark("late")
    assert not inject.write(b"\xff")
    assert (inject.clear(), p.closed, p.queue.cue_head) == (0, 1, 0)


def test_cues_of_more_playouts_than_the_ring_holds_wait() -> None:
    p = Player()
    for i in range(300):
        feed = p.lane.add(str(i), i)
        feed.write(array("h", [i]).tobytes())
        feed.end()
    assert list(p.play(480)) == list(range(300))
    assert p.queue.cue_head == p.queue.cue_tail == 600


def test_port_pairs_are_even_and_odd_and_rest_before_they_are_taken_again() -> None:
    ports = Ports("127.0.0.1", range(43601, 43609))
    pairs = [ports.take() for _ in range(3)]
    numbers = [pair.port for pair in pairs]
    assert all(
        n % 2 == 0 and pair.rtcp.getsockname()[1] == n + 1 for n, pair in zip(numbers, pairs, strict=True)
    )
    with pytest.raises(NoFreePort):
        ports.take()
    for pair in reversed(pairs):
        ports.give_back(pair)
    again = ports.take()
    assert again.port == numbers[-1]
    again.close()


def test_a_port_that_another_program_holds_is_passed_over() -> None:
    mine = Ports("127.0.0.1", range(43700, 43702)).take()
    others = Ports("127.0.0.1", range(43700, 43704))
    pair = others.take()
    assert pair.port == 43702
    assert len(others) == 1
    pair.close()
    mine.close()
