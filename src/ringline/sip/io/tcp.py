"""SIP over TCP (RFC 3261 §18): a listener, connections of both directions, framing, keepalives, bounds."""

import asyncio
import itertools
from collections.abc import Callable
from dataclasses import dataclass
from typing import cast

from ringline.sip.flow import Flow
from ringline.sip.message import KeepAlive, SipError, StreamFramer

Received = Callable[[Flow, bytes], None]
MAX_WAITING = 200  # messages for a connection that is being made
MAX_UNSENT = 1 << 20
"""Bytes a peer may leave unread before its connection is cut."""


@dataclass(frozen=True, slots=True)
class TcpLimits:
    """Bounds of one endpoint's connections."""

    connections: int = 2000
    first_s: float = 40.0
    """Closed when no whole message has come after this long."""
    idle_s: float = 3900.0
    """Closed after this long without a byte received: longer than any registration, for phones that send no
    keepalives (RFC 5626 §4.4)."""
    connect_s: float = 10.0


class TcpTransport:
    """All TCP connections of an endpoint."""

    def __init__(
        self,
        received: Received,
        lost: Callable[[Flow], None],
        unreadable: Callable[[Flow, SipError], None],
        count: Callable[[str], None],
        limits: TcpLimits,
    ) -> None:
        """`received` gets messages, `lost` flows that ended or could not be opened, `unreadable` those that
        are cut because their stream lost its framing, `count` each drop.
        """
        self.received = received
        self.unreadable = unreadable
        self.count = count
        self.limits = limits
        self._lost = lost
        self._ids = itertools.count(1)
        self._server: asyncio.Server | None = None
        self._connections: dict[int, _Connection] = {}
        self._by_address: dict[tuple[str, int], int] = {}
        self._connecting: dict[Flow, list[bytes]] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    @classmethod
    async def bind(
        cls,
        host: str,
        port: int,
        received: Received,
        lost: Callable[[Flow], None],
        unreadable: Callable[[Flow, SipError], None],
        count: Callable[[str], None],
        limits: TcpLimits,
    ) -> "TcpTransport":
        """Listen; raises `OSError` when the address is taken."""
        transport = cls(received, lost, unreadable, count, limits)
        loop = asyncio.get_running_loop()
        transport._server = await loop.create_server(lambda: _Connection(transport), host, port)
        return transport

    def __len__(self) -> int:
        """How many connections are open."""
        return len(self._connections)

    def send(self, flow: Flow, data: bytes) -> None:
        """Send on this connection, or on any to this address, opened if there is none."""
        number = flow.connection or self._by_address.get((flow.host, flow.port), 0)
        connection = self._connections.get(number)
        if connection is not None:
            connection.send(data)
        elif flow.connection:
            self.count("tcp_closed")
            self._lost(flow)
        elif flow in self._connecting:
            self._wait(flow, data)
        else:
            self._connecting[flow] = [data]
            task = asyncio.get_running_loop().create_task(self._connect(flow))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    def _wait(self, flow: Flow, data: bytes) -> None:
        if len(self._connecting[flow]) < MAX_WAITING:
            self._connecting[flow].append(data)
        else:
            self.count("tcp_overflow")

    async def _connect(self, flow: Flow) -> None:
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(self.limits.connect_s):
                _, connection = await loop.create_connection(lambda: _Connection(self), flow.host, flow.port)
        except OSError:  # refused, unreachable, or TimeoutError
            self._connecting.pop(flow, None)
            self.count("tcp_unreachable")
            self._lost(flow)
            return
        for data in self._connecting.pop(flow, []):
            connection.send(data)

    async def close(self) -> None:
        """Close the listener and every connection."""
        if self._server is not None:
            self._server.close()
        for connection in list(self._connections.values()):
            connection.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._server is not None:
            await self._server.wait_closed()

    def opened(self, connection: "_Connection", host: str, port: int) -> Flow | None:
        """A connection stands; None when there are too many."""
        if len(self._connections) >= self.limits.connections:
            self.count("tcp_refused")
            return None
        number = next(self._ids)
        self._connections[number] = connection
        self._by_address[host, port] = number
        return Flow("TCP", host, port, number)

    def closed(self, flow: Flow) -> None:
        """A connection has ended."""
        self._connections.pop(flow.connection, None)
        if self._by_address.get((flow.host, flow.port)) == flow.connection:
            del self._by_address[flow.host, flow.port]
        self._lost(flow)


class _Connection(asyncio.Protocol):
    """One connection."""

    def __init__(self, owner: TcpTransport) -> None:
        self._owner = owner
        self._framer = StreamFramer()
        self._transport: asyncio.Transport | None = None
        self._flow: Flow | None = None
        self._idle: asyncio.TimerHandle | None = None
        self._heard = self._opened = 0.0
        self._proven = False

    def send(self, data: bytes) -> None:
        """Queue bytes; a peer that does not read is cut off."""
        if self._transport is None or self._transport.is_closing():
            return
        self._transport.write(data)
        if self._transport.get_write_buffer_size() > MAX_UNSENT:
            self._owner.count("tcp_overflow")
            self._transport.abort()

    def close(self) -> None:
        """Close after what is queued has left."""
        if self._transport is not None:
            self._transport.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """From asyncio."""
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is no subclass of it
        peer = transport.get_extra_info("peername")
        self._flow = self._owner.opened(self, peer[0], peer[1]) if peer else None
        if self._flow is None:
            self._transport.abort()
            return
        self._heard = self._opened = asyncio.get_running_loop().time()
        self._watch()

    def data_received(self, data: bytes) -> None:
        """From asyncio."""
        if self._flow is None:
            return
        self._heard = asyncio.get_running_loop().time()
        try:
            for item in self._framer.feed(data):
                if isinstance(item, KeepAlive):
                    if item is KeepAlive.PING:
                        self.send(b"\r\n")
                else:
                    self._proven = True
                    self._owner.received(self._flow, item)
        except SipError as problem:
            self._owner.unreadable(self._flow, problem)
            self._owner.count("tcp_unframed")  # there is no way back into step with such a stream
            if self._transport is not None:
                self._transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        """From asyncio."""
        if self._idle is not None:
            self._idle.cancel()
        if self._flow is not None:
            self._owner.closed(self._flow)

    def _watch(self) -> None:
        """Close when too little was heard for too long; one timer, moved only when it fires."""
        loop = asyncio.get_running_loop()
        limits = self._owner.limits
        rest = self._heard + limits.idle_s - loop.time()
        if not self._proven:
            rest = min(rest, self._opened + limits.first_s - loop.time())
        if rest > 0:
            self._idle = loop.call_later(rest, self._watch)
        else:
            self._owner.count("tcp_idle")
            self.close()
