"""The doors through which calls reach signalling, media, streams and the store.

Nothing here waits: what a port does shows later as an input to the leg (`Runner.post`). The rooms behind the
doors are wired in `ringline.node`.
"""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Protocol

from ringline.calls.effects import Play
from ringline.calls.options import (
    Audio,
    DialTarget,
    Header,
    RecordOptions,
    StreamOptions,
    TranscriptionOptions,
    Utterance,
)
from ringline.calls.state import Instant, Leg
from ringline.timeline.entries import AnyBody
from ringline.webhooks.payload import Payload


class Lines(Protocol):
    """Signalling, with the media it negotiates."""

    def ring(self, leg: Leg) -> None:
        """Send 180."""

    def open_early(self, leg: Leg) -> None:
        """Send 183 with an answer, so that the caller hears us."""

    def accept(
        self, leg: Leg, codecs: tuple[str, ...], headers: tuple[Header, ...], *, silence: bool
    ) -> None:
        """Send 200; `Answered`, or `HungUp` where no codec is common, comes back."""

    def refuse(self, leg: Leg, status: int) -> None:
        """Send a final refusal."""

    def place(self, leg: Leg, target: DialTarget) -> None:
        """Send the INVITE; `Ringing`, `Answered` or `Failed` come back."""

    def cancel(self, leg: Leg, reason: str | None) -> None:
        """Take the INVITE back."""

    def hang_up(self, leg: Leg, headers: tuple[Header, ...]) -> None:
        """Send BYE."""

    def close_media(self, leg: Leg) -> None:
        """Free the RTP ports; `MediaClosed` comes back."""


class Players(Protocol):
    """What the far end hears."""

    def prepare(self, leg: Leg, playout: str, content: Audio | Utterance) -> None:
        """Begin to fetch or synthesise."""

    def play(self, leg: Leg, play: Play) -> None:
        """Play when ready; `PlayoutStarted` and `PlayoutEnded` come back."""

    def stop(self, leg: Leg, playout: str) -> None:
        """Stop; `PlayoutEnded` comes back if it had been asked to play."""

    def ringback(self, leg: Leg, country: str | None) -> None:
        """Ringing tone on, or off."""

    def send_digits(self, leg: Leg, digits: str, duration_ms: int) -> None:
        """DTMF in the way the application says."""

    def join(self, leg: Leg, other: str) -> None:
        """Mix two legs."""

    def part(self, leg: Leg) -> None:
        """Leave the mix."""


class Recorders(Protocol):
    """Recordings."""

    def start(self, leg: Leg, recording: str, options: RecordOptions) -> None:
        """Record; `RecordingFinished` or `RecordingFailed` comes back at the end."""

    def pause(self, leg: Leg, recording: str, *, paused: bool) -> None:
        """Leave out what follows, or go on."""

    def stop(self, leg: Leg, recording: str) -> None:
        """Finish the file."""


class Streams(Protocol):
    """Media streams to the app's WebSockets."""

    def open(self, leg: Leg, stream: str, options: StreamOptions, client_state: str | None) -> None:
        """Connect; `StreamUp` or `StreamFailed` comes back."""

    def begin(self, leg: Leg, stream: str, client_state: str | None) -> None:
        """Let audio flow."""

    def close(self, leg: Leg, stream: str) -> None:
        """Say stop and close; `StreamDown` comes back if it was up."""

    def tell_digit(self, stream: str, digit: str, at: datetime) -> None:
        """Send a dtmf frame."""


class Transcribers(Protocol):
    """Recognizers that listen to legs."""

    def require(self, options: TranscriptionOptions) -> None:
        """Raise `ApiError` 10038 when nobody can listen so, 10037 when everybody does already."""

    def start(self, leg: Leg, transcription: str, options: TranscriptionOptions) -> None:
        """Listen; `TranscriptionUp` or `TranscriptionFailed` comes back, then `TranscriptHeard`."""

    def stop(self, leg: Leg, transcription: str) -> None:
        """Listen no more; what was being said comes back, then `TranscriptionEnded`."""


class Ledger(Protocol):
    """Where the truth is written."""

    async def commit(
        self, leg: Leg, at: Instant, entries: Sequence[AnyBody], events: Sequence[Payload]
    ) -> None:
        """Append to the timeline, queue the events, keep the leg's row: one transaction or none."""

    def forget(self, leg: Leg) -> None:
        """Nothing more will be written of this leg."""


class Timer(Protocol):
    """Something that will happen."""

    def cancel(self) -> None:
        """Forget it."""


class Timers(Protocol):
    """The node's way to be woken."""

    def after(self, delay_ms: int, call: Callable[[], None]) -> Timer:
        """Call once after so many milliseconds."""
