# cython: infer_types=True, annotation_typing=False, wraparound=False
"""Whose RTP a leg believes: learn the source at first, then be strict.

A source is an address and a port in one integer (`address << 16 | port`). The announced one of the offer or
answer is believed at once, and always. Another one, because phones sit behind NAT, is believed after five
packets in a row with one SSRC. A locked source is replaced when it was silent for 2 s, a locked SSRC on the
same source after 200 ms (a re-started sender), both at once when `c_expect` says that a new offer was
answered. Everything else is a stranger: counted, never played.
"""

LEARN_PACKETS = 5
SOURCE_SILENT_NS = 2_000_000_000
SSRC_SILENT_NS = 200_000_000

# What c_accept answers.
STRANGER = 0
ACCEPTED = 1
CHANGED = 2


class Latch:
    """The believed source of one leg."""

    def __init__(self) -> None:
        self.announced = 0
        self.source = 0
        self.ssrc = 0
        self.locked = 0
        self.renewed = 0
        self.candidate = 0
        self.candidate_ssrc = 0
        self.candidate_count = 0
        self.heard_ns = 0
        self.strangers = 0

    def c_expect(self, source: int) -> None:
        """An offer or answer names `source`: learn anew, or from the believed one only a new SSRC."""
        self.renewed = 1
        if source == self.announced and self.locked:
            return
        self.announced = source
        if source != self.source:
            self.locked = 0
        self.candidate_count = 0

    def c_accept(self, source: int, ssrc: int, now_ns: int) -> int:
        """Judge one packet: STRANGER, ACCEPTED, or CHANGED where it begins a new source or SSRC."""
        if self.locked and source == self.source:
            if ssrc == self.ssrc:
                self.heard_ns = now_ns
                return ACCEPTED
            if now_ns - self.heard_ns < SSRC_SILENT_NS and not self.renewed:
                self.strangers += 1
                return STRANGER
            return self.c_lock(source, ssrc, now_ns)
        if source == self.announced:
            return self.c_lock(source, ssrc, now_ns)
        if self.locked and now_ns - self.heard_ns < SOURCE_SILENT_NS:
            self.strangers += 1
            return STRANGER
        if source == self.candidate and ssrc == self.candidate_ssrc and self.candidate_count:
            self.candidate_count += 1
        else:
            self.candidate = source
            self.candidate_ssrc = ssrc
            self.candidate_count = 1
        if self.candidate_count >= LEARN_PACKETS:
            return self.c_lock(source, ssrc, now_ns)
        self.strangers += 1
        return STRANGER

    def c_lock(self, source: int, ssrc: int, now_ns: int) -> int:
        """Believe this source and SSRC from now on."""
        self.source = source
        self.ssrc = ssrc
        self.locked = 1
        self.renewed = 0
        self.heard_ns = now_ns
        self.candidate_count = 0
        return CHANGED

    def c_target(self) -> int:
        """Where packets go: to the believed source, the announced one as long as nobody was heard."""
        return self.source if self.locked else self.announced

    def expect(self, source: int) -> None:
        """`c_expect` for Python."""
        self.c_expect(source)

    def accept(self, source: int, ssrc: int, now_ns: int) -> int:
        """`c_accept` for Python."""
        return self.c_accept(source, ssrc, now_ns)

    def target(self) -> int:
        """`c_target` for Python."""
        return self.c_target()
