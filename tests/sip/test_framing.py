"""Messages out of a stream: however the bytes are cut, the same messages come out."""

from contextlib import suppress
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ringline.sip.framing import MAX_MESSAGE, KeepAlive, StreamFramer
from ringline.sip.message import parse
from ringline.sip.params import SipError

pytestmark = pytest.mark.unit

DATA = Path(__file__).parent / "data"
INVITE, OK, REGISTER = ((DATA / f"{name}.bin").read_bytes() for name in ("invite", "ok", "register"))
STREAM = INVITE + b"\r\n\r\n" + OK + REGISTER + b"\r\n" + INVITE


def feed(*chunks: bytes) -> list[bytes | KeepAlive]:
    framer = StreamFramer()
    return [item for chunk in chunks for item in framer.feed(chunk)]


def test_one_segment_or_one_byte_at_a_time() -> None:
    assert feed(STREAM) == [INVITE, KeepAlive.PING, OK, REGISTER, KeepAlive.PONG, INVITE]
    # a ping that arrives in two halves is seen as pong, then ping (RFC 5626 §4.4.1)
    assert feed(*(STREAM[at : at + 1] for at in range(len(STREAM)))) == [
        INVITE,
        KeepAlive.PONG,
        KeepAlive.PING,
        OK,
        REGISTER,
        KeepAlive.PONG,
        INVITE,
    ]


@given(st.lists(st.integers(0, len(STREAM)), max_size=12))
@settings(max_examples=60)
def test_cuts_do_not_matter(cuts: list[int]) -> None:
    edges = [0, *sorted(cuts), len(STREAM)]
    out = feed(*(STREAM[start:end] for start, end in pairwise(edges)))
    assert [item for item in out if isinstance(item, bytes)] == [INVITE, OK, REGISTER, INVITE]


@given(st.lists(st.binary(max_size=80), max_size=5), st.lists(st.integers(1, 40), max_size=30))
@settings(max_examples=40)
def test_bodies_are_opaque(bodies: list[bytes], sizes: list[int]) -> None:
    wire = b"".join(b"INFO sip:a SIP/2.0\r\nl: %d\r\n\r\n%b" % (len(body), body) for body in bodies)
    chunks: list[bytes] = []
    for size in sizes:
        chunks.append(wire[:size])
        wire = wire[size:]
    out = feed(*chunks, wire)
    assert [item.partition(b"\r\n\r\n")[2] for item in out if isinstance(item, bytes)] == bodies


def test_keepalives_alone() -> None:
    assert feed(b"\r\n\r\n") == [KeepAlive.PING]
    assert feed(b"\r\n") == [KeepAlive.PONG]
    assert feed(b"\r") == []
    assert feed(b"\r", b"\n", b"\r", b"\n") == [KeepAlive.PONG, KeepAlive.PING]


def test_what_is_cut_out_parses_as_a_stream_message() -> None:
    assert [parse(item, stream=True).body for item in feed(INVITE, INVITE) if isinstance(item, bytes)] == [
        parse(INVITE).body
    ] * 2


@pytest.mark.parametrize(
    "header",
    [
        "Content-Length: 4",
        "content-length:4",
        "l:  4  ",
        "L :\t4",
        "Content-Length:\r\n 4",
        "Content-Length: 04",
        "l: 4\r\nl:4",
    ],
)
def test_forms_of_content_length(header: str) -> None:
    message = f"INFO sip:a SIP/2.0\r\nX: 1\r\n{header}\r\nY: 2\r\n\r\nbody".encode()
    assert feed(message, b"INFO") == [message]


@pytest.mark.parametrize(
    ("header", "status"),
    [
        ("X: 1", 400),
        ("Content-Length: x", 400),
        ("Content-Length: -1", 400),
        ("Content-Length:", 400),
        ("Content-Length: 1 1", 400),
        ("Content-Length: 99999999999", 400),
        ("Content-Length: 4\r\nl: 5", 400),
        ("X: Content-Length: 4", 400),
        (f"Content-Length: {MAX_MESSAGE}", 513),
        (f"X: {'a' * MAX_MESSAGE}\r\nl: 0", 513),
    ],
    ids=lambda value: str(value)[:30],
)
def test_lost_framing_is_final(header: str, status: int) -> None:
    framer = StreamFramer()
    broken = f"INFO sip:a SIP/2.0\r\n{header}\r\n\r\nbody".encode()
    items = framer.feed(OK + broken)
    assert next(items) == OK  # what came before is delivered
    with pytest.raises(SipError) as caught:
        next(items)
    assert caught.value.status == status
    for chunk in (b"", OK):
        with pytest.raises(SipError):
            list(framer.feed(chunk))
    assert framer.buffered == 0


def test_a_head_without_end_is_refused_at_the_limit_and_found_in_linear_time() -> None:
    framer = StreamFramer(max_message=4000)
    for _ in range(3999):
        assert list(framer.feed(b"a")) == []
    with pytest.raises(SipError) as caught:
        list(framer.feed(b"a"))
    assert caught.value.status == 513


def test_buffered_tells_what_is_held_back() -> None:
    framer = StreamFramer()
    assert list(framer.feed(INVITE[:-1])) == []
    assert framer.buffered == len(INVITE) - 1
    assert list(framer.feed(INVITE[-1:])) == [INVITE]
    assert framer.buffered == 0


@given(
    st.lists(
        st.one_of(st.binary(max_size=30), st.sampled_from([b"\r\n", b"\r\n\r\n", b"l: 3\r\n", b" ", b":"])),
        max_size=20,
    )
)
@settings(max_examples=80)
def test_any_bytes_are_cut_or_refused(chunks: list[bytes]) -> None:
    framer = StreamFramer(max_message=200)
    with suppress(SipError):
        for chunk in chunks:
            for item in framer.feed(chunk):
                assert isinstance(item, KeepAlive) or len(item) <= 200
            assert framer.buffered <= 200
