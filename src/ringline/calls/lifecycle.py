"""How a leg begins, is answered and ends (spec voice-api §2, §3, §5; webhooks §6.1, §6.2)."""

from dataclasses import replace
from typing import Literal

from ringline.calls import bridging, errors, events, gathering, playback, recording, streaming, transcription
from ringline.calls.commands import Answer, ClientStateUpdate, CommandResult, Hangup, Reject, SendDtmf
from ringline.calls.context import Context
from ringline.calls.effects import (
    AcceptLine,
    CancelLine,
    ClearTimer,
    CloseMedia,
    Effect,
    Forget,
    HangUpLine,
    PartMedia,
    PlaceLine,
    RefuseLine,
    Ring,
    SendDigits,
    SetTimer,
    Tell,
)
from ringline.calls.inputs import (
    Answered,
    Cancelled,
    Failed,
    HoldChanged,
    HungUp,
    JoinRefused,
    MediaClosed,
    PeerFailed,
    PeerLeft,
    PeerRings,
    Ringing,
    Superseded,
)
from ringline.calls.options import Header
from ringline.calls.state import End, Leg, OnAnswer, State
from ringline.webhooks.payloads import HangupCause

RING_TIMER = "ring"
LIMIT_TIMER = "limit"
FIRST_COMMAND_TIMER = "first command"
CLOSING_TIMER = "closing"

CLOSING_MS = 1000
"""How long the end of a leg waits for the word that its media is closed."""
LAST_WORDS_MS = 2000
"""How long it waits, where it was transcribed, for what was being said: an app wants `call.hangup` soon."""

REJECTIONS: dict[str, tuple[int, HangupCause]] = {
    "CALL_REJECTED": (603, "call_rejected"),
    "USER_BUSY": (486, "user_busy"),
    "NOT_FOUND": (404, "not_found"),
    "TEMPORARILY_UNAVAILABLE": (480, "call_rejected"),
}
FAILURES: dict[int, tuple[HangupCause, int]] = {
    486: ("user_busy", 486),
    600: ("user_busy", 486),
    404: ("not_found", 404),
    604: ("not_found", 404),
    484: ("not_found", 404),
    480: ("no_answer", 480),
    408: ("no_answer", 480),
    403: ("call_rejected", 603),
    603: ("call_rejected", 603),
}
"""What an app is told of the far end's refusal: a cause, and one status for each (spec webhooks §6.2)."""

Done = tuple[CommandResult, list[Effect]]


def arrive_incoming(leg: Leg, context: Context) -> list[Effect]:
    """Park a new incoming leg: the caller hears ringing, the app hears of the call."""
    timeout = leg.facts.application.first_command_timeout_s
    timers: list[Effect] = [SetTimer(FIRST_COMMAND_TIMER, timeout * 1000)] if timeout else []
    return [Ring(), events.initiated(leg, context.now), *timers]


def arrive_outgoing(leg: Leg, context: Context) -> list[Effect]:
    """Announce a new outgoing leg and place it; a stream wanted first is opened first."""
    announced: list[Effect] = [
        events.initiated(leg, context.now),
        SetTimer(RING_TIMER, leg.facts.ring_timeout_s * 1000),
    ]
    stream = leg.on_answer.stream
    if stream and stream.before_originate:
        opening = streaming.open_stream(leg, stream, leg.on_answer.stream_id or context.ids.uuid())
        leg.on_answer = replace(leg.on_answer, stream=None)
        streaming.place_when_up(leg)
        return [*announced, *opening]
    return [*announced, *([PlaceLine(leg.facts.target)] if leg.facts.target else [])]


def answer(leg: Leg, command: Answer, context: Context) -> Done:
    """Accept an incoming leg; what is asked to start with it starts when the line is up."""
    leg.require_alive()
    if leg.facts.direction == "outgoing":
        raise errors.cannot_answer_outbound()
    if leg.accepted or leg.state is State.ANSWERED:
        raise errors.bad_request("This call has been answered already.")
    if command.transcription:
        context.require_recognizer(command.transcription)
    leg.accepted = True
    if command.webhooks:
        leg.webhooks = command.webhooks
    leg.on_answer = OnAnswer(
        record=command.record,
        recording_id=context.ids.uuid() if command.record else None,
        stream=command.stream,
        stream_id=context.ids.uuid() if command.stream else None,
        transcription=command.transcription,
    )
    result = CommandResult(recording_id=leg.on_answer.recording_id, stream_id=leg.on_answer.stream_id)
    return result, [AcceptLine(command.codecs, command.headers, command.silence_when_idle)]


