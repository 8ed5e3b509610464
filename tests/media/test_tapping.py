import json
from array import array

import pytest

from ringline.media.core.kinds import Codec, Command, Event
from ringline.media.core.tap import Tap as Ring
from ringline.media.tapping import RecordTap, Tap, TapFrame
from tests.media.rig import Rig
from tests.media.signals import sine

pytestmark = pytest.mark.unit


def opened(
    *, slots: int, inbound: bool = True, outbound: bool = True, pairs: bool = False
) -> tuple[Rig, Ring]:
    rig = Rig()
    ring = rig.legs[0].tap(0)
    ring.prepare(Codec.PCMU, 8000, inbound=inbound, outbound=outbound, pairs=pairs, slots=slots)
    rig.command(Command.IDLE_SILENCE, 0, 1)
    rig.command(Command.TAP, 0, 0, 1)
    return rig, ring


def test_a_full_ring_drops_new_frames_and_their_numbers_show_it() -> None:
    rig, ring = opened(slots=4, outbound=False)
    tap = Tap(ring, "s", lambda: None)
    rig.run(195)
    assert tap.dropped == 6
    assert [frame.sequence for frame in tap.drain()] == [1, 2, 3, 4]
    rig.run(215)
    (frame,) = tap.drain()
    assert frame == TapFrame("inbound", 11, 200, 11, b"\xff" * 160)


def test_two_tracks_count_their_own_chunks() -> None:
    rig, ring = opened(slots=16)
    rig.run(55)
    frames = Tap(ring, "s", lambda: None).drain()
    assert [(f.track, f.chunk, f.timestamp_ms, f.sequence) for f in frames] == [
        ("inbound", 1, 0, 1),
        ("outbound", 1, 0, 2),
        ("inbound", 2, 20, 3),
        ("outbound", 2, 20, 4),
        ("inbound", 3, 40, 5),
        ("outbound", 3, 40, 6),
    ]


def test_the_outbound_track_pauses_while_nothing_is_sent() -> None:
    rig, ring = opened(slots=64)
    rig.command(Command.IDLE_SILENCE, 0, 0)
    rig.run(95)
    assert {f.track for f in Tap(ring, "s", lambda: None).drain()} == {"inbound"}


def test_frames_leave_as_messages_whose_numbers_go_on() -> None:
    rig, ring = opened(slots=16, outbound=False)
    rig.run(35)
    tap = Tap(ring, "sid", lambda: None)
    messages = [json.loads(m) for m in tap.messages(7)]
    assert [m["sequence_number"] for m in messages] == ["8", "9"]
    assert {m["stream_id"] for m in messages} == {"sid"}
    assert tap.taken == 2
    rig.run(55)
    assert [json.loads(m)["sequence_number"] for m in tap.messages(9)] == ["12"]
    tap.close()
    rig.run(75)
    assert (tap.messages(9), tap.taken) == ([], 3)


def test_only_the_newest_are_kept_for_a_late_reader() -> None:
    rig, ring = opened(slots=16, outbound=False)
    tap = Tap(ring, "sid", lambda: None)
    rig.run(115)
    tap.trim(2)
    tap.trim(2)
    rig.run(135)
    assert len([r for r in rig.events if r[0] == Event.TAP_READY]) == 2
    assert [json.loads(m)["media"]["chunk"] for m in tap.messages(0)] == ["5", "6", "7"]
    tap.close()
    tap.trim(0)


def test_a_wakeup_comes_once_until_the_frames_are_taken() -> None:
    rig, ring = opened(slots=64)
    rig.run(95)
    ready = [r for r in rig.events if r[0] == Event.TAP_READY]
    assert len(ready) == 1
    Tap(ring, "s", lambda: None).drain(3)
    rig.run(115)
    assert len([r for r in rig.events if r[0] == Event.TAP_READY]) == 2


def test_a_reader_that_comes_late_is_woken_at_once_and_a_closed_one_never() -> None:
    rig, ring = opened(slots=64)
    rig.run(95)
    closed: list[int] = []
    tap, woken = Tap(ring, "s", lambda: closed.append(1)), list[int]()
    tap.set_wakeup(lambda: woken.append(1))
    assert woken == [1]
    tap.close()
    tap.close()
    tap.wake()
    tap.set_wakeup(lambda: woken.append(2))
    assert (woken, closed, tap.drain()) == ([1], [1], [])


def test_a_recording_keeps_both_sides_aligned_through_drops() -> None:
    rig = Rig()
    ring = rig.legs[0].tap(0)
    ring.prepare(Codec.L16_LITTLE, 8000, inbound=True, outbound=True, pairs=True, slots=8)
    rig.command(Command.TAP, 0, 0, 1)
    rig.legs[0].play.attach(8000)
    pcm = sine(500, 0.4, 8000)
    rig.legs[0].play.push(pcm)
    rig.run(195)
    recording = RecordTap(ring, lambda: None)
    frames = recording.drain()
    rig.run(255)
    frames += recording.drain()
    assert recording.dropped == 2
    assert [f.index for f in frames] == [*range(8), 10, 11, 12]
    assert array("h", frames[10].outbound) == pcm[12 * 160 : 13 * 160]
    assert {len(f.inbound) for f in frames} == {len(f.outbound) for f in frames} == {320}


@pytest.mark.parametrize("rate", [8000, 16000, 22050, 24000, 48000])
def test_frames_of_any_rate_hold_20_ms(rate: int) -> None:
    rig = Rig()
    ring = rig.legs[0].tap(1)
    ring.prepare(Codec.L16, rate, inbound=True, outbound=False, pairs=False, slots=64)
    rig.command(Command.TAP, 0, 1, 1)
    rig.run(395)
    assert {len(f.payload) for f in Tap(ring, "s", lambda: None).drain()} == {2 * rate // 50}
