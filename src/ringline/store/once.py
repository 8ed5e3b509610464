"""Rows that are kept once, whoever comes first."""

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa


def insert_once(conn: sa.Connection, table: sa.Table, row: Mapping[str, Any]) -> bool:
    """Insert `row` unless one of its unique keys is taken; whether it was inserted."""
    try:
        with conn.begin_nested():
            conn.execute(table.insert(), dict(row))
    except sa.exc.IntegrityError:
        return False
    return True
