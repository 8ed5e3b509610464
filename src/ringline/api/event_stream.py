"""Answers as server-sent events: refused as any other until the first event, ended when the client leaves."""

from collections.abc import AsyncGenerator
from contextlib import aclosing, suppress

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from ringline.api.leaving import ClientGone, unless_gone

HEADERS = (
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-cache"),
    (b"x-accel-buffering", b"no"),
)
"""The last one keeps nginx from collecting events."""


class EventStream(Response):
    """Sends what a generator of whole events gives. The generator is closed in any case.

    What it raises before its first event is the request's error; later it must tell its troubles itself.
    """

    media_type = "text/event-stream"

    def __init__(self, events: AsyncGenerator[bytes, None]) -> None:
        super().__init__()
        self._events = events

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send all of it."""
        with suppress(ClientGone):
            await unless_gone(receive, self._send(send))

    async def _send(self, send: Send) -> None:
        async with aclosing(self._events) as events:
            begun = False
            async for event in events:
                if not begun:
                    begun = True
                    await send({"type": "http.response.start", "status": 200, "headers": list(HEADERS)})
                await send({"type": "http.response.body", "body": event, "more_body": True})
            await send({"type": "http.response.body", "body": b""})
