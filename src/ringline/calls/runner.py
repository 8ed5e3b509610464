"""Performs what legs decide.

Each leg has a mailbox. What lies in it is decided in order, written in one transaction, and only then
performed and answered; a crash before the commit means that it did not happen. The task that empties a
mailbox lives only while there is something in it.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from ringline.calls import errors, notes
from ringline.calls import leg as core
from ringline.calls.commands import Command, CommandResult, Transfer
from ringline.calls.context import Context
from ringline.calls.effects import (
    AcceptLine,
    BeginStream,
    CancelLine,
    ClearTimer,
    CloseMedia,
    CloseStream,
    DialLeg,
    Effect,
    Emit,
    Forget,
    HangUpLine,
    JoinMedia,
    OpenEarlyMedia,
    OpenStream,
    PartMedia,
    PauseRecording,
    PlaceLine,
    Play,
    Prepare,
    RefuseLine,
    Ring,
    Ringback,
    SendDigits,
    SetTimer,
    StartRecording,
    StartTranscription,
    StopPlayout,
    StopRecording,
    StopTranscription,
    Tell,
    TellStream,
)
from ringline.calls.inputs import Arrived, Input, JoinRefused, TimerFired
from ringline.calls.options import TranscriptionOptions
from ringline.calls.ports import Ledger, Lines, Players, Recorders, Streams, Timer, Timers, Transcribers
from ringline.calls.state import Instant, JoinAsked, Leg, State
from ringline.core import log
from ringline.core.clock import SECOND, Clock
from ringline.core.errors import ApiError, RinglineError
from ringline.core.ids import Ids
from ringline.timeline.entries import AnyBody, Body, Ended, StateChanged
from ringline.webhooks.payload import Payload

COMMAND_ID_LIFE_NS = 60 * SECOND
COMMIT_RETRY_S = 0.25
COMMIT_TRIES = 40
LIVING = frozenset((State.PARKED, State.DIALLING, State.ANSWERED))
LINGER_MS = 2000
"""How long an ended leg still takes notes: the 200 to its BYE, the last webhook."""


@dataclass(slots=True)
class Ports:
    """The doors of `calls.ports`, open."""

    lines: Lines
    players: Players
    recorders: Recorders
    streams: Streams
    transcribers: Transcribers
    ledger: Ledger
    timers: Timers


@dataclass(slots=True)
class Mail:
    """Something for a leg, and who waits for what becomes of it."""

    what: Command | Input | AnyBody
    at: Instant
    reply: "asyncio.Future[CommandResult] | None" = None


@dataclass(slots=True)
class Desk:
    """A leg with its mailbox."""

    leg: Leg
    mail: deque[Mail] = field(default_factory=deque)
    task: "asyncio.Task[None] | None" = None
    timers: dict[str, Timer] = field(default_factory=dict)
    command_ids: dict[str, int] = field(default_factory=dict)
    leaving: bool = False

    @property
    def finished(self) -> bool:
        """Whether nothing more will come of the leg but notes on its timeline."""
        leg = self.leg
        return leg.state is State.ENDED and not leg.recordings and not leg.transcriptions


class Runner:
    """All legs of this node."""

    def __init__(self, *, clock: Clock, ids: Ids, ports: Ports, limit: int) -> None:
        self._clock = clock
        self._ids = ids
        self._ports = ports
        self._limit = limit
        self._desks: dict[str, Desk] = {}
        self._alive = 0
        self._draining = False
        self._log = log.get("calls")
        self._idle = asyncio.Event()
        self._idle.set()
        self.on_end: Callable[[Leg], None] = lambda _leg: None

    @property
    def alive(self) -> int:
        """Legs that have not ended."""
        return self._alive

    def legs(self) -> Iterable[Leg]:
        """Every leg that has not ended, and those whose recordings or words are still being written."""
        return [desk.leg for desk in self._desks.values()]

    def find(self, call: str) -> Leg | None:
        """A leg by its call control id."""
        desk = self._desks.get(call)
        return desk.leg if desk else None

    def reserve(self, count: int = 1) -> None:
        """Raise 10037 when `count` more legs would be over the limit, and always after `drain`."""
        if self._draining:
            raise errors.draining()
        if self.alive + count > self._limit:
            raise errors.no_capacity()

    def require_recognizer(self, options: TranscriptionOptions) -> None:
        """Raise `ApiError` when this node cannot transcribe so, or not now."""
        self._ports.transcribers.require(options)

    def begin(self, leg: Leg, dial: Command | None = None) -> "asyncio.Future[CommandResult]":
        """Take a new leg in, with the command that made it.

        It counts at once; the future is done when its beginning is written.
        """
        self._desks[leg.id] = Desk(leg)
        self._alive += 1
        self._idle.clear()
        if dial:
            self._post(leg.id, notes.of_command(dial), wanted=False)
        return self._post(leg.id, Arrived(), wanted=True)

    async def command(self, call: str, command: Command) -> CommandResult:
        """Give a leg a command; returns when it is decided and written. Raises `ApiError`."""
        return await self._post(call, command, wanted=True)

    def post(self, call: str, what: Input | AnyBody) -> None:
        """Give a leg an input, or something for its timeline; unknown legs have ended, and nobody minds."""
        self._post(call, what, wanted=False)

    def drain(self) -> None:
        """Reserve no more legs; those that stand go on."""
        self._draining = True

    async def idle(self) -> None:
        """Wait until no leg is left."""
        await self._idle.wait()

    def hang_up_all(self, why: Input) -> None:
        """Give every living leg an input that ends it."""
        for desk in list(self._desks.values()):
            if desk.leg.alive:
                self.post(desk.leg.id, why)

    def _post(
        self, call: str, what: Command | Input | AnyBody, *, wanted: bool
    ) -> "asyncio.Future[CommandResult]":
        reply: asyncio.Future[CommandResult] = asyncio.get_running_loop().create_future()
        desk = self._desks.get(call)
        if desk is None:
            reply.set_exception(errors.unknown_call())
            reply.exception()
            return reply
        desk.mail.append(Mail(what, self._now(), reply if wanted else None))
        if desk.task is None:
            desk.task = asyncio.create_task(self._empty(desk), name=f"leg {desk.leg.facts.leg_id}")
        return reply

    async def _empty(self, desk: Desk) -> None:
        try:
            while desk.mail:
                await self._work(desk)
        finally:
            desk.task = None
        if desk.finished and not desk.leaving:
            desk.leaving = True
            self._ports.timers.after(LINGER_MS, lambda: self._remove(desk))
            self._tell_idle()

    async def _work(self, desk: Desk) -> None:
        entries: list[AnyBody] = []
        effects: list[Effect] = []
        replies: list[tuple[asyncio.Future[CommandResult], CommandResult]] = []
        at = desk.mail[0].at
        while desk.mail:
            mail = desk.mail.popleft()
            try:
                result, decided, noted = self._decide(desk, mail)
            except ApiError as refusal:
                if mail.reply and not mail.reply.done():
                    mail.reply.set_exception(refusal)
                continue
            entries += noted
            effects += decided
            if mail.reply:
                replies.append((mail.reply, result))
        if entries or effects:
            events = [effect.payload for effect in effects if isinstance(effect, Emit)]
            await self._commit(desk.leg, at, entries, events)
        for reply, result in replies:
            if not reply.done():
                reply.set_result(result)
        for effect in effects:
            try:
                self._perform(desk, effect)
            except Exception:  # the edge to other rooms: one leg's mishap must not stop its mailbox
                self._log.exception(
                    "an effect failed", effect=type(effect).__name__, leg=desk.leg.facts.leg_id
                )

    def _decide(self, desk: Desk, mail: Mail) -> tuple[CommandResult, list[Effect], list[AnyBody]]:
        leg = desk.leg
        before = leg.state
        context = Context(mail.at, self._ids, self.find, self.require_recognizer)
        result = CommandResult()
        entries: list[AnyBody]
        if isinstance(mail.what, Command):
            if self._is_repeat(desk, mail.what, mail.at):
                return result, [], []
            if isinstance(mail.what, Transfer):
                self.reserve()
            result, effects = core.obey(leg, mail.what, context)
            self._remember(desk, mail.what, mail.at)
            entries = [notes.of_command(mail.what)]
        elif isinstance(mail.what, Body):
            return result, [], [mail.what]
        else:
            entries = list(notes.of_input(leg, mail.what))
            effects = core.take(leg, mail.what, context)
        if leg.state is not before:
            entries.append(StateChanged(leg.state.value))
            self._alive -= before in LIVING and not leg.alive
            if leg.state is State.ENDING and leg.end:
                entries.append(Ended(leg.end.cause, leg.end.source, leg.end.sip))
        for effect in effects:
            entries += notes.of_effect(leg, effect)
        return result, effects, entries

    def _is_repeat(self, desk: Desk, command: Command, at: Instant) -> bool:
        """Whether a command with this id was obeyed within the last minute (spec voice-api §1.2)."""
        seen = desk.command_ids.get(command.command_id) if command.command_id else None
        return seen is not None and at.ns - seen < COMMAND_ID_LIFE_NS

    def _remember(self, desk: Desk, command: Command, at: Instant) -> None:
        """Keep the id of a command that was obeyed; one that was refused may be sent again."""
        if command.command_id is None:
            return
        ids = desk.command_ids
        while ids and at.ns - ids[oldest := next(iter(ids))] >= COMMAND_ID_LIFE_NS:
            del ids[oldest]
        ids.pop(command.command_id, None)
        ids[command.command_id] = at.ns

    async def _commit(self, leg: Leg, at: Instant, entries: list[AnyBody], events: list[Payload]) -> None:
        for _ in range(COMMIT_TRIES):
            try:
                await self._ports.ledger.commit(leg, at, entries, events)
                return
            except RinglineError as error:
                self._log.warning("commit failed, trying again", leg=leg.facts.leg_id, error=str(error))
                await asyncio.sleep(COMMIT_RETRY_S)
            except Exception:  # the edge to the store: a leg must not stop because its record does
                self._log.exception("a commit failed for good", leg=leg.facts.leg_id)
                return
        self._log.error("giving up a commit: the call goes on, its record has a hole", leg=leg.facts.leg_id)

    def _perform(self, desk: Desk, effect: Effect) -> None:
        leg, ports = desk.leg, self._ports
        match effect:
            case Emit():
                pass
            case Ring():
                ports.lines.ring(leg)
            case OpenEarlyMedia():
                ports.lines.open_early(leg)
            case AcceptLine(codecs, headers, silence):
                ports.lines.accept(leg, codecs, headers, silence=silence)
            case RefuseLine(status):
                ports.lines.refuse(leg, status)
            case PlaceLine(target):
                ports.lines.place(leg, target)
            case CancelLine(reason):
                ports.lines.cancel(leg, reason)
            case HangUpLine(headers):
                ports.lines.hang_up(leg, headers)
            case CloseMedia():
                ports.lines.close_media(leg)
            case Prepare(playout, content):
                ports.players.prepare(leg, playout, content)
            case Play():
                ports.players.play(leg, effect)
            case StopPlayout(playout):
                ports.players.stop(leg, playout)
            case Ringback(country):
                ports.players.ringback(leg, country)
            case SendDigits(digits, duration_ms):
                ports.players.send_digits(leg, digits, duration_ms)
            case JoinMedia(other):
                ports.players.join(leg, other)
            case PartMedia():
                ports.players.part(leg)
            case StartRecording(recording, options):
                ports.recorders.start(leg, recording, options)
            case PauseRecording(recording, paused):
                ports.recorders.pause(leg, recording, paused=paused)
            case StopRecording(recording):
                ports.recorders.stop(leg, recording)
            case OpenStream(stream, stream_options, client_state):
                ports.streams.open(leg, stream, stream_options, client_state)
            case BeginStream(stream, client_state):
                ports.streams.begin(leg, stream, client_state)
            case CloseStream(stream):
                ports.streams.close(leg, stream)
            case TellStream(stream, digit, at):
                ports.streams.tell_digit(stream, digit, at)
            case StartTranscription(transcription, transcription_options):
                ports.transcribers.start(leg, transcription, transcription_options)
            case StopTranscription(transcription):
                ports.transcribers.stop(leg, transcription)
            case DialLeg():
                self._dial(effect)
            case Tell(call, told):
                self._tell(leg, call, told)
            case SetTimer(name, after_ms):
                self._set_timer(desk, name, after_ms)
            case ClearTimer(name):
                self._clear_timer(desk, name)
            case Forget():
                for timer in desk.timers.values():
                    timer.cancel()
                desk.timers.clear()
                self.on_end(leg)

    def _dial(self, effect: DialLeg) -> None:
        leg = Leg(
            effect.facts,
            State.DIALLING,
            client_state=effect.client_state,
            webhooks=effect.webhooks,
            on_answer=effect.on_answer,
        )
        self.begin(leg)

    def _tell(self, leg: Leg, call: str, told: Input) -> None:
        if call in self._desks:
            self.post(call, told)
        elif isinstance(told, JoinAsked):
            self.post(leg.id, JoinRefused(call, taken=False))

    def _set_timer(self, desk: Desk, name: str, after_ms: int) -> None:
        self._clear_timer(desk, name)
        call = desk.leg.id
        desk.timers[name] = self._ports.timers.after(after_ms, lambda: self.post(call, TimerFired(name)))

    def _clear_timer(self, desk: Desk, name: str) -> None:
        timer = desk.timers.pop(name, None)
        if timer:
            timer.cancel()

    def _remove(self, desk: Desk) -> None:
        self._desks.pop(desk.leg.id, None)
        self._ports.ledger.forget(desk.leg)
        self._tell_idle()

    def _tell_idle(self) -> None:
        if all(desk.finished for desk in self._desks.values()):
            self._idle.set()

    def _now(self) -> Instant:
        return Instant(self._clock.now_ns(), self._clock.utc())
