"""The store: transactions are plain synchronous functions on a connection.

SQLite: one writer thread runs them with group commit, each in its own SAVEPOINT; readers have their own
connections and see the last commit. PostgreSQL: a pool of connections, one transaction per function.
"""

import asyncio
import functools
from collections import defaultdict
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Concatenate, ParamSpec, TypeVar

import sqlalchemy as sa

from ringline.core.clock import Clock
from ringline.core.errors import ConfigError
from ringline.store import postgres, sqlite
from ringline.store.errors import StoreUnavailable, unavailable
from ringline.store.migrate import migrate
from ringline.store.transaction import Transaction

P = ParamSpec("P")
T = TypeVar("T")

QUEUE_LIMIT = 10_000
"""Functions that may wait at once; more are refused, for waiting longer would help nobody."""

READERS = 4


class Store:
    """One database, used from one event loop."""

    def __init__(self, url: sa.URL, *, clock: Clock) -> None:
        """Use `Store.open`."""
        self.clock = clock
        self.dialect = url.get_backend_name()
        self._waiting = 0
        self._closed = False
        self._listeners: defaultdict[str, list[Callable[[], None]]] = defaultdict(list)
        self._writer: sqlite.WriterThread | postgres.WriterPool
        if self.dialect == "sqlite":
            engine = sqlite.writer_engine(url)
            migrate(engine, clock=clock)
            self._writer = sqlite.WriterThread(engine, self._settle)
            self._readers = sqlite.reader_engine(url, READERS)
        else:
            self._readers = postgres.engine(url)
            migrate(self._readers, clock=clock)
            self._writer = postgres.WriterPool(self._readers, self._settle)
        self._threads = ThreadPoolExecutor(READERS, thread_name_prefix="store-read")

    @classmethod
    def open(cls, url: str, *, clock: Clock) -> "Store":
        """Open `sqlite:///PATH` or `postgresql+psycopg://…` and bring its schema up to date; blocks.

        Raises `ConfigError` for any other URL and `StoreUnavailable` when the database cannot be reached.
        """
        parsed = _parse(url)
        try:
            return cls(parsed, clock=clock)
        except sa.exc.DBAPIError as error:
            if refusal := unavailable(error):
                raise refusal from error
            raise

    async def tx(
        self, fn: Callable[Concatenate[sa.Connection, P], T], /, *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Run `fn(connection, …)` in a transaction; its result comes once that is committed.

        An exception of `fn` undoes what `fn` did and comes out here. Raises `StoreUnavailable` when nothing
        can be kept now. `fn` runs on another thread: it takes and returns values, and neither commits nor
        rolls back. A caller cancelled while waiting does not know whether `fn` was run.
        """
        self._admit()
        future: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._writer.submit(Transaction(functools.partial(_call, fn, args, kwargs), future))
        return await future

    async def read(
        self, fn: Callable[Concatenate[sa.Connection, P], T], /, *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Run `fn(connection, …)` on a connection that only reads, in one snapshot. Errors as in `tx`."""
        self._admit()
        try:
            work = functools.partial(_call, fn, args, kwargs)
            return await asyncio.get_running_loop().run_in_executor(self._threads, self._read, work)
        finally:
            self._waiting -= 1

    def listen(self, topic: str, listener: Callable[[], None]) -> None:
        """Call `listener` in the loop after each commit that announced `topic` (`transaction.announce`)."""
        self._listeners[topic].append(listener)

    async def close(self) -> None:
        """Finish what was given, then close every connection. Later calls raise `StoreUnavailable`."""
        if self._closed:
            return
        self._closed = True
        await asyncio.to_thread(self._shut)

    def _shut(self) -> None:
        self._threads.shutdown(wait=True)
        self._writer.close()
        self._readers.dispose()

    def _admit(self) -> None:
        if self._closed:
            raise StoreUnavailable("the store is closed")
        if self._waiting >= QUEUE_LIMIT:
            raise StoreUnavailable(f"{self._waiting} transactions are waiting already")
        self._waiting += 1

    def _read(self, work: Callable[[sa.Connection], T]) -> T:
        try:
            with self._readers.connect() as conn:
                return work(conn)
        except sa.exc.SQLAlchemyError as error:
            if refusal := unavailable(error):
                raise refusal from error
            raise

    def _settle(self, group: Sequence[Transaction]) -> None:
        with suppress(RuntimeError):  # the loop is closed: nobody waits any more
            group[0].future.get_loop().call_soon_threadsafe(self._settled, group)

    def _settled(self, group: Sequence[Transaction]) -> None:
        self._waiting -= len(group)
        for one in group:
            one.settle()
        for topic in {topic for one in group for topic in one.topics}:
            for listener in self._listeners[topic]:
                listener()


def _call(
    fn: Callable[Concatenate[sa.Connection, P], T],
    args: tuple[object, ...],
    kwargs: dict[str, object],
    conn: sa.Connection,
) -> T:
    return fn(conn, *args, **kwargs)  # type: ignore[arg-type]  # P.args cannot be named outside a signature that has it


def _parse(url: str) -> sa.URL:
    try:
        parsed = sa.make_url(url)
    except sa.exc.ArgumentError as error:
        raise ConfigError(f"store.url is not a database URL: {url!r}") from error
    if parsed.drivername == "sqlite" and parsed.database not in (None, "", ":memory:"):
        return parsed
    if parsed.drivername == "postgresql+psycopg":
        return parsed
    raise ConfigError(
        f"store.url has scheme {parsed.drivername!r}; use sqlite:///PATH (a file) or postgresql+psycopg://HOST/NAME"
    )
