"""The frames of a media stream, both ways (spec media-streaming §3 and §4). Pure.

Every message is one text frame with one JSON object. Numbers in `sequence_number`, `chunk` and `timestamp`
are decimal strings on the wire and integers here; audio is base64 on the wire and bytes here.
"""

import base64
import binascii
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

import msgspec

from ringline.core.errors import ProtocolError

VERSION = "1.0.0"
AUTH_HEADER = "x-telnyx-streaming-auth-token"
MAX_MARK_NAME = 4096
"""Characters; a mark's name is held until it is played, so it must be small."""

MediaTrack = Literal["inbound", "outbound"]
ERROR_TITLES = {
    100002: "unknown_error",
    100003: "malformed_frame",
    100004: "invalid_media",
    100005: "rate_limit_reached",
}


class FrameError(ProtocolError):
    """A message that cannot be used; `code` is what the app is told (§3.6)."""

    code = 100002


class MalformedFrame(FrameError):
    """Not JSON, an unknown `event`, or a member that is missing or of the wrong type."""

    code = 100003


class InvalidMedia(FrameError):
    """A payload that is not base64, or not the agreed kind of audio."""

    code = 100004


class RateLimited(FrameError):
    """More audio than may be sent at once."""

    code = 100005


@dataclass(frozen=True, slots=True)
class Connected:
    """`connected`, the first frame; `token` repeats the app's own secret to it."""

    token: str | None = None


@dataclass(frozen=True, slots=True)
class MediaFormat:
    """`start.media_format`: how the payloads we send are to be read."""

    encoding: str
    sample_rate: int
    channels: int = 1


@dataclass(frozen=True, slots=True)
class Start:
    """`start`: whose audio follows and in which encoding."""

    stream_id: str
    sequence: int
    user_id: str
    call_control_id: str
    call_session_id: str
    from_: str | None
    to: str | None
    tags: tuple[str, ...]
    client_state: str | None
    custom_parameters: tuple[tuple[str, str], ...]
    media_format: MediaFormat


@dataclass(frozen=True, slots=True)
class Media:
    """`media` towards the app: one packet's codec payload without its RTP header.

    `chunk` counts from 1 in its track; `timestamp_ms` is the first sample's time since the stream began.
    """

    stream_id: str
    sequence: int
    track: MediaTrack
    chunk: int
    timestamp_ms: int
    payload: bytes


@dataclass(frozen=True, slots=True)
class Dtmf:
    """`dtmf`: a key was pressed at `occurred_at` (aware)."""

    stream_id: str
    sequence: int
    occurred_at: datetime
    digit: str


@dataclass(frozen=True, slots=True)
class Mark:
    """`mark` towards the app: everything queued before its mark was heard, or cleared."""

    stream_id: str
    sequence: int
    name: str


@dataclass(frozen=True, slots=True)
class Error:
    """`error`: what was wrong with a message of the app; carries no sequence number."""

    stream_id: str
    code: int
    detail: str

    @property
    def title(self) -> str:
        """The title that belongs to `code`."""
        return ERROR_TITLES[self.code]


@dataclass(frozen=True, slots=True)
class Stop:
    """`stop`, the last frame."""

    stream_id: str
    sequence: int
    user_id: str
    call_control_id: str


ServerFrame = Connected | Start | Media | Dtmf | Mark | Error | Stop


@dataclass(frozen=True, slots=True)
class AppMedia:
    """`media` from the app: audio to play, in the agreed mode's form."""

    payload: bytes


@dataclass(frozen=True, slots=True)
class AppMark:
    """`mark` from the app: tell me when everything before this was heard."""

    name: str


@dataclass(frozen=True, slots=True)
class AppClear:
    """`clear` from the app: stop at once, forget what is queued."""


@dataclass(frozen=True, slots=True)
class AppIgnored:
    """An event that only the server may send; apps echo them and are not told off for it."""

    event: str


AppFrame = AppMedia | AppMark | AppClear | AppIgnored


def media_frame(
    stream_id: str, sequence: int, track: MediaTrack, chunk: int, timestamp_ms: int, payload: bytes
) -> bytes:
    """Write one `media` frame; `stream_id` must need no JSON escapes (a UUID does not).

    By hand because this is what a stream does fifty times a second and track: a third of `msgspec`'s time.
    """
    return (
        b'{"event":"media","sequence_number":"%d","media":{"track":"%b","chunk":"%d","timestamp":"%d",'
        b'"payload":"%b"},"stream_id":"%b"}'
    ) % (
        sequence,
        track.encode(),
        chunk,
        timestamp_ms,
        binascii.b2a_base64(payload, newline=False),
        stream_id.encode(),
    )


def serialize(frame: ServerFrame) -> bytes:
    """Write a frame as we send it."""
    match frame:
        case Media():
            return media_frame(
                frame.stream_id, frame.sequence, frame.track, frame.chunk, frame.timestamp_ms, frame.payload
            )
        case Connected(token):
            members: dict[str, Any] = {"event": "connected", "version": VERSION}
            if token is not None:
                members["connected"] = {AUTH_HEADER: token}
        case Start():
            members = {
                "event": "start",
                "sequence_number": str(frame.sequence),
                "start": {
                    "user_id": frame.user_id,
                    "call_control_id": frame.call_control_id,
                    "call_session_id": frame.call_session_id,
                    "from": frame.from_,
                    "to": frame.to,
                    "tags": frame.tags,
                    "client_state": frame.client_state,
                    "custom_parameters": dict(frame.custom_parameters),
                    "media_format": {
                        "encoding": frame.media_format.encoding,
                        "sample_rate": frame.media_format.sample_rate,
                        "channels": frame.media_format.channels,
                    },
                },
                "stream_id": frame.stream_id,
            }
        case Dtmf():
            members = {
                "event": "dtmf",
                "stream_id": frame.stream_id,
                "sequence_number": str(frame.sequence),
                "occurred_at": _iso(frame.occurred_at),
                "dtmf": {"digit": frame.digit},
            }
        case Mark():
            members = {
                "event": "mark",
                "stream_id": frame.stream_id,
                "sequence_number": str(frame.sequence),
                "mark": {"name": frame.name},
            }
        case Error():
            members = {
                "event": "error",
                "stream_id": frame.stream_id,
                "payload": {"code": frame.code, "title": frame.title, "detail": frame.detail},
            }
        case Stop():
            members = {
                "event": "stop",
                "sequence_number": str(frame.sequence),
                "stream_id": frame.stream_id,
                "stop": {"user_id": frame.user_id, "call_control_id": frame.call_control_id},
            }
    return msgspec.json.encode(members)


def serialize_app(frame: AppFrame) -> bytes:
    """Write a frame as an app sends it."""
    match frame:
        case AppMedia(payload):
            return b'{"event":"media","media":{"payload":"%b"}}' % base64.b64encode(payload)
        case AppMark(name):
            return msgspec.json.encode({"event": "mark", "mark": {"name": name}})
        case AppClear():
            return b'{"event":"clear"}'
        case AppIgnored(event):
            return msgspec.json.encode({"event": event})


def _iso(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
