"""One track's recognition at work: windows to the detector, utterances to an engine, texts out, in order."""

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from ringline.core.clock import SECOND, Clock
from ringline.speech.agreement import StablePrefix
from ringline.speech.endpointing import (
    WINDOW_MS,
    Ended,
    Endpointer,
    InterimDue,
    Move,
    Paused,
    Rules,
    Span,
    State,
)
from ringline.speech.recognition import (
    RATE,
    SAMPLE_BYTES,
    Heard,
    Listening,
    Passage,
    RecognitionUnavailable,
    Transcript,
)
from ringline.speech.tape import Tape
from ringline.speech.vad import WINDOW_BYTES, Detector, level
from ringline.workers import Busy

log = logging.getLogger(__name__)

MOST_BEHIND_S = 60
"""Audio of one track that waits for an engine; then the oldest utterance is given up."""
FAILURES = 3
GIVE_UP_NS = 30 * SECOND
"""A track is given up when so many utterances in a row failed over so long a time: engines are restarted."""
STALLED_MS = 300
"""Beyond the silence that ends an utterance: a track that delivers nothing for so long is silent."""
INTERIM_SHARE = 3
"""Time between two looks at an open utterance, in times of what the last one took."""
CLOSE_WITHIN_S = 15.0


@dataclass(frozen=True, slots=True)
class Engines:
    """Those that one track has: `transcribe` asks them, `has_room` says whether one is free now.

    `early`: an utterance is asked for at its first silence, in vain if more is said.
    """

    transcribe: Callable[[Passage], Awaitable[Heard]]
    has_room: Callable[[], bool]
    early: bool


@dataclass(frozen=True, slots=True)
class _Utterance:
    """Audio of a span, and its place in milliseconds."""

    span: Span
    pcm: bytes
    started_ms: int
    ended_ms: int


