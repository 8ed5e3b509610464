"""Playouts on their way into a leg: Python writes ahead, one after the other, the media thread plays."""

import asyncio
from array import array
from collections import deque

from ringline.core.errors import RinglineError
from ringline.media.core.kinds import Cue
from ringline.media.core.playout import Queue

BLOCK = 65536
"""Bytes that one write should not exceed."""
MOST_PENDING = 16 * BLOCK


class FeedFull(RinglineError):
    """More was written than a feed holds; await `ready` between blocks."""


class PlayoutFeed:
    """One playout. Write int16 samples (native order, mono, at `rate`) in blocks of at most 64 KiB.

    ::

        while block := source.read(BLOCK):
            if not await feed.ready():
                break                      # stopped, or the leg is gone
            feed.write(block)
        feed.end()
    """

    def __init__(self, lane: "Lane", playout: str, number: int) -> None:
        self._lane = lane
        self.playout = playout
        self.number = number
        self.rate = lane.queue.rate
        self.pending: deque[array[int]] = deque()
        self.pending_bytes = 0
        self.begun = False
        self.ended = False
        self.stopped = False
        self._ready = asyncio.Event()

    @property
    def over(self) -> bool:
        """Nothing more is accepted: ended, stopped or closed."""
        return self.ended or self.stopped

    def write(self, pcm: bytes | memoryview) -> int:
        """Append samples; returns how many more bytes are welcome at once, 0 when it is better to await
        `ready`.

        After a stop the samples are dropped and 0 is returned. Raises `FeedFull` beyond 1 MiB of backlog.
        """
        if self.over:
            return 0
        if self.pending_bytes + len(pcm) > MOST_PENDING:
            raise FeedFull(f"playout {self.playout} has {self.pending_bytes} bytes waiting")
        samples = array("h")
        samples.frombytes(pcm[: len(pcm) & ~1])
        if samples:
            self.pending.append(samples)
            self.pending_bytes += 2 * len(samples)
        self._lane.pump()
        return self.welcome()

    def welcome(self) -> int:
        """Bytes that fit right now."""
        if self.over or self.pending or not self._lane.is_turn(self):
            return 0
        return 2 * self._lane.queue.room()

    async def ready(self) -> bool:
        """Wait until a block is welcome; False once the playout was stopped or its leg closed."""
        while not self.over and not self._hungry():
            self._ready.clear()
            self._lane.want()
            await self._ready.wait()
        return not self.over

    def _hungry(self) -> bool:
        return self._lane.is_turn(self) and self.welcome() >= BLOCK // 2

    def end(self) -> None:
        """Nothing more will be written; PlayoutEnded follows when the last sample is sent."""
        if not self.over:
            self.ended = True
            self._lane.pump()

    def wake(self) -> None:
        """Look again whether a block is welcome."""
        self._ready.set()


class Lane:
    """The playouts of one channel of a leg, in order; only the first one writes to the ring."""

    def __init__(self, queue: Queue) -> None:
        self.queue = queue
        self.waiting: deque[PlayoutFeed] = deque()
        self.named: dict[int, PlayoutFeed] = {}

    def add(self, playout: str, number: int) -> PlayoutFeed:
        """Queue a playout behind the others."""
        feed = PlayoutFeed(self, playout, number)
        self.waiting.append(feed)
        self.named[number] = feed
        self.pump()
        return feed

    def is_turn(self, feed: PlayoutFeed) -> bool:
        """Whether all playouts before this one have been written to their end."""
        return bool(self.waiting) and self.waiting[0] is feed

    def want(self) -> None:
        """Ask the media thread to say when half of the ring is free."""
        self.queue.want()

    def pump(self) -> None:
        """Move what fits into the ring, and let the next playout begin where one is written."""
        while self.waiting:
            feed = self.waiting[0]
            if not self._pump(feed):
                if feed.pending or feed.over:
                    self.queue.want()
                return
            self.waiting.popleft()
            if self.waiting:
                self.waiting[0].wake()

    def _pump(self, feed: PlayoutFeed) -> bool:
        """Move samples and cues of the first playout; True when its END stands in the ring."""
        if not feed.begun:
            if not self.queue.cue(Cue.START, feed.number):
                return False
            feed.begun = True
        while feed.pending:
            block = feed.pending[0]
            pushed = self.queue.push(block)
            feed.pending_bytes -= 2 * pushed
            if pushed < len(block):
                feed.pending[0] = block[pushed:]
                return False
            feed.pending.popleft()
        return feed.over and self.queue.cue(Cue.END, feed.number)

    def room(self) -> None:
        """The media thread says that there is room."""
        self.pump()
        if self.waiting:
            self.waiting[0].wake()

    def find(self, playout: str) -> list[PlayoutFeed]:
        """Playouts of that name that have not been reported as ended."""
        return [feed for feed in self.named.values() if feed.playout == playout]

    def cut(self, feed: PlayoutFeed) -> bool:
        """Write no more of a playout; True if it has begun, so that the media thread must stop it too."""
        feed.stopped = True
        feed.pending.clear()
        feed.pending_bytes = 0
        feed.wake()
        if feed.begun:
            self.pump()
            return True
        self.waiting.remove(feed)
        del self.named[feed.number]
        return False
