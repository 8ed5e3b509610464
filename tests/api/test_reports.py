"""Speech-to-text reports over HTTP (spec ai-api §10)."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from ringline.api.ports import ApiSettings
from ringline.reports.usage import UsageKind, UsageRecord
from tests.api.conftest import client_of
from tests.api.house import KEY, House

pytestmark = pytest.mark.unit
DETAILS = "/legacy/reporting/batch_detail_records/speech_to_text"
USAGE = "/legacy/reporting/usage_reports/speech_to_text"
JANUARY = {"start_date": "2030-01-01T00:00:00Z", "end_date": "2030-01-31T23:59:59Z"}
MORNING = datetime(2030, 1, 1, 8, tzinfo=UTC)


def heard(house: House, seconds: float, *, at: datetime = MORNING, account: str = "") -> None:
    house.usage.note(
        UsageRecord(
            kind=UsageKind.RECOGNITION,
            account_id=account or house.account_id,
            at=at,
            engine="local",
            model="tiny",
            seconds=seconds,
        )
    )


@pytest.fixture
async def working(house: House) -> AsyncIterator[None]:
    """Jobs are run."""
    house.jobs.start()
    yield
    await house.jobs.stop()


async def complete(api: httpx.AsyncClient, report: str) -> dict[str, Any]:
    async with asyncio.timeout(10):
        while True:
            data: dict[str, Any] = (await api.get(f"{DETAILS}/{report}")).json()["data"]
            if data["status"] != "PENDING":
                assert data["status"] == "COMPLETE"
                return data
            await asyncio.sleep(0.005)


async def test_a_report_is_pending_first(api: httpx.AsyncClient) -> None:
    made = await api.post(DETAILS, json=JANUARY)
    data = made.json()["data"]
    assert made.status_code == 200
    assert data == {
        "id": data["id"],
        "record_type": "speech_to_text_report",
        "start_date": "2030-01-01T00:00:00Z",
        "end_date": "2030-01-31T23:59:59Z",
        "status": "PENDING",
        "download_link": "",
        "created_at": "2030-01-01T00:00:00Z",
    }
    assert (await api.get(f"{DETAILS}/{data['id']}")).json()["data"] == data


@pytest.mark.usefixtures("working")
async def test_a_complete_report_has_a_link_that_needs_no_key_and_ends(
    api: httpx.AsyncClient, stranger: httpx.AsyncClient, house: House
) -> None:
    heard(house, 30)
    report = (await api.post(DETAILS, json=JANUARY)).json()["data"]["id"]

    link = (await complete(api, report))["download_link"]
    got = await stranger.get(link)
    house.clock.advance(600)
    late = await stranger.get(link)
    fresh = await stranger.get((await complete(api, report))["download_link"])

    assert got.headers["content-type"] == "text/csv; charset=utf-8"
    assert "speech-to-text-20300101-20300131.csv" in got.headers["content-disposition"]
    assert got.text.splitlines()[1] == "2030-01-01T08:00:00.000Z,,local,tiny,30.0,0.030000,EUR"
    assert late.status_code == 404
    assert fresh.content == got.content


@pytest.mark.usefixtures("working")
async def test_after_its_time_a_report_is_expired_and_has_no_link(
    api: httpx.AsyncClient, stranger: httpx.AsyncClient, house: House
) -> None:
    report = (await api.post(DETAILS, json=JANUARY)).json()["data"]["id"]
    await complete(api, report)
    house.clock.advance(7 * 86400 - 60)
    link = (await complete(api, report))["download_link"]
    house.clock.advance(60)
    data = (await api.get(f"{DETAILS}/{report}")).json()["data"]
    assert (data["status"], data["download_link"]) == ("EXPIRED", "")
    assert (await stranger.get(link)).status_code == 404


async def test_links_begin_with_the_public_address(house: House) -> None:
    house.settings = ApiSettings(public_url="https://voice.example/")
    house.jobs.start()
    async with client_of(house, KEY) as api:
        report = (await api.post(DETAILS, json=JANUARY)).json()["data"]["id"]
        link = (await complete(api, report))["download_link"]
        assert link.startswith("https://voice.example/v2/storage/")
        assert (await api.get(f"http://api.test{urlsplit(link).path}")).status_code == 200
    await house.jobs.stop()


@pytest.mark.usefixtures("working")
async def test_a_deleted_report_is_shown_once_more_and_its_file_is_gone(
    api: httpx.AsyncClient, stranger: httpx.AsyncClient
) -> None:
    report = (await api.post(DETAILS, json=JANUARY)).json()["data"]["id"]
    link = (await complete(api, report))["download_link"]
    gone = await api.delete(f"{DETAILS}/{report}")
    assert (gone.status_code, gone.json()["data"]["id"], gone.json()["data"]["status"]) == (
        200,
        report,
        "COMPLETE",
    )
    assert (await api.get(f"{DETAILS}/{report}")).status_code == 404
    assert (await api.delete(f"{DETAILS}/{report}")).status_code == 404
    assert (await stranger.get(link)).status_code == 404


async def test_reports_are_listed_newest_first_without_meta(
    api: httpx.AsyncClient, other: httpx.AsyncClient, house: House
) -> None:
    first = (await api.post(DETAILS, json=JANUARY)).json()["data"]
    house.clock.advance(1)
    second = (await api.post(DETAILS, json=JANUARY)).json()["data"]
    assert (await api.get(DETAILS)).json() == {"data": [second, first]}
    assert (await other.get(DETAILS)).json() == {"data": []}
    assert (await other.get(f"{DETAILS}/{first['id']}")).status_code == 404


async def test_both_families_of_paths_are_one(api: httpx.AsyncClient) -> None:
    report = (await api.post(DETAILS.replace("/legacy/", "/legacy_"), json=JANUARY)).json()["data"]["id"]
    assert (await api.get(f"{DETAILS}/{report}")).status_code == 200
    assert (await api.get(USAGE.replace("/legacy/", "/legacy_"))).status_code == 200


@pytest.mark.parametrize(
    ("start", "end", "pointer"),
    [
        ("2030-01-01T00:00:00Z", "2030-02-02T00:00:00Z", "/end_date"),
        ("2030-01-02T00:00:00Z", "2030-01-01T00:00:00Z", "/end_date"),
        ("2030-01-01T00:00:00", "2030-01-02T00:00:00Z", "/start_date"),
        ("soon", "2030-01-02T00:00:00Z", "/start_date"),
    ],
)
async def test_a_bad_range_is_400_and_names_its_field(
    api: httpx.AsyncClient, start: str, end: str, pointer: str
) -> None:
    refused = await api.post(DETAILS, json={"start_date": start, "end_date": end})
    assert refused.status_code == 400
    (error,) = refused.json()["errors"]
    assert (error["code"], error["source"]) == ("10015", {"pointer": pointer})


async def test_both_dates_are_needed(api: httpx.AsyncClient) -> None:
    refused = await api.post(DETAILS, json={"start_date": "2030-01-01T00:00:00Z"})
    assert refused.status_code == 422
    assert refused.json()["errors"][0]["source"] == {"pointer": "/end_date"}


async def test_the_usage_report_sums_by_day(api: httpx.AsyncClient, house: House) -> None:
    heard(house, 30)
    heard(house, 60.5)
    heard(house, 1, at=MORNING + timedelta(days=1))
    heard(house, 99, account=house.other_account_id)
    got = await api.get(USAGE, params={"start_date": "2030-01-01", "end_date": "2030-01-02"})
    assert got.json()["data"] == {
        "record_type": "speech_to_text_usage_report",
        "start_date": "2030-01-01T00:00:00Z",
        "end_date": "2030-01-02T23:59:59.999999Z",
        "result": [
            {
                "date": "2030-01-01",
                "engine": "local",
                "model": "tiny",
                "requests": 2,
                "duration_seconds": 90.5,
                "cost": 0.0905,
                "currency": "EUR",
            },
            {
                "date": "2030-01-02",
                "engine": "local",
                "model": "tiny",
                "requests": 1,
                "duration_seconds": 1.0,
                "cost": 0.001,
                "currency": "EUR",
            },
        ],
        "total_requests": 3,
        "total_duration_seconds": 91.5,
        "total_cost": 0.0915,
        "currency": "EUR",
    }


async def test_a_day_is_that_of_the_asked_zone_plus_or_blank(api: httpx.AsyncClient, house: House) -> None:
    heard(house, 1, at=datetime(2030, 1, 1, 23, 30, tzinfo=UTC))
    for sign in ("%2B", "+", " "):
        query = f"start_date=2030-01-01T00:00:00{sign}01:00&end_date=2030-01-03T00:00:00{sign}01:00"
        (line,) = (await api.get(f"{USAGE}?{query}")).json()["data"]["result"]
        assert line["date"] == "2030-01-02"


async def test_without_dates_it_is_the_last_month(api: httpx.AsyncClient, house: House) -> None:
    house.clock.advance(86400)
    heard(house, 5)
    heard(house, 5, at=house.clock.utc() - timedelta(days=32))
    assert (await api.get(USAGE)).json()["data"]["total_duration_seconds"] == 5


async def test_a_bad_date_in_the_query_names_the_parameter(api: httpx.AsyncClient) -> None:
    refused = await api.get(USAGE, params={"end_date": "2030-13-01"})
    assert refused.status_code == 400
    assert refused.json()["errors"][0]["source"] == {"parameter": "end_date"}
