"""What can happen to a leg, beside commands."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from ringline.calls.options import Header, Track
from ringline.calls.state import JoinAsked, JoinOptions, Quality


@dataclass(frozen=True, slots=True)
class Arrived:
    """The leg exists: an INVITE came in, or a dial was accepted."""


@dataclass(frozen=True, slots=True)
class Ringing:
    """The far end of an outgoing leg rings; `media` tells whether it already sends audio (183)."""

    status: int
    media: bool


@dataclass(frozen=True, slots=True)
class Answered:
    """The line is up: the far end accepted, or our acceptance went out."""

    codec: str
    sampling_rate: int
    headers: tuple[Header, ...] = ()
    remote: str = ""
    """`address:port` of the far end's RTP."""


@dataclass(frozen=True, slots=True)
class Failed:
    """An outgoing leg was refused, or never got through; `status` as in SIP."""

    status: int
    reason: str
    headers: tuple[Header, ...] = ()


@dataclass(frozen=True, slots=True)
class Cancelled:
    """The caller of an incoming leg gave up before the answer."""


@dataclass(frozen=True, slots=True)
class HungUp:
    """The far end said BYE, or the line broke."""

    by: Literal["remote", "error"]
    headers: tuple[Header, ...] = ()


@dataclass(frozen=True, slots=True)
class HoldChanged:
    """The far end put us on hold, or took us back (re-INVITE)."""

    held: bool


@dataclass(frozen=True, slots=True)
class MediaClosed:
    """The leg's media is gone; None when it never had any."""

    quality: Quality | None


@dataclass(frozen=True, slots=True)
class PlayoutStarted:
    """The first sample of a playout was sent."""

    playout: str


@dataclass(frozen=True, slots=True)
class PlayoutEnded:
    """A playout is over; `detail` says what went wrong."""

    playout: str
    outcome: Literal["completed", "stopped", "missing", "failed"]
    played_ms: int = 0
    detail: str = ""


@dataclass(frozen=True, slots=True)
class DigitHeard:
    """A key was pressed."""

    digit: str
    duration_ms: int
    at: datetime


@dataclass(frozen=True, slots=True)
class RecordingFinished:
    """A recording lies in the store."""

    recording: str
    started: datetime
    ended: datetime
    duration_ms: int
    urls: tuple[tuple[str, str], ...]
    """Format and signed URL."""


@dataclass(frozen=True, slots=True)
class RecordingFailed:
    """A recording could not be written."""

    recording: str


@dataclass(frozen=True, slots=True)
class StreamUp:
    """The app took the stream's WebSocket."""

    stream: str


@dataclass(frozen=True, slots=True)
class StreamDown:
    """A stream that was up has ended."""

    stream: str
    by: Literal["server", "app"]


@dataclass(frozen=True, slots=True)
class StreamFailed:
    """A stream never came up, or broke."""

    stream: str
    reason: str


@dataclass(frozen=True, slots=True)
class TranscriptionUp:
    """The recognizer listens."""

    transcription: str


@dataclass(frozen=True, slots=True)
class TranscriptHeard:
    """Words of one track; until they are `final` the next ones take their place.

    `length_ms` is from their first sound to their last, `lag_ms` from that to now; `confidence` 0 to 1.
    """

    transcription: str
    track: Track
    text: str
    final: bool
    confidence: float | None = None
    length_ms: int = 0
    lag_ms: int = 0


@dataclass(frozen=True, slots=True)
class TranscriptionFailed:
    """There is no recognizer for it, or it broke."""

    transcription: str
    reason: str


@dataclass(frozen=True, slots=True)
class TranscriptionEnded:
    """A transcription that was to stop has told its last words."""

    transcription: str


@dataclass(frozen=True, slots=True)
class TimerFired:
    """A timer that the leg set has run out."""

    name: str


@dataclass(frozen=True, slots=True)
class Joined:
    """The other leg agreed: both are bridged."""

    peer: str
    own: JoinOptions


@dataclass(frozen=True, slots=True)
class JoinRefused:
    """The other leg is gone, or `taken`: bridged already, and that was to be prevented."""

    by: str
    taken: bool


@dataclass(frozen=True, slots=True)
class PeerLeft:
    """The bridged leg ended or was bridged elsewhere."""

    peer: str


@dataclass(frozen=True, slots=True)
class PeerRings:
    """A leg dialled for this one (transfer) rings; with `media` its sound is heard."""

    peer: str
    media: bool


@dataclass(frozen=True, slots=True)
class PeerFailed:
    """A leg dialled for this one will not come."""

    peer: str


@dataclass(frozen=True, slots=True)
class Superseded:
    """Another leg of the ring group answered, or the leg this one was dialled for is gone."""


@dataclass(frozen=True, slots=True)
class Relayed:
    """A digit pressed on the bridged leg."""

    digit: str
    duration_ms: int


Input = (
    Arrived
    | Ringing
    | Answered
    | Failed
    | Cancelled
    | HungUp
    | HoldChanged
    | MediaClosed
    | PlayoutStarted
    | PlayoutEnded
    | DigitHeard
    | RecordingFinished
    | RecordingFailed
    | StreamUp
    | StreamDown
    | StreamFailed
    | TranscriptionUp
    | TranscriptHeard
    | TranscriptionFailed
    | TranscriptionEnded
    | TimerFired
    | JoinAsked
    | Joined
    | JoinRefused
    | PeerLeft
    | PeerRings
    | PeerFailed
    | Superseded
    | Relayed
)
