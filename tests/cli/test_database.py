"""How commands open a store: never one that is not there, never one of another version."""

from pathlib import Path

import pytest
import sqlalchemy as sa

from ringline.cli.database import Database, NoStore, newest_schema, opened, store_url
from ringline.core.clock import SystemClock
from ringline.core.errors import ConfigError
from ringline.core.settings import Settings, StoreSettings
from ringline.store.db import Store
from ringline.store.errors import StoreUnavailable
from ringline.store.keys import list_keys

from . import story

pytestmark = pytest.mark.unit


def _settings(data: Path, url: str = "") -> Settings:
    return Settings(data=data, store=StoreSettings(url=url))


def test_a_missing_store_is_made_only_where_that_is_meant(tmp_path: Path) -> None:
    data = tmp_path / "data"
    with pytest.raises(NoStore, match=r"ringline\.db"), opened(_settings(data)):
        pass
    assert not data.exists()
    with opened(_settings(data), create=True) as database:
        assert database.schema() == newest_schema()
    with opened(_settings(data)) as database:
        assert database.read(list_keys) == []


def test_an_empty_database_is_no_store(tmp_path: Path) -> None:
    (tmp_path / "ringline.db").touch()
    with pytest.raises(NoStore, match="no ringline tables"), opened(_settings(tmp_path)):
        pass


def test_another_schema_is_left_alone(tmp_path: Path) -> None:
    database = story.create(tmp_path / "ringline.db")
    database.write(lambda conn: conn.exec_driver_sql("update alembic_version set version_num = 'r9999'"))
    for create in (False, True):
        with pytest.raises(ConfigError, match="schema r9999"), opened(_settings(tmp_path), create=create):
            pass
    assert database.schema() == "r9999"
    database.close()


async def test_commands_work_beside_a_server(tmp_path: Path) -> None:
    store = Store.open(f"sqlite:///{tmp_path / 'ringline.db'}", clock=SystemClock())
    try:
        with opened(_settings(tmp_path)) as database:
            database.write(lambda conn: conn.exec_driver_sql("create table t (x)"))
            await store.tx(lambda conn: conn.exec_driver_sql("insert into t values (1)"))
            assert database.read(lambda conn: conn.exec_driver_sql("select x from t").scalar()) == 1
    finally:
        await store.close()


def test_readers_cannot_write(tmp_path: Path) -> None:
    database = story.create(tmp_path / "ringline.db")
    with pytest.raises(StoreUnavailable, match="readonly"):
        database.read(lambda conn: conn.exec_driver_sql("delete from accounts"))
    database.close()


def test_what_is_no_database_says_so(tmp_path: Path) -> None:
    file = tmp_path / "ringline.db"
    file.write_bytes(b"x" * 4096)
    with pytest.raises(StoreUnavailable, match="not a database"), opened(_settings(tmp_path)):
        pass


def test_a_statement_that_is_wrong_stays_the_error_it_is(tmp_path: Path) -> None:
    database = story.create(tmp_path / "ringline.db")
    with pytest.raises(sa.exc.OperationalError, match="no such table"):
        database.read(lambda conn: conn.exec_driver_sql("select * from unknown"))
    database.close()


@pytest.mark.parametrize("url", ["mysql://host/name", "no url at all"])
def test_urls_of_other_databases_are_refused(tmp_path: Path, url: str) -> None:
    with pytest.raises(ConfigError, match="use sqlite"):
        store_url(_settings(tmp_path, url))


def test_postgres_is_read_and_written(empty_postgres: str, tmp_path: Path) -> None:
    with opened(_settings(tmp_path, empty_postgres), create=True) as database:
        assert isinstance(database, Database)
        assert database.schema() == newest_schema()
        assert database.read(list_keys) == []
