"""What parent and child say to each other: a 4-byte big-endian length, then one msgpack message.

A request is opened by `Begin`, answered by any number of `Item`s and closed by exactly one `Done` or
`Failed`. The payloads are the engine's own business; this layer carries them as bytes.
"""

import struct
from collections.abc import Callable, Iterator
from typing import Protocol

import msgspec

from ringline.core.errors import ProtocolError

LENGTH = struct.Struct(">I")
MAX_FRAME = 16 * 1024 * 1024


class WorkerProtocolError(ProtocolError):
    """Bytes on a worker's socket that are no message of this protocol."""


class Configure(msgspec.Struct, frozen=True, array_like=True, tag="configure"):
    """First message to a child: the engine's own settings, as the engine encodes them."""

    settings: bytes


class Begin(msgspec.Struct, frozen=True, array_like=True, tag="begin"):
    """Work for the engine."""

    id: int
    payload: bytes


class Cancel(msgspec.Struct, frozen=True, array_like=True, tag="cancel"):
    """Nobody waits for this request any more; the child still closes it."""

    id: int


class Ping(msgspec.Struct, frozen=True, array_like=True, tag="ping"):
    """Are you there?"""

    number: int


class Stop(msgspec.Struct, frozen=True, array_like=True, tag="stop"):
    """Give up what is running and exit."""


class Ready(msgspec.Struct, frozen=True, array_like=True, tag="ready"):
    """The engine is loaded."""


class Unusable(msgspec.Struct, frozen=True, array_like=True, tag="unusable"):
    """The engine could not be loaded; the child exits after this."""

    reason: str


class Item(msgspec.Struct, frozen=True, array_like=True, tag="item"):
    """One piece of an answer."""

    id: int
    payload: bytes


class Done(msgspec.Struct, frozen=True, array_like=True, tag="done"):
    """The answer is complete (or was cancelled)."""

    id: int


class Failed(msgspec.Struct, frozen=True, array_like=True, tag="failed"):
    """The engine refused this request or broke on it; the child lives on."""

    id: int
    reason: str


class Pong(msgspec.Struct, frozen=True, array_like=True, tag="pong"):
    """The answer to a `Ping`, with the resident memory of the child in bytes."""

    number: int
    resident: int


ToChild = Configure | Begin | Cancel | Ping | Stop
FromChild = Ready | Unusable | Item | Done | Failed | Pong

_encoder = msgspec.msgpack.Encoder()
_to_child: msgspec.msgpack.Decoder[ToChild] = msgspec.msgpack.Decoder(ToChild)
_from_child: msgspec.msgpack.Decoder[FromChild] = msgspec.msgpack.Decoder(FromChild)


class Engine(Protocol):
    """What runs in a child. Made once by the factory that a `WorkerSpec` names.

    `run` is called from several threads at once, up to the spec's `in_flight`.
    """

    def run(self, payload: bytes, cancelled: Callable[[], bool]) -> Iterator[bytes]:
        """Answer one request piece by piece; look at `cancelled()` wherever stopping is cheap.

        Raise `RinglineError` (or `ValueError`) for a request that cannot be answered: its text reaches the
        caller as `WorkerFailed`.
        """
        ...


def frame(message: ToChild | FromChild) -> bytes:
    """One message as bytes for the socket; raises `WorkerProtocolError` above `MAX_FRAME`."""
    body = _encoder.encode(message)
    if len(body) > MAX_FRAME:
        raise WorkerProtocolError(f"a message of {len(body)} bytes exceeds {MAX_FRAME}")
    return LENGTH.pack(len(body)) + body


def read_to_child(body: bytes) -> ToChild:
    """Decode what a parent sent; raises `WorkerProtocolError`."""
    try:
        return _to_child.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise WorkerProtocolError(f"not a message to a worker: {error}") from error


def read_from_child(body: bytes) -> FromChild:
    """Decode what a child sent; raises `WorkerProtocolError`."""
    try:
        return _from_child.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise WorkerProtocolError(f"not a message of a worker: {error}") from error


class Frames:
    """Cuts a byte stream into message bodies, in time linear in the stream's length."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._need: int | None = None

    def feed(self, data: bytes) -> list[bytes]:
        """Take in what was read; return the bodies now complete; raises `WorkerProtocolError`."""
        self._buffer += data
        bodies: list[bytes] = []
        start = 0
        while True:
            available = len(self._buffer) - start
            if self._need is None:
                if available < LENGTH.size:
                    break
                (need,) = LENGTH.unpack_from(self._buffer, start)
                if need > MAX_FRAME:
                    raise WorkerProtocolError(f"a frame of {need} bytes exceeds {MAX_FRAME}")
                self._need = need
                start += LENGTH.size
                available -= LENGTH.size
            if available < self._need:
                break
            bodies.append(bytes(self._buffer[start : start + self._need]))
            start += self._need
            self._need = None
        del self._buffer[:start]
        return bodies
