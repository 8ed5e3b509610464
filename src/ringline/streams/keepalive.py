"""Finding out that an app is gone (spec media-streaming §2): pings that must be answered. Pure."""

from enum import StrEnum


class Beat(StrEnum):
    """What to do when the interval is over."""

    PING = "ping"
    GIVE_UP = "give up"


class Keepalive:
    """Counts unanswered pings; call `beat` each interval."""

    def __init__(self, allowed_missing: int) -> None:
        self._allowed = allowed_missing
        self.missing = 0
        """Pings sent since the last pong."""

    def beat(self) -> Beat:
        """Decide at the end of an interval."""
        if self.missing >= self._allowed:
            return Beat.GIVE_UP
        self.missing += 1
        return Beat.PING

    def pong(self) -> None:
        """The app answered; a pong nobody asked for counts too (RFC 6455 §5.5.3)."""
        self.missing = 0
