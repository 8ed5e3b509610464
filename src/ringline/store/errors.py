"""When the store itself fails, as against a statement that breaks a rule of its tables."""

import sqlite3

from sqlalchemy import exc

from ringline.core.errors import RinglineError


class StoreUnavailable(RinglineError):
    """The store can keep nothing now: disk full, database gone, queue full, closed. Nothing was committed."""


# Primary result codes (https://www.sqlite.org/rescode.html) that mean file, disk or lock, not the statement.
_SQLITE_OUTSIDE = {
    sqlite3.SQLITE_BUSY,
    sqlite3.SQLITE_LOCKED,
    sqlite3.SQLITE_NOMEM,
    sqlite3.SQLITE_READONLY,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_CORRUPT,
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_PROTOCOL,
    sqlite3.SQLITE_NOTADB,
}


def unavailable(error: BaseException) -> StoreUnavailable | None:
    """The `StoreUnavailable` that `error` amounts to; None when it is about the statement or the caller."""
    if isinstance(error, StoreUnavailable):
        return error
    if not isinstance(error, exc.DBAPIError):
        return None
    cause = error.orig
    if isinstance(cause, sqlite3.Error):
        code = getattr(cause, "sqlite_errorcode", None)
        outside = code is not None and code & 0xFF in _SQLITE_OUTSIDE
    else:
        outside = error.connection_invalidated or isinstance(error, exc.OperationalError | exc.InterfaceError)
    return StoreUnavailable(f"the store cannot be used now: {cause}") if outside else None
