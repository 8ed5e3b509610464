"""`StreamTransport` on picows: the one in use for `wss:`, and where no media thread carries connections."""

import asyncio
import logging
import ssl
from typing import Any

import picows
from picows import WSCloseCode, WSFrame, WSListener, WSMsgType
from picows import WSTransport as Connection

from ringline.core import log
from ringline.streams.fragments import FragmentError, Fragments
from ringline.streams.numbers import Numbers
from ringline.streams.ports import Frames
from ringline.streams.request import StreamLimits
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

# The stream's events say what happened; picows' own lines would quote the app's bytes.
_SILENT = logging.getLogger("ringline.streams.picows")
_SILENT.setLevel(logging.CRITICAL + 1)

TEXT = WSMsgType.TEXT
BINARY = WSMsgType.BINARY
CONTINUATION = WSMsgType.CONTINUATION
CLOSE = WSMsgType.CLOSE
PONG = WSMsgType.PONG


async def dial(endpoint: Endpoint, receiver: Receiver) -> StreamTransport:
    """Connect and shake hands; raises `ConnectFailed`."""
    opened = await open_socket(endpoint.target)
    tls: dict[str, Any] = {}
    if endpoint.tls is not None:
        tls = {"ssl_context": endpoint.tls, "server_hostname": endpoint.target.host}
    listener = _Listener(receiver, endpoint.limits)
    try:
        connection, heard = await picows.ws_connect(
            lambda: listener,
            endpoint.url,
            socket_factory=lambda _: opened,
            extra_headers=endpoint.headers,
            max_redirects=0,
            logger_name=_SILENT,
            websocket_handshake_timeout=None,  # the caller's covers every step
            max_frame_size=endpoint.limits.message_bytes,
            **tls,
        )
    except picows.WSHandshakeError as error:
        raise ConnectFailed(_answer(error)) from None
    except ssl.SSLError as error:
        raise tls_failure(error) from None
    except OSError as error:
        raise ConnectFailed(f"broken during the handshake: {said(error)}") from None
    except BaseException:
        hang_up(opened)  # cancelled: picows would go on waiting for the app
        raise
    if heard is None:
        raise ConnectFailed(HUNG_UP)
    connection.underlying_transport.set_write_buffer_limits(high=HIGH_WATER)
    return PicowsTransport(connection, listener, receiver)


def _answer(error: picows.WSHandshakeError) -> str:
    if error.response is not None and error.response.status != 101:
        return f"the app answered HTTP {int(error.response.status)} to the upgrade"
    return f"the app's answer is no WebSocket handshake: {error}"


class PicowsTransport:
    """A picows connection as the stream sees it."""

    link: int | None = None

    def __init__(self, connection: Connection, listener: "_Listener", receiver: Receiver) -> None:
        self._connection = connection
        self._listener = listener
        self._numbers = Numbers()
        self._aborted: str | None = None
        self._end = asyncio.create_task(self._watch(receiver))

    @property
    def writable(self) -> bool:
        """Whether the write buffer is under high water."""
        return self._listener.writable

    @property
    def unsent(self) -> int:
        """Bytes in the write buffer."""
        return self._connection.underlying_transport.get_write_buffer_size()

    def send(self, message: bytes) -> None:
        """Send a text message."""
        self._connection.send(TEXT, message)

    def send_numbered(self, head: bytes, tail: bytes) -> None:
        """Send a text message with its number."""
        self._connection.send(TEXT, self._numbers.next(head, tail))

    def send_media(self, tap: Frames) -> None:
        """Send what a tap holds."""
        send = self._connection.send
        for message in self._numbers.media(tap):
            send(TEXT, message)

    def ping(self) -> None:
        """Send a ping."""
        self._connection.send_ping()

    async def close(self, code: int, patience: float) -> None:
        """Send a close frame, wait for the app's, let go."""
        self._connection.send_close(WSCloseCode(code))
        await asyncio.wait({self._end}, timeout=patience)
        if not self._end.done():
            self.abort("the app did not answer our close frame")
            await asyncio.wait({self._end})

    def abort(self, why: str) -> None:
        """Let go at once."""
        self._aborted = why
        self._connection.disconnect(graceful=False)

    async def _watch(self, receiver: Receiver) -> None:
        code, why = None, "the connection broke"
        try:
            await self._connection.wait_disconnected()
            code = self._listener.code
        except (picows.WSProtocolError, FragmentError) as error:
            why = f"the app broke the WebSocket protocol: {error}"
        except Exception:
            # What a callback of ours raised; picows has closed the connection with 1011.
            why = OUR_MISTAKE
            log.get("streams").exception("stream callback failed")
        if code is not None:
            why = f"the app closed with {code}"
        receiver.on_closed(code, self._aborted or why)


class _Listener(WSListener):
    """Makes messages of frames and hands them on."""

    def __init__(self, receiver: Receiver, limits: StreamLimits) -> None:
        self._receiver = receiver
        self._fragments = Fragments(limits.message_bytes)
        self._patience = limits.close
        self.writable = True
        self.code: int | None = None

    def on_ws_frame(self, transport: Connection, frame: WSFrame) -> None:
        """Take a frame; its buffer is only valid during this call."""
        kind = frame.msg_type
        if transport.is_close_frame_sent and kind != CLOSE:
            return  # picows goes on delivering after it has failed a connection
        if kind == TEXT and frame.fin and self._fragments.idle:
            self._receiver.on_text(frame.get_payload_as_bytes())
        elif kind in (TEXT, BINARY, CONTINUATION):
            self._fragment(transport, frame)
        elif kind == PONG:
            self._receiver.on_pong()
        elif kind == CLOSE:
            payload = frame.get_payload_as_bytes()
            self.code = int.from_bytes(payload[:2]) if payload else 1005
            transport.send_close(WSCloseCode.OK if not payload else frame.get_close_code())
            let_go(transport.underlying_transport, self._patience)

    def _fragment(self, transport: Connection, frame: WSFrame) -> None:
        data = frame.get_payload_as_memoryview()
        try:
            if frame.msg_type == CONTINUATION:
                message = self._fragments.more(data, final=frame.fin)
            else:
                message = self._fragments.first(data, text=frame.msg_type == TEXT, final=frame.fin)
        except FragmentError as error:
            transport.send_close(WSCloseCode(error.code), str(error))
            raise
        if message is None:
            return
        if message.text:
            self._receiver.on_text(message.data)
        else:
            self._receiver.on_binary()

    def pause_writing(self) -> None:
        """The write buffer is over high water."""
        self.writable = False

    def resume_writing(self) -> None:
        """The write buffer drained."""
        self.writable = True
        self._receiver.on_writable()
