"""Connections to apps in the media thread's hands: it reads and writes them.

A stream's audio then goes between the leg and the app without Python, which hears of the rest (`core.link`).
"""

import socket
from collections import deque
from collections.abc import Callable
from typing import Any, Protocol

from ringline.core.errors import RinglineError
from ringline.media.core.engine import Engine
from ringline.media.core.inlet import Scratch
from ringline.media.core.kinds import Command, Event
from ringline.media.core.link import Link, unit
from ringline.media.inject import Inject
from ringline.media.tapping import Tap

HIGH_WATER = 32 * 1024
"""Octets on their way at which a connection counts as not writable."""

Post = Callable[..., None]
"""Sends a command: its kind, the slot, arguments."""


class NoFreeLink(RinglineError):
    """The media thread carries as many connections as it can, or cannot carry any."""


class LinkReceiver(Protocol):
    """Who is told what comes over a connection; called in the loop, `on_gone` last."""

    def on_data(self, data: bytes) -> None:
        """Octets of whole frames, or of parts of them, which no leg took."""
        ...

    def on_room(self) -> None:
        """Less waits to be sent than did when the connection was not writable."""
        ...

    def on_end(self, error: int) -> None:
        """The other side sends no more: it ended (0), or the connection broke (errno)."""
        ...

    def on_gone(self) -> None:
        """The connection is closed."""
        ...


class Carriage:
    """One connection. Every method belongs to the event loop's thread."""

    def __init__(self, core: Link, sock: socket.socket, receiver: LinkReceiver, post: Post) -> None:
        self.link = int(core.index)
        self.core = core
        self.sock = sock
        self._receiver = receiver
        self._post = post
        self._waiting: deque[bytes] = deque()
        self._waiting_octets = 0
        self._inject: Inject | None = None
        self._lifted = 0
        self._ended = False
        self._full = False
        self._closing = False
        self._gone = False

    @property
    def unsent(self) -> int:
        """Octets that were written and that the media thread has not taken yet."""
        return self._waiting_octets + int(self.core.down.head - self.core.down.tail)

    @property
    def writable(self) -> bool:
        """Whether little waits to be sent."""
        return not self._full

    def write(self, data: bytes) -> None:
        """Send frames as they are."""
        self._write(unit(data))

    def write_numbered(self, head: bytes, tail: bytes) -> None:
        """Send a text message of `head`, the number it has among the stream's messages, and `tail`."""
        self._write(unit(head + tail, len(head)))

    def _write(self, data: bytes) -> None:
        if self._closing:
            return
        self._waiting.append(data)
        self._waiting_octets += len(data)
        self._pump()
        self._full = self._full or self.unsent >= HIGH_WATER

    def _pump(self) -> None:
        """Move what fits into the ring."""
        moved = False
        while self._waiting:
            data = self._waiting[0]
            count = self.core.down.put(data)
            self._waiting_octets -= count
            moved = moved or count > 0
            if count == len(data):
                self._waiting.popleft()
                continue
            self._waiting[0] = data[count:]
            if self.core.wanted:
                break
            # Said before the second try: the thread may make room in between.
            self.core.wanted = 1
        if moved:
            self._post(Command.LINK_LOOK, self.link)

    def carry(self, leg: int, tap: Tap, inject: Inject | None, scratch: Scratch, most: int) -> None:
        """Let the media thread carry a leg's audio: what `tap` copies, and into `inject` what the app sends,
        of which at most `most` samples may wait.
        """
        self._inject = inject
        self.core.give(tap.ring, tap.writer, inject.hand_over(scratch) if inject else None, most)
        self._post(Command.LINK_BIND, self.link, leg)

    def release(self, leg: int) -> None:
        """Carry no more audio of a leg; what the app sends from now on is Python's."""
        self._inject = None
        if not self._gone:
            self._post(Command.LINK_RELEASE, self.link, leg)

    def close(self) -> None:
        """Close once all is sent; `on_gone` follows."""
        self._end(1)

    def abort(self) -> None:
        """Close at once; `on_gone` follows."""
        self._end(0)

    def _end(self, gracefully: int) -> None:
        self._closing = True
        if not self._gone:
            self._post(Command.LINK_CLOSE, self.link, gracefully)

    # What the media thread says.

    def look(self) -> None:
        """LINK: something came, there is room again, or it is over."""
        self.core.signalled = 0
        fence = int(self.core.fence)
        ended = bool(self.core.ended)
        data = self.core.up.take()
        if self.core.choked:
            self.core.choked = 0
            self._post(Command.LINK_LOOK, self.link)
        self._pump()
        if self._full and self.unsent < HIGH_WATER // 2:
            self._full = False
            self._receiver.on_room()
        if data:
            self._receiver.on_data(data)
        if ended and not self._ended:
            self._ended = True
            self._receiver.on_end(int(self.core.error))
        if fence > self._lifted:
            self._lifted = fence
            self._resume(fence)

    def _resume(self, fence: int) -> None:
        if self._inject is None or self._inject.idle:
            self._post(Command.LINK_RESUME, self.link, fence, 1)
            return
        # The app's samples that Python still holds come first.
        self._post(Command.LINK_RESUME, self.link, fence, 0)
        self._inject.when_idle(self._listen)

    def _listen(self) -> None:
        if not self._gone:
            self._post(Command.LINK_LISTEN, self.link)

    def gone(self) -> None:
        """LINK_CLOSED."""
        self._closing = self._gone = True
        self.sock.close()
        self._receiver.on_gone()


class Carriages:
    """All connections of one media thread."""

    def __init__(self, engine: Engine, driver: Any, post: Post) -> None:
        self._engine = engine
        self._driver = driver
        self._post = post
        self._open: list[Carriage | None] = [None] * engine.capacity
        self._free = deque(range(engine.capacity))
        self.scratch = Scratch()

    def __len__(self) -> int:
        return self._engine.capacity - len(self._free)

    def open(self, sock: socket.socket, receiver: LinkReceiver) -> Carriage:
        """Take a connected, non-blocking socket over; raises `NoFreeLink`."""
        if not self._free:
            raise NoFreeLink(f"all {self._engine.capacity} connections of the media engine are taken")
        index = self._free.popleft()
        carriage = Carriage(self._engine.add_link(index), sock, receiver, self._post)
        self._open[index] = carriage
        self._driver.attach_link(index, sock.fileno())
        self._post(Command.LINK_OPEN, index)
        return carriage

    def at(self, index: int) -> Carriage:
        """The connection in a slot; raises `NoFreeLink` where none is."""
        carriage = self._open[index]
        if carriage is None:
            raise NoFreeLink("the connection is closed")
        return carriage

    def abort_all(self) -> None:
        """Close every connection."""
        for carriage in filter(None, self._open):
            carriage.abort()

    def handle(self, kind: int, index: int) -> None:
        """LINK or LINK_CLOSED."""
        carriage = self._open[index]
        if carriage is None:
            return
        if kind == Event.LINK:
            carriage.look()
            return
        self._driver.detach_link(index)
        self._open[index] = None
        self._engine.remove_link(index)
        self._free.append(index)
        carriage.gone()
