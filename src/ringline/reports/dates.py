"""The ranges that reports are asked for (spec ai-api §10). Pure."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from ringline.core.errors import RinglineError

LONGEST = timedelta(days=31)
"""A month, whichever; by the clock on the wall, so that a month with a change of it is one too."""

_DAY = re.compile(r"\d{4}-?\d{2}-?\d{2}")
_LOST_PLUS = re.compile(r" (?=\d\d:?\d\d$)")
"""An unencoded + of an offset arrives as a blank: `2026-01-01T00:00:00 01:00`."""


class BadRange(RinglineError):
    """A range that no report can have; `field` is `start_date` or `end_date`."""

    def __init__(self, field: str, detail: str) -> None:
        super().__init__(f"{field}: {detail}")
        self.field = field
        self.detail = detail


@dataclass(frozen=True, slots=True)
class Range:
    """From `start` to `end`, both included, in UTC; `offset` is the start's, by which days are told apart."""

    start: datetime
    end: datetime
    offset: timedelta = timedelta(0)


def detail_range(start: str, end: str) -> Range:
    """The range of a batch report: both ends with a zone, a month at most. Raises `BadRange`."""
    first, last = _moment("start_date", start), _moment("end_date", end)
    for field, moment in (("start_date", first), ("end_date", last)):
        if moment.tzinfo is None:
            raise BadRange(field, "a time zone is needed, as in 2026-01-31T00:00:00Z.")
    found = _range(first, last)
    if last.replace(tzinfo=None) - first.replace(tzinfo=None) > LONGEST:
        raise BadRange("end_date", f"a report spans a month ({LONGEST.days} days) at most.")
    return found


def usage_range(start: str | None, end: str | None, now: datetime) -> Range:
    """The range of a usage report: up to now, and a month long, where it is not said. Raises `BadRange`.

    A date without a time means that whole day; what has no zone is UTC.
    """
    last = now if end is None else _moment("end_date", end, whole_day=True)
    if start is not None:
        first = _moment("start_date", start)
    else:
        try:
            first = last - LONGEST
        except OverflowError:
            raise BadRange("end_date", "nothing can have been used before then.") from None
    return _range(first, last)


def _moment(field: str, text: str, *, whole_day: bool = False) -> datetime:
    try:
        moment = datetime.fromisoformat(_LOST_PLUS.sub("+", text.strip()) if "T" in text else text.strip())
        if whole_day and _DAY.fullmatch(text.strip()):
            moment += timedelta(days=1) - timedelta(microseconds=1)
    except (ValueError, OverflowError):
        raise BadRange(field, "an ISO-8601 date or date and time is needed.") from None
    return moment


def _range(first: datetime, last: datetime) -> Range:
    start, end = _utc("start_date", first), _utc("end_date", last)
    if end < start:
        raise BadRange("end_date", "the end lies before the start.")
    return Range(start, end, first.utcoffset() or timedelta(0))


def _utc(field: str, moment: datetime) -> datetime:
    try:
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except OverflowError:
        raise BadRange(field, "a time before the first or after the last that there is.") from None
