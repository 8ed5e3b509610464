"""Bodies of the commands that begin, join and end calls (spec voice-api §3, §5)."""

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, StringConstraints

from ringline.api import errors
from ringline.api.models.base import CommandBody, Sensitive
from ringline.api.models.fields import CallerId, ClientState, Ignored, Unavailable, mistake
from ringline.api.models.options import (
    CodecFields,
    CustomHeaders,
    RecordFields,
    SipHeaders,
    StreamFields,
    WebhookFields,
)
from ringline.api.models.target import TargetFields, without_digits
from ringline.api.models.transcription import TranscriptionFields
from ringline.calls import commands

MAX_TARGETS = 20

CallControlId = Annotated[str, Field(min_length=1, max_length=255)]
Target = Annotated[str, Field(min_length=1, max_length=600)]
Dtmf = Literal["none", "both", "self", "opposite"]


def _targets(value: Any) -> Any:
    return [value] if isinstance(value, str | int) else value


class Dial(CommandBody, TargetFields, RecordFields, StreamFields, TranscriptionFields, WebhookFields):
    """`POST /calls`."""

    connection_id: Annotated[str, Field(min_length=1, max_length=20, examples=["1500000000000000001"])]
    from_: Annotated[CallerId, Field(alias="from", examples=["+13125550100"])]
    to: Annotated[
        list[Target],
        BeforeValidator(_targets),
        Field(min_length=1, max_length=MAX_TARGETS, examples=["sip:alice@192.0.2.7:5060"]),
    ] = Field(description="+E.164 or a SIP URI; a list rings all and the first answer wins.")
    billing_group_id: str | None = None
    bridge_intent: bool = False
    bridge_on_answer: bool = False
    conference_config: Unavailable = None
    assistant: Unavailable = None
    conversation_relay_config: Unavailable = None
    deepfake_detection: Ignored = None
    link_to: CallControlId | None = None
    park_after_unbridge: Literal["self"] | None = None
    prevent_double_bridge: bool = False
    retry_on_timeout: bool = True
    send_silence_when_idle: bool = False
    stream_establish_before_call_originate: bool = False
    supervise_call_control_id: Unavailable = None
    supervisor_role: Literal["barge", "whisper", "monitor"] = "barge"

    def redacted(self) -> str:
        """Digits after a target's comma are masked too."""
        plain = [without_digits(to) for to in self.to]
        if plain == self.to:
            return super().redacted()
        return super(Dial, self.model_copy(update={"to": plain})).redacted()

    def command(self) -> commands.Dial:
        """Raises `ApiError` where two fields do not fit together."""
        for name in ("bridge_intent", "bridge_on_answer", "park_after_unbridge"):
            if getattr(self, name) and self.link_to is None:
                raise errors.missing("/link_to", f"{name} needs link_to.")
        pointer = "/to" if len(self.to) == 1 else "/to/{}"
        return commands.Dial(
            connection_id=self.connection_id,
            targets=tuple(
                self.target(
                    to,
                    self.from_,
                    pointer.format(position),
                    timeout_is_no_answer=not self.retry_on_timeout,
                    silence_when_idle=self.send_silence_when_idle,
                )
                for position, to in enumerate(self.to)
            ),
            link_to=self.link_to,
            bridge_intent=self.bridge_intent,
            bridge_on_answer=self.bridge_on_answer,
            park_after_unbridge=self.park_after_unbridge is not None,
            prevent_double_bridge=self.prevent_double_bridge,
            record=self.recording(),
            stream=self.streaming(before_originate=self.stream_establish_before_call_originate),
            transcription=self.transcribing(self.recording()),
            webhooks=self.webhooks(),
            billing_group_id=self.billing_group_id,
            **self.common(),
        )


class Answer(
    CommandBody, SipHeaders, CodecFields, RecordFields, StreamFields, TranscriptionFields, WebhookFields
):
    """`answer`."""

    assistant: Unavailable = None
    billing_group_id: Ignored = None
    conversation_relay_config: Unavailable = None
    deepfake_detection: Ignored = None
    send_silence_when_idle: bool = False
    sound_modifications: Unavailable = None

    def command(self) -> commands.Answer:
        """The command."""
        return commands.Answer(
            headers=self.headers(),
            codecs=self.codecs(),
            record=self.recording(),
            stream=self.streaming(),
            transcription=self.transcribing(self.recording()),
            silence_when_idle=self.send_silence_when_idle,
            webhooks=self.webhooks_given(),
            **self.common(),
        )


