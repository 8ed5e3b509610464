"""Column types that behave the same on SQLite and PostgreSQL."""

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import sqlalchemy as sa

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)


def to_micros(moment: datetime) -> int:
    """Microseconds since 1970 of an aware datetime; raises ValueError for a naive one."""
    if moment.tzinfo is None:
        raise ValueError(f"{moment!r} has no time zone; the store keeps UTC only")
    return (moment - EPOCH) // MICROSECOND


def from_micros(micros: int) -> datetime:
    """The UTC datetime of `micros` microseconds since 1970."""
    return EPOCH + timedelta(microseconds=micros)


class UtcMicros(sa.types.TypeDecorator[datetime]):
    """An aware UTC datetime as integer microseconds since 1970: one order, one precision, both engines."""

    impl = sa.BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: sa.Dialect) -> int | None:
        """Python to database."""
        return None if value is None else to_micros(value)

    def process_result_value(self, value: int | None, dialect: sa.Dialect) -> datetime | None:
        """Database to Python."""
        return None if value is None else from_micros(value)


class Json(sa.types.TypeDecorator[Any]):
    """A JSON value kept as compact text. Never filtered on in SQL: the engines' JSON operators differ."""

    impl = sa.Text
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: sa.Dialect) -> str | None:
        """Python to database; structs, lists and dictionaries alike."""
        return None if value is None else msgspec.json.encode(value).decode()

    def process_result_value(self, value: str | None, dialect: sa.Dialect) -> Any:
        """Database to Python: plain lists, dictionaries and scalars."""
        return None if value is None else msgspec.json.decode(value)


class JsonBytes(sa.types.TypeDecorator[bytes]):
    """JSON that is bytes in Python, encoded by whoever made it, and searchable text in the database."""

    impl = sa.Text
    cache_ok = True

    def process_bind_param(self, value: bytes | None, dialect: sa.Dialect) -> str | None:
        """Python to database; UnicodeDecodeError for what is not UTF-8."""
        return None if value is None else value.decode()

    def process_result_value(self, value: str | None, dialect: sa.Dialect) -> bytes | None:
        """Database to Python."""
        return None if value is None else value.encode()


SERIAL = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
"""A key the engine counts up by itself: SQLite does so for INTEGER PRIMARY KEY only."""
