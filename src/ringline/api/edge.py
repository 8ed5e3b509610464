"""The outermost layer of every request: id, key, rate limit, size, type, count, and the last catch."""

import re
from urllib.parse import unquote

from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Receive, Scope, Send

from ringline.api import ai_errors, errors
from ringline.api.auth import Authenticator, unauthenticated
from ringline.api.context import ACCOUNT
from ringline.api.exchange import Exchange
from ringline.api.idempotency import HEADER, Repeats
from ringline.api.limits import Limits
from ringline.api.metrics import Metrics
from ringline.api.ports import ApiDeps
from ringline.core import log
from ringline.core.errors import ApiError
from ringline.store.errors import StoreUnavailable

PREFIX = "/v2/"
PUBLIC = ("/v2/public_key", "/v2/storage/")
"""Paths that need no key: one is meant to be public, the other carries its own signature."""

WITH_BODY = frozenset({"POST", "PUT", "PATCH"})
UPLOADS = "/v2/media"
"""Where multipart bodies, and larger ones, are welcome."""

SLASH = re.compile(rb"%2f", re.IGNORECASE)

logger = log.get("api")


class Edge:
    """ASGI middleware; the framework only sees requests that may go on."""

    def __init__(self, app: ASGIApp, deps: ApiDeps, metrics: Metrics) -> None:
        self._app = app
        self._deps = deps
        self._metrics = metrics
        self._authenticator = Authenticator(deps.store, deps.clock)
        self._repeats = Repeats(app, deps.store, deps.clock)
        self._limits = Limits(deps.settings.requests_per_minute, deps.clock)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request; nothing but cancellation comes out of here."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        exchange = Exchange(scope, receive, send, self._deps.ids.uuid())
        started = self._deps.clock.now_ns()
        try:
            if scope["path"].startswith(PREFIX):
                await self._admit(exchange, scope["path"])
            key = exchange.header(HEADER)
            if key is not None and scope["method"] == "POST" and ACCOUNT in scope:
                await self._repeats.serve(exchange, scope[ACCOUNT], key.decode("latin-1"))
            else:
                await self._app(scope, exchange.receive, exchange.send)
        except ApiError as refusal:
            await ai_errors.send_error(refusal, scope["path"], exchange.send)
        except HTTPException as refusal:
            error = errors.from_status(refusal.status_code, refusal.detail)
            await ai_errors.send_error(error, scope["path"], exchange.send)
        except StoreUnavailable:
            await ai_errors.send_error(errors.no_store(), scope["path"], exchange.send)
        except Exception:
            # The true edge: whatever a handler let through is logged under the id that the client is given.
            logger.exception(
                "request failed", request_id=exchange.id, method=scope["method"], path=scope["path"]
            )
            if exchange.status is None:
                await ai_errors.send_error(errors.unexpected(exchange.id), scope["path"], exchange.send)
        self._metrics.served(scope, exchange.status, self._deps.clock.now_ns() - started)

    async def _admit(self, exchange: Exchange, path: str) -> None:
        """Raises `ApiError`, in this order: 429, 401, 413, 415."""
        public = path.startswith(PUBLIC)
        address = _address(exchange.scope)
        header = exchange.header(b"authorization")
        account = self._authenticator.remembered(header)
        if account is None and (self._authenticator.has_known(header) or not self._limits.exhausted(address)):
            # Guesses are looked up only as often as their address may ask at all; a proxy is one address.
            account = await self._authenticator.account_of(header)
        exchange.allowance = self._limits.take(account or address)
        if not exchange.allowance.allowed:
            raise errors.too_many(exchange.allowance.reset_s)
        if account is not None:
            exchange.scope[ACCOUNT] = account
        elif not public:
            raise unauthenticated()
        _keep_encoded_slashes(exchange.scope)
        if exchange.scope["method"] in WITH_BODY:
            uploads = path.startswith(UPLOADS)
            settings = self._deps.settings
            limit = settings.max_media_bytes if uploads else settings.max_body_bytes
            await exchange.check_body(limit, forms=uploads)


def _address(scope: Scope) -> str:
    client = scope.get("client")
    return f"address {client[0]}" if client else "no address"


def _keep_encoded_slashes(scope: Scope) -> None:
    # The server decodes the whole path at once; a %2F inside a segment must not become a separator.
    raw: bytes = scope.get("raw_path") or b""
    if SLASH.search(raw):
        scope["path"] = "%2F".join(unquote(part.decode("latin-1")) for part in SLASH.split(raw))
