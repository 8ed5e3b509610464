"""The leg core: one input or command, one moment → what to do about it.

Pure: it never awaits, never looks at a clock, never touches a socket. Every command and input has one
function, and these two tables are the list of them.
"""

from collections.abc import Callable
from typing import Any

from ringline.calls import (
    bridging,
    events,
    gathering,
    lifecycle,
    playback,
    recording,
    streaming,
    transcription,
)
from ringline.calls import commands as c
from ringline.calls import inputs as i
from ringline.calls.context import Context
from ringline.calls.effects import ClearTimer, Effect
from ringline.calls.state import JoinAsked, Leg, State

Done = tuple[c.CommandResult, list[Effect]]

COMMANDS: dict[type[c.Command], Callable[[Leg, Any, Context], Done]] = {
    c.Answer: lifecycle.answer,
    c.Reject: lifecycle.reject,
    c.Hangup: lifecycle.hang_up,
    c.Bridge: bridging.bridge,
    c.Transfer: bridging.transfer,
    c.PlaybackStart: playback.start_playback,
    c.PlaybackStop: playback.stop_playback,
    c.Speak: playback.start_speaking,
    c.Gather: gathering.start,
    c.GatherStop: gathering.stop,
    c.RecordStart: recording.start,
    c.RecordStop: recording.stop,
    c.RecordPause: recording.pause,
    c.RecordResume: recording.resume,
    c.SendDtmf: lifecycle.send_dtmf,
    c.ClientStateUpdate: lifecycle.update_client_state,
    c.StreamingStart: streaming.start,
    c.StreamingStop: streaming.stop,
    c.TranscriptionStart: transcription.start,
    c.TranscriptionStop: transcription.stop,
}

TIMERS: dict[str, Callable[[Leg, Context], list[Effect]]] = {
    lifecycle.RING_TIMER: lifecycle.ring_timer,
    lifecycle.LIMIT_TIMER: lifecycle.limit_timer,
    lifecycle.FIRST_COMMAND_TIMER: lifecycle.first_command_timer,
    lifecycle.CLOSING_TIMER: lifecycle.closing_timer,
}


AFTER_THE_END = (i.RecordingFinished, i.RecordingFailed, i.TranscriptionEnded, i.TranscriptionFailed)
"""What a leg that is over still waits for."""


def obey(leg: Leg, command: c.Command, context: Context) -> Done:
    """Decide a command; raises `ApiError` when this leg cannot do it now, and then nothing has changed."""
    leg.require_alive()
    former = leg.client_state
    if command.client_state is not None:
        leg.client_state = command.client_state or None
    try:
        result, effects = COMMANDS[type(command)](leg, command, context)
    except Exception:
        leg.client_state = former
        raise
    if not leg.commanded:
        leg.commanded = True
        effects = [ClearTimer(lifecycle.FIRST_COMMAND_TIMER), *effects]
    return result, effects


def take(leg: Leg, event: i.Input, context: Context) -> list[Effect]:
    """Decide what an input means; never raises, whatever the state."""
    if leg.state is State.ENDED and not isinstance(event, AFTER_THE_END):
        return []
    return INPUTS[type(event)](leg, event, context)


def _arrived(leg: Leg, _event: i.Arrived, context: Context) -> list[Effect]:
    if leg.facts.direction == "incoming":
        return lifecycle.arrive_incoming(leg, context)
    return lifecycle.arrive_outgoing(leg, context)


def _playout_ended(leg: Leg, event: i.PlayoutEnded, context: Context) -> list[Effect]:
    return [
        *playback.ended(leg, event, context),
        *gathering.prompt_ended(leg, event.playout),
        *bridging.greeting_ended(leg, event.playout),
    ]


def _transcription_over(
    leg: Leg, event: i.TranscriptionEnded | i.TranscriptionFailed, context: Context
) -> list[Effect]:
    return [*transcription.over(leg, event, context), *lifecycle.conclude(leg, context)]


def _digit_heard(leg: Leg, event: i.DigitHeard, context: Context) -> list[Effect]:
    if leg.state is not State.ANSWERED:
        return []
    return [
        events.digit_received(leg, event),
        *streaming.digit(leg, event),
        *bridging.relay(leg, event),
        *gathering.digit(leg, event.digit, context),
    ]


def _timer_fired(leg: Leg, event: i.TimerFired, context: Context) -> list[Effect]:
    if event.name in TIMERS:
        return TIMERS[event.name](leg, context)
    return gathering.timer(leg, event.name, context)


INPUTS: dict[type[i.Input], Callable[[Leg, Any, Context], list[Effect]]] = {
    i.Arrived: _arrived,
    i.Ringing: lifecycle.ringing,
    i.Answered: lifecycle.answered,
    i.Failed: lifecycle.failed,
    i.Cancelled: lifecycle.cancelled,
    i.HungUp: lifecycle.hung_up,
    i.HoldChanged: lifecycle.hold_changed,
    i.MediaClosed: lifecycle.media_closed,
    i.PlayoutStarted: playback.started,
    i.PlayoutEnded: _playout_ended,
    i.DigitHeard: _digit_heard,
    i.RecordingFinished: recording.finished,
    i.RecordingFailed: recording.failed,
    i.StreamUp: streaming.up,
    i.StreamDown: streaming.down,
    i.StreamFailed: streaming.failed,
    i.TranscriptionUp: transcription.up,
    i.TranscriptHeard: transcription.heard,
    i.TranscriptionEnded: _transcription_over,
    i.TranscriptionFailed: _transcription_over,
    i.TimerFired: _timer_fired,
    JoinAsked: bridging.join_asked,
    i.Joined: bridging.joined,
    i.PeerLeft: lifecycle.peer_left,
    i.PeerRings: lambda leg, event, _context: bridging.peer_rings(leg, event),
    i.PeerFailed: lifecycle.peer_failed,
    i.JoinRefused: lifecycle.join_refused,
    i.Superseded: lifecycle.superseded,
    i.Relayed: lambda leg, event, _context: bridging.relayed(leg, event),
}
