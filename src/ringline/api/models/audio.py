"""Bodies of the commands that play, speak and collect digits (spec voice-api §5.1, §5.2)."""

import base64
import binascii
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, StringConstraints, field_validator

from ringline.api import errors
from ringline.api.models.base import Body, CommandBody, Sensitive
from ringline.api.models.fields import HttpUrl, Loop, mistake
from ringline.api.models.options import AudioFields, choose_audio
from ringline.calls import commands
from ringline.calls.options import Audio, GatherRules, InlineAudio, Targets, Utterance
from ringline.speech import ssml, voices

MAX_INLINE = 10_000_000
"""Bytes of decoded `playback_content`."""

Language = Literal[
    "arb", "cmn-CN", "cy-GB", "da-DK", "de-DE", "en-AU", "en-GB", "en-GB-WLS", "en-IN", "en-US", "es-ES",
    "es-MX", "es-US", "fr-CA", "fr-FR", "hi-IN", "is-IS", "it-IT", "ja-JP", "ko-KR", "nb-NO", "nl-NL",
    "pl-PL", "pt-BR", "pt-PT", "ro-RO", "ru-RU", "sv-SE", "tr-TR",
]  # fmt: skip
Stop = Literal["current", "all"]


class PlaybackStart(CommandBody, AudioFields):
    """`playback_start`."""

    playback_content: Annotated[str | None, Field(max_length=MAX_INLINE * 4 // 3 + 4), Sensitive] = Field(
        None, description="The audio itself, WAV or MP3 in base64."
    )
    audio_type: Literal["mp3", "wav"] = Field("mp3", description="A hint; the data decides.")
    cache_audio: bool = True
    loop: Loop = Field(1, description='1 to 100, or "infinity".')
    overlay: bool = False
    stop: Stop | None = None
    target_legs: Targets = "self"

    def command(self) -> commands.PlaybackStart:
        """Raises `ApiError` when there is no audio, or two."""
        if self.overlay and self.target_legs != "self":
            raise errors.invalid("10015", "/target_legs", "An overlay can be played to self only.")
        return commands.PlaybackStart(
            audio=self._audio(),
            loop=self.loop,
            overlay=self.overlay,
            stop=self.stop,
            targets=self.target_legs,
            **self.common(),
        )

    def _audio(self) -> Audio:
        stored = choose_audio(self.audio_url, self.media_name, "/media_name", cache=self.cache_audio)
        if self.playback_content is None:
            if stored is None:
                raise errors.missing("/audio_url", "Give audio_url, media_name or playback_content.")
            return stored
        if stored is not None:
            raise errors.invalid(
                "10015", "/playback_content", "Give one of audio_url, media_name, playback_content."
            )
        try:
            return InlineAudio(base64.b64decode(self.playback_content, validate=True))
        except (binascii.Error, ValueError):
            raise errors.invalid("10028", "/playback_content", "playback_content must be base64.") from None


class PlaybackStop(CommandBody):
    """`playback_stop`; `overlay` (also as the value of `stop`) stops overlays only."""

    stop: Literal["current", "all", "overlay"] = "all"
    overlay: bool = False

    def command(self) -> commands.PlaybackStop:
        """The command."""
        if self.stop == "overlay":
            return commands.PlaybackStop(stop="all", overlay=True, **self.common())
        return commands.PlaybackStop(stop=self.stop, overlay=self.overlay, **self.common())


class VoiceSettings(Body):
    """What a provider's voice may be told; of all of it, only the speed has an effect here."""

    type: str | None = None
    voice_speed: Annotated[float | None, Field(ge=0.6, le=1.5)] = None
    speed: Annotated[float | None, Field(ge=0.5, le=2.0)] = None

    def factor(self) -> float:
        """On the voice's normal rate."""
        return self.voice_speed or self.speed or 1.0


def _voice(value: str) -> str:
    try:
        voices.parse(value)
    except voices.UnknownVoice as error:
        raise mistake("90012", f"{error}.") from None
    return value


class SpeakFields(Body):
    """Text and voice: `speak`, and the prompt of `gather_using_speak`."""

    payload: Annotated[str, StringConstraints(min_length=1, max_length=3000), Sensitive] = Field(
        examples=["Hello, world."]
    )
    voice: Annotated[str, StringConstraints(max_length=255), AfterValidator(_voice)] = Field(
        examples=["female"]
    )
    language: Language = "en-US"
    payload_type: Literal["text", "ssml"] = "text"
    service_level: Literal["basic", "premium"] = "premium"
    voice_settings: VoiceSettings | None = None

    @field_validator("payload")
    @classmethod
    def _not_blank(cls, value: str) -> str:
        if not value.strip():
            raise mistake("90010", "payload has nothing to say.")
        return value

    def utterance(self, text: str, pointer: str = "/payload") -> Utterance:
        """`text` in this voice.

        Raises `ApiError`: 90030 for what the basic level cannot do, 90010 at `pointer` for markup that cannot
        be read.
        """
        if self.service_level == "basic" and (self.payload_type != "text" or self.language != "en-US"):
            raise errors.invalid("90030", "/service_level", "The basic level speaks en-US text only.")
        if self.payload_type == "ssml":
            try:
                ssml.parse(text)
            except ssml.SsmlError as error:
                raise errors.invalid("90010", pointer, f"The SSML cannot be read: {error}.") from None
        return Utterance(
            text=text,
            voice=self.voice,
            language=self.language,
            markup=self.payload_type == "ssml",
            speed=self.voice_settings.factor() if self.voice_settings else 1.0,
        )


class Speak(CommandBody, SpeakFields):
    """`speak`."""

    loop: Loop = Field(1, description='1 to 100, or "infinity".')
    stop: Stop | None = None
    target_legs: Targets = "self"

    def command(self) -> commands.Speak:
        """The command."""
        return commands.Speak(
            utterance=self.utterance(self.payload),
            loop=self.loop,
            stop=self.stop,
            targets=self.target_legs,
            **self.common(),
        )


class DigitFields(Body):
    """When collected digits are complete: all three gathers."""

    minimum_digits: Annotated[int, Field(ge=1, le=128)] = 1
    maximum_digits: Annotated[int, Field(ge=1, le=128)] = 128
    timeout_millis: Annotated[int, Field(ge=1, le=120_000)] = 60_000
    inter_digit_timeout_millis: Annotated[int, Field(ge=1, le=120_000)] = 5_000
    terminating_digit: Annotated[str, StringConstraints(pattern=r"^[0-9A-D*#]?$")] = Field(
        "#", description="Empty for none."
    )
    valid_digits: Annotated[str, StringConstraints(pattern=r"^[0-9A-D*#]{1,16}$")] = "0123456789#*"

    def rules(self, tries: int = 1, initial_ms: int | None = None) -> GatherRules:
        """Raises `ApiError` 90022 when more digits are needed than allowed."""
        if self.minimum_digits > self.maximum_digits:
            raise errors.invalid("90022", "/minimum_digits", "minimum_digits is more than maximum_digits.")
        return GatherRules(
            minimum=self.minimum_digits,
            maximum=self.maximum_digits,
            terminator=self.terminating_digit,
            valid=self.valid_digits,
            total_ms=self.timeout_millis,
            inter_digit_ms=self.inter_digit_timeout_millis,
            initial_ms=initial_ms,
            tries=tries,
        )


GatherId = Annotated[str, Field(max_length=255)]
Tries = Annotated[int, Field(ge=1, le=128)]


class Gather(CommandBody, DigitFields):
    """`gather`."""

    gather_id: GatherId | None = None
    initial_timeout_millis: Annotated[int, Field(ge=1, le=120_000)] = 5_000

    def command(self) -> commands.Gather:
        """The command."""
        return commands.Gather(
            rules=self.rules(initial_ms=self.initial_timeout_millis),
            gather_id=self.gather_id,
            **self.common(),
        )


class GatherUsingAudio(CommandBody, DigitFields, AudioFields):
    """`gather_using_audio`."""

    gather_id: GatherId | None = None
    invalid_audio_url: HttpUrl | None = None
    invalid_media_name: Annotated[str | None, Field(min_length=1, max_length=255)] = None
    maximum_tries: Tries = 3

    def command(self) -> commands.Gather:
        """Raises `ApiError` when there is no prompt, or two."""
        prompt = self.audio()
        if prompt is None:
            raise errors.missing("/audio_url", "Give audio_url or media_name.")
        return commands.Gather(
            rules=self.rules(tries=self.maximum_tries),
            prompt=prompt,
            invalid_prompt=choose_audio(
                self.invalid_audio_url, self.invalid_media_name, "/invalid_media_name"
            ),
            gather_id=self.gather_id,
            **self.common(),
        )


class GatherUsingSpeak(CommandBody, DigitFields, SpeakFields):
    """`gather_using_speak`."""

    gather_id: GatherId | None = None
    invalid_payload: Annotated[str | None, Field(max_length=3000), Sensitive] = None
    maximum_tries: Tries = 3

    def command(self) -> commands.Gather:
        """The command."""
        return commands.Gather(
            rules=self.rules(tries=self.maximum_tries),
            prompt=self.utterance(self.payload),
            invalid_prompt=(
                self.utterance(self.invalid_payload, "/invalid_payload") if self.invalid_payload else None
            ),
            gather_id=self.gather_id,
            **self.common(),
        )


class GatherStop(CommandBody):
    """`gather_stop`."""

    def command(self) -> commands.GatherStop:
        """The command."""
        return commands.GatherStop(**self.common())
