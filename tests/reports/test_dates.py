"""Ranges: ends included, zones kept apart from days, a month at most where a file is written."""

from contextlib import suppress
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ringline.reports.dates import LONGEST, BadRange, Range, detail_range, usage_range

pytestmark = pytest.mark.unit
NOW = datetime(2030, 3, 31, 12, tzinfo=UTC)
NEW_YEAR = datetime(2030, 1, 1, tzinfo=UTC)


def test_a_range_is_utc_and_remembers_the_zone_of_its_start() -> None:
    found = detail_range("2030-01-01T01:00:00+01:00", "2030-01-02T00:00:00Z")
    assert found == Range(NEW_YEAR, NEW_YEAR + timedelta(days=1), timedelta(hours=1))


def test_a_blank_where_the_plus_was_is_a_plus() -> None:
    plus = detail_range("2030-01-01T00:00:00+01:00", "2030-01-02T00:00:00+0100")
    assert detail_range("2030-01-01T00:00:00 01:00", "2030-01-02T00:00:00 0100") == plus
    assert usage_range("2030-01-01T00:00:00 01:00", "2030-01-02T00:00:00 01:00", NOW) == plus


@pytest.mark.parametrize(
    ("start", "end"),
    [
        ("2030-01-01T00:00:00Z", "2030-02-01T00:00:00Z"),
        ("2030-02-01T00:00:00Z", "2030-03-01T00:00:00Z"),
        # Summer time ends within the month: 31 days and an hour have passed, a month on the wall.
        ("2030-10-01T00:00:00+02:00", "2030-11-01T00:00:00+01:00"),
        ("2030-01-01T00:00:00Z", "2030-01-01T00:00:00Z"),
    ],
)
def test_a_month_is_not_too_long(start: str, end: str) -> None:
    assert detail_range(start, end).start <= detail_range(start, end).end


@pytest.mark.parametrize(
    ("start", "end", "field", "why"),
    [
        ("2030-01-01T00:00:00Z", "2030-02-01T00:00:01Z", "end_date", "month"),
        ("2030-01-02T00:00:00Z", "2030-01-01T00:00:00Z", "end_date", "before"),
        ("2030-01-01T00:00:00+00:00", "2030-01-01T00:30:00+01:00", "end_date", "before"),
        ("2030-01-01T00:00:00", "2030-01-02T00:00:00Z", "start_date", "zone"),
        ("2030-01-01", "2030-01-02T00:00:00Z", "start_date", "zone"),
        ("2030-01-01T00:00:00Z", "2030-01-02", "end_date", "zone"),
        ("yesterday", "2030-01-02T00:00:00Z", "start_date", "ISO-8601"),
        ("2030-01-01T00:00:00Z", "2030-02-30T00:00:00Z", "end_date", "ISO-8601"),
        ("2030-01-01T00:00:00Z", "", "end_date", "ISO-8601"),
        ("0001-01-01T00:00:00+14:00", "0001-01-02T00:00:00Z", "start_date", "first"),
        ("9999-12-31T00:00:00Z", "9999-12-31T23:59:59-14:00", "end_date", "last"),
    ],
)
def test_what_no_report_can_have_is_named(start: str, end: str, field: str, why: str) -> None:
    with pytest.raises(BadRange, match=why) as wrong:
        detail_range(start, end)
    assert wrong.value.field == field


def test_a_usage_report_without_dates_is_the_last_month() -> None:
    assert usage_range(None, None, NOW) == Range(NOW - LONGEST, NOW)


def test_a_date_alone_is_that_whole_day() -> None:
    day = usage_range("2030-01-01", "2030-01-01", NOW)
    assert day == Range(NEW_YEAR, NEW_YEAR + timedelta(days=1) - timedelta(microseconds=1))


def test_what_has_no_zone_is_utc_and_a_year_is_not_too_long() -> None:
    assert usage_range("2030-01-01T00:00:00", "2030-12-31T00:00:00", NOW).start == NEW_YEAR


@pytest.mark.parametrize("end", ["0001-01-05", "9999-12-31T23:59:59-14:00"])
def test_an_end_at_the_edge_of_time_is_refused_by_name(end: str) -> None:
    with pytest.raises(BadRange, match="end_date"):
        usage_range(None, end, NOW)


@settings(max_examples=150, deadline=None)
@given(st.one_of(st.text(max_size=40), st.datetimes(timezones=st.timezones()).map(str)), st.text(max_size=40))
def test_any_text_is_a_range_or_a_bad_one(start: str, end: str) -> None:
    for read in (detail_range, lambda first, last: usage_range(first, last, NOW)):
        with suppress(BadRange):
            found = read(start, end)
            assert found.start <= found.end
