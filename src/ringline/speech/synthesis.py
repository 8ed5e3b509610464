"""Speech synthesis as values and two protocols: what is asked for, what comes back, who does it."""

from collections.abc import AsyncGenerator
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from ringline.core.errors import RinglineError
from ringline.speech.voices import LocalVoice
from ringline.workers import Priority

MAX_CHARACTERS = 5000  # the larger of the two limits that spec voice-api §1.3 and §5.1 give
RATES = (8000, 96000)
SPEEDS = (0.25, 4.0)  # spec ai-api §11.5, the widest of the ranges
BASIC_LANGUAGE = "en-US"
SAMPLE_BYTES = 2


class SpeechUnavailable(RinglineError):
    """Nothing here can speak this; `advice` says what to do about it."""

    def __init__(self, reason: str, advice: str) -> None:
        super().__init__(f"{reason}. {advice}")
        self.reason = reason
        self.advice = advice


class BadSpeechRequest(RinglineError):
    """A request that breaks a rule; `field` names the member of `SpeechRequest`."""

    def __init__(self, field: str, detail: str) -> None:
        super().__init__(f"{field}: {detail}")
        self.field = field
        self.detail = detail


class ServiceLevel(StrEnum):
    """`basic` speaks en-US from plain text only (spec voice-api §5.1)."""

    BASIC = "basic"
    PREMIUM = "premium"


@dataclass(frozen=True, slots=True)
class SpeechRequest:
    """Exactly one of `text` and `ssml`, in a voice of the API; raises `BadSpeechRequest`.

    `rate` is that of the samples wanted (8000 to 96000 Hz), `speed` multiplies the natural one (0.25 to 4).
    `cached=False` neither reads nor fills the cache.
    """

    text: str | None = None
    ssml: str | None = None
    voice: str = "female"
    language: str = "en-US"
    rate: int = 8000
    speed: float = 1.0
    service_level: ServiceLevel = ServiceLevel.PREMIUM
    priority: Priority = Priority.LIVE
    cached: bool = True

    def __post_init__(self) -> None:
        if (self.text is None) == (self.ssml is None):
            raise BadSpeechRequest("text", "give either text or ssml")
        source, field = (self.ssml, "ssml") if self.ssml is not None else (self.text or "", "text")
        if not source.strip():
            raise BadSpeechRequest(field, "there is nothing to say")
        if len(source) > MAX_CHARACTERS:
            raise BadSpeechRequest(field, f"{len(source)} characters exceed {MAX_CHARACTERS}")
        if not RATES[0] <= self.rate <= RATES[1]:
            raise BadSpeechRequest("rate", f"{self.rate} Hz is outside {RATES[0]} to {RATES[1]}")
        if not SPEEDS[0] <= self.speed <= SPEEDS[1]:
            raise BadSpeechRequest("speed", f"{self.speed} is outside {SPEEDS[0]} to {SPEEDS[1]}")
        if self.service_level is ServiceLevel.BASIC:
            if self.ssml is not None:
                raise BadSpeechRequest("ssml", "the basic service level takes plain text only")
            if self.language != BASIC_LANGUAGE:
                raise BadSpeechRequest("language", f"the basic service level speaks {BASIC_LANGUAGE} only")


@dataclass(frozen=True, slots=True)
class PcmChunk:
    """One clause or pause: `pcm` is mono, signed 16 bit, little endian, `rate` samples a second.

    `text` is what the clause says, as given, and `voice` the id of the local voice that said it; both are
    empty for a pause.
    """

    pcm: bytes
    rate: int
    text: str
    voice: str

    @property
    def seconds(self) -> float:
        """How long it lasts."""
        return len(self.pcm) / SAMPLE_BYTES / self.rate


class Synthesizer(Protocol):
    """Turns requests into sound."""

    def synthesize(self, request: SpeechRequest) -> AsyncGenerator[PcmChunk, None]:
        """Speak, clause by clause; close the generator (`aclosing`) or cancel to stop.

        Raises `UnknownVoice`, `SsmlError`, `SpeechUnavailable`, or `Busy` before the first chunk.
        """
        ...


@dataclass(frozen=True, slots=True)
class Utterance:
    """What an engine is asked to say at once: one clause, ready to be read out."""

    text: str
    voice: LocalVoice
    rate: int
    speed: float


class Speaker(Protocol):
    """An engine that says one clause at a time."""

    @property
    def voices(self) -> tuple[LocalVoice, ...]:
        """The voices it has, best first."""
        ...

    async def start(self) -> None:
        """Load now rather than at the first clause; raises `SpeechUnavailable`."""
        ...

    async def stop(self) -> None:
        """End it for good."""
        ...

    def ready(self) -> bool:
        """Whether a clause could be said now or after a lazy start."""
        ...

    async def say(self, utterance: Utterance, priority: Priority) -> bytes:
        """PCM as in `PcmChunk`, at the utterance's rate; raises `Busy` or `SpeechUnavailable`."""
        ...
