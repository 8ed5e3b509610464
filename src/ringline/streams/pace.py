"""How often an app may do a thing (the generic cell rate algorithm). Pure."""

from ringline.core.clock import SECOND


class Pace:
    """Lets one event through each `interval` seconds, `burst` of them early.

    `slack` is how much too early an event may come and still pass: networks bunch evenly sent messages.
    """

    def __init__(self, interval: float, *, burst: int = 1, slack: float = 0.0) -> None:
        self._interval = round(interval * SECOND)
        self._tolerance = (burst - 1) * self._interval + round(slack * SECOND)
        self._due: int | None = None

    def allows(self, now_ns: int) -> bool:
        """Whether an event at `now_ns` is in time; only those that are count."""
        due = now_ns if self._due is None else max(self._due, now_ns)
        if due - now_ns > self._tolerance:
            return False
        self._due = due + self._interval
        return True
