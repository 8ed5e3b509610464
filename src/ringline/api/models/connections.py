"""Credential connections, and connections of any kind (spec voice-api §6.2)."""

from dataclasses import replace
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, SecretStr, StringConstraints

from ringline.api import errors
from ringline.api.models.applications import ChannelLimit, Name
from ringline.api.models.base import Body, View
from ringline.api.models.fields import Off, OptionalUrl, Tags, mistake, served
from ringline.store.applications import DtmfType, WebhookVersion
from ringline.store.connections import AnyConnection, CredentialConnection, Secrets

Anchorsite = Literal[
    "Latency", "Chicago, IL", "Ashburn, VA", "San Jose, CA", "Sydney, Australia", "Amsterdam, Netherlands",
    "London, UK", "Toronto, Canada", "Vancouver, Canada", "Frankfurt, Germany",
]  # fmt: skip
"""Kept and echoed; not the list that applications have."""

SHORTEST, LONGEST = 8, 128
"""Characters of a password."""

UserName = Annotated[str, StringConstraints(min_length=4, max_length=32, pattern=r"^[A-Za-z0-9]+$")]


def _long_enough(value: SecretStr) -> SecretStr:
    # The validator's own bounds of a secret speak of items, as those of a list do.
    if not SHORTEST <= len(value) <= LONGEST:
        raise mistake("10025", f"password must have {SHORTEST} to {LONGEST} characters.")
    return value


Password = Annotated[
    SecretStr,
    Field(json_schema_extra={"minLength": SHORTEST, "maxLength": LONGEST}),
    AfterValidator(_long_enough),
]


class InboundBody(Body):
    """How calls reach the phone; members beyond `codecs` and `channel_limit` are kept and echoed."""

    ani_number_format: Literal["+E.164", "E.164", "+E.164-national", "E.164-national"] = "E.164-national"
    channel_limit: ChannelLimit | None = None
    codecs: Annotated[tuple[Annotated[str, Field(max_length=16)], ...], Field(max_length=16)] = ()
    default_routing_method: Literal["sequential", "round-robin"] | None = None
    dnis_number_format: Literal["+e164", "e164", "national", "sip_username"] = "e164"
    generate_ringback_tone: bool = False
    isup_headers_enabled: bool = False
    prack_enabled: bool = False
    shaken_stir_enabled: bool = False
    simultaneous_ringing: Literal["disabled", "enabled"] = "disabled"
    sip_compact_headers_enabled: bool = True
    timeout_1xx_secs: Annotated[int, Field(ge=1, le=120)] = 3
    timeout_2xx_secs: Annotated[int, Field(ge=1, le=600)] = 90


class OutboundBody(Body):
    """What the phone may call, and as whom; members beyond `channel_limit` are kept and echoed."""

    ani_override: Annotated[str, Field(max_length=64)] = ""
    ani_override_type: Literal["always", "normal", "emergency"] = "always"
    call_parking_enabled: bool | None = None
    channel_limit: ChannelLimit | None = None
    generate_ringback_tone: bool = False
    instant_ringback_enabled: bool = False
    localization: Annotated[str, Field(max_length=8)] = ""
    outbound_voice_profile_id: str | None = None
    t38_reinvite_source: Literal[
        "telnyx", "customer", "disabled", "passthru", "caller-passthru", "callee-passthru"
    ] = "customer"


class RtcpBody(Body):
    """RTCP."""

    capture_enabled: bool = False
    port: Literal["rtcp-mux", "rtp+1"] = "rtp+1"
    report_frequency_secs: Annotated[int, Field(ge=0, le=3600)] = 5


class JitterBufferBody(Body):
    """Jitter buffer bounds."""

    enable_jitter_buffer: bool = False
    jitterbuffer_msec_min: Annotated[int, Field(ge=0, le=1000)] = 60
    jitterbuffer_msec_max: Annotated[int, Field(ge=0, le=1000)] = 200


