"""Frames byte for byte, and every way in which an app can get them wrong."""

import base64
import json
from contextlib import suppress
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ringline.streams.frames import (
    MAX_MARK_NAME,
    AppClear,
    AppFrame,
    AppIgnored,
    AppMark,
    AppMedia,
    Connected,
    Dtmf,
    Error,
    FrameError,
    InvalidMedia,
    MalformedFrame,
    Mark,
    Media,
    MediaFormat,
    ServerFrame,
    Start,
    Stop,
)
from ringline.streams.wire import media_frame, parse_app, parse_server, serialize, serialize_app

pytestmark = pytest.mark.unit

ID = "32de0dea-53cb-4b21-89a4-9e1819c043bc"
START = Start(
    stream_id=ID,
    sequence=1,
    user_id="3e6f995f-85f7-4705-9741-53b116d28237",
    call_control_id="v3:abc",
    call_session_id="ff55a038-6f5d-11ef-9692-02420aeffb1f",
    from_=None,
    to="+13125550101",
    tags=("TAG1", "TAG2"),
    client_state="aGVsbG8=",
    custom_parameters=(("first", "1"), ("zweite", "grün")),
    media_format=MediaFormat("PCMU", 8000),
)

GOLDEN: list[tuple[ServerFrame, str]] = [
    (Connected(), '{"event":"connected","version":"1.0.0"}'),
    (
        Connected("tok"),
        '{"event":"connected","version":"1.0.0","connected":{"x-telnyx-streaming-auth-token":"tok"}}',
    ),
    (
        START,
        '{"event":"start","sequence_number":"1","start":{"user_id":"3e6f995f-85f7-4705-9741-53b116d28237",'
        '"call_control_id":"v3:abc","call_session_id":"ff55a038-6f5d-11ef-9692-02420aeffb1f","from":null,'
        '"to":"+13125550101","tags":["TAG1","TAG2"],"client_state":"aGVsbG8=",'
        '"custom_parameters":{"first":"1","zweite":"grün"},'
        '"media_format":{"encoding":"PCMU","sample_rate":8000,"channels":1}},'
        f'"stream_id":"{ID}"}}',
    ),
    (
        Media(ID, 4, "inbound", 2, 20, b"\xff\x00\x7f"),
        '{"event":"media","sequence_number":"4","media":{"track":"inbound","chunk":"2","timestamp":"20",'
        f'"payload":"/wB/"}},"stream_id":"{ID}"}}',
    ),
    (
        Dtmf(ID, 5, datetime(2030, 1, 2, 3, 4, 5, 6000, tzinfo=timezone(timedelta(hours=2))), "#"),
        f'{{"event":"dtmf","stream_id":"{ID}","sequence_number":"5",'
        '"occurred_at":"2030-01-02T01:04:05.006000Z","dtmf":{"digit":"#"}}',
    ),
    (
        Mark(ID, 6, 'end of "line"'),
        f'{{"event":"mark","stream_id":"{ID}","sequence_number":"6","mark":{{"name":"end of \\"line\\""}}}}',
    ),
    (
        Error(ID, 100004, "not base64"),
        f'{{"event":"error","stream_id":"{ID}","payload":{{"code":100004,"title":"invalid_media",'
        '"detail":"not base64"}}',
    ),
    (
        Stop(ID, 7, "user", "v3:abc"),
        f'{{"event":"stop","sequence_number":"7","stream_id":"{ID}",'
        '"stop":{"user_id":"user","call_control_id":"v3:abc"}}',
    ),
]


@pytest.mark.parametrize(("frame", "wire"), GOLDEN, ids=lambda value: type(value).__name__)
def test_a_frame_is_written_as_the_spec_prints_it(frame: ServerFrame, wire: str) -> None:
    assert serialize(frame).decode() == wire
    assert parse_server(wire.encode()) == frame


@pytest.mark.parametrize(
    ("code", "title"),
    [
        (100002, "unknown_error"),
        (100003, "malformed_frame"),
        (100004, "invalid_media"),
        (100005, "rate_limit_reached"),
    ],
)
def test_an_error_has_the_title_of_its_code(code: int, title: str) -> None:
    assert json.loads(serialize(Error(ID, code, "")))["payload"]["title"] == title


numbers = st.integers(0, 2**40)
names = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
maybe = st.none() | names
moments = st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))
starts = st.builds(
    Start,
    stream_id=st.just(ID),
    sequence=numbers,
    user_id=names,
    call_control_id=names,
    call_session_id=names,
    from_=maybe,
    to=maybe,
    tags=st.lists(names, max_size=3).map(tuple),
    client_state=maybe,
    custom_parameters=st.dictionaries(names, names, max_size=3).map(lambda members: tuple(members.items())),
    media_format=st.builds(MediaFormat, names, st.integers(8000, 48000)),
)
server_frames = st.one_of(
    st.builds(Connected, maybe),
    starts,
    st.builds(
        Media, st.just(ID), numbers, st.sampled_from(["inbound", "outbound"]), numbers, numbers, st.binary()
    ),
    st.builds(Dtmf, st.just(ID), numbers, moments, st.sampled_from("0123456789*#ABCD")),
    st.builds(Mark, st.just(ID), numbers, names),
    st.builds(Error, st.just(ID), st.sampled_from([100002, 100003, 100004, 100005]), names),
    st.builds(Stop, st.just(ID), numbers, names, names),
)


@settings(max_examples=60)
@given(server_frames)
def test_writing_and_reading_are_inverse(frame: ServerFrame) -> None:
    assert parse_server(serialize(frame)) == frame


