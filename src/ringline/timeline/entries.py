"""What a timeline holds: one small value per kind of thing that can happen to a leg.

Every body is a frozen struct with a `kind` tag; a body marked `sensitive` tells of people (digits, words)
and is masked by `timeline.redaction` unless asked for.
"""

from datetime import datetime
from typing import ClassVar, Literal

import msgspec


class Body(msgspec.Struct, frozen=True, omit_defaults=True, tag_field="kind", tag="body"):
    """What happened. Never used itself: `AnyBody` is the union of what is."""

    sensitive: ClassVar[bool] = False
    shows: ClassVar[str] = ""
    """The member that lists show beside the kind."""

    @property
    def label(self) -> str:
        """What lists show beside the kind; may be empty."""
        return str(getattr(self, self.shows)) if self.shows else ""


class CommandReceived(Body, frozen=True, tag="command"):
    """An API command that the leg accepted. `body` is JSON text after `redaction.command_body`."""

    shows: ClassVar[str] = "name"
    name: str
    command_id: str | None = None
    body: str = "{}"


class SipMessage(Body, frozen=True, tag="sip"):
    """A SIP message in or out. `raw` only with `timeline.trace = "full"`."""

    shows: ClassVar[str] = "summary"
    direction: Literal["in", "out"]
    summary: str
    """Request line or status line, shortened: `INVITE sip:…`, `200 OK (INVITE)`."""
    peer: str
    """`address:port` of the other end."""
    raw: str | None = None


class StateChanged(Body, frozen=True, tag="state"):
    """The leg is now in `state`."""

    shows: ClassVar[str] = "state"
    state: str


class MediaSettled(Body, frozen=True, tag="media_settled"):
    """Offer and answer have agreed: what is spoken, and with whom."""

    shows: ClassVar[str] = "codec"
    codec: str
    remote: str
    """`address:port` of the far end's RTP."""


class PlayoutStarted(Body, frozen=True, tag="playout_started"):
    """The first sample of a playback or of speech was sent."""

    shows: ClassVar[str] = "source"
    playout: str
    source: str = ""
    """URL, media name or `speak`."""
    overlay: bool = False


class PlayoutEnded(Body, frozen=True, tag="playout_ended"):
    """The last sample was sent, or nothing more will be."""

    shows: ClassVar[str] = "reason"
    playout: str
    played_ms: int
    """How much of it was sent."""
    reason: str
    """`completed`, `stopped`, `closed` or why it failed."""


class DtmfReceived(Body, frozen=True, tag="dtmf_received"):
    """A key pressed by the far end."""

    sensitive: ClassVar[bool] = True
    digit: str
    duration_ms: int = 0
    method: str = "rfc4733"


class DtmfSent(Body, frozen=True, tag="dtmf_sent"):
    """Keys that we sent; all of them are out."""

    sensitive: ClassVar[bool] = True
    digits: str


class TalkSpurt(Body, frozen=True, tag="talk_spurt"):
    """The far end began (`speaking`) or ceased to speak."""

    speaking: bool


class RecordingStarted(Body, frozen=True, tag="recording_started"):
    """Sound is being recorded from here on."""

    shows: ClassVar[str] = "recording_id"
    recording_id: str
    channels: str = ""
    format: str = ""


class RecordingSaved(Body, frozen=True, tag="recording_saved"):
    """The file is whole and stored."""

    shows: ClassVar[str] = "recording_id"
    recording_id: str
    duration_ms: int = 0


class RecordingFailed(Body, frozen=True, tag="recording_failed"):
    """There will be no file."""

    shows: ClassVar[str] = "reason"
    recording_id: str
    reason: str


class StatsRow(msgspec.Struct, frozen=True, array_like=True):
    """One second of a leg's media; counts are of that second alone."""

    at_ns: int
    received: int
    lost: int
    late: int
    """Arrived after their turn, or twice: not played."""
    jitter_us: int
    """RFC 3550 §6.4.1 interarrival jitter at the end of the second."""
    sent: int
    skipped_ms: int
    """Audio not sent because the node was late."""


class MediaStats(Body, frozen=True, tag="media_stats"):
    """A batch of seconds, oldest first."""

    rows: tuple[StatsRow, ...]


class SpeechResult(Body, frozen=True, tag="speech"):
    """Words recognised."""

    sensitive: ClassVar[bool] = True
    text: str
    final: bool
    track: Literal["inbound", "outbound"] = "inbound"
    confidence: float | None = None
    length_ms: int = 0
    """From their first sound to their last."""
    lag_ms: int = 0
    """From their last sound until they were known."""


