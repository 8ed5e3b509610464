"""What a leg wants done. The core decides, the runner performs, in order and after the commit."""

from dataclasses import dataclass
from datetime import datetime

from ringline.calls.inputs import Input
from ringline.calls.options import (
    Audio,
    DialTarget,
    Header,
    RecordOptions,
    StreamOptions,
    TranscriptionOptions,
    Utterance,
    WebhookOptions,
)
from ringline.calls.state import Facts, OnAnswer
from ringline.webhooks.payload import Payload


@dataclass(frozen=True, slots=True)
class Emit:
    """A webhook event, written with the entries that caused it."""

    payload: Payload


@dataclass(frozen=True, slots=True)
class Ring:
    """Tell the caller that we ring (180)."""


@dataclass(frozen=True, slots=True)
class OpenEarlyMedia:
    """Let the caller hear us before the answer (183 with SDP)."""


@dataclass(frozen=True, slots=True)
class AcceptLine:
    """Answer the INVITE with 200; `codecs` in order of preference, empty for the setting's."""

    codecs: tuple[str, ...]
    headers: tuple[Header, ...]
    silence_when_idle: bool


@dataclass(frozen=True, slots=True)
class RefuseLine:
    """Answer the INVITE with a final status ≥ 300."""

    status: int


@dataclass(frozen=True, slots=True)
class PlaceLine:
    """Send the INVITE."""

    target: DialTarget


@dataclass(frozen=True, slots=True)
class CancelLine:
    """Take the INVITE back; `reason` is the text of the Reason header."""

    reason: str | None


@dataclass(frozen=True, slots=True)
class HangUpLine:
    """Send BYE."""

    headers: tuple[Header, ...] = ()


@dataclass(frozen=True, slots=True)
class CloseMedia:
    """Free the leg's media; `MediaClosed` comes back."""


@dataclass(frozen=True, slots=True)
class Prepare:
    """Begin to fetch or synthesise a playout's audio."""

    playout: str
    content: Audio | Utterance


@dataclass(frozen=True, slots=True)
class Play:
    """Play what was prepared, on each of `targets`; `loop` 0 is for ever."""

    playout: str
    targets: tuple[str, ...]
    loop: int
    overlay: bool


@dataclass(frozen=True, slots=True)
class StopPlayout:
    """Stop a playout that plays, or forget one that was only prepared."""

    playout: str


@dataclass(frozen=True, slots=True)
class Ringback:
    """Let this leg hear a country's ringing tone, or stop it."""

    country: str | None


@dataclass(frozen=True, slots=True)
class SendDigits:
    """Send DTMF; digits may hold the pauses `w` and `W`."""

    digits: str
    duration_ms: int


@dataclass(frozen=True, slots=True)
class StartRecording:
    """Record the leg."""

    recording: str
    options: RecordOptions


@dataclass(frozen=True, slots=True)
class PauseRecording:
    """Leave out what follows, or go on."""

    recording: str
    paused: bool


@dataclass(frozen=True, slots=True)
class StopRecording:
    """Finish the file; `RecordingFinished` comes back."""

    recording: str


@dataclass(frozen=True, slots=True)
class OpenStream:
    """Connect to the app's WebSocket."""

    stream: str
    options: StreamOptions
    client_state: str | None


@dataclass(frozen=True, slots=True)
class BeginStream:
    """Let audio flow on a connected stream."""

    stream: str
    client_state: str | None


@dataclass(frozen=True, slots=True)
class CloseStream:
    """Say stop and close."""

    stream: str


@dataclass(frozen=True, slots=True)
class TellStream:
    """Send a dtmf frame."""

    stream: str
    digit: str
    at: datetime


@dataclass(frozen=True, slots=True)
class StartTranscription:
    """Let a recognizer listen to the leg; `TranscriptionUp` or `TranscriptionFailed` comes back."""

    transcription: str
    options: TranscriptionOptions


@dataclass(frozen=True, slots=True)
class StopTranscription:
    """Listen no more; the last `TranscriptHeard` and `TranscriptionEnded` come back."""

    transcription: str


@dataclass(frozen=True, slots=True)
class JoinMedia:
    """Mix this leg with another."""

    other: str


@dataclass(frozen=True, slots=True)
class PartMedia:
    """Take this leg out of its mix with another."""

    other: str


@dataclass(frozen=True, slots=True)
class DialLeg:
    """Make a new outgoing leg (transfer)."""

    facts: Facts
    on_answer: OnAnswer
    client_state: str | None
    webhooks: WebhookOptions


@dataclass(frozen=True, slots=True)
class Tell:
    """Give another leg an input."""

    call: str
    input: Input


@dataclass(frozen=True, slots=True)
class SetTimer:
    """Fire `TimerFired(name)` after so many milliseconds; an older timer of the name is forgotten."""

    name: str
    after_ms: int


@dataclass(frozen=True, slots=True)
class ClearTimer:
    """Forget a timer."""

    name: str


@dataclass(frozen=True, slots=True)
class Forget:
    """The leg is over: stop its timers and keep it only for questions about it."""


Effect = (
    Emit
    | Ring
    | OpenEarlyMedia
    | AcceptLine
    | RefuseLine
    | PlaceLine
    | CancelLine
    | HangUpLine
    | CloseMedia
    | Prepare
    | Play
    | StopPlayout
    | Ringback
    | SendDigits
    | StartRecording
    | PauseRecording
    | StopRecording
    | OpenStream
    | BeginStream
    | CloseStream
    | TellStream
    | StartTranscription
    | StopTranscription
    | JoinMedia
    | PartMedia
    | DialLeg
    | Tell
    | SetTimer
    | ClearTimer
    | Forget
)
