"""`StreamTransport` over a connection in the media thread's hands: audio passes without Python.

For `ws:` only: TLS needs its library between the socket and the frames, so `wss:` goes through picows.
"""

import asyncio
import socket
from typing import Protocol

from ringline.core import log
from ringline.media.carriage import Carriage, LinkReceiver
from ringline.streams import transport_picows
from ringline.streams.peer import Peer
from ringline.streams.peer_transport import PeerTransport
from ringline.streams.ports import Frames
from ringline.streams.transport import (
    OUR_MISTAKE,
    ConnectFailed,
    Dial,
    Endpoint,
    Receiver,
    StreamTransport,
    open_socket,
    said,
)

END_OF_HEAD = b"\r\n\r\n"
PEEK = 4096


class Carrier(Protocol):
    """What opens them: the media plane."""

    def open_link(self, sock: socket.socket, receiver: LinkReceiver) -> Carriage:
        """Take a connected socket over; raises `RinglineError` if there is no place for it."""
        ...


def dialling(carrier: Carrier) -> Dial:
    """The way to connect through a media thread."""

    async def dial(endpoint: Endpoint, receiver: Receiver) -> StreamTransport:
        if endpoint.tls is not None:
            return await transport_picows.dial(endpoint, receiver)
        opened = await open_socket(endpoint.target)
        try:
            peer = Peer(endpoint, receiver)
            await _shake_hands(opened, peer)
            return CarriedTransport(opened, peer, carrier, endpoint, receiver)
        except OSError as error:
            opened.close()
            raise ConnectFailed(f"broken during the handshake: {said(error)}") from None
        except BaseException:
            opened.close()
            raise

    return dial


async def _shake_hands(opened: socket.socket, peer: Peer) -> None:
    """Ask for the upgrade and read the answer's head, nothing behind it: frames are the media thread's."""
    loop = asyncio.get_running_loop()
    for data in peer.to_send():
        await loop.sock_sendall(opened, data)
    before = b""
    while not peer.shaken:
        await _readable(loop, opened)
        seen = before + opened.recv(PEEK, socket.MSG_PEEK)
        end = seen.find(END_OF_HEAD)
        size = (len(seen) if end < 0 else end + len(END_OF_HEAD)) - len(before)
        data = opened.recv(size) if size else b""
        before = seen[-len(END_OF_HEAD) + 1 :] if end < 0 else b""
        if data:
            peer.hear(data)
        else:
            peer.hear_end()
        if peer.refusal is not None:
            raise ConnectFailed(peer.refusal)


async def _readable(loop: asyncio.AbstractEventLoop, opened: socket.socket) -> None:
    ready = asyncio.Event()
    loop.add_reader(opened, ready.set)
    try:
        await ready.wait()
    finally:
        loop.remove_reader(opened)


class CarriedTransport(PeerTransport):
    """A connection as the stream sees it."""

    def __init__(
        self, opened: socket.socket, peer: Peer, carrier: Carrier, endpoint: Endpoint, receiver: Receiver
    ) -> None:
        super().__init__(peer)
        self._receiver = receiver
        self._patience = endpoint.limits.close
        self._letting_go: asyncio.TimerHandle | None = None
        self._carriage = carrier.open_link(opened, self)

    # --- the stream's side

    @property
    def link(self) -> int | None:
        """The connection's slot in the media thread."""
        return self._carriage.link

    @property
    def writable(self) -> bool:
        """Whether little waits to be sent."""
        return self._carriage.writable

    @property
    def unsent(self) -> int:
        """Bytes that wait to be sent."""
        return self._carriage.unsent

    def send_numbered(self, head: bytes, tail: bytes) -> None:
        """Send a text message with its number."""
        if self._peer.open:
            self._carriage.write_numbered(head, tail)

    def send_media(self, tap: Frames) -> None:
        """Nothing waits for this side: the media thread sends what taps hold."""

    def abort(self, why: str) -> None:
        """Let go at once."""
        self._why = why
        self._carriage.abort()

    # --- the media thread's side

    def on_data(self, data: bytes) -> None:
        """Bytes of frames that no leg took."""
        try:
            self._peer.hear(data)
        except Exception:
            # The edge of what the app can cause: a mistake of ours costs this connection, not the others.
            log.get("streams").exception("stream callback failed")
            self.abort(OUR_MISTAKE)
            return
        self._react()

    def on_room(self) -> None:
        """Little waits to be sent."""
        self._receiver.on_writable()

    def on_end(self, _: int) -> None:
        """The app writes no more."""
        self._peer.hear_end()
        self._flush()
        self._let_go()

    def on_gone(self) -> None:
        """The connection is closed."""
        if self._letting_go is not None:
            self._letting_go.cancel()
        self._gone.set()
        self._receiver.on_closed(self._peer.code, self._why or self._peer.why)

    def _react(self) -> None:
        self._flush()
        if self._peer.over:
            self._let_go()

    def _let_go(self) -> None:
        if self._letting_go is None:
            self._carriage.close()
            self._letting_go = asyncio.get_running_loop().call_later(self._patience, self._carriage.abort)

    def _flush(self) -> None:
        for data in self._peer.to_send():
            if data:
                self._carriage.write(data)
