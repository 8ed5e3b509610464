"""Who is embedded with whom, and when. Pure: time comes in as `now_ns`.

Texts of many requests share a run, because a run of one costs a third more for each text than a run of many.
"""

import math
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

from ringline.core.clock import MILLISECOND, SECOND
from ringline.workers import Busy, Priority

MAX_RETRY_AFTER = 60
# Weight of the newest run in the mean time a token takes: follows a change within about ten runs.
SMOOTHING = 0.2


@dataclass(frozen=True, slots=True)
class BatchLimits:
    """A batch has at most `texts` texts and, unless it is a single text, `tokens` tokens.

    A batch that is not full goes once its oldest text has waited `wait_ns`, or at once when the batch before
    was of one request only: whoever is alone has nobody to wait for. At most `waiting` texts of each
    class wait, except that one request is always let in, however many texts it has.
    """

    texts: int = 32
    tokens: int = 4096
    wait_ns: int = 5 * MILLISECOND
    waiting: int = 8192

    def __post_init__(self) -> None:
        if min(self.texts, self.tokens, self.waiting) < 1 or self.wait_ns < 0:
            raise ValueError(f"limits start at 1, the wait at 0; got {self}")


@dataclass(frozen=True, slots=True)
class Piece:
    """One text of a request, and about how many tokens it has."""

    request: int
    index: int
    tokens: int


@dataclass(slots=True)
class _Waiting:
    pieces: deque[Piece]
    since_ns: int


class Batching:
    """Gathers texts into batches: live calls first, and of each class the requests in turn, a text each."""

    def __init__(self, limits: BatchLimits) -> None:
        self._limits = limits
        self._queues: dict[Priority, deque[_Waiting]] = {priority: deque() for priority in Priority}
        self._texts = dict.fromkeys(Priority, 0)
        self._tokens = 0
        self._ns_per_token = 0.0
        self._crowded = False

    @property
    def waiting(self) -> int:
        """Texts that are in no batch yet."""
        return sum(self._texts.values())

    def add(self, request: int, tokens: Sequence[int], priority: Priority, now_ns: int) -> None:
        """Queue a request's texts by their (estimated) tokens; raises `Busy` when its class is full."""
        texts = self._texts[priority]
        if texts and texts + len(tokens) > self._limits.waiting:
            raise Busy(f"{texts} {priority} texts wait to be embedded already", self.retry_after())
        pieces = deque(Piece(request, index, count) for index, count in enumerate(tokens))
        self._queues[priority].append(_Waiting(pieces, now_ns))
        self._texts[priority] += len(pieces)
        self._tokens += sum(tokens)

    def withdraw(self, request: int) -> None:
        """Forget what still waits of a request."""
        for priority, queue in self._queues.items():
            for one in queue:
                if one.pieces[0].request == request:
                    queue.remove(one)
                    self._texts[priority] -= len(one.pieces)
                    self._tokens -= sum(piece.tokens for piece in one.pieces)
                    return

    def due_ns(self) -> int | None:
        """When the next batch may go, full or not (a time gone by: at once); None when nothing waits."""
        if self.waiting >= self._limits.texts or self._tokens >= self._limits.tokens:
            return 0
        since = [one.since_ns for queue in self._queues.values() for one in queue]
        return min(since) + (self._limits.wait_ns if self._crowded else 0) if since else None

    def take(self, now_ns: int) -> tuple[Piece, ...]:
        """The next batch; empty while it is worth waiting for more."""
        due = self.due_ns()
        if due is None or now_ns < due:
            return ()
        batch: list[Piece] = []
        for priority, queue in self._queues.items():
            self._fill(batch, priority, queue)
        self._tokens -= sum(piece.tokens for piece in batch)
        self._crowded = len({piece.request for piece in batch}) > 1
        return tuple(batch)

    def _fill(self, batch: list[Piece], priority: Priority, queue: deque[_Waiting]) -> None:
        room = self._limits.tokens - sum(piece.tokens for piece in batch)
        while queue and len(batch) < self._limits.texts:
            first = queue[0]
            if batch and first.pieces[0].tokens > room:
                return
            piece = first.pieces.popleft()
            room -= piece.tokens
            batch.append(piece)
            self._texts[priority] -= 1
            queue.rotate(-1)
            if not first.pieces:
                queue.pop()

    def measured(self, tokens: int, took_ns: int) -> None:
        """A batch of so many tokens took so long; `retry_after` is told from this."""
        each = took_ns / max(1, tokens)
        before = self._ns_per_token
        self._ns_per_token = each if not before else (1 - SMOOTHING) * before + SMOOTHING * each

    def retry_after(self) -> int:
        """Whole seconds (1 to 60) after which what waits now should be embedded."""
        return min(MAX_RETRY_AFTER, max(1, math.ceil(self._tokens * self._ns_per_token / SECOND)))
