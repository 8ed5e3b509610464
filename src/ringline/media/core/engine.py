# cython: infer_types=True, annotation_typing=False, wraparound=False
"""All legs of one media thread. No system calls, no clock: packets, commands and the time come in, packets
and events go out.

A driver calls `receive` for each datagram and `tick` every few milliseconds; time is cut into slots of 5 ms,
and a leg's turn comes in every fourth. Slots that come up to 100 ms late are made up for at once; later than
that the missed rounds are left out, and every leg's timestamps step over them.
"""

from array import array
from collections.abc import MutableSequence

import cython

from ringline.media.core.kinds import Command, Event, Packet
from ringline.media.core.leg import Desk, Leg
from ringline.media.core.link import Link, Masks
from ringline.media.core.prefetch import Prefetch
from ringline.media.core.ring import Records

if cython.compiled:
    from cython.cimports.cpython.ref import PyObject
    from cython.cimports.libc.stdlib import calloc, free

SLOT_NS = 5_000_000
LATEST_SLOTS = 20
PACKET_SIZE = 800  # 20 ms of L16 at 16000 Hz are 652 octets with the header
RTP = int(Packet.RTP)
RTCP = int(Packet.RTCP)
OPEN = int(Command.OPEN)
CLOSE = int(Command.CLOSE)
REMOTE = int(Command.REMOTE)
IDLE_SILENCE = int(Command.IDLE_SILENCE)
ROUTE = int(Command.ROUTE)
PHASE = int(Command.PHASE)
STOP = int(Command.STOP)
CLEAR = int(Command.CLEAR)
TONE = int(Command.TONE)
DTMF = int(Command.DTMF)
DETECT = int(Command.DETECT)
TAP = int(Command.TAP)
TARGET = int(Command.TARGET)
LINK_OPEN = int(Command.LINK_OPEN)
LINK_CLOSE = int(Command.LINK_CLOSE)
LINK_BIND = int(Command.LINK_BIND)
LINK_RELEASE = int(Command.LINK_RELEASE)
LINK_RESUME = int(Command.LINK_RESUME)
LINK_LISTEN = int(Command.LINK_LISTEN)
LINK_LIVE = 1
LINK_ENDING = 2
LINK_ENDED = 3
EVENT_CLOSED = int(Event.CLOSED)
EVENT_TAP_CLOSED = int(Event.TAP_CLOSED)
EVENT_LINK_CLOSED = int(Event.LINK_CLOSED)


