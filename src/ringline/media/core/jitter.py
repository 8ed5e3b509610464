# cython: infer_types=True, annotation_typing=False, wraparound=False
"""An adaptive jitter buffer: packets in as they come, one decision per playout quantum out.

Positions are RTP timestamps extended to 64 bits, in units of the payload's clock. `cursor` is the first unit
that has not been handed out. The buffer hands out 20 ms at a time; packets may hold 10 to 60 ms.

    waiting   the next packet found starts a talk spurt once it has aged by `target`
    playing   `c_next` names the packet to play, or says that the quantum must be concealed or be silent

The target follows the lateness of packets against the earliest ones: its peak, decaying by half in 3.5 s at
50 packets a second, between 20 and 200 ms. A level that stayed above it lets the leg play two quanta as one.
"""

from array import array
from collections.abc import MutableSequence

from ringline.media.core.kinds import Put, Take

# Integers that compiled code reads without the interpreter (declared in jitter.pxd).
SLOTS = 32
SLOT_SIZE = 1920
SMALLEST = 192  # 20 ms of PCMU in whole cache lines
FIELDS = 8
SEQUENCE = 0
SEEN = 1
STAMP = 2
ARRIVAL = 3
LENGTH = 4
FEWEST_NS = 20_000_000
MOST_NS = 200_000_000
ONE_SECOND = 1_000_000_000
M32 = 0xFFFFFFFF
TURN = 1 << 32
FAR = 1 << 40
CONCEAL = int(Take.CONCEAL)
SILENCE = int(Take.SILENCE)
STARVED = int(Take.STARVED)
WAIT = int(Take.WAIT)
KEPT = int(Put.KEPT)
DUPLICATE = int(Put.DUPLICATE)
LATE = int(Put.LATE)
STRAY = int(Put.STRAY)
OVERSIZE = int(Put.OVERSIZE)


