"""One HTTP exchange at the ASGI level: the body is watched, the answer gets its headers."""

from starlette.exceptions import HTTPException
from starlette.types import Message, Receive, Scope, Send

from ringline.api import errors
from ringline.api.limits import Allowance
from ringline.core.errors import ApiError

EMPTY = b"{}"
"""What an empty body means (spec voice-api §1)."""


class Exchange:
    """A request and its answer; `receive` and `send` stand in for the server's."""

    def __init__(self, scope: Scope, receive: Receive, send: Send, request_id: str) -> None:
        self.scope = scope
        self.id = request_id
        self.status: int | None = None
        self.allowance: Allowance | None = None
        self._headers: dict[bytes, bytes] = dict(scope["headers"])
        self._receive = receive
        self._send = send
        self._first: Message | None = None
        self._room: int | None = None

    def header(self, name: bytes) -> bytes | None:
        """A request header by its lower-case name; of several, the last."""
        return self._headers.get(name)

    async def check_body(self, limit: int, *, forms: bool) -> None:
        """Look at the body before the framework does; an empty one becomes `{}`.

        Raises `ApiError`: 413 when it is, or says it is, larger than `limit`; 415 when it is not JSON (nor a
        multipart form, with `forms`).
        """
        self._room = limit
        announced = self.header(b"content-length") or b""
        if announced.isdigit() and int(announced) > limit:
            raise errors.from_status(413, f"The request body is larger than {limit} bytes.")
        first = await self.receive()
        while not first.get("body") and first.get("more_body"):
            first = await self.receive()
        self._first = first
        if not self._first.get("body") and not self._first.get("more_body"):
            self._first = {"type": "http.request", "body": EMPTY, "more_body": False}
            self.scope["headers"] = [pair for pair in self.scope["headers"] if pair[0] != b"content-type"]
            return
        kind = (self.header(b"content-type") or b"").partition(b";")[0].strip().lower()
        if not (
            kind in (b"", b"application/json")
            or kind.endswith(b"+json")
            or (forms and kind == b"multipart/form-data")
        ):
            raise ApiError(
                415, errors.problem("10014", f"Send application/json, not {kind.decode('latin-1')[:80]}.")
            )

    async def buffer_body(self) -> bytes:
        """The whole body, which can still be received afterwards; its size is limited by `check_body`."""
        pieces, more = [], True
        while more:
            message = await self.receive()
            if message["type"] == "http.disconnect":
                raise HTTPException(400, "The request body broke off.")
            pieces.append(message.get("body", b""))
            more = message.get("more_body", False)
        body = b"".join(pieces)
        self._first = {"type": "http.request", "body": body, "more_body": False}
        return body

    async def receive(self) -> Message:
        """The next piece of the body, counted."""
        if self._first is not None:
            message, self._first = self._first, None
            return message
        message = await self._receive()
        if self._room is not None and message["type"] == "http.request":
            self._room -= len(message.get("body", b""))
            if self._room < 0:
                # The framework turns every other exception of this function into a 400.
                raise HTTPException(413, "The request body is too large.")
        return message

    async def send(self, message: Message) -> None:
        """The next piece of the answer; its head gets the request id and the rate-limit headers."""
        if message["type"] == "http.response.start":
            self.status = message["status"]
            headers = [*message["headers"], (b"x-request-id", self.id.encode())]
            if self.allowance is not None:
                headers += self.allowance.headers()
            message = {**message, "headers": headers}
        await self._send(message)
