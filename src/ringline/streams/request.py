"""What a stream is asked to be, how this server lets it run, and what it reports."""

from dataclasses import dataclass, field
from typing import Literal

Track = Literal["inbound_track", "outbound_track", "both_tracks"]
Mode = Literal["mp3", "rtp"]
TargetLegs = Literal["self", "opposite", "both"]


@dataclass(frozen=True, slots=True)
class StreamRequest:
    """One `streaming_start` (or the `stream_*` members of dial and answer), validated by the API."""

    stream_id: str
    url: str
    track: Track = "inbound_track"
    codec: str = "default"
    bidirectional_mode: Mode = "mp3"
    bidirectional_codec: str = "PCMU"
    bidirectional_rate: int = 8000
    target_legs: TargetLegs = "opposite"
    auth_token: str | None = field(default=None, repr=False)
    custom_parameters: tuple[tuple[str, str], ...] = ()
    user_id: str = ""
    call_control_id: str = ""
    call_session_id: str = ""
    from_: str | None = None
    to: str | None = None
    tags: tuple[str, ...] = ()
    client_state: str | None = None


@dataclass(frozen=True, slots=True)
class StreamLimits:
    """How far a stream may go; every duration in seconds."""

    connect: float = 5.0
    """From the first DNS question to the end of the WebSocket handshake."""
    ping_interval: float = 25.0
    missed_pings: int = 2
    close: float = 2.0
    """How long the app may take to answer our close frame."""
    message_bytes: int = 8 * 1024 * 1024
    """30 s of L16 at 48 kHz are 3.8 MB of base64."""
    buffer: float = 600.0
    """Audio an app may send ahead of what is heard."""
    file_interval: float = 1.0
    """`mp3` mode: one message in this time (spec §5.2)."""
    early_bytes: int = 1024 * 1024
    """Messages kept while the call still rings, all together."""
    files_waiting: int = 16
    """`mp3` mode: messages received and not yet played."""
    unread_bytes: int = 1024 * 1024
    """Replies an app may leave unread before we hang up on it; media never count, they are dropped."""


@dataclass(frozen=True, slots=True)
class StreamConnected:
    """The socket is open and the frame `connected` is sent."""

    stream_id: str


@dataclass(frozen=True, slots=True)
class StreamStarted:
    """Media flow: the webhook `streaming.started`."""

    stream_id: str


@dataclass(frozen=True, slots=True)
class StreamEnded:
    """The stream ended as somebody wished; the last event of a stream unless it failed.

    Follows `StreamStarted` or not: a call may end while its stream still connects.
    """

    stream_id: str
    by: Literal["server", "app"]


@dataclass(frozen=True, slots=True)
class StreamFailed:
    """The stream ended as nobody wished; the last event of a stream. `detail` is for people."""

    stream_id: str
    reason: Literal["connection_failed", "connection_lost"]
    detail: str = ""


@dataclass(frozen=True, slots=True)
class StreamFrameSeen:
    """A control frame went by; for the timeline. Never audio, never digits, never tokens."""

    stream_id: str
    direction: Literal["in", "out"]
    event: str
    detail: str = ""


StreamEvent = StreamConnected | StreamStarted | StreamEnded | StreamFailed | StreamFrameSeen
