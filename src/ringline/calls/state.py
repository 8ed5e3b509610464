"""What a leg is: its facts, its state, and the moves that are legal in each state.

===========  =================================================  ==========================================
state        entered by                                         left by
===========  =================================================  ==========================================
PARKED       an incoming INVITE                                 answer → ANSWERED; any end → ENDING
DIALLING     dial, transfer                                     far end's 2xx → ANSWERED; any end → ENDING
ANSWERED     our 2xx or theirs                                  any end → ENDING
ENDING       hang-up, refusal, failure, limits                  media closed, last words told → ENDED
ENDED        –                                                  – (recordings are reported, words kept)
===========  =================================================  ==========================================

Being bridged is not a state of its own: an answered leg has a peer or has none (spec voice-api §2).
"""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Literal

from ringline.calls import errors
from ringline.calls.options import (
    Audio,
    DialTarget,
    GatherRules,
    Header,
    RecordOptions,
    StreamOptions,
    TranscriptionOptions,
    Utterance,
    WebhookOptions,
)
from ringline.webhooks.payloads import HangupCause

LISTENERS = 4
"""How many may hear a leg at once: its recordings, its stream and its transcriptions."""


class State(StrEnum):
    """Where a leg stands."""

    PARKED = "parked"
    DIALLING = "dialling"
    ANSWERED = "answered"
    ENDING = "ending"
    ENDED = "ended"


@dataclass(frozen=True, slots=True)
class Instant:
    """A moment: monotonic nanoseconds for durations, UTC for people."""

    ns: int
    utc: datetime


@dataclass(frozen=True, slots=True)
class Application:
    """What a leg needs to know of its call control application, as it was when the leg began."""

    connection_id: str
    account_id: str
    name: str = ""
    webhook_url: str = ""
    failover_url: str = ""
    webhook_timeout_s: int | None = None
    webhook_version: str = "2"
    dtmf: Literal["RFC 2833", "Inband", "SIP INFO"] = "RFC 2833"
    first_command_timeout_s: int | None = None
    channel_limit_in: int | None = None
    channel_limit_out: int | None = None
    tags: tuple[str, ...] = ()


@dataclass(slots=True)
class RingGroup:
    """Legs that ring together: the first to answer takes the call (spec voice-api §3, `to` as a list)."""

    winner: str | None = None
    members: list[str] = field(default_factory=list)

    def claim(self, call: str) -> bool:
        """Whether `call` is, or becomes, the one that answered."""
        if self.winner is None:
            self.winner = call
        return self.winner == call


@dataclass(frozen=True, slots=True)
class JoinOptions:
    """How a leg wants to be bridged and what becomes of it afterwards."""

    park_after: bool = False
    mute_dtmf: bool = False
    prevent_double: bool = False


@dataclass(frozen=True, slots=True)
class JoinAsked:
    """Another leg wants to be bridged to this one; `own` are this leg's wishes, `theirs` the other's."""

    by: str
    own: JoinOptions
    theirs: JoinOptions
    waits: bool = False
    """Whether it waits until the app answers a parked leg; else that answers by itself."""


@dataclass(frozen=True, slots=True)
class JoinWanted:
    """A bridge that a leg asks for, at once or when it is answered."""

    other: str
    own: JoinOptions
    theirs: JoinOptions
    ringtone: str
    """What it hears until the other is answered: a country."""
    record: RecordOptions | None


@dataclass(frozen=True, slots=True)
class Facts:
    """What does not change during a leg's life."""

    call_control_id: str
    leg_id: str
    session_id: str
    direction: Literal["incoming", "outgoing"]
    from_: str
    to: str
    application: Application
    started: Instant
    caller_name: str = ""
    from_sip_uri: str = ""
    to_sip_uri: str = ""
    headers: tuple[Header, ...] = ()
    offered_codecs: tuple[str, ...] = ()
    time_limit_s: int | None = None
    ring_timeout_s: int = 30
    timeout_is_no_answer: bool = False
    target: DialTarget | None = None
    """How to reach an outgoing leg's far end."""
    group: RingGroup | None = None
    link: str | None = None
    """The leg that this one joins when it is answered: a transfer's first leg, or `bridge_on_answer`."""
    link_options: JoinOptions = JoinOptions()
    owner_options: JoinOptions = JoinOptions()
    """How the linked leg itself is bridged."""
    ends_with_target: bool = False
    """Whether the leg has no app that would look after it when its transfer fails."""
    early_media: bool = False
    """Whether the linked leg hears this one ring (transfer's `early_media`)."""


@dataclass(frozen=True, slots=True)
class OnAnswer:
    """What starts by itself when the leg is answered."""

    record: RecordOptions | None = None
    recording_id: str | None = None
    stream: StreamOptions | None = None
    stream_id: str | None = None
    transcription: TranscriptionOptions | None = None
    digits: str | None = None
    audio: Audio | None = None


