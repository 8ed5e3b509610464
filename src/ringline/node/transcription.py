"""Lets recognizers listen to legs: audio from a tap in, words out, one recognition for each track."""

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Protocol

from ringline.calls import errors
from ringline.calls.inputs import (
    Input,
    TranscriptHeard,
    TranscriptionEnded,
    TranscriptionFailed,
    TranscriptionUp,
)
from ringline.calls.options import Track, TranscriptionOptions
from ringline.calls.state import Leg
from ringline.core import log
from ringline.core.clock import MILLISECOND, Clock
from ringline.media.plane import MediaBusy, MediaPlane, NoSuchLeg
from ringline.media.tapping import Tap, TapFrame
from ringline.node.transcripts import Ear, listening_of, told
from ringline.speech.recognition import (
    RATE,
    Listening,
    Recognition,
    RecognitionUnavailable,
    Transcript,
)
from ringline.speech.recognition_service import CONFIGURE, FEWER, RecognitionService
from ringline.timeline.entries import AnyBody

MOST_WAITING = 1000
"""Frames that wait for a recognizer to load: 20 s of one track, 10 s of both; older ones are forgotten."""
SETTLE_S = 5.0
"""How long the end of the node waits for words that were being said."""

Post = Callable[[str, Input | AnyBody], None]


class NoteRecognition(Protocol):
    """Notes what was listened to (`node.reports.Meter.recognition`)."""

    def __call__(
        self, account_id: str, model: str, seconds: float, *, engine: str, source: str | None = None
    ) -> None:
        """So many seconds of one track."""
        ...


@dataclass(slots=True)
class _Running:
    """A transcription from its start to its last words."""

    id: str
    call: str
    account_id: str
    options: TranscriptionOptions
    tap: Tap
    opened_ns: int
    ears: list[Ear] = field(default_factory=list)
    ready: bool = False
    """Whether every track has its ear."""
    waiting: deque[TapFrame] = field(default_factory=lambda: deque(maxlen=MOST_WAITING))
    """What was said before anybody listened."""
    over: asyncio.Event = field(default_factory=asyncio.Event)
    failure: str = ""


