"""Where an INVITE goes: an application, a phone, a trunk, or nowhere. Pure.

===============================  =====================================================================
request URI                      goes to
===============================  =====================================================================
number of an application         that application
number of a credential           the registered phone
`any@<subdomain>.<our host>`     the subdomain's application (strangers only if it says so)
user of a credential             the registered phone, if it may be called by URI by who calls
+E.164 from a phone of ours      the trunk
anything                         `sip.default_application`, when set
===============================  =====================================================================

Everything else gets the same 404, whoever asks. A caller whose From names a user of ours must prove it.
"""

import re
from dataclasses import dataclass

from ringline.calls.state import Application
from ringline.node.directory import Phone, Picture

E164 = re.compile(r"^\+?[1-9]\d{6,14}$")


@dataclass(frozen=True, slots=True)
class ToApplication:
    """Park the call and tell the app."""

    application: Application


@dataclass(frozen=True, slots=True)
class ToParty:
    """Connect the caller with a phone or a number, without an app."""

    to: str
    account_id: str


@dataclass(frozen=True, slots=True)
class Prove:
    """The caller must authenticate first."""


@dataclass(frozen=True, slots=True)
class Nowhere:
    """404."""


Destination = ToApplication | ToParty | Prove | Nowhere


@dataclass(frozen=True, slots=True)
class Called:
    """What routing looks at of an INVITE."""

    user: str
    host: str
    from_user: str
    credential_user: str | None


def route(
    picture: Picture, called: Called, *, own_names: frozenset[str], default_application: str, has_trunk: bool
) -> Destination:
    """Decide where an INVITE goes; `own_names` are the hosts that mean this server."""
    if called.from_user in picture.phones and called.credential_user is None:
        return Prove()
    number = normal_number(called.user)
    connection = picture.numbers.get(number, "")
    if connection in picture.applications:
        return ToApplication(picture.applications[connection])
    if connection in picture.phones_by_connection:
        return _to_phone(picture.phones_by_connection[connection])
    subdomain = picture.subdomains.get(called.host.lower().partition(".")[0])
    if subdomain and called.host.lower() not in own_names and subdomain.application in picture.applications:
        if subdomain.from_anyone or called.credential_user:
            return ToApplication(picture.applications[subdomain.application])
        return Nowhere()
    phone = picture.phones.get(called.user)
    caller = picture.phones.get(called.credential_user or "")
    if phone and _may_call(phone, caller):
        return _to_phone(phone)
    if caller and has_trunk and E164.match(called.user):
        return ToParty(number, caller.account_id)
    if default_application in picture.applications:
        return ToApplication(picture.applications[default_application])
    return Nowhere()


def normal_number(user: str) -> str:
    """A dialled number as +E.164; other text as it is."""
    return user if user.startswith("+") or not E164.match(user) else f"+{user}"


def _may_call(phone: Phone, caller: Phone | None) -> bool:
    match phone.uri_calls:
        case "unrestricted":
            return True
        case "internal":
            return caller is not None and caller.account_id == phone.account_id
        case "disabled":
            return False


def _to_phone(phone: Phone) -> ToParty:
    return ToParty(f"sip:{phone.user}", phone.account_id)
