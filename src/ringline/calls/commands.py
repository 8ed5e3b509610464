"""Commands to a leg, as typed values (spec voice-api §3 and §5).

The API translates a request body into one of these; the leg core decides what it means.
"""

from dataclasses import dataclass
from typing import Literal

from ringline.calls.options import (
    Audio,
    DialTarget,
    GatherRules,
    Header,
    RecordOptions,
    StreamOptions,
    Targets,
    TranscriptionOptions,
    Utterance,
    WebhookOptions,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """What every command may carry (spec voice-api §1.2).

    `client_state` None keeps the old value, "" clears it. `redacted_body` is the request's JSON
    as the timeline keeps it, digits and secrets masked.
    """

    client_state: str | None = None
    command_id: str | None = None
    redacted_body: str = "{}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Dial(Command):
    """Place a call (`POST /calls`); several targets ring together and the first answer wins."""

    connection_id: str
    targets: tuple[DialTarget, ...]
    link_to: str | None = None
    bridge_intent: bool = False
    bridge_on_answer: bool = False
    park_after_unbridge: bool = False
    prevent_double_bridge: bool = False
    record: RecordOptions | None = None
    stream: StreamOptions | None = None
    transcription: TranscriptionOptions | None = None
    webhooks: WebhookOptions = WebhookOptions()
    billing_group_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer(Command):
    """Accept an incoming leg."""

    headers: tuple[Header, ...] = ()
    codecs: tuple[str, ...] = ()
    record: RecordOptions | None = None
    stream: StreamOptions | None = None
    transcription: TranscriptionOptions | None = None
    silence_when_idle: bool = False
    webhooks: WebhookOptions | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Reject(Command):
    """Refuse an incoming leg."""

    cause: Literal["CALL_REJECTED", "USER_BUSY", "NOT_FOUND", "TEMPORARILY_UNAVAILABLE"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Hangup(Command):
    """End a leg; `reason` is the text of the CANCEL's Reason header (RFC 3326)."""

    headers: tuple[Header, ...] = ()
    reason: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Bridge(Command):
    """Join two legs' audio."""

    other: str
    park_after_unbridge: bool = False
    hold_after_unbridge: bool = False
    play_ringtone: bool = False
    ringtone: str = "us"
    mute_dtmf: Literal["none", "both", "self", "opposite"] = "none"
    prevent_double_bridge: bool = False
    record: RecordOptions | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Transfer(Command):
    """Dial a target and bridge it to this leg when it answers; `target.from_` "" means this leg's `to`."""

    target: DialTarget
    early_media: bool = True
    park_after_unbridge: bool = False
    mute_dtmf: Literal["none", "both", "self", "opposite"] = "none"
    record: RecordOptions | None = None
    target_client_state: str | None = None
    webhooks: WebhookOptions | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaybackStart(Command):
    """Play audio; `loop` 1–100 or 0 for ever."""

    audio: Audio
    loop: int = 1
    overlay: bool = False
    stop: Literal["current", "all"] | None = None
    targets: Targets = "self"


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaybackStop(Command):
    """Stop the current playout or all of them; `overlay` limits it to the overlay queue."""

    stop: Literal["current", "all"] = "all"
    overlay: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Speak(Command):
    """Speak text or SSML."""

    utterance: Utterance
    loop: int = 1
    stop: Literal["current", "all"] | None = None
    targets: Targets = "self"


@dataclass(frozen=True, slots=True, kw_only=True)
class Gather(Command):
    """Collect digits, with or without a prompt."""

    rules: GatherRules
    prompt: Audio | Utterance | None = None
    invalid_prompt: Audio | Utterance | None = None
    gather_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class GatherStop(Command):
    """Give up a running gather."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordStart(Command):
    """Start a recording."""

    options: RecordOptions


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordStop(Command):
    """Stop one recording, or all of the leg."""

    recording_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordPause(Command):
    """Pause one recording, or all of the leg."""

    recording_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordResume(Command):
    """Go on with one paused recording, or all of the leg."""

    recording_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SendDtmf(Command):
    """Send digits; `w` pauses 0.5 s, `W` 1 s; each digit lasts `duration_ms` (100–500)."""

    digits: str
    duration_ms: int = 250


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientStateUpdate(Command):
    """Replace the leg's client state."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamingStart(Command):
    """Open a media stream."""

    options: StreamOptions


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamingStop(Command):
    """Close a media stream, or every one of the leg."""

    stream_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TranscriptionStart(Command):
    """Transcribe what is said."""

    options: TranscriptionOptions


@dataclass(frozen=True, slots=True, kw_only=True)
class TranscriptionStop(Command):
    """Transcribe no more."""


@dataclass(frozen=True, slots=True)
class CommandResult:
    """What a command's 200 says beside `result: ok`."""

    recording_id: str | None = None
    stream_id: str | None = None


@dataclass(frozen=True, slots=True)
class CallInfo:
    """A leg as the API shows it (spec voice-api §4); times are ISO-8601 UTC."""

    call_control_id: str
    call_leg_id: str
    call_session_id: str
    connection_id: str
    is_alive: bool
    client_state: str | None = None
    start_time: str | None = None
    end_time: str | None = None
    duration_s: int = 0
    recording_id: str | None = None
