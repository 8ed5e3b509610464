from array import array
from itertools import pairwise

import pytest

from ringline.media.core import rtcp
from ringline.media.core.engine import Engine
from ringline.media.core.kinds import (
    Channel,
    Codec,
    Command,
    Cue,
    Direction,
    Ending,
    Event,
    Method,
    Packet,
    Target,
    payload_types,
)
from ringline.media.core.rtp import RtpPacket, serialize
from ringline.media.core.tones import BEEP, RINGBACK
from tests.media.rig import LOCALHOST, MS, Rig, at_port, power
from tests.media.signals import sine, snr

pytestmark = pytest.mark.unit


def say(rig: Rig, leg: int, pcm: "array[int]", number: int = 1) -> None:
    queue = rig.legs[leg].play
    queue.attach(8000)
    queue.cue(Cue.START, number)
    assert queue.push(pcm) == len(pcm)
    queue.cue(Cue.END, number)


def test_an_idle_leg_opens_the_way_and_then_keeps_it_open() -> None:
    rig = Rig().run(31_000, tick_ms=20)
    times = [at // MS for at, _ in rig.sent[0]]
    assert times == [0, 15_020, 30_040]
    assert set(rig.heard(0)) == {0}


def test_silence_when_idle_is_a_packet_every_20_ms() -> None:
    rig = Rig()
    rig.command(Command.IDLE_SILENCE, 0, 1)
    rig.run(199)
    assert [at // MS for at, _ in rig.sent[0]] == list(range(0, 200, 20))
    packets = [packet for _, packet in rig.sent[0]]
    assert packets[0] == RtpPacket(0, 65530, 0xFFFFFF00, 1000, b"\xff" * 160, marker=True)
    assert [p.sequence for p in packets[:8]] == [65530, 65531, 65532, 65533, 65534, 65535, 0, 1]
    assert [p.timestamp for p in packets[:4]] == [0xFFFFFF00, 0xFFFFFFA0, 0x40, 0xE0]
    assert not any(p.marker for p in packets[1:])


def test_a_playout_is_sent_whole_and_reported_when_it_was_sent() -> None:
    rig, pcm = Rig(), sine(600, 0.5, 8000)
    rig.run(90)
    say(rig, 0, pcm, number=42)
    rig.run(800)
    spoken = [(at, p) for at, p in rig.sent[0] if at >= 90 * MS]
    assert len(spoken) == 25
    assert spoken[0][1].marker
    assert spoken[0][1].timestamp == (0xFFFFFF00 + spoken[0][0] // MS * 8) & 0xFFFFFFFF
    assert snr(pcm, rig.heard(0)[160:], most_delay=1) > 30
    assert rig.told(Event.STARTED) == [(Event.STARTED, 0, Channel.PLAY, 42, 0, 0, 0, spoken[0][0])]
    assert rig.told(Event.ENDED) == [
        (Event.ENDED, 0, Channel.PLAY, 42, 4000, Ending.COMPLETED, 8000, spoken[-1][0])
    ]


def test_an_overlay_and_an_inject_are_mixed_with_what_plays() -> None:
    rig = Rig()
    say(rig, 0, sine(500, 1, 8000, peak=4000))
    for queue, frequency in ((rig.legs[0].overlay, 900), (rig.legs[0].inject, 1300)):
        queue.attach(8000)
        queue.push(sine(frequency, 1, 8000, peak=4000))
    heard = rig.run(900).heard(0)
    for frequency in (500, 900, 1300):
        assert power(heard, frequency) == pytest.approx(4000, rel=0.02)


def test_what_a_far_end_says_is_heard_by_the_other_leg_of_a_bridge() -> None:
    rig, pcm = Rig(2), sine(440, 2, 8000)
    rig.stream(0, pcm)
    rig.command(Command.ROUTE, 1, 0, 256)
    rig.command(Command.ROUTE, 0, 1, 256)
    rig.run(2000)
    heard = rig.heard(1)[1600:]
    assert power(heard, 440) == pytest.approx(10_000, rel=0.01)
    assert set(rig.heard(0)) == {0}
    assert len(rig.sent[0]) == len(rig.sent[1]) == 101


@pytest.mark.parametrize("theirs", list(Codec)[:4])
@pytest.mark.parametrize("ours", list(Codec)[:4])
def test_a_bridge_joins_any_two_codecs(theirs: Codec, ours: Codec) -> None:
    rig = Rig(2, codecs=(theirs, ours))
    rate = 8000 if theirs in {Codec.PCMU, Codec.PCMA} else 16000
    rig.stream(0, sine(1000, 0.8, rate), codec=theirs)
    rig.command(Command.ROUTE, 1, 0, 256)
    rig.command(Command.ROUTE, 0, 1, 256)
    heard = rig.run(800).heard(1, ours)
    rate = 8000 if ours in {Codec.PCMU, Codec.PCMA} else 16000
    assert power(heard[rate // 5 :], 1000, rate) == pytest.approx(10_000, rel=0.05)


def test_three_legs_hear_each_other_but_never_themselves() -> None:
    rig, frequencies = Rig(3), (400, 700, 1100)
    for leg, frequency in enumerate(frequencies):
        rig.stream(leg, sine(frequency, 1, 8000, peak=5000))
        for other in range(3):
            if other != leg:
                rig.command(Command.ROUTE, leg, other, 256)
    rig.run(1000)
    for leg in range(3):
        heard = rig.heard(leg)[1600:8000]
        for speaker, frequency in enumerate(frequencies):
            assert power(heard, frequency) == pytest.approx(0 if speaker == leg else 5000, abs=100)


def test_a_route_is_one_way_and_has_a_gain() -> None:
    rig = Rig(3)
    rig.stream(0, sine(400, 1, 8000))
    rig.stream(1, sine(700, 1, 8000))
    rig.command(Command.ROUTE, 2, 0, 256)
    rig.command(Command.ROUTE, 2, 1, 64)
    rig.run(1000)
    heard = rig.heard(2)[1600:]
    assert power(heard, 400) == pytest.approx(10_000, rel=0.02)
    assert power(heard, 700) == pytest.approx(2_500, rel=0.02)
    assert len(rig.sent[0]) == len(rig.sent[1]) == 1


def test_a_route_taken_away_is_silence() -> None:
    rig = Rig(2)
    rig.stream(0, sine(440, 2, 8000))
    rig.command(Command.ROUTE, 1, 0, 256)
    rig.run(500)
    rig.command(Command.ROUTE, 1, 0, 0)
    before = len(rig.sent[1])
    rig.run(1000)
    assert len(rig.sent[1]) == before


def test_legs_of_different_phases_speak_in_different_slots() -> None:
    rig = Rig(2)
    for leg in range(2):
        rig.command(Command.IDLE_SILENCE, leg, 1)
    rig.command(Command.PHASE, 1, 2)
    rig.run(200)
    assert {at // MS % 20 for at, _ in rig.sent[0]} == {0}
    assert {at // MS % 20 for at, _ in rig.sent[1]} == {10}


def test_a_leg_that_joins_another_phase_waits_once_for_longer() -> None:
    rig = Rig()
    rig.command(Command.IDLE_SILENCE, 0, 1)
    rig.run(95)
    rig.command(Command.PHASE, 0, 3)
    rig.run(300)
    times = [at // MS for at, _ in rig.sent[0]]
    steps = {b - a for a, b in pairwise(times)}
    assert steps == {20, 35}
    assert {(b.timestamp - a.timestamp) & 0xFFFFFFFF for (_, a), (_, b) in pairwise(rig.sent[0])} == {160}


@pytest.mark.parametrize(
    ("target", "bridged", "hearers"),
    [
        (Target.SELF, False, {0}),
        (Target.OPPOSITE, False, {0}),
        (Target.BOTH, False, {0}),
        (Target.SELF, True, {0}),
        (Target.OPPOSITE, True, {1}),
        (Target.BOTH, True, {0, 1}),
    ],
)
def test_who_hears_an_inject(target: Target, bridged: bool, hearers: set[int]) -> None:
    rig = Rig(2)
    if bridged:
        rig.command(Command.ROUTE, 0, 1, 256)
        rig.command(Command.ROUTE, 1, 0, 256)
    rig.command(Command.TARGET, 0, target)
    rig.legs[0].inject.attach(8000)
    rig.legs[0].inject.push(sine(800, 1, 8000))
    rig.run(900)
    for leg in (0, 1):
        assert power(rig.heard(leg), 800) == pytest.approx(10_000 if leg in hearers else 0, rel=0.03, abs=30)


def test_on_hold_nothing_is_sent_or_heard_but_time_goes_on() -> None:
    rig = Rig()
    rig.remote(0, direction=Direction.INACTIVE)
    rig.stream(0, sine(440, 1, 8000))
    say(rig, 0, sine(600, 0.4, 8000))
    rig.run(600)
    assert rig.sent[0] == []
    assert rig.legs[0].receiver.packets == 0
    assert rig.told(Event.ENDED)[0][-1] == 380 * MS


def test_receive_only_and_send_only() -> None:
    rig = Rig()
    rig.remote(0, direction=Direction.RECEIVE)
    rig.command(Command.IDLE_SILENCE, 0, 1)
    rig.stream(0, sine(440, 0.5, 8000))
    rig.run(299)
    assert (rig.sent[0], rig.legs[0].receiver.packets) == ([], 15)
    rig.remote(0, direction=Direction.SEND)
    rig.run(595)
    assert len(rig.sent[0]) == 15
    assert rig.legs[0].receiver.packets == 15


def test_the_codec_changes_in_the_middle_of_a_playout() -> None:
    rig = Rig()
    say(rig, 0, sine(600, 1, 8000))
    rig.run(495)
    rig.remote(0, Codec.G722)
    rig.run(1000)
    assert {p.payload_type for _, p in rig.sent[0][:25]} == {0}
    rest = [p for _, p in rig.sent[0][25:]]
    assert {p.payload_type for p in rest} == {9}
    assert {len(p.payload) for p in rest} == {160}
    rig.sent[0] = rig.sent[0][25:]
    assert power(rig.heard(0, Codec.G722)[1600:6400], 600, 16000) == pytest.approx(10_000, rel=0.05)
    assert rig.told(Event.ENDED)[0][4] == 8000


def test_a_ringback_goes_on_until_stopped_and_a_beep_by_itself() -> None:
    rig = Rig()
    rig.legs[0].set_tone(RINGBACK["us"], 8000)
    rig.command(Command.TONE, 0, 5)
    rig.run(990)
    assert power(rig.heard(0), 440) > 1000
    rig.command(Command.TONE, 0, 0)
    rig.run(1100)
    assert [r[2] for r in rig.told(Event.TONE_ENDED)] == [5]
    rig.legs[0].set_tone(BEEP, 8000)
    rig.command(Command.TONE, 0, 6)
    rig.run(1600)
    assert [r[2] for r in rig.told(Event.TONE_ENDED)] == [5, 6]
    # 1 s of ringback; a beep of 200 ms, and the frame in which it is found to have ended.
    assert len(rig.sent[0]) == 50 + 11


def test_digits_leave_as_telephone_events() -> None:
    rig = Rig()
    rig.command(Command.IDLE_SILENCE, 0, 1)
    rig.run(95)
    rig.command(Command.DTMF, 0, 5, 100, Method.RFC4733, 0)
    rig.command(Command.DTMF, 0, 11, 100, Method.RFC4733, 77)
    rig.run(700)
    digits = [(at, p) for at, p in rig.sent[0] if p.payload_type == 101]
    assert [p.payload[0] for _, p in digits] == [5] * 7 + [11] * 7
    assert [p.marker for _, p in digits] == [True, *[False] * 6] * 2
    assert len({p.timestamp for _, p in digits}) == 2
    assert digits[6][1].payload == bytes((5, 0x8A, 0x03, 0x20))
    assert [p.sequence for _, p in rig.sent[0]] == [(65530 + i) & 0xFFFF for i in range(len(rig.sent[0]))]
    assert [r[2] for r in rig.told(Event.DTMF_SENT)] == [77]


def test_what_plays_is_heard_between_digits_while_they_pause() -> None:
    rig = Rig()
    rig.command(Command.IDLE_SILENCE, 0, 1)
    rig.run(95)
    for code, length in ((1, 100), (-1, 500), (2, 100)):
        rig.command(Command.DTMF, 0, code, length, Method.RFC4733, 9 if code == 2 else 0)
    rig.run(1200)
    types = [p.payload_type for _, p in rig.sent[0]]
    first, second = types.index(101), len(types) - types[::-1].index(101)
    assert types[first:second] == [101] * 7 + [0] * 25 + [101] * 7
    resumed = next(p for _, p in rig.sent[0][first:] if p.payload_type == 0)
    assert resumed.marker, "nothing was sent in the gap behind the digit"
    assert [r[2] for r in rig.told(Event.DTMF_SENT)] == [9]


def test_each_direction_has_its_own_payload_types() -> None:
    """RFC 3264 §5.1: we send with the numbers of the answer, and hear those of our offer."""
    rig = Rig()
    types = payload_types(0, 96, 0, 101)
    rig.command(Command.REMOTE, 0, at_port(4000), 4001, Codec.PCMU, 8000, types, Direction.BOTH)
    rig.command(Command.IDLE_SILENCE, 0, 1)
    for number, event_type in enumerate((96, 101)):
        digit = bytes((7 + number, 0x80 | 10, 0, 160))
        rig.packet(100 + 100 * number, 0, RtpPacket(event_type, 10 + number, 800 * number, 77, digit))
    rig.command(Command.DTMF, 0, 5, 100, Method.RFC4733, 0)
    rig.run(600)
    assert [r[2] for r in rig.told(Event.DTMF)] == [8]
    assert {p.payload_type for _, p in rig.sent[0]} == {0, 96}


def test_digits_in_the_band_are_heard_as_tones() -> None:
    rig = Rig(2)
    rig.command(Command.DTMF, 0, 1, 200, Method.INBAND, 3)
    rig.run(400)
    heard = rig.heard(0)[160:1440]
    assert power(heard, 697) > 5000
    assert power(heard, 1209) > 5000
    assert [r[2] for r in rig.told(Event.DTMF_SENT)] == [3]


def test_telephone_events_are_received_once_and_their_time_is_not_lost_audio() -> None:
    rig, pcm = Rig(), sine(440, 1, 8000)
    rig.stream(0, pcm[:4000])
    for i in range(8):
        end = 0x80 if i >= 5 else 0
        payload = bytes((9, end | 10)) + (min(i + 1, 6) * 160).to_bytes(2)
        rig.packet(501 + 20 * i, 0, RtpPacket(101, 125 + i, 5000 + 4000, 77, payload, marker=i == 0))
    rig.stream(0, pcm[:2400], start_ms=661, sequence=133, timestamp=5000 + 4000 + 1280)
    rig.run(1200)
    assert [r[2:5] for r in rig.told(Event.DTMF)] == [(9, 120, Method.RFC4733)]
    assert rig.legs[0].receiver.jitter.lost == 0


def test_digits_in_the_band_are_found_when_asked_for() -> None:
    rig = Rig(2)
    rig.command(Command.DTMF, 0, 7, 120, Method.INBAND, 1)
    rig.run(300)
    voice = rig.heard(0)
    for detect in (0, 1):
        other = Rig()
        other.command(Command.DETECT, 0, detect)
        other.stream(0, voice)
        other.run(700)
        assert [r[2] for r in other.told(Event.DTMF)] == [7] * detect


def test_talk_begins_and_stops() -> None:
    rig = Rig()
    rig.stream(0, array("h", bytes(8000)) + sine(300, 1, 8000) + array("h", bytes(16000)))
    rig.run(3000)
    (on, off) = rig.told(Event.TALK)
    assert (on[2], off[2]) == (1, 0)
    assert 540 <= on[-1] // MS <= 600
    assert 1880 <= off[-1] // MS <= 1960


def test_a_lost_packet_is_bridged_over() -> None:
    rig, pcm = Rig(2), sine(400, 1, 8000)
    rig.stream(0, pcm, delay=lambda n: None if n in {12, 30} else 0.0)
    rig.command(Command.ROUTE, 1, 0, 256)
    heard = rig.run(1100).heard(1)
    assert rig.legs[0].receiver.jitter.lost == 2
    assert power(heard[1600:7000], 400) > 9000


def test_strangers_are_counted_and_not_heard() -> None:
    rig = Rig(2)
    rig.command(Command.ROUTE, 1, 0, 256)
    rig.stream(0, sine(440, 1, 8000))
    rig.stream(0, sine(1000, 1, 8000), ssrc=9, port=6666, start_ms=100)
    rig.run(1000)
    assert rig.legs[0].receiver.latch.strangers == 46
    assert power(rig.heard(1)[1600:7600], 1000) < 50
    assert rig.targets[0] == at_port(4000)


def test_the_first_packet_after_an_answer_counts() -> None:
    rig = Rig(2).run(20)
    rig.stream(1, sine(440, 0.1, 8000), port=5555, start_ms=1)
    rig.command(
        Command.REMOTE, 1, at_port(5555), 5556, Codec.PCMU, 16000, payload_types(0, 101), Direction.BOTH
    )
    rig.run(200)
    assert (rig.legs[1].receiver.packets, rig.legs[1].receiver.latch.strangers) == (5, 0)


def test_a_phone_behind_nat_is_learned_and_answered_there() -> None:
    rig = Rig()
    rig.command(Command.IDLE_SILENCE, 0, 1)
    rig.stream(0, sine(440, 1, 8000), port=5555)
    rig.run(500)
    assert [r[2] for r in rig.told(Event.RTP_STARTED)] == [at_port(5555)]
    assert rig.targets[0] == at_port(5555)


def test_silence_of_the_network_is_told_once_until_it_ends() -> None:
    rig = Rig()
    rig.engine = Engine(2, timeout_ns=1_000 * MS)
    rig.legs = [rig.engine.add(0)]
    rig.command(Command.OPEN, 0)
    rig.remote(0)
    rig.stream(0, sine(440, 0.5, 8000))
    rig.stream(0, sine(440, 0.1, 8000), start_ms=4000, sequence=125, timestamp=5000 + 160 * 200)
    rig.run(7000)
    timeouts = rig.told(Event.RTP_TIMEOUT)
    assert [round(r[-1] / MS, -2) for r in timeouts] == [1500, 5100]
    assert all(1000 < r[2] <= 1020 for r in timeouts)


def test_ticks_that_come_late_are_made_up_for() -> None:
    rig = Rig()
    rig.command(Command.IDLE_SILENCE, 0, 1)
    rig.run(200)
    rig.now_ns = 300 * MS
    rig.tick()
    assert len(rig.sent[0]) == 16
    assert rig.legs[0].sender.skipped_ms == 0
    stamps = [p.timestamp for _, p in rig.sent[0]]
    assert {(b - a) & 0xFFFFFFFF for a, b in pairwise(stamps)} == {160}


def test_ticks_that_come_too_late_are_left_out_and_marked() -> None:
    rig = Rig()
    rig.command(Command.IDLE_SILENCE, 0, 1)
    rig.run(200)
    before = len(rig.sent[0])
    rig.now_ns = 1200 * MS
    rig.tick()
    rig.now_ns += 5 * MS
    rig.run(1299)
    after = [p for _, p in rig.sent[0][before:]]
    assert len(after) == 5
    assert after[0].marker
    assert not any(p.marker for p in after[1:])
    skipped = rig.legs[0].sender.skipped_ms
    assert skipped == 980
    last = rig.sent[0][before - 1][1]
    assert (after[0].timestamp - last.timestamp) & 0xFFFFFFFF == 160 + skipped * 8
    assert (after[0].sequence - last.sequence) & 0xFFFF == 1


def test_a_sender_report_says_what_was_sent() -> None:
    rig = Rig()
    rig.command(Command.IDLE_SILENCE, 0, 1)
    rig.stream(0, sine(440, 9, 8000), delay=lambda n: None if n == 50 else 0.0)
    rig.run(9000, tick_ms=20)
    at, to, data = rig.reports[0][0]
    report = rtcp.parse(data)[0]
    assert isinstance(report, rtcp.SenderReport)
    assert to == at_port(4001)
    assert report.ssrc == 1000
    assert report.packets == len([1 for t, _ in rig.sent[0] if t <= at])
    assert report.octets == 160 * report.packets
    (block,) = report.blocks
    assert block.ssrc == 77
    assert block.lost == (1 if at > 1000 * MS else 0)


def test_reports_of_the_far_end_give_the_round_trip() -> None:
    rig = Rig()
    rig.command(Command.IDLE_SILENCE, 0, 1)
    rig.run(8000, tick_ms=20)
    sent_at, _, data = rig.reports[0][-1]
    ntp = int.from_bytes(data[8:16])
    far = rtcp.RtcpSession(77, b"far")
    far.receive(data, 0)
    block = rtcp.ReportBlock(1000, 0, 3, 0, 0, ntp >> 16 & 0xFFFFFFFF, 0)
    answer = rtcp.serialize([rtcp.ReceiverReport(77, (block,))])
    rig.now_ns = sent_at + 40 * MS
    rig.engine.receive(0, Packet.RTCP, answer, at_port(4001), rig.now_ns)
    assert rig.legs[0].rtcp.round_trip_us == pytest.approx(40_000, abs=50)
    assert rig.legs[0].rtcp.remote_lost == 3


def test_reports_from_elsewhere_are_ignored() -> None:
    rig = Rig().run(20)
    answer = rtcp.serialize([rtcp.ReceiverReport(77, (rtcp.ReportBlock(1000, 0, 3, 0, 0, 0, 0),))])
    rig.engine.receive(0, Packet.RTCP, answer, (LOCALHOST + 1) << 16 | 4001, rig.now_ns)
    assert rig.legs[0].rtcp.remote_lost == 0


def test_multiplexed_reports_travel_on_the_rtp_port() -> None:
    rig = Rig()
    rig.remote(0, rtcp=4000)
    rig.command(Command.IDLE_SILENCE, 0, 1)
    rig.run(8000, tick_ms=20)
    reports = [(kind, to) for _, _, kind, to, data in rig.log if 200 <= data[1] <= 204]
    assert reports
    assert set(reports) == {(Packet.RTP, at_port(4000))}
    answer = rtcp.serialize([rtcp.ReceiverReport(77, (rtcp.ReportBlock(1000, 0, 5, 0, 0, 0, 0),))])
    rig.engine.receive(0, Packet.RTP, answer, at_port(4000), rig.now_ns)
    assert rig.legs[0].rtcp.remote_lost == 5
    assert rig.legs[0].receiver.malformed == 0


def test_closing_says_goodbye_ends_what_plays_and_is_the_last_word() -> None:
    rig = Rig()
    say(rig, 0, sine(600, 1, 8000), number=4)
    rig.run(300)
    rig.command(Command.CLOSE, 0)
    rig.stream(0, sine(440, 1, 8000), start_ms=300)
    rig.run(600)
    assert [r[0] for r in rig.events][-2:] == [Event.ENDED, Event.CLOSED]
    # Python closes the sockets on CLOSED, so it must not come before the goodbye has left.
    assert rig.events[-1][-1] > rig.reports[0][-1][0]
    assert rig.told(Event.ENDED)[0][3:6] == (4, 2560, Ending.CLOSED)
    assert any(isinstance(part, rtcp.Goodbye) for part in rtcp.parse(rig.reports[0][-1][2]))
    assert max(at for at, _ in rig.sent[0]) <= 305 * MS


def test_a_slot_can_be_used_again_after_its_end() -> None:
    rig = Rig(2)
    rig.stream(1, sine(440, 2, 8000))
    rig.command(Command.ROUTE, 0, 1, 256)
    rig.run(200)
    rig.command(Command.CLOSE, 0)
    rig.run(220)
    rig.engine.remove(0)
    rig.legs[0] = rig.engine.add(0, ssrc=5)
    rig.command(Command.OPEN, 0)
    rig.remote(0)
    rig.sent[0].clear()
    rig.run(1000)
    assert [p.ssrc for _, p in rig.sent[0]] == [5]


def test_commands_for_legs_that_are_not_there_mean_nothing() -> None:
    rig = Rig()
    for kind in Command:
        for leg in (-1, 1, 2, 1 << 40):
            rig.command(kind, leg, 1, 1, 1, 1)
    rig.run(50)
    assert len(rig.sent[0]) == 1


def test_a_second_is_told() -> None:
    rig = Rig().run(3010)
    assert [r[-1] // MS for r in rig.told(Event.SECOND)] == [980, 1980, 2980]


def test_datagrams_of_any_kind_do_no_harm() -> None:
    rig = Rig().run(20)
    good = serialize(RtpPacket(0, 1, 1, 7, bytes(160)))
    for data in (
        b"",
        b"\x80",
        good[:12],
        good[:13],
        b"\x80\xc8" + bytes(30),
        bytes(2000),
        good + bytes(1800),
    ):
        for kind in Packet:
            rig.engine.receive(0, kind, data, at_port(4000), rig.now_ns)
            rig.engine.receive(1, kind, data, at_port(4000), rig.now_ns)
            rig.engine.receive(99, kind, data, at_port(4000), rig.now_ns)
    rig.run(200)
    assert rig.legs[0].receiver.malformed > 0
