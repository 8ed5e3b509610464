"""The frames of a media stream, both ways, as values (spec media-streaming §3 and §4); `wire` is their JSON.

Numbers in `sequence_number`, `chunk` and `timestamp` are decimal strings on the wire and integers here; audio
is base64 on the wire and bytes here.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from ringline.core.errors import ProtocolError

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


Numbered = Start | Dtmf | Mark | Stop
"""What carries a `sequence_number` and is no media; 0 stands for one that is not known yet."""

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
