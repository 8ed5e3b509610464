"""Live transcription of calls (spec voice-api §5.4): the commands, and the same options of dial and answer.

Engines are names here: each is taken, and whatever recognizer the server has does the work. So a member of
one engine's configuration may be given with any of them; what none of them has is a mistake.
"""

from typing import Annotated, Literal

from pydantic import ConfigDict, Field, StringConstraints

from ringline.api import errors
from ringline.api.models.base import Body, CommandBody
from ringline.api.models.fields import Ignored, Off
from ringline.calls import commands
from ringline.calls import errors as refusals
from ringline.calls.options import RecordOptions, Track, TranscriptionOptions

DEFAULT_ENGINE = "Google"
DEFAULT_LANGUAGE = "en"
MOST_PHRASES = 500
"""Of all kinds together: a recognizer gets them with every utterance."""
FAMILIES = {"A": "Google", "B": "Telnyx", "deepgram/nova-2": "Deepgram", "deepgram/nova-3": "Deepgram"}
"""Names that mean another one."""

TRACKS: dict[str, tuple[Track, ...]] = {
    "inbound": ("inbound",),
    "outbound": ("outbound",),
    "both": ("inbound", "outbound"),
}

Engine = Literal[
    "Google", "Telnyx", "Deepgram", "Azure", "xAI", "AssemblyAI", "Speechmatics", "Soniox", "Parakeet",
    "Humain", "Reson8", "Cohere", "A", "B",
]  # fmt: skip
ConfigEngine = Engine | Literal["deepgram/nova-2", "deepgram/nova-3"]
Region = Literal["australiaeast", "centralindia", "eastus", "northcentralus", "westeurope", "westus2"]
GoogleModel = Literal[
    "latest_long", "latest_short", "command_and_search", "phone_call", "video", "default",
    "medical_conversation", "medical_dictation",
]  # fmt: skip
Language = Annotated[
    str,
    StringConstraints(pattern=r"^[A-Za-z]{2,10}([-_][A-Za-z0-9]{1,10}){0,4}$"),
    Field(
        description="A BCP 47 tag; `auto` and `auto_detect` leave it to the recognizer.",
        examples=["en-US"],
    ),
]
Phrase = Annotated[str, StringConstraints(min_length=1, max_length=200)]
Phrases = Annotated[list[Phrase], Field(max_length=100)]


class SpeechContext(Body):
    """Phrases that are likely to be said."""

    model_config = ConfigDict(extra="forbid")

    phrases: Phrases = Field([])
    boost: Ignored = None


class EngineConfig(Body):
    """What the engines can be told; the name of the engine may be repeated."""

    model_config = ConfigDict(extra="forbid")

    transcription_engine: ConfigEngine | None = None
    language: Language | None = None
    transcription_model: Annotated[str | None, Field(max_length=200, examples=["openai/whisper-tiny"])] = None
    model: GoogleModel | None = None
    interim_results: bool | None = None
    hints: Annotated[list[Phrase], Field(max_length=MOST_PHRASES)] = Field([])
    keyterms: Phrases = Field([])
    keywords_boosting: Annotated[dict[Phrase, float], Field(max_length=100)] = Field(
        {}, description="Words that are likely to be said; their weights are without effect."
    )
    speech_context: Annotated[list[SpeechContext], Field(max_length=100)] = Field([])
    utterance_end_ms: Annotated[int | None, Field(ge=0, le=5000)] = Field(
        None, description="Silence that ends an utterance."
    )
    enable_endpoint_detection: bool = False
    max_endpoint_delay_ms: Annotated[int | None, Field(ge=500, le=3000)] = Field(
        None, description="Silence that ends an utterance, with `enable_endpoint_detection`."
    )
    smart_format: bool = Field(True, description="False leaves small letters without punctuation.")
    enable_speaker_diarization: Off = False
    min_speaker_count: Ignored = None
    max_speaker_count: Ignored = None
    profanity_filter: Off = False
    use_enhanced: Ignored = None
    region: Region | None = None
    api_key_ref: Annotated[str | None, Field(exclude=True, description="Accepted without effect.")] = None

    def phrases(self) -> tuple[str, ...]:
        """All that is likely to be said, each once."""
        contexts = (phrase for context in self.speech_context for phrase in context.phrases)
        return tuple(dict.fromkeys((*self.hints, *self.keyterms, *self.keywords_boosting, *contexts)))

    def silence_ms(self) -> int | None:
        """The silence that ends an utterance, where one was named."""
        return self.max_endpoint_delay_ms if self.enable_endpoint_detection else self.utterance_end_ms


class TranscriptionBody(Body):
    """What to transcribe; `language` and `interim_results` at this level are of older clients."""

    transcription_engine: Engine | None = Field(None, description="Google if it is not given.")
    transcription_engine_config: EngineConfig | None = None
    transcription_tracks: Literal["inbound", "outbound", "both"] = Field(
        "inbound", description="inbound is this leg's speaker, outbound what that speaker hears."
    )
    language: Language | None = None
    interim_results: bool | None = None

    def options(self, within: str = "") -> TranscriptionOptions:
        """As the call wants it; raises `ApiError` for what does not fit together.

        `within` is the JSON pointer of this body.
        """
        config = self.transcription_engine_config or EngineConfig()
        pointer = f"{within}/transcription_engine_config"
        engine = self._engine(config, f"{pointer}/transcription_engine")
        if engine == "Azure" and self.transcription_engine_config and config.region is None:
            raise errors.missing(f"{pointer}/region", "Azure needs a region.")
        phrases = config.phrases()
        if len(phrases) > MOST_PHRASES:
            raise errors.invalid("10033", pointer, f"At most {MOST_PHRASES} phrases can be given.")
        interim = config.interim_results if config.interim_results is not None else self.interim_results
        return TranscriptionOptions(
            tracks=TRACKS[self.transcription_tracks],
            engine=engine,
            model=config.transcription_model or config.model,
            language=config.language or self.language or DEFAULT_LANGUAGE,
            interim=bool(interim),
            hints=phrases,
            silence_ms=config.silence_ms(),
            plain=not config.smart_format,
        )

    def _engine(self, config: EngineConfig, pointer: str) -> str:
        named, repeated = self.transcription_engine, config.transcription_engine
        engine = FAMILIES.get(named or "", named)
        again = FAMILIES.get(repeated or "", repeated)
        if engine and again and engine != again:
            raise errors.invalid("10015", pointer, f"The configuration is for {repeated}, not for {named}.")
        return engine or again or DEFAULT_ENGINE


class TranscriptionStart(CommandBody, TranscriptionBody):
    """`transcription_start`."""

    def command(self) -> commands.TranscriptionStart:
        """The command."""
        return commands.TranscriptionStart(options=self.options(), **self.common())


class TranscriptionStop(CommandBody):
    """`transcription_stop`."""

    def command(self) -> commands.TranscriptionStop:
        """The command."""
        return commands.TranscriptionStop(**self.common())


class TranscriptionFields(Body):
    """`transcription` of dial and answer; without it the configuration means nothing."""

    transcription: bool = Field(False, description="Transcribe from the answer on.")
    transcription_config: TranscriptionBody = Field(
        TranscriptionBody(), description="As the body of transcription_start."
    )

    def transcribing(self, recording: RecordOptions | None) -> TranscriptionOptions | None:
        """What to transcribe from the answer on; 90053 beside a recording that ends after a silence."""
        if not self.transcription:
            return None
        if recording is not None and recording.timeout_s:
            raise refusals.timed_recording_while_transcribing("/record_timeout_secs")
        return self.transcription_config.options("/transcription_config")
