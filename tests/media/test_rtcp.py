from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringline.core.errors import ProtocolError
from ringline.media.core.quality import ReceptionStats
from ringline.media.core.rtcp import (
    CNAME,
    MAX_SIZE,
    Goodbye,
    Other,
    Packet,
    ReceiverReport,
    ReportBlock,
    RtcpSession,
    SenderReport,
    SourceDescription,
    parse,
    serialize,
)

pytestmark = pytest.mark.unit

SECOND = 1_000_000_000
OURS, THEIRS = 0x11223344, 0xDEADBEEF

U32 = st.integers(0, 2**32 - 1)
BLOCKS = st.lists(
    st.builds(
        ReportBlock,
        ssrc=U32,
        fraction_lost=st.integers(0, 255),
        lost=st.integers(-(2**23), 2**23 - 1),
        highest=U32,
        jitter=U32,
        last_report=U32,
        delay=U32,
    ),
    max_size=3,
).map(tuple)
ITEMS = st.lists(st.tuples(st.integers(1, 255), st.binary(max_size=20)), min_size=1, max_size=3)
DESCRIPTIONS = st.dictionaries(U32, ITEMS, max_size=3).map(
    lambda chunks: SourceDescription(tuple((ssrc, *item) for ssrc, items in chunks.items() for item in items))
)
PACKETS = st.one_of(
    st.builds(SenderReport, U32, st.integers(0, 2**64 - 1), U32, U32, U32, BLOCKS),
    st.builds(ReceiverReport, U32, BLOCKS),
    DESCRIPTIONS,
    st.builds(Goodbye, st.lists(U32, max_size=3).map(tuple), st.binary(max_size=20)),
    st.builds(Other, st.integers(204, 255), st.integers(0, 31), st.sampled_from([b"", bytes(4), bytes(20)])),
)

# An SR with one block, a CNAME and a BYE, written out by hand from the figures of RFC 3550 §6.4 to §6.6.
GOLDEN = bytes.fromhex(
    "81c8000c 11223344 00000005 80000000 0000007b 00000064 00003e80"
    "deadbeef 19000009 0001003f 0000000a 00050000 00020000"
    "81ca0005 11223344 010a6140 72696e67 6c696e65 000000 00"
    "81cb0001 11223344"
)
GOLDEN_PACKETS: list[Packet] = [
    SenderReport(
        ssrc=OURS,
        ntp=0x0000000580000000,
        timestamp=123,
        packets=100,
        octets=16_000,
        blocks=(ReportBlock(THEIRS, 0x19, 9, 0x1003F, 10, 0x50000, 0x20000),),
    ),
    SourceDescription(((OURS, CNAME, b"a@ringline"),)),
    Goodbye((OURS,)),
]


def test_the_golden_compound_packet_parses() -> None:
    assert parse(GOLDEN) == GOLDEN_PACKETS


def test_the_golden_compound_packet_serializes() -> None:
    assert serialize(GOLDEN_PACKETS) == GOLDEN


@given(st.lists(PACKETS, min_size=1, max_size=4))
def test_parse_and_serialize_are_inverse(packets: list[Packet]) -> None:
    assert parse(serialize(packets)) == packets


@given(st.binary(max_size=120))
def test_any_bytes_parse_or_raise_protocol_error(data: bytes) -> None:
    with suppress(ProtocolError):
        parse(data)


@given(st.integers(0, len(GOLDEN) - 1), st.integers(0, 255))
def test_any_broken_octet_parses_or_raises_protocol_error(at: int, value: int) -> None:
    with suppress(ProtocolError):
        parse(GOLDEN[:at] + bytes([value]) + GOLDEN[at + 1 :])


@pytest.mark.parametrize(
    ("data", "complaint"),
    [
        (b"", "empty"),
        (b"\x80\xc8", "header"),
        (b"\x40\xc9\x00\x01" + bytes(4), "version 1"),
        (b"\x80\xc9\x00\x02" + bytes(4), "12 bytes in 8"),
        (b"\x81\xc9\x00\x01" + bytes(4), "28 are needed"),
        (b"\xa0\xc9\x00\x01" + bytes(4), "padding"),
        (b"\x81\xcb\x00\x02" + bytes(4) + b"\x09abc", "reason"),
        (b"\x81\xca\x00\x02" + bytes(4) + b"\x01\x09ab", "are needed"),
    ],
)
def test_what_is_wrong_is_named(data: bytes, complaint: str) -> None:
    with pytest.raises(ProtocolError, match=complaint):
        parse(data)


def test_padding_at_the_end_is_taken_off() -> None:
    padded = b"\xa1\xcb\x00\x02" + OURS.to_bytes(4) + b"\0\0\0\x04"
    assert parse(padded) == [Goodbye((OURS,))]


# A session's reports


def session(ssrc: int, remote: int, **options: int) -> RtcpSession:
    made = RtcpSession(ssrc, b"leg@ringline", **options)
    made.remote_ssrc = remote
    return made


