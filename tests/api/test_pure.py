"""The parts of the edge that know no HTTP: limits, filters, ranges, countries, numbers of fiction."""

from contextlib import suppress
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qsl, quote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import Field

from ringline.api import countries, fiction, filters
from ringline.api.downloads import Unsatisfiable, parse_range
from ringline.api.errors import pointer
from ringline.api.limits import REMEMBERED, Limits
from ringline.api.models.media import MP3, WAV, sniff
from ringline.api.paging import Meta, Page
from ringline.core.clock import VirtualClock
from ringline.core.errors import ApiError

pytestmark = pytest.mark.unit


class TestLimits:
    def test_a_full_bucket_is_spent_and_refills_evenly(self) -> None:
        clock = VirtualClock()
        limits = Limits(60, clock)

        spent = [limits.take("a") for _ in range(61)]
        clock.advance(1)
        later = [limits.take("a") for _ in range(2)]

        assert [one.allowed for one in spent] == [True] * 60 + [False]
        assert [one.remaining for one in spent] == [*range(59, -1, -1), 0]
        assert (spent[0].reset_s, spent[59].reset_s, spent[60].reset_s) == (1, 60, 1)
        assert [one.allowed for one in later] == [True, False]

    def test_buckets_are_separate_and_never_overflow(self) -> None:
        clock = VirtualClock()
        limits = Limits(2, clock)
        for _ in range(3):
            limits.take("a")
        clock.advance(3600)

        assert limits.take("b").remaining == 1
        assert limits.take("a").remaining == 1

    def test_old_buckets_are_forgotten(self) -> None:
        limits = Limits(2, VirtualClock())
        limits.take("first")
        for number in range(REMEMBERED):
            limits.take(str(number))

        assert limits.take("first").remaining == 1  # had it been remembered, it would be 0

    @given(st.lists(st.floats(0, 5), min_size=1, max_size=60))
    @settings(max_examples=30)
    def test_never_more_than_the_bucket_and_its_refill(self, pauses: list[float]) -> None:
        clock = VirtualClock()
        limits = Limits(30, clock)
        passed = 0
        for pause in pauses:
            clock.advance(pause)
            passed += limits.take("a").allowed

        assert passed <= 30 + clock.now_ns() / 2e9 + 1e-6


class Wanted(filters.Filters):
    name: str | None = None
    since: filters.Moment | None = Field(None, alias="created_at[gte]")
    status: str | None = Field(None, alias="status[eq]")
    kinds: filters.Csv = Field((), alias="content_type")
    failed: bool | None = None
    dotted: str | None = Field(None, alias="outbound.profile_id")
    from_: str | None = Field(None, alias="from")


class TestFilters:
    @pytest.mark.parametrize(
        ("query", "field", "value"),
        [
            ("filter[name]=a%20b", "name", "a b"),
            ("filter[name][eq]=x", "name", "x"),
            ("filter[status]=x", "status", "x"),
            ("filter%5Bstatus%5D%5Beq%5D=x", "status", "x"),
            ("filter[from]=%2B1", "from_", "+1"),
            ("filter[outbound.profile_id]=7", "dotted", "7"),
            ("filter[failed]=true", "failed", True),
            ("filter[content_type]=a,b", "kinds", ("a", "b")),
            ("filter[content_type]=a&filter[content_type]=b", "kinds", ("a", "b")),
            ("filter[created_at][gte]=2020-02-03", "since", datetime(2020, 2, 3, tzinfo=UTC)),
            (
                "filter[created_at][gte]=2020-02-03T04:05:06Z",
                "since",
                datetime(2020, 2, 3, 4, 5, 6, tzinfo=UTC),
            ),
            (
                "filter[created_at][gte]=2020-02-03T04:05:06%2B02:00",
                "since",
                datetime(2020, 2, 3, 2, 5, 6, tzinfo=UTC),
            ),
            (
                "filter[created_at][gte]=2020-02-03T04:05:06+02:00",
                "since",
                datetime(2020, 2, 3, 2, 5, 6, tzinfo=UTC),
            ),
            ("page[size]=5&colour=red", "name", None),
        ],
    )
    def test_spellings(self, query: str, field: str, value: object) -> None:
        assert getattr(filters.parse(Wanted, parse_qsl(query)), field) == value

    @pytest.mark.parametrize(
        ("query", "code", "parameter"),
        [
            ("filter[colour]=red", "10031", "filter[colour]"),
            ("filter[name][like]=x", "10031", "filter[name][like]"),
            ("filter[created_at]=2020", "10031", "filter[created_at]"),
            ("filter=x", "10031", "filter"),
            ("filter[a][b][c]=x", "10031", "filter[a][b][c]"),
            ("filter[failed]=perhaps", "10026", "filter[failed]"),
            ("filter[created_at][gte]=soon", "10026", "filter[created_at][gte]"),
            ("filter[created_at][gte]=0001-01-01T00:00:00%2B05:00", "10015", "filter[created_at][gte]"),
            ("filter[created_at][gte]=9999-12-31T23:59:59-05:00", "10015", "filter[created_at][gte]"),
        ],
    )
    def test_mistakes(self, query: str, code: str, parameter: str) -> None:
        with pytest.raises(ApiError) as refused:
            filters.parse(Wanted, parse_qsl(query))

        (problem,) = refused.value.problems
        assert (refused.value.status, problem.code, problem.parameter) == (422, code, parameter)

    @given(st.lists(st.tuples(st.text("filter[]nameq.", max_size=20), st.text(max_size=10)), max_size=5))
    @settings(max_examples=80)
    def test_any_query_parses_or_is_refused(self, items: list[tuple[str, str]]) -> None:
        with suppress(ApiError):
            filters.parse(Wanted, items)

    def test_they_describe_themselves(self) -> None:
        described = {one["name"]: one["schema"] for one in filters.described(Wanted)["parameters"]}

        assert described["filter[created_at][gte]"]["format"] == "date-time"
        assert described["filter[failed]"] == {"type": "boolean"}
        assert described["filter[content_type]"] == {"type": "string"}
        assert len(described) == 7


