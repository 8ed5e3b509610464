"""Live transcription of a leg (spec voice-api §5.4).

========  ======================================  =============================================
state     entered by                              left by
========  ======================================  =============================================
STARTING  start, or an answer that asked for it   recognizer listens → RUNNING; stop → STOPPING
RUNNING   the recognizer listens                  stop, hang-up → STOPPING
STOPPING  stop, hang-up                           its last words are told → gone
========  ======================================  =============================================

Any of them is left by a failure. A leg has one transcription that is not STOPPING at most; those that are
may still tell their last words while the next one starts.
"""

from ringline.calls import errors, events
from ringline.calls.commands import CommandResult, TranscriptionStart, TranscriptionStop
from ringline.calls.context import Context
from ringline.calls.effects import Effect, StartTranscription, StopTranscription
from ringline.calls.inputs import TranscriptHeard, TranscriptionEnded, TranscriptionFailed, TranscriptionUp
from ringline.calls.options import TranscriptionOptions
from ringline.calls.state import Leg, Transcription, TranscriptionState

Done = tuple[CommandResult, list[Effect]]


def start(leg: Leg, command: TranscriptionStart, context: Context) -> Done:
    """Begin to transcribe; raises 90054 while another one runs, 90053 beside a recording with a timeout.

    Raises 10015 when no more can hear the leg.
    """
    leg.require_answered("transcription_start")
    if leg.transcribed:
        raise errors.already_transcribing()
    if _has_timed_recording(leg):
        raise errors.timed_recording_while_transcribing()
    leg.require_listener()
    context.require_recognizer(command.options)
    return CommandResult(), begin(leg, command.options, context)


def stop(leg: Leg, _command: TranscriptionStop, _context: Context) -> Done:
    """Stop what runs, if anything does; raises 90055 beside a recording with a timeout."""
    leg.require_answered("transcription_stop")
    if _has_timed_recording(leg):
        raise errors.transcription_needed()
    return CommandResult(), end_all(leg)


def begin(leg: Leg, options: TranscriptionOptions, context: Context) -> list[Effect]:
    """Transcribe from now on."""
    transcription = Transcription(context.ids.uuid(), options)
    leg.transcriptions[transcription.id] = transcription
    return [StartTranscription(transcription.id, options)]


def begin_on_answer(leg: Leg, context: Context) -> list[Effect]:
    """Start the transcription that was asked for with the answer."""
    wanted = leg.on_answer.transcription
    return begin(leg, wanted, context) if wanted else []


def up(leg: Leg, event: TranscriptionUp, _context: Context) -> list[Effect]:
    """The recognizer listens."""
    transcription = leg.transcriptions.get(event.transcription)
    if transcription and transcription.state is TranscriptionState.STARTING:
        transcription.state = TranscriptionState.RUNNING
    return []


def heard(leg: Leg, event: TranscriptHeard, _context: Context) -> list[Effect]:
    """Words: tell the app, of those that may still change only if it asked for them."""
    transcription = leg.transcriptions.get(event.transcription)
    if transcription is None or not (event.final or transcription.options.interim):
        return []
    return [events.transcribed(leg, event)]


def over(leg: Leg, event: TranscriptionEnded | TranscriptionFailed, _context: Context) -> list[Effect]:
    """Nothing more will be heard; there is no event for it (spec webhooks §6.6), the call goes on."""
    leg.transcriptions.pop(event.transcription, None)
    return []


def end_all(leg: Leg) -> list[Effect]:
    """Listen no more; words that were being said are still told."""
    effects: list[Effect] = []
    for transcription in leg.transcriptions.values():
        if transcription.state is not TranscriptionState.STOPPING:
            transcription.state = TranscriptionState.STOPPING
            effects.append(StopTranscription(transcription.id))
    return effects


def _has_timed_recording(leg: Leg) -> bool:
    return any(one.options.timeout_s and not one.stopping for one in leg.recordings.values())
