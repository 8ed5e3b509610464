"""The front of speech synthesis: picks voice and engine, keeps clauses ahead of the listener, caches."""

import asyncio
import logging
from collections import deque
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass
from itertools import islice

from ringline.speech.cache import ClauseCache
from ringline.speech.plan import Said, Silence, plan
from ringline.speech.synthesis import (
    SAMPLE_BYTES,
    PcmChunk,
    Speaker,
    SpeechRequest,
    SpeechUnavailable,
    Utterance,
)
from ringline.speech.voices import LocalVoice, choose, parse, spoken_language
from ringline.workers import Busy

log = logging.getLogger(__name__)

Cast = list[tuple[Speaker, LocalVoice]]

INSTALL = "Install the extra `ringline[speech]`, or set a remote speech engine"


@dataclass(frozen=True, slots=True)
class SpeechSettings:
    """`utterances` may be spoken at once; of each, `ahead` clauses are made before they are asked for."""

    utterances: int = 64
    ahead: int = 2


class SpeechService:
    """A `Synthesizer` over the engines that are there, the first that can speak a language preferred."""

    def __init__(
        self,
        speakers: Sequence[Speaker],
        settings: SpeechSettings | None = None,
        cache: ClauseCache | None = None,
    ) -> None:
        self._speakers = tuple(speakers)
        self._settings = settings or SpeechSettings()
        self._cache = cache or ClauseCache()
        self._speaking = 0

    async def start(self) -> None:
        """Open the cache. Engines start with their first clause; `warm` starts the best one now."""
        await self._cache.open()

    async def warm(self) -> None:
        """Load the best engine; raises `SpeechUnavailable` when there is none or it cannot be loaded."""
        if not self._speakers:
            raise SpeechUnavailable("No speech engine is installed", INSTALL)
        await self._speakers[0].start()

    async def stop(self) -> None:
        """End every engine."""
        await asyncio.gather(*(speaker.stop() for speaker in self._speakers))

    def ready(self) -> bool:
        """Whether some engine can speak."""
        return any(speaker.ready() for speaker in self._speakers)

    def voices(self) -> tuple[LocalVoice, ...]:
        """Every voice that is here, engines in order of preference."""
        return tuple(voice for speaker in self._speakers for voice in speaker.voices)

    def voice_for(self, request: SpeechRequest) -> LocalVoice:
        """The voice that speaks a request; raises `UnknownVoice` or `SpeechUnavailable`."""
        return self._cast(request)[0][1]

    def _cast(self, request: SpeechRequest) -> Cast:
        """Who can speak a request, best first: one voice of each engine that is ready."""
        name = parse(request.voice)
        able = [
            (speaker, voice)
            for speaker in self._speakers
            if speaker.ready() and (voice := choose(name, request.language, speaker.voices))
        ]
        if not able:
            language = spoken_language(name, request.language)
            raise SpeechUnavailable(f"No engine here speaks {language}", INSTALL)
        return sorted(able, key=lambda cast: -cast[1].quality)

    async def synthesize(self, request: SpeechRequest) -> AsyncGenerator[PcmChunk, None]:
        """Speak a request clause by clause; see `Synthesizer`."""
        cast = self._cast(request)
        parts = plan(request, spoken_language(parse(request.voice), request.language))
        if self._speaking >= self._settings.utterances:
            raise Busy(f"{self._speaking} utterances are being spoken", 1)
        self._speaking += 1
        rest = iter(parts)
        # The first part has the engine to itself, for the listener waits for it; the others are made ahead.
        coming = deque(self._begin(part, request, cast) for part in islice(rest, 1))
        try:
            while coming:
                chunk = await coming[0]
                coming.popleft()
                missing = self._settings.ahead - len(coming)
                coming.extend(self._begin(part, request, cast) for part in islice(rest, missing))
                yield chunk
        finally:
            self._speaking -= 1
            for task in coming:
                task.cancel()
            await asyncio.gather(*coming, return_exceptions=True)

    def _begin(self, part: Said | Silence, request: SpeechRequest, cast: Cast) -> asyncio.Task[PcmChunk]:
        return asyncio.create_task(self._sound(part, request, cast))

    async def _sound(self, part: Said | Silence, request: SpeechRequest, cast: Cast) -> PcmChunk:
        if isinstance(part, Silence):
            return PcmChunk(quiet(part.ms, request.rate), request.rate, "", "")
        failures: list[SpeechUnavailable | Busy] = []
        for speaker, voice in cast:
            utterance = Utterance(part.spoken, voice, request.rate, part.speed)
            try:
                pcm = await self._said(speaker, utterance, request)
            # In the middle of an utterance another voice is better than none, for a busy engine too.
            except (SpeechUnavailable, Busy) as error:
                log.warning("%s cannot speak, trying the next engine: %s", voice.id, error)
                failures.append(error)
            else:
                pause = quiet(part.pause_ms, request.rate)
                return PcmChunk(pcm + pause, request.rate, part.given, voice.id)
        raise failures[0]

    async def _said(self, speaker: Speaker, utterance: Utterance, request: SpeechRequest) -> bytes:
        if not request.cached:
            return await speaker.say(utterance, request.priority)
        if (pcm := await self._cache.get(utterance)) is None:
            pcm = await speaker.say(utterance, request.priority)
            await self._cache.put(utterance, pcm)
        return pcm


def quiet(ms: int, rate: int) -> bytes:
    """Silent PCM of a length."""
    return bytes(ms * rate // 1000 * SAMPLE_BYTES)
