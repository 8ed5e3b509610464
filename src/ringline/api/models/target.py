"""The far end of a dial or a transfer: its address, and what it is told."""

import re
from typing import Annotated, Any, Literal

from pydantic import Field, StringConstraints

from ringline.api import errors
from ringline.api.models.base import Sensitive
from ringline.api.models.fields import (
    WITHOUT_EFFECT,
    DisplayName,
    Ignored,
    PhoneNumber,
    Unavailable,
    is_phone_number,
    is_target,
    served,
)
from ringline.api.models.options import AudioFields, CodecFields, SipHeaders
from ringline.calls.options import DialTarget

SECURE = re.compile(r";secure=(true|srtp|dtls)(?=;|\?|$)", re.IGNORECASE)
OVER_TLS = re.compile(r"sips:|[^?]*;transport=tls(?=;|\?|$)", re.IGNORECASE)
DIGITS = r"^[0-9A-DwW*#]*$"

AMD = (
    "premium",
    "premium_ios_call_screening_detection",
    "detect",
    "detect_beep",
    "detect_words",
    "greeting_end",
)


class TargetFields(AudioFields, SipHeaders, CodecFields):
    """How to reach a far end and what to tell it: shared by dial and transfer."""

    from_display_name: DisplayName | None = None
    timeout_secs: Annotated[int, Field(ge=5, le=600)] = 30
    time_limit_secs: Annotated[int, Field(ge=30, le=14400)] = 14400
    answering_machine_detection: Annotated[Literal["disabled"], served("disabled", later=AMD)] = "disabled"
    answering_machine_detection_config: Ignored = None
    sip_auth_username: Annotated[str | None, Field(max_length=255)] = None
    sip_auth_password: Annotated[str | None, Field(max_length=255), Sensitive] = None
    sip_transport_protocol: Annotated[Literal["UDP", "TCP"], served("UDP", "TCP", later=("TLS",))] = "UDP"
    sip_region: Literal["US", "Europe", "Canada", "Australia", "Middle East"] = Field(
        "US", description=WITHOUT_EFFECT
    )
    media_encryption: Literal["disabled", "SRTP", "DTLS"] = "disabled"
    privacy: Literal["id", "none"] = "none"
    diversion: PhoneNumber | None = Field(
        None, description="Who the call was for: sent as a Diversion header (RFC 5806)."
    )
    send_digits_on_answer: Annotated[
        str | None, StringConstraints(max_length=64, pattern=DIGITS), Sensitive
    ] = None
    sound_modifications: Unavailable = None
    route_to_mobile: Ignored = None

    def target(self, to: str, caller: str, pointer: str = "/to", **more: Any) -> DialTarget:
        """The far end `to`, digits after a comma taken off unless `send_digits_on_answer` is given.

        Raises `ApiError`: 10016 for a target that cannot be dialled, 10011 or 10038 for one that would need
        encrypted media or TLS.
        """
        address, digits = split_digits(to)
        if not is_target(address):
            raise errors.invalid("10016", pointer, "Give a +E.164 number or sip:user@host[:port].")
        self._refuse_encryption(address, pointer)
        if OVER_TLS.match(address):
            raise errors.unavailable(pointer, "SIP over TLS")
        return DialTarget(
            to=address,
            from_=caller,
            display_name=self.from_display_name,
            timeout_s=self.timeout_secs,
            time_limit_s=self.time_limit_secs,
            headers=self.headers(),
            auth_username=self.sip_auth_username,
            auth_password=self.sip_auth_password,
            transport=self.sip_transport_protocol,
            codecs=self.codecs(),
            hide_identity=self.privacy == "id",
            diverted_by=self.diversion,
            send_digits=digits if self.send_digits_on_answer is None else self.send_digits_on_answer,
            audio=self.audio(),
            **more,
        )

    def _refuse_encryption(self, address: str, pointer: str) -> None:
        if self.media_encryption != "disabled":
            if is_phone_number(address):
                raise errors.invalid(
                    "10011", "/media_encryption", "Media encryption is not supported for PSTN calls."
                )
            raise errors.unavailable("/media_encryption", f"Media encryption {self.media_encryption}")
        if SECURE.search(address):
            raise errors.unavailable(pointer, "Media encryption (;secure=)")


def split_digits(to: str) -> tuple[str, str | None]:
    """`+18004247767,200` → the target and the digits to send on answer."""
    address, comma, digits = to.rpartition(",")
    if comma and re.match(DIGITS, digits) and len(digits) <= 64:
        return address, digits or None
    return to, None


def without_digits(to: str) -> str:
    """A target as the timeline keeps it."""
    return split_digits(to)[0]
