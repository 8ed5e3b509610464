# cython: infer_types=True, annotation_typing=False, wraparound=False
"""The native driver: one thread without the interpreter between the sockets and the engine. Compiled only.

It wakes every 5 ms, reads what has come, runs the slots that are due and sends what they made. Nothing in it
waits for Python; Python hears of events by an eventfd.
"""

import os
import select
from array import array

import cython
from cython.cimports.ringline.media.sysio import (
    ringline_now,
    ringline_random,
    ringline_read,
    ringline_ready,
    ringline_receive,
    ringline_send,
    ringline_signal,
    ringline_timer,
    ringline_wait,
    ringline_write,
)

from ringline.media.core.engine import Engine
from ringline.media.core.kinds import Packet
from ringline.media.core.link import Link

SLOT_NS = 5_000_000
PACKET_SIZE = 800
RTCP = int(Packet.RTCP)
DATAGRAM = 2048
BATCH = 256
STAGES = 16
# One socket may hand over so many datagrams per wake-up; what is left waits 5 ms, so a flood on one leg
# cannot keep the others from their turn.
BURST = 16
# As many times one link may fill its inbox per wake-up, for the same reason.
READS = 4
FDS = 65536
MASK_POOL = 256
NOBODY = -1
FIRST_LINK = -2  # links count downwards from here where legs count upwards