PlayoutKind = Literal["playback", "speak", "prompt", "silent prompt"]
"""A gather's spoken prompt is silent: no event tells of it (spec webhooks §7)."""


@dataclass(slots=True)
class Playout:
    """One thing to be heard: played once or looped, after those before it in its queue."""

    id: str
    kind: PlayoutKind
    content: Audio | Utterance
    loop: int = 1
    overlay: bool = False
    targets: tuple[str, ...] = ()
    started: bool = False
    asked_to_stop: bool = False


@dataclass(slots=True)
class Gathering:
    """A gather under way."""

    id: str
    rules: GatherRules
    tries_left: int
    prompt: Audio | Utterance | None = None
    invalid_prompt: Audio | Utterance | None = None
    digits: str = ""
    prompting: str | None = None
    """The prompt's playout while it plays."""


@dataclass(slots=True)
class Recording:
    """A recording under way."""

    id: str
    options: RecordOptions
    started: Instant
    paused: bool = False
    stopping: bool = False


@dataclass(slots=True)
class Streaming:
    """The leg's media stream."""

    id: str
    options: StreamOptions
    up: bool = False
    place_when_up: bool = False


class TranscriptionState(StrEnum):
    """Where a transcription stands; `calls.transcription` has the moves."""

    STARTING = "starting"
    RUNNING = "running"
    STOPPING = "stopping"


@dataclass(slots=True)
class Transcription:
    """A recognizer listens to the leg, is about to, or tells its last words."""

    id: str
    options: TranscriptionOptions
    state: TranscriptionState = TranscriptionState.STARTING


@dataclass(frozen=True, slots=True)
class Quality:
    """What was measured of a leg's audio, as decimal strings (spec webhooks §6.2)."""

    jitter_max_variance: str
    jitter_packet_count: str
    mos: str
    packets_in: str
    skipped_in: str
    packets_out: str
    skipped_out: str


@dataclass(frozen=True, slots=True)
class Peer:
    """The other leg of the bridge, and this leg's wishes about it."""

    call: str
    options: JoinOptions


@dataclass(frozen=True, slots=True)
class End:
    """Why a leg ended (spec webhooks §6.2)."""

    cause: HangupCause
    source: Literal["caller", "callee", "unknown"]
    sip: str
    headers: tuple[Header, ...] = ()


@dataclass(slots=True)
class Leg:
    """One leg of a call; changed only by the functions of the leg core."""

    facts: Facts
    state: State
    client_state: str | None = None
    webhooks: WebhookOptions = WebhookOptions()
    on_answer: OnAnswer = OnAnswer()
    answered: Instant | None = None
    ended: Instant | None = None
    codec: str = ""
    sampling_rate: int = 0
    early: bool = False
    """Whether audio flows before the answer."""
    accepted: bool = False
    """Whether an incoming leg is being answered: our 200 is on its way, or waits for its ACK."""
    commanded: bool = False
    playouts: list[Playout] = field(default_factory=list)
    overlays: list[Playout] = field(default_factory=list)
    gathering: Gathering | None = None
    recordings: dict[str, Recording] = field(default_factory=dict)
    first_recording: str | None = None
    streaming: Streaming | None = None
    transcriptions: dict[str, Transcription] = field(default_factory=dict)
    peer: Peer | None = None
    join_pending: JoinAsked | None = None
    """A bridge that this leg will agree to when it is answered."""
    join_wanted: JoinWanted | None = None
    """A bridge that this leg will ask for when it is answered."""
    greeting: str | None = None
    """The playout that the far end hears before it is bridged."""
    dialled: list[str] = field(default_factory=list)
    """Legs that this one's transfers dial, not yet answered."""
    end: End | None = None
    media_closed: bool = False
    quality: Quality | None = None
    """Known when the media is closed, if there was any."""

    @property
    def id(self) -> str:
        """The call control id."""
        return self.facts.call_control_id

    @property
    def alive(self) -> bool:
        """Whether the leg can still receive commands."""
        return self.state not in (State.ENDING, State.ENDED)

    @property
    def transcribed(self) -> bool:
        """Whether somebody listens, or is about to."""
        return any(one.state is not TranscriptionState.STOPPING for one in self.transcriptions.values())

    def require_alive(self) -> None:
        """Raise 90018 when the leg has ended."""
        if not self.alive:
            raise errors.ended()

    def require_listener(self) -> None:
        """Raise 10015 when no more can hear the leg."""
        if len(self.recordings) + (self.streaming is not None) + len(self.transcriptions) >= LISTENERS:
            raise errors.too_many_listeners(LISTENERS)

    def require_answered(self, command: str) -> None:
        """Raise 90018 when the leg has ended, 90034 when it is not answered."""
        self.require_alive()
        if self.state is not State.ANSWERED:
            raise errors.not_answered(command)
