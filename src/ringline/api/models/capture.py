"""Bodies of the commands that record and stream (spec voice-api §5.3, media-streaming §1)."""

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from ringline.api import errors
from ringline.api.models.base import CommandBody
from ringline.api.models.fields import FileName, Ignored, Off
from ringline.api.models.options import CustomParameter, StreamFields
from ringline.calls import commands
from ringline.calls.options import RecordOptions

RecordingId = Annotated[str, Field(max_length=64)]


class RecordStart(CommandBody):
    """`record_start`."""

    format: Literal["wav", "mp3"]
    channels: Literal["single", "dual"] = Field(
        description="dual puts this leg on the left channel and everybody else on the right."
    )
    play_beep: bool = False
    max_length: Annotated[int, Field(ge=0, le=14400)] = Field(0, description="Seconds; 0 for no limit.")
    timeout_secs: Annotated[int, Field(ge=0, le=14400)] = Field(
        0, description="Ends after so many seconds of silence, once somebody has spoken; 0 never."
    )
    recording_track: Literal["both", "inbound", "outbound"] = "both"
    trim: Literal["trim-silence"] | None = None
    custom_file_name: FileName | None = None
    transcription: Off = False
    transcription_engine: Literal["A", "B", "deepgram/nova-3"] = "A"
    transcription_language: Annotated[
        str, StringConstraints(pattern=r"^[A-Za-z]{2,8}([-_][A-Za-z0-9]{1,8})*$")
    ] = "en-US"
    transcription_profanity_filter: Ignored = None
    transcription_speaker_diarization: Ignored = None
    transcription_min_speaker_count: Ignored = None
    transcription_max_speaker_count: Ignored = None

    def command(self) -> commands.RecordStart:
        """The command; a single track forces one channel."""
        options = RecordOptions(
            format=self.format,
            channels=self.channels if self.recording_track == "both" else "single",
            track=self.recording_track,
            max_length_s=self.max_length,
            timeout_s=self.timeout_secs,
            trim_silence=self.trim is not None,
            play_beep=self.play_beep,
            file_name=self.custom_file_name,
        )
        return commands.RecordStart(options=options, **self.common())


class RecordStop(CommandBody):
    """`record_stop`; without `recording_id`, every recording of the leg."""

    recording_id: RecordingId | None = None

    def command(self) -> commands.RecordStop:
        """The command."""
        return commands.RecordStop(recording_id=self.recording_id, **self.common())


class RecordPause(CommandBody):
    """`record_pause`."""

    recording_id: RecordingId | None = None

    def command(self) -> commands.RecordPause:
        """The command."""
        return commands.RecordPause(recording_id=self.recording_id, **self.common())


class RecordResume(CommandBody):
    """`record_resume`."""

    recording_id: RecordingId | None = None

    def command(self) -> commands.RecordResume:
        """The command."""
        return commands.RecordResume(recording_id=self.recording_id, **self.common())


class StreamingStart(CommandBody, StreamFields):
    """`streaming_start`."""

    custom_parameters: Annotated[list[CustomParameter], Field(max_length=50)] = Field([])

    def command(self) -> commands.StreamingStart:
        """Raises `ApiError` 10004 without a URL."""
        options = self.streaming(tuple((one.name, one.value) for one in self.custom_parameters if one.name))
        if options is None:
            raise errors.missing("/stream_url")
        return commands.StreamingStart(options=options, **self.common())


class StreamingStop(CommandBody):
    """`streaming_stop`; without `stream_id`, every stream of the leg."""

    stream_id: Annotated[str | None, Field(max_length=64)] = None

    def command(self) -> commands.StreamingStop:
        """The command."""
        return commands.StreamingStop(stream_id=self.stream_id, **self.common())
