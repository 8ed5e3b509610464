"""What this room needs of others: the media plane's taps and injects, and the network guard."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Literal, Protocol

from ringline.core.net import Target


class Frames(Protocol):
    """Frames of a leg's audio that wait to be sent."""

    @property
    def taken(self) -> int:
        """How many frames, dropped ones among them, came before the end of the last `messages`."""
        ...

    def messages(self, before: int) -> Sequence[bytes]:
        """Take everything that waits, oldest first, as `media` messages of their stream.

        Each has its frame's number plus `before` as `sequence_number`.
        """
        ...


class Tap(Frames, Protocol):
    """A copy of a leg's audio, in a bounded ring that drops and counts frames when nobody drains it."""

    def trim(self, keep: int) -> None:
        """Drop all but the newest `keep` frames that wait."""
        ...

    def set_wakeup(self, wakeup: Callable[[], None]) -> None:
        """Have `wakeup` called in the loop when frames wait."""
        ...

    def close(self) -> None:
        """Stop copying."""
        ...


class Inject(Protocol):
    """Audio played into one or both legs of a call, in order, beside their own playouts."""

    @property
    def rate(self) -> int:
        """The leg's samples a second, as `write_pcm` takes them."""
        ...

    @property
    def backlog_ms(self) -> float:
        """Queued audio that was not sent yet."""
        ...

    def write(self, payload: bytes) -> bool:
        """Queue codec bytes of the inject's encoding; False if there is no room for them."""
        ...

    def write_pcm(self, pcm: bytes) -> bool:
        """Queue 16-bit samples in native order at `rate`; False if there is no room for them."""
        ...

    def push(self, message: bytes, most_ms: int) -> bool:
        """Queue the payload of a `media` message of the usual exact shape, in the inject's encoding.

        False: nothing was done, for the message is of another shape, or more than `most_ms` would wait.
        """
        ...

    def mark(self, name: str) -> None:
        """Have the plane report `name` when everything queued before was sent."""
        ...

    def clear(self) -> int:
        """Drop the queue; milliseconds of the dropped audio that had been heard."""
        ...

    def close(self) -> None:
        """Drop the queue and leave the leg."""
        ...


class MediaPorts(Protocol):
    """The part of `media.plane.MediaPlane` that a stream uses."""

    def open_tap(
        self, leg: str, tap: str, *, inbound: bool, outbound: bool, codec: str, rate: int, little_endian: bool
    ) -> Tap:
        """Copy a leg's audio for stream `tap` in `codec` at `rate`; L16 in network order unless
        `little_endian`.

        Raises `RinglineError` if there is no such leg, or no place for the tap.
        """
        ...

    def open_inject(
        self,
        leg: str,
        stream: str,
        *,
        codec: str,
        rate: int,
        target: Literal["self", "opposite", "both"],
        little_endian: bool,
    ) -> Inject:
        """Open a way into the call's audio; whoever `target` names hears it. Raises as `open_tap`."""
        ...

    def carry(self, leg: str, stream: str, link: int, most_ms: int | None) -> None:
        """Let audio go between the leg and a link without Python: what the stream's tap copies, and what the
        app sends in `media` messages of the usual exact shape, while no more than `most_ms` wait (None: what
        it sends is not for the media thread). Ends when the tap or the inject is closed.
        """
        ...


Resolve = Callable[[str], Awaitable[Target]]
"""Looks a `ws` or `wss` URL up once and vets it, as `core.net.Guard.vet` does; raises `NotAllowed`."""
