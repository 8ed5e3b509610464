"""Phone numbers, their orders and voice settings (spec voice-api §6.2)."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import Field

from ringline.api import countries
from ringline.api.models.base import Body, View
from ringline.api.models.fields import Off, Tags
from ringline.api.models.fields import PhoneNumber as Number
from ringline.store.numbers import NumberOrder, PhoneNumber

Status = Literal[
    "purchase-pending", "purchase-failed", "port-pending", "port-failed", "active", "deleted",
    "emergency-only", "ported-out", "port-out-pending",
]  # fmt: skip
Reference = Annotated[str, Field(max_length=255)]
ConnectionId = Annotated[str, Field(max_length=20)]


class OrderedNumber(Body):
    """One number of an order."""

    phone_number: Annotated[Number, Field(examples=["+13125550123"])]
    bundle_id: str | None = None
    requirement_group_id: str | None = None


class OrderCreate(Body):
    """An order; it is complete at once."""

    phone_numbers: Annotated[list[OrderedNumber], Field(min_length=1, max_length=1000)]
    connection_id: ConnectionId | None = None
    customer_reference: Reference | None = None
    billing_group_id: str | None = None
    messaging_profile_id: str | None = None


class OrderUpdate(Body):
    """What of an order can change."""

    customer_reference: Reference | None = None


class OrderedNumberView(View):
    """A number that an order brought."""

    id: str
    record_type: Literal["number_order_phone_number"] = "number_order_phone_number"
    phone_number: str
    country_code: str
    phone_number_type: Literal["local"] = "local"
    requirements_met: bool = True
    requirements_status: Literal["approved"] = "approved"
    regulatory_requirements: tuple[()] = ()
    status: Literal["success"] = "success"


class OrderView(View):
    """A number order."""

    id: str
    record_type: Literal["number_order"] = "number_order"
    phone_numbers: list[OrderedNumberView]
    phone_numbers_count: int
    connection_id: str | None
    customer_reference: str | None
    billing_group_id: None = None
    messaging_profile_id: None = None
    requirements_met: bool = True
    sub_number_orders_ids: tuple[()] = ()
    status: Literal["pending", "success", "failure"]
    created_at: datetime
    updated_at: datetime

    @classmethod
    def of(cls, order: NumberOrder) -> "OrderView":
        """The view of an order."""
        numbers = [
            OrderedNumberView(id=number_id, phone_number=number, country_code=countries.of(number))
            for number_id, number in order.phone_numbers
        ]
        return cls(
            id=order.id,
            phone_numbers=numbers,
            phone_numbers_count=len(numbers),
            connection_id=order.connection_id,
            customer_reference=order.customer_reference,
            status="success",
            created_at=order.created_at,
            updated_at=order.updated_at,
        )


class NumberUpdate(Body):
    """Members to change; `connection_id` says who takes the number's calls, empty for nobody."""

    address_id: str | None = None
    billing_group_id: str | None = None
    connection_id: ConnectionId | None = None
    customer_reference: Reference | None = None
    external_pin: Annotated[str, Field(max_length=32)] | None = None
    hd_voice_enabled: bool = False
    tags: Tags = ()

    def changed(self, number: PhoneNumber, now: datetime) -> PhoneNumber:
        """The number with what was given put in."""
        given = self.model_fields_set
        values: dict[str, Any] = {"updated_at": now}
        if "connection_id" in given:
            values["connection_id"] = self.connection_id or None
        if "tags" in given:
            values["tags"] = self.tags
        kept = given - {"connection_id", "tags"}
        if kept:
            values["settings"] = number.settings | {name: getattr(self, name) for name in kept}
        return replace(number, **values)


class SlimNumberView(View):
    """A phone number without its connection's name and its tags."""

    id: str
    record_type: Literal["phone_number"] = "phone_number"
    phone_number: str
    phone_number_type: Literal["local"] = "local"
    country_iso_alpha2: str
    status: Status
    connection_id: str | None
    customer_reference: str | None
    billing_group_id: str | None
    external_pin: str | None
    hd_voice_enabled: bool
    call_forwarding_enabled: bool
    call_recording_enabled: bool
    caller_id_name_enabled: bool
    cnam_listing_enabled: bool
    inbound_call_screening: Literal["disabled", "reject_calls", "flag_calls"]
    t38_fax_gateway_enabled: bool
    emergency_enabled: bool = False
    emergency_address_id: None = None
    emergency_status: Literal["disabled"] = "disabled"
    purchased_at: datetime
    created_at: datetime
    updated_at: datetime


class NumberView(SlimNumberView):
    """A phone number."""

    connection_name: str | None
    tags: list[str]
    deletion_lock_enabled: bool = False
    messaging_profile_id: None = None
    messaging_profile_name: None = None
    source_type: Literal["number_order"] = "number_order"

    @classmethod
    def of(cls, number: PhoneNumber) -> "NumberView":
        """The view of a number."""
        voice = VoiceSettings.of(number)
        settings = number.settings
        return cls(
            id=number.id,
            phone_number=number.phone_number,
            country_iso_alpha2=countries.of(number.phone_number),
            status="active",
            connection_id=number.connection_id,
            connection_name=number.connection_name,
            customer_reference=settings.get("customer_reference"),
            billing_group_id=settings.get("billing_group_id"),
            external_pin=settings.get("external_pin"),
            hd_voice_enabled=settings.get("hd_voice_enabled", False),
            call_forwarding_enabled=voice.call_forwarding.call_forwarding_enabled,
            call_recording_enabled=voice.call_recording.inbound_call_recording_enabled,
            caller_id_name_enabled=voice.caller_id_name_enabled,
            cnam_listing_enabled=voice.cnam_listing.cnam_listing_enabled,
            inbound_call_screening=voice.inbound_call_screening,
            t38_fax_gateway_enabled=voice.media_features.t38_fax_gateway_enabled,
            tags=list(number.tags),
            purchased_at=number.created_at,
            created_at=number.created_at,
            updated_at=number.updated_at,
        )


