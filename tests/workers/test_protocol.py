import struct
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ringline.workers import protocol
from ringline.workers.protocol import (
    MAX_FRAME,
    Begin,
    Cancel,
    Configure,
    Done,
    Failed,
    Frames,
    FromChild,
    Item,
    Ping,
    Pong,
    Ready,
    Stop,
    ToChild,
    Unusable,
    WorkerProtocolError,
    frame,
    read_from_child,
    read_to_child,
)

pytestmark = pytest.mark.unit

number = st.integers(0, 2**31)
to_child = st.one_of(
    st.builds(Configure, st.binary(max_size=50)),
    st.builds(Begin, number, st.binary(max_size=50)),
    st.builds(Cancel, number),
    st.builds(Ping, number),
    st.builds(Stop),
)
from_child = st.one_of(
    st.builds(Ready),
    st.builds(Unusable, st.text(max_size=50)),
    st.builds(Item, number, st.binary(max_size=50)),
    st.builds(Done, number),
    st.builds(Failed, number, st.text(max_size=50)),
    st.builds(Pong, number, number),
)


def test_the_bytes_of_a_message() -> None:
    assert frame(Begin(7, b"hi")) == b"\x00\x00\x00\x0c" + b"\x93\xa5begin\x07\xc4\x02hi"


@given(to_child)
@settings(max_examples=50)
def test_what_a_parent_writes_a_child_reads(message: ToChild) -> None:
    assert [read_to_child(body) for body in Frames().feed(frame(message))] == [message]


@given(st.lists(from_child, max_size=8), st.lists(st.integers(1, 40), min_size=1, max_size=8))
@settings(max_examples=50)
def test_messages_survive_any_cutting_of_the_stream(messages: list[FromChild], cuts: list[int]) -> None:
    stream = b"".join(map(frame, messages))
    frames, read, turn = Frames(), list[FromChild](), 0
    while stream:
        size = cuts[turn % len(cuts)]
        read += [read_from_child(body) for body in frames.feed(stream[:size])]
        stream, turn = stream[size:], turn + 1
    assert read == messages


@given(st.binary(max_size=200))
@settings(max_examples=100)
def test_any_bytes_are_messages_or_a_protocol_error(data: bytes) -> None:
    with suppress(WorkerProtocolError):
        for body in Frames().feed(data):
            read_from_child(body)
    with suppress(WorkerProtocolError):
        read_to_child(data)


def test_a_frame_that_is_announced_too_long_is_refused_before_it_comes() -> None:
    with pytest.raises(WorkerProtocolError, match="exceeds"):
        Frames().feed(struct.pack(">I", MAX_FRAME + 1))


def test_a_message_too_long_is_not_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(protocol, "MAX_FRAME", 100)
    with pytest.raises(WorkerProtocolError, match="exceeds 100"):
        frame(Item(1, bytes(101)))


def test_a_child_cannot_speak_as_a_parent() -> None:
    (body,) = Frames().feed(frame(Stop()))
    with pytest.raises(WorkerProtocolError):
        read_from_child(body)


def test_an_unfinished_frame_waits() -> None:
    frames, data = Frames(), frame(Done(3))
    assert frames.feed(data[:-1]) == []
    assert frames.feed(data[-1:]) == [data[4:]]
