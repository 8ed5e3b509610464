"""The parts that several commands share: audio, recording, streaming, webhooks, headers.

Values arrive checked: the API's models hold the rules that a field can know (spec voice-api §3, §5).
"""

from dataclasses import dataclass
from typing import Literal

Targets = Literal["self", "opposite", "both"]
INFINITE = 0
"""Value of `loop` for "infinity"."""


@dataclass(frozen=True, slots=True)
class Header:
    """A SIP header asked for by the app (`custom_headers`, `sip_headers`)."""

    name: str
    value: str


@dataclass(frozen=True, slots=True)
class UrlAudio:
    """Audio behind a URL (WAV or MP3)."""

    url: str
    cache: bool = True


@dataclass(frozen=True, slots=True)
class StoredAudio:
    """Audio uploaded to `/media` under a name."""

    media_name: str


@dataclass(frozen=True, slots=True)
class InlineAudio:
    """Audio sent within the command (`playback_content`), decoded from base64."""

    content: bytes


Audio = UrlAudio | StoredAudio | InlineAudio


@dataclass(frozen=True, slots=True)
class Utterance:
    """Text to be spoken; `markup` says whether it is SSML."""

    text: str
    voice: str
    language: str = "en-US"
    markup: bool = False
    speed: float = 1.0
    """Factor on the voice's normal rate, 0.5 to 2."""


@dataclass(frozen=True, slots=True)
class RecordOptions:
    """How to record a leg (spec voice-api §5.3); durations in whole seconds, 0 = no limit."""

    format: Literal["wav", "mp3"]
    channels: Literal["single", "dual"]
    track: Literal["both", "inbound", "outbound"] = "both"
    max_length_s: int = 0
    timeout_s: int = 0
    trim_silence: bool = False
    play_beep: bool = False
    file_name: str | None = None


@dataclass(frozen=True, slots=True)
class StreamOptions:
    """A media stream to a WebSocket (spec media-streaming §1)."""

    url: str
    track: Literal["inbound_track", "outbound_track", "both_tracks"] = "inbound_track"
    codec: str = "default"
    bidirectional_mode: Literal["mp3", "rtp"] = "mp3"
    bidirectional_codec: str = "PCMU"
    bidirectional_rate: int = 8000
    target_legs: Targets = "opposite"
    auth_token: str | None = None
    custom_parameters: tuple[tuple[str, str], ...] = ()
    before_originate: bool = False


Track = Literal["inbound", "outbound"]
"""Whose words: the far end's, or those that the far end hears."""


@dataclass(frozen=True, slots=True)
class TranscriptionOptions:
    """What of a leg is transcribed, and how (spec voice-api §5.4)."""

    tracks: tuple[Track, ...] = ("inbound",)
    engine: str = "Google"
    """As it was asked for; who listens is for the node to say."""
    model: str | None = None
    language: str = "en"
    interim: bool = False
    """Whether words that may still change are told too."""
    hints: tuple[str, ...] = ()
    """Words and phrases that are likely to be said."""
    silence_ms: int | None = None
    """Silence that ends an utterance; None for the recognizer's own."""
    plain: bool = False
    """Small letters and no punctuation."""


@dataclass(frozen=True, slots=True)
class WebhookOptions:
    """Where a leg's events go (spec webhooks §2.1); empty means the application's URL."""

    url: str | None = None
    method: Literal["POST", "GET"] = "POST"
    urls: tuple[tuple[str, tuple[str, ...]], ...] = ()
    urls_method: Literal["POST", "GET"] = "POST"
    retries_ms: tuple[tuple[str, tuple[int, ...]], ...] = ()


@dataclass(frozen=True, slots=True)
class DialTarget:
    """How to reach a far end and what to tell it."""

    to: str
    from_: str
    display_name: str | None = None
    timeout_s: int = 30
    time_limit_s: int = 14400
    headers: tuple[Header, ...] = ()
    auth_username: str | None = None
    auth_password: str | None = None
    transport: Literal["UDP", "TCP", "TLS"] = "UDP"
    codecs: tuple[str, ...] = ()
    hide_identity: bool = False
    diverted_by: str | None = None
    """The number that the call was for (RFC 5806)."""
    timeout_is_no_answer: bool = False
    send_digits: str | None = None
    silence_when_idle: bool = False
    audio: Audio | None = None


@dataclass(frozen=True, slots=True)
class GatherRules:
    """When collected digits are complete (spec voice-api §5.2); times in milliseconds."""

    minimum: int = 1
    maximum: int = 128
    terminator: str = "#"
    valid: str = "0123456789#*"
    total_ms: int = 60_000
    inter_digit_ms: int = 5_000
    initial_ms: int | None = None
    tries: int = 1
