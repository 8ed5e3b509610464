"""API keys: who makes this request (spec voice-api §1)."""

import hashlib
from collections import OrderedDict

from ringline.api.errors import problem
from ringline.core.clock import SECOND, Clock
from ringline.core.errors import ApiError
from ringline.store import keys
from ringline.store.db import Store

REMEMBER_S = 5
"""A revoked key may work for so long on a node that has just seen it."""

REMEMBERED = 1_000
MAX_KEY = 512

DETAIL = "The required authentication headers were either invalid or not included in the request."


def bearer(header: bytes | None) -> str | None:
    """The key of an `Authorization: Bearer KEY` header; None when there is no such thing."""
    if header is None or len(header) > MAX_KEY:
        return None
    scheme, _, key = header.decode("latin-1").partition(" ")
    return key.strip() or None if scheme.lower() == "bearer" else None


def unauthenticated() -> ApiError:
    """401: no key, or one that is not valid; the answer is the same."""
    return ApiError(401, problem("10009", DETAIL))


class Authenticator:
    """Finds the account of a key, and remembers the answer for a moment."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._seen: OrderedDict[bytes, tuple[str, int]] = OrderedDict()

    async def account_of(self, header: bytes | None) -> str | None:
        """The account that an Authorization header speaks for."""
        key = bearer(header)
        if key is None:
            return None
        digest = hashlib.sha256(key.encode()).digest()
        now = self._clock.now_ns()
        account, until = self._seen.get(digest, ("", now))
        if now < until:
            return account
        found = await self._store.read(keys.account_of, key)
        if found is None:
            self._seen.pop(digest, None)
            return None
        self._seen[digest] = (found, now + REMEMBER_S * SECOND)
        if len(self._seen) > REMEMBERED:
            self._seen.popitem(last=False)
        return found
