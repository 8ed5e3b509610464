"""Call commands (spec voice-api §5): `POST /calls/{call_control_id}/actions/…`."""

from typing import NoReturn

from fastapi import APIRouter

from ringline.api import errors
from ringline.api.context import LegPath, Result
from ringline.api.models import audio, calls, capture, transcription

router = APIRouter(prefix="/calls/{call_control_id}/actions", tags=["call commands"])

NOT_YET = frozenset(
    """
    ai_assistant_add_messages ai_assistant_join ai_assistant_start ai_assistant_stop conversation_relay_start
    conversation_relay_stop enqueue fork_start fork_stop gather_using_ai leave_queue pay refer send_sip_info
    siprec_start siprec_stop suppression_start suppression_stop switch_supervisor_role
    """.split()  # noqa: SIM905 - names in lines, not one a line
)
"""Commands of the real service that this server does not have."""


@router.post("/answer", response_model_exclude_none=True)
async def answer_call(call: LegPath, body: calls.Answer) -> Result:
    """Answer an incoming call; `call.answered` follows."""
    return await call.obey(body)


@router.post("/hangup", response_model_exclude_none=True)
async def hang_up(call: LegPath, body: calls.Hangup) -> Result:
    """End the call; `call.hangup` follows."""
    return await call.obey(body)


@router.post("/reject", response_model_exclude_none=True)
async def reject_call(call: LegPath, body: calls.Reject) -> Result:
    """Refuse an incoming call; `call.hangup` follows."""
    return await call.obey(body)


@router.post("/bridge", response_model_exclude_none=True)
async def bridge_calls(call: LegPath, body: calls.Bridge) -> Result:
    """Join this call to another; `call.bridged` follows for both."""
    return await call.obey(body)


@router.post("/transfer", response_model_exclude_none=True)
async def transfer_call(call: LegPath, body: calls.Transfer) -> Result:
    """Call a target and join it to this call when it answers."""
    return await call.obey(body)


@router.post("/send_dtmf", response_model_exclude_none=True)
async def send_dtmf(call: LegPath, body: calls.SendDtmf) -> Result:
    """Send digits to the far end."""
    return await call.obey(body)


@router.post("/playback_start", response_model_exclude_none=True)
async def start_playback(call: LegPath, body: audio.PlaybackStart) -> Result:
    """Play a WAV or MP3 into the call; `call.playback.started` and `.ended` follow."""
    return await call.obey(body)


@router.post("/playback_stop", response_model_exclude_none=True)
async def stop_playback(call: LegPath, body: audio.PlaybackStop) -> Result:
    """Stop what is played, or all that waits to be."""
    return await call.obey(body)


@router.post("/speak", response_model_exclude_none=True)
async def speak(call: LegPath, body: audio.Speak) -> Result:
    """Speak text into the call; `call.speak.started` and `.ended` follow."""
    return await call.obey(body)


@router.post("/gather", response_model_exclude_none=True)
async def gather(call: LegPath, body: audio.Gather) -> Result:
    """Collect digits; `call.gather.ended` follows."""
    return await call.obey(body)


@router.post("/gather_using_audio", response_model_exclude_none=True)
async def gather_using_audio(call: LegPath, body: audio.GatherUsingAudio) -> Result:
    """Play a file and collect digits; `call.gather.ended` follows."""
    return await call.obey(body)


@router.post("/gather_using_speak", response_model_exclude_none=True)
async def gather_using_speak(call: LegPath, body: audio.GatherUsingSpeak) -> Result:
    """Speak and collect digits; `call.gather.ended` follows."""
    return await call.obey(body)


@router.post("/gather_stop", response_model_exclude_none=True)
async def stop_gather(call: LegPath, body: audio.GatherStop) -> Result:
    """Stop collecting; `call.gather.ended` follows as `cancelled`."""
    return await call.obey(body)


@router.post("/record_start", response_model_exclude_none=True)
async def start_recording(call: LegPath, body: capture.RecordStart) -> Result:
    """Record the call; `call.recording.saved` follows when it ends."""
    return await call.obey(body)


@router.post("/record_stop", response_model_exclude_none=True)
async def stop_recording(call: LegPath, body: capture.RecordStop) -> Result:
    """Stop recording."""
    return await call.obey(body)


@router.post("/record_pause", response_model_exclude_none=True)
async def pause_recording(call: LegPath, body: capture.RecordPause) -> Result:
    """Pause recording; what is said meanwhile is not in the file."""
    return await call.obey(body)


@router.post("/record_resume", response_model_exclude_none=True)
async def resume_recording(call: LegPath, body: capture.RecordResume) -> Result:
    """Go on recording."""
    return await call.obey(body)


@router.post("/streaming_start", response_model_exclude_none=True)
async def start_streaming(call: LegPath, body: capture.StreamingStart) -> Result:
    """Stream the call's audio to a WebSocket; `streaming.started` follows."""
    return await call.obey(body)


@router.post("/streaming_stop", response_model_exclude_none=True)
async def stop_streaming(call: LegPath, body: capture.StreamingStop) -> Result:
    """Stop streaming; `streaming.stopped` follows."""
    return await call.obey(body)


@router.post("/transcription_start", response_model_exclude_none=True)
async def start_transcription(call: LegPath, body: transcription.TranscriptionStart) -> Result:
    """Transcribe what is said; `call.transcription` follows for each utterance."""
    return await call.obey(body)


@router.post("/transcription_stop", response_model_exclude_none=True)
async def stop_transcription(call: LegPath, body: transcription.TranscriptionStop) -> Result:
    """Transcribe no more; what was being said is still told."""
    return await call.obey(body)


@router.put("/client_state_update", response_model_exclude_none=True)
async def update_client_state(call: LegPath, body: calls.ClientStateUpdate) -> Result:
    """Replace the text that the call's webhooks echo."""
    return await call.obey(body)


@router.post("/{action}", include_in_schema=False, response_model=None)
async def refuse_action(_call: LegPath, action: str) -> NoReturn:
    """Name a command that exists elsewhere, but not here."""
    if action in NOT_YET:
        raise errors.unavailable(None, f"The command {action}")
    raise errors.not_found(f"The command {action[:80]}")
