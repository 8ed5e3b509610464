"""A wire between two UDP sockets that loses a share of what it carries.

sipp can lose messages itself (`-lost`), but what it loses in sending it also takes for sent: a call whose 180
and 200 are both lost this way is never answered, however often the INVITE comes again.
"""

import asyncio
import random
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

Address = tuple[str, int]


class _End(asyncio.DatagramProtocol):
    def __init__(self, carry: Callable[[bytes, Address], None]) -> None:
        self._carry = carry

    def datagram_received(self, data: bytes, addr: Address) -> None:
        self._carry(data, addr)

    def error_received(self, exc: OSError) -> None:
        """The far side is not there yet, or no more: lost too."""


@dataclass
class LossyWire:
    """`port` is where the near side sends instead of to `far`."""

    far: int
    loss: float
    chance: random.Random
    spared: tuple[bytes, ...]
    port: int = 0
    lost: int = 0
    _near: Address | None = None

    async def open(self) -> list[asyncio.DatagramTransport]:
        """Bind both ends."""
        loop = asyncio.get_running_loop()
        here, _ = await loop.create_datagram_endpoint(lambda: _End(self._from_near), ("127.0.0.1", 0))
        there, _ = await loop.create_datagram_endpoint(lambda: _End(self._from_far), ("127.0.0.1", 0))
        self._here, self._there = here, there
        self.port = here.get_extra_info("sockname")[1]
        return [here, there]

    def _keeps(self, data: bytes) -> bool:
        if data.startswith(self.spared):
            return True
        kept = self.chance.random() >= self.loss
        self.lost += not kept
        return kept

    def _from_near(self, data: bytes, source: Address) -> None:
        self._near = source
        if self._keeps(data):
            self._there.sendto(data, ("127.0.0.1", self.far))

    def _from_far(self, data: bytes, _source: Address) -> None:
        if self._near is not None and self._keeps(data):
            # A Contact names the far side; requests in the dialog go over the wire too.
            named = data.replace(b"127.0.0.1:%d" % self.far, b"127.0.0.1:%d" % self.port)
            self._here.sendto(named, self._near)


@asynccontextmanager
async def lossy_wire(far: int, loss: float, *, spared: tuple[bytes, ...] = ()) -> AsyncIterator[LossyWire]:
    """A wire to port `far`: the share `loss` of all datagrams does not come through, but for those that begin
    with one of `spared`.
    """
    wire = LossyWire(far, loss, random.Random(5), spared)
    ends = await wire.open()
    try:
        yield wire
    finally:
        for end in ends:
            end.close()
