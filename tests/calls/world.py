"""Legs without a runner: effects are collected, `Tell`, `DialLeg` and timers are carried out at once."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from ringline.calls import errors
from ringline.calls import leg as core
from ringline.calls.commands import Command, CommandResult
from ringline.calls.context import Context
from ringline.calls.effects import ClearTimer, CloseMedia, DialLeg, Effect, Emit, Forget, SetTimer, Tell
from ringline.calls.inputs import (
    Answered,
    Arrived,
    Input,
    JoinRefused,
    MediaClosed,
    TimerFired,
)
from ringline.calls.options import DialTarget, TranscriptionOptions, WebhookOptions
from ringline.calls.state import Application, Facts, Instant, JoinAsked, Leg, OnAnswer, RingGroup, State
from ringline.core.ids import Ids
from ringline.webhooks.payload import Payload
from ringline.webhooks.payloads import encode

APPLICATION = Application("1" * 19, "account", webhook_url="http://app/hook")
START = datetime(2030, 1, 1, tzinfo=UTC)


@dataclass
class World:
    """Some legs and what they did."""

    closes_media: bool = True
    ids: Ids = field(default_factory=lambda: Ids.seeded(7))
    legs: dict[str, Leg] = field(default_factory=dict)
    effects: list[tuple[str, Effect]] = field(default_factory=list)
    timers: dict[tuple[str, str], int] = field(default_factory=dict)
    now_ms: int = 0
    lacking: str = ""
    """Why nobody can be transcribed."""

    @property
    def now(self) -> Instant:
        return Instant(self.now_ms * 1_000_000, START + timedelta(milliseconds=self.now_ms))

    def incoming(self, application: Application = APPLICATION, **facts: object) -> Leg:
        return self._arrive("incoming", State.PARKED, application, OnAnswer(), WebhookOptions(), facts)

    def outgoing(
        self,
        application: Application = APPLICATION,
        on_answer: OnAnswer | None = None,
        group: RingGroup | None = None,
        **facts: object,
    ) -> Leg:
        target = DialTarget(to="sip:far@end", from_="+15550001")
        given = {"target": target, "group": group, "time_limit_s": 14400, **facts}
        return self._arrive(
            "outgoing", State.DIALLING, application, on_answer or OnAnswer(), WebhookOptions(), given
        )

    def answered(self, leg: Leg | None = None) -> Leg:
        leg = leg or self.outgoing()
        self.give(leg, Answered("PCMU", 8000))
        return leg

    def bridged(self) -> tuple[Leg, Leg]:
        from ringline.calls.commands import Bridge

        a, b = self.answered(), self.answered()
        self.order(a, Bridge(other=b.id))
        return a, b

    def order(self, leg: Leg, command: Command) -> CommandResult:
        result, effects = core.obey(leg, command, self._context())
        self._carry_out(leg, effects)
        return result

    def give(self, leg: Leg, event: Input) -> None:
        self._carry_out(leg, core.take(leg, event, self._context()))

    def advance(self, seconds: float) -> None:
        end = self.now_ms + round(seconds * 1000)
        while True:
            due = sorted((at, key) for key, at in self.timers.items() if at <= end)
            if not due:
                break
            at, (call, name) = due[0]
            self.now_ms = max(at, self.now_ms)
            del self.timers[call, name]
            self.give(self.legs[call], TimerFired(name))
        self.now_ms = end

    def events(self, leg: Leg | None = None) -> list[str]:
        return [payload.event_type for payload in self.payloads(leg)]

    def payloads(self, leg: Leg | None = None) -> list[Payload]:
        return [
            effect.payload
            for call, effect in self.effects
            if isinstance(effect, Emit) and leg in (None, self.legs[call])
        ]

    def last(self, event_type: str) -> Payload:
        return [payload for payload in self.payloads() if payload.event_type == event_type][-1]

    def done(self, kind: type[Effect], leg: Leg | None = None) -> list[Effect]:
        return [
            effect
            for call, effect in self.effects
            if isinstance(effect, kind) and leg in (None, self.legs[call])
        ]

    def _arrive(
        self,
        direction: str,
        state: State,
        application: Application,
        on_answer: OnAnswer,
        webhooks: WebhookOptions,
        facts: dict[str, object],
    ) -> Leg:
        whole = Facts(
            call_control_id=self.ids.call_control_id(),
            leg_id=self.ids.uuid(),
            session_id=self.ids.uuid(),
            direction=direction,  # type: ignore[arg-type]
            from_="+15550001",
            to="+15550002",
            application=application,
            started=self.now,
            **facts,  # type: ignore[arg-type]
        )
        leg = Leg(whole, state, on_answer=on_answer, webhooks=webhooks)
        return self._add(leg)

    def _add(self, leg: Leg) -> Leg:
        self.legs[leg.id] = leg
        if leg.facts.group:
            leg.facts.group.members.append(leg.id)
        self.give(leg, Arrived())
        return leg

    def _context(self) -> Context:
        return Context(self.now, self.ids, self.legs.get, self._require_recognizer)

    def _require_recognizer(self, options: TranscriptionOptions) -> None:
        if self.lacking:
            raise errors.cannot_transcribe(self.lacking)

    def _carry_out(self, leg: Leg, effects: list[Effect]) -> None:
        for effect in effects:
            self.effects.append((leg.id, effect))
            match effect:
                case Emit(payload):
                    encode(payload)  # every event must hold only words of the specification
                case Tell(call, told):
                    other = self.legs.get(call)
                    if other:
                        self.give(other, told)
                    elif isinstance(told, JoinAsked):
                        self.give(leg, JoinRefused(call, taken=False))
                case DialLeg(facts, on_answer, client_state, webhooks):
                    self._add(
                        Leg(
                            facts,
                            State.DIALLING,
                            client_state=client_state,
                            webhooks=webhooks,
                            on_answer=on_answer,
                        )
                    )
                case SetTimer(name, after_ms):
                    self.timers[leg.id, name] = self.now_ms + after_ms
                case ClearTimer(name):
                    self.timers.pop((leg.id, name), None)
                case Forget():
                    for key in [key for key in self.timers if key[0] == leg.id]:
                        del self.timers[key]
                case CloseMedia() if self.closes_media:
                    self.give(leg, MediaClosed(None))
                case _:
                    pass