def reject(leg: Leg, command: Reject, context: Context) -> Done:
    """Refuse an incoming leg that is not answered."""
    leg.require_alive()
    if leg.state is not State.PARKED or leg.accepted:
        raise errors.bad_request("Only an incoming call that has not been answered can be rejected.")
    status, cause = REJECTIONS[command.cause]
    return CommandResult(), end(leg, End(cause, "callee", str(status)), context, [RefuseLine(status)])


def hang_up(leg: Leg, command: Hangup, context: Context) -> Done:
    """End a leg in whatever way its state asks for: CANCEL, a refusal, or BYE."""
    leg.require_alive()
    return CommandResult(), end_by_us(leg, context, headers=command.headers, reason=command.reason)


def end_by_us(
    leg: Leg, context: Context, *, headers: tuple[Header, ...] = (), reason: str | None = None
) -> list[Effect]:
    """Hang up as the app would (spec webhooks §6.2, API hang-up)."""
    if leg.state is State.DIALLING:
        return end(leg, End("originator_cancel", "caller", "487"), context, [CancelLine(reason)])
    if leg.state is State.PARKED and not leg.accepted:
        return end(leg, End("call_rejected", "callee", "603"), context, [RefuseLine(603)])
    source: Literal["caller", "callee"] = "callee" if leg.facts.direction == "incoming" else "caller"
    return end(leg, End("normal_clearing", source, "200"), context, [HangUpLine(headers)])


def update_client_state(leg: Leg, _command: ClientStateUpdate, _context: Context) -> Done:
    """Replace the client state; done already by what every command does."""
    leg.require_alive()
    return CommandResult(), []


def send_dtmf(leg: Leg, command: SendDtmf, _context: Context) -> Done:
    """Send digits to the far end."""
    leg.require_answered("send_dtmf")
    return CommandResult(), [SendDigits(command.digits, command.duration_ms)]


def ringing(leg: Leg, event: Ringing, _context: Context) -> list[Effect]:
    """Tell the leg that waits for this one that it rings."""
    if leg.state is not State.DIALLING or not leg.facts.link or not leg.facts.early_media:
        return []
    return [Tell(leg.facts.link, PeerRings(leg.id, event.media))]


def answered(leg: Leg, event: Answered, context: Context) -> list[Effect]:
    """The line is up: announce it, then start what was asked to start with it."""
    if leg.state not in (State.PARKED, State.DIALLING):
        return []
    if leg.facts.group and not leg.facts.group.claim(leg.id):
        return end(leg, End("originator_cancel", "caller", "487"), context, [HangUpLine()])
    leg.state = State.ANSWERED
    leg.answered = context.now
    leg.codec, leg.sampling_rate = event.codec, event.sampling_rate
    limit = leg.facts.time_limit_s
    return [
        ClearTimer(RING_TIMER),
        ClearTimer(FIRST_COMMAND_TIMER),
        *([SetTimer(LIMIT_TIMER, limit * 1000)] if limit else []),
        *_supersede_others(leg),
        events.answered(leg, event),
        *recording.begin_on_answer(leg, context),
        *streaming.begin_on_answer(leg, context),
        *transcription.begin_on_answer(leg, context),
        *([SendDigits(leg.on_answer.digits, 250)] if leg.on_answer.digits else []),
        *bridging.join_on_answer(leg, context),
        *bridging.join_pending(leg, context),
    ]


def failed(leg: Leg, event: Failed, context: Context) -> list[Effect]:
    """An outgoing leg did not come up."""
    if leg.state is not State.DIALLING:
        return []
    known = FAILURES.get(event.status)
    if known:
        cause, status = known
        return end(leg, End(cause, "callee", str(status), event.headers), context, [])
    sip = str(event.status) if event.status else "unspecified"
    return end(leg, End("unspecified", "unknown", sip, event.headers), context, [])


def cancelled(leg: Leg, _event: Cancelled, context: Context) -> list[Effect]:
    """The caller gave up before the answer."""
    if leg.state is not State.PARKED:
        return []
    return end(leg, End("originator_cancel", "caller", "487"), context, [])


def hung_up(leg: Leg, event: HungUp, context: Context) -> list[Effect]:
    """The far end left: it is the caller of an incoming leg, the callee of an outgoing one."""
    if not leg.alive:
        return []
    source: Literal["caller", "callee"] = "caller" if leg.facts.direction == "incoming" else "callee"
    if event.by == "error":
        return end(leg, End("unspecified", "unknown", "unspecified"), context, [])
    return end(leg, End("normal_clearing", source, "200", event.headers), context, [])


