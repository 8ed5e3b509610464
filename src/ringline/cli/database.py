"""The store as commands use it: from one thread, beside a server that may be running.

Commands never change a schema under a running server's feet: they work on the one they know, or refuse.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Concatenate, ParamSpec, TypeVar

import sqlalchemy as sa
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from ringline.core.clock import SystemClock
from ringline.core.errors import ConfigError
from ringline.core.settings import Settings
from ringline.store import postgres, sqlite
from ringline.store.errors import unavailable
from ringline.store.migrate import SCRIPTS, migrate

P = ParamSpec("P")
T = TypeVar("T")


class NoStore(ConfigError):
    """There is no store here: nothing was ever kept."""


class Database:
    """One database. `read` and `write` run a function on a connection, in a transaction of its own."""

    def __init__(self, url: sa.URL) -> None:
        self.url = url
        if url.get_backend_name() == "sqlite":
            self._writer = sqlite.writer_engine(url)
            self._reader = sqlite.reader_engine(url, 1)
        else:
            self._writer = self._reader = _postgres(url)

    def read(self, fn: Callable[Concatenate[sa.Connection, P], T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """Run `fn(connection, …)` on one snapshot. Raises `StoreUnavailable`."""
        with _explained(), self._reader.connect() as conn:
            return fn(conn, *args, **kwargs)

    def write(
        self, fn: Callable[Concatenate[sa.Connection, P], T], /, *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Run `fn(connection, …)` and commit what it did. Raises `StoreUnavailable`."""
        with _explained(), self._writer.begin() as conn:
            return fn(conn, *args, **kwargs)

    def schema(self) -> str | None:
        """The revision that the database is at; None for an empty one."""
        return self.read(lambda conn: MigrationContext.configure(conn).get_current_revision())

    def create(self) -> None:
        """Bring an empty database to the newest schema."""
        with _explained():
            migrate(self._writer, clock=SystemClock())

    def close(self) -> None:
        """Give every connection back."""
        self._reader.dispose()
        self._writer.dispose()


@contextmanager
def opened(settings: Settings, *, create: bool = False) -> Iterator[Database]:
    """The store of these settings, its schema being the newest.

    Without `create`, raises `NoStore` where there is none; `ConfigError` for a schema of another version.
    """
    url = store_url(settings)
    file = store_file(url)
    if file is not None and not file.exists():
        if not create:
            raise NoStore(f"there is no store at {file}. Start `ringline serve` first, or give its --data")
        file.parent.mkdir(parents=True, exist_ok=True)
    database = Database(url)
    try:
        found = database.schema()
        if found is None and create:
            database.create()
        elif found is None:
            raise NoStore("the database has no ringline tables yet. Start `ringline serve` once")
        elif found != newest_schema():
            raise ConfigError(
                f"the store has schema {found}, this version works on {newest_schema()}. "
                "Start this version's `ringline serve` once to bring it up to date"
            )
        yield database
    finally:
        database.close()


def store_url(settings: Settings) -> sa.URL:
    """The URL, taken apart; raises `ConfigError` for one that is no SQLite file and no PostgreSQL."""
    try:
        url = sa.make_url(settings.store_url())
    except sa.exc.ArgumentError as error:
        raise ConfigError(
            "store.url is not a database URL; use sqlite:///PATH or postgresql+psycopg://…"
        ) from error
    if url.drivername not in ("sqlite", "postgresql+psycopg"):
        raise ConfigError(
            f"store.url has scheme {url.drivername!r}; use sqlite:///PATH or postgresql+psycopg://…"
        )
    return url


def store_file(url: sa.URL) -> Path | None:
    """The file of a SQLite store."""
    return Path(url.database) if url.get_backend_name() == "sqlite" and url.database else None


def newest_schema() -> str:
    """The revision that this version of ringline works on."""
    config = Config()
    config.set_main_option("script_location", str(SCRIPTS))
    head = ScriptDirectory.from_config(config).get_current_head()
    assert head is not None
    return head


def _postgres(url: sa.URL) -> sa.Engine:
    try:
        return postgres.engine(url)
    except ModuleNotFoundError as error:
        raise ConfigError("PostgreSQL needs another package: pip install 'ringline[postgres]'") from error


@contextmanager
def _explained() -> Iterator[None]:
    try:
        yield
    except sa.exc.DBAPIError as error:
        if refusal := unavailable(error):
            raise refusal from error
        raise
