"""Brings a database's schema up to date when the store opens."""

from pathlib import Path

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from ringline.core.clock import Clock
from ringline.core.errors import ConfigError
from ringline.store.sqlite import backup

_LOCK = 0x72696E67
"""PostgreSQL advisory lock: two nodes that start together migrate one after the other."""


SCRIPTS = Path(__file__).parent / "migrations"


def migrate(engine: sa.Engine, *, clock: Clock, scripts: Path = SCRIPTS) -> None:
    """Run the missing revisions in one transaction; a SQLite file that has data is copied aside first.

    Raises `ConfigError` when the database was written by a newer ringline.
    """
    config = Config()
    config.set_main_option("script_location", str(scripts))
    folder = ScriptDirectory.from_config(config)
    head = folder.get_current_head()
    with engine.connect() as conn:
        current = MigrationContext.configure(conn).get_current_revision()
        conn.rollback()
        if current == head:
            return
        if current is not None and current not in {script.revision for script in folder.walk_revisions()}:
            raise ConfigError(
                f"the store has schema {current}, which this version does not know. "
                "Start the ringline that wrote it, or give another --data."
            )
        if current is not None and engine.dialect.name == "sqlite":
            stamp = clock.utc().strftime("%Y%m%dT%H%M%S")
            backup(conn, f"{engine.url.database}.{current}-{stamp}.backup")
            conn.rollback()
        with conn.begin():
            if engine.dialect.name == "postgresql":
                conn.execute(sa.select(sa.func.pg_advisory_xact_lock(_LOCK)))
            config.attributes["connection"] = conn
            command.upgrade(config, "head")
