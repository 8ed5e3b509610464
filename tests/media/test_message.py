"""The `media` messages that need no JSON parser say what a parser and a writer of JSON would say."""

import base64
import binascii
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ringline.media.core.base64 import BASE64
from ringline.media.core.message import Reader, Writer
from ringline.streams.frames import AppMedia, FrameError, Media
from ringline.streams.wire import parse_app, serialize

pytestmark = pytest.mark.unit

ID = "32de0dea-53cb-4b21-89a4-9e1819c043bc"


def read(message: bytes) -> bytes | None:
    return Reader().read(message)


def parsed(message: bytes) -> bytes | None:
    """What a JSON parser makes of a message, None where it is no media message."""
    try:
        frame = parse_app(message)
    except FrameError:
        return None
    return frame.payload if isinstance(frame, AppMedia) else None


def test_a_message_octet_by_octet() -> None:
    assert Writer(ID.encode(), 3).write(1, 2, 20, 4, b"\xff\x00\x10") == (
        b'{"event":"media","sequence_number":"4","media":{"track":"inbound","chunk":"2","timestamp":"20",'
        b'"payload":"/wAQ"},"stream_id":"32de0dea-53cb-4b21-89a4-9e1819c043bc"}'
    )


numbers = st.integers(0, (1 << 63) - 1)


@given(st.binary(max_size=700), numbers, numbers, numbers, st.sampled_from([(1, "inbound"), (2, "outbound")]))
@settings(max_examples=100)
def test_it_is_what_the_wire_module_writes(
    payload: bytes, sequence: int, chunk: int, stamp: int, track: tuple[int, str]
) -> None:
    number, name = track
    frame = Media(ID, sequence, name, chunk, stamp, payload)  # type: ignore[arg-type]  # one of both names
    assert Writer(ID.encode(), 700).write(number, chunk, stamp, sequence, payload) == serialize(frame)


@pytest.mark.parametrize("separators", [(",", ":"), (", ", ": ")])
def test_the_usual_shapes_need_no_parser(separators: tuple[str, str]) -> None:
    payload = bytes(range(256))
    encoded = base64.b64encode(payload).decode()
    message = json.dumps({"event": "media", "media": {"payload": encoded}}, separators=separators).encode()
    assert read(message) == payload == parsed(message)


@pytest.mark.parametrize(
    "message",
    [
        b"",
        b"{}",
        b'{"event":"clear"}',
        b'{"event":"mark","mark":{"name":"a"}}',
        b'{"media":{"payload":"/w=="},"event":"media"}',
        b'{"event":"media","media":{"payload":"/w==","track":"inbound"}}',
        b'{"event":"media","media":{"payload":"/w=="},"stream_id":"x"}',
        b'{"event":"media","media":{"payload":"\\/w=="}}',
        b'{"event":"media","media":{"payload":"/w="}}',
        b'{"event":"media","media":{"payload":"/w==\n"}}',
        b'{"event":"media","media":{"payload":"/w==","media":{"payload":"/w=="}}',
        b'{"event":"media","media":{"payload":"',
        b'{"event":"media","media":{"payload":"}}',
    ],
)
def test_any_other_shape_is_left_to_the_parser(message: bytes) -> None:
    assert read(message) is None


@given(st.one_of(st.binary(max_size=40), st.text('AZaz09+/="\\\n', max_size=16).map(str.encode)))
@settings(max_examples=300)
def test_what_is_taken_is_what_a_parser_would_find(inside: bytes) -> None:
    message = b'{"event":"media","media":{"payload":"' + inside + b'"}}'
    assert read(message) in {None, parsed(message)}


@given(st.binary(max_size=80))
@settings(max_examples=100)
def test_letters_are_the_library_s(data: bytes) -> None:
    assert BASE64.encode(data) == base64.b64encode(data)
    assert BASE64.decode(base64.b64encode(data)) == data


@given(st.text("AZaz09+/=-_ \n", max_size=16).map(str.encode))
@settings(max_examples=300)
def test_nothing_is_read_that_the_library_refuses(letters: bytes) -> None:
    try:
        expected = binascii.a2b_base64(letters, strict_mode=True)
    except ValueError:
        expected = None
    assert BASE64.decode(letters) in {None, expected}
