"""Records legs: frames from the media plane into files, in one thread beside the loop."""

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import msgspec

from ringline.calls.inputs import Input, RecordingFailed, RecordingFinished
from ringline.calls.options import RecordOptions
from ringline.calls.state import Leg
from ringline.core import log
from ringline.core.clock import Clock
from ringline.core.errors import RinglineError
from ringline.media.plane import MediaPlane
from ringline.media.recorder import EndRule, RecordingFile, RecordingInfo, repair, silent
from ringline.media.tapping import RecordFrame, RecordTap
from ringline.node.recordings import Provenance, Shelf
from ringline.store.recordings import Recording
from ringline.timeline.entries import AnyBody

ROUND_S = 0.2
"""How often frames are taken from the plane, which keeps five seconds of them."""

Post = Callable[[str, Input | AnyBody], None]
Frames = Sequence[RecordFrame]


@dataclass(slots=True)
class _Running:
    """A recording under way."""

    call: str
    origin: Provenance
    options: RecordOptions
    file: RecordingFile
    tap: RecordTap
    rule: EndRule
    paused: bool = False
    stopping: bool = False


class MediaRecorders:
    """The recorders of all legs of this node."""

    def __init__(self, *, plane: MediaPlane, shelf: Shelf, spool: Path, clock: Clock, post: Post) -> None:
        self._plane = plane
        self._shelf = shelf
        self._spool = spool
        self._clock = clock
        self._post = post
        self._running: dict[str, _Running] = {}
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="recorder")
        self._task: asyncio.Task[None] | None = None
        self._finishing: set[asyncio.Task[None]] = set()
        self._log = log.get("recorders")

    async def recover(self) -> list[Recording]:
        """Save what an earlier life of this node left on disk; returns what was saved."""
        saved: list[Recording] = []
        for note in sorted(self._spool.glob("*.json")):
            try:
                origin = msgspec.json.decode(note.read_bytes(), type=Provenance)
                info = await asyncio.to_thread(repair, note.with_suffix(f".{origin.format}"))
                saved.append(await self._shelf.keep(origin, info))
            except (RinglineError, OSError, msgspec.ValidationError) as error:
                self._log.error("a recording could not be recovered", file=note.name, error=str(error))
                continue
            await asyncio.to_thread(_discard, note)
        return saved

    def start(self, leg: Leg, recording: str, options: RecordOptions) -> None:
        """Begin to record."""
        try:
            self._running[recording] = self._open(leg, recording, options)
        except (RinglineError, OSError) as error:
            self._log.error("cannot record", recording=recording, error=str(error))
            self._post(leg.id, RecordingFailed(recording))
            return
        if options.play_beep:
            self._plane.tone(leg.id, "beep")
        if self._task is None:
            self._task = asyncio.create_task(self._rounds(), name="recorders")

    def pause(self, leg: Leg, recording: str, *, paused: bool) -> None:
        """Leave out what follows, or go on; what was heard so far is taken first."""
        running = self._running.get(recording)
        if running:
            self._take(running)
            running.paused = paused

    def stop(self, leg: Leg, recording: str) -> None:
        """Finish the file."""
        running = self._running.get(recording)
        if running and not running.stopping:
            self._finish(running)

    async def settle(self) -> None:
        """Finish every file; for the end of the node."""
        for running in list(self._running.values()):
            if not running.stopping:
                self._finish(running)
        while self._finishing:
            await asyncio.gather(*self._finishing, return_exceptions=True)
        if self._task:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        self._thread.shutdown()

    def _open(self, leg: Leg, recording: str, options: RecordOptions) -> _Running:
        """Tap and file; raises `RinglineError` or `OSError` and leaves nothing behind."""
        origin = _origin(leg, recording, options, self._clock)
        rate = leg.sampling_rate or 8000
        path = self._spool / f"{recording}.{options.format}"
        note = path.with_suffix(".json")
        tap = self._plane.record(leg.id, recording, rate=rate)
        try:
            note.write_bytes(msgspec.json.encode(origin))
            file = RecordingFile(
                path,
                format=options.format,
                channels=2 if options.channels == "dual" and options.track == "both" else 1,
                rate=rate,
                trim=options.trim_silence,
            )
        except (RinglineError, OSError):
            tap.close()
            _discard(note)
            raise
        rule = EndRule(max_length_ms=options.max_length_s * 1000, silence_ms=options.timeout_s * 1000)
        return _Running(leg.id, origin, options, file, tap, rule)

    async def _rounds(self) -> None:
        while self._running:
            await asyncio.sleep(ROUND_S)
            for running in list(self._running.values()):
                if not running.stopping:
                    self._take(running)
        self._task = None

    def _take(self, running: _Running) -> None:
        frames = running.tap.drain()
        if frames and not running.paused:
            writing = self._thread.submit(_write, running, frames)
            loop = asyncio.get_running_loop()
            writing.add_done_callback(
                lambda done: loop.call_soon_threadsafe(self._written, running, done.result())
            )

    def _written(self, running: _Running, over: bool) -> None:
        if over and not running.stopping:
            self._finish(running)

    def _finish(self, running: _Running) -> None:
        self._take(running)
        running.stopping = True
        running.tap.close()
        task = asyncio.create_task(self._save(running), name=f"recording {running.origin.id}")
        self._finishing.add(task)
        task.add_done_callback(self._finishing.discard)

    async def _save(self, running: _Running) -> None:
        loop = asyncio.get_running_loop()
        try:
            info: RecordingInfo = await loop.run_in_executor(self._thread, running.file.close)
            saved = await self._shelf.keep(running.origin, info)
        except RinglineError as error:
            # The file stays in the spool: the next start of the node tries again.
            self._log.error("a recording could not be saved", recording=running.origin.id, error=str(error))
            self._post(running.call, RecordingFailed(running.origin.id))
            return
        finally:
            self._running.pop(running.origin.id, None)
        await asyncio.to_thread(_discard, self._spool / f"{running.origin.id}.json")
        started = saved.recording_started_at or running.origin.started_at
        ended = saved.recording_ended_at or started
        self._post(
            running.call,
            RecordingFinished(
                saved.id,
                started,
                ended,
                saved.duration_millis,
                ((saved.format, self._shelf.link(saved)),),
            ),
        )


def _write(running: _Running, frames: Frames) -> bool:
    """Append frames; True when the recording is over by its own rules, or the disk failed."""
    track = running.options.track
    for frame in frames:
        left = frame.outbound if track == "outbound" else frame.inbound
        right = frame.outbound if track == "both" else None
        try:
            running.file.write(left, right)
        except RinglineError:
            return True
        if running.rule.heard(silent=silent(left, right)):
            return True
    return False


def _origin(leg: Leg, recording: str, options: RecordOptions, clock: Clock) -> Provenance:
    single = options.channels == "single" or options.track != "both"
    return Provenance(
        id=recording,
        account_id=leg.facts.application.account_id,
        call_control_id=leg.id,
        call_leg_id=leg.facts.leg_id,
        call_session_id=leg.facts.session_id,
        connection_id=leg.facts.application.connection_id,
        from_=leg.facts.from_,
        to=leg.facts.to,
        channels="single" if single else "dual",
        format=options.format,
        file_name=options.file_name or leg.facts.leg_id,
        started_at=clock.utc(),
    )


def _discard(note: Path) -> None:
    for path in (note, note.with_suffix(".wav"), note.with_suffix(".mp3")):
        path.unlink(missing_ok=True)
