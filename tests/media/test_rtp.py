from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ringline.core.errors import ProtocolError
from ringline.media.core.rtp import RtpError, RtpPacket, parse, serialize

pytestmark = pytest.mark.unit

PLAIN = bytes.fromhex("80 80 1234 00000100 deadbeef") + b"\xff" * 160
CSRCS = bytes.fromhex("82 00 0001 00000002 00000003 00000010 00000020") + b"ab"
EXTENSION = bytes.fromhex("90 00 0001 00000002 00000003 bede 0001 10ff0000") + b"ab"
PADDING = bytes.fromhex("a0 00 0001 00000002 00000003") + b"ab" + bytes.fromhex("000003")
EVERYTHING = bytes.fromhex("b1 65 ffff ffffffff ffffffff 00000001 0000 0000") + b"x" + bytes.fromhex("01")


def test_a_plain_packet_field_by_field() -> None:
    assert parse(PLAIN) == RtpPacket(0, 0x1234, 0x100, 0xDEADBEEF, b"\xff" * 160, marker=True)


def test_csrcs_extension_and_padding_are_not_payload() -> None:
    assert parse(CSRCS) == RtpPacket(0, 1, 2, 3, b"ab", csrcs=(0x10, 0x20))
    assert parse(EXTENSION) == RtpPacket(0, 1, 2, 3, b"ab", extension=(0xBEDE, bytes.fromhex("10ff0000")))
    assert parse(PADDING) == RtpPacket(0, 1, 2, 3, b"ab", padding=3)
    assert parse(EVERYTHING).payload == b"x"


@pytest.mark.parametrize("data", [PLAIN, CSRCS, EXTENSION, PADDING, EVERYTHING])
def test_parse_and_serialize_are_inverse(data: bytes) -> None:
    assert serialize(parse(data)) == data


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "fixed header"),
        (PLAIN[:11], "fixed header"),
        (b"\x40" + PLAIN[1:], "version 2"),
        (CSRCS[:19], "CSRC"),
        (EXTENSION[:15], "extension"),
        (EXTENSION[:19], "extension"),
        (b"\xa0" + PLAIN[1:12], "padding"),
        (b"\xa0" + PLAIN[1:-1] + b"\x00", "padding"),
        (b"\xa0" + PLAIN[1:-1] + b"\xa1", "padding"),
        (b"\x80\xc8" + PLAIN[2:], "RTCP"),
    ],
)
def test_what_is_no_rtp_is_refused_with_its_reason(data: bytes, reason: str) -> None:
    with pytest.raises(RtpError, match=reason):
        parse(data)


def test_the_error_is_a_protocol_error() -> None:
    assert issubclass(RtpError, ProtocolError)


def test_a_packet_that_is_all_padding_has_an_empty_payload() -> None:
    assert parse(b"\xa0" + PLAIN[1:12] + b"\x00\x02").payload == b""


packets = st.builds(
    RtpPacket,
    payload_type=st.integers(0, 71) | st.integers(77, 127),
    sequence=st.integers(0, 0xFFFF),
    timestamp=st.integers(0, 0xFFFFFFFF),
    ssrc=st.integers(0, 0xFFFFFFFF),
    payload=st.binary(max_size=100),
    marker=st.booleans(),
    csrcs=st.lists(st.integers(0, 0xFFFFFFFF), max_size=15).map(tuple),
    extension=st.none() | st.tuples(st.integers(0, 0xFFFF), st.binary(max_size=5).map(lambda b: b * 4)),
    padding=st.integers(0, 255),
)


@given(packets)
@settings(max_examples=100)
def test_every_packet_survives_the_wire(packet: RtpPacket) -> None:
    assert parse(serialize(packet)) == packet


@given(st.binary(max_size=80), st.sampled_from([b"", b"\x80", b"\x9f", b"\xbf", b"\xa0"]))
@settings(max_examples=200)
def test_any_bytes_parse_or_raise_rtp_error(data: bytes, head: bytes) -> None:
    with suppress(RtpError):
        assert len(parse(head + data).payload) <= len(data)