class Engine:
    """Up to `capacity` legs, and as many links.

    Python adds a leg to a free slot, then sends OPEN; after CLOSE it waits for CLOSED before it takes the leg
    out, and so with links. `commands` is written by one Python thread only, `events` read by one only.
    """

    def __init__(
        self, capacity: int = 1024, timeout_ns: int = 30_000_000_000, time_since_1900_ns: int = 0
    ) -> None:
        """`timeout_ns` without a packet are an RTP_TIMEOUT; reports carry `now_ns` + `time_since_1900_ns`."""
        self.capacity = capacity
        self.timeout_ns = timeout_ns
        self.time_since_1900_ns = time_since_1900_ns
        self.commands = Records(4096)
        self.events = Records(8192, 4096)
        self.desk = Desk()
        self.leg_memory = Prefetch(capacity)
        self.link_memory = Prefetch(capacity)
        self.legs: list[Leg | None] = [None] * capacity
        self.present = array("i", bytes(4 * capacity))
        self.open = array("i", bytes(4 * capacity))
        # Apart from the legs: whose turn it is, is asked of all of them in every slot.
        self.phases = array("i", [index & 3 for index in range(capacity)])
        self.lasts = array("q", bytes(8 * capacity))
        self.closing = array("q", bytes(8 * capacity))
        self.closings = 0
        self.highest = 0
        self.epoch_ns = 0
        self.begun = 0
        self.done = 0
        self.late_slots = 0
        self.tx_data = array("B", bytes(2 * PACKET_SIZE * capacity))
        self.tx_leg = array("i", bytes(8 * capacity))
        self.tx_kind = array("i", bytes(8 * capacity))
        self.tx_size = array("i", bytes(8 * capacity))
        self.tx_to = array("q", bytes(16 * capacity))
        self.tx_count = 0
        self.sent: list[tuple[int, int, int, bytes]] = []
        self.masks = Masks()
        self.links: list[Link | None] = [None] * capacity
        self.link_present = array("i", bytes(4 * capacity))
        self.link_state = array("i", bytes(4 * capacity))
        self.listed = array("i", bytes(4 * capacity))
        self.look = array("i", bytes(8 * capacity))
        self.looks = 0
        if cython.compiled:
            self.table = cython.cast(cython.pointer(cython.pointer(PyObject)), calloc(capacity, 8))
            self.link_table = cython.cast(cython.pointer(cython.pointer(PyObject)), calloc(capacity, 8))
        else:
            self.table = self.legs
            self.link_table = self.links

    def __dealloc__(self) -> None:
        if cython.compiled:
            free(self.table)
            free(self.link_table)

    def add(
        self, index: int, *, ssrc: int = 0, sequence: int = 0, timestamp: int = 0, cname: bytes = b"-"
    ) -> Leg:
        """Make a leg for the free slot `index`; OPEN makes it live."""
        leg = Leg(
            index,
            self.events,
            ssrc=ssrc,
            sequence=sequence,
            timestamp=timestamp,
            cname=cname,
            epoch_ns=self.time_since_1900_ns,
            desk=self.desk,
        )
        self.leg_memory.remember(index, leg.spots())
        self.legs[index] = leg
        if cython.compiled:
            self.table[index] = cython.cast(cython.pointer(PyObject), leg)
        self.phases[index] = index & 3
        self.present[index] = 1
        self.highest = max(self.highest, index + 1)
        return leg

    def remove(self, index: int) -> None:
        """Forget a leg whose CLOSED has come."""
        self.present[index] = 0
        self.legs[index] = None

    def add_link(self, index: int) -> Link:
        """Make a link for the free slot `index`; LINK_OPEN makes it live."""
        link = Link(index, self.events, self.masks, self.link_memory)
        self.links[index] = link
        if cython.compiled:
            self.link_table[index] = cython.cast(cython.pointer(PyObject), link)
        self.link_present[index] = 1
        return link

    def remove_link(self, index: int) -> None:
        """Forget a link whose LINK_CLOSED has come."""
        self.link_present[index] = 0
        self.links[index] = None

    def c_leg(self, index: int) -> int:
        """Whether slot `index` holds a live leg."""
        return 1 if 0 <= index < self.capacity and self.open[index] else 0

    # Commands.

    def c_commands(self, now_ns: int) -> None:
        """Carry out what Python asked for since the last slot."""
        at = self.commands.c_front()
        while at >= 0:
            self.c_command(at, now_ns)
            self.commands.c_drop()
            at = self.commands.c_front()

    def c_command(self, at: int, now_ns: int) -> None:
        """Carry out one command; those for legs that are not there mean nothing."""
        kind = self.commands.words[at]
        index = self.commands.words[at + 1]
        a = self.commands.words[at + 2]
        b = self.commands.words[at + 3]
        c = self.commands.words[at + 4]
        d = self.commands.words[at + 5]
        if index < 0 or index >= self.capacity:
            return
        if kind >= LINK_OPEN:
            self.c_link_command(kind, index, a, b)
            return
        if kind == OPEN and self.present[index]:
            self.open[index] = 1
            self.lasts[index] = self.done - 4
            # The seconds of all legs fall together: Python wakes up a few times for all their counters.
            cython.cast(Leg, self.table[index]).frames = (self.done >> 2) % 50
            return
        if not self.open[index]:
            return
        if kind == CLOSE:
            cython.cast(Leg, self.table[index]).c_close(now_ns)
            self.c_report(index, now_ns, 1)
            self.open[index] = 0
            self.closing[index] = self.done + 1
            self.closings += 1
        elif kind == REMOTE:
            cython.cast(Leg, self.table[index]).c_remote(
                a, b, c, d, self.commands.words[at + 6], self.commands.words[at + 7], now_ns
            )
        elif kind == IDLE_SILENCE:
            cython.cast(Leg, self.table[index]).idle_silence = a
        elif kind == ROUTE:
            cython.cast(Leg, self.table[index]).c_route(a, b)
        elif kind == PHASE:
            self.phases[index] = a & 3
        elif kind == STOP:
            self.c_stop(index, a, b, now_ns)
        elif kind == CLEAR:
            self.c_clear(index, a, b, now_ns)
        elif kind == TONE:
            self.c_tone(index, a, now_ns)
        elif kind == DTMF:
            cython.cast(Leg, self.table[index]).c_digit(a, b, c, d)
        elif kind == DETECT:
            cython.cast(Leg, self.table[index]).detecting = a
        elif kind == TAP:
            cython.cast(Leg, self.table[index]).c_set_tap(a, b)
            if not b:
                self.events.c_put(EVENT_TAP_CLOSED, index, a, 0, 0, 0, 0, now_ns)
        elif kind == TARGET:
            cython.cast(Leg, self.table[index]).target = a

    def c_link_command(self, kind: int, index: int, a: int, b: int) -> None:
        """Carry out a command for the link in slot `index`; its driver is to look at it."""
        if kind == LINK_OPEN and self.link_present[index]:
            self.link_state[index] = LINK_LIVE
        if not self.link_state[index]:
            return
        self.c_look(index)
        cython.cast(Link, self.link_table[index]).c_post()
        if kind == LINK_CLOSE:
            self.link_state[index] = LINK_ENDING if a else LINK_ENDED
        elif kind == LINK_BIND:
            if self.c_leg(a):
                cython.cast(Leg, self.table[a]).link = index
                cython.cast(Link, self.link_table[index]).c_bind()
        elif kind == LINK_RELEASE:
            if self.c_leg(a):
                cython.cast(Leg, self.table[a]).link = -1
            cython.cast(Link, self.link_table[index]).c_release()
        elif kind == LINK_RESUME:
            cython.cast(Link, self.link_table[index]).c_resume(a, b)
        elif kind == LINK_LISTEN:
            cython.cast(Link, self.link_table[index]).c_listen()

    def c_stop(self, index: int, channel: int, number: int, now_ns: int) -> None:
        """End one playout of a channel."""
        if channel == 0:
            cython.cast(Leg, self.table[index]).play.c_stop(number, now_ns)
        elif channel == 1:
            cython.cast(Leg, self.table[index]).overlay.c_stop(number, now_ns)
        else:
            cython.cast(Leg, self.table[index]).inject.c_stop(number, now_ns)

    def c_clear(self, index: int, channel: int, until: int, now_ns: int) -> None:
        """Empty a channel up to a position."""
        if channel == 0:
            cython.cast(Leg, self.table[index]).play.c_clear(until, now_ns)
        elif channel == 1:
            cython.cast(Leg, self.table[index]).overlay.c_clear(until, now_ns)
        else:
            cython.cast(Leg, self.table[index]).inject.c_clear(until, now_ns)

    def c_tone(self, index: int, number: int, now_ns: int) -> None:
        """Begin a tone, or end the one that plays."""
        if number:
            cython.cast(Leg, self.table[index]).tone_number = number
        elif cython.cast(Leg, self.table[index]).tone_number:
            cython.cast(Leg, self.table[index]).c_end_tone(now_ns)

    # Links: a driver serves those that are listed.

    def c_look(self, index: int) -> None:
        """List a link, unless it is listed already."""
        if self.link_state[index] and not self.listed[index]:
            self.listed[index] = 1
            self.look[self.looks] = index
            self.looks += 1

    def c_take_look(self, at: int) -> int:
        """The link in place `at` of the list, which may be listed anew from now on; −1 if it has ended."""
        index = self.look[at]
        self.listed[index] = 0
        return index if self.link_state[index] else -1

    def c_looked(self, count: int) -> None:
        """The first `count` of the list were served; those listed meanwhile stay for the next time."""
        self.looks -= count
        for i in range(self.looks):
            self.look[i] = self.look[count + i]

    def c_served(self, index: int, now_ns: int) -> None:
        """The driver has sent what a link had: one that is to end does so, and is touched no more."""
        state = self.link_state[index]
        if state == LINK_LIVE:
            if cython.cast(Link, self.link_table[index]).untold:
                self.c_look(index)
            return
        if state == LINK_ENDING and not cython.cast(Link, self.link_table[index]).c_over_or_idle():
            return
        if self.events.c_put(EVENT_LINK_CLOSED, index, 0, 0, 0, 0, 0, now_ns):
            self.link_state[index] = 0
        else:
            self.c_look(index)

    # Memory.

    def c_expect(self, index: int) -> None:
        """Something is to be done for a leg in a moment."""
        self.leg_memory.c_fetch(index)

    def c_expect_link(self, index: int) -> None:
        """Something is to be done for a link in a moment."""
        self.link_memory.c_fetch(index)

    # Packets in.

    def c_receive(
        self, index: int, kind: int, data: MutableSequence[int], at: int, size: int, source: int, now_ns: int
    ) -> None:
        """Take in a datagram of `size` octets at `data[at]` from `source` (address << 16 | port).

        What Python asked for before holds for it: an answer is in force for the first packet after it.
        """
        self.c_commands(now_ns)
        if size <= 0 or not self.c_leg(index):
            return
        if kind == RTP:
            cython.cast(Leg, self.table[index]).c_packet(data, at, size, source, now_ns)
        else:
            cython.cast(Leg, self.table[index]).c_control(data, at, size, source, now_ns)

    # Time.

    def c_due(self, now_ns: int) -> int:
        """How many slots are due; slots that are too late are left out here."""
        if not self.begun:
            # Half a slot before the first wake-up: later ones come a little earlier or later after their
            # timer, and must not fall on either side of a slot's beginning by that.
            self.begun = 1
            self.epoch_ns = now_ns - SLOT_NS // 2
        due = (now_ns - self.epoch_ns) // SLOT_NS + 1 - self.done
        if due - 1 > LATEST_SLOTS:
            rounds = (due - 1) >> 2
            for i in range(self.highest):
                if self.open[i]:
                    cython.cast(Leg, self.table[i]).sender.c_skip(rounds)
            self.done += rounds * 4
            self.late_slots += rounds * 4
            due -= rounds * 4
        return due

    def c_slot(self, now_ns: int) -> None:
        """Run one slot: all legs whose turn it is listen, then speak into the transmit list."""
        if self.closings:
            self.c_let_go(now_ns)
        self.c_commands(now_ns)
        phase = self.done & 3
        i = self.c_next(0, phase)
        while i < self.highest:
            after = self.c_next(i + 1, phase)
            if after < self.highest:
                self.c_expect(after)
            cython.cast(Leg, self.table[i]).c_listen(now_ns, self.timeout_ns)
            i = after
        i = self.c_next(0, phase)
        while i < self.highest:
            self.c_speak(i, now_ns)
            self.c_report(i, now_ns, 0)
            self.lasts[i] = self.done
            i = self.c_next(i + 1, phase)
        self.done += 1

    def c_let_go(self, now_ns: int) -> None:
        """Say CLOSED of the legs that ended before the last slot did: their last packet has been sent."""
        for i in range(self.highest):
            if not self.closing[i] or self.done < self.closing[i]:
                continue
            if self.events.c_put(EVENT_CLOSED, i, 0, 0, 0, 0, 0, now_ns):
                self.closing[i] = 0
                self.closings -= 1

    def c_next(self, index: int, phase: int) -> int:
        """The first leg from `index` on whose turn it is; `highest` if there is none."""
        while index < self.highest and not self.c_turn(index, phase):
            index += 1
        return index

    def c_turn(self, index: int, phase: int) -> int:
        """Whether a leg's 20 ms are over in this slot; one that changed its phase waits for the longer way
        round.
        """
        if not self.open[index]:
            return 0
        if self.phases[index] != phase:
            return 0
        return 1 if self.done - self.lasts[index] >= 4 else 0

    def c_speak(self, index: int, now_ns: int) -> None:
        """Mix what one leg hears and list its packet."""
        cython.cast(Leg, self.table[index]).c_begin_mix(now_ns)
        for k in range(cython.cast(Leg, self.table[index]).source_count):
            other = cython.cast(Leg, self.table[index]).sources[k]
            if self.open[other]:
                cython.cast(Leg, self.table[index]).c_hear(
                    cython.cast(Leg, self.table[other]), cython.cast(Leg, self.table[index]).gains[k]
                )
        at = self.tx_count * PACKET_SIZE
        size = cython.cast(Leg, self.table[index]).c_speak(self.tx_data, at, now_ns)
        to = cython.cast(Leg, self.table[index]).receiver.latch.c_target()
        if size > 0 and to > 0:
            self.c_list(index, RTP, to, size)
        if cython.cast(Leg, self.table[index]).link >= 0:
            self.c_look(cython.cast(Leg, self.table[index]).link)

    def c_report(self, index: int, now_ns: int, bye: int) -> None:
        """List one leg's RTCP report if it is due, or its last one."""
        at = self.tx_count * PACKET_SIZE
        if bye:
            if not cython.cast(Leg, self.table[index]).sender.packets:
                return
            size = cython.cast(Leg, self.table[index]).c_write_report(self.tx_data, at, now_ns, 1)
        else:
            size = cython.cast(Leg, self.table[index]).c_report(self.tx_data, at, now_ns)
        if size <= 0:
            return
        to = cython.cast(Leg, self.table[index]).c_control_target()
        if to > 0:
            kind = RTP if cython.cast(Leg, self.table[index]).c_multiplexed() else RTCP
            self.c_list(index, kind, to, size)

    def c_list(self, index: int, kind: int, to: int, size: int) -> None:
        """Add the packet written last to the transmit list."""
        self.tx_leg[self.tx_count] = index
        self.tx_kind[self.tx_count] = kind
        self.tx_to[self.tx_count] = to
        self.tx_size[self.tx_count] = size
        self.tx_count += 1

    def c_sent(self) -> None:
        """The transmit list has been sent."""
        self.tx_count = 0

    # Python's way in, for the asyncio driver and tests.

    def receive(self, index: int, kind: int, data: bytes, source: int, now_ns: int) -> None:
        """Take in one datagram."""
        if data:
            self.c_receive(index, kind, array("B", data), 0, len(data), source, now_ns)

    def tick(self, now_ns: int) -> None:
        """Run every slot that is due; `tx` has the packets."""
        for _ in range(self.c_due(now_ns)):
            self.c_slot(now_ns)
            for i in range(self.tx_count):
                at = i * PACKET_SIZE
                self.sent.append(
                    (
                        int(self.tx_leg[i]),
                        int(self.tx_kind[i]),
                        int(self.tx_to[i]),
                        bytes(self.tx_data[at : at + self.tx_size[i]]),
                    )
                )
            self.c_sent()

    def tx(self) -> list[tuple[int, int, int, bytes]]:
        """Take the packets made since the last call: (leg, kind, to, octets)."""
        sent, self.sent = self.sent, []
        return sent
