"""How frames travel: a WebSocket to the app, whichever library carries it.

The connection goes to the address that the network guard vetted, speaks for the URL's host in SNI and Host,
follows no redirect, uses no proxy and no compression, and checks certificates.
"""

import asyncio
import os
import socket
import ssl
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from typing import Protocol
from urllib.parse import quote

from ringline.core.errors import NotAllowed, RinglineError
from ringline.core.net import DEFAULT_PORTS, Target
from ringline.streams.frames import AUTH_HEADER
from ringline.streams.ports import Frames, Resolve
from ringline.streams.request import StreamLimits

USER_AGENT = "ringline"

HIGH_WATER = 32 * 1024
"""Bytes in our write buffer at which a stream stops taking frames from its tap; 1.7 s of one PCMU track."""

UNSENT = 32 * 1024
"""Bytes the kernel may hold unsent (TCP_NOTSENT_LOWAT): its own buffer would hide a slow app for minutes."""

OUR_MISTAKE = "our own mistake; the log has it"
HUNG_UP = "the app closed the connection instead of answering the upgrade"


class ConnectFailed(RinglineError):
    """No WebSocket; the message says which step refused. Never the URL: its query may be a secret."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """What a library needs to know to connect."""

    target: Target
    headers: tuple[tuple[str, str], ...]
    limits: StreamLimits
    tls: ssl.SSLContext | None

    @property
    def url(self) -> str:
        """The URL with every character that a request line cannot carry escaped (RFC 3986 §2.1)."""
        target = self.target
        host = f"[{target.host}]" if ":" in target.host else target.host
        port = "" if target.port == DEFAULT_PORTS[target.scheme] else f":{target.port}"
        return f"{target.scheme}://{host}{port}{quote(target.path, safe=_VISIBLE)}"


_VISIBLE = "".join(chr(code) for code in range(0x21, 0x7F))


class Receiver(Protocol):
    """Who is told what arrives; called in the loop, `on_closed` last and once."""

    def on_text(self, message: bytes) -> None:
        """A whole text message; not checked to be UTF-8."""
        ...

    def on_binary(self) -> None:
        """A binary message, whose content nobody wants."""
        ...

    def on_writable(self) -> None:
        """The write buffer drained after it was over high water."""
        ...

    def on_pong(self) -> None:
        """The app answered a ping."""
        ...

    def on_closed(self, code: int | None, why: str) -> None:
        """The connection is gone: by the app's close frame with `code` (1005: none), or broken (None)."""
        ...


class StreamTransport(Protocol):
    """An open WebSocket."""

    @property
    def writable(self) -> bool:
        """Whether the write buffer is under high water."""
        ...

    @property
    def unsent(self) -> int:
        """Bytes in the write buffer."""
        ...

    @property
    def link(self) -> int | None:
        """The slot of a connection that the media thread carries, so that it can carry a leg's audio too."""
        ...

    def send(self, message: bytes) -> None:
        """Send a text message; buffers what the network does not take, ignores a closed connection."""
        ...

    def send_numbered(self, head: bytes, tail: bytes) -> None:
        """Send a text message with its number among the stream's between two parts."""
        ...

    def send_media(self, tap: Frames) -> None:
        """Send what a tap holds, where no media thread does."""
        ...

    def ping(self) -> None:
        """Ask for a sign of life."""
        ...

    async def close(self, code: int, patience: float) -> None:
        """Send a close frame, wait `patience` seconds for the app's, then let go."""
        ...

    def abort(self, why: str) -> None:
        """Let go at once; `on_closed(None, why)` follows."""
        ...


Dial = Callable[[Endpoint, Receiver], Awaitable[StreamTransport]]
"""A library's way to connect; raises `ConnectFailed`."""


async def connect(
    url: str,
    receiver: Receiver,
    *,
    resolve: Resolve,
    dial: Dial,
    limits: StreamLimits,
    auth_token: str | None = None,
    tls: ssl.SSLContext | None = None,
) -> StreamTransport:
    """Open a WebSocket to `url` within `limits.connect` seconds; raises `ConnectFailed`."""
    headers = [("User-Agent", USER_AGENT)]
    if auth_token is not None:
        if not (auth_token.isascii() and auth_token.isprintable()):
            raise ConnectFailed("the auth token holds characters that a header cannot carry")
        headers.append((AUTH_HEADER, auth_token))
    try:
        async with asyncio.timeout(limits.connect):
            target = await resolve(url)
            context = (tls or _tls()) if target.tls else None
            return await dial(Endpoint(target, tuple(headers), limits, context), receiver)
    except TimeoutError:
        raise ConnectFailed(f"no WebSocket within {limits.connect:g} s") from None
    except NotAllowed as error:
        raise ConnectFailed(str(error)) from None


@cache
def _tls() -> ssl.SSLContext:
    return ssl.create_default_context()


async def open_socket(target: Target) -> socket.socket:
    """Open TCP to the vetted address; raises `ConnectFailed`."""
    family = socket.AF_INET6 if ":" in target.address else socket.AF_INET
    opened = socket.socket(family, socket.SOCK_STREAM)
    try:
        opened.setblocking(False)
        opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if hasattr(socket, "TCP_NOTSENT_LOWAT"):
            opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, UNSENT)
        await asyncio.get_running_loop().sock_connect(opened, (target.address, target.port))
    except OSError as error:
        opened.close()
        raise ConnectFailed(f"TCP: {said(error)}") from None
    except BaseException:
        opened.close()
        raise
    return opened


def said(error: OSError) -> str:
    """The system's words for an error, without the addresses that asyncio adds."""
    return os.strerror(error.errno) if error.errno else str(error) or type(error).__name__


def hang_up(opened: socket.socket) -> None:
    """End a connection whose owner cannot be reached any more: both ends see the end of the stream."""
    with suppress(OSError):  # closed already, or its descriptor handed over and closed
        opened.shutdown(socket.SHUT_RDWR)


def let_go(connection: asyncio.Transport, patience: float) -> None:
    """Close after what is still to be sent; an app that does not read it has `patience` seconds."""
    connection.close()
    asyncio.get_running_loop().call_later(patience, connection.abort)


def tls_failure(error: ssl.SSLError) -> ConnectFailed:
    """Say what is wrong with the app's certificate or TLS."""
    reason = error.verify_message if isinstance(error, ssl.SSLCertVerificationError) else error.reason
    return ConnectFailed(f"TLS: {reason or error}")
