"""Every setting, with its default and meaning; read from TOML and from `RINGLINE_<SECTION>_<NAME>`.

Order of precedence: command line, environment, file, default. `ringline config` prints the result, and the
configuration page of the documentation is written from the descriptions here.
"""

import os
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, SecretStr, ValidationError

from ringline.core.errors import ConfigError

PREFIX = "RINGLINE_"


def _from_commas(value: object) -> object:
    return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value


Names = Annotated[tuple[str, ...], BeforeValidator(_from_commas)]
"""A list; in the environment, comma-separated."""


class Section(BaseModel):
    """One table of the configuration file."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class HttpSettings(Section):
    """The REST API."""

    host: str = Field("127.0.0.1", description="Address that the API listens on.")
    port: int = Field(8080, ge=0, le=65535, description="TCP port of the API; 0 takes a free one.")
    public_url: str = Field("", description="Base of links in answers when ringline is behind a proxy.")
    requests_per_minute: int = Field(60_000, ge=1, description="Requests that one account may make a minute.")


class SipSettings(Section):
    """Signalling."""

    host: str = Field("127.0.0.1", description="Address that SIP listens on, UDP and TCP.")
    port: int = Field(5060, ge=0, le=65535, description="SIP port; 0 takes a free one.")
    external_address: str = Field(
        "", description="What Via and Contact say when it is not the bound address."
    )
    realm: str = Field("ringline", description="Realm of digest challenges.")
    default_application: str = Field("", description="Application id that takes calls to unknown targets.")
    digest_algorithms: Names = Field(
        ("MD5",), description="Digest algorithms in order of preference; old phones stop at any but MD5."
    )
    invites_per_second: int = Field(200, ge=1, description="New calls a second before 503.")
    t1_ms: int = Field(500, ge=10, description="RFC 3261 T1, the round-trip estimate.")
    trunk: str = Field(
        "",
        description="SIP URI that takes calls to numbers nobody here owns: sip:host[:port][;transport=tcp].",
    )


class MediaSettings(Section):
    """RTP."""

    host: str = Field("127.0.0.1", description="Address that RTP sockets bind to.")
    external_address: str = Field("", description="What SDP says when it is not the bound address.")
    ports: str = Field(
        "20000-29999", pattern=r"^\d+-\d+$", description="Port range for RTP and RTCP, LOW-HIGH."
    )
    driver: Literal["auto", "native", "asyncio"] = Field("auto", description="Which driver runs the engine.")
    codecs: Names = Field(("PCMU", "PCMA", "G722", "L16"), description="Codecs in order of preference.")
    rtp_timeout_s: int = Field(0, ge=0, description="Hang up a leg that sends nothing for so long; 0 never.")

    def port_range(self) -> range:
        """The ports as a range, high end included."""
        low, high = (int(part) for part in self.ports.split("-"))
        if not 1024 <= low < high <= 65535:
            raise ConfigError(f"media.ports {self.ports}: need 1024 <= LOW < HIGH <= 65535")
        return range(low, high + 1)

    def pairs(self) -> int:
        """How many legs the ports carry: each takes an even one and the next (RFC 3550 §11)."""
        ports = self.port_range()
        return sum(port % 2 == 0 and port + 1 in ports for port in ports)


class NetSettings(Section):
    """Which addresses ringline may connect to on a user's behalf."""

    policy: Literal["auto", "open", "closed"] = Field(
        "auto",
        description="auto: private targets while listening on loopback only; open, closed: plainly so.",
    )
    allow: Names = Field((), description="Networks allowed although the policy denies them, as 10.0.0.0/8.")
    deny: Names = Field((), description="Networks denied although the policy allows them.")
    max_download_mb: int = Field(50, ge=1, description="Largest file fetched for playback or media storage.")
    timeout_s: float = Field(10.0, gt=0, description="Longest fetch of a file.")


class WebhookSettings(Section):
    """Delivery of events."""

    order: Literal["wait", "strict", "none"] = Field(
        "wait",
        description="wait: the next event of a leg starts after the previous attempt or order_wait_ms.",
    )
    order_wait_ms: int = Field(250, ge=0, description="Longest wait for the previous event's first attempt.")
    timeout_ms: int = Field(2000, ge=100, description="Time that an app has to answer a webhook.")


class TimelineSettings(Section):
    """What is kept of calls."""

    retention_days: int = Field(
        30, ge=0, description="Days that timelines, events, ended calls and jobs are kept; 0 is for ever."
    )
    trace: Literal["normal", "full"] = Field("normal", description="full keeps whole SIP messages.")


class StoreSettings(Section):
    """The database."""

    url: str = Field("", description="SQLAlchemy URL; empty means SQLite in the data folder.")


class StorageSettings(Section):
    """Recordings and media."""

    url: str = Field("", description="Object store URL (s3://…); empty means the data folder.")
    link_secs: int = Field(600, ge=1, description="Seconds that a signed download link works.")
    orphan_days: int = Field(
        7,
        ge=0,
        description="Days after which stored bytes that no row of the database names are removed; 0 never, "
        "as it must be where several databases share one bucket and prefix.",
    )


