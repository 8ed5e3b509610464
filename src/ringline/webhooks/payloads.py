"""The payload of every call event (spec webhooks §5, §6).

The SDK chooses a model by these members, so their types are closed: `encode` refuses a value that the
specification does not list. Members left out are those whose value is the default.
"""

from datetime import datetime
from typing import ClassVar, Literal

import msgspec

from ringline.webhooks.payload import Header, Party, Payload, SipHeader

CallingParty = Literal["pstn", "sip"]
StreamTrack = Literal["inbound_track", "outbound_track", "both_tracks"]

# Call state (§6.1)


class CallInitiated(Party, frozen=True, kw_only=True):
    """A leg exists: an incoming one is parked, an outgoing one rings."""

    event_type: ClassVar[str] = "call.initiated"
    direction: Literal["incoming", "outgoing"]
    state: Literal["parked", "bridging"]
    start_time: datetime
    caller_id_name: str | None = None
    call_screening_result: str | None = None
    shaken_stir_attestation: Literal["A", "B", "C"] | None = None
    shaken_stir_validated: bool | None = None
    connection_codecs: str | None = None
    offered_codecs: str | None = None
    custom_headers: tuple[Header, ...] = ()
    sip_headers: tuple[SipHeader, ...] = ()
    tags: tuple[str, ...] = ()
    calling_party_type: CallingParty | None = None
    from_sip_uri: str | None = None
    to_sip_uri: str | None = None


class CallAnswered(Party, frozen=True, kw_only=True):
    """Somebody took the call."""

    event_type: ClassVar[str] = "call.answered"
    start_time: datetime
    state: Literal["answered"]
    custom_headers: tuple[Header, ...] = ()
    sip_headers: tuple[SipHeader, ...] = ()
    tags: tuple[str, ...] = ()
    calling_party_type: CallingParty | None = None
    codec: str | None = None
    sampling_rate: int | None = None
    stream_url: str | None = None
    stream_track: StreamTrack | None = None


class CallBridged(Party, frozen=True, kw_only=True):
    """Sent once for each leg of the bridge."""

    event_type: ClassVar[str] = "call.bridged"


