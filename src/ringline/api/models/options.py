"""Groups of fields that several commands share: recording, streaming, webhooks, SIP headers, the far end."""

import re
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, StringConstraints

from ringline.api import errors
from ringline.api.models.base import Body, Sensitive
from ringline.api.models.fields import (
    FileName,
    HttpUrl,
    Ignored,
    Off,
    SampleRate,
    WebSocketUrl,
    mistake,
    served,
)
from ringline.calls.options import (
    Audio,
    Header,
    RecordOptions,
    StoredAudio,
    StreamOptions,
    Targets,
    UrlAudio,
    WebhookOptions,
)
from ringline.webhooks.policy import KNOWN_EVENT_TYPES, MAX_RETRIES, MAX_RETRIES_TOTAL_MS

TOKEN = re.compile(r"[A-Za-z0-9.!%*_+`'~-]{1,128}")  # RFC 3261 §25.1
OURS = frozenset(
    """
    via from to call-id cseq contact max-forwards content-length content-type route record-route authorization
    proxy-authorization require proxy-require supported
    v f t i m l c k
    """.split()  # noqa: SIM905 - names in lines, not one a line
)
"""Headers that make a SIP message what it is, and their compact forms; an app may not set them."""

CODECS = "G722,PCMU,PCMA,G729,OPUS,VP8,H264,AMR-WB,L16"
UNTRANSCODED = ("OPUS", "AMR-WB")
"""Codecs that this server passes through but neither encodes nor decodes."""


def _header_name(value: str) -> str:
    if not TOKEN.fullmatch(value) or value.lower() in OURS:
        raise mistake(
            "10015", "The name of a custom header must be a SIP token other than a protocol header."
        )
    return value


def _header_value(value: str) -> str:
    if any(ord(letter) < 32 or ord(letter) == 127 for letter in value):
        raise mistake("10015", "The value of a header must be one line without control characters.")
    return value


HeaderValue = Annotated[str, StringConstraints(max_length=4096), AfterValidator(_header_value)]


class CustomHeader(Body):
    """A header of the app's choice."""

    name: Annotated[str, AfterValidator(_header_name)]
    value: HeaderValue


class SipHeader(Body):
    """The one standard header that an app may set (RFC 7433)."""

    name: Literal["User-to-User"]
    value: HeaderValue


class CustomHeaders(Body):
    """`custom_headers`."""

    custom_headers: Annotated[list[CustomHeader], Field(max_length=50)] = Field(
        [], examples=[[{"name": "X-Order", "value": "4711"}]]
    )

    def headers(self) -> tuple[Header, ...]:
        """In the order given."""
        return tuple(Header(one.name, one.value) for one in self.custom_headers)


class SipHeaders(CustomHeaders):
    """`custom_headers` and `sip_headers`."""

    sip_headers: Annotated[list[SipHeader], Field(max_length=10)] = Field([])

    def headers(self) -> tuple[Header, ...]:
        """Custom ones first."""
        return (*super().headers(), *(Header(one.name, one.value) for one in self.sip_headers))


class RecordFields(Body):
    """`record` and its options (spec voice-api §3); without `record` the options mean nothing."""

    record: Literal["record-from-answer"] | None = None
    record_channels: Literal["single", "dual"] = "dual"
    record_format: Literal["wav", "mp3"] = "mp3"
    record_max_length: Annotated[int, Field(ge=0, le=43200)] = 0
    record_timeout_secs: Annotated[int, Field(ge=0)] = 0
    record_track: Literal["both", "inbound", "outbound"] = "both"
    record_trim: Literal["trim-silence"] | None = None
    record_custom_file_name: FileName | None = None

    def recording(self) -> RecordOptions | None:
        """What to record from the answer on; a single track forces one channel."""
        if self.record is None:
            return None
        return RecordOptions(
            format=self.record_format,
            channels=self.record_channels if self.record_track == "both" else "single",
            track=self.record_track,
            max_length_s=self.record_max_length,
            timeout_s=self.record_timeout_secs,
            trim_silence=self.record_trim is not None,
            file_name=self.record_custom_file_name,
        )


class CustomParameter(Body):
    """A pair that the stream's `start` frame carries."""

    name: Annotated[str, Field(max_length=256)] = ""
    value: Annotated[str, Field(max_length=4096)] = ""