class JitterBuffer:
    """One direction of one RTP stream."""

    def __init__(self) -> None:
        self.data = array("B", bytes(SLOTS * SLOT_SIZE))
        # What is known of a packet stands together, a cache line each.
        self.kept = array("q", bytes(8 * FIELDS * SLOTS))
        self.stride = SMALLEST
        self.received = 0
        self.lost = 0
        self.late = 0
        self.duplicates = 0
        self.reordered = 0
        self.concealed = 0
        self.shrunk = 0
        self.resets = 0
        self.spread_ns = FEWEST_NS
        self.clock = 8000
        self.octets_per_unit = 1
        self.quantum = 160
        self.ns_per_unit = 125_000
        self.c_reset()

    def c_configure(self, clock: int, octets_per_unit: int) -> None:
        """Set the payload's clock rate and how many octets last one unit of it, and start afresh."""
        self.clock = clock
        self.octets_per_unit = octets_per_unit
        self.quantum = clock // 50
        self.ns_per_unit = 1_000_000_000 // clock
        self.c_reset()

    def c_reset(self) -> None:
        """Forget the stream, not the counters: a new source, codec or sequence begins."""
        for i in range(SLOTS):
            self.kept[i * FIELDS + SEQUENCE] = -1
            self.kept[i * FIELDS + SEEN] = -1
        self.started = 0
        self.waiting = 1
        self.newest = 0
        self.newest_stamp = 0
        self.next = 0
        self.floor = 0
        self.cursor = 0
        self.end = 0
        self.starved = 0
        self.stray = -1
        self.base_ns = 0
        self.lowest = FAR
        self.pulls = 0

    def c_target_ns(self) -> int:
        """The delay aimed at."""
        wanted = self.spread_ns
        if wanted < FEWEST_NS:
            return FEWEST_NS
        return min(wanted, MOST_NS)

    def c_level(self) -> int:
        """Units between the cursor and the end of the newest packet."""
        if self.waiting or self.end <= self.cursor:
            return 0
        return self.end - self.cursor

    def c_put(
        self,
        sequence: int,
        timestamp: int,
        data: MutableSequence[int],
        at: int,
        length: int,
        audio: int,
        now_ns: int,
    ) -> int:
        """Store a packet; `audio` 0 only fills its number (digits and comfort noise share the sequence)."""
        if length > SLOT_SIZE:
            return OVERSIZE
        if not self.started:
            self.started = 1
            # One full turn ahead of zero, so that extended numbers of reordered first packets stay positive.
            self.newest = sequence + 65536
            self.next = self.newest
            self.newest_stamp = timestamp + TURN
            self.base_ns = now_ns - self.newest_stamp * self.ns_per_unit
        delta = (sequence - self.newest) & 65535
        if delta >= 32768:
            delta -= 65536
        if delta > 3000 or delta < -100:
            # RFC 3550 A.1: one packet far away is a stray, two in sequence are a restarted sender.
            if self.stray != sequence:
                self.stray = (sequence + 1) & 65535
                return STRAY
            self.resets += 1
            self.c_reset()
            return self.c_put(sequence, timestamp, data, at, length, audio, now_ns)
        self.stray = -1
        number = self.newest + delta
        stamp = self.c_extend(timestamp)
        slot = number & 31
        self.received += 1
        if self.kept[slot * FIELDS + SEEN] == number:
            self.duplicates += 1
            return DUPLICATE
        if delta < 0:
            self.reordered += 1
        if audio:
            self.c_measure(stamp, now_ns)
        if number < self.floor or number < self.newest - 31:
            self.late += 1
            return LATE
        self.next = min(self.next, number)
        if number > self.newest:
            self.newest = number
            self.newest_stamp = stamp
            if self.newest - self.next > 31:
                self.c_overrun()
        self.kept[slot * FIELDS + SEEN] = number
        self.kept[slot * FIELDS + SEQUENCE] = number
        self.kept[slot * FIELDS + STAMP] = stamp
        self.kept[slot * FIELDS + LENGTH] = length if audio else 0
        self.kept[slot * FIELDS + ARRIVAL] = now_ns
        if length > self.stride:
            self.c_widen(length)
        for i in range(length if audio else 0):
            self.data[slot * self.stride + i] = data[at + i]
        if audio and stamp + length // self.octets_per_unit > self.end:
            self.end = stamp + length // self.octets_per_unit
        return KEPT

    def c_length(self, slot: int) -> int:
        """Octets of the packet in a slot."""
        return self.kept[slot * FIELDS + LENGTH]

    def c_widen(self, length: int) -> None:
        """Make room for packets of `length` octets; those kept move, the last one first. What a stream needs
        lies close together, and few packets are longer than those before.
        """
        stride = (length + 63) // 64 * 64
        for k in range(SLOTS):
            slot = SLOTS - 1 - k
            for i in range(self.stride):
                self.data[slot * stride + self.stride - 1 - i] = self.data[
                    slot * self.stride + self.stride - 1 - i
                ]
        self.stride = stride

    def c_extend(self, timestamp: int) -> int:
        """The 64-bit timestamp nearest to the newest one."""
        delta = (timestamp - self.newest_stamp) & M32
        if delta > 0x7FFFFFFF:
            delta -= M32 + 1
        return self.newest_stamp + delta

    def c_measure(self, stamp: int, now_ns: int) -> None:
        """Follow lateness, from which the target comes."""
        transit = now_ns - stamp * self.ns_per_unit
        lateness = transit - self.base_ns
        if lateness < 0 or lateness > ONE_SECOND:
            # More than a second is no jitter: the sender stood still without counting, or set its clock.
            self.base_ns = transit
            lateness = 0
        else:
            # The sender's clock may be slow: the base follows by up to 0.1 %.
            self.base_ns += 20_000
        if lateness > self.spread_ns:
            self.spread_ns = lateness
        else:
            self.spread_ns -= (self.spread_ns - lateness) >> 8

    def c_overrun(self) -> None:
        """Let go of packets older than the slots can hold."""
        oldest = self.newest - 31
        while self.next < oldest:
            slot = self.next & 31
            if self.kept[slot * FIELDS + SEQUENCE] == self.next:
                self.kept[slot * FIELDS + SEQUENCE] = -1
                self.late += 1
            else:
                self.lost += 1
            self.next += 1
            if oldest - self.next > 64:
                self.lost += oldest - self.next
                self.next = oldest
        self.floor = self.next

    def c_find(self) -> int:
        """Number of the oldest packet kept at or after `next`, −1 if there is none."""
        number = self.next
        while number <= self.newest:
            if self.kept[(number & 31) * FIELDS + SEQUENCE] == number:
                return number
            number += 1
        return -1

    def c_begin(self, number: int) -> None:
        """Start playing at packet `number`."""
        self.c_give_up(number)
        self.cursor = self.kept[(number & 31) * FIELDS + STAMP]
        self.waiting = 0
        self.starved = 0
        self.lowest = FAR
        self.pulls = 0

    def c_skip_empty(self) -> None:
        """Step over packets without audio that come next."""
        while self.next <= self.newest:
            slot = self.next & 31
            if self.kept[slot * FIELDS + SEQUENCE] != self.next or self.kept[slot * FIELDS + LENGTH] != 0:
                return
            self.kept[slot * FIELDS + SEQUENCE] = -1
            self.next += 1
            self.floor = self.next

    def c_give_up(self, number: int) -> None:
        """Count what is missing before packet `number` as lost; it plays next."""
        self.lost += number - self.next
        self.next = number
        self.floor = number

    def c_next(self, now_ns: int) -> int:
        """Slot of the packet to play now, or CONCEAL, SILENCE, STARVED or WAIT, each worth one quantum.

        `granted` then says how many units that is. The slot's octets stay in place until the next `c_put`.
        """
        self.granted = self.quantum
        if not self.started:
            return WAIT
        while True:
            self.c_skip_empty()
            number = self.c_find()
            if self.waiting:
                if (
                    number < 0
                    or now_ns - self.kept[(number & 31) * FIELDS + ARRIVAL] < self.c_target_ns() - FEWEST_NS
                ):
                    return WAIT
                self.c_begin(number)
            if number < 0:
                self.starved += 1
                if self.starved >= 5:
                    self.waiting = 1
                    return WAIT
                self.concealed += 1
                return STARVED
            slot = number & 31
            ahead = self.kept[slot * FIELDS + STAMP] - self.cursor
            if ahead > 10 * self.quantum or ahead < -10 * self.quantum:
                # A new talk spurt, or a source that set its clock anew: wait until it has aged enough.
                self.c_give_up(number)
                self.waiting = 1
                continue
            if ahead > 0 and number == self.next and self.starved:
                # Nothing was lost: the quanta given while starving were the pause itself.
                ahead -= min(ahead, self.starved * self.quantum)
                self.cursor = self.kept[slot * FIELDS + STAMP] - ahead
                self.starved = 0
            short = self.c_level() * self.ns_per_unit < self.c_target_ns()
            if ahead > 0 and number != self.next and short and self.starved < 10:
                # Less is kept back than jitter asks for, so what is missing may well be on its way.
                self.starved += 1
                self.concealed += 1
                return STARVED
            if ahead > 0:
                self.granted = min(ahead, self.quantum)
                self.cursor += self.granted
                if number == self.next:
                    return SILENCE
                self.concealed += 1
                if ahead <= self.quantum:
                    self.c_give_up(number)
                return CONCEAL
            self.c_give_up(number)
            self.next = number + 1
            self.floor = self.next
            self.kept[slot * FIELDS + SEQUENCE] = -1
            units = self.kept[slot * FIELDS + LENGTH] // self.octets_per_unit
            if ahead + units <= 0:
                self.late += 1
                continue
            self.starved = 0
            self.cursor = self.kept[slot * FIELDS + STAMP] + units
            self.granted = units
            return slot

    def c_excess(self) -> int:
        """Once per 20 ms before `c_next`: 1 if the level stayed high for so long that a quantum should go."""
        if self.waiting:
            return 0
        level = self.c_level()
        self.lowest = min(self.lowest, level)
        self.pulls += 1
        target = self.c_target_ns() // self.ns_per_unit
        if self.lowest >= target + 5 * self.quantum and self.pulls >= 5:
            verdict = 1
        elif self.pulls >= 25:
            verdict = 1 if self.lowest >= target + 2 * self.quantum else 0
        else:
            return 0
        self.lowest = FAR
        self.pulls = 0
        self.shrunk += verdict
        return verdict

    def put(self, sequence: int, timestamp: int, payload: bytes, now_ns: int, audio: bool = True) -> int:
        """`c_put` for Python; returns a `kinds.Put`."""
        return self.c_put(sequence, timestamp, array("B", payload or b"\0"), 0, len(payload), audio, now_ns)

    def take(self, now_ns: int) -> tuple[int, bytes]:
        """`c_next` for Python: a slot number or a `kinds.Take`, and the packet's octets if there is one."""
        slot = self.c_next(now_ns)
        if slot < 0:
            return slot, b""
        at = slot * self.stride
        return slot, bytes(self.data[at : at + self.kept[slot * FIELDS + LENGTH]])

    def excess(self) -> bool:
        """`c_excess` for Python."""
        return self.c_excess() != 0

    def configure(self, clock: int, octets_per_unit: int) -> None:
        """`c_configure` for Python."""
        self.c_configure(clock, octets_per_unit)
