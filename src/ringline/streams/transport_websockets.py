"""`StreamTransport` on the I/O-free half of websockets: the second, should picows fall away."""

import asyncio
import ssl
from collections.abc import Iterable

from websockets.client import ClientProtocol
from websockets.exceptions import InvalidStatus
from websockets.frames import Frame, Opcode
from websockets.http11 import Response
from websockets.protocol import State
from websockets.uri import parse_uri

from ringline.streams.fragments import Fragments
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


class WebsocketsTransport(asyncio.Protocol):
    """A connection driven by `ClientProtocol`."""

    _transport: asyncio.Transport

    def __init__(self, endpoint: Endpoint, receiver: Receiver) -> None:
        self._endpoint = endpoint
        self._receiver = receiver
        self._socket = ClientProtocol(parse_uri(endpoint.url), max_size=endpoint.limits.message_bytes)
        self._fragments = Fragments(endpoint.limits.message_bytes)
        self._gone = asyncio.Event()
        self._code: int | None = None
        self._why = "the connection broke"
        self.shaken: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.writable = True

    # --- the stream's side

    @property
    def unsent(self) -> int:
        """Bytes in the write buffer."""
        return self._transport.get_write_buffer_size()

    def send(self, message: bytes) -> None:
        """Send a text message."""
        if self._socket.state is State.OPEN:
            self._socket.send_text(message)
            self._flush()

    def send_all(self, messages: Iterable[bytes]) -> None:
        """Send text messages."""
        for message in messages:
            self.send(message)

    def ping(self) -> None:
        """Send a ping."""
        if self._socket.state is State.OPEN:
            self._socket.send_ping(b"")
            self._flush()

    async def close(self, code: int, patience: float) -> None:
        """Send a close frame, wait for the app's, let go."""
        if self._socket.state is State.OPEN:
            self._socket.send_close(code)
            self._flush()
        try:
            async with asyncio.timeout(patience):
                await self._gone.wait()
        except TimeoutError:
            self.abort("the app did not answer our close frame")
            await self._gone.wait()

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
        request = self._socket.connect()
        for name, value in self._endpoint.headers:
            request.headers[name] = value
        self._socket.send_request(request)
        self._flush()

    def data_received(self, data: bytes) -> None:
        """Bytes of the app."""
        self._socket.receive_data(data)
        self._take()

    def eof_received(self) -> None:
        """The app writes no more."""
        self._socket.receive_eof()
        self._take()

    def connection_lost(self, error: Exception | None) -> None:
        """The connection is gone."""
        self.writable = False
        if error is not None and not isinstance(error, OSError):
            self._why = OUR_MISTAKE  # the loop has logged what a callback of ours raised
        self._gone.set()
        if self.shaken.done() and self.shaken.exception() is None:
            self._receiver.on_closed(self._code, self._why)
        elif not self.shaken.done():
            self._refuse(HUNG_UP)

    def pause_writing(self) -> None:
        """The write buffer is over high water."""
        self.writable = False

    def resume_writing(self) -> None:
        """The write buffer drained."""
        self.writable = True
        self._receiver.on_writable()

    def _take(self) -> None:
        for event in self._socket.events_received():
            if isinstance(event, Response):
                self._shake()
            elif isinstance(event, Frame):
                self._frame(event)
        broken = self._socket.parser_exc
        if broken is not None and not isinstance(broken, EOFError) and self._code is None:
            self._why = f"the app broke the WebSocket protocol: {broken}"
        self._flush()
        if not self.shaken.done() and self._socket.handshake_exc is not None:
            self._refuse(_answer(self._socket.handshake_exc))
        # After our own close frame we still read until the app's: closing with unread bytes would reset the
        # connection and take the stop frame with it.
        if self._code is not None or (self._socket.close_expected() and broken is not None):
            let_go(self._transport, self._endpoint.limits.close)

    def _shake(self) -> None:
        # Not asked by state: the app's close frame may have come in the same packet.
        if self._socket.handshake_exc is None and not self.shaken.done():
            self.shaken.set_result(None)

    def _refuse(self, why: str) -> None:
        self.shaken.set_exception(ConnectFailed(why))

    def _frame(self, frame: Frame) -> None:
        match frame.opcode:
            case Opcode.TEXT | Opcode.BINARY | Opcode.CONT:
                self._data(frame)
            case Opcode.PONG:
                self._receiver.on_pong()
            case Opcode.CLOSE:
                received = self._socket.close_rcvd
                self._code = received.code if received is not None else 1005
                self._why = f"the app closed with {self._code}"

    def _data(self, frame: Frame) -> None:
        # `ClientProtocol` has refused what is out of place or too big.
        if frame.opcode is Opcode.CONT:
            message = self._fragments.more(frame.data, final=frame.fin)
        else:
            message = self._fragments.first(frame.data, text=frame.opcode is Opcode.TEXT, final=frame.fin)
        if message is None:
            return
        if message.text:
            self._receiver.on_text(message.data)
        else:
            self._receiver.on_binary()

    def _flush(self) -> None:
        for data in self._socket.data_to_send():
            if data:
                self._transport.write(data)
            elif self._transport.can_write_eof():
                self._transport.write_eof()


def _answer(error: Exception) -> str:
    if isinstance(error, InvalidStatus):
        return f"the app answered HTTP {error.response.status_code} to the upgrade"
    if isinstance(error.__cause__, EOFError):
        return HUNG_UP
    return f"the app's answer is no WebSocket handshake: {error}"
