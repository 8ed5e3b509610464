"""Every operation of the SDK that this server has, with what it needs to be called."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from telnyx import types
from telnyx.types import calls, phone_numbers, recordings

STATE = "aGVsbG8="
PHONE = "+13125550123"
SIP = "sip:alice@192.0.2.7:5060"
URL = "https://app.example/audio.wav"

SAMPLES: Mapping[str, Any] = {
    "client_state": STATE,
    "target_leg_client_state": STATE,
    "from_": "+13125550100",
    "to": SIP,
    "diversion": PHONE,
    "audio_url": URL,
    "invalid_audio_url": URL,
    "media_url": URL,
    "webhook_url": "https://app.example/hooks",
    "webhook_event_url": "https://app.example/hooks",
    "webhook_event_failover_url": "https://app.example/hooks",
    "webhook_urls": {"call.answered": ["https://app.example/a", "https://app.example/b"]},
    "webhook_retries_policies": {"call.answered": {"retries_ms": [100, 200]}},
    "stream_url": "wss://app.example/stream",
    "preferred_codecs": "PCMU,G722",
    "park_after_unbridge": "self",
    "send_digits_on_answer": "12w#",
    "digits": "12w#",
    "terminating_digit": "*",
    "valid_digits": "123",
    "time_limit_secs": 60,
    "timeout_secs": 30,
    "duration_millis": 200,
    "maximum_digits": 5,
    "minimum_digits": 2,
    "payload": "Hello",
    "voice": "Telnyx.KokoroTTS.af",
    "voice_speed": 1.2,
    "playback_content": "UklGRgAAAABXQVZF",
    "stop": "current",
    "target_legs": "self",
    "loop": "infinity",
    "country_iso_alpha2": "US",
    "phone_number": PHONE,
    "sip_subdomain": "desk",
    "connection_name": "desk phone",
    "user_name": "alice1",
    "password": "correct horse",
    "contains": "abc",
    "starts_with": "312",
    "ends_with": "123",
    "eq": "2030-01-01T00:00:00Z",
    "gt": "2030-01-01T00:00:00Z",
    "gte": "2030-01-01T00:00:00Z",
    "lt": "2030-01-02T00:00:00Z",
    "lte": "2030-01-02T00:00:00Z",
    "phone_numbers_count": "1",
    "content_type": ["audio/wav", "audio/mpeg"],
    "transcription_tracks": "both",
    "max_endpoint_delay_ms": 700,
}


@dataclass(frozen=True)
class Operation:
    """One SDK method.

    `path` are arguments of the URL, `base` what makes the call valid; `{name}` in either stands for an id
    that the fixtures made. `instead` says which member of the base gives way to another, `beside` which
    members another needs beside it.
    """

    method: str
    params: type | None = None
    path: tuple[str, ...] = ()
    base: Mapping[str, Any] = field(default_factory=dict)
    samples: Mapping[str, Any] = field(default_factory=dict)
    instead: Mapping[str, str] = field(default_factory=dict)
    beside: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    own: Mapping[str, str] = field(default_factory=dict)
    """Base members that must be new with each call."""
    answer: type | None = None
    """The answer's model where the SDK names none: its peer has one."""
    by_contract: Mapping[str, Any] = field(default_factory=dict)
    """Values that the API itself says are refused."""


CALL = ("{call}",)
LINKED = {"link_to": "{call}"}
NUMBER = {"to": "sip:bob@192.0.2.8", "from_": "+13125550100"}
VOICED = {"payload": "<speak>Hello</speak>", "voice": "female"}
NAMED = {"application_name": "reception", "webhook_event_url": "https://app.example/hooks"}
CREDENTIALS = {"connection_name": "desk", "password": "correct horse"}


def _action(name: str, params: type, **more: Any) -> Operation:
    return Operation(f"calls.actions.{name}", params, CALL, **more)


COMMANDS = (
    Operation(
        "calls.dial",
        types.CallDialParams,
        base={"connection_id": "{application}", **NUMBER},
        beside={"bridge_intent": LINKED, "bridge_on_answer": LINKED, "park_after_unbridge": LINKED},
    ),
    _action(
        "answer", calls.ActionAnswerParams, samples={"preferred_codecs": "G722,PCMU,PCMA,G729,OPUS,VP8,H264"}
    ),
    _action("bridge", calls.ActionBridgeParams, base={"call_control_id_to_bridge_with": "{call}"}),
    _action("gather", calls.ActionGatherParams),
    _action(
        "gather_using_audio",
        calls.ActionGatherUsingAudioParams,
        base={"audio_url": URL},
        instead={"media_name": "audio_url"},
    ),
    _action("gather_using_speak", calls.ActionGatherUsingSpeakParams, base=VOICED),
    _action("hangup", calls.ActionHangupParams),
    _action("pause_recording", calls.ActionPauseRecordingParams),
    _action("reject", calls.ActionRejectParams, base={"cause": "USER_BUSY"}),
    _action("resume_recording", calls.ActionResumeRecordingParams),
    _action("send_dtmf", calls.ActionSendDtmfParams, base={"digits": "1"}),
    _action("speak", calls.ActionSpeakParams, base=VOICED),
    _action(
        "start_playback",
        calls.ActionStartPlaybackParams,
        base={"audio_url": URL},
        instead={"media_name": "audio_url", "playback_content": "audio_url"},
    ),
    _action("start_recording", calls.ActionStartRecordingParams, base={"format": "wav", "channels": "dual"}),
    _action("start_streaming", calls.ActionStartStreamingParams, base={"stream_url": "wss://app.example/s"}),
    _action("start_transcription", calls.ActionStartTranscriptionParams),
    _action("stop_gather", calls.ActionStopGatherParams),
    _action("stop_playback", calls.ActionStopPlaybackParams),
    _action("stop_recording", calls.ActionStopRecordingParams),
    _action("stop_streaming", calls.ActionStopStreamingParams),
    _action("stop_transcription", calls.ActionStopTranscriptionParams),
    _action("transfer", calls.ActionTransferParams, base={"to": SIP}),
    _action("update_client_state", calls.ActionUpdateClientStateParams, base={"client_state": STATE}),
)

