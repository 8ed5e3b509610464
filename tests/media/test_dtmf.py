from array import array
from contextlib import suppress
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ringline.core.errors import ProtocolError
from ringline.media.core import COMPILED
from ringline.media.core.dtmf import (
    DIGITS,
    DONE,
    END,
    FIRST,
    PACKET,
    DigitDetector,
    DigitSender,
    EventReceiver,
    TelephoneEvent,
    parse,
    serialize,
)
from tests.media.signals import added, fitted, level, noise, sine, voiced

pytestmark = pytest.mark.unit

MS = 1_000_000
FREQUENCIES = {
    **dict(zip("123A", [(697, c) for c in (1209, 1336, 1477, 1633)], strict=True)),
    **dict(zip("456B", [(770, c) for c in (1209, 1336, 1477, 1633)], strict=True)),
    **dict(zip("789C", [(852, c) for c in (1209, 1336, 1477, 1633)], strict=True)),
    **dict(zip("*0#D", [(941, c) for c in (1209, 1336, 1477, 1633)], strict=True)),
}


# The payload (RFC 4733 §2.3)


def test_the_payload_is_event_flags_volume_and_duration() -> None:
    assert parse(bytes.fromhex("0b8a0320")) == TelephoneEvent(event=11, end=True, volume=10, duration=800)
    assert serialize(TelephoneEvent(event=1, end=False, volume=63, duration=160)) == bytes.fromhex("013f00a0")


@given(
    st.builds(
        TelephoneEvent,
        event=st.integers(0, 255),
        end=st.booleans(),
        volume=st.integers(0, 63),
        duration=st.integers(0, 65535),
    )
)
def test_parse_and_serialize_are_inverse(event: TelephoneEvent) -> None:
    assert parse(serialize(event)) == event


@given(st.binary(max_size=12))
def test_any_bytes_parse_or_raise_protocol_error(data: bytes) -> None:
    with suppress(ProtocolError):
        assert serialize(parse(data))[2:4] == data[2:4]


# Sending


def schedule(sender: DigitSender) -> list[tuple[int, bytes]]:
    """What each tick sends until nothing lasts."""
    ticks = []
    while True:
        flags, payload = sender.next_event()
        ticks.append((flags, payload))
        if flags & DONE:
            return ticks


def test_a_digit_is_updates_then_three_ends_then_a_gap() -> None:
    sender = DigitSender(8000, gap_ms=80)
    sender.push("5", 90)

    ticks = schedule(sender)

    sent = [(flags & (FIRST | END), parse(payload)) for flags, payload in ticks if flags & PACKET]
    assert sent == [
        (FIRST, TelephoneEvent(5, end=False, volume=10, duration=160)),
        (0, TelephoneEvent(5, end=False, volume=10, duration=320)),
        (0, TelephoneEvent(5, end=False, volume=10, duration=480)),
        (0, TelephoneEvent(5, end=False, volume=10, duration=640)),
        (END, TelephoneEvent(5, end=True, volume=10, duration=720)),
        (END, TelephoneEvent(5, end=True, volume=10, duration=720)),
        (END, TelephoneEvent(5, end=True, volume=10, duration=720)),
    ]
    assert len(ticks) == 9  # 90 ms and 80 ms of gap, in ticks of 20 ms
    assert sender.next_event() == (0, b"")


def test_each_digit_starts_anew_and_only_the_last_is_done() -> None:
    sender = DigitSender(8000)
    sender.push("12", 100)
    ticks = schedule(sender)
    assert [flags & DONE for flags, _ in ticks] == [0] * (len(ticks) - 1) + [DONE]
    assert [parse(payload).event for flags, payload in ticks if flags & FIRST] == [1, 2]


def test_pauses_send_nothing() -> None:
    sender = DigitSender(8000, gap_ms=80)
    sender.push("1wW2", 100)
    ticks = schedule(sender)
    starts = [i for i, (flags, _) in enumerate(ticks) if flags & FIRST]
    assert starts == [0, 9 + 25 + 50]
    assert all(payload == b"" for _, payload in ticks[9:84])