class NoiseDetailsBody(Body):
    """Noise suppression's engine."""

    engine: Literal[
        "denoiser", "deep_filter_net", "deep_filter_net_large", "krisp_viva_tel", "krisp_viva_tel_lite",
        "krisp_viva_promodel", "krisp_viva_ss", "quail_voice_focus",
    ] = "denoiser"  # fmt: skip
    attenuation_limit: Annotated[int, Field(ge=0, le=100)] = 80


class SettingsBody(Body):
    """Members that are kept and echoed, and change nothing yet."""

    android_push_credential_id: str | None = None
    bridge_generate_comfort_noise_on_cn: bool = False
    call_cost_in_webhooks: bool = False
    conversation_persistence: bool = False
    default_on_hold_comfort_noise_enabled: bool = True
    encode_contact_header_enabled: bool = False
    ios_push_credential_id: str | None = None
    jitter_buffer: JitterBufferBody = JitterBufferBody()
    noise_suppression: Literal["inbound", "outbound", "both", "disabled"] = "disabled"
    noise_suppression_details: NoiseDetailsBody = NoiseDetailsBody()
    onnet_t38_passthrough_enabled: bool = False
    rtcp_settings: RtcpBody = RtcpBody()


class CredentialFields(SettingsBody):
    """What create and update share; an update changes those that are given."""

    active: bool = True
    anchorsite_override: Anchorsite = "Latency"
    call_cost_in_webhooks: Off = False
    dtmf_type: DtmfType = "RFC 2833"
    encrypted_media: Annotated[Literal[""], served("", later=("SRTP",))] | None = None
    inbound: InboundBody = InboundBody()
    outbound: OutboundBody = OutboundBody()
    sip_uri_calling_preference: Literal["disabled", "unrestricted", "internal"] = "disabled"
    tags: Tags = ()
    webhook_api_version: Annotated[WebhookVersion, served("1", "2", later=("texml",))] = "2"
    webhook_event_url: OptionalUrl | None = None
    webhook_event_failover_url: OptionalUrl | None = ""
    webhook_timeout_secs: Annotated[int, Field(ge=0, le=30)] | None = None

    def put_into(self, connection: CredentialConnection, now: datetime) -> CredentialConnection:
        """The connection with what was given put in, names and secrets aside."""
        given = self.model_fields_set
        values: dict[str, Any] = {name: getattr(self, name) for name in given & _COLUMNS}
        for name in ("inbound", "outbound"):
            if name in given:
                values[name] = getattr(connection, name) | _members(getattr(self, name))
        settings = {name: getattr(self, name) for name in given & SettingsBody.model_fields.keys()}
        if settings:
            kept = connection.settings
            values["settings"] = kept | {
                name: kept[name] | _members(value) if isinstance(value, Body) else value
                for name, value in settings.items()
            }
        return replace(connection, **values, updated_at=now)


_COLUMNS = CredentialFields.model_fields.keys() - SettingsBody.model_fields.keys() - {"inbound", "outbound"}


def _members(body: Body) -> dict[str, Any]:
    return body.model_dump(mode="json", exclude_unset=True)


class CredentialCreate(CredentialFields):
    """A phone that may register. The password is not kept, only its digests (RFC 8760)."""

    connection_name: Annotated[Name, Field(examples=["desk phone"])]
    user_name: Annotated[UserName, Field(examples=["alice1"])]
    password: Annotated[Password, Field(examples=["correct horse battery"])]

    def created(self, id: str, account_id: str, realm: str, now: datetime) -> CredentialConnection:
        """A new connection; what was not given has its default."""
        blank = CredentialConnection(
            id=id,
            account_id=account_id,
            connection_name=self.connection_name,
            user_name=self.user_name,
            secrets=Secrets.of(self.user_name, realm, self.password.get_secret_value()),
            inbound=InboundBody().model_dump(mode="json"),
            outbound=OutboundBody().model_dump(mode="json"),
            settings=SettingsBody().model_dump(mode="json"),
            created_at=now,
            updated_at=now,
        )
        return self.put_into(blank, now)