class TestRanges:
    @pytest.mark.parametrize(
        ("header", "span"),
        [
            (None, None),
            ("bytes=0-", (0, 100)),
            ("bytes=0-0", (0, 1)),
            ("bytes=10-19", (10, 20)),
            ("bytes=90-500", (90, 100)),
            ("bytes=-10", (90, 100)),
            ("bytes=-500", (0, 100)),
            ("bytes=5-2", None),
            ("bytes=-", None),
            ("bytes=0-1,5-6", None),
            ("lines=1-2", None),
            ("bytes=x-", None),
            ("bytes=" + "9" * 100 + "-", None),
        ],
    )
    def test_what_is_asked_for(self, header: str | None, span: tuple[int, int] | None) -> None:
        assert parse_range(header, 100) == span

    @pytest.mark.parametrize(("header", "size"), [("bytes=100-", 100), ("bytes=-0", 100), ("bytes=0-", 0)])
    def test_what_is_not_there(self, header: str, size: int) -> None:
        with pytest.raises(Unsatisfiable):
            parse_range(header, size)

    @given(st.text(alphabet="bytes=-0123456789, ", max_size=20), st.integers(0, 10_000))
    def test_a_range_lies_within(self, header: str, size: int) -> None:
        with suppress(Unsatisfiable):
            span = parse_range(header, size)
            assert span is None or 0 <= span[0] < span[1] <= size


@pytest.mark.parametrize(
    ("number", "country"),
    [
        ("+13125550123", "US"), ("+14165550123", "CA"), ("+18765550123", "JM"), ("+4915112345678", "DE"),
        ("+442079460000", "GB"), ("+77012345678", "KZ"), ("+74951234567", "RU"), ("+35312345678", "IE"),
        ("+999123", "ZZ"),
    ],
)  # fmt: skip
def test_countries_of_numbers(number: str, country: str) -> None:
    assert countries.of(number) == country


@given(st.sampled_from(["US", "CA", "JM", "RU", "KZ", "DE"]), st.integers(10**9, 10**11))
def test_prefixes_say_the_same_as_the_country(country: str, digits: int) -> None:
    number = f"+{digits}"
    mine, others = countries.prefixes(country)

    assert (countries.of(number) == country) == (
        number.startswith(tuple(mine)) and not number.startswith(tuple(others))
    )


class TestFiction:
    def test_every_number_is_a_real_form_and_offered_once(self) -> None:
        numbers = [number for number, _ in fiction.matching(fiction.Wish())]

        assert len(numbers) == len(set(numbers)) > 10_000
        assert all(9 <= len(number) - 1 <= 15 for number in numbers)

    @pytest.mark.parametrize(
        ("wish", "number"),
        [
            (fiction.Wish(country="CA"), "+14165550100"),
            (fiction.Wish(area="212"), "+12125550100"),
            (fiction.Wish(place="london"), "+442079460000"),
            (fiction.Wish(starts_with="415"), "+14155550100"),
            (fiction.Wish(starts_with="+1415"), "+14155550100"),
            (fiction.Wish(ends_with="77", country="US"), "+13125550177"),
            (fiction.Wish(contains="50142"), "+13125550142"),
        ],
    )
    def test_wishes(self, wish: fiction.Wish, number: str) -> None:
        assert next(fiction.matching(wish))[0] == number

    def test_a_wish_nobody_can_grant(self) -> None:
        assert list(fiction.matching(fiction.Wish(country="DE"))) == []


def test_pages_are_counted() -> None:
    assert Meta.of(Page(1, 20), 0).total_pages == 1
    assert Meta.of(Page(1, 20), 20).total_pages == 1
    assert Meta.of(Page(2, 20), 21).total_pages == 2
    assert Page(3, 20).offset == 40


def test_pointers_escape_what_json_pointers_must() -> None:
    assert pointer(["a/b", 0, "c~d"]) == "/a~1b/0/c~0d"


@pytest.mark.parametrize(
    ("head", "kind"),
    [
        (b"RIFF\x00\x00\x00\x00WAVE", WAV),
        (b"RIFF\x00\x00\x00\x00AVI ", None),
        (b"ID3\x04", MP3),
        (b"\xff\xfb\x90\x00", MP3),
        (b"\xff\xf3\x40\xc0", MP3),
        (b"\xff\xfd\x90\x00", None),  # layer II
        (b"\xff\xf1\x50\x80", None),  # AAC in ADTS
        (b"<html>", None),
        (b"", None),
        (b"\xff", None),
    ],
)
def test_audio_is_known_by_its_first_bytes(head: bytes, kind: str | None) -> None:
    assert sniff(head) == kind


def test_an_hour_later_is_another_moment() -> None:
    plus = quote("2030-01-01T01:00:00+01:00")
    parsed = filters.parse(Wanted, parse_qsl(f"filter[created_at][gte]={plus}")).since

    assert parsed is not None
    assert parsed + timedelta(hours=1) == datetime(2030, 1, 1, 1, tzinfo=UTC)
