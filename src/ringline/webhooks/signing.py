"""Ed25519 signatures of webhooks (spec webhooks §3)."""

import base64
from datetime import datetime

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

SIGNATURE_HEADER = "telnyx-signature-ed25519"
TIMESTAMP_HEADER = "telnyx-timestamp"


class Signer:
    """One account's key."""

    def __init__(self, seed: bytes) -> None:
        """`seed` is the 32 raw bytes of the private key; ValueError for any other length."""
        self._key = Ed25519PrivateKey.from_private_bytes(seed)

    @property
    def public_key(self) -> str:
        """Base64 of the 32 raw bytes of the public key: the SDK's `TELNYX_PUBLIC_KEY`."""
        return base64.b64encode(self._key.public_key().public_bytes_raw()).decode()

    def headers(self, message: bytes, now: datetime) -> dict[str, str]:
        """The two headers for a body (or, by GET, a raw query string) sent at `now`."""
        stamp = str(int(now.timestamp()))
        signature = self._key.sign(stamp.encode() + b"|" + message)
        return {SIGNATURE_HEADER: base64.b64encode(signature).decode(), TIMESTAMP_HEADER: stamp}
