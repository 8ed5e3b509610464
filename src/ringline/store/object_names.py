"""Which objects of the object store are named by a row, whatever the row is about."""

from collections.abc import Sequence

import sqlalchemy as sa

from ringline.store.bucket_tables import bucket_pieces
from ringline.store.tables import media, recordings
from ringline.store.usage_tables import stt_reports

_NAMES = (
    recordings.c.object_key,
    media.c.object_key,
    bucket_pieces.c.storage_key,
    stt_reports.c.object_key,
)
"""Every column that names an object; all have an index. A new one belongs here, or its objects are swept."""


def unnamed(conn: sa.Connection, keys: Sequence[str]) -> list[str]:
    """Those of `keys` that no row names."""
    named: set[str] = set()
    for column in _NAMES:
        named.update(conn.execute(sa.select(column).where(column.in_(keys))).scalars())
    return [key for key in keys if key not in named]
