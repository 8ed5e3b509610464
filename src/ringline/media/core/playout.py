# cython: infer_types=True, annotation_typing=False, wraparound=False, boundscheck=False
"""A queue of samples on the way to a leg, with cues that say when which of them has been sent.

Python writes samples and cues ahead; the media thread reads 20 ms at a time. A cue stands at a position:
START is reached when the sample at it is sent, END and MARK when all samples before it are. So playouts,
marks and their times are true however far ahead Python is, or however late it hears of them.
"""

from array import array
from collections.abc import MutableSequence

from ringline.media.core.kinds import Cue, Ending, Event
from ringline.media.core.ring import Records

SAMPLES = 32768
CUES = 256
START = int(Cue.START)
END = int(Cue.END)
CANCELLED = 16  # a START whose playout was stopped before its turn
HEARD = 0
SENT = 1
UNHEARD = 2
COMPLETED = int(Ending.COMPLETED)
STOPPED = int(Ending.STOPPED)
CLOSED = int(Ending.CLOSED)
EVENT_STARTED = int(Event.STARTED)
EVENT_ENDED = int(Event.ENDED)
EVENT_MARK = int(Event.MARK)
EVENT_CLEARED = int(Event.CLEARED)
EVENT_ROOM = int(Event.ROOM)


class Queue:
    """One channel of a leg: a ring of 32768 samples (4 s at 8000 Hz) and a ring of 256 cues.

    The samples' memory is made by `attach`, in Python, before the first write.
    """

    def __init__(self, events: Records, leg: int, channel: int) -> None:
        self.events = events
        self.leg = leg
        self.channel = channel
        self.rate = 0
        self.samples = array("h", bytes(2))
        self.cue_at = array("q", bytes(8 * CUES))
        self.cue_kind = array("i", bytes(4 * CUES))
        self.cue_number = array("q", bytes(8 * CUES))
        self.write = 0
        self.read = 0
        self.cue_head = 0
        self.cue_tail = 0
        self.wanted = 0
        self.current = 0
        self.began = 0
        self.skipped = 0
        self.skip_to = 0
        self.reason = COMPLETED
        self.burst = 0
        self.running = 0

    # Python's side.

    def attach(self, rate: int) -> None:
        """Give the queue its memory and its sample rate, both for the leg's whole life."""
        if not self.rate:
            # The rate comes last: the media thread takes it as the sign that the memory is there.
            self.samples = array("h", bytes(2 * SAMPLES))
            self.rate = rate

    def room(self) -> int:
        """Samples that can be pushed now; asked after `want`, a ROOM event follows once half the ring is
        free.
        """
        return self.c_room()

    def c_room(self) -> int:
        """`room` between C functions."""
        return SAMPLES - self.c_waiting() if self.rate else 0

    def c_waiting(self) -> int:
        """`queued` between C functions."""
        return self.write - self.read

    def want(self) -> None:
        """Ask for one ROOM event."""
        self.wanted = 1

    def queued(self) -> int:
        """Samples pushed and not yet sent."""
        return self.c_waiting()

    def push(self, pcm: MutableSequence[int]) -> int:
        """Append int16 samples; returns how many there was room for."""
        count = min(len(pcm), self.room())
        self.c_push(pcm, 0, count)
        return count

    def c_push(self, pcm: MutableSequence[int], at: int, count: int) -> None:
        """Append `count` samples, for which there is room."""
        write = self.write
        for i in range(count):
            self.samples[(write + i) & (SAMPLES - 1)] = pcm[at + i]
        self.write = write + count

    def cue(self, kind: int, number: int) -> bool:
        """Set a cue behind what was pushed; False if 256 are waiting."""
        head = self.cue_head
        if head - self.cue_tail >= CUES:
            return False
        self.cue_at[head & (CUES - 1)] = self.write
        self.cue_kind[head & (CUES - 1)] = kind
        self.cue_number[head & (CUES - 1)] = number
        self.cue_head = head + 1
        return True

    # The media thread's side.

    def c_boundary(self) -> int:
        """Position of the next cue, or of the end of what was pushed."""
        tail = self.cue_tail
        if tail != self.cue_head:
            return self.cue_at[tail & (CUES - 1)]
        return self.write

    def c_pull(self, out: MutableSequence[int], count: int, now_ns: int) -> int:
        """Take up to `count` samples into `out`, zeros behind them; returns how many were real.

        Cues passed on the way become events stamped `now_ns`, the time at which the packet leaves.
        """
        got = 0
        while got < count:
            while self.c_cue(now_ns, HEARD):
                pass
            if self.skip_to > self.read:
                self.c_discard(self.skip_to, STOPPED, now_ns)
                continue
            read = self.read
            step = min(count - got, self.c_boundary() - read)
            if step <= 0:
                break
            if not self.running:
                self.running = 1
                self.burst = read
            for i in range(step):
                out[got + i] = self.samples[(read + i) & (SAMPLES - 1)]
            self.read = read + step
            got += step
        while self.c_cue(now_ns, SENT):
            pass
        for i in range(got, count):
            out[i] = 0
        if got < count:
            self.running = 0
        if self.wanted and self.write - self.read <= SAMPLES // 2:
            self.wanted = 0
            self.events.c_put(EVENT_ROOM, self.leg, self.channel, 0, 0, 0, 0, now_ns)
        return got

    def c_cue(self, now_ns: int, mode: int) -> int:
        """Handle the cue at the read position; 0 if there is none to handle.

        SENT leaves a START for when its first sample is sent, HEARD takes it, UNHEARD takes it without an
        event.
        """
        tail = self.cue_tail
        if tail == self.cue_head:
            return 0
        slot = tail & (CUES - 1)
        if self.cue_at[slot] != self.read:
            return 0
        kind = self.cue_kind[slot]
        number = self.cue_number[slot]
        if kind in (START, CANCELLED):
            if mode == SENT or (self.write == self.read and tail + 1 == self.cue_head):
                return 0
            self.current = number
            self.began = self.read
            self.skipped = 0
            if kind == CANCELLED:
                self.c_skip(number)
            elif mode == HEARD:
                self.events.c_put(EVENT_STARTED, self.leg, self.channel, number, 0, 0, 0, now_ns)
        elif kind == END:
            heard = self.read - self.began - self.skipped if self.current == number else 0
            self.events.c_put(
                EVENT_ENDED, self.leg, self.channel, number, heard, self.reason, self.rate, now_ns
            )
            self.current = 0
            self.reason = COMPLETED
        else:
            self.events.c_put(EVENT_MARK, self.leg, self.channel, number, 0, 0, 0, now_ns)
        self.cue_tail = tail + 1
        return 1

    def c_skip(self, number: int) -> None:
        """Let the current playout end at once: the rest of it will be passed over."""
        self.reason = STOPPED
        self.skip_to = self.write
        tail = self.cue_tail
        while tail != self.cue_head:
            slot = tail & (CUES - 1)
            if self.cue_kind[slot] == END and self.cue_number[slot] == number:
                self.skip_to = self.cue_at[slot]
                return
            tail += 1

    def c_stop(self, number: int, now_ns: int) -> None:
        """Stop one playout, whether it is heard now or waits behind others; unknown numbers have ended
        before.
        """
        if self.current == number:
            self.c_skip(number)
            self.c_discard(self.skip_to, STOPPED, now_ns)
            return
        tail = self.cue_tail
        while tail != self.cue_head:
            slot = tail & (CUES - 1)
            if self.cue_kind[slot] == START and self.cue_number[slot] == number:
                self.cue_kind[slot] = CANCELLED
                return
            tail += 1

    def c_discard(self, until: int, reason: int, now_ns: int) -> None:
        """Jump to position `until`; playouts that end on the way end for `reason`, marks count as reached."""
        until = min(until, self.write)
        while self.read < until:
            self.reason = reason
            while self.c_cue(now_ns, UNHEARD):
                self.reason = reason
            boundary = min(self.c_boundary(), until)
            if self.current:
                self.skipped += boundary - self.read
            self.read = boundary
        self.reason = reason
        while self.c_cue(now_ns, SENT):
            self.reason = reason
        # A playout that reaches beyond `until` goes on as stopped; otherwise the next one starts afresh.
        if not self.current:
            self.reason = COMPLETED

    def c_clear(self, until: int, now_ns: int) -> None:
        """Empty the queue up to `until` and say how much of the audio had been heard before."""
        heard = self.read - self.burst if self.running else 0
        dropped = max(min(until, self.write) - self.read, 0)
        self.running = 0
        self.c_discard(until, STOPPED, now_ns)
        self.events.c_put(EVENT_CLEARED, self.leg, self.channel, heard, dropped, self.rate, 0, now_ns)

    def c_close(self, now_ns: int) -> None:
        """End everything: the leg is gone."""
        self.c_discard(self.write, CLOSED, now_ns)

    # For tests and the interpreted driver.

    def pull(self, count: int, now_ns: int) -> "array[int]":
        """`c_pull` into a new array of the samples that were real."""
        out = array("h", bytes(2 * count))
        got = self.c_pull(out, count, now_ns)
        return out[:got]

    def stop(self, number: int, now_ns: int) -> None:
        """`c_stop` for Python."""
        self.c_stop(number, now_ns)

    def clear(self, until: int, now_ns: int) -> None:
        """`c_clear` for Python."""
        self.c_clear(until, now_ns)

    def close(self, now_ns: int) -> None:
        """`c_close` for Python."""
        self.c_close(now_ns)
