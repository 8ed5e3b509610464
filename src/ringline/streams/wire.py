"""Frames to JSON and back (spec media-streaming §2 to §4): one object in one text message. Pure.

The structs below are the shapes; `msgspec` writes their members in order and checks what it reads.
"""

import base64
import binascii
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Literal

import msgspec

from ringline.streams.frames import (
    AUTH_HEADER,
    MAX_MARK_NAME,
    AppClear,
    AppFrame,
    AppIgnored,
    AppMark,
    AppMedia,
    Connected,
    Dtmf,
    Error,
    InvalidMedia,
    MalformedFrame,
    Mark,
    Media,
    MediaFormat,
    MediaTrack,
    Numbered,
    ServerFrame,
    Start,
    Stop,
)


def serialize(frame: ServerFrame) -> bytes:
    """Write a frame as we send it."""
    match frame:
        case Media():
            return media_frame(
                frame.stream_id, frame.sequence, frame.track, frame.chunk, frame.timestamp_ms, frame.payload
            )
        case Connected(token):
            return _write(_Connected("1.0.0", {} if token is None else {AUTH_HEADER: token}))
        case Start():
            return _write(_Start.of(frame))
        case Dtmf(stream_id, sequence, occurred_at, digit):
            return _write(_Dtmf(stream_id, str(sequence), _iso(occurred_at), _Digit(digit)))
        case Mark(stream_id, sequence, name):
            return _write(_Mark(stream_id, str(sequence), _Name(name)))
        case Error(stream_id, code, detail):
            return _write(_Error(stream_id, _Problem(code, frame.title, detail)))
        case Stop(stream_id, sequence, user_id, call_control_id):
            return _write(_Stop(str(sequence), stream_id, _Owner(user_id, call_control_id)))


def parts(frame: Numbered) -> tuple[bytes, bytes]:
    """A frame as we send it, before and after its `sequence_number`: who sends it knows the number."""
    # Of what stands before the number, nothing comes from outside: the first of them is the right one.
    head, found, tail = serialize(replace(frame, sequence=0)).partition(_NO_NUMBER)
    return head + found[:-2], found[-1:] + tail


def media_frame(
    stream_id: str, sequence: int, track: MediaTrack, chunk: int, timestamp_ms: int, payload: bytes
) -> bytes:
    """Write one `media` frame: what a stream does fifty times a second and track."""
    members = _MediaMembers(track, str(chunk), str(timestamp_ms), payload)
    return _write(_Media(str(sequence), members, stream_id))


def parse_server(message: bytes) -> ServerFrame:
    """Read one of our own frames, as an app does; raises `MalformedFrame`."""
    frame: ServerFrame = _read(_SERVER, message).value()
    return frame


def serialize_app(frame: AppFrame) -> bytes:
    """Write a frame as an app sends it."""
    match frame:
        case AppMedia(payload):
            return _write(_AppMedia(_AppPayload(base64.b64encode(payload).decode())))
        case AppMark(name):
            return _write(_AppMark(_Name(name)))
        case AppClear():
            return _write(_AppClear())
        case AppIgnored(event):
            return _write({"event": event})


def parse_app(message: bytes) -> AppFrame:
    """Read one message of the app.

    Unknown members are ignored everywhere. Raises `MalformedFrame` or `InvalidMedia`, never anything else.
    """
    match _read(_APP, message):
        case _AppMedia(media):
            return AppMedia(_unpacked(media.payload))
        case _AppMark(mark):
            if len(mark.name) > MAX_MARK_NAME:
                raise MalformedFrame(f"mark.name is {len(mark.name)} long; at most {MAX_MARK_NAME}")
            return AppMark(mark.name)
        case _AppClear():
            return AppClear()
        case other:
            return AppIgnored(other.__struct_config__.tag)


def _unpacked(payload: str) -> bytes:
    # Strict: RFC 4648 §4, padded, no line breaks. Anything else is more likely no base64 at all.
    try:
        return binascii.a2b_base64(payload, strict_mode=True)
    except ValueError as error:
        raise InvalidMedia(f"media.payload is not base64: {error}") from None


def _read(decoder: msgspec.json.Decoder[Any], message: bytes) -> Any:
    try:
        return decoder.decode(message)
    except msgspec.ValidationError as error:
        raise MalformedFrame(f"not a frame: {error}") from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise MalformedFrame(f"not JSON: {error}") from None
    except RecursionError:
        raise MalformedFrame("not a frame: nested too deeply") from None


