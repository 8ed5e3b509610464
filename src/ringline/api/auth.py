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

    def remembered(self, header: bytes | None) -> str | None:
        """The account that an Authorization header speaks for, if it did so a moment ago."""
        key = bearer(header)
        account, until = self._seen.get(_digest(key), ("", 0)) if key else ("", 0)
        return account if self._clock.now_ns() < until else None

    def has_known(self, header: bytes | None) -> bool:
        """Whether this key was valid when it was last looked up."""
        key = bearer(header)
        return key is not None and _digest(key) in self._seen

    async def account_of(self, header: bytes | None) -> str | None:
        """The account that an Authorization header speaks for, as the store has it."""
        key = bearer(header)
        if key is None:
            return None
        digest, now = _digest(key), self._clock.now_ns()
        found = await self._store.read(keys.account_of, key)
        if found is None:
            self._seen.pop(digest, None)
            return None
        self._seen[digest] = (found, now + REMEMBER_S * SECOND)
        if len(self._seen) > REMEMBERED:
            self._seen.popitem(last=False)
        return found


def _digest(key: str) -> bytes:
    return hashlib.sha256(key.encode()).digest()
