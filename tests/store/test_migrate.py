"""The schema comes from the revisions, and they say what `tables` says."""

import os
import sqlite3
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from ringline.core.clock import VirtualClock
from ringline.core.errors import ConfigError
from ringline.store import sqlite
from ringline.store.db import Store
from ringline.store.migrate import migrate
from ringline.store.schema import metadata
from ringline.store.tables import accounts

pytestmark = pytest.mark.unit


async def test_revisions_and_tables_agree(database: str, clock: VirtualClock) -> None:
    await Store.open(database, clock=clock).close()
    engine = sa.create_engine(database, poolclass=sa.NullPool)
    with engine.connect() as conn:
        context = MigrationContext.configure(conn, opts={"compare_type": True})
        assert compare_metadata(context, metadata) == []
    engine.dispose()


async def test_opening_again_changes_nothing(tmp_path: Path, clock: VirtualClock) -> None:
    url = f"sqlite:///{tmp_path / 'store.db'}"
    store = Store.open(url, clock=clock)
    await store.tx(
        lambda conn: conn.execute(accounts.insert().values(id="a", name="a", created_at=clock.utc()))
    )
    await store.close()
    files = sorted(os.listdir(tmp_path))
    again = Store.open(url, clock=clock)
    assert await again.read(lambda conn: conn.execute(sa.select(accounts.c.id)).scalars().all()) == ["a"]
    await again.close()
    assert sorted(os.listdir(tmp_path)) == files == ["store.db"]


async def test_a_file_of_a_later_version_is_refused_untouched(tmp_path: Path, clock: VirtualClock) -> None:
    file = tmp_path / "store.db"
    await Store.open(f"sqlite:///{file}", clock=clock).close()
    with sqlite3.connect(file) as conn:
        conn.execute("update alembic_version set version_num = '9999'")
    conn.close()
    with pytest.raises(ConfigError, match="9999"):
        Store.open(f"sqlite:///{file}", clock=clock)


def test_a_file_with_data_is_copied_before_its_schema_changes(tmp_path: Path, clock: VirtualClock) -> None:
    """A copy of the script folder gets one more revision, which breaks: the file must stay as it was."""
    from ringline.store import migrate as module

    file = tmp_path / "store.db"
    engine = sqlite.writer_engine(sa.make_url(f"sqlite:///{file}"))
    migrate(engine, clock=clock)
    with engine.begin() as conn:
        conn.execute(accounts.insert().values(id="a", name="a", created_at=clock.utc()))
    scripts = tmp_path / "migrations"
    original = Path(module.__file__).parent / "migrations"
    (scripts / "versions").mkdir(parents=True)
    for script in [original / "env.py", *(original / "versions").glob("r*.py")]:
        (scripts / script.relative_to(original)).write_text(script.read_text())
    head = max(script.name[1:5] for script in (original / "versions").glob("r*.py"))
    (scripts / "versions" / "r9999.py").write_text(
        f"import sqlalchemy as sa\nfrom alembic import op\nrevision = '9999'\ndown_revision = '{head}'\n"
        "def upgrade():\n    op.add_column('accounts', sa.Column('extra', sa.Text))\n"
        "    raise RuntimeError('power cut')\n"
    )

    with pytest.raises(RuntimeError, match="power cut"):
        migrate(engine, clock=clock, scripts=scripts)

    with engine.begin() as conn:
        assert [column["name"] for column in sa.inspect(conn).get_columns("accounts")] == [
            "id",
            "name",
            "created_at",
        ]
    engine.dispose()
    (backup,) = (one for one in tmp_path.iterdir() if "backup" in one.name)
    assert backup.name == f"store.db.{head}-20300101T000000.backup"
    with sqlite3.connect(backup) as copy:
        assert copy.execute("select id from accounts").fetchall() == [("a",)]
    copy.close()
