"""What the payloads of call events have in common (spec webhooks §5)."""

from typing import ClassVar, Literal

import msgspec


class Payload(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What every event of a leg carries (§5, C)."""

    event_type: ClassVar[str]

    call_control_id: str
    call_leg_id: str
    call_session_id: str
    connection_id: str
    client_state: str | None
    """The last one set by a command; an explicit null when there is none, as in real traffic."""


class Party(Payload, frozen=True, kw_only=True):
    """C plus who calls whom (§5, FT)."""

    from_: str = msgspec.field(name="from")
    to: str


class Header(msgspec.Struct, frozen=True):
    """A custom SIP header."""

    name: str
    value: str


class SipHeader(msgspec.Struct, frozen=True):
    """One of the two SIP headers that have a place of their own."""

    name: Literal["User-to-User", "Diversion"]
    value: str
