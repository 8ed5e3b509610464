"""Reading frames (spec media-streaming §3 and §4): `msgspec` checks the shape, the rest is ours. Pure."""

import binascii
from datetime import datetime
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
    ServerFrame,
    Start,
    Stop,
)


def parse_app(message: bytes) -> AppFrame:
    """Read one message of the app.

    Unknown members are ignored everywhere. Raises `MalformedFrame` or `InvalidMedia`, never anything else.
    """
    wire = _decode(_APP, message)
    match wire:
        case _AppMediaWire():
            return AppMedia(payload_bytes(wire.media.payload))
        case _AppMarkWire():
            if len(wire.mark.name) > MAX_MARK_NAME:
                raise MalformedFrame(
                    f"mark.name has {len(wire.mark.name)} characters; at most {MAX_MARK_NAME}"
                )
            return AppMark(wire.mark.name)
        case _AppClearWire():
            return AppClear()
        case _:
            return AppIgnored(wire.__struct_config__.tag)


def payload_bytes(payload: str) -> bytes:
    """Decode RFC 4648 §4 base64, padded, without line breaks; raises `InvalidMedia`."""
    try:
        return binascii.a2b_base64(payload, strict_mode=True)
    except ValueError as error:
        raise InvalidMedia(f"media.payload is not base64: {error}") from None


def parse_server(message: bytes) -> ServerFrame:
    """Read one of our own frames, as an app does; raises `FrameError`."""
    wire = _decode(_SERVER, message)
    frame: ServerFrame = wire.value()
    return frame


def _decode(decoder: msgspec.json.Decoder[Any], message: bytes) -> Any:
    try:
        return decoder.decode(message)
    except msgspec.ValidationError as error:
        raise MalformedFrame(f"not a frame: {error}") from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise MalformedFrame(f"not JSON: {error}") from None
    except RecursionError:
        raise MalformedFrame("not a frame: nested too deeply") from None


class _Payload(msgspec.Struct):
    payload: str


class _Name(msgspec.Struct):
    name: str


class _AppMediaWire(msgspec.Struct, tag_field="event", tag="media"):
    media: _Payload


class _AppMarkWire(msgspec.Struct, tag_field="event", tag="mark"):
    mark: _Name


class _AppClearWire(msgspec.Struct, tag_field="event", tag="clear"):
    pass


class _AppDtmfWire(msgspec.Struct, tag_field="event", tag="dtmf"):
    pass


class _AppStopWire(msgspec.Struct, tag_field="event", tag="stop"):
    pass


class _AppStartWire(msgspec.Struct, tag_field="event", tag="start"):
    pass


class _AppConnectedWire(msgspec.Struct, tag_field="event", tag="connected"):
    pass


_APP: msgspec.json.Decoder[Any] = msgspec.json.Decoder(
    _AppMediaWire
    | _AppMarkWire
    | _AppClearWire
    | _AppDtmfWire
    | _AppStopWire
    | _AppStartWire
    | _AppConnectedWire
)


def _decimal(text: str) -> int:
    if not (text.isascii() and text.isdigit()):
        raise MalformedFrame(f"{text!r} is not a decimal number")
    return int(text)


class _ConnectedWire(msgspec.Struct, tag_field="event", tag="connected"):
    version: Literal["1.0.0"]
    connected: dict[str, str] = {}

    def value(self) -> Connected:
        return Connected(self.connected.get(AUTH_HEADER))


class _FormatMembers(msgspec.Struct):
    encoding: str
    sample_rate: int
    channels: int


class _StartMembers(msgspec.Struct):
    user_id: str
    call_control_id: str
    call_session_id: str
    to: str | None
    media_format: _FormatMembers
    from_: str | None = msgspec.field(name="from")
    tags: tuple[str, ...] = ()
    client_state: str | None = None
    custom_parameters: dict[str, str] = {}


class _StartWire(msgspec.Struct, tag_field="event", tag="start"):
    stream_id: str
    sequence_number: str
    start: _StartMembers

    def value(self) -> Start:
        start = self.start
        media_format = start.media_format
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
            media_format=MediaFormat(media_format.encoding, media_format.sample_rate, media_format.channels),
        )


class _MediaMembers(msgspec.Struct):
    track: MediaTrack
    chunk: str
    timestamp: str
    payload: str


class _MediaWire(msgspec.Struct, tag_field="event", tag="media"):
    stream_id: str
    sequence_number: str
    media: _MediaMembers

    def value(self) -> Media:
        media = self.media
        return Media(
            stream_id=self.stream_id,
            sequence=_decimal(self.sequence_number),
            track=media.track,
            chunk=_decimal(media.chunk),
            timestamp_ms=_decimal(media.timestamp),
            payload=payload_bytes(media.payload),
        )


class _DigitMembers(msgspec.Struct):
    digit: str


class _DtmfWire(msgspec.Struct, tag_field="event", tag="dtmf"):
    stream_id: str
    sequence_number: str
    occurred_at: datetime
    dtmf: _DigitMembers

    def value(self) -> Dtmf:
        return Dtmf(self.stream_id, _decimal(self.sequence_number), self.occurred_at, self.dtmf.digit)


class _MarkWire(msgspec.Struct, tag_field="event", tag="mark"):
    stream_id: str
    sequence_number: str
    mark: _Name

    def value(self) -> Mark:
        return Mark(self.stream_id, _decimal(self.sequence_number), self.mark.name)


class _ErrorMembers(msgspec.Struct):
    code: Literal[100002, 100003, 100004, 100005]
    title: str
    detail: str


class _ErrorWire(msgspec.Struct, tag_field="event", tag="error"):
    stream_id: str
    payload: _ErrorMembers

    def value(self) -> Error:
        return Error(self.stream_id, self.payload.code, self.payload.detail)


class _StopMembers(msgspec.Struct):
    user_id: str
    call_control_id: str


class _StopWire(msgspec.Struct, tag_field="event", tag="stop"):
    stream_id: str
    sequence_number: str
    stop: _StopMembers

    def value(self) -> Stop:
        return Stop(
            self.stream_id, _decimal(self.sequence_number), self.stop.user_id, self.stop.call_control_id
        )


_SERVER: msgspec.json.Decoder[Any] = msgspec.json.Decoder(
    _ConnectedWire | _StartWire | _MediaWire | _DtmfWire | _MarkWire | _ErrorWire | _StopWire
)
