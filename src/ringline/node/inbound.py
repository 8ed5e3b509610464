"""Takes calls in: routes an INVITE, makes its leg, or says why not."""

import asyncio
from collections.abc import Callable, Coroutine

from ringline.calls.commands import Transfer
from ringline.calls.inputs import PeerFailed
from ringline.calls.options import DialTarget, Header
from ringline.calls.runner import Runner
from ringline.calls.state import Application, Facts, Instant, Leg, State
from ringline.core import log
from ringline.core.clock import Clock
from ringline.core.errors import ApiError
from ringline.core.ids import Ids
from ringline.node.directory import Picture
from ringline.node.lines import SipLines
from ringline.node.routing import (
    Called,
    Destination,
    Nowhere,
    Prove,
    ToApplication,
    ToParty,
    normal_number,
    route,
)
from ringline.sip import events as sip
from ringline.sip.offeranswer import answerable, offered_codecs
from ringline.sip.sdp import SdpError

CORE_CODECS = ("PCMU", "PCMA", "G722", "L16")
RETRY_AFTER_S = 2


class Inbound:
    """The way in."""

    def __init__(
        self,
        *,
        runner: Runner,
        lines: SipLines,
        picture: Callable[[], Picture],
        own_names: Callable[[], frozenset[str]],
        clock: Clock,
        ids: Ids,
        realm: str,
        default_application: str,
        has_trunk: bool,
    ) -> None:
        self._runner = runner
        self._lines = lines
        self._picture = picture
        self._own_names = own_names
        self._clock = clock
        self._ids = ids
        self._realm = realm
        self._default_application = default_application
        self._has_trunk = has_trunk
        self._log = log.get("inbound")
        self._tasks: set[asyncio.Task[None]] = set()

    def decide(self, call: sip.IncomingCall) -> sip.Route:
        """Whether the INVITE may come in; called by the SIP endpoint before any event of it."""
        destination = self._route(call)
        if isinstance(destination, Prove):
            return sip.Challenge(self._realm)
        if isinstance(destination, Nowhere):
            return sip.Refuse(404)
        if call.sdp and not answerable(call.sdp, CORE_CODECS):
            return sip.Refuse(488)
        return self._no_room(call, destination) or sip.Accept()

    def take(self, call: sip.IncomingCall) -> None:
        """Make the leg of an INVITE that was let in."""
        destination = self._route(call)
        # INVITEs that came together were all let in before the first of them had its leg.
        refusal = self._no_room(call, destination)
        if refusal:
            self._lines.refuse_unknown(call.handle, refusal.status, refusal.headers)
            return
        match destination:
            case ToApplication(application):
                leg = self._leg(call, application)
                self._begin(leg, call)
            case ToParty(to, account_id):
                leg = self._leg(call, Application("", account_id), alone=True)
                self._begin(leg, call)
                self._keep(self._connect(leg, call, to))
            case _:
                self._lines.refuse_unknown(call.handle, 404)

    def _no_room(self, call: sip.IncomingCall, destination: Destination) -> sip.Refuse | None:
        """Why there is no place for one more call to this destination, if there is none."""
        try:
            self._runner.reserve(2 if isinstance(destination, ToParty) else 1)
        except ApiError:
            return sip.Refuse(503, headers=(sip.SipHeader("Retry-After", str(RETRY_AFTER_S)),))
        if isinstance(destination, ToApplication) and self._is_full(destination.application):
            return sip.Refuse(486)
        caller = self._picture().phones.get(call.credential_user or "")
        limit = caller.channel_limit_out if caller else None
        if caller and limit is not None and self._lines.calls_from(caller.user) >= limit:
            return sip.Refuse(486)
        return None

    def _begin(self, leg: Leg, call: sip.IncomingCall) -> None:
        self._runner.begin(leg)
        self._lines.adopt(leg, call)

    async def _connect(self, leg: Leg, call: sip.IncomingCall, to: str) -> None:
        target = DialTarget(to=to, from_=leg.facts.from_, display_name=call.from_display or None)
        try:
            await self._runner.command(leg.id, Transfer(target=target))
        except ApiError as error:
            self._log.info("the target was not dialled", error=str(error))
            self._runner.post(leg.id, PeerFailed(""))

    def _leg(self, call: sip.IncomingCall, application: Application, *, alone: bool = False) -> Leg:
        facts = Facts(
            call_control_id=self._ids.call_control_id(),
            leg_id=self._ids.uuid(),
            session_id=self._ids.uuid(),
            direction="incoming",
            from_=_party(call.from_user, call.from_uri),
            to=_party(call.request_user, call.request_uri),
            application=application,
            started=Instant(self._clock.now_ns(), self._clock.utc()),
            caller_name=call.from_display,
            from_sip_uri=_without_scheme(call.from_uri),
            to_sip_uri=_without_scheme(call.to_uri),
            headers=tuple(Header(header.name, header.value) for header in call.headers),
            offered_codecs=tuple(_codecs(call.sdp)),
            ends_with_target=alone,
        )
        return Leg(facts, State.PARKED)

    def _route(self, call: sip.IncomingCall) -> ToApplication | ToParty | Prove | Nowhere:
        return route(
            self._picture(),
            Called(call.request_user, call.request_host, call.from_user, call.credential_user),
            own_names=self._own_names(),
            default_application=self._default_application,
            has_trunk=self._has_trunk,
        )

    def _is_full(self, application: Application) -> bool:
        limit = application.channel_limit_in
        if limit is None:
            return False
        used = sum(
            1
            for leg in self._runner.legs()
            if leg.alive
            and leg.facts.direction == "incoming"
            and leg.facts.application.connection_id == application.connection_id
        )
        return used >= limit

    def _keep(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def _codecs(sdp: bytes) -> list[str]:
    try:
        return offered_codecs(sdp) if sdp else []
    except SdpError:
        return []


def _party(user: str, uri: str) -> str:
    """A number where it is one, else the URI (spec webhooks §1.1)."""
    number = normal_number(user)
    return number if number.startswith("+") else uri


def _without_scheme(uri: str) -> str:
    return uri.removeprefix("sip:").removeprefix("sips:")
