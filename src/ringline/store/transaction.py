"""One function waiting for its transaction, and what it announces once that is committed."""

import asyncio
from collections.abc import Callable
from typing import Any

import sqlalchemy as sa

_TOPICS = "ringline.topics"


def announce(conn: sa.Connection, topic: str) -> None:
    """Tell the listeners of `topic` once this transaction is committed; never if it is not."""
    conn.info.setdefault(_TOPICS, set()).add(topic)


class Transaction:
    """A function for a connection, the future that waits for it, and how it ended."""

    __slots__ = ("error", "fn", "future", "result", "topics")

    def __init__(self, fn: Callable[[sa.Connection], Any], future: asyncio.Future[Any]) -> None:
        self.fn = fn
        self.future = future
        self.result: Any = None
        self.error: BaseException | None = None
        self.topics: frozenset[str] = frozenset()

    def run(self, conn: sa.Connection) -> bool:
        """Call the function; False when it raised. The error is kept for the one who waits."""
        conn.info[_TOPICS] = set()
        try:
            self.result = self.fn(conn)
        except Exception as error:  # not ours: it belongs to the caller, on the other side of the thread
            self.error = error
            return False
        self.topics = frozenset(conn.info[_TOPICS])
        return True

    def fail(self, error: BaseException) -> None:
        """Nothing of it was kept."""
        self.error = error
        self.topics = frozenset()

    def settle(self) -> None:
        """In the loop's thread: give the outcome to the one who waits, if he still does."""
        if self.future.cancelled():
            return
        if self.error is not None:
            self.future.set_exception(self.error)
        else:
            self.future.set_result(self.result)
