"""A far end on a real socket, and an ear for the plane's events."""

import asyncio
import socket
from array import array
from collections.abc import Callable
from itertools import pairwise
from typing import TypeVar

from ringline.media.core.coder import Coder
from ringline.media.core.kinds import Codec
from ringline.media.core.rtp import RtpPacket, parse, serialize
from ringline.media.events import MediaEvent
from ringline.media.plane import LocalMedia, RemoteMedia

Kind = TypeVar("Kind", bound=MediaEvent)
DEADLINE_S = 15


async def until(condition: Callable[[], bool]) -> None:
    """Wait for something that another thread or socket makes true."""
    async with asyncio.timeout(DEADLINE_S):
        while not condition():  # noqa: ASYNC110 - nobody sets an event for it
            await asyncio.sleep(0.005)


class Inbox:
    """Collects events; `next` waits for the first of a kind that has not been asked for."""

    def __init__(self) -> None:
        self.all: list[MediaEvent] = []
        self._came = asyncio.Event()

    def __call__(self, event: MediaEvent) -> None:
        self.all.append(event)
        self._came.set()

    def of(self, kind: type[Kind]) -> list[Kind]:
        return [event for event in self.all if isinstance(event, kind)]

    async def count(self, kind: type[Kind], count: int) -> list[Kind]:
        """Wait until so many events of a kind have come; returns all of them."""
        async with asyncio.timeout(DEADLINE_S):
            while len(self.of(kind)) < count:
                self._came.clear()
                await self._came.wait()
        return self.of(kind)

    async def next(self, kind: type[Kind], leg: str | None = None) -> Kind:
        async with asyncio.timeout(DEADLINE_S):
            at = 0
            while True:
                for event in self.all[at:]:
                    at += 1
                    if isinstance(event, kind) and leg in {None, event.leg}:
                        return event
                self._came.clear()
                await self._came.wait()


class Phone:
    """One UDP socket that hears everything sent to it."""

    def __init__(self) -> None:
        self.sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.sock.bind(("127.0.0.1", 0))
        self.sock.setblocking(False)
        self.port: int = self.sock.getsockname()[1]
        self.packets: list[RtpPacket] = []
        self._sequence = 500
        self._timestamp = 12345
        asyncio.get_running_loop().add_reader(self.sock.fileno(), self._hear)

    def _hear(self) -> None:
        while True:
            try:
                data = self.sock.recv(2048)
            except BlockingIOError:
                return
            self.packets.append(parse(data))

    def remote(self, codec: str = "PCMU", payload_type: int = 0) -> RemoteMedia:
        return RemoteMedia("127.0.0.1", self.port, codec, payload_type, dtmf_payload_type=101)

    def say_now(self, to: LocalMedia, pcm: "array[int]") -> None:
        """Send one packet's worth of samples."""
        coder = Coder()
        packet = RtpPacket(0, self._sequence & 0xFFFF, self._timestamp, 99, coder.encode(pcm))
        self._sequence += 1
        self._timestamp += len(pcm)
        self.sock.sendto(serialize(packet), (to.address, to.port))

    async def say(self, to: LocalMedia, pcm: "array[int]") -> None:
        """Send samples in real time, 20 ms a packet."""
        loop = asyncio.get_running_loop()
        start = loop.time()
        for n in range(len(pcm) // 160):
            await asyncio.sleep(max(0.0, start + 0.02 * n - loop.time()))
            self.say_now(to, pcm[160 * n : 160 * n + 160])

    async def heard_packets(self, count: int) -> None:
        """Wait until so many packets have come."""
        await until(lambda: len(self.packets) >= count)

    def heard(self, codec: Codec = Codec.PCMU) -> "array[int]":
        """The audio that came, packet after packet."""
        coder = Coder()
        coder.choose(codec, 16000)
        out = array("h")
        for packet in self.packets:
            if packet.payload_type != 101:
                out += coder.decode(packet.payload)
        return out

    def gaps(self) -> list[int]:
        """Timestamp steps other than 20 ms between packets that follow each other, and sequence holes."""
        return [
            (b.timestamp - a.timestamp) & 0xFFFFFFFF
            for a, b in pairwise(self.packets)
            if (b.timestamp - a.timestamp) & 0xFFFFFFFF != 160 or (b.sequence - a.sequence) & 0xFFFF != 1
        ]

    def close(self) -> None:
        asyncio.get_running_loop().remove_reader(self.sock.fileno())
        self.sock.close()