def test_cancelled_digits_are_not_sent_but_the_one_under_way_ends() -> None:
    sender = DigitSender(8000)
    sender.push("123", 100)
    sender.next_event()
    sender.cancel()
    rest = schedule(sender)
    assert [parse(payload).event for flags, payload in rest if flags & END] == [1, 1, 1]
    assert rest[-1][0] & DONE


def test_too_many_digits_are_refused_whole() -> None:
    sender = DigitSender(8000)
    assert sender.push("1" * 100, 100)
    assert not sender.push("2" * 29, 100)
    assert sender.push("3" * 28, 100)
    events = [parse(payload).event for flags, payload in schedule(sender) if flags & FIRST]
    assert events == [1] * 100 + [3] * 28


def test_a_wideband_event_counts_its_own_clock() -> None:
    sender = DigitSender(16_000)
    sender.push("1", 100)
    assert max(parse(payload).duration for flags, payload in schedule(sender) if flags & PACKET) == 1600


@pytest.mark.skipif(
    COMPILED, reason="the twins for the media thread are visible to Python in the sources only"
)
def test_the_media_threads_twins_say_what_is_full_empty_or_busy() -> None:
    sender = DigitSender(8000)
    assert not sender.c_busy()
    assert [sender.c_push(1, 100) for _ in range(129)] == [True] * 128 + [False]
    assert sender.c_busy()
    assert EventReceiver().c_take() == -1
    assert DigitDetector(8000).c_take() == -1


# Receiving