class SpeechSettings(Section):
    """Synthesis."""

    models: str = Field("", description="Folder of model weights; empty means models in the data folder.")
    remote_url: str = Field("", description="Base URL of an OpenAI-compatible /audio/speech.")
    remote_key: SecretStr = Field(SecretStr(""), description="Key for remote_url.")
    remote_model: str = Field("tts-1", description="Model name that remote_url is asked for.")
    workers: int = Field(2, ge=1, description="Clauses that are synthesised at the same time.")


class RecognitionSettings(Section):
    """Live recognition: what callers say, as text."""

    remote_url: str = Field("", description="Base URL of an OpenAI-compatible /audio/transcriptions.")
    remote_key: SecretStr = Field(SecretStr(""), description="Key for remote_url.")
    remote_model: str = Field("whisper-1", description="Model name that remote_url is asked for.")
    remote_languages: Names = Field((), description="Languages that remote_url understands; empty is any.")
    remote_in_flight: int = Field(16, ge=1, description="Utterances sent to remote_url at the same time.")
    vad: Literal["auto", "silero", "energy"] = Field(
        "auto",
        description="Who finds speech: the model silero-vad, or loudness alone; auto is the model if pulled.",
    )
    workers: int = Field(0, ge=0, description="Utterances written down here at once; 0: one a core, up to 4.")
    early: bool = Field(
        True,
        description="Write an utterance down at its first silence, not only at its end: quicker, at times in "
        "vain.",
    )
    tracks: int = Field(32, ge=1, description="Tracks of calls listened to at once; then more are refused.")


class EmbeddingSettings(Section):
    """Texts into vectors."""

    urls: Names = Field((), description="Base URLs of one OpenAI-compatible engine, replicas of each other.")
    key: SecretStr = Field(SecretStr(""), description="Key for urls.")
    models: Names = Field((), description="Models that urls serve; those that are pulled are served too.")
    default: str = Field("", description="Model that aliases lead to; empty is the first that is there.")
    workers: int = Field(0, ge=0, description="Batches run at once, a core each; 0 is one a core, up to 4.")
    arithmetic: Literal["int8", "float32"] = Field(
        "int8",
        description="How local models multiply; float32 is a little more exact and takes a third longer.",
    )
    batch_texts: int = Field(32, ge=1, description="Texts of different requests that share a batch.")
    batch_tokens: int = Field(4096, ge=1, description="Tokens that a batch has at most.")
    batch_wait_ms: float = Field(5.0, ge=0, description="Wait for more texts while several clients ask.")
    waiting: int = Field(
        8192, ge=1, description="Texts that may wait; beyond it requests are sent away (429)."
    )


class InferenceSettings(Section):
    """Chat models."""

    model: str = Field(
        "", description="Default chat model; empty is the first of the engines, else the embedded one."
    )
    upstream: Names = Field(
        (), description="Base URLs, ending in /v1, of an OpenAI-compatible engine; several share its load."
    )
    upstream_key: SecretStr = Field(SecretStr(""), description="Key for upstream.")
    upstream_dialect: Literal["openai", "vllm", "vllm-guided", "llama.cpp"] = Field(
        "openai", description="What upstream is (vllm-guided: before 0.12); guides and sampling differ."
    )
    engines: str = Field("", description="TOML file of more engines ([[engine]]) and of [aliases].")
    in_flight: int = Field(128, ge=1, description="Answers that one model of an engine writes at once.")
    waiting: int = Field(
        256, ge=1, description="Requests that may wait for a model, live calls and others each; then 429."
    )
    wait_s: float = Field(30.0, gt=0, description="Longest wait for a place; then 429.")
    connect_s: float = Field(2.0, gt=0, description="Longest connecting to an engine.")
    first_s: float = Field(60.0, gt=0, description="Longest wait for an answer's first token.")
    idle_s: float = Field(30.0, gt=0, description="Longest silence within an answer.")
    total_s: float = Field(600.0, gt=0, description="Longest answer, waiting included.")
    slots: int = Field(2, ge=1, le=64, description="Answers that the embedded model writes at once.")
    context: int = Field(8192, ge=512, description="Tokens of context for each of them.")
    threads: int = Field(
        0, ge=0, description="Threads of the embedded model; 0 leaves one CPU to others, up to 8."
    )
    loaded: int = Field(3, ge=1, description="Embedded models and adapters in memory at once.")
    loaded_s: float = Field(900.0, gt=0, description="Unused for so long, one leaves the memory.")


class StreamSettings(Section):
    """Media streaming."""

    l16_byte_order: Literal["big", "little"] = Field(
        "big", description="Byte order of L16 payloads, both ways."
    )


class CallSettings(Section):
    """Calls."""

    limit: int = Field(500, ge=1, description="Legs at once, if media.ports are enough; beyond it 503.")
    keep_ended_s: int = Field(600, ge=600, description="Seconds that an ended call stays known.")


class InsightSettings(Section):
    """Insights of conversations."""

    idle_s: float = Field(
        60.0, ge=0, description="Silence after which a conversation's insights are generated; 0 never."
    )
    group: str = Field(
        "default", description="Name of the insight group for conversations whose metadata names none."
    )
    model: str = Field("", description="Chat model that is asked; empty is the default one.")


