"""SIP over UDP (RFC 3261 §18): one socket, each datagram a message."""

import asyncio
import socket
from collections.abc import Callable
from typing import cast

from ringline.sip.flow import Flow

RECEIVE_BUFFER = 4 << 20
Received = Callable[[Flow, bytes], None]


class UdpTransport(asyncio.DatagramProtocol):
    """The one UDP socket of an endpoint."""

    def __init__(self, received: Received, count: Callable[[str], None]) -> None:
        """`received` gets each datagram with its source; `count` a word for each that could not be sent."""
        self._received = received
        self._count = count
        self._transport: asyncio.DatagramTransport | None = None

    @classmethod
    async def bind(
        cls, host: str, port: int, received: Received, count: Callable[[str], None]
    ) -> "UdpTransport":
        """Open the socket; raises `OSError` when the address is taken."""
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        bound = socket.socket(family, socket.SOCK_DGRAM)
        try:
            bound.setblocking(False)
            # A busy moment of the loop must fit into the kernel's queue; the system may allow less.
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER)
            bound.bind((host, port))
            loop = asyncio.get_running_loop()
            _, protocol = await loop.create_datagram_endpoint(lambda: cls(received, count), sock=bound)
        except OSError:
            bound.close()
            raise
        return protocol

    @property
    def address(self) -> tuple[str, int]:
        """Host and port that are bound."""
        if self._transport is None:
            raise OSError("the socket is closed")
        name = self._transport.get_extra_info("sockname")
        return name[0], name[1]

    def send(self, flow: Flow, data: bytes) -> None:
        """Send one datagram; what the kernel refuses is lost, as on the way (retransmission covers it)."""
        if self._transport is None or self._transport.is_closing():
            self._count("udp_closed")
            return
        try:
            self._transport.sendto(data, (flow.host, flow.port))
        except (OSError, ValueError):  # asyncio reports, uvloop raises: another family, too long
            self._count("udp_errors")

    def close(self) -> None:
        """Close the socket."""
        if self._transport is not None:
            self._transport.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """From asyncio."""
        # Neither asyncio's own transport nor uvloop's is a subclass of the type that they implement.
        self._transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        """From asyncio."""
        self._received(Flow("UDP", addr[0], addr[1]), data)

    def error_received(self, exc: Exception) -> None:
        """From asyncio: an ICMP error or a full buffer; it does not say for which datagram."""
        self._count("udp_errors")
