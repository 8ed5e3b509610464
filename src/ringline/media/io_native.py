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
    ringline_ready,
    ringline_receive,
    ringline_send,
    ringline_signal,
    ringline_timer,
    ringline_wait,
)

from ringline.media.core.engine import Engine
from ringline.media.core.kinds import Packet

SLOT_NS = 5_000_000
PACKET_SIZE = 800
RTCP = int(Packet.RTCP)
DATAGRAM = 2048
BATCH = 256
# One socket may hand over so many datagrams per wake-up; what is left waits 5 ms, so a flood on one leg
# cannot keep the others from their turn.
BURST = 16


FDS = 65536


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
        self.leg_of = array("i", [-1]) * FDS
        self.rtp = array("i", [-1]) * engine.capacity
        self.rtcp = array("i", [-1]) * engine.capacity
        self.fds = array("i", bytes(4 * BATCH))
        self.data = array("B", bytes(DATAGRAM))
        self.source = array("q", bytes(8))
        self.halted = 0
        self.unsent = 0
        self.latest_ns = 0

    def attach(self, index: int, rtp: int, rtcp: int) -> None:
        """Read leg `index` from two sockets, given as file descriptors, and send its packets from them."""
        if max(rtp, rtcp) >= FDS:
            raise OSError(
                f"file descriptor {max(rtp, rtcp)} is beyond the {FDS} that the media thread can hold"
            )
        self.rtp[index] = rtp
        self.rtcp[index] = rtcp
        self.leg_of[rtp] = 2 * index
        self.leg_of[rtcp] = 2 * index + 1
        self.poller.register(rtp, select.EPOLLIN)
        self.poller.register(rtcp, select.EPOLLIN)

    def ignore(self, index: int) -> None:
        """Read no more for a leg; its sockets stay open until the engine has forgotten it."""
        self.poller.unregister(self.rtp[index])
        self.poller.unregister(self.rtcp[index])

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
            self.c_read(now_ns)
            head = self.engine.events.head
            for _ in range(self.engine.c_due(now_ns)):
                self.engine.c_slot(now_ns)
                self.c_send()
            if self.engine.events.head != head:
                ringline_signal(self.wakeup)
            self.latest_ns = max(self.latest_ns, ringline_now() - now_ns)

    def c_read(self, now_ns: int) -> None:
        """Hand every datagram that waits to the engine."""
        count = BATCH
        while count == BATCH:
            count = ringline_ready(self.epoll, cython.address(self.fds[0]), BATCH)
            for i in range(count):
                self.c_read_socket(self.fds[i], now_ns)

    def c_read_socket(self, fd: int, now_ns: int) -> None:
        """Hand over what waits at one socket."""
        index = self.leg_of[fd]
        for _ in range(BURST):
            size = ringline_receive(
                fd, cython.address(self.data[0]), DATAGRAM, cython.address(self.source[0])
            )
            if size == -1:
                return
            # 0 is a datagram too long for any codec, −2 an ICMP answer to what we sent: neither is audio.
            if size > 0 and index >= 0:
                self.engine.c_receive(index >> 1, index & 1, self.data, 0, size, self.source[0], now_ns)

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
