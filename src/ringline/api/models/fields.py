"""Kinds of fields that several bodies share, each with the code of its mistake (spec voice-api §1.3)."""

import base64
import binascii
import re
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, StringConstraints
from pydantic_core import PydanticCustomError

from ringline.calls.options import INFINITE

WITHOUT_EFFECT = "Accepted without effect."
MAX_URL = 2000
MAX_STATE = 65_536
"""Characters of a client state: it goes out with every webhook."""

E164 = re.compile(r"\+[1-9]\d{1,14}")
SIP_USER = re.compile(r"[A-Za-z0-9._~!*'()&=$+-]{1,64}")
FORGOTTEN_PLUS = re.compile(r"\d{7,}")
SIP_URI = re.compile(
    r"sips?:(?:[^\s@<>\";,]+@)?(?:\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(?::\d{1,5})?(?:[;?][^\s<>\"]*)?",
    re.IGNORECASE,
)
URL = re.compile(r"(?P<scheme>[a-z]+)://[^\s/?#]\S*", re.IGNORECASE)
DISPLAY_NAME = re.compile(r"[\w \-~!.+]*")


def mistake(code: str, message: str) -> PydanticCustomError:
    """A validation error that carries its API code."""
    # Braces would be read as a template by the validator.
    return PydanticCustomError(code, message.replace("{", "(").replace("}", ")"))


def _base64(value: str) -> str:
    if len(value) > MAX_STATE:
        raise mistake("90017", f"client_state may have {MAX_STATE} characters at most.")
    try:
        base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError):
        raise mistake("90017", "client_state must be a valid base64 string.") from None
    return value


def _loop(value: Any) -> Any:
    if isinstance(value, str) and value.strip().lower() in ("infinity", "infinite"):
        return INFINITE
    try:
        times = int(value)
    except (TypeError, ValueError, OverflowError):
        times = 0
    if isinstance(value, bool) or not 1 <= times <= 100 or (isinstance(value, float) and value != times):
        raise mistake("90009", f'loop must be 1 to 100 or "infinity"; got {str(value)[:40]}.')
    return times


def _url(*schemes: str, empty: bool = False) -> AfterValidator:
    listed = " or ".join(f"{scheme}://" for scheme in schemes)

    def check(value: str) -> str:
        if empty and not value:
            return value
        match = URL.fullmatch(value) if len(value) <= MAX_URL else None
        if match is None or match["scheme"].lower() not in schemes:
            raise mistake("10003", f"The URL must begin with {listed} and have at most {MAX_URL} characters.")
        return value

    return AfterValidator(check)


def _caller(value: str) -> str:
    if E164.fullmatch(value) or SIP_URI.fullmatch(value):
        return value
    if FORGOTTEN_PLUS.fullmatch(value) or not SIP_USER.fullmatch(value):
        raise mistake("10016", "The from parameter must be a +E.164 number or a SIP user.")
    return value


def is_phone_number(target: str) -> bool:
    """Whether a target is a +E.164 number rather than a SIP URI."""
    return E164.fullmatch(target) is not None


def is_target(value: str) -> bool:
    """Whether a call can be placed to `value`: +E.164, or sip:user@host[:port][;transport=…]."""
    return is_phone_number(value) or SIP_URI.fullmatch(value) is not None


def _phone_number(value: str) -> str:
    if not is_phone_number(value):
        raise mistake("10016", "The phone number must be in +E.164 format, as +13125550123.")
    return value


def _display_name(value: str) -> str:
    if not DISPLAY_NAME.fullmatch(value):
        raise mistake("10015", "from_display_name may have letters, digits, blanks and -_~!.+ only.")
    return value


def _number(value: Any) -> Any:
    return int(value) if isinstance(value, str) and value.strip().isdecimal() else value


def _refuse(value: Any) -> Any:
    raise mistake("10038", "This feature is not available on this server.")


def served(*values: str, later: tuple[str, ...]) -> BeforeValidator:
    """One of `values`; one of `later` exists, but this server does not have it yet (10038)."""

    def check(value: Any) -> Any:
        if value in later:
            raise mistake("10038", f"The value {value} is not available on this server.")
        if value not in values:
            raise mistake("10032", f"The value must be one of: {', '.join((*values, *later))}.")
        return value

    return BeforeValidator(check)


def _off(value: Any) -> Any:
    return False if value in (False, "false") else _refuse(value)


ClientState = Annotated[str, AfterValidator(_base64)]
Loop = Annotated[int, BeforeValidator(_loop)]
"""1 to 100; `INFINITE` for "infinity"."""
HttpUrl = Annotated[str, _url("http", "https")]
OptionalUrl = Annotated[str, _url("http", "https", empty=True)]
"""A URL, or an empty string for none."""
WebSocketUrl = Annotated[str, _url("ws", "wss")]
CallerId = Annotated[str, AfterValidator(_caller)]
PhoneNumber = Annotated[str, AfterValidator(_phone_number)]
DisplayName = Annotated[str, StringConstraints(max_length=128), AfterValidator(_display_name)]
SampleRate = Annotated[Literal[8000, 16000, 22050, 24000, 48000], BeforeValidator(_number)]
Tags = Annotated[tuple[Annotated[str, StringConstraints(max_length=128)], ...], Field(max_length=100)]
FileName = Annotated[str, StringConstraints(min_length=1, max_length=40)]
Unavailable = Annotated[Any, BeforeValidator(_refuse)]
"""Refused whenever it is given."""
Ignored = Annotated[Any, Field(description=WITHOUT_EFFECT)]
Off = Annotated[Literal[False], BeforeValidator(_off)]
"""A switch that can only be off."""
