"""Call control applications (spec voice-api §6.1)."""

from dataclasses import replace
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, StringConstraints

from ringline.api.models.base import Body, View
from ringline.api.models.fields import HttpUrl, Off, OptionalUrl, Tags
from ringline.store.applications import Application, DtmfType, WebhookVersion

Anchorsite = Literal[
    "Latency", "Chicago, IL", "Ashburn, VA", "San Jose, CA", "London, UK", "Chennai, IN",
    "Amsterdam, Netherlands", "Toronto, Canada", "Sydney, Australia",
]  # fmt: skip
"""Kept and echoed: this server is where it is."""

Name = Annotated[str, StringConstraints(min_length=1, max_length=255)]
ChannelLimit = Annotated[int, Field(ge=0)]
Subdomain = Annotated[
    str,
    StringConstraints(pattern=r"^([A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?)?$"),
    AfterValidator(str.lower),
]
"""A DNS label (RFC 1035 §2.3.1), or nothing."""


class InboundBody(Body):
    """How calls come in."""

    channel_limit: ChannelLimit | None = Field(None, description="Calls at once; null for no limit.")
    shaken_stir_enabled: bool = False
    sip_subdomain: Subdomain | None = Field(
        None, description="Calls to user@SUBDOMAIN reach this application."
    )
    sip_subdomain_receive_settings: Literal["only_my_connections", "from_anyone"] = "from_anyone"


class OutboundBody(Body):
    """How calls go out."""

    channel_limit: ChannelLimit | None = Field(None, description="Calls at once; null for no limit.")
    outbound_voice_profile_id: str | None = None


class ApplicationBody(Body):
    """Create and update take the same members; an update changes those that are given."""

    application_name: Annotated[Name, Field(examples=["reception"])]
    webhook_event_url: Annotated[HttpUrl, Field(examples=["https://app.example/webhooks"])]
    active: bool = True
    anchorsite_override: Anchorsite = "Latency"
    call_cost_in_webhooks: Off = Field(False, description="Calls of one's own server have no cost.")
    dtmf_type: DtmfType = "RFC 2833"
    first_command_timeout: bool = Field(False, description="Hang up on calls that get no command in time.")
    first_command_timeout_secs: Annotated[int, Field(ge=0, le=86_400)] = 30
    inbound: InboundBody = InboundBody()
    outbound: OutboundBody = OutboundBody()
    redact_dtmf_debug_logging: bool = Field(
        False, description="Obeyed either way: digits never reach a log of this server."
    )
    tags: Tags = ()
    webhook_api_version: WebhookVersion = "2"
    webhook_event_failover_url: OptionalUrl | None = ""
    webhook_timeout_secs: Annotated[int, Field(ge=0, le=30)] | None = None

    def created(self, id: str, account_id: str, now: datetime) -> Application:
        """A new application."""
        blank = Application(
            id=id,
            account_id=account_id,
            application_name=self.application_name,
            webhook_event_url=self.webhook_event_url,
            created_at=now,
            updated_at=now,
        )
        return self.changed(blank, now)

    def changed(self, application: Application, now: datetime) -> Application:
        """The application with what was given put in."""
        values: dict[str, Any] = {name: getattr(self, name) for name in self.model_fields_set}
        if "inbound" in values:
            values["inbound"] = _merged(application.inbound, self.inbound)
        if "outbound" in values:
            values["outbound"] = _merged(application.outbound, self.outbound)
        return replace(application, **values, updated_at=now)


def _merged(current: Any, given: Body) -> Any:
    return replace(current, **{name: getattr(given, name) for name in given.model_fields_set})


class InboundView(View):
    """How calls come in."""

    channel_limit: int | None
    shaken_stir_enabled: bool
    sip_subdomain: str | None
    sip_subdomain_receive_settings: Literal["only_my_connections", "from_anyone"]


class OutboundView(View):
    """How calls go out."""

    channel_limit: int | None
    outbound_voice_profile_id: str | None


class ApplicationView(View):
    """A call control application; its `id` is the `connection_id` of its calls."""

    id: str
    record_type: Literal["call_control_application"] = "call_control_application"
    application_name: str
    webhook_event_url: str
    active: bool
    anchorsite_override: Anchorsite
    dtmf_type: DtmfType
    first_command_timeout: bool
    first_command_timeout_secs: int
    inbound: InboundView
    outbound: OutboundView
    webhook_api_version: WebhookVersion
    webhook_event_failover_url: str | None
    webhook_timeout_secs: int | None
    call_cost_in_webhooks: bool
    redact_dtmf_debug_logging: bool
    tags: list[str]
    created_at: datetime
    updated_at: datetime

    @classmethod
    def of(cls, application: Application) -> "ApplicationView":
        """The view of an application."""
        return cls.model_validate(application)