NOT_YET = (
    _action("enqueue", calls.ActionEnqueueParams, base={"queue_name": "q"}),
    _action("leave_queue", calls.ActionLeaveQueueParams),
    _action("refer", calls.ActionReferParams, base={"sip_address": SIP}),
    _action("send_sip_info", calls.ActionSendSipInfoParams, base={"body": "x", "content_type": "text/plain"}),
    _action("start_forking", calls.ActionStartForkingParams),
    _action("stop_forking", calls.ActionStopForkingParams),
    _action("start_noise_suppression", calls.ActionStartNoiseSuppressionParams),
    _action("stop_noise_suppression", calls.ActionStopNoiseSuppressionParams),
    _action("start_siprec", calls.ActionStartSiprecParams),
    _action("stop_siprec", calls.ActionStopSiprecParams),
    _action("switch_supervisor_role", calls.ActionSwitchSupervisorRoleParams, base={"role": "barge"}),
    _action("gather_using_ai", calls.ActionGatherUsingAIParams, base={"parameters": {}}),
    _action("start_ai_assistant", calls.ActionStartAIAssistantParams),
    _action("stop_ai_assistant", calls.ActionStopAIAssistantParams),
)
"""Commands that are refused by name, whatever their body."""

RESOURCES = (
    Operation("calls.retrieve_status", path=CALL),
    Operation("connections.list_active_calls", types.ConnectionListActiveCallsParams, ("{application}",)),
    Operation("connections.list", types.ConnectionListParams),
    Operation("connections.retrieve_count"),
    Operation("connections.retrieve", path=("{application}",)),
    Operation("call_control_applications.create", types.CallControlApplicationCreateParams, base=NAMED),
    Operation("call_control_applications.retrieve", path=("{application}",)),
    Operation("call_control_applications.update", types.CallControlApplicationUpdateParams,
              ("{application}",), NAMED, {"sip_subdomain": "front"}),
    Operation("call_control_applications.list", types.CallControlApplicationListParams),
    Operation("call_control_applications.delete", path=("{new_application}",)),
    Operation("credential_connections.create", types.CredentialConnectionCreateParams, base=CREDENTIALS,
              own={"user_name": "user"}),
    Operation("credential_connections.retrieve", path=("{credential}",)),
    Operation("credential_connections.update", types.CredentialConnectionUpdateParams, ("{credential}",),
              beside={"user_name": {"password": "correct horse"}}),
    Operation("credential_connections.list", types.CredentialConnectionListParams),
    Operation("credential_connections.actions.check_registration_status", path=("{credential}",)),
    Operation("credential_connections.delete", path=("{new_credential}",)),
    Operation("number_orders.create", types.NumberOrderCreateParams,
              samples={"connection_id": "{application}"}, own={"phone_numbers": "numbers"}),
    Operation("number_orders.retrieve", path=("{order}",)),
    Operation("number_orders.update", types.NumberOrderUpdateParams, ("{order}",)),
    Operation("number_orders.list", types.NumberOrderListParams, samples={"status": "success"}),
    Operation("phone_numbers.retrieve", path=("{number}",)),
    Operation("phone_numbers.update", types.PhoneNumberUpdateParams, ("{number}",),
              samples={"connection_id": "{application}"}),
    Operation("phone_numbers.list", types.PhoneNumberListParams),
    Operation("phone_numbers.slim_list", types.PhoneNumberSlimListParams),
    Operation("phone_numbers.delete", path=("{new_number}",)),
    Operation("phone_numbers.voice.retrieve", path=("{number}",)),
    Operation("phone_numbers.voice.update", phone_numbers.VoiceUpdateParams, ("{number}",)),
    Operation("phone_numbers.voice.list", phone_numbers.VoiceListParams),
    Operation("available_phone_numbers.list", types.AvailablePhoneNumberListParams),
    Operation("call_events.list", types.CallEventListParams),
    Operation("webhook_deliveries.list", types.WebhookDeliveryListParams),
    Operation("webhook_deliveries.retrieve", path=("{delivery}",)),
    Operation("recordings.list", types.RecordingListParams),
    Operation("recordings.retrieve", path=("{recording}",)),
    Operation("recordings.delete", path=("{new_recording}",)),
    Operation("recordings.actions.delete", recordings.ActionDeleteParams, base={"ids": ["none"]}),
    Operation("media.list", types.MediaListParams),
    Operation("media.retrieve", path=("{media}",)),
    Operation("media.update", types.MediaUpdateParams, ("{media}",), samples={"media_url": "{audio}"}),
    Operation("media.upload", types.MediaUploadParams, base={"media_url": "{audio}"},
              samples={"media_url": "{audio}"}, own={"media_name": "media"}),
    Operation("media.delete", path=("{new_media}",)),
)  # fmt: skip
