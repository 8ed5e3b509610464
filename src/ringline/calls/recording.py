"""Recording a leg (spec voice-api §5.3)."""

from ringline.calls import errors, events
from ringline.calls.commands import CommandResult, RecordPause, RecordResume, RecordStart, RecordStop
from ringline.calls.context import Context
from ringline.calls.effects import Effect, PauseRecording, StartRecording, StopRecording
from ringline.calls.inputs import RecordingFailed, RecordingFinished
from ringline.calls.options import RecordOptions
from ringline.calls.state import Leg, Recording

Done = tuple[CommandResult, list[Effect]]


def start(leg: Leg, command: RecordStart, context: Context) -> Done:
    """Start one more recording."""
    leg.require_answered("record_start")
    require_fit(leg, command.options, "/timeout_secs")
    recording_id = context.ids.uuid()
    return CommandResult(recording_id=recording_id), begin(leg, recording_id, command.options, context)


def stop(leg: Leg, command: RecordStop, _context: Context) -> Done:
    """Finish one recording, or all."""
    leg.require_alive()
    return CommandResult(), [_stop(one) for one in _named(leg, command.recording_id)]


def pause(leg: Leg, command: RecordPause, _context: Context) -> Done:
    """Leave out what follows."""
    return CommandResult(), _set_paused(leg, command.recording_id, paused=True)


def resume(leg: Leg, command: RecordResume, _context: Context) -> Done:
    """Go on after a pause."""
    return CommandResult(), _set_paused(leg, command.recording_id, paused=False)


def require_fit(leg: Leg, options: RecordOptions, pointer: str) -> None:
    """Raise 90053 for a recording that ends after a silence while the leg is transcribed, 10015 for one too
    many.
    """
    leg.require_listener()
    if options.timeout_s and leg.transcribed:
        raise errors.timed_recording_while_transcribing(pointer)


def begin(leg: Leg, recording_id: str, options: RecordOptions, context: Context) -> list[Effect]:
    """Record from now on."""
    leg.recordings[recording_id] = Recording(recording_id, options, context.now)
    leg.first_recording = leg.first_recording or recording_id
    return [StartRecording(recording_id, options)]


def begin_on_answer(leg: Leg, context: Context) -> list[Effect]:
    """Start the recording that was asked for with the answer."""
    wanted = leg.on_answer.record
    if wanted is None:
        return []
    return begin(leg, leg.on_answer.recording_id or context.ids.uuid(), wanted, context)


def finished(leg: Leg, event: RecordingFinished, context: Context) -> list[Effect]:
    """The file is safe: say where it is, even after the call."""
    recording = leg.recordings.pop(event.recording, None)
    return [] if recording is None else [events.recording_saved(leg, recording, event, context.now)]


def failed(leg: Leg, event: RecordingFailed, context: Context) -> list[Effect]:
    """The file could not be written."""
    recording = leg.recordings.pop(event.recording, None)
    return [] if recording is None else [events.recording_error(leg)]


def end_all(leg: Leg) -> list[Effect]:
    """At hang-up, finish every file."""
    return [_stop(recording) for recording in leg.recordings.values()]


def _stop(recording: Recording) -> Effect:
    recording.stopping = True
    return StopRecording(recording.id)


def _set_paused(leg: Leg, recording_id: str | None, *, paused: bool) -> list[Effect]:
    leg.require_alive()
    changed = [one for one in _named(leg, recording_id) if one.paused is not paused]
    for recording in changed:
        recording.paused = paused
    return [PauseRecording(recording.id, paused) for recording in changed]


def _named(leg: Leg, recording_id: str | None) -> list[Recording]:
    if not leg.recordings:
        raise errors.bad_request("No recording is in progress on this call.")
    if recording_id is None:
        return list(leg.recordings.values())
    if recording_id not in leg.recordings:
        raise errors.bad_request("This call has no such recording in progress.", "/recording_id")
    return [leg.recordings[recording_id]]
