"""`Idempotency-Key`: a POST that is repeated under the same key gets the first one's answer.

The key is kept in the store with a digest of the request, so it holds over restarts and between nodes.
Only answers below 500 are kept: a failure of ours may be tried again.
"""

import hashlib
from datetime import timedelta

import msgspec
from starlette.types import ASGIApp, Message, Scope

from ringline.api import errors
from ringline.api.exchange import Exchange
from ringline.core.clock import Clock
from ringline.core.errors import ApiError
from ringline.store import idempotency
from ringline.store.db import Store
from ringline.store.idempotency import Earlier

HEADER = b"idempotency-key"
TTL = timedelta(hours=24)
MAX_KEY = 255
MAX_SCOPE = 120


class Answer(msgspec.Struct, frozen=True):
    """What is kept of the first answer."""

    content_type: bytes
    body: bytes


class Repeats:
    """Serves POSTs that carry a key."""

    def __init__(self, app: ASGIApp, store: Store, clock: Clock) -> None:
        self._app = app
        self._store = store
        self._clock = clock

    async def serve(self, exchange: Exchange, account_id: str, key: str) -> None:
        """Answer the request, or repeat the answer of the first one under this key.

        Raises `ApiError`: 422 for a key that is too long or was used for another request, 409 while the first
        request is at work.
        """
        if not 0 < len(key) <= MAX_KEY:
            raise _wrong(422, "10025", f"The Idempotency-Key must have 1 to {MAX_KEY} characters.")
        body = await exchange.buffer_body()
        scope = exchange.scope
        where = str(scope["path"])[:MAX_SCOPE]
        earlier = await self._store.tx(
            idempotency.begin,
            account_id,
            where,
            key,
            now=self._clock.utc(),
            ttl=TTL,
            fingerprint=_fingerprint(scope, body),
        )
        if earlier is not None:
            await _repeat(exchange, earlier)
            return
        answered = False
        try:
            answered = await self._first(exchange, account_id, where, key)
        finally:
            if not answered:
                await self._store.tx(idempotency.forget, account_id, where, key)

    async def _first(self, exchange: Exchange, account_id: str, where: str, key: str) -> bool:
        content_type, pieces = b"", []

        async def send(message: Message) -> None:
            nonlocal content_type
            if message["type"] == "http.response.start":
                content_type = dict(message["headers"]).get(b"content-type", b"")
            pieces.append(message.get("body", b""))
            await exchange.send(message)

        await self._app(exchange.scope, exchange.receive, send)
        if exchange.status is None or exchange.status >= 500:
            return False
        kept = msgspec.msgpack.encode(Answer(content_type, b"".join(pieces)))
        await self._store.tx(
            idempotency.finish, account_id, where, key, status=exchange.status, response=kept
        )
        return True


async def _repeat(exchange: Exchange, earlier: Earlier) -> None:
    if not earlier.same:
        raise _wrong(422, "10027", "This Idempotency-Key was used for another request.")
    if earlier.status is None or earlier.response is None:
        raise _wrong(409, "10036", "The first request with this Idempotency-Key is still at work.")
    answer = msgspec.msgpack.decode(earlier.response, type=Answer)
    headers = [
        (b"content-type", answer.content_type),
        (b"content-length", str(len(answer.body)).encode()),
        (b"idempotent-replayed", b"true"),
    ]
    await exchange.send({"type": "http.response.start", "status": earlier.status, "headers": headers})
    await exchange.send({"type": "http.response.body", "body": answer.body})


def _wrong(status: int, code: str, detail: str) -> ApiError:
    return ApiError(status, errors.problem(code, detail, parameter="Idempotency-Key"))


def _fingerprint(scope: Scope, body: bytes) -> str:
    return hashlib.sha256(scope["query_string"] + b"\n" + body).hexdigest()
