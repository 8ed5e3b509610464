"""The asyncio driver: the same engine from the event loop, interpreted or compiled.

For development and tests: whatever holds the loop up holds the audio up with it.
"""

import asyncio
import socket
from collections.abc import Callable

from ringline.core.clock import Clock
from ringline.media.core.engine import Engine
from ringline.media.core.kinds import Packet

SLOT_S = 0.005
DATAGRAM = 2048
BURST = 16


class AsyncioDriver:
    """Drives one engine from the running loop; `notify` is called when events may wait."""

    def __init__(self, engine: Engine, clock: Clock, notify: Callable[[], None]) -> None:
        self._engine = engine
        self._clock = clock
        self._notify = notify
        self._sockets: dict[tuple[int, int], socket.socket] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._next = 0.0
        self.unsent = 0

    def start(self) -> None:
        """Begin to tick."""
        loop = asyncio.get_running_loop()
        self._next = loop.time()
        self._tick()

    def stop(self) -> None:
        """End ticking."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def attach(self, index: int, rtp: socket.socket, rtcp: socket.socket) -> None:
        """Read leg `index` from two sockets, and send its packets from them."""
        loop = asyncio.get_running_loop()
        for kind, sock in ((Packet.RTP, rtp), (Packet.RTCP, rtcp)):
            self._sockets[index, kind] = sock
            loop.add_reader(sock.fileno(), self._read, index, kind, sock)

    def ignore(self, index: int) -> None:
        """Read no more for a leg."""
        loop = asyncio.get_running_loop()
        for kind in Packet:
            loop.remove_reader(self._sockets[index, kind].fileno())

    def _read(self, index: int, kind: Packet, sock: socket.socket) -> None:
        now_ns = self._clock.now_ns()
        for _ in range(BURST):
            try:
                data, (host, port) = sock.recvfrom(DATAGRAM)
            except BlockingIOError:
                return
            except OSError:
                # An ICMP answer to something we sent; the next datagram may be fine.
                continue
            source = int.from_bytes(socket.inet_aton(host)) << 16 | port
            self._engine.receive(index, kind, data, source, now_ns)

    def _tick(self) -> None:
        loop = asyncio.get_running_loop()
        self._engine.tick(self._clock.now_ns())
        for index, kind, to, data in self._engine.tx():
            address = (socket.inet_ntoa((to >> 16).to_bytes(4)), to & 65535)
            try:
                self._sockets[index, Packet(kind)].sendto(data, address)
            except OSError:
                self.unsent += 1
        self._notify()
        self._next = max(self._next + SLOT_S, loop.time())
        self._timer = loop.call_at(self._next, self._tick)
