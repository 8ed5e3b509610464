"""SQLite: how connections are set up, and the one thread that writes."""

import queue
import sqlite3
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

import sqlalchemy as sa

from ringline.store.errors import StoreUnavailable, unavailable
from ringline.store.transaction import Transaction

GROUP = 64
"""Functions that share one commit at most; bounds how long the first of them waits for the last."""

_PRAGMAS = (
    "PRAGMA journal_mode=WAL",
    # A crash of the process loses nothing; a power cut may lose the last commits, never the file's integrity.
    "PRAGMA synchronous=NORMAL",
    "PRAGMA busy_timeout=5000",
    "PRAGMA foreign_keys=ON",
)


def writer_engine(url: sa.URL) -> sa.Engine:
    """An engine whose transactions begin with the write lock: none fails half-way because it came second."""
    engine = sa.create_engine(url, poolclass=sa.pool.StaticPool, connect_args={"check_same_thread": False})
    _set_up(engine, begin="BEGIN IMMEDIATE", pragmas=_PRAGMAS)
    return engine


def reader_engine(url: sa.URL, connections: int) -> sa.Engine:
    """An engine of `connections` that can only read; each transaction sees one snapshot."""
    engine = sa.create_engine(
        url, pool_size=connections, max_overflow=0, connect_args={"check_same_thread": False}
    )
    _set_up(engine, begin="BEGIN", pragmas=(*_PRAGMAS, "PRAGMA query_only=ON"))
    return engine


def _set_up(engine: sa.Engine, *, begin: str, pragmas: Sequence[str]) -> None:
    @sa.event.listens_for(engine, "connect")
    def connect(connection: sqlite3.Connection, _record: object) -> None:
        connection.isolation_level = None  # the module's own BEGIN comes late and without the lock
        for pragma in pragmas:
            connection.execute(pragma)

    @sa.event.listens_for(engine, "begin")
    def begin_transaction(conn: sa.Connection) -> None:
        conn.exec_driver_sql(begin)


class WriterThread:
    """Runs transactions in the order they came, those that wait together in one commit."""

    def __init__(self, engine: sa.Engine, settle: Callable[[Sequence[Transaction]], None]) -> None:
        """`settle` is called from the thread with each group that has ended, committed or not."""
        self._engine = engine
        self._settle = settle
        self._queue: queue.SimpleQueue[Transaction | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="store-write", daemon=True)
        self._thread.start()

    def submit(self, transaction: Transaction) -> None:
        """Queue it; returns at once."""
        self._queue.put(transaction)

    def close(self) -> None:
        """Finish what was submitted, then end the thread; blocks."""
        self._queue.put(None)
        self._thread.join()
        self._engine.dispose()

    def _run(self) -> None:
        with self._engine.connect() as conn:
            while group := self._next_group():
                _commit(conn, group)
                self._settle(group)

    def _next_group(self) -> list[Transaction]:
        group: list[Transaction] = []
        item = self._queue.get()
        while item is not None:
            group.append(item)
            if len(group) == GROUP or self._queue.empty():
                return group
            item = self._queue.get()
        if group:
            self._queue.put(None)  # the end is for the next round
        return group


def _commit(conn: sa.Connection, group: Sequence[Transaction]) -> None:
    live = [one for one in group if not one.future.cancelled()]
    try:
        with conn.begin():
            for one in live:
                _in_savepoint(conn, one)
    except (sa.exc.DBAPIError, StoreUnavailable) as error:
        # The group is gone as a whole: disk full, file lost, or a function that ended the transaction itself.
        refusal = unavailable(error) or StoreUnavailable(f"the transaction could not be committed: {error}")
        refusal.__cause__ = error
        for one in live:
            if one.error is None:
                one.fail(refusal)


def _in_savepoint(conn: sa.Connection, one: Transaction) -> None:
    conn.exec_driver_sql("SAVEPOINT one")
    if not one.run(conn):
        assert one.error is not None
        if refusal := unavailable(one.error):
            refusal.__cause__ = one.error
            one.fail(refusal)
        try:
            conn.exec_driver_sql("ROLLBACK TO one")
        except sa.exc.DBAPIError as error:
            # SQLite may end a transaction by itself when the disk is full (lang_transaction.html §2.3).
            raise refusal or error from error
    conn.exec_driver_sql("RELEASE one")


def backup(conn: sa.Connection, path: str) -> None:
    """Copy the database of `conn` to the file `path`, whole and consistent (SQLite's online backup)."""
    source: Any = conn.connection.dbapi_connection
    copy = sqlite3.connect(path)
    try:
        source.backup(copy)
    finally:
        with suppress(sqlite3.Error):
            copy.close()
