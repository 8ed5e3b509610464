"""The recognizer of a node: picks engines, bounds the tracks heard at once, counts what was heard."""

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ringline.core.clock import Clock, SystemClock
from ringline.speech.hearing import Engines, Hearing
from ringline.speech.recognition import (
    Heard,
    Listening,
    Passage,
    RecognitionUnavailable,
    Transcriber,
    Transcript,
)
from ringline.speech.vad import Detection, EnergyDetection
from ringline.workers import Busy

log = logging.getLogger(__name__)

Cast = tuple[Transcriber, ...]

CONFIGURE = (
    "Set recognition.remote_url, or install the extra `ringline[speech]` and run "
    "`ringline models pull moonshine-tiny-en moonshine-base-en silero-vad`"
)
FEWER = "Try again when one has ended, or raise recognition.tracks if the engines can hear more"


@dataclass(frozen=True, slots=True)
class RecognitionStatus:
    """The recognizer at one moment: the engines that can hear, and how many of `tracks` are listened to."""

    engines: tuple[str, ...]
    detector: str
    listening: int
    tracks: int


class RecognitionService:
    """A `Recognizer` over the engines that are there, the first that understands a language preferred."""

    def __init__(
        self,
        transcribers: Sequence[Transcriber],
        detection: Detection | None = None,
        tracks: int = 32,
        clock: Clock | None = None,
        early: bool = True,
    ) -> None:
        """So many `tracks` may be listened to at once; `early` is explained at `Engines`."""
        self._transcribers = tuple(transcribers)
        self._detection = detection or EnergyDetection()
        self._tracks = tracks
        self._early = early
        self._clock = clock or SystemClock()
        self._hearings: set[Hearing] = set()
        self._opening = 0
        self._seconds_heard = 0.0

    async def stop(self) -> None:
        """Close every recognition, then end every engine."""
        await asyncio.gather(*(hearing.close() for hearing in self._hearings))
        await asyncio.gather(*(transcriber.stop() for transcriber in self._transcribers))
        await self._detection.stop()

    def ready(self) -> bool:
        """Whether some engine can hear."""
        return any(transcriber.ready() for transcriber in self._transcribers)

    @property
    def seconds_heard(self) -> float:
        """Audio that engines were given to listen to since the start, all tracks together."""
        return self._seconds_heard + sum(hearing.seconds_heard for hearing in self._hearings)

    def status(self) -> RecognitionStatus:
        """The recognizer at this moment."""
        ready = tuple(one.names[0] for one in self._transcribers if one.ready())
        return RecognitionStatus(ready, self._detection.name, len(self._hearings), self._tracks)

    async def open(
        self,
        listening: Listening,
        on_transcript: Callable[[Transcript], None],
        on_failure: Callable[[str], None],
    ) -> Hearing:
        """See `Recognizer`. The first recognition waits until its engine is loaded."""
        cast = self._cast(listening)
        detector = self._detection.detector()
        if len(self._hearings) + self._opening >= self._tracks:
            raise RecognitionUnavailable(f"{self._tracks} tracks are listened to already", FEWER)
        self._opening += 1
        try:
            await _start_one(cast)
        finally:
            self._opening -= 1
        hearing = Hearing(
            listening,
            detector,
            _engines(cast, self._early),
            on_transcript,
            on_failure,
            self._ended,
            self._clock,
        )
        self._hearings.add(hearing)
        return hearing

    def _cast(self, listening: Listening) -> Cast:
        """Who is asked for a track, best first."""
        named: Cast = tuple(
            one for one in self._transcribers if listening.model is None or listening.model in one.names
        )
        if not named and self._transcribers:
            names = ", ".join(name for one in self._transcribers for name in one.names)
            raise RecognitionUnavailable(
                f"No recognition engine or model is called {listening.model!r}", f"There are {names}"
            )
        able: Cast = tuple(one for one in named if one.understands(listening.language))
        if not able:
            raise RecognitionUnavailable(f"No engine here understands {listening.language}", CONFIGURE)
        return able

    def _ended(self, hearing: Hearing) -> None:
        if hearing in self._hearings:
            self._hearings.remove(hearing)
            self._seconds_heard += hearing.seconds_heard


async def _start_one(cast: Cast) -> None:
    """Load the best engine that can be loaded; raises what the best one says when none can."""
    failures: list[RecognitionUnavailable] = []
    for transcriber in cast:
        try:
            await transcriber.start()
        except RecognitionUnavailable as error:
            log.warning("%s cannot hear: %s", transcriber.names[0], error)
            failures.append(error)
        else:
            return
    raise failures[0]


def _engines(cast: Cast, early: bool) -> Engines:
    def ready() -> Cast:
        return tuple(one for one in cast if one.ready())

    async def transcribe(passage: Passage) -> Heard:
        failures: list[RecognitionUnavailable | Busy] = []
        # Even one that is not ready is asked when no other is: it says why it cannot.
        for transcriber in ready() or cast[:1]:
            try:
                return await transcriber.transcribe(passage)
            except (RecognitionUnavailable, Busy) as error:
                failures.append(error)
        raise failures[0]

    def has_room() -> bool:
        return any(one.has_room() for one in ready()[:1])  # the one that would be asked

    return Engines(transcribe, has_room, early)