class Hearing:
    """A `Recognition`. Two tasks: one finds utterances, the other has them written down, one at a time."""

    rate = RATE

    def __init__(
        self,
        listening: Listening,
        detector: Detector,
        engines: Engines,
        on_transcript: Callable[[Transcript], None],
        on_failure: Callable[[str], None],
        on_end: Callable[["Hearing"], None],
        clock: Clock,
    ) -> None:
        self._listening = listening
        self._detector = detector
        self._engines = engines
        self._on_transcript = on_transcript
        self._on_failure = on_failure
        self._on_end = on_end
        self._clock = clock
        # Enough silence to end any utterance; Silero's detector takes some windows to believe it.
        self._tape = Tape(listening.silence_ms + STALLED_MS)
        self._endpointer = Endpointer(Rules(silence_ms=listening.silence_ms))
        self._more = asyncio.Event()
        self._work = asyncio.Event()
        self._whole: deque[_Utterance] = deque()
        self._paused: _Utterance | None = None
        self._open: _Utterance | None = None
        self._asking: asyncio.Task[Heard] | None = None
        self._asked: Span | None = None
        self._early: tuple[Span, Heard] | None = None
        self._prefix = StablePrefix()
        self._next_interim_ns = 0
        self._stood_in_ms = 0
        self._failures = 0
        self._failing_since_ns = 0
        self.lost = 0
        """Utterances that were not written down."""
        self._closing = False
        self._over = False
        self._listener = asyncio.create_task(self._listen(), name="recognition: listen")
        self._writer = asyncio.create_task(self._write(), name="recognition: write")
        for task in (self._listener, self._writer):
            task.add_done_callback(self._look_after)

    @property
    def seconds_heard(self) -> float:
        """The audio that was given to `hear`."""
        return self._tape.seconds_heard

    def hear(self, pcm: bytes) -> None:
        """See `Recognition`; nothing happens after the end."""
        if not self._closing:
            self._stood_in_ms = 0
            self._tape.hear(pcm)
            self._wake()

    def missed(self, ms: int) -> None:
        """See `Recognition`."""
        if not self._closing:
            # Silence that stood in while nothing came is part of the hole that is told of afterwards.
            known = min(ms, self._stood_in_ms)
            self._stood_in_ms -= known
            self._tape.missed(ms - known)
            self._wake()

    async def close(self) -> None:
        """See `Recognition`; within 15 seconds, whatever the engines do."""
        self._closing = True
        self._more.set()
        try:
            _, late = await asyncio.wait((self._listener, self._writer), timeout=CLOSE_WITHIN_S)
            if late:
                self._lose("the engines are too slow")
        finally:
            self._end()

    # ------------------------------------------------------------------ from audio to utterances

    def _wake(self) -> None:
        if self._tape.waiting >= self._detector.at_once:
            self._more.set()

    async def _listen(self) -> None:
        while not self._closing:
            await self._audio()
            await self._step(self._tape.take())
        await self._step(self._tape.take_rest())
        self._act(self._endpointer.flush())
        self._work.set()

    async def _audio(self) -> None:
        """Wait for windows. A track that stalls within an utterance is silent: it ends by the wall clock."""
        patience = None
        if self._endpointer.state is State.SPEAKING:
            patience = (self._listening.silence_ms + STALLED_MS) / 1000
        self._more.clear()
        self._wake()
        try:
            async with asyncio.timeout(patience):
                await self._more.wait()
        except TimeoutError:
            self._stood_in_ms += self._listening.silence_ms + STALLED_MS
            self._tape.missed(self._listening.silence_ms + STALLED_MS)

    async def _step(self, pcm: bytes) -> None:
        levels = [level(pcm[at : at + WINDOW_BYTES]) for at in range(0, len(pcm), WINDOW_BYTES)]
        if not levels:
            return
        for probability, loudness in zip(await self._detector.listen(pcm, levels), levels, strict=True):
            self._act(self._endpointer.step(probability, loudness))
        self._tape.forget_before(self._endpointer.needed)

    def _act(self, moves: tuple[Move, ...]) -> None:
        for move in moves:
            match move:
                case Ended(span):
                    self._whole.append(self._utterance(span))
                    self._paused = self._open = None
                    self._leave_all_but(span)
                    self._bound()
                case Paused(span) if self._engines.early and not self._whole:
                    has_room = self._asking is not None or self._engines.has_room()
                    self._leave_all_but(span)
                    if has_room:
                        self._paused, self._open = self._utterance(span), None
                case InterimDue(span) if self._wants_interim():
                    self._paused, self._open = None, self._utterance(span)
                case _:
                    continue
            self._work.set()

    def _bound(self) -> None:
        while sum(len(one.pcm) for one in self._whole) > MOST_BEHIND_S * RATE * SAMPLE_BYTES:
            self._whole.popleft()
            self._lose("the engines are too slow")

    def _leave_all_but(self, span: Span) -> None:
        """What the engine is at is worth nothing any more, unless it is this."""
        if self._asking and self._asked != span:
            self._asking.cancel()

    def _wants_interim(self) -> bool:
        return (
            self._listening.interim
            and not self._asking
            and not self._whole
            and self._clock.now_ns() >= self._next_interim_ns
            and self._engines.has_room()
        )

    def _utterance(self, span: Span) -> _Utterance:
        # Counted from the end: a hole may lie in the silence that comes before the first word.
        ended_ms = self._tape.place_ms(span.end - 1) + WINDOW_MS
        return _Utterance(
            span, self._tape.cut(span), ended_ms - (span.end - span.first) * WINDOW_MS, ended_ms
        )

    # ------------------------------------------------------------------ from utterances to texts

    async def _write(self) -> None:
        while not self._over:
            if self._whole:
                await self._finish(self._whole.popleft())
            elif self._paused:
                paused, self._paused = self._paused, None
                if heard := await self._ask(paused, is_final=True):
                    self._early = (paused.span, heard)
            elif self._open:
                opened, self._open = self._open, None
                await self._look(opened)
            elif self._listener.done():
                return
            else:
                self._work.clear()
                await self._work.wait()

    async def _finish(self, utterance: _Utterance) -> None:
        self._prefix = StablePrefix()
        early, self._early = self._early, None
        try:
            if early and early[0] == utterance.span:
                heard = early[1]
            else:
                heard = await self._engines.transcribe(self._passage(utterance, is_final=True))
        except Busy as error:
            self._lose(str(error))
            return
        except RecognitionUnavailable as error:
            self._lose(str(error))
            self._count_failure(str(error))
            return
        self._failures = 0
        if text := heard.text.strip():
            self._tell(utterance, text, heard.confidence)

    async def _look(self, utterance: _Utterance) -> None:
        """Have a part of an open utterance written down, and tell what will stay."""
        began = self._clock.now_ns()
        heard = await self._ask(utterance, is_final=False)
        now = self._clock.now_ns()
        self._next_interim_ns = now + (now - began) * (INTERIM_SHARE - 1)
        if heard and not self._whole and self._prefix.hear(heard.text):
            self._tell(utterance, self._prefix.text, None, is_final=False)

    async def _ask(self, utterance: _Utterance, *, is_final: bool) -> Heard | None:
        """Ask for what may not be whole; None when it was left for something else, or could not be heard."""
        passage = self._passage(utterance, is_final=is_final)
        self._asked = utterance.span
        self._asking = asyncio.ensure_future(self._engines.transcribe(passage))
        try:
            await asyncio.wait((self._asking,))
            return None if self._asking.cancelled() else self._asking.result()
        except (RecognitionUnavailable, Busy) as error:
            log.debug("an unfinished utterance was not heard: %s", error)
            return None
        finally:
            self._asking.cancel()
            self._asking = None

    def _passage(self, utterance: _Utterance, *, is_final: bool) -> Passage:
        return Passage(
            utterance.pcm, is_final, self._listening.language, self._listening.hints, self._listening.model
        )

    def _tell(
        self, utterance: _Utterance, text: str, confidence: float | None, *, is_final: bool = True
    ) -> None:
        self._on_transcript(Transcript(text, is_final, confidence, utterance.started_ms, utterance.ended_ms))

    # ------------------------------------------------------------------ ends

    def _lose(self, why: str) -> None:
        self.lost += 1
        log.warning("an utterance was not written down: %s", why)

    def _count_failure(self, why: str) -> None:
        now = self._clock.now_ns()
        if not self._failures:
            self._failing_since_ns = now
        self._failures += 1
        if self._failures >= FAILURES and now - self._failing_since_ns >= GIVE_UP_NS:
            self._fail(why)

    def _look_after(self, task: asyncio.Task[None]) -> None:
        if task.cancelled() or (error := task.exception()) is None:
            self._work.set()
            return
        log.error("a recognition broke", exc_info=error)
        self._fail(f"{type(error).__name__}: {error}")

    def _fail(self, why: str) -> None:
        if not self._over:
            self._end()
            self._on_failure(why)

    def _end(self) -> None:
        if self._over:
            return
        self._over = self._closing = True
        self._on_end(self)
        for task in (self._listener, self._writer):
            if task is not asyncio.current_task():
                task.cancel()