class ReportSettings(Section):
    """Reports on what was used."""

    keep_days: int = Field(7, ge=1, description="Days that the file of a finished report is kept.")
    usage_days: int = Field(400, ge=0, description="Days that usage is kept; 0 keeps it for ever.")
    recognition_price: float = Field(
        0.0, ge=0, description="What reports say a minute of speech recognition costs."
    )
    currency: str = Field("USD", pattern=r"^[A-Z]{3}$", description="Currency of that price (ISO 4217).")


class TrainingSettings(Section):
    """Fine-tuning."""

    command: str = Field(
        "",
        description="Program that trains instead of the built-in trainer; {task}, {data}, {adapter}, {model} "
        "and {id} are filled in.",
    )
    url: str = Field("", description="Base URL of an HTTP service that trains instead.")
    key: SecretStr = Field(SecretStr(""), description="Key for url.")
    threads: int = Field(0, ge=0, description="Threads of the built-in trainer; 0 leaves one CPU to others.")
    longest_tokens: int = Field(1024, ge=16, description="Longest conversation that is trained on.")
    max_file_mb: int = Field(100, ge=1, description="Largest training files of one job, together.")
    save_every: int = Field(20, ge=1, description="Steps after which the built-in trainer saves its state.")


class LogSettings(Section):
    """Logs on standard error."""

    level: Literal["debug", "info", "warning", "error"] = Field(
        "info", description="Least level that is written."
    )
    format: Literal["auto", "json", "pretty"] = Field("auto", description="auto is pretty on a terminal.")


class Settings(BaseModel):
    """All sections."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    data: Path = Field(Path("ringline-data"), description="Folder of everything ringline keeps.")
    api_key: SecretStr = Field(
        SecretStr(""), description="The first API key; made and printed once when empty."
    )
    drain_secs: float = Field(30.0, ge=0, description="How long a stop waits for calls to end.")
    http: HttpSettings = HttpSettings()
    sip: SipSettings = SipSettings()
    media: MediaSettings = MediaSettings()
    net: NetSettings = NetSettings()
    webhooks: WebhookSettings = WebhookSettings()
    timeline: TimelineSettings = TimelineSettings()
    store: StoreSettings = StoreSettings()
    storage: StorageSettings = StorageSettings()
    speech: SpeechSettings = SpeechSettings()
    recognition: RecognitionSettings = RecognitionSettings()
    embeddings: EmbeddingSettings = EmbeddingSettings()
    inference: InferenceSettings = InferenceSettings()
    streams: StreamSettings = StreamSettings()
    calls: CallSettings = CallSettings()
    insights: InsightSettings = InsightSettings()
    reports: ReportSettings = ReportSettings()
    training: TrainingSettings = TrainingSettings()
    log: LogSettings = LogSettings()

    def store_url(self) -> str:
        """The database's URL, the default resolved."""
        return self.store.url or f"sqlite:///{self.data / 'ringline.db'}"

    def models_folder(self) -> Path:
        """Where model weights lie."""
        return Path(self.speech.models) if self.speech.models else self.data / "models"


Overrides = Mapping[str, Any]
"""Values by dotted name (`http.port`), or by plain name for the top level."""


def load(
    file: Path | None = None, environ: Mapping[str, str] | None = None, overrides: Overrides = {}
) -> Settings:
    """Read the settings; raises `ConfigError` naming the setting that is wrong and where it came from."""
    values: dict[str, Any] = _from_file(file) if file else {}
    for name, text in _from_environment(os.environ if environ is None else environ):
        _put(values, name, text)
    for name, value in overrides.items():
        if value is not None:
            _put(values, name, value)
    try:
        return Settings.model_validate(values)
    except ValidationError as error:
        first = error.errors()[0]
        name = ".".join(str(part) for part in first["loc"])
        raise ConfigError(
            f"setting {name}: {first['msg']} (file key {name}, or {variable(name)} in the environment)"
        ) from error


def names() -> Iterator[tuple[str, str, object]]:
    """Every setting as (dotted name, description, default), in the order of the file."""
    for name, field in Settings.model_fields.items():
        if isinstance(field.default, Section):
            for inner, inner_field in type(field.default).model_fields.items():
                yield f"{name}.{inner}", inner_field.description or "", inner_field.default
        else:
            yield name, field.description or "", field.default


def variable(name: str) -> str:
    """The environment variable of a dotted name: `http.port` → `RINGLINE_HTTP_PORT`."""
    return PREFIX + name.replace(".", "_").upper()


def _from_file(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text())
    except OSError as error:
        raise ConfigError(f"cannot read {file}: {error.strerror}") from error
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{file} is not TOML: {error}") from error


def _from_environment(environ: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    known = {variable(name): name for name, _, _ in names()}
    for key, text in environ.items():
        if key in known:
            yield known[key], text


def _put(values: dict[str, Any], name: str, value: object) -> None:
    section, _, inner = name.rpartition(".")
    (values.setdefault(section, {}) if section else values)[inner] = value
