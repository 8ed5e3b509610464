"""What a reader may see unless he asks for more: digits, words and names of people are masked.

Masking happens when reading, never when writing, except for the bodies of commands: secrets in them
(passwords, tokens) are of no use to a timeline and never reach it.
"""

import re
from collections.abc import Sequence
from typing import Any

import msgspec

from ringline.timeline.entries import (
    AnyBody,
    CommandReceived,
    DtmfReceived,
    DtmfSent,
    Entry,
    SipMessage,
    SpeechResult,
    StreamOpened,
)

MASK = "•"

_SECRETS = frozenset(
    {"password", "sip_auth_password", "stream_auth_token", "api_key", "api_key_ref", "token"}
)
"""Members of a command's body that are never kept."""

_PERSONAL = frozenset(
    {"digits", "payload", "send_digits_on_answer", "playback_content", "body", "invalid_payload"}
)
"""Members that are kept and masked: what was typed or said."""

LONGEST = 4_000
"""Characters of a command's body that are kept; base64 audio would fill the store."""

_SIP_PEOPLE = re.compile(
    r"^(From|To|Contact|f|t|m|P-Asserted-Identity|P-Preferred-Identity|Remote-Party-ID|Diversion|Referred-By|"
    r"History-Info|User-to-User|Authorization|Proxy-Authorization|WWW-Authenticate|Proxy-Authenticate)"
    r"([ \t]*:[ \t]*).*$",
    re.IGNORECASE | re.MULTILINE,
)
_SIP_USER = re.compile(r"(sips?:|tel:)([^@;>\s]+)")
_NUMBER = re.compile(r"\+?\d{7,15}")


def command_body(body: bytes) -> str:
    """A command's body as JSON text for `CommandReceived`: no secrets, nothing long; `{}` for no object."""
    try:
        value = msgspec.json.decode(body or b"{}")
    except (msgspec.DecodeError, RecursionError):
        return "{}"
    if not isinstance(value, dict):
        return "{}"
    text = msgspec.json.encode(_without_secrets(value)).decode()
    return text if len(text) <= LONGEST else "{}"


def redact(entry: Entry) -> Entry:
    """The entry as anybody may see it; the same one when it says nothing of people."""
    masked = _redact_body(entry.body)
    return entry if masked is entry.body else msgspec.structs.replace(entry, body=masked)


def redact_all(entries: Sequence[Entry]) -> list[Entry]:
    """Each of `entries`, redacted."""
    return [redact(entry) for entry in entries]


def mask_number(text: str) -> str:
    """A telephone number with all but its first and last two digits masked; any other text wholly."""
    if _NUMBER.fullmatch(text):
        return text[:3] + MASK * (len(text) - 5) + text[-2:]
    return MASK * min(len(text), 8)


def mask_party(text: str) -> str:
    """A caller or callee, a number or a SIP URI, with its user part masked."""
    return _mask_uris(text) if _SIP_USER.search(text) else mask_number(text)


def _redact_body(body: AnyBody) -> AnyBody:
    match body:
        case DtmfReceived():
            return msgspec.structs.replace(body, digit=MASK)
        case DtmfSent():
            return msgspec.structs.replace(body, digits=MASK * len(body.digits))
        case SpeechResult():
            return msgspec.structs.replace(body, text=f"[{len(body.text.split())} words]")
        case CommandReceived():
            return msgspec.structs.replace(body, body=_masked_text(body.body))
        case SipMessage():
            return msgspec.structs.replace(
                body, summary=_mask_uris(body.summary), raw=None if body.raw is None else _mask_sip(body.raw)
            )
        case StreamOpened():
            return msgspec.structs.replace(body, url=body.url.partition("?")[0])
        case _:
            return body


def _without_secrets(value: Any) -> Any:
    if isinstance(value, dict):
        return {
            name: MASK if name in _SECRETS and inner is not None else _without_secrets(inner)
            for name, inner in value.items()
        }
    if isinstance(value, list):
        return [_without_secrets(inner) for inner in value]
    if isinstance(value, str) and len(value) > LONGEST // 4:
        return f"[{len(value)} characters]"
    return value


def _masked_text(text: str) -> str:
    value = msgspec.json.decode(text)
    return msgspec.json.encode(_mask_personal(value)).decode()


def _mask_personal(value: Any) -> Any:
    if isinstance(value, dict):
        return {
            name: MASK * min(len(inner), 8)
            if name in _PERSONAL and isinstance(inner, str)
            else _mask_personal(inner)
            for name, inner in value.items()
        }
    if isinstance(value, list):
        return [_mask_personal(inner) for inner in value]
    if isinstance(value, str):
        return mask_number(value) if _NUMBER.fullmatch(value) else _mask_uris(value)
    return value


def _mask_uris(text: str) -> str:
    return _SIP_USER.sub(lambda found: found[1] + mask_number(found[2]), text)


def _mask_sip(raw: str) -> str:
    return _mask_uris(_SIP_PEOPLE.sub(lambda found: f"{found[1]}{found[2]}{MASK * 3}", raw))
