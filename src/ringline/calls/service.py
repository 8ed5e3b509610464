"""What the API asks of calls (spec voice-api §2–§5)."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from typing import Protocol

from ringline.calls import errors
from ringline.calls.commands import CallInfo, Command, CommandResult, Dial
from ringline.calls.options import DialTarget
from ringline.calls.runner import Runner
from ringline.calls.state import Application, Facts, Instant, JoinOptions, Leg, OnAnswer, RingGroup, State
from ringline.core.clock import Clock
from ringline.core.errors import ApiError
from ringline.core.ids import Ids


class Directory(Protocol):
    """Who may dial, and what is remembered of calls that have ended."""

    def application(self, account_id: str, connection_id: str) -> Application | None:
        """An active call control application of the account."""

    async def past_call(self, account_id: str, call_control_id: str) -> CallInfo | None:
        """A call that this node no longer carries, for a while after its end."""

    async def repeated_dial(self, account_id: str, command_id: str) -> CallInfo | None:
        """What the first dial with this command id answered, within a minute."""

    async def remember_dial(self, account_id: str, command_id: str, info: CallInfo) -> None:
        """Keep the answer for a repeat."""

    async def forget_dial(self, account_id: str, command_id: str) -> None:
        """The dial was refused: the same id may be tried again."""


class CallService:
    """Dial, command, look."""

    def __init__(self, runner: Runner, directory: Directory, *, clock: Clock, ids: Ids) -> None:
        self._runner = runner
        self._directory = directory
        self._clock = clock
        self._ids = ids

    async def command(self, account_id: str, call_control_id: str, command: Command) -> CommandResult:
        """Give a call a command. Raises `ApiError`: 90015 for an unknown call, 90018 for one that is over."""
        if not self._carries(account_id, call_control_id):
            await self.require(account_id, call_control_id)
            raise errors.ended()
        return await self._runner.command(call_control_id, command)

    async def require(self, account_id: str, call_control_id: str) -> None:
        """Raise 90015 unless the call is this account's, alive or over."""
        known = self._carries(account_id, call_control_id)
        if not known and await self._directory.past_call(account_id, call_control_id) is None:
            raise errors.unknown_call()

    def _carries(self, account_id: str, call_control_id: str) -> bool:
        leg = self._runner.find(call_control_id)
        return leg is not None and leg.facts.application.account_id == account_id

    async def dial(self, account_id: str, dial: Dial) -> CallInfo:
        """Place a call to one target, or to several that ring together."""
        if dial.command_id is None:
            return await self._dial(account_id, dial)
        first = await self._directory.repeated_dial(account_id, dial.command_id)
        if first:
            return first
        try:
            info = await self._dial(account_id, dial)
        except ApiError:
            await self._directory.forget_dial(account_id, dial.command_id)
            raise
        await self._directory.remember_dial(account_id, dial.command_id, info)
        return info

    async def _dial(self, account_id: str, dial: Dial) -> CallInfo:
        application = self._directory.application(account_id, dial.connection_id)
        if application is None:
            raise errors.bad_request(
                "Invalid value for connection_id (Call Control App ID).", "/connection_id"
            )
        link = self._link(account_id, dial)
        if dial.transcription:
            self._runner.require_recognizer(dial.transcription)
        self._runner.reserve(len(dial.targets))
        self._check_channels(application, len(dial.targets))
        legs = self._legs(dial, application, link)
        info = describe(legs[0], self._clock, alive=False)
        await asyncio.gather(*[self._runner.begin(leg, dial) for leg in legs])
        return info

    async def status(self, account_id: str, call_control_id: str) -> CallInfo | None:
        """A call, alive or over; None when it is unknown."""
        leg = self._runner.find(call_control_id)
        if leg and leg.facts.application.account_id == account_id:
            return describe(leg, self._clock, alive=leg.alive)
        return await self._directory.past_call(account_id, call_control_id)

    async def active(self, account_id: str, connection_id: str) -> list[CallInfo]:
        """The living calls of an application, oldest first."""
        return [
            describe(leg, self._clock, alive=True)
            for leg in self._runner.legs()
            if leg.alive
            and leg.facts.application.account_id == account_id
            and leg.facts.application.connection_id == connection_id
        ]

    def _link(self, account_id: str, dial: Dial) -> Leg | None:
        if dial.link_to is None:
            return None
        link = self._runner.find(dial.link_to)
        if link is None or link.facts.application.account_id != account_id:
            raise errors.unknown_call("/link_to")
        link.require_alive()
        return link

    def _check_channels(self, application: Application, wanted: int) -> None:
        limit = application.channel_limit_out
        if limit is None:
            return
        used = sum(
            1
            for leg in self._runner.legs()
            if leg.alive
            and leg.facts.direction == "outgoing"
            and leg.facts.application.connection_id == application.connection_id
        )
        if used + wanted > limit:
            raise errors.channel_limit()

    def _legs(self, dial: Dial, application: Application, link: Leg | None) -> Sequence[Leg]:
        session = link.facts.session_id if link else self._ids.uuid()
        group = RingGroup() if len(dial.targets) > 1 else None
        legs = [self._leg(dial, target, application, session, group, link) for target in dial.targets]
        if group:
            group.members = [leg.id for leg in legs]
        return legs

    def _leg(
        self,
        dial: Dial,
        target: DialTarget,
        application: Application,
        session: str,
        group: RingGroup | None,
        link: Leg | None,
    ) -> Leg:
        if link and dial.bridge_intent:
            target = replace(target, from_=link.facts.from_)
        joins = link is not None and dial.bridge_on_answer
        facts = Facts(
            call_control_id=self._ids.call_control_id(),
            leg_id=self._ids.uuid(),
            session_id=session,
            direction="outgoing",
            from_=target.from_,
            to=target.to,
            application=application,
            started=Instant(self._clock.now_ns(), self._clock.utc()),
            caller_name=target.display_name or "",
            target=target,
            time_limit_s=target.time_limit_s,
            ring_timeout_s=target.timeout_s,
            timeout_is_no_answer=target.timeout_is_no_answer,
            group=group,
            link=link.id if link and joins else None,
            link_options=JoinOptions(
                park_after=dial.park_after_unbridge, prevent_double=dial.prevent_double_bridge
            ),
        )
        on_answer = OnAnswer(
            record=dial.record,
            recording_id=self._ids.uuid() if dial.record else None,
            stream=dial.stream,
            stream_id=self._ids.uuid() if dial.stream else None,
            transcription=dial.transcription,
            digits=target.send_digits,
            audio=target.audio,
        )
        return Leg(
            facts,
            State.DIALLING,
            client_state=dial.client_state or None,
            webhooks=dial.webhooks,
            on_answer=on_answer,
        )


def describe(leg: Leg, clock: Clock, *, alive: bool) -> CallInfo:
    """A leg as the API shows it; the duration counts from the answer."""
    until = leg.ended.ns if leg.ended else clock.now_ns()
    duration = (until - leg.answered.ns) // 1_000_000_000 if leg.answered else 0
    return CallInfo(
        call_control_id=leg.id,
        call_leg_id=leg.facts.leg_id,
        call_session_id=leg.facts.session_id,
        connection_id=leg.facts.application.connection_id,
        is_alive=alive,
        client_state=leg.client_state,
        start_time=leg.facts.started.utc.isoformat().replace("+00:00", "Z"),
        end_time=leg.ended.utc.isoformat().replace("+00:00", "Z") if leg.ended else None,
        duration_s=duration,
        recording_id=leg.first_recording or leg.on_answer.recording_id,
    )
