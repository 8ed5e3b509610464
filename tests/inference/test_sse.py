import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringline.core.errors import ProtocolError
from ringline.inference.sse import MAX_EVENT, Events

pytestmark = pytest.mark.unit

STREAM = (
    b": hello\r\n\r\nevent: message\r\ndata: one\r\n\r\ndata:two\ndata: three\n\nid: 7\n\ndata\ndata: x\n\n"
)


def test_data_of_several_lines_is_joined_and_the_rest_means_nothing() -> None:
    assert Events().feed(STREAM) == [b"one", b"two\nthree", b"x"]


@given(st.lists(st.integers(0, len(STREAM)), max_size=8))
def test_where_the_stream_is_cut_changes_nothing(cuts: list[int]) -> None:
    events, heard, last = Events(), [], 0
    for cut in [*sorted(cuts), len(STREAM)]:
        heard += events.feed(STREAM[last:cut])
        last = cut
    assert heard == [b"one", b"two\nthree", b"x"]


def test_byte_by_byte() -> None:
    events = Events()
    assert [event for byte in STREAM for event in events.feed(bytes([byte]))] == [b"one", b"two\nthree", b"x"]


def test_an_event_without_its_empty_line_is_not_told() -> None:
    assert Events().feed(b"data: half\n") == []


@pytest.mark.parametrize("piece", [b"x" * 65536, b"data: " + b"y" * 60000 + b"\n"])
def test_an_event_that_never_ends_is_refused(piece: bytes) -> None:
    events = Events()
    pieces = [piece] * (MAX_EVENT // 30000)
    with pytest.raises(ProtocolError, match=str(MAX_EVENT)):
        list(map(events.feed, pieces))


@given(st.binary(max_size=300))
def test_any_bytes_can_be_fed(data: bytes) -> None:
    assert all(isinstance(event, bytes) for event in Events().feed(data))
