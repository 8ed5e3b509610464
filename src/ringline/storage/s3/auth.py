"""Who asks: the API key is the access key, and the only part of a signature that is looked at (spec §12).

Date, region, secret and the signature itself are ignored, for a customer's key is all that this server shares
with a client; what protects a key on its way is TLS. A presigned URL's expiry is obeyed.
"""

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import msgspec

from ringline.core.errors import RinglineError
from ringline.storage.s3.errors import S3Error

V4 = "AWS4-HMAC-SHA256"
PRESIGNED_LIMIT_S = 7 * 24 * 3600
"""Longest life of a presigned URL (SigV4 query parameters, X-Amz-Expires)."""

LONGEST = 8_192
"""Characters of an Authorization header that are read."""

_CREDENTIAL = re.compile(r"[\s,]Credential=([^/,\s]+)")
_MAC = 20


class BadToken(RinglineError):
    """The token is not one of ours, was changed, or is over."""


@dataclass(frozen=True, slots=True)
class AccessKey:
    """An API key, as a client gave it."""

    key: str


@dataclass(frozen=True, slots=True)
class Token:
    """What `seal` made, as a client gave it."""

    text: str


@dataclass(frozen=True, slots=True)
class Grant:
    """What a token permits: reading and writing one object until `expires` (Unix seconds)."""

    account_id: str
    bucket: str
    key: str
    expires: int


def claimed(headers: Mapping[str, str], query: Mapping[str, str], now: datetime) -> AccessKey | Token:
    """Whom a request says it comes from.

    Raises `S3Error`: AccessDenied when it does not say, or when its presigned URL is over; InvalidArgument
    when that cannot be read.
    """
    header = headers.get("authorization")
    if header is not None:
        return AccessKey(_from_header(header[:LONGEST]))
    asked = {name.lower(): value for name, value in query.items()}
    if credential := asked.get("x-amz-credential"):
        _check_expiry(_date(asked.get("x-amz-date", "")), asked.get("x-amz-expires", ""), now)
        return AccessKey(credential.partition("/")[0])
    if key := asked.get("awsaccesskeyid"):
        # Signature version 2: Expires is a moment (Unix seconds), not a duration.
        if now.timestamp() >= _whole(asked.get("expires", ""), "Expires"):
            raise _over()
        return AccessKey(key)
    if token := asked.get("x-amz-security-token"):
        return Token(token)
    raise S3Error("AccessDenied", "The request names no access key.")


def _from_header(header: str) -> str:
    scheme, _, rest = header.partition(" ")
    if scheme == V4:
        match = _CREDENTIAL.search(" " + rest)
        key = match[1] if match else ""
    elif scheme == "AWS":  # signature version 2: AWS KEY:SIGNATURE
        key = rest.strip().rpartition(":")[0]
    elif scheme.lower() == "bearer":
        key = rest.strip()
    else:
        key = ""
    if not key:
        raise S3Error("AccessDenied", "The Authorization header names no access key.")
    return key


def _check_expiry(signed_at: datetime, expires: str, now: datetime) -> None:
    seconds = _whole(expires, "X-Amz-Expires")
    if not 1 <= seconds <= PRESIGNED_LIMIT_S:
        raise S3Error("InvalidArgument", f"X-Amz-Expires must be 1 to {PRESIGNED_LIMIT_S}.")
    if now >= signed_at + timedelta(seconds=seconds):
        raise _over()


def _date(text: str) -> datetime:
    try:
        return datetime.strptime(text, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    except ValueError:
        raise S3Error("InvalidArgument", "X-Amz-Date must look like 20300101T000000Z.") from None


def _whole(text: str, name: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 16):
        raise S3Error("InvalidArgument", f"{name} must be a whole number.")
    return int(text)


def _over() -> S3Error:
    return S3Error("AccessDenied", "Request has expired")


def seal(secret: bytes, grant: Grant) -> str:
    """A grant as a token that nobody without the secret can make or change."""
    data = msgspec.json.encode([grant.account_id, grant.bucket, grant.key, grant.expires])
    return base64.urlsafe_b64encode(_mac(secret, data) + data).decode().rstrip("=")


def unseal(secret: bytes, token: str, now: datetime) -> Grant:
    """What a token permits. Raises `BadToken`."""
    try:
        raw = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError) as error:
        raise BadToken("the token is damaged") from error
    mac, data = raw[:_MAC], raw[_MAC:]
    if not hmac.compare_digest(mac, _mac(secret, data)):
        raise BadToken("the token is damaged")
    grant = Grant(*msgspec.json.decode(data, type=tuple[str, str, str, int]))
    if now.timestamp() >= grant.expires:
        raise BadToken("the token is over")
    return grant


def _mac(secret: bytes, data: bytes) -> bytes:
    # A key of its own: what signs download links must never pass for a token, nor the reverse.
    own = hmac.digest(secret, b"presigned objects", hashlib.sha256)
    return hmac.digest(own, data, hashlib.sha256)[:_MAC]
