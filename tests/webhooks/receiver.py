"""A customer's app: an HTTP server on loopback that answers as it is told and remembers what it heard."""

import asyncio
import base64
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import msgspec
from aiohttp import web
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey


@dataclass(frozen=True, slots=True)
class Heard:
    """One request."""

    method: str
    path: str
    query: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return msgspec.json.decode(self.body)

    @property
    def id(self) -> str:
        return str(self.json["data"]["id"])

    @property
    def attempt(self) -> int:
        return int(self.json["meta"]["attempt"])

    def verify(self, public_key: str) -> None:
        """Raises InvalidSignature when the signature is not over what came."""
        signed = self.body if self.method == "POST" else self.query.encode()
        Ed25519PublicKey.from_public_bytes(base64.b64decode(public_key)).verify(
            base64.b64decode(self.headers["telnyx-signature-ed25519"]),
            self.headers["telnyx-timestamp"].encode() + b"|" + signed,
        )


Answer = Callable[[Heard], Awaitable[web.StreamResponse]]


class App:
    """`answer` decides on each request; by default 200."""

    def __init__(self) -> None:
        self.heard: list[Heard] = []
        self.connections = 0
        self.answer: Answer = always(200)
        self._changed = asyncio.Condition()
        self._runner: web.AppRunner | None = None
        self.port = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def start(self, port: int = 0) -> None:
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self._handle)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1, handler_cancellation=True)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", port)
        await site.start()
        self.port = self._runner.addresses[0][1]

    async def stop(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    async def hears(self, count: int, within: float = 20.0) -> list[Heard]:
        """The requests so far, once there are `count`."""
        async with asyncio.timeout(within), self._changed:
            await self._changed.wait_for(lambda: len(self.heard) >= count)
        return self.heard

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        heard = Heard(
            request.method,
            request.path,
            request.rel_url.raw_query_string,
            {name.lower(): value for name, value in request.headers.items()},
            await request.read(),
        )
        self.heard.append(heard)
        async with self._changed:
            self._changed.notify_all()
        return await self.answer(heard)


def always(status: int, **more: Any) -> Answer:
    async def answer(_heard: Heard) -> web.StreamResponse:
        return web.Response(status=status, **more)

    return answer


def in_turn(*statuses: int) -> Answer:
    """One status after the other; the last one for ever."""
    left = list(statuses)

    async def answer(_heard: Heard) -> web.StreamResponse:
        return web.Response(status=left.pop(0) if len(left) > 1 else left[0])

    return answer


def never() -> Answer:
    """Hold the request open until the client gives up."""

    async def answer(_heard: Heard) -> web.StreamResponse:
        await asyncio.Event().wait()
        raise AssertionError

    return answer
