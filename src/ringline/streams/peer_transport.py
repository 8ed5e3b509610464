"""What transports on a `Peer` have in common, whoever carries its octets."""

import asyncio
from abc import ABC, abstractmethod

from ringline.streams.peer import Peer


class PeerTransport(ABC):
    """The half of a `StreamTransport` that only the peer matters to.

    Whoever carries sets `_gone` when the connection is; `_why`, if it is set, says how it ended.
    """

    def __init__(self, peer: Peer) -> None:
        self._peer = peer
        self._gone = asyncio.Event()
        self._why: str | None = None

    def send(self, message: bytes) -> None:
        """Send a text message."""
        self._peer.say(message)
        self._flush()

    def ping(self) -> None:
        """Send a ping."""
        self._peer.ping()
        self._flush()

    async def close(self, code: int, patience: float) -> None:
        """Send a close frame, wait for the app's, let go."""
        self._peer.take_leave(code)
        self._flush()
        try:
            async with asyncio.timeout(patience):
                await self._gone.wait()
        except TimeoutError:
            self.abort("the app did not answer our close frame")
            await self._gone.wait()

    @abstractmethod
    def abort(self, why: str) -> None:
        """Let go at once."""

    @abstractmethod
    def _flush(self) -> None:
        """Carry what the peer wants to send."""