class Reject(CommandBody):
    """`reject`."""

    cause: Literal["CALL_REJECTED", "USER_BUSY", "NOT_FOUND", "TEMPORARILY_UNAVAILABLE"]

    def command(self) -> commands.Reject:
        """The command."""
        return commands.Reject(cause=self.cause, **self.common())


def _reason_text(value: str) -> str:
    # It becomes a quoted string of the Reason header (RFC 3326 §2).
    if any(
        letter in '"\\' or ord(letter) < 32 or ord(letter) == 127 or ord(letter) > 0xFFFF for letter in value
    ):
        raise mistake("10015", "reason may not have quotes, backslashes, control or non-BMP characters.")
    return value


class Hangup(CommandBody, CustomHeaders):
    """`hangup`."""

    reason: Annotated[str, StringConstraints(max_length=256), AfterValidator(_reason_text)] | None = None

    def command(self) -> commands.Hangup:
        """The command."""
        return commands.Hangup(headers=self.headers(), reason=self.reason, **self.common())


Ringtone = Literal[
    "at", "au", "be", "bg", "br", "ch", "cl", "cn", "cz", "de", "dk", "ee", "es", "fi", "fr", "gr", "hu",
    "il", "in", "it", "jp", "lt", "mx", "my", "nl", "no", "nz", "ph", "pl", "pt", "ru", "se", "sg", "th",
    "tw", "uk", "us-old", "us", "ve", "za",
]  # fmt: skip


class Bridge(CommandBody, RecordFields):
    """`bridge`; the path names leg A, `call_control_id` leg B."""

    call_control_id: CallControlId | None = Field(
        None, examples=["v3:MdI91X4lWFEs7IgbBEOT9M4AigoY08M0WWZFISt1Yw2axZ_IiE4pqg"]
    )
    queue: Unavailable = None
    video_room_id: Unavailable = None
    video_room_context: Ignored = None
    hold_after_unbridge: bool = False
    mute_dtmf: Dtmf = "none"
    park_after_unbridge: Literal["self"] | None = None
    play_ringtone: bool = False
    prevent_double_bridge: bool = False
    ringtone: Ringtone = "us"

    def command(self) -> commands.Bridge:
        """Raises `ApiError` 10004 without a second leg."""
        if self.call_control_id is None:
            raise errors.missing("/call_control_id")
        return commands.Bridge(
            other=self.call_control_id,
            park_after_unbridge=self.park_after_unbridge is not None,
            hold_after_unbridge=self.hold_after_unbridge,
            play_ringtone=self.play_ringtone,
            ringtone=self.ringtone,
            mute_dtmf=self.mute_dtmf,
            prevent_double_bridge=self.prevent_double_bridge,
            record=self.recording(),
            **self.common(),
        )


class Transfer(CommandBody, TargetFields, RecordFields, WebhookFields):
    """`transfer`; without `from` the new leg shows this leg's `to`."""

    to: Annotated[Target, Field(examples=["+13125550123"])]
    from_: Annotated[CallerId | None, Field(alias="from")] = None
    early_media: bool = True
    mute_dtmf: Dtmf = "none"
    park_after_unbridge: Literal["self"] | None = None
    target_leg_client_state: ClientState | None = None

    def redacted(self) -> str:
        """Digits after the target's comma are masked too."""
        return super(Transfer, self.model_copy(update={"to": without_digits(self.to)})).redacted()

    def command(self) -> commands.Transfer:
        """Raises `ApiError` for a target that cannot be dialled."""
        return commands.Transfer(
            target=self.target(self.to, self.from_ or ""),
            early_media=self.early_media,
            park_after_unbridge=self.park_after_unbridge is not None,
            mute_dtmf=self.mute_dtmf,
            record=self.recording(),
            target_client_state=self.target_leg_client_state,
            webhooks=self.webhooks_given(),
            **self.common(),
        )


class SendDtmf(CommandBody):
    """`send_dtmf`."""

    digits: Annotated[
        str, StringConstraints(min_length=1, max_length=512, pattern=r"^[0-9A-D*#wW]+$"), Sensitive
    ] = Field(description="w pauses half a second, W a second.", examples=["1w2#"])
    duration_millis: Annotated[int, Field(ge=100, le=500)] = 250

    def command(self) -> commands.SendDtmf:
        """The command."""
        return commands.SendDtmf(digits=self.digits, duration_ms=self.duration_millis, **self.common())


class ClientStateUpdate(CommandBody):
    """`client_state_update`."""

    client_state: ClientState = Field(description="Base64 text; empty clears it.", examples=["aGVsbG8="])

    def command(self) -> commands.ClientStateUpdate:
        """The command."""
        return commands.ClientStateUpdate(**self.common())