def stream(packets: int, *, missing: int = 0) -> ReceptionStats:
    stats = ReceptionStats(8000)
    for i in range(packets):
        if not 5 <= i < 5 + missing:
            stats.packet(i, i * 160, i * SECOND // 50)
    return stats


def test_who_sends_reports_as_a_sender() -> None:
    data = session(OURS, THEIRS).report(5 * SECOND + SECOND // 2, 123, 100, 16_000, ReceptionStats(8000))
    report, description = parse(data)
    assert report == SenderReport(OURS, (5 << 32) + (1 << 31), 123, 100, 16_000)
    assert description == SourceDescription(((OURS, CNAME, b"leg@ringline"),))


def test_who_hears_reports_what_it_heard() -> None:
    data = session(OURS, THEIRS).report(5 * SECOND, 0, 0, 0, stream(100, missing=10))
    report, _ = parse(data)
    assert report == ReceiverReport(OURS, (ReportBlock(THEIRS, 25, 10, 99, 0, 0, 0),))


def test_who_does_neither_reports_an_empty_receiver_report() -> None:
    report, _ = parse(session(OURS, THEIRS).report(SECOND, 0, 0, 0, ReceptionStats(8000)))
    assert report == ReceiverReport(OURS)


def test_a_goodbye_ends_the_last_report() -> None:
    data = session(OURS, THEIRS).report(SECOND, 0, 1, 160, stream(5), bye=True)
    assert parse(data)[-1] == Goodbye((OURS,))


def test_the_date_is_told_where_it_is_known() -> None:
    epoch = 4_000_000_000 * SECOND
    data = session(OURS, THEIRS, epoch_ns=epoch).report(7 * SECOND, 0, 1, 160, ReceptionStats(8000))
    report = parse(data)[0]
    assert isinstance(report, SenderReport)
    assert report.ntp >> 32 == 4_000_000_007


@pytest.mark.parametrize("epoch_s", [0, 4_000_000_000, 65_535])
def test_two_sessions_measure_their_round_trip(epoch_s: int) -> None:
    a, b = session(OURS, THEIRS, epoch_ns=epoch_s * SECOND), session(THEIRS, OURS)
    heard = stream(100, missing=10)
    # 40 ms there, two seconds of thinking, 30 ms back; b's clock starts elsewhere.
    b.receive(a.report(5 * SECOND, 0, 50, 8000, ReceptionStats(8000)), 905 * SECOND)
    answer = b.report(907 * SECOND, 0, 0, 0, heard)
    assert a.receive(answer, 7 * SECOND + 70_000_000) == 2

    assert a.round_trip_us == pytest.approx(70_000, abs=100)
    assert (a.remote_lost, a.remote_fraction_lost, a.remote_jitter) == (10, 25, 0)


def test_without_a_report_there_is_no_round_trip() -> None:
    a, b = session(OURS, THEIRS), session(THEIRS, OURS)
    a.receive(b.report(SECOND, 0, 0, 0, stream(5)), SECOND)
    assert a.round_trip_us == -1


def test_blocks_on_other_streams_are_not_ours() -> None:
    a, b = session(OURS, THEIRS), session(THEIRS, 0x99)
    a.receive(b.report(SECOND, 0, 0, 0, stream(50, missing=9)), SECOND)
    assert a.remote_lost == 0


def test_more_received_than_sent_is_a_negative_loss() -> None:
    stats = stream(5)
    for _ in range(3):
        stats.packet(4, 640, SECOND)
    a, b = session(OURS, THEIRS), session(THEIRS, OURS)
    a.receive(b.report(SECOND, 0, 0, 0, stats), SECOND)
    assert a.remote_lost == -3


def test_a_goodbye_is_noticed() -> None:
    a = session(OURS, THEIRS)
    a.receive(serialize([ReceiverReport(THEIRS), Goodbye((THEIRS,))]), SECOND)
    assert a.left


def test_what_comes_before_the_damage_counts() -> None:
    a, b = session(OURS, THEIRS), session(THEIRS, OURS)
    whole = b.report(SECOND, 0, 0, 0, stream(50, missing=9))
    assert a.receive(whole[:-4], SECOND) == 1
    assert a.remote_lost == 9


@given(st.binary(max_size=160), st.integers(0, 10**15))
def test_any_bytes_leave_a_session_that_reports(data: bytes, now: int) -> None:
    a = session(OURS, THEIRS)
    a.receive(data, now)
    assert len(parse(a.report(now, 0, 1, 160, stream(3), bye=True))) == 3


@given(st.integers(0, len(GOLDEN) - 1), st.integers(0, 255))
def test_any_broken_octet_leaves_a_session_that_reports(at: int, value: int) -> None:
    a = session(THEIRS, OURS)
    a.receive(GOLDEN[:at] + bytes([value]) + GOLDEN[at + 1 :], SECOND)
    assert len(parse(a.report(2 * SECOND, 0, 1, 160, stream(3)))) == 2


@pytest.mark.parametrize("size", range(1, 33))
def test_the_largest_report_fits_its_room_with_any_cname(size: int) -> None:
    made = RtcpSession(OURS, b"x" * size)
    data = made.report(SECOND, 0, 1, 160, stream(5), bye=True)
    assert len(data) <= MAX_SIZE
    assert parse(data)[1] == SourceDescription(((OURS, CNAME, b"x" * size),))


@pytest.mark.parametrize("cname", [b"", b"x" * 33])
def test_a_cname_without_room_is_refused(cname: bytes) -> None:
    with pytest.raises(ValueError, match="CNAME"):
        RtcpSession(OURS, cname)
