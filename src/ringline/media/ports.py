"""Pairs of UDP ports: RTP on an even one, RTCP on the next (RFC 3550 §11)."""

import socket
from collections import deque
from dataclasses import dataclass

from ringline.core.errors import RinglineError

# A burst of 5 ms on a busy machine, or a media thread held up for 100 ms, must fit.
RECEIVE_BUFFER = 256 * 1024
EXPEDITED_FORWARDING = 46 << 2


class NoFreePort(RinglineError):
    """Every pair of the range is taken."""


@dataclass(frozen=True, slots=True)
class PortPair:
    """Two bound sockets."""

    rtp: socket.socket
    rtcp: socket.socket

    @property
    def port(self) -> int:
        """The RTP port."""
        port: int = self.rtp.getsockname()[1]
        return port

    def close(self) -> None:
        """Give both ports back."""
        self.rtp.close()
        self.rtcp.close()


class Ports:
    """Hands out pairs, the one that rested longest first: late packets of an ended call find nobody."""

    def __init__(self, bind: str, ports: range) -> None:
        self._bind = bind
        self._free = deque(port for port in ports if port % 2 == 0 and port + 1 in ports)

    def __len__(self) -> int:
        return len(self._free)

    def take(self) -> PortPair:
        """Bind a pair; raises `NoFreePort`. Ports that other programs hold are passed over."""
        for _ in range(len(self._free)):
            port = self._free.popleft()
            rtp = self._open(port)
            if rtp is None:
                self._free.append(port)
                continue
            rtcp = self._open(port + 1)
            if rtcp is None:
                rtp.close()
                self._free.append(port)
                continue
            return PortPair(rtp, rtcp)
        raise NoFreePort(f"no free pair of RTP ports on {self._bind}")

    def give_back(self, pair: PortPair) -> None:
        """Close a pair; its ports may be taken again."""
        port = pair.port
        pair.close()
        self._free.append(port)

    def _open(self, port: int) -> socket.socket | None:
        sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        try:
            sock.setblocking(False)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER)
            sock.setsockopt(socket.IPPROTO_IP, socket.IP_TOS, EXPEDITED_FORWARDING)
            sock.bind((self._bind, port))
        except OSError:
            sock.close()
            return None
        return sock
