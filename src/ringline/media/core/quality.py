# cython: infer_types=True, annotation_typing=False, wraparound=False
"""How well a stream arrives: loss and jitter (RFC 3550), and what a listener makes of them (ITU-T G.107)."""

from dataclasses import dataclass
from typing import Final

# ITU-T G.107 with its default values and no delay; G.113 appendix I for G.711 with loss concealment.
_R_DEFAULT: Final = 93.2
_LOSS_ROBUSTNESS: Final = 25.1

# Sequence numbers that loss may leave out (appendix A.1); a C integer, typed in the .pxd.
_MAX_DROPOUT = 3000


@dataclass(frozen=True, slots=True)
class Reception:
    """What one stream's receiver counted since it began; jitters in milliseconds.

    `measured` are the packets that went into the jitter: all but the first and those whose timestamps jumped.
    """

    received: int
    expected: int
    measured: int
    jitter_ms: float
    max_jitter_ms: float

    @property
    def lost(self) -> int:
        """Packets that never came; duplicates may hide some, and never make it negative."""
        return max(self.expected - self.received, 0)

    @property
    def loss(self) -> float:
        """The part lost, 0 to 1."""
        return self.lost / self.expected if self.expected else 0.0


class ReceptionStats:
    """The receiver's side of one stream (RFC 3550 §6.4.1, appendices A.1, A.3, A.8)."""

    def __init__(self, clock_rate: int) -> None:
        self.clock_rate = clock_rate
        self.half_circle = 1 << 31
        self.c_reset()

    def c_reset(self) -> None:
        """Begin anew with another source."""
        self.received = 0
        self.base = 0
        self.highest = 0
        self.measured = 0
        self.timestamp = 0
        self.arrival = 0
        self.jitter16 = 0
        self.max_jitter16 = 0
        self.reported_expected = 0
        self.reported_received = 0

    def c_packet(self, sequence: int, timestamp: int, now_ns: int) -> None:
        """Count one packet of the stream as it came in, duplicates and stragglers too."""
        arrival = now_ns // 1000 * self.clock_rate // 1000000
        self.received += 1
        if self.received == 1:
            self.base = sequence
            self.highest = sequence
        else:
            ahead = (sequence - self.highest) & 65535
            if ahead < _MAX_DROPOUT:
                self.highest += ahead
            elif ahead <= 65535 - _MAX_DROPOUT:
                # No loss explains such a jump: the sender counts anew, nothing is missing.
                self.base += ahead - 1
                self.highest += ahead
            self.c_spread(arrival - self.arrival - self.c_circular(timestamp - self.timestamp))
        self.timestamp = timestamp
        self.arrival = arrival

    def c_spread(self, difference: int) -> None:
        """Let one difference of transit times into the jitter (appendix A.8)."""
        spread = difference if difference >= 0 else -difference
        # More than a second is a sender that moved its timestamps, not a network that delays.
        if spread > self.clock_rate:
            return
        self.measured += 1
        self.jitter16 += spread - (self.jitter16 + 8 >> 4)
        self.max_jitter16 = max(self.max_jitter16, self.jitter16)

    def c_circular(self, difference: int) -> int:
        """A difference of two 32-bit timestamps, the shorter way round."""
        if difference >= self.half_circle:
            return difference - 2 * self.half_circle
        if difference < -self.half_circle:
            return difference + 2 * self.half_circle
        return difference

    def c_expected(self) -> int:
        """Packets the sender must have sent."""
        return self.highest - self.base + 1 if self.received else 0

    def c_fraction_lost(self) -> int:
        """The part lost since the last call of this, in 256ths (appendix A.3)."""
        expected = self.c_expected()
        interval = expected - self.reported_expected
        lost = interval - (self.received - self.reported_received)
        self.reported_expected = expected
        self.reported_received = self.received
        if interval <= 0 or lost <= 0:
            return 0
        return min((lost << 8) // interval, 255)

    def c_jitter(self) -> int:
        """The jitter in timestamp units."""
        return self.jitter16 >> 4

    def packet(self, sequence: int, timestamp: int, now_ns: int) -> None:
        """Count one packet."""
        self.c_packet(sequence, timestamp, now_ns)

    def fraction_lost(self) -> int:
        """The part lost since the last call of this, in 256ths."""
        return self.c_fraction_lost()

    def reception(self) -> Reception:
        """The counts so far."""
        per_ms = 16 * self.clock_rate / 1000
        return Reception(
            received=self.received,
            expected=self.c_expected(),
            measured=self.measured,
            jitter_ms=self.jitter16 / per_ms,
            max_jitter_ms=self.max_jitter16 / per_ms,
        )


def mos(loss: float, delay_ms: float) -> float:
    """The mean opinion score, 1 to 4.4, of `loss` (0 to 1) and a one-way delay (ITU-T G.107).

    Loss counts as random; the delay's weight is the approximation 0.024·d + 0.11·(d − 177.3) of Id.
    """
    percent = 100 * min(max(loss, 0.0), 1.0)
    equipment = 95 * percent / (percent + _LOSS_ROBUSTNESS)
    delay = 0.024 * delay_ms + 0.11 * max(delay_ms - 177.3, 0.0)
    r = _R_DEFAULT - delay - equipment
    if r <= 0:
        return 1.0
    # The polynomial of annex B dips below 1 for the smallest r.
    return max(1 + 0.035 * r + r * (r - 60) * (100 - r) * 7e-6, 1.0)