class LiveTranscribers:
    """The transcriptions of all legs of this node."""

    def __init__(
        self,
        *,
        plane: MediaPlane,
        recognizer: RecognitionService,
        note: NoteRecognition,
        clock: Clock,
        post: Post,
    ) -> None:
        self._plane = plane
        self._recognizer = recognizer
        self._note = note
        self._clock = clock
        self._post = post
        self._running: dict[str, _Running] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._log = log.get("transcription")

    def require(self, options: TranscriptionOptions) -> None:
        """Raise `ApiError` 10038 when nobody can listen so, 10037 when everybody does already."""
        if not self._recognizer.ready():
            raise errors.cannot_transcribe(f"No speech recognition is available here. {CONFIGURE}.")
        status = self._recognizer.status()
        if status.listening + len(options.tracks) > status.tracks:
            raise errors.recognizer_busy(f"{status.listening} tracks are listened to already. {FEWER}.")

    def start(self, leg: Leg, transcription: str, options: TranscriptionOptions) -> None:
        """Begin to listen; what is said while the recognizer loads waits for it."""
        try:
            # With the outbound track goes the inbound one: it never pauses, and so keeps the time.
            tap = self._plane.open_tap(
                leg.id,
                transcription,
                inbound=True,
                outbound="outbound" in options.tracks,
                codec="L16",
                rate=RATE,
                little_endian=True,
            )
        except (NoSuchLeg, MediaBusy) as error:
            self._post(leg.id, TranscriptionFailed(transcription, str(error)))
            return
        running = _Running(
            transcription,
            leg.id,
            leg.facts.application.account_id,
            options,
            tap,
            self._clock.now_ns(),
        )
        tap.set_wakeup(lambda: self._take(running))
        self._running[transcription] = running
        task = asyncio.create_task(self._run(running), name=f"transcription {transcription}")
        self._tasks.add(task)
        task.add_done_callback(partial(self._done, running))

    def stop(self, leg: Leg, transcription: str) -> None:
        """Listen no more; what was being said is still told."""
        running = self._running.get(transcription)
        if running and not running.over.is_set():
            self._end(running)

    async def settle(self) -> None:
        """Stop every one and wait for their last words; for the end of the node."""
        for running in list(self._running.values()):
            if not running.over.is_set():
                self._end(running)
        if self._tasks:
            _, late = await asyncio.wait(self._tasks, timeout=SETTLE_S)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)

    async def _run(self, running: _Running) -> None:
        try:
            await self._open(running)
            await running.over.wait()
        except Exception:  # the edge to engines: a call must not wait for words that will never come
            self._log.exception("a recognizer broke", call=running.call)
            self._broken(running, "internal error")
        finally:
            closing = (ear.recognition.close() for ear in running.ears)
            await asyncio.gather(*closing, return_exceptions=True)

    def _done(self, running: _Running, task: "asyncio.Task[None]") -> None:
        """Tell the leg, whatever happened: it waits for this."""
        self._tasks.discard(task)
        self._running.pop(running.id, None)
        self._account(running)
        if task.cancelled():
            running.failure = "The node stopped"
        if running.failure:
            self._log.warning("a transcription failed", call=running.call, reason=running.failure)
            self._post(running.call, TranscriptionFailed(running.id, running.failure))
        else:
            self._post(running.call, TranscriptionEnded(running.id))

    async def _open(self, running: _Running) -> None:
        listening = listening_of(running.options)
        for track in running.options.tracks:
            try:
                recognition = await self._listener(
                    listening, partial(self._words, running, track), partial(self._broken, running)
                )
            except RecognitionUnavailable as error:
                self._broken(running, error.reason)
                return
            running.ears.append(Ear(track, recognition))
        running.ready = True
        for frame in running.waiting:
            self._pass(running, frame)
        running.waiting.clear()
        self._post(running.call, TranscriptionUp(running.id))

    async def _listener(
        self, listening: Listening, on_words: Callable[[Transcript], None], on_failure: Callable[[str], None]
    ) -> Recognition:
        """One that listens. A model that is not here means the usual one (spec voice-api §5.4)."""
        try:
            return await self._recognizer.open(listening, on_words, on_failure)
        except RecognitionUnavailable:
            if listening.model is None:
                raise
            return await self._recognizer.open(replace(listening, model=None), on_words, on_failure)

    def _take(self, running: _Running) -> None:
        frames = running.tap.drain()
        if not running.ready:
            running.waiting += frames
            return
        for frame in frames:
            self._pass(running, frame)

    def _pass(self, running: _Running, frame: TapFrame) -> None:
        for ear in running.ears:
            ear.pass_by(frame)

    def _words(self, running: _Running, track: Track, words: Transcript) -> None:
        text = told(words.text, plain=running.options.plain)
        if not text:
            return
        now_ms = (self._clock.now_ns() - running.opened_ns) // MILLISECOND
        self._post(
            running.call,
            TranscriptHeard(
                running.id,
                track,
                text,
                words.is_final,
                words.confidence,
                words.ended_ms - words.started_ms,
                max(0, now_ms - words.ended_ms),
            ),
        )

    def _broken(self, running: _Running, reason: str) -> None:
        running.failure = running.failure or reason
        if not running.over.is_set():
            self._end(running)

    def _end(self, running: _Running) -> None:
        self._take(running)
        running.tap.close()
        running.over.set()

    def _account(self, running: _Running) -> None:
        for ear in running.ears:
            if ear.heard_ms:
                self._note(
                    running.account_id,
                    running.options.model or "",
                    ear.heard_ms / 1000,
                    engine=running.options.engine,
                    source=f"{running.id}:{ear.track}",
                )
