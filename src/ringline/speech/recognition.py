"""Live recognition as values and protocols: what a track is listened to for, what is heard, who does it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from ringline.core.errors import RinglineError

RATE = 16_000
"""Samples a second that everything in recognition takes."""
SAMPLE_BYTES = 2
AUTO_DETECT = "auto_detect"
"""The language of a track whose language is not known."""


def base_language(tag: str) -> str:
    """The language of a BCP 47 tag without its region: `en` of `en-US`."""
    return tag.partition("-")[0].lower()


class RecognitionUnavailable(RinglineError):
    """Nothing here can hear this; `advice` says what to do about it."""

    def __init__(self, reason: str, advice: str) -> None:
        super().__init__(f"{reason}. {advice}")
        self.reason = reason
        self.advice = advice


@dataclass(frozen=True, slots=True)
class Listening:
    """What one track's recognition is asked for.

    `language` is a BCP 47 tag or `auto_detect`. `model` names an engine or a model of the configuration, None
    is the default. `interim` asks for texts that are not finished, too. `hints` are words that are likely to
    come, for engines that take them. So many milliseconds of silence end an utterance.
    """

    language: str = "en"
    model: str | None = None
    interim: bool = False
    hints: tuple[str, ...] = ()
    silence_ms: int = 500


@dataclass(frozen=True, slots=True)
class Transcript:
    """What was said between two places of a track, in milliseconds since it began.

    An interim text is the part of an utterance that will hardly change; each begins with the one before it.
    `confidence` is 0 to 1, None where the engine gives none.
    """

    text: str
    is_final: bool
    confidence: float | None
    started_ms: int
    ended_ms: int


class Recognition(Protocol):
    """One track's recognition, running. `rate` is that of the samples `hear` takes: 16 000 a second."""

    rate: int

    def hear(self, pcm: bytes) -> None:
        """Take samples, mono, 16 bit in native order, of any length; never blocks. In the loop."""
        ...

    def missed(self, ms: int) -> None:
        """So much audio was lost on the way: silence stands in for it."""
        ...

    async def close(self) -> None:
        """Finish the utterance that is open, whose final text is told, and let go of everything."""
        ...


class Recognizer(Protocol):
    """Opens recognitions."""

    async def open(
        self,
        listening: Listening,
        on_transcript: Callable[[Transcript], None],
        on_failure: Callable[[str], None],
    ) -> Recognition:
        """Begin to listen to a track. `on_transcript` is called in the loop, in order of the track.

        `on_failure` is called once, last, with words for the log, when no engine can hear the track any more.
        Raises `RecognitionUnavailable`: nothing is configured, weights are missing, too many at once.
        """
        ...


@dataclass(frozen=True, slots=True)
class Passage:
    """What an engine is asked to write down at once: 16 bit samples of one utterance at `RATE`.

    One that is not final is still being said. `model` is one of the engine's own, None leaves it the choice.
    """

    pcm: bytes
    is_final: bool
    language: str = "en"
    hints: tuple[str, ...] = ()
    model: str | None = None


@dataclass(frozen=True, slots=True)
class Heard:
    """What an engine made of a passage; the text is empty where nobody said anything."""

    text: str
    confidence: float | None = None


class Transcriber(Protocol):
    """An engine that writes down one passage at a time. `names` are those that `Listening.model` may have."""

    @property
    def names(self) -> tuple[str, ...]:
        """The engine's name first, then its models'."""
        ...

    def understands(self, language: str) -> bool:
        """Whether it can be asked for a language, or for `auto_detect`."""
        ...

    async def start(self) -> None:
        """Load now rather than at the first passage; raises `RecognitionUnavailable`."""
        ...

    async def stop(self) -> None:
        """End it for good."""
        ...

    def ready(self) -> bool:
        """Whether a passage could be heard now or after a lazy start."""
        ...

    def has_room(self) -> bool:
        """Whether a passage would begin at once: unfinished utterances are asked for only then."""
        ...

    async def transcribe(self, passage: Passage) -> Heard:
        """Write a passage down; raises `Busy` or `RecognitionUnavailable`."""
        ...
