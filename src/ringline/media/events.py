"""What the media plane tells: one frozen value per happening, in the order in which they happened.

`at_ns` is the media thread's monotonic time: of the packet that carried the last sample, the first loud
frame, the digit's end. It is true however late Python hears of it.
"""

from dataclasses import dataclass
from typing import Literal

EndReason = Literal["completed", "stopped", "closed"]
DigitMethod = Literal["rfc4733", "inband"]


@dataclass(frozen=True, slots=True)
class LegStats:
    """Counters of one leg since it was opened; `jitter_ms` and `mos` are of what it receives.

    `lost` counts packets that never came in time to be missed no longer, `late` those that came after their
    turn, `strangers` packets from a source that is not believed, `skipped_ms` audio not sent because the
    media thread was held up, `shrunk_ms` audio left out to catch up with a delay that was no longer needed,
    `measured` packets that went into the jitter, `remote_lost` what the far end's reports say of ours;
    `round_trip_ms` needs them.
    """

    packets_received: int
    octets_received: int
    packets_sent: int
    octets_sent: int
    lost: int
    late: int
    duplicates: int
    reordered: int
    concealed_ms: int
    shrunk_ms: int
    measured: int
    jitter_ms: float
    max_jitter_ms: float
    jitter_buffer_ms: float
    mos: float
    strangers: int
    malformed: int
    skipped_ms: int
    round_trip_ms: float | None
    remote_lost: int


@dataclass(frozen=True, slots=True)
class MediaEvent:
    """Something happened on a leg."""

    leg: str
    at_ns: int


@dataclass(frozen=True, slots=True)
class PlayoutStarted(MediaEvent):
    """The first sample of a playout was sent."""

    playout: str


@dataclass(frozen=True, slots=True)
class PlayoutEnded(MediaEvent):
    """The last sample of a playout was sent, or it was stopped; `played_ms` were heard."""

    playout: str
    played_ms: int
    reason: EndReason


@dataclass(frozen=True, slots=True)
class MarkReached(MediaEvent):
    """Everything written to a stream before mark `name` was sent, or cleared."""

    stream: str
    name: str


@dataclass(frozen=True, slots=True)
class InjectCleared(MediaEvent):
    """A stream's queue was emptied: `heard_ms` of the audio since it last ran dry were sent, `dropped_ms`
    not.
    """

    stream: str
    heard_ms: int
    dropped_ms: int


@dataclass(frozen=True, slots=True)
class DtmfReceived(MediaEvent):
    """The far end pressed a key."""

    digit: str
    duration_ms: int
    method: DigitMethod


@dataclass(frozen=True, slots=True)
class DtmfSent(MediaEvent):
    """The last of `digits` has gone out."""

    digits: str


@dataclass(frozen=True, slots=True)
class TalkStarted(MediaEvent):
    """The far end began to speak (or to make noise)."""


@dataclass(frozen=True, slots=True)
class TalkStopped(MediaEvent):
    """The far end has been quiet for 400 ms."""


@dataclass(frozen=True, slots=True)
class RtpStarted(MediaEvent):
    """Packets come from `address`:`port`, which is believed from now on."""

    address: str
    port: int


@dataclass(frozen=True, slots=True)
class RtpTimeout(MediaEvent):
    """No packet has come for `silent_ms`; said once, until packets come again."""

    silent_ms: int


@dataclass(frozen=True, slots=True)
class StatsTick(MediaEvent):
    """A second of the leg has passed."""

    stats: LegStats


@dataclass(frozen=True, slots=True)
class LegClosed(MediaEvent):
    """The leg's sockets are closed; the last event of a leg."""

    stats: LegStats