def _iso(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _decimal(text: str) -> int:
    if not (text.isascii() and text.isdigit()):
        raise MalformedFrame(f"{text!r} is not a decimal number")
    return int(text)


_write = msgspec.json.Encoder().encode
_NO_NUMBER = b'"sequence_number":"0"'


class _Connected(msgspec.Struct, tag_field="event", tag="connected", omit_defaults=True):
    version: Literal["1.0.0"]
    connected: dict[str, str] = {}

    def value(self) -> Connected:
        return Connected(self.connected.get(AUTH_HEADER))


class _Format(msgspec.Struct):
    encoding: str
    sample_rate: int
    channels: int


class _StartMembers(msgspec.Struct, rename={"from_": "from"}):
    user_id: str
    call_control_id: str
    call_session_id: str
    from_: str | None
    to: str | None
    tags: tuple[str, ...]
    client_state: str | None
    custom_parameters: dict[str, str]
    media_format: _Format


class _Start(msgspec.Struct, tag_field="event", tag="start"):
    sequence_number: str
    start: _StartMembers
    stream_id: str

    @classmethod
    def of(cls, frame: Start) -> "_Start":
        media = frame.media_format
        members = _StartMembers(
            user_id=frame.user_id,
            call_control_id=frame.call_control_id,
            call_session_id=frame.call_session_id,
            from_=frame.from_,
            to=frame.to,
            tags=frame.tags,
            client_state=frame.client_state,
            custom_parameters=dict(frame.custom_parameters),
            media_format=_Format(media.encoding, media.sample_rate, media.channels),
        )
        return cls(str(frame.sequence), members, frame.stream_id)

    def value(self) -> Start:
        start = self.start
        media = start.media_format
        return Start(
            stream_id=self.stream_id,
            sequence=_decimal(self.sequence_number),
            user_id=start.user_id,
            call_control_id=start.call_control_id,
            call_session_id=start.call_session_id,
            from_=start.from_,
            to=start.to,
            tags=start.tags,
            client_state=start.client_state,
            custom_parameters=tuple(start.custom_parameters.items()),
            media_format=MediaFormat(media.encoding, media.sample_rate, media.channels),
        )


class _MediaMembers(msgspec.Struct):
    track: MediaTrack
    chunk: str
    timestamp: str
    payload: bytes


class _Media(msgspec.Struct, tag_field="event", tag="media"):
    sequence_number: str
    media: _MediaMembers
    stream_id: str

    def value(self) -> Media:
        media = self.media
        return Media(
            stream_id=self.stream_id,
            sequence=_decimal(self.sequence_number),
            track=media.track,
            chunk=_decimal(media.chunk),
            timestamp_ms=_decimal(media.timestamp),
            payload=media.payload,
        )


class _Digit(msgspec.Struct):
    digit: str


class _Dtmf(msgspec.Struct, tag_field="event", tag="dtmf"):
    stream_id: str
    sequence_number: str
    occurred_at: str
    dtmf: _Digit

    def value(self) -> Dtmf:
        try:
            occurred_at = datetime.fromisoformat(self.occurred_at)
        except ValueError as error:
            raise MalformedFrame(f"occurred_at: {error}") from None
        return Dtmf(self.stream_id, _decimal(self.sequence_number), occurred_at, self.dtmf.digit)


class _Name(msgspec.Struct):
    name: str


class _Mark(msgspec.Struct, tag_field="event", tag="mark"):
    stream_id: str
    sequence_number: str
    mark: _Name

    def value(self) -> Mark:
        return Mark(self.stream_id, _decimal(self.sequence_number), self.mark.name)


class _Problem(msgspec.Struct):
    code: int
    title: str
    detail: str


class _Error(msgspec.Struct, tag_field="event", tag="error"):
    stream_id: str
    payload: _Problem

    def value(self) -> Error:
        return Error(self.stream_id, self.payload.code, self.payload.detail)


class _Owner(msgspec.Struct):
    user_id: str
    call_control_id: str


class _Stop(msgspec.Struct, tag_field="event", tag="stop"):
    sequence_number: str
    stream_id: str
    stop: _Owner

    def value(self) -> Stop:
        owner = self.stop
        return Stop(self.stream_id, _decimal(self.sequence_number), owner.user_id, owner.call_control_id)


SERVER_SHAPES: Mapping[str, type[msgspec.Struct]] = {
    str(shape.__struct_config__.tag): shape
    for shape in (_Connected, _Start, _Media, _Dtmf, _Mark, _Error, _Stop)
}
"""What this server sends, by event: the shapes that descriptions of the protocol are made from."""

_SERVER: msgspec.json.Decoder[Any] = msgspec.json.Decoder(
    _Connected | _Start | _Media | _Dtmf | _Mark | _Error | _Stop
)


class _AppPayload(msgspec.Struct):
    payload: str


class _AppMedia(msgspec.Struct, tag_field="event", tag="media"):
    media: _AppPayload


class _AppMark(msgspec.Struct, tag_field="event", tag="mark"):
    mark: _Name


class _AppClear(msgspec.Struct, tag_field="event", tag="clear"):
    pass


class _AppDtmf(msgspec.Struct, tag_field="event", tag="dtmf"):
    pass


class _AppStop(msgspec.Struct, tag_field="event", tag="stop"):
    pass


class _AppStart(msgspec.Struct, tag_field="event", tag="start"):
    pass


class _AppConnected(msgspec.Struct, tag_field="event", tag="connected"):
    pass


APP_SHAPES: Mapping[str, type[msgspec.Struct]] = {
    str(shape.__struct_config__.tag): shape for shape in (_AppMedia, _AppMark, _AppClear)
}
"""What an app may send to some effect, by event."""

_APP: msgspec.json.Decoder[Any] = msgspec.json.Decoder(
    _AppMedia | _AppMark | _AppClear | _AppDtmf | _AppStop | _AppStart | _AppConnected
)
