"""Download links that carry their own permission and its end: `/v2/storage/{token}/{filename}`. Pure.

A link names an object, what the file is called and which type it has; nothing of it can be changed without
the secret, and after its time it opens nothing.
"""

import base64
import binascii
import hashlib
import hmac
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import quote

import msgspec

from ringline.core.errors import RinglineError

PATH = "/v2/storage"
_MAC = 20
"""Bytes of the HMAC-SHA-256 that a link carries: 160 bits (RFC 2104 §5 asks for at least half)."""


class BadLink(RinglineError):
    """The link is not one of ours, was changed, or is over."""


@dataclass(frozen=True, slots=True)
class Grant:
    """What a link permits: reading one object, until `expires` (Unix seconds)."""

    key: str
    content_type: str
    filename: str
    expires: int


def link(secret: bytes, grant: Grant) -> str:
    """The path of a link: `/v2/storage/{token}/{filename}`."""
    return f"{PATH}/{token(secret, grant)}/{quote(grant.filename, safe='')}"


def token(secret: bytes, grant: Grant) -> str:
    """The middle of a link."""
    data = msgspec.json.encode([grant.key, grant.content_type, grant.expires])
    mac = _mac(secret, data, grant.filename)
    return base64.urlsafe_b64encode(mac + data).decode().rstrip("=")


def verify(secret: bytes, token: str, filename: str, now: datetime) -> Grant:
    """What a link permits; `filename` as it stands in the path, percent-decoded. Raises `BadLink`."""
    try:
        raw = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError) as error:
        raise BadLink("the link is damaged") from error
    mac, data = raw[:_MAC], raw[_MAC:]
    if not hmac.compare_digest(mac, _mac(secret, data, filename)):
        raise BadLink("the link is damaged")
    key, content_type, expires = msgspec.json.decode(data, type=tuple[str, str, int])
    if now.timestamp() >= expires:
        raise BadLink("the link is over")
    return Grant(key, content_type, filename, expires)


def _mac(secret: bytes, data: bytes, filename: str) -> bytes:
    # The length between the two parts: no text can move from one into the other.
    message = len(data).to_bytes(4) + data + filename.encode("utf-8", "surrogatepass")
    return hmac.digest(secret, message, hashlib.sha256)[:_MAC]
