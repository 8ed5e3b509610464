"""Who hears whom: a directed graph of gains over the legs of one plane.

A bridge is two routes. Supervision is the same with fewer: a monitor hears both and is heard by none, a
whisper is heard by one, a barge by all. Legs that a route joins share one phase of the media thread's clock,
so that a word is mixed in the slot in which it was decoded.
"""


class Routes:
    """Routes and phases by leg name."""

    def __init__(self) -> None:
        self._gains: dict[str, dict[str, float]] = {}
        self._phases: dict[str, int] = {}

    def add(self, leg: str, phase: int) -> None:
        """A leg that hears nobody yet."""
        self._gains[leg] = {}
        self._phases[leg] = phase

    def heard_by(self, leg: str) -> dict[str, float]:
        """The legs that `leg` hears, with gains."""
        return dict(self._gains[leg])

    def neighbours(self, leg: str) -> set[str]:
        """Legs that hear `leg` or that it hears."""
        return set(self._gains[leg]) | {other for other, gains in self._gains.items() if leg in gains}

    def group(self, leg: str) -> set[str]:
        """All legs joined to `leg` by routes, itself among them."""
        found = {leg}
        ahead = [leg]
        while ahead:
            new = self.neighbours(ahead.pop()) - found
            found |= new
            ahead += new
        return found

    def join(self, listener: str, speaker: str, gain: float) -> dict[str, int]:
        """Set a route, gain 0 takes it away; returns the legs whose phase it changes, with the new one."""
        if not gain:
            self._gains[listener].pop(speaker, None)
            return {}
        phase = self._phases[listener]
        moved = {leg: phase for leg in self.group(speaker) if self._phases[leg] != phase}
        self._gains[listener][speaker] = gain
        self._phases.update(moved)
        return moved

    def remove(self, leg: str) -> set[str]:
        """Forget a leg; returns those who heard it."""
        listeners = {other for other, gains in self._gains.items() if leg in gains}
        for listener in listeners:
            del self._gains[listener][leg]
        del self._gains[leg]
        del self._phases[leg]
        return listeners