class StreamFields(Body):
    """`stream_*` (spec media-streaming §1); without `stream_url` nothing is streamed."""

    stream_url: WebSocketUrl | None = Field(None, examples=["wss://app.example/stream"])
    stream_track: Literal["inbound_track", "outbound_track", "both_tracks"] = "inbound_track"
    stream_codec: Literal["PCMU", "PCMA", "G722", "OPUS", "AMR-WB", "L16", "default"] = Field(
        "default", description="A codec that cannot be transcoded means the codec of the call."
    )
    stream_bidirectional_mode: Literal["mp3", "rtp"] = "mp3"
    stream_bidirectional_codec: Annotated[
        Literal["PCMU", "PCMA", "G722", "L16"], served("PCMU", "PCMA", "G722", "L16", later=UNTRANSCODED)
    ] = "PCMU"
    stream_bidirectional_sampling_rate: SampleRate = 8000
    stream_bidirectional_target_legs: Targets = "opposite"
    stream_auth_token: Annotated[str | None, Field(max_length=4000), Sensitive] = None
    enable_dialogflow: Off = False
    dialogflow_config: Ignored = None

    def streaming(
        self, parameters: tuple[tuple[str, str], ...] = (), *, before_originate: bool = False
    ) -> StreamOptions | None:
        """Where and how to stream."""
        if self.stream_url is None:
            return None
        return StreamOptions(
            url=self.stream_url,
            track=self.stream_track,
            codec="default" if self.stream_codec in UNTRANSCODED else self.stream_codec,
            bidirectional_mode=self.stream_bidirectional_mode,
            bidirectional_codec=self.stream_bidirectional_codec,
            bidirectional_rate=self.stream_bidirectional_sampling_rate,
            target_legs=self.stream_bidirectional_target_legs,
            auth_token=self.stream_auth_token,
            custom_parameters=parameters,
            before_originate=before_originate,
        )


def _event_types(value: Any) -> Any:
    if isinstance(value, dict) and (unknown := sorted(map(str, value.keys() - KNOWN_EVENT_TYPES))):
        raise mistake("90057", f"Not event types: {', '.join(unknown)[:200]}.")
    return value


def _as_list(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


def _short_enough(value: list[int]) -> list[int]:
    if sum(value) > MAX_RETRIES_TOTAL_MS:
        raise mistake("10033", f"retries_ms may add up to {MAX_RETRIES_TOTAL_MS} at most.")
    return value


class RetriesPolicy(Body):
    """Pauses before the repeats of one event's delivery."""

    retries_ms: Annotated[
        list[Annotated[int, Field(ge=0)]], Field(max_length=MAX_RETRIES), AfterValidator(_short_enough)
    ] = Field([])


Urls = Annotated[list[HttpUrl], Field(min_length=1, max_length=10), BeforeValidator(_as_list)]


class WebhookFields(Body):
    """`webhook_*` (spec webhooks §2.1): where this call's events go instead of the application's URL."""

    webhook_url: HttpUrl | None = Field(None, examples=["https://app.example/webhooks"])
    webhook_url_method: Literal["POST", "GET"] = "POST"
    webhook_urls: Annotated[dict[str, Urls], BeforeValidator(_event_types)] = Field({})
    webhook_urls_method: Literal["POST", "GET"] = "POST"
    webhook_retries_policies: Annotated[dict[str, RetriesPolicy], BeforeValidator(_event_types)] = Field({})

    def webhooks(self) -> WebhookOptions:
        """As given."""
        return WebhookOptions(
            url=self.webhook_url,
            method=self.webhook_url_method,
            urls=tuple((event, tuple(urls)) for event, urls in self.webhook_urls.items()),
            urls_method=self.webhook_urls_method,
            retries_ms=tuple(
                (event, tuple(policy.retries_ms)) for event, policy in self.webhook_retries_policies.items()
            ),
        )

    def webhooks_given(self) -> WebhookOptions | None:
        """As given, or None when nothing was: the leg keeps what it has."""
        return (
            self.webhooks()
            if self.webhook_url or self.webhook_urls or self.webhook_retries_policies
            else None
        )


class AudioFields(Body):
    """`audio_url` or `media_name`."""

    audio_url: HttpUrl | None = Field(None, examples=["https://app.example/welcome.wav"])
    media_name: Annotated[str | None, Field(min_length=1, max_length=255)] = None

    def audio(self) -> Audio | None:
        """The one that was given; 10015 for both."""
        return choose_audio(self.audio_url, self.media_name, "/media_name")


def choose_audio(
    url: str | None, media_name: str | None, pointer: str, *, cache: bool = True
) -> Audio | None:
    """Audio behind a URL or stored under a name; raises `ApiError` 10015 at `pointer` when both are given."""
    if url is not None and media_name is not None:
        raise errors.invalid("10015", pointer, "Give audio by URL or by media name, not both.")
    if url is not None:
        return UrlAudio(url, cache)
    return StoredAudio(media_name) if media_name is not None else None


def _codec_list(value: str) -> str:
    if unknown := [one for one in _codecs(value) if one not in CODECS.split(",")]:
        raise mistake("10032", f"The value must be a list of: {CODECS}; not {', '.join(unknown)[:100]}.")
    return value


def _codecs(value: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(part.strip().upper() for part in value.split(",") if part.strip()))


class CodecFields(Body):
    """`preferred_codecs`."""

    preferred_codecs: Annotated[str, StringConstraints(max_length=200), AfterValidator(_codec_list)] = Field(
        "", examples=["G722,PCMU"]
    )

    def codecs(self) -> tuple[str, ...]:
        """Names in order of preference, each once."""
        return _codecs(self.preferred_codecs)
