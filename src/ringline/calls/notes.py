"""How inputs and effects read on the timeline."""

import re
from collections.abc import Iterator

from ringline.calls import inputs as i
from ringline.calls.commands import Command, Gather
from ringline.calls.effects import (
    Effect,
    JoinMedia,
    PartMedia,
    SendDigits,
    SetTimer,
    StartRecording,
)
from ringline.calls.options import StoredAudio, UrlAudio, Utterance
from ringline.calls.state import Leg
from ringline.timeline import entries as e

_WORDS = re.compile(r"(?<!^)(?=[A-Z])")


def of_command(command: Command) -> e.AnyBody:
    """A command that was accepted."""
    return e.CommandReceived(_api_name(command), command.command_id, command.redacted_body)


def of_input(leg: Leg, event: i.Input) -> Iterator[e.AnyBody]:
    """What an input leaves on the timeline; SIP messages and stream frames are noted where they pass."""
    match event:
        case i.Arrived():
            yield e.StateChanged(leg.state.value)
        case i.Answered(codec, rate, _, remote):
            yield e.MediaSettled(f"{codec}/{rate}", remote)
        case i.PlayoutStarted(playout):
            yield e.PlayoutStarted(playout, *_source(leg, playout))
        case i.PlayoutEnded(playout, outcome, played_ms, detail):
            yield e.PlayoutEnded(playout, played_ms, detail or outcome)
        case i.DigitHeard(digit, duration_ms):
            yield e.DtmfReceived(digit, duration_ms)
        case i.RecordingFinished(recording, _, _, duration_ms):
            yield e.RecordingSaved(recording, duration_ms)
        case i.RecordingFailed(recording):
            yield e.RecordingFailed(recording, "could not be written")
        case i.StreamUp(stream) if leg.streaming:
            yield e.StreamOpened(
                stream, leg.streaming.options.url, leg.streaming.options.track, leg.streaming.options.codec
            )
        case i.StreamDown(stream, by):
            yield e.StreamClosed(stream, by)
        case i.StreamFailed(stream, reason):
            yield e.StreamFailed(stream, reason)
        case i.TranscriptionUp(transcription) if one := leg.transcriptions.get(transcription):
            yield e.TranscriptionStarted(
                transcription, one.options.engine, one.options.language, one.options.tracks
            )
        case i.TranscriptHeard(transcription, track, text, True, confidence, length_ms, lag_ms) if (
            transcription in leg.transcriptions
        ):
            yield e.SpeechResult(text, True, track, confidence, length_ms, lag_ms)
        case i.TranscriptionEnded(transcription):
            yield e.TranscriptionStopped(transcription)
        case i.TranscriptionFailed(transcription, reason):
            yield e.TranscriptionFailed(transcription, reason)
        case i.TimerFired(name):
            yield e.TimerFired(name)
        case _:
            return


def of_effect(leg: Leg, effect: Effect) -> Iterator[e.AnyBody]:
    """What an effect leaves on the timeline."""
    match effect:
        case SetTimer(name, after_ms):
            yield e.TimerSet(name, after_ms)
        case JoinMedia(other):
            yield e.Bridged(other)
        case PartMedia(other):
            yield e.Unbridged(other)
        case SendDigits(digits, _):
            yield e.DtmfSent(digits)
        case StartRecording(recording, options):
            yield e.RecordingStarted(recording, options.channels, options.format)
        case _:
            return


def _api_name(command: Command) -> str:
    """What the API calls a command: `SendDtmf` is `send_dtmf`."""
    match command:
        case Gather(prompt=Utterance()):
            return "gather_using_speak"
        case Gather(prompt=None):
            return "gather"
        case Gather():
            return "gather_using_audio"
    return _WORDS.sub("_", type(command).__name__).lower()


def _source(leg: Leg, playout_id: str) -> tuple[str, bool]:
    for playout in (*leg.playouts, *leg.overlays):
        if playout.id == playout_id:
            match playout.content:
                case UrlAudio(url):
                    return url, playout.overlay
                case StoredAudio(name):
                    return name, playout.overlay
                case Utterance():
                    return "speak", playout.overlay
            return "inline audio", playout.overlay
    return "", False
