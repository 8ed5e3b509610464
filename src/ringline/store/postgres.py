"""PostgreSQL: a pool of connections, one transaction per function."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

import sqlalchemy as sa

from ringline.store.errors import unavailable
from ringline.store.transaction import Transaction

CONNECTIONS = 8
CONNECT_SECS = 5


def engine(url: sa.URL) -> sa.Engine:
    """A pooled engine; a connection that the server has dropped is replaced before its next use."""
    return sa.create_engine(
        url,
        pool_size=CONNECTIONS + CONNECTIONS // 2,
        max_overflow=0,
        pool_pre_ping=True,
        connect_args={"connect_timeout": CONNECT_SECS},
    )


class WriterPool:
    """Runs transactions side by side, each on its own connection."""

    def __init__(self, engine: sa.Engine, settle: Callable[[Sequence[Transaction]], None]) -> None:
        """`settle` is called from a thread with each transaction that has ended, committed or not."""
        self._engine = engine
        self._settle = settle
        self._pool = ThreadPoolExecutor(CONNECTIONS, thread_name_prefix="store-write")

    def submit(self, transaction: Transaction) -> None:
        """Queue it; returns at once."""
        self._pool.submit(self._run, transaction)

    def close(self) -> None:
        """Finish what was submitted; blocks."""
        self._pool.shutdown(wait=True)
        self._engine.dispose()

    def _run(self, one: Transaction) -> None:
        if not one.future.cancelled():
            try:
                with self._engine.connect() as conn, conn.begin() as transaction:
                    if not one.run(conn):
                        transaction.rollback()
            except sa.exc.SQLAlchemyError as error:  # no connection, or a commit that failed
                one.fail(error)
            if one.error is not None and (refusal := unavailable(one.error)):
                refusal.__cause__ = one.error
                one.fail(refusal)
        self._settle([one])