class CredentialUpdate(CredentialFields):
    """Members to change. A new `user_name` needs the password again: its digests hold the name."""

    connection_name: Name = ""
    user_name: UserName = ""
    password: Password = SecretStr("")

    def changed(self, connection: CredentialConnection, realm: str, now: datetime) -> CredentialConnection:
        """Raises `ApiError` 10004 for a new name without a password."""
        given = self.model_fields_set
        name = self.user_name if "user_name" in given else connection.user_name
        if name != connection.user_name and "password" not in given:
            raise errors.missing("/password", "A new user_name needs the password too.")
        secrets = connection.secrets
        if "password" in given:
            secrets = Secrets.of(name, realm, self.password.get_secret_value())
        title = self.connection_name if "connection_name" in given else connection.connection_name
        return self.put_into(replace(connection, connection_name=title, user_name=name, secrets=secrets), now)


class CredentialView(View):
    """A credential connection, without its password."""

    id: str
    record_type: Literal["credential_connection"] = "credential_connection"
    connection_name: str
    user_name: str
    active: bool
    anchorsite_override: Anchorsite
    dtmf_type: DtmfType
    encrypted_media: str | None
    inbound: InboundBody
    outbound: OutboundBody
    sip_uri_calling_preference: Literal["disabled", "unrestricted", "internal"]
    tags: list[str]
    webhook_api_version: WebhookVersion
    webhook_event_url: str | None
    webhook_event_failover_url: str | None
    webhook_timeout_secs: int | None
    android_push_credential_id: str | None
    bridge_generate_comfort_noise_on_cn: bool
    call_cost_in_webhooks: bool
    conversation_persistence: bool
    default_on_hold_comfort_noise_enabled: bool
    encode_contact_header_enabled: bool
    ios_push_credential_id: str | None
    jitter_buffer: JitterBufferBody
    noise_suppression: Literal["inbound", "outbound", "both", "disabled"]
    noise_suppression_details: NoiseDetailsBody
    onnet_t38_passthrough_enabled: bool
    rtcp_settings: RtcpBody
    created_at: datetime
    updated_at: datetime

    @classmethod
    def of(cls, connection: CredentialConnection) -> "CredentialView":
        """The view of a connection."""
        columns = {
            name: getattr(connection, name)
            for name in cls.model_fields
            if name != "record_type" and name not in SettingsBody.model_fields
        }
        return cls(**columns, **SettingsBody.model_validate(connection.settings).model_dump())


class ConnectionView(View):
    """What connections of every kind have in common."""

    id: str
    record_type: Literal["call_control_application", "credential_connection"]
    connection_name: str
    active: bool
    anchorsite_override: str
    outbound_voice_profile_id: str | None
    tags: list[str]
    webhook_api_version: WebhookVersion
    webhook_event_url: str | None
    webhook_event_failover_url: str | None
    created_at: datetime
    updated_at: datetime

    @classmethod
    def of(cls, connection: AnyConnection) -> "ConnectionView":
        """The view of a connection."""
        return cls.model_validate(connection)


class Counts(View):
    """How many connections there are of each kind that the API knows."""

    call_control_applications: int
    credential_connections: int
    external_connections: Literal[0] = 0
    fax_connections: Literal[0] = 0
    fqdn_connections: Literal[0] = 0
    ip_connections: Literal[0] = 0
    microsoft_teams_sbc_connections: Literal[0] = 0
    mobile_voice_connections: Literal[0] = 0
    operator_connect_connections: Literal[0] = 0
    texml_applications: Literal[0] = 0
    third_party_provider_connections: Literal[0] = 0
    uac_connections: Literal[0] = 0
    zoom_sbc_connections: Literal[0] = 0


class Limits(View):
    """How many there may be: as many as the identifiers allow."""

    global_limit: int = 2**31 - 1


class CountView(View):
    """How many connections there are, and may be."""

    record_type: Literal["connection_count"] = "connection_count"
    counts: Counts
    limits: Limits = Limits()


class RegistrationView(View):
    """Whether a user's phone can be called now."""

    record_type: Literal["registration_status"] = "registration_status"
    sip_username: str
    status: Literal["Not Registered", "Registered", "Expired"]
    ip_address: str | None = None
    port: int | None = None
    transport: str | None = None
    user_agent: str | None = None
    last_registration: datetime | None = None