class InboundQuality(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What was heard from the leg; numbers as strings."""

    jitter_max_variance: str | None = None
    jitter_packet_count: str | None = None
    mos: str | None = None
    packet_count: str | None = None
    skip_packet_count: str | None = None


class OutboundQuality(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What was sent to the leg; numbers as strings."""

    packet_count: str | None = None
    skip_packet_count: str | None = None


class QualityStats(msgspec.Struct, frozen=True, kw_only=True):
    """Both directions."""

    inbound: InboundQuality
    outbound: OutboundQuality


HangupCause = Literal[
    "call_rejected",
    "normal_clearing",
    "originator_cancel",
    "timeout",
    "time_limit",
    "user_busy",
    "not_found",
    "no_answer",
    "unspecified",
]
HangupSource = Literal["caller", "callee", "unknown"]


class CallHangup(Party, frozen=True, kw_only=True):
    """The leg is over (§6.2)."""

    event_type: ClassVar[str] = "call.hangup"
    state: Literal["hangup"]
    start_time: datetime
    end_time: datetime
    hangup_cause: HangupCause
    hangup_source: HangupSource
    sip_hangup_cause: str
    occurred_at: datetime
    call_quality_stats: QualityStats | None
    custom_headers: tuple[Header, ...] = ()
    sip_headers: tuple[SipHeader, ...] = ()
    tags: tuple[str, ...] = ()


class CallHold(Party, frozen=True, kw_only=True):
    """The far end put us on hold by a re-INVITE."""

    event_type: ClassVar[str] = "call.hold"


class CallUnhold(Party, frozen=True, kw_only=True):
    """And took us back."""

    event_type: ClassVar[str] = "call.unhold"


class CallEnqueued(Payload, frozen=True, kw_only=True):
    """The call waits in a queue; positions count from 1."""

    event_type: ClassVar[str] = "call.enqueued"
    queue: str
    current_position: int
    queue_avg_wait_time_secs: int


class CallDequeued(Payload, frozen=True, kw_only=True):
    """It left the queue."""

    event_type: ClassVar[str] = "call.dequeued"
    queue: str
    queue_position: int
    reason: Literal["bridged", "bridging-in-process", "hangup", "leave", "timeout"]
    wait_time_secs: int


class CostPart(msgspec.Struct, frozen=True, kw_only=True):
    """One line of a call's cost; amounts as decimal strings."""

    billed_duration_secs: int
    call_part: str
    cost: str
    currency: str
    rate: str


class CallCost(Payload, frozen=True, kw_only=True):
    """Only for applications with `call_cost_in_webhooks`."""

    event_type: ClassVar[str] = "call.cost"
    billed_duration_secs: int
    cost_parts: tuple[CostPart, ...]
    occurred_at: datetime
    status: Literal["success", "error"]
    total_cost: str
    billing_group_id: str | None = None


class CallSipInfoReceived(Party, frozen=True, kw_only=True):
    """The peer sent a SIP INFO; the SDK has no model of it."""

    event_type: ClassVar[str] = "call.sip_info.received"
    body: str
    content_type: str


# DTMF and gather (§6.3)


class CallDtmfReceived(Party, frozen=True, kw_only=True):
    """One key."""

    event_type: ClassVar[str] = "call.dtmf.received"
    digit: Literal["0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "*", "#", "A", "B", "C", "D"]


class CallGatherEnded(Party, frozen=True, kw_only=True):
    """What was typed, without the terminating digit."""

    event_type: ClassVar[str] = "call.gather.ended"
    digits: str
    status: Literal["valid", "invalid", "call_hangup", "cancelled", "cancelled_amd", "timeout"]
    gather_id: str | None = None


# Playback and speech (§6.4)


class CallPlaybackStarted(Payload, frozen=True, kw_only=True):
    """Of `media_url` and `media_name` the one that the command named; neither for content given inline."""

    event_type: ClassVar[str] = "call.playback.started"
    overlay: bool
    media_url: str | None = None
    media_name: str | None = None


class CallPlaybackEnded(Payload, frozen=True, kw_only=True):
    """One for the whole command, however often it was looped."""

    event_type: ClassVar[str] = "call.playback.ended"
    overlay: bool
    status: Literal[
        "file_not_found", "call_hangup", "unknown", "cancelled", "cancelled_amd", "completed", "failed"
    ]
    media_url: str | None = None
    media_name: str | None = None
    status_detail: str | None = None


class CallSpeakStarted(Payload, frozen=True, kw_only=True):
    """The first word is out."""

    event_type: ClassVar[str] = "call.speak.started"


class CallSpeakEnded(Payload, frozen=True, kw_only=True):
    """Speech stopped by a command is `completed`: the list has no better word."""

    event_type: ClassVar[str] = "call.speak.ended"
    status: Literal["completed", "call_hangup", "cancelled_amd"] | None
    """None when nothing could be said: the list has no word for that either."""


# Recording (§6.5)


class RecordingUrls(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Only the format that was asked for."""

    mp3: str | None = None
    wav: str | None = None


class CallRecordingSaved(Payload, frozen=True, kw_only=True):
    """The file can be fetched; the links expire. May come after `call.hangup`."""

    event_type: ClassVar[str] = "call.recording.saved"
    channels: Literal["single", "dual"]
    format: Literal["wav", "mp3"]
    recording_id: str
    recording_started_at: datetime
    recording_ended_at: datetime
    start_time: datetime
    end_time: datetime
    occurred_at: datetime
    recording_urls: RecordingUrls
    public_recording_urls: RecordingUrls


class CallRecordingError(Payload, frozen=True, kw_only=True):
    """There is no file."""

    event_type: ClassVar[str] = "call.recording.error"
    reason: Literal[
        "Failed to authorize with storage using custom credentials",
        "Invalid credentials json",
        "Unsupported backend",
        "Internal server error",
    ]


class CallRecordingTranscriptionSaved(Payload, frozen=True, kw_only=True):
    """The words of a recording."""

    event_type: ClassVar[str] = "call.recording.transcription.saved"
    recording_id: str
    recording_transcription_id: str
    status: Literal["completed"]
    transcription_text: str
    calling_party_type: CallingParty


# Streaming, fork, SIPREC, refer, transcription (§6.6)


class StreamingStarted(Payload, frozen=True, kw_only=True):
    """The app took the WebSocket."""

    event_type: ClassVar[str] = "streaming.started"
    stream_url: str
    stream_id: str | None = None
    stream_track: StreamTrack | None = None


class StreamingStopped(Payload, frozen=True, kw_only=True):
    """It is closed."""

    event_type: ClassVar[str] = "streaming.stopped"
    stream_url: str
    stream_id: str | None = None
    stream_track: StreamTrack | None = None


class StreamParams(msgspec.Struct, frozen=True, kw_only=True):
    """`track` is the schema's name, `stream_track` the printed example's: both are sent."""

    stream_url: str
    track: StreamTrack
    stream_track: StreamTrack


class StreamingFailed(Payload, frozen=True, kw_only=True):
    """It could not be opened, or broke."""

    event_type: ClassVar[str] = "streaming.failed"
    failure_reason: str
    stream_id: str
    stream_params: StreamParams
    stream_type: Literal["websocket", "dialogflow"]


class CallForkStarted(Payload, frozen=True, kw_only=True):
    """`stream_type` is left out for a raw fork: the SDK knows `decrypted` only."""

    event_type: ClassVar[str] = "call.fork.started"
    stream_type: Literal["decrypted"] | None = None


class CallForkStopped(Payload, frozen=True, kw_only=True):
    """See `CallForkStarted`."""

    event_type: ClassVar[str] = "call.fork.stopped"
    stream_type: Literal["decrypted"] | None = None


class SiprecStarted(Payload, frozen=True, kw_only=True):
    """The recorder took the session."""

    event_type: ClassVar[str] = "siprec.started"


class SiprecStopped(Payload, frozen=True, kw_only=True):
    """`hangup_cause` in Q.850 words."""

    event_type: ClassVar[str] = "siprec.stopped"
    hangup_cause: str


class SiprecFailed(Payload, frozen=True, kw_only=True):
    """`failure_cause` in Q.850 words."""

    event_type: ClassVar[str] = "siprec.failed"
    failure_cause: str


class CallReferStarted(Party, frozen=True, kw_only=True):
    """202, or a NOTIFY with 100."""

    event_type: ClassVar[str] = "call.refer.started"
    sip_notify_response: int


class CallReferCompleted(Party, frozen=True, kw_only=True):
    """A NOTIFY with 200."""

    event_type: ClassVar[str] = "call.refer.completed"
    sip_notify_response: int


class CallReferFailed(Party, frozen=True, kw_only=True):
    """A final status of 300 or more."""

    event_type: ClassVar[str] = "call.refer.failed"
    sip_notify_response: int


class TranscriptionData(msgspec.Struct, frozen=True, kw_only=True):
    """One result of the recogniser."""

    transcript: str
    confidence: float | None
    is_final: bool
    transcription_track: Literal["inbound", "outbound"]


class CallTranscription(Payload, frozen=True, kw_only=True):
    """Words heard just now."""

    event_type: ClassVar[str] = "call.transcription"
    transcription_data: TranscriptionData


# Answering machines (§6.7)


class CallMachineDetectionEnded(Party, frozen=True, kw_only=True):
    """Man or machine."""

    event_type: ClassVar[str] = "call.machine.detection.ended"
    result: Literal["human", "machine", "not_sure"]


class CallMachineGreetingEnded(Party, frozen=True, kw_only=True):
    """The machine has said its greeting."""

    event_type: ClassVar[str] = "call.machine.greeting.ended"
    result: Literal["beep_detected", "ended", "not_sure"]


class CallMachinePremiumDetectionStarted(Party, frozen=True, kw_only=True):
    """The premium detector listens."""

    event_type: ClassVar[str] = "call.machine.premium.detection.started"


class CallMachinePremiumDetectionEnded(Party, frozen=True, kw_only=True):
    """And has made up its mind."""

    event_type: ClassVar[str] = "call.machine.premium.detection.ended"
    result: Literal["human_residence", "human_business", "machine", "silence", "fax_detected", "not_sure"]


class CallMachinePremiumGreetingEnded(Party, frozen=True, kw_only=True):
    """The machine has said its greeting, by the premium detector."""

    event_type: ClassVar[str] = "call.machine.premium.greeting.ended"
    result: Literal["beep_detected", "no_beep_detected", "prompt_ended"]


class CallMachinePremiumCallScreeningDetected(Party, frozen=True, kw_only=True):
    """A telephone that asks who calls."""

    event_type: ClassVar[str] = "call.machine.premium.call_screening.detected"
    result: Literal["screening"]


class CallDeepfakeDetectionResult(Payload, frozen=True, kw_only=True):
    """`score` 0–1, `consistency` 0–100."""

    event_type: ClassVar[str] = "call.deepfake_detection.result"
    result: Literal["real", "fake", "silence_timeout"]
    score: float | None
    consistency: float | None


class CallDeepfakeDetectionError(Payload, frozen=True, kw_only=True):
    """It could not be said."""

    event_type: ClassVar[str] = "call.deepfake_detection.error"
    error_message: Literal["detection_timeout", "rtp_timeout", "dfd_connection_error", "dfd_stream_error"]


def _leaves(parent: type[Payload]) -> dict[str, type[Payload]]:
    found: dict[str, type[Payload]] = {}
    for child in parent.__subclasses__():
        found |= _leaves(child) if child is Party else {child.event_type: child}
    return found


EVENTS: dict[str, type[Payload]] = _leaves(Payload)
"""Every payload by its event type."""

_encoder = msgspec.json.Encoder()
_checkers = {kind: msgspec.json.Decoder(kind) for kind in EVENTS.values()}


def encode(payload: Payload) -> bytes:
    """Compact JSON of a payload.

    Raises `msgspec.ValidationError` when a member has a value that the specification does not list: the SDK
    would take such an event for another one (§4).
    """
    data = _encoder.encode(payload)
    _checkers[type(payload)].decode(data)
    return data
