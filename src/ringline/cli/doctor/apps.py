"""The customer's app: its stream and its webhook, tried as a call would."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from ringline.cli.database import NoStore, opened
from ringline.cli.doctor.findings import Finding, fail, ok, warn
from ringline.cli.keys import signing_seed
from ringline.core.clock import MILLISECOND, Clock, SystemClock
from ringline.core.ids import Ids
from ringline.core.net import Guard, Policy
from ringline.core.settings import Settings
from ringline.streams.doctor import examine
from ringline.streams.request import StreamRequest
from ringline.webhooks.envelope import Event, body
from ringline.webhooks.payloads import CallHangup, encode
from ringline.webhooks.policy import Outcome
from ringline.webhooks.sender import Answer, Sender
from ringline.webhooks.signing import Signer

SLOW_MS = 500
"""An app that needs longer holds up the next event of the call."""


@dataclass(frozen=True, slots=True)
class _Tried:
    answer: Answer
    ms: int


async def check_stream(url: str, token: str | None, settings: Settings) -> list[Finding]:
    """Open a media stream to `url`, send silence, listen to what the app says."""
    guard = _guard(settings)
    request = StreamRequest(Ids().uuid(), url, auth_token=token, bidirectional_mode="rtp")
    return await examine(
        request, resolve=lambda target: guard.vet(target, ("ws", "wss")), clock=SystemClock()
    )


async def check_webhook(url: str, settings: Settings) -> list[Finding]:
    """Post a signed `call.hangup` of a call that never was; then one whose signature is wrong."""
    clock, ids = SystemClock(), Ids()
    try:
        with opened(settings) as database:
            signer = Signer(database.write(signing_seed))
    except NoStore as error:
        return [fail(f"a test event cannot be signed: {error}", "start `ringline serve` once")]
    message = body(_event(ids, clock), attempt=1, delivered_to=url)
    headers = {"content-type": "application/json", **signer.headers(message, clock.utc())}
    async with _sender(settings, clock) as sender:
        tried = await _try(sender, url, message, headers, settings, clock)
        findings = [_heard(tried, url, settings)]
        if tried.answer.outcome is Outcome.DELIVERED:
            stranger = Signer(ids.token(24).encode())
            forged = headers | stranger.headers(message, clock.utc())
            findings.append(_unfooled(await _try(sender, url, message, forged, settings, clock)))
    findings.append(ok(f"the app verifies with TELNYX_PUBLIC_KEY={signer.public_key}"))
    return findings


def _event(ids: Ids, clock: Clock) -> Event:
    now = clock.utc()
    hangup = CallHangup(
        call_control_id=ids.call_control_id(),
        call_leg_id=ids.uuid(),
        call_session_id=ids.uuid(),
        connection_id=ids.decimal(),
        client_state=None,
        from_="+15550100001",
        to="+15550100002",
        state="hangup",
        start_time=now,
        end_time=now,
        hangup_cause="normal_clearing",
        hangup_source="caller",
        sip_hangup_cause="200",
        occurred_at=now,
        call_quality_stats=None,
    )
    return Event(ids.uuid(), hangup.event_type, now, encode(hangup))


def _heard(tried: _Tried, url: str, settings: Settings) -> Finding:
    answer = tried.answer
    if answer.outcome is not Outcome.DELIVERED:
        return fail(
            f"{url} did not take a signed test event: {answer.error}",
            "the app must answer 2xx to POST at once"
            if answer.status
            else "is the app running, does it answer at once, and does net.policy allow it?",
        )
    if tried.ms > SLOW_MS:
        return warn(
            f"{url} took a signed test event with {answer.status} after {tried.ms} ms",
            "answer first and work afterwards: the call's next event waits, "
            f"and after {settings.webhooks.timeout_ms} ms the event is sent again",
        )
    return ok(f"{url} took a signed test event with {answer.status} in {tried.ms} ms")


def _unfooled(tried: _Tried) -> Finding:
    if tried.answer.outcome is Outcome.DELIVERED:
        return warn(
            "the app also takes an event whose signature is wrong",
            "verify each webhook (client.webhooks.unwrap): anybody could send it events",
        )
    return ok("the app refuses an event whose signature is wrong")


async def _try(
    sender: Sender, url: str, message: bytes, headers: dict[str, str], settings: Settings, clock: Clock
) -> _Tried:
    began = clock.now_ns()
    answer = await sender.send(
        url, method="POST", body=message, headers=headers, timeout_ms=settings.webhooks.timeout_ms
    )
    return _Tried(answer, (clock.now_ns() - began) // MILLISECOND)


@asynccontextmanager
async def _sender(settings: Settings, clock: Clock) -> AsyncIterator[Sender]:
    sender = Sender(guard=_guard(settings), clock=clock)
    try:
        yield sender
    finally:
        await sender.close()


def _guard(settings: Settings) -> Guard:
    net = settings.net
    return Guard(Policy.build(net.policy, net.allow, net.deny, (settings.http.host, settings.sip.host)))