class Wire:
    """Sends digits by RFC 4733 as packets (payload, timestamp, arrival), for tests to lose and reorder."""

    def __init__(self, digits: str, duration_ms: int = 100) -> None:
        self.packets: list[tuple[bytes, int, int]] = []
        sender = DigitSender(8000)
        sender.push(digits, duration_ms)
        timestamp = now = 0
        for flags, payload in schedule(sender):
            if flags & FIRST:
                timestamp = (4_294_960_000 + now // MS * 8) & 0xFFFFFFFF
            if flags & PACKET:
                self.packets.append((payload, timestamp, now))
            now += 20 * MS
        self.end = now

    def heard(self, packets: list[tuple[bytes, int, int]]) -> list[tuple[str, int]]:
        """What a receiver makes of these packets, with its timer run beside them."""
        receiver = EventReceiver()
        digits = []
        for payload, timestamp, now in packets:
            digits += receiver.timeout(now)
            digits += receiver.receive(payload, timestamp, now)
        return digits + receiver.timeout(self.end + 200 * MS)


def test_every_digit_is_heard_once_with_its_length() -> None:
    wire = Wire(DIGITS, 120)
    assert wire.heard(wire.packets) == [(digit, 120) for digit in DIGITS]


def test_a_digit_counts_at_its_first_end() -> None:
    wire = Wire("7")
    first_end = next(i for i, (payload, _, _) in enumerate(wire.packets) if parse(payload).end)
    receiver = EventReceiver()
    heard = [receiver.receive(*packet) for packet in wire.packets]
    assert heard == [[]] * first_end + [[("7", 100)]] + [[]] * 2


@pytest.mark.parametrize("digits", ["5", "55", "12"])
def test_digits_survive_the_loss_of_all_their_ends(digits: str) -> None:
    wire = Wire(digits)
    heard = wire.heard([packet for packet in wire.packets if not parse(packet[0]).end])
    assert [digit for digit, _ in heard] == list(digits)
    assert all(80 <= length <= 100 for _, length in heard)


def test_one_end_alone_is_a_digit() -> None:
    wire = Wire("9")
    assert wire.heard(wire.packets[-1:]) == [("9", 100)]


@settings(max_examples=60, deadline=None)
@given(st.text(DIGITS, min_size=1, max_size=6), st.randoms(use_true_random=False))
def test_duplicates_and_reordering_within_60_ms_change_nothing(digits: str, chance: Random) -> None:
    wire = Wire(digits)
    twice = [packet for packet in wire.packets for _ in range(chance.randint(1, 2))]
    shuffled = sorted(twice, key=lambda packet: packet[2] + chance.randint(0, 60) * MS)
    assert [digit for digit, _ in wire.heard(shuffled)] == list(digits)


@settings(max_examples=60, deadline=None)
@given(st.text(DIGITS, min_size=1, max_size=6), st.data())
def test_any_loss_that_leaves_a_packet_of_each_digit_loses_none(digits: str, data: st.DataObject) -> None:
    wire = Wire(digits)
    kept = []
    for timestamp in dict.fromkeys(timestamp for _, timestamp, _ in wire.packets):
        of_digit = [packet for packet in wire.packets if packet[1] == timestamp]
        kept += data.draw(st.lists(st.sampled_from(of_digit), min_size=1, unique=True))
    kept.sort(key=lambda packet: packet[2])
    assert [digit for digit, _ in wire.heard(kept)] == list(digits)


def test_a_key_held_beyond_sixteen_bits_is_one_digit() -> None:
    receiver = EventReceiver()
    heard = []
    for duration in (30_000, 65_535):
        heard += receiver.receive(serialize(TelephoneEvent(3, False, 10, duration)), 1000, 0)
    for duration, end in ((160, False), (800, True)):
        heard += receiver.receive(serialize(TelephoneEvent(3, end, 10, duration)), 1000 + 65_535, 0)
    assert heard == [("3", (65_535 + 800) // 8)]


def test_the_timestamp_of_a_digit_may_wrap_round() -> None:
    receiver = EventReceiver()
    first = receiver.receive(serialize(TelephoneEvent(1, True, 10, 800)), 0xFFFFFF00, 0)
    second = receiver.receive(serialize(TelephoneEvent(2, True, 10, 800)), 0x00000200, 0)
    late = receiver.receive(serialize(TelephoneEvent(1, True, 10, 800)), 0xFFFFFF00, 0)
    assert (first, second, late) == ([("1", 100)], [("2", 100)], [])


def test_a_sender_that_counts_anew_is_heard() -> None:
    receiver = EventReceiver()
    receiver.receive(serialize(TelephoneEvent(1, True, 10, 800)), 3_000_000, 0)
    assert receiver.receive(serialize(TelephoneEvent(2, True, 10, 800)), 40, 0) == [("2", 100)]


def test_a_reset_forgets_the_digit_under_way() -> None:
    receiver = EventReceiver()
    receiver.receive(serialize(TelephoneEvent(1, False, 10, 800)), 100, 0)
    receiver.reset()
    assert receiver.timeout(1000 * MS) == []


@given(
    st.lists(st.tuples(st.binary(max_size=6), st.integers(0, 2**32 - 1), st.integers(0, 10**12)), max_size=40)
)
def test_any_packets_leave_only_digits(packets: list[tuple[bytes, int, int]]) -> None:
    receiver = EventReceiver()
    for payload, timestamp, now in packets:
        for digit, length in receiver.receive(payload, timestamp, now) + receiver.timeout(now):
            assert digit in DIGITS
            assert 0 <= length <= 8192


def test_events_that_are_no_digits_are_ignored() -> None:
    flash = serialize(TelephoneEvent(16, True, 10, 800))
    assert EventReceiver().receive(flash, 0, 0) == []


# In the band


def tone(
    digit: str, ms: float, rate: int = 8000, *, twist_db: float = 0, peak: float = 8000, detune: float = 1
) -> "array[int]":
    low, high = FREQUENCIES[digit]
    return added(
        sine(low * detune, ms / 1000, rate, peak=peak),
        sine(high * detune, ms / 1000, rate, peak=peak * 10 ** (twist_db / 20)),
    )


def pause(ms: float, rate: int = 8000) -> "array[int]":
    return array("h", bytes(2 * round(ms * rate / 1000)))


def detected(*sounds: "array[int]", rate: int = 8000) -> str:
    detector = DigitDetector(rate)
    heard = [detector.process(sound) for sound in (*sounds, pause(60, rate))]
    return "".join(digit for digits in heard for digit, _ in digits)


@pytest.mark.parametrize("rate", [8000, 16_000])
def test_what_is_sent_in_the_band_is_detected(rate: int) -> None:
    sender, detector = DigitSender(rate), DigitDetector(rate)
    sender.push(DIGITS, 100)
    digits = []
    flags = 0
    while not flags & DONE:
        flags, pcm = sender.next_audio()
        digits += detector.process(pcm)
    assert "".join(digit for digit, _ in digits) == DIGITS
    assert all(75 <= length <= 115 for _, length in digits)


def test_the_generator_sends_two_clean_tones_with_two_db_of_twist() -> None:
    sender = DigitSender(8000)
    sender.push("8", 400)
    pcm = array("h")
    for _ in range(20):
        pcm.extend(sender.next_audio()[1])
    low, _ = fitted(pcm, 852, 8000)
    high, _ = fitted(pcm, 1336, 8000)
    assert low == pytest.approx(9200, rel=0.02)
    assert high == pytest.approx(11_600, rel=0.02)
    assert level(pcm) == pytest.approx(-10, abs=0.3)


def test_the_generator_is_silent_in_gap_and_pause() -> None:
    sender = DigitSender(8000, gap_ms=80)
    sender.push("1w", 50)
    pcm = array("h")
    flags = 0
    while not flags & DONE:
        flags, block = sender.next_audio()
        pcm.extend(block)
    assert any(pcm[:400])
    assert not any(pcm[400:])
    assert len(pcm) == 160 * (7 + 25)  # 50 + 80 ms in whole ticks, 500 ms
    assert sender.next_audio() == (0, array("h"))


@pytest.mark.parametrize("digit", DIGITS)
@pytest.mark.parametrize("twist_db", [-6, 0, 6])
@pytest.mark.parametrize("detune", [0.986, 1.0, 1.014])
def test_twist_and_detuning_within_q24_are_accepted(digit: str, twist_db: float, detune: float) -> None:
    assert detected(tone(digit, 80, twist_db=twist_db, peak=5000, detune=detune)) == digit


@pytest.mark.parametrize("digit", DIGITS)
@pytest.mark.parametrize("twist_db", [-7.5, 7.5])
def test_seven_and_a_half_db_of_twist_are_accepted(digit: str, twist_db: float) -> None:
    assert detected(tone(digit, 80, twist_db=twist_db, peak=5000)) == digit


@pytest.mark.parametrize("digit", "1D*0")
@pytest.mark.parametrize("offset", range(0, 102, 17))
def test_forty_milliseconds_are_a_digit_wherever_they_fall(digit: str, offset: int) -> None:
    assert detected(array("h", [0] * offset), tone(digit, 40), pause(40), tone(digit, 40)) == digit * 2


@pytest.mark.parametrize("offset", range(0, 102, 17))
def test_twelve_milliseconds_are_none(offset: int) -> None:
    assert detected(array("h", [0] * offset), tone("5", 12)) == ""


def test_a_dropout_of_ten_milliseconds_does_not_double_a_digit() -> None:
    assert detected(tone("5", 60), pause(10), tone("5", 60)) == "5"


@pytest.mark.parametrize(
    "sound",
    [
        sine(697, 0.1, 8000),
        tone("5", 100, twist_db=-12),
        tone("5", 100, twist_db=12, peak=2000),
        tone("5", 100, peak=300),
        added(sine(697, 0.1, 8000), sine(770, 0.1, 8000)),
        tone("5", 100, detune=1.05),
        added(tone("5", 100, peak=3000), noise(0.1, 8000, peak=9000)),
        added(sine(440, 0.5, 8000), sine(480, 0.5, 8000)),
    ],
    ids=["one tone", "low strong", "high strong", "too quiet", "two rows", "detuned", "in noise", "ringback"],
)
def test_what_is_no_digit_is_not_detected(sound: "array[int]") -> None:
    assert detected(sound) == ""


@pytest.mark.parametrize("digit", "159D")
def test_a_digit_is_detected_at_20_db_above_noise(digit: str) -> None:
    assert detected(added(tone(digit, 100, peak=6000), noise(0.1, 8000, peak=1000))) == digit


@pytest.mark.parametrize("seed", range(12))
def test_speech_dials_nothing(seed: int) -> None:
    assert detected(voiced(5.0, 8000, seed=seed)) == ""


def test_white_noise_dials_nothing() -> None:
    assert detected(noise(5.0, 8000, peak=20_000)) == ""