class NativeDriver:
    """Drives one engine from the thread that calls `run`; every other method belongs to Python's thread."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.poller = select.epoll()
        self.epoll = self.poller.fileno()
        self.timer = ringline_timer(SLOT_NS)
        if self.timer < 0:
            raise OSError("cannot make a timer for the media thread")
        self.wakeup = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self.owner = array("i", [NOBODY]) * FDS
        self.rtp = array("i", [-1]) * engine.capacity
        self.rtcp = array("i", [-1]) * engine.capacity
        self.tcp = array("i", [-1]) * engine.capacity
        self.readable = array("i", bytes(4 * engine.capacity))
        self.ending = array("i", bytes(4 * engine.capacity))
        self.fds = array("i", bytes(4 * BATCH))
        self.ends = array("i", bytes(4 * BATCH))
        self.data = array("B", bytes(DATAGRAM * STAGES))
        self.sources = array("q", bytes(8 * STAGES))
        self.sizes = array("i", bytes(4 * STAGES))
        self.owners = array("i", bytes(4 * STAGES))
        self.served = array("i", bytes(8 * engine.capacity))
        self.halted = 0
        self.unsent = 0
        self.latest_ns = 0

    def attach(self, index: int, rtp: int, rtcp: int) -> None:
        """Read leg `index` from two sockets, given as file descriptors, and send its packets from them."""
        _check(max(rtp, rtcp))
        self.rtp[index] = rtp
        self.rtcp[index] = rtcp
        self.owner[rtp] = 2 * index
        self.owner[rtcp] = 2 * index + 1
        self.poller.register(rtp, select.EPOLLIN)
        self.poller.register(rtcp, select.EPOLLIN)

    def ignore(self, index: int) -> None:
        """Read no more for a leg; its sockets stay open until the engine has forgotten it."""
        self.poller.unregister(self.rtp[index])
        self.poller.unregister(self.rtcp[index])

    def attach_link(self, index: int, tcp: int) -> None:
        """Carry link `index` over a connected socket, given as a file descriptor."""
        _check(tcp)
        self.tcp[index] = tcp
        self.readable[index] = 1
        self.ending[index] = 0
        self.owner[tcp] = FIRST_LINK - index
        # By edges: a link that may not be read for a while would else be reported at every wake-up.
        self.poller.register(tcp, select.EPOLLIN | select.EPOLLOUT | select.EPOLLRDHUP | select.EPOLLET)

    def detach_link(self, index: int) -> None:
        """Forget a link whose LINK_CLOSED has come; its socket may be closed."""
        self.poller.unregister(self.tcp[index])
        self.owner[self.tcp[index]] = NOBODY

    def run(self) -> None:
        """Be the media thread until `halt`."""
        with cython.nogil:
            self.c_run()

    def halt(self) -> None:
        """End `run` at its next wake-up."""
        self.halted = 1

    def close(self) -> None:
        """Give the descriptors back, once `run` has returned."""
        self.poller.close()
        os.close(self.timer)
        os.close(self.wakeup)

    def c_run(self) -> None:
        """Wake up, read, run what is due, send; for ever."""
        while not self.halted:
            ringline_wait(self.timer)
            now_ns = ringline_now()
            head = self.engine.events.head
            self.engine.c_commands(now_ns)
            self.c_read(now_ns)
            self.c_serve(now_ns)
            for _ in range(self.engine.c_due(now_ns)):
                self.engine.c_slot(now_ns)
                self.c_send()
            self.c_serve(now_ns)
            if self.engine.events.head != head:
                ringline_signal(self.wakeup)
            self.latest_ns = max(self.latest_ns, ringline_now() - now_ns)

    def c_read(self, now_ns: int) -> None:
        """Hand every datagram that waits to the engine, one of each socket after the other.

        The system's calls come first and the engine's work after them: in turns, each would find the other's
        code and data in the cache.
        """
        for _ in range(BURST):
            count = ringline_ready(
                self.epoll, cython.address(self.fds[0]), cython.address(self.ends[0]), BATCH
            )
            staged = 0
            for i in range(count):
                owner = self.owner[self.fds[i]]
                if owner <= FIRST_LINK:
                    self.readable[FIRST_LINK - owner] = 1
                    self.ending[FIRST_LINK - owner] |= self.ends[i]
                    self.engine.c_look(FIRST_LINK - owner)
                elif owner != NOBODY:
                    staged += self.c_stage(self.fds[i], owner, staged)
                    if staged == STAGES:
                        self.c_hand_over(staged, now_ns)
                        staged = 0
            self.c_hand_over(staged, now_ns)
            if not count:
                return

    def c_stage(self, fd: int, owner: int, at: int) -> int:
        """Read one datagram of a leg's socket into stage `at`; 0 if it is none of audio's."""
        self.engine.c_expect(owner >> 1)
        size = ringline_receive(
            fd, cython.address(self.data[at * DATAGRAM]), DATAGRAM, cython.address(self.sources[at])
        )
        # 0 is a datagram too long for any codec, −2 an ICMP answer to what we sent.
        if size <= 0:
            return 0
        self.sizes[at] = size
        self.owners[at] = owner
        return 1

    def c_hand_over(self, staged: int, now_ns: int) -> None:
        """Give the engine what was read."""
        for i in range(staged):
            self.engine.c_receive(
                self.owners[i] >> 1,
                self.owners[i] & 1,
                self.data,
                i * DATAGRAM,
                self.sizes[i],
                self.sources[i],
                now_ns,
            )

    def c_send(self) -> None:
        """Send what one slot made, and the last packets of legs closed before it."""
        for i in range(self.engine.tx_count):
            fd = self.rtp[self.engine.tx_leg[i]]
            if self.engine.tx_kind[i] == RTCP:
                fd = self.rtcp[self.engine.tx_leg[i]]
            at = i * PACKET_SIZE
            size = self.engine.tx_size[i]
            if ringline_send(fd, cython.address(self.engine.tx_data[at]), size, self.engine.tx_to[i]) < 0:
                self.unsent += 1
        self.engine.c_sent()

    def c_serve(self, now_ns: int) -> None:
        """Read and write for every link that is listed: all read, all do their work, all send."""
        for _ in range(READS):
            count = self.engine.looks
            for i in range(count):
                self.served[i] = self.engine.c_take_look(i)
                if self.served[i] >= 0:
                    self.engine.c_expect_link(self.served[i])
                    self.c_read_link(
                        self.served[i], cython.cast(Link, self.engine.link_table[self.served[i]])
                    )
            for i in range(count):
                if self.served[i] >= 0:
                    self.c_work_link(
                        self.served[i], cython.cast(Link, self.engine.link_table[self.served[i]])
                    )
            for i in range(count):
                if self.served[i] >= 0:
                    self.c_write_link(
                        self.served[i], cython.cast(Link, self.engine.link_table[self.served[i]])
                    )
                    self.engine.c_served(self.served[i], now_ns)
            self.engine.c_looked(count)
            if not self.engine.looks:
                return

    def c_read_link(self, index: int, link: Link) -> None:
        """Fill a link's inbox with what its app sent."""
        room = link.c_room()
        if not self.readable[index] or link.finished or not room:
            return
        size = ringline_read(self.tcp[index], cython.address(link.inbox[link.in_end]), room)
        if size > 0:
            link.c_got(size)
        elif size != -1:
            link.c_over(-size - 1 if size else 0)
        if size != room and (size <= 0 or not self.ending[index]):
            # All is read, and what comes later is reported as new; but an end is reported only once.
            self.readable[index] = 0

    def c_work_link(self, index: int, link: Link) -> None:
        """Let a link go through its inbox and fill its outbox."""
        link.c_read()
        if self.readable[index] and not link.finished and link.c_room():
            self.engine.c_look(index)
        if link.masks.c_spent():
            ringline_random(cython.address(link.masks.pool[0]), MASK_POOL)
            link.masks.c_renewed()
        link.c_fill()

    def c_write_link(self, index: int, link: Link) -> None:
        """Send what a link has until it has no more or the network takes no more."""
        while link.out_end > link.out_at:
            size = ringline_write(
                self.tcp[index], cython.address(link.outbox[link.out_at]), link.out_end - link.out_at
            )
            if size < -1:
                link.c_over(-size - 1)
                self.engine.c_look(index)
            link.c_sent(max(size, 0))
            if link.blocked:
                return
            link.c_fill()


def _check(fd: int) -> None:
    if fd >= FDS:
        raise OSError(f"file descriptor {fd} is beyond the {FDS} that the media thread can hold")
