"""Conditional requests (RFC 9110 §13) on objects; dates count whole seconds."""

from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import format_datetime, parsedate_to_datetime

from ringline.storage.s3.errors import S3Error


def http_date(moment: datetime) -> str:
    """`Sun, 06 Nov 1994 08:49:37 GMT` (RFC 9110 §5.6.7)."""
    return format_datetime(moment.astimezone(UTC), usegmt=True)


def is_unchanged(headers: Mapping[str, str], etag: str, modified_at: datetime) -> bool:
    """Whether to answer a read with 304, in the order of RFC 9110 §13.2.2.

    Raises `S3Error` PreconditionFailed.
    """
    modified = modified_at.replace(microsecond=0)
    if (wanted := headers.get("if-match")) is not None:
        if not _names(wanted, etag):
            raise _failed("If-Match")
    elif (since := _date(headers.get("if-unmodified-since"))) and modified > since:
        raise _failed("If-Unmodified-Since")
    if (unwanted := headers.get("if-none-match")) is not None:
        return _names(unwanted, etag)
    since = _date(headers.get("if-modified-since"))
    return since is not None and modified <= since


def check_write(headers: Mapping[str, str], etag: str | None) -> None:
    """Look at the object that a write or delete is about, or None for none.

    Raises `S3Error`: PreconditionFailed, or NoSuchKey where If-Match has nothing to match.
    """
    if (wanted := headers.get("if-match")) is not None:
        if etag is None:
            raise S3Error("NoSuchKey", "The specified key does not exist.")
        if not _names(wanted, etag):
            raise _failed("If-Match")
    unwanted = headers.get("if-none-match")
    if unwanted is not None and etag is not None and _names(unwanted, etag):
        raise _failed("If-None-Match")


def range_applies(headers: Mapping[str, str], etag: str, modified_at: datetime) -> bool:
    """Whether If-Range lets a Range count (RFC 9110 §13.1.5)."""
    wanted = headers.get("if-range")
    if wanted is None:
        return True
    moment = _date(wanted)
    return moment == modified_at.replace(microsecond=0) if moment else wanted.strip() == f'"{etag}"'


def _names(wanted: str, etag: str) -> bool:
    return any(one.strip().removeprefix("W/").strip('"') in (etag, "*") for one in wanted.split(","))


def _date(text: str | None) -> datetime | None:
    # What is no date is ignored (RFC 9110 §13.1.3).
    try:
        moment = parsedate_to_datetime(text) if text else None
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    return moment if moment is None or moment.tzinfo else moment.replace(tzinfo=UTC)


def _failed(header: str) -> S3Error:
    return S3Error("PreconditionFailed", f"The precondition {header} did not hold.")
