"""Checks that a webhook was signed by the server: with the stock SDK's `unwrap`, where that is installed."""

import base64
import binascii
import time
from collections.abc import Callable, Mapping
from importlib.util import find_spec

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from ringline.webhooks.signing import SIGNATURE_HEADER, TIMESTAMP_HEADER

TOLERANCE_S = 300
"""Age that a signature may have (spec webhooks §3)."""

Verify = Callable[[str, Mapping[str, str]], object]
"""Given what was signed, a body or by GET the raw query, and headers in small letters; raises anything."""


def verifier(public_key: str) -> Verify:
    """What checks webhooks of the server whose key this is, as `GET /v2/public_key` gives it.

    With `telnyx[webhooks]` that is the SDK's own `webhooks.unwrap`. The SDK reads bodies only: queries, and
    everything where it is not installed, are checked here, by the same rule.
    """
    unwrap = _unwrap(public_key) if find_spec("telnyx") and find_spec("nacl") else None

    def verify(signed: str, headers: Mapping[str, str]) -> None:
        if unwrap is not None and signed.startswith("{"):
            unwrap(signed, headers)
        else:
            check(public_key, signed, headers, now_s=time.time())

    return verify


def check(public_key: str, signed: str, headers: Mapping[str, str], *, now_s: float) -> None:
    """Raises ValueError, saying why, unless `signed` was signed with that key around `now_s` (Unix s)."""
    stamp, signature = headers.get(TIMESTAMP_HEADER), headers.get(SIGNATURE_HEADER)
    if stamp is None or signature is None:
        raise ValueError("it has no signature")
    if not (stamp.isascii() and stamp.isdigit()) or abs(now_s - int(stamp)) > TOLERANCE_S:
        raise ValueError("its timestamp is not of these minutes")
    key = Ed25519PublicKey.from_public_bytes(base64.b64decode(public_key))
    try:
        key.verify(base64.b64decode(signature, validate=True), f"{stamp}|{signed}".encode())
    except (InvalidSignature, binascii.Error):
        raise ValueError("its signature is not the server's") from None


def _unwrap(public_key: str) -> Verify:
    import telnyx  # noqa: PLC0415 - optional, and slow to load

    client = telnyx.Telnyx(api_key="unused", public_key=public_key)
    return lambda signed, headers: client.webhooks.unwrap(signed, headers=headers)
