"""The numbers of a stream's messages (spec media-streaming §3), given where their order is known."""

from collections.abc import Sequence

from ringline.streams.ports import Frames


class Numbers:
    """Counts for transports that send media themselves."""

    def __init__(self) -> None:
        self._others = 0
        self._media = 0

    def next(self, head: bytes, tail: bytes) -> bytes:
        """A message that is no media, with the next number between its two parts."""
        self._others += 1
        return b"%s%d%s" % (head, self._others + self._media, tail)

    def media(self, tap: Frames) -> Sequence[bytes]:
        """What a tap holds as messages; frames it dropped have their numbers too."""
        messages = tap.messages(self._others)
        self._media = tap.taken
        return messages