@settings(max_examples=60)
@given(
    st.one_of(st.builds(AppMedia, st.binary(max_size=400)), st.builds(AppMark, names), st.just(AppClear()))
)
def test_an_app_frame_survives_the_wire(frame: AppFrame) -> None:
    assert parse_app(serialize_app(frame)) == frame


@settings(max_examples=40)
@given(numbers, numbers, numbers, st.binary(max_size=2000))
def test_the_fast_media_writer_agrees_with_a_json_library(
    sequence: int, chunk: int, stamp: int, audio: bytes
) -> None:
    assert json.loads(media_frame(ID, sequence, "outbound", chunk, stamp, audio)) == {
        "event": "media",
        "sequence_number": str(sequence),
        "media": {
            "track": "outbound",
            "chunk": str(chunk),
            "timestamp": str(stamp),
            "payload": base64.b64encode(audio).decode(),
        },
        "stream_id": ID,
    }


@pytest.mark.parametrize(
    ("message", "frame"),
    [
        ('{"event":"media","media":{"payload":"aGk="}}', AppMedia(b"hi")),
        (
            '{ "media" : { "track":"inbound", "payload" : "aGk=" }, "stream_id":"x", "event":"media" }',
            AppMedia(b"hi"),
        ),
        ('{"event":"media","media":{"payload":""}}', AppMedia(b"")),
        ('{"event":"media","media":{"payload":"\\u0061Gk\\u003d"}}', AppMedia(b"hi")),
        ('{"event":"mark","mark":{"name":"a"},"sequence_number":7}', AppMark("a")),
        ('{"event":"mark","mark":{"name":""}}', AppMark("")),
        ('{"event":"clear","stream_id":null,"media":5}', AppClear()),
        ('{"event":"start","start":{}}', AppIgnored("start")),
        ('{"event":"stop"}', AppIgnored("stop")),
        ('{"event":"dtmf","dtmf":"?"}', AppIgnored("dtmf")),
        ('{"event":"connected"}', AppIgnored("connected")),
    ],
)
def test_what_apps_send(message: str, frame: AppFrame) -> None:
    assert parse_app(message.encode()) == frame


@pytest.mark.parametrize(
    "message",
    [
        b"",
        b"hello",
        b"{",
        b"[]",
        b"null",
        b'"media"',
        b"{}",
        b'{"event":null}',
        b'{"event":"speak"}',
        b'{"event":["media"]}',
        b'{"event":"media"}',
        b'{"event":"media","media":{}}',
        b'{"event":"media","media":{"payload":null}}',
        b'{"event":"media","media":{"payload":[1,2]}}',
        b'{"event":"media","media":"aGk="}',
        b'{"event":"mark"}',
        b'{"event":"mark","mark":{"name":3}}',
        b'{"event":"mark","mark":{}}',
        b'{"event":"clear"} trailing',
        b'{"event":"clear","x":' + b"[" * 100_000,
        b'{"event":"clear","x":' + b"[" * 5_000 + b"]" * 5_000 + b"}",
        b'\xff\xfe{"event":"clear"}',
        b'{"event":"mark","mark":{"name":"\xff"}}',
        b'{"event":"mark","mark":{"name":"\\ud800"}}',
    ],
)
def test_a_malformed_message_is_100003(message: bytes) -> None:
    with pytest.raises(MalformedFrame) as caught:
        parse_app(message)
    assert caught.value.code == 100003
    assert str(caught.value)


@pytest.mark.parametrize("payload", ["a", "aGk", "aGk=\n", "aG k=", "a*k=", "aGk==", "=aGk", "aG-_", "ä"])
def test_a_payload_that_is_not_base64_is_100004(payload: str) -> None:
    message = json.dumps({"event": "media", "media": {"payload": payload}})
    with pytest.raises(InvalidMedia) as caught:
        parse_app(message.encode())
    assert caught.value.code == 100004


def test_the_name_of_a_mark_has_a_limit() -> None:
    longest = AppMark("x" * MAX_MARK_NAME)
    assert parse_app(serialize_app(longest)) == longest
    with pytest.raises(MalformedFrame):
        parse_app(serialize_app(AppMark("x" * (MAX_MARK_NAME + 1))))


@settings(max_examples=100)
@given(st.binary(max_size=100) | st.text(max_size=100).map(str.encode))
def test_any_bytes_are_a_frame_or_a_frame_error(message: bytes) -> None:
    with suppress(FrameError):
        parse_app(message)
    with suppress(FrameError):
        parse_server(message)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
likely = st.fixed_dictionaries(
    {"event": st.sampled_from(["media", "mark", "clear", "start", "stop", "dtmf", "connected", "error"])},
    optional={
        "media": json_values | st.fixed_dictionaries({"payload": json_values}),
        "mark": json_values | st.fixed_dictionaries({"name": json_values}),
        "sequence_number": json_values,
        "stream_id": json_values,
        "start": json_values,
        "payload": json_values,
    },
)


@settings(max_examples=100)
@given(likely)
def test_any_shape_is_a_frame_or_a_frame_error(message: dict[str, object]) -> None:
    wire = json.dumps(message).encode()
    with suppress(FrameError):
        assert isinstance(parse_app(wire), AppMedia | AppMark | AppClear | AppIgnored)
    with suppress(FrameError):
        parse_server(wire)


@pytest.mark.parametrize("number", ["", "-1", "1.5", "x", "\u0661"])
def test_a_number_on_the_wire_is_decimal(number: str) -> None:
    wire = json.loads(serialize(Mark(ID, 1, "m")))
    wire["sequence_number"] = number
    with pytest.raises(MalformedFrame):
        parse_server(json.dumps(wire).encode())
