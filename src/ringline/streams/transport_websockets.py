"""`StreamTransport` on asyncio and websockets: the second, should picows fall away."""

import asyncio
import ssl

from ringline.streams.numbers import Numbers
from ringline.streams.peer import Peer
from ringline.streams.peer_transport import PeerTransport
from ringline.streams.ports import Frames
from ringline.streams.transport import (
    HIGH_WATER,
    HUNG_UP,
    OUR_MISTAKE,
    ConnectFailed,
    Endpoint,
    Receiver,
    StreamTransport,
    hang_up,
    let_go,
    open_socket,
    said,
    tls_failure,
)


async def dial(endpoint: Endpoint, receiver: Receiver) -> StreamTransport:
    """Connect and shake hands; raises `ConnectFailed`."""
    opened = await open_socket(endpoint.target)
    try:
        _, connection = await asyncio.get_running_loop().create_connection(
            lambda: WebsocketsTransport(endpoint, receiver),
            sock=opened,
            ssl=endpoint.tls,
            server_hostname=endpoint.target.host if endpoint.tls else None,
        )
        await asyncio.shield(connection.shaken)
    except ssl.SSLError as error:
        raise tls_failure(error) from None
    except OSError as error:
        raise ConnectFailed(f"broken during the handshake: {said(error)}") from None
    except BaseException:
        hang_up(opened)
        raise
    return connection


class WebsocketsTransport(PeerTransport, asyncio.Protocol):
    """A connection driven by the event loop."""

    _transport: asyncio.Transport
    link: int | None = None

    def __init__(self, endpoint: Endpoint, receiver: Receiver) -> None:
        super().__init__(Peer(endpoint, receiver))
        self._patience = endpoint.limits.close
        self._receiver = receiver
        self._numbers = Numbers()
        self.shaken: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.writable = True

    # --- the stream's side

    @property
    def unsent(self) -> int:
        """Bytes in the write buffer."""
        return self._transport.get_write_buffer_size()

    def send_numbered(self, head: bytes, tail: bytes) -> None:
        """Send a text message with its number."""
        self.send(self._numbers.next(head, tail))

    def send_media(self, tap: Frames) -> None:
        """Send what a tap holds."""
        for message in self._numbers.media(tap):
            self._peer.say(message)
        self._flush()

    def abort(self, why: str) -> None:
        """Let go at once."""
        self._why = why
        self._transport.abort()

    # --- the loop's side

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """TCP, and TLS where asked for, are up: ask for the upgrade."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        transport.set_write_buffer_limits(high=HIGH_WATER)
        self._flush()

    def data_received(self, data: bytes) -> None:
        """Bytes of the app."""
        self._peer.hear(data)
        self._react()

    def eof_received(self) -> None:
        """The app writes no more."""
        self._peer.hear_end()
        self._react()

    def connection_lost(self, error: Exception | None) -> None:
        """The connection is gone."""
        self.writable = False
        if error is not None and not isinstance(error, OSError):
            self._why = OUR_MISTAKE  # the loop has logged what a callback of ours raised
        self._gone.set()
        if self.shaken.done() and self.shaken.exception() is None:
            self._receiver.on_closed(self._peer.code, self._why or self._peer.why)
        elif not self.shaken.done():
            self.shaken.set_exception(ConnectFailed(HUNG_UP))

    def pause_writing(self) -> None:
        """The write buffer is over high water."""
        self.writable = False

    def resume_writing(self) -> None:
        """The write buffer drained."""
        self.writable = True
        self._receiver.on_writable()

    def _react(self) -> None:
        self._flush()
        if not self.shaken.done():
            if self._peer.shaken:
                self.shaken.set_result(None)
            elif self._peer.refusal is not None:
                self.shaken.set_exception(ConnectFailed(self._peer.refusal))
        if self._peer.over:
            let_go(self._transport, self._patience)

    def _flush(self) -> None:
        for data in self._peer.to_send():
            if data:
                self._transport.write(data)
            elif self._transport.can_write_eof():
                self._transport.write_eof()