class CallForwarding(Body):
    """How a number's calls would be forwarded; this server leaves that to the application."""

    call_forwarding_enabled: bool = False
    forwarding_type: Literal["always", "on-failure"] | None = None
    forwards_to: Annotated[str, Field(max_length=128)] = ""


class CallRecording(Body):
    """How a number's calls would be recorded; this server leaves that to the application."""

    inbound_call_recording_enabled: bool = False
    inbound_call_recording_channels: Literal["single", "dual"] = "single"
    inbound_call_recording_format: Literal["wav", "mp3"] = "wav"


class CallForwardingUpdate(CallForwarding):
    """The details are kept and echoed; it cannot be switched on."""

    call_forwarding_enabled: Off = False


class CallRecordingUpdate(CallRecording):
    """The details are kept and echoed; it cannot be switched on."""

    inbound_call_recording_enabled: Off = False


class CnamListing(Body):
    """Kept and echoed."""

    cnam_listing_enabled: bool = False
    cnam_listing_details: Annotated[str, Field(max_length=64)] = ""


class MediaFeatures(Body):
    """Kept and echoed."""

    accept_any_rtp_packets_enabled: bool = False
    rtp_auto_adjust_enabled: bool = True
    t38_fax_gateway_enabled: bool = False


class VoiceSettings(Body):
    """Voice settings of a number; they are kept and echoed, calls are ruled by the application."""

    call_forwarding: CallForwarding = CallForwarding()
    call_recording: CallRecording = CallRecording()
    caller_id_name_enabled: bool = False
    cnam_listing: CnamListing = CnamListing()
    inbound_call_screening: Literal["disabled", "reject_calls", "flag_calls"] = "disabled"
    media_features: MediaFeatures = MediaFeatures()
    tech_prefix_enabled: bool = False
    translated_number: Annotated[str, Field(max_length=64)] = ""
    usage_payment_method: Literal["pay-per-minute", "channel"] = "pay-per-minute"

    @classmethod
    def of(cls, number: PhoneNumber) -> "VoiceSettings":
        """The settings that a number has."""
        return cls.model_validate(number.settings.get("voice", {}))


class VoiceUpdate(VoiceSettings):
    """Settings to change; what this server does not do cannot be switched on."""

    call_forwarding: CallForwardingUpdate = CallForwardingUpdate()
    call_recording: CallRecordingUpdate = CallRecordingUpdate()

    def changed(self, number: PhoneNumber, now: datetime) -> PhoneNumber:
        """The number with what was given put in, groups member by member."""
        kept: dict[str, Any] = number.settings.get("voice", {})
        given = self.model_dump(mode="json", exclude_unset=True)
        merged = kept | {
            name: kept.get(name, {}) | value if isinstance(value, dict) else value
            for name, value in given.items()
        }
        return replace(number, settings=number.settings | {"voice": merged}, updated_at=now)


class Emergency(View):
    """Emergency calls are not this server's business."""

    emergency_enabled: bool = False
    emergency_address_id: None = None
    emergency_status: Literal["disabled"] = "disabled"


class VoiceView(View):
    """Voice settings of a number."""

    id: str
    record_type: Literal["voice_settings"] = "voice_settings"
    phone_number: str
    connection_id: str | None
    customer_reference: str | None
    call_forwarding: CallForwarding
    call_recording: CallRecording
    cnam_listing: CnamListing
    emergency: Emergency = Emergency()
    inbound_call_screening: Literal["disabled", "reject_calls", "flag_calls"]
    media_features: MediaFeatures
    tech_prefix_enabled: bool
    translated_number: str
    usage_payment_method: Literal["pay-per-minute", "channel"]

    @classmethod
    def of(cls, number: PhoneNumber) -> "VoiceView":
        """The view of a number's settings."""
        voice = VoiceSettings.of(number)
        shown = {
            name: getattr(voice, name) for name in VoiceSettings.model_fields.keys() & cls.model_fields.keys()
        }
        return cls(
            id=number.id,
            phone_number=number.phone_number,
            connection_id=number.connection_id,
            customer_reference=number.settings.get("customer_reference"),
            **shown,
        )


class Cost(View):
    """Numbers of one's own server cost nothing."""

    currency: Literal["USD"] = "USD"
    monthly_cost: Literal["0.00"] = "0.00"
    upfront_cost: Literal["0.00"] = "0.00"


class Feature(View):
    """What a number can do."""

    name: Literal["voice"] = "voice"


class Region(View):
    """Where a number belongs."""

    region_name: str
    region_type: Literal["country_code", "location"]


class AvailableNumber(View):
    """A number that nobody on this server has."""

    record_type: Literal["available_phone_number"] = "available_phone_number"
    phone_number: str
    best_effort: bool = False
    quickship: bool = True
    reservable: bool = False
    vanity_format: None = None
    cost_information: Cost = Cost()
    features: Sequence[Feature] = (Feature(),)
    region_information: list[Region]


class AvailableMeta(View):
    """How many were found."""

    best_effort_results: int = 0
    total_results: int


class AvailableList(View):
    """Numbers to order; the list is short, and not paged."""

    data: list[AvailableNumber]
    meta: AvailableMeta
    metadata: AvailableMeta