class TranscriptionStarted(Body, frozen=True, tag="transcription_started"):
    """A recognizer listens to the leg; `engine` is the one asked for."""

    shows: ClassVar[str] = "engine"
    transcription_id: str
    engine: str = ""
    language: str = ""
    tracks: tuple[Literal["inbound", "outbound"], ...] = ()


class TranscriptionStopped(Body, frozen=True, tag="transcription_stopped"):
    """It has told its last words."""

    transcription_id: str


class TranscriptionFailed(Body, frozen=True, tag="transcription_failed"):
    """There was no recognizer for it, or it broke."""

    shows: ClassVar[str] = "reason"
    transcription_id: str
    reason: str


class StreamOpened(Body, frozen=True, tag="stream_opened"):
    """The app accepted the WebSocket."""

    shows: ClassVar[str] = "url"
    stream_id: str
    url: str
    track: str = ""
    codec: str = ""


class StreamClosed(Body, frozen=True, tag="stream_closed"):
    """The stream has ended as it should: `by` says who closed it."""

    shows: ClassVar[str] = "by"
    stream_id: str
    by: str


class StreamFailed(Body, frozen=True, tag="stream_failed"):
    """The stream could not be opened, or broke."""

    shows: ClassVar[str] = "reason"
    stream_id: str
    reason: str


class StreamControl(Body, frozen=True, tag="stream_control"):
    """A control frame of a stream; never audio."""

    shows: ClassVar[str] = "frame"
    stream_id: str
    direction: Literal["in", "out"]
    frame: str
    detail: str = ""


class WebhookQueued(Body, frozen=True, tag="webhook_queued"):
    """An event for the app; written in one transaction with the outbox."""

    shows: ClassVar[str] = "event_type"
    event_type: str
    event_id: str


class WebhookAttempted(Body, frozen=True, tag="webhook_attempted"):
    """One attempt to deliver an event. `error` is empty when the app answered 2xx."""

    shows: ClassVar[str] = "event_type"
    event_type: str
    event_id: str
    attempt: int
    url: str
    status: int | None
    latency_us: int
    error: str = ""


class TimerSet(Body, frozen=True, tag="timer_set"):
    """A timer of the leg will fire."""

    shows: ClassVar[str] = "timer"
    timer: str
    delay_ms: int


class TimerFired(Body, frozen=True, tag="timer_fired"):
    """It did."""

    shows: ClassVar[str] = "timer"
    timer: str


class Bridged(Body, frozen=True, tag="bridged"):
    """The leg and `peer` (its call_control_id) hear each other."""

    shows: ClassVar[str] = "peer"
    peer: str


class Unbridged(Body, frozen=True, tag="unbridged"):
    """They no longer do."""

    shows: ClassVar[str] = "peer"
    peer: str


class Ended(Body, frozen=True, tag="ended"):
    """The leg is over; cause, source and SIP status as in `call.hangup` (spec webhooks §6.2)."""

    shows: ClassVar[str] = "cause"
    cause: str
    source: str
    sip: str


AnyBody = (
    CommandReceived
    | SipMessage
    | StateChanged
    | MediaSettled
    | PlayoutStarted
    | PlayoutEnded
    | DtmfReceived
    | DtmfSent
    | TalkSpurt
    | RecordingStarted
    | RecordingSaved
    | RecordingFailed
    | MediaStats
    | SpeechResult
    | TranscriptionStarted
    | TranscriptionStopped
    | TranscriptionFailed
    | StreamOpened
    | StreamClosed
    | StreamFailed
    | StreamControl
    | WebhookQueued
    | WebhookAttempted
    | TimerSet
    | TimerFired
    | Bridged
    | Unbridged
    | Ended
)


class Entry(msgspec.Struct, frozen=True):
    """One thing that happened to one leg.

    `seq` counts from 1 within the leg and is the order of things; attempts to deliver webhooks, which happen
    beside the leg and after it, have 0 and are placed by `at`. `at_ns` is the node's monotonic clock.
    """

    seq: int
    at_ns: int
    at: datetime
    leg_id: str
    session_id: str
    body: AnyBody

    @property
    def kind(self) -> str:
        """The body's tag."""
        return str(self.body.__struct_config__.tag)


_body_encoder = msgspec.json.Encoder()
_body_decoder: msgspec.json.Decoder[AnyBody] = msgspec.json.Decoder(AnyBody)


def encode_body(body: AnyBody) -> bytes:
    """The body as compact JSON."""
    return _body_encoder.encode(body)


def decode_body(data: bytes) -> AnyBody:
    """Read what `encode_body` wrote; raises `msgspec.ValidationError` for anything else."""
    return _body_decoder.decode(data)