def hold_changed(leg: Leg, event: HoldChanged, context: Context) -> list[Effect]:
    """The far end held or resumed the call."""
    if leg.state is not State.ANSWERED:
        return []
    return [events.hold_changed(leg, event.held)]


def peer_left(leg: Leg, event: PeerLeft, context: Context) -> list[Effect]:
    """The bridged leg is gone: hang up, unless this leg is to stay parked (spec voice-api §2)."""
    peer = leg.peer
    if peer is None or peer.call != event.peer or not leg.alive:
        return []
    leg.peer = None
    if peer.options.park_after:
        return [PartMedia(event.peer)]
    return end_by_us(leg, context)


def peer_failed(leg: Leg, event: PeerFailed, context: Context) -> list[Effect]:
    """The leg that was waited for will not come: this one stays where it is, if an app looks after it."""
    effects = bridging.peer_failed(leg, event)
    if leg.facts.ends_with_target and leg.state is State.PARKED:
        over: Effect = HangUpLine() if leg.accepted else RefuseLine(480)
        return [*effects, *end(leg, End("no_answer", "callee", "480"), context, [over])]
    return effects


def join_refused(leg: Leg, event: JoinRefused, context: Context) -> list[Effect]:
    """No bridge: an app that wanted no double bridge wants the call to end instead."""
    if not leg.alive:
        return []
    return end_by_us(leg, context) if event.taken else bridging.peer_failed(leg, PeerFailed(event.by))


def superseded(leg: Leg, _event: Superseded, context: Context) -> list[Effect]:
    """Stop ringing: another answered, or nobody waits for this leg any more."""
    return end_by_us(leg, context) if leg.alive else []


def ring_timer(leg: Leg, context: Context) -> list[Effect]:
    """Nobody answered in time."""
    if leg.state is not State.DIALLING:
        return []
    cause: HangupCause = "no_answer" if leg.facts.timeout_is_no_answer else "timeout"
    return end(leg, End(cause, "unknown", "487"), context, [CancelLine(None)])


def limit_timer(leg: Leg, context: Context) -> list[Effect]:
    """The call has lasted as long as it may."""
    if leg.state is not State.ANSWERED:
        return []
    return end(leg, End("time_limit", "unknown", "200"), context, [HangUpLine()])


def first_command_timer(leg: Leg, context: Context) -> list[Effect]:
    """The app never said what to do with the call."""
    if leg.state is not State.PARKED or leg.commanded:
        return []
    return end(leg, End("timeout", "unknown", "480"), context, [RefuseLine(480)])


def end(leg: Leg, cause: End, context: Context, line: list[Effect]) -> list[Effect]:
    """Close what runs, then the media; `call.hangup` follows when that is done and all words are told."""
    was_answered = leg.state is State.ANSWERED
    leg.state = State.ENDING
    leg.end = cause
    leg.ended = context.now
    return [
        *line,
        *playback.end_all(leg, context),
        *streaming.end_all(leg, context),
        *gathering.end(leg, "call_hangup", context),
        *recording.end_all(leg),
        *transcription.end_all(leg),
        *bridging.part(leg),
        *[Tell(call, Superseded()) for call in leg.dialled],
        *([Tell(leg.facts.link, PeerFailed(leg.id))] if leg.facts.link and not was_answered else []),
        SetTimer(CLOSING_TIMER, LAST_WORDS_MS if leg.transcriptions else CLOSING_MS),
        CloseMedia(),
    ]


def media_closed(leg: Leg, event: MediaClosed, context: Context) -> list[Effect]:
    """Nothing is heard or said any more; what was measured is known."""
    if leg.state is not State.ENDING:
        return []
    leg.media_closed, leg.quality = True, event.quality
    return conclude(leg, context)


def conclude(leg: Leg, context: Context) -> list[Effect]:
    """Say that the call is over, once nothing more is to be waited for."""
    if leg.state is not State.ENDING or not leg.media_closed or leg.transcriptions:
        return []
    return _over(leg, context)


def closing_timer(leg: Leg, context: Context) -> list[Effect]:
    """The media never said that it closed, or a recognizer still thinks; the app shall not wait for it."""
    return _over(leg, context) if leg.state is State.ENDING else []


def _over(leg: Leg, context: Context) -> list[Effect]:
    leg.state = State.ENDED
    return [ClearTimer(CLOSING_TIMER), events.hung_up(leg, context.now), Forget()]


def _supersede_others(leg: Leg) -> list[Effect]:
    if not leg.facts.group:
        return []
    return [Tell(call, Superseded()) for call in leg.facts.group.members if call != leg.id]
