"""Recordings over HTTP (spec voice-api §6.4), and the links to their files."""

from dataclasses import replace
from urllib.parse import urlsplit

import httpx
import pytest

from ringline.api.ports import ApiSettings
from ringline.store import recordings
from tests.api.conftest import client_of
from tests.api.house import KEY, House
from tests.api.seeds import WAV, one_call

pytestmark = pytest.mark.unit


@pytest.fixture
async def seeded(house: House) -> dict[str, str]:
    """A call with two recordings."""
    return await one_call(house, "17")


async def test_a_recording_is_shown_whole(api: httpx.AsyncClient, seeded: dict[str, str]) -> None:
    data = (await api.get(f"/recordings/{seeded['recording']}")).json()["data"]

    urls = data.pop("download_urls")
    assert data == {
        "id": seeded["recording"],
        "record_type": "recording",
        "call_control_id": seeded["call"],
        "call_leg_id": data["call_leg_id"],
        "call_session_id": data["call_session_id"],
        "connection_id": "17",
        "conference_id": None,
        "from": "+13125550100",
        "to": "sip:alice@192.0.2.7",
        "channels": "dual",
        "source": "call",
        "status": "completed",
        "initiated_by": None,
        "recording_started_at": "2030-01-01T00:00:00Z",
        "recording_ended_at": "2030-01-01T00:00:00Z",
        "duration_millis": 0,
        "created_at": "2030-01-01T00:00:00Z",
        "updated_at": "2030-01-01T00:00:00Z",
    }
    assert urls["mp3"] is None
    assert urls["wav"].startswith("http://api.test/v2/storage/")


async def test_the_link_needs_no_key_and_ends(
    api: httpx.AsyncClient, stranger: httpx.AsyncClient, house: House, seeded: dict[str, str]
) -> None:
    url = (await api.get(f"/recordings/{seeded['recording']}")).json()["data"]["download_urls"]["wav"]

    got = await stranger.get(url)
    head = await stranger.head(url)
    tail = await stranger.get(url, headers={"range": "bytes=-4"})
    renamed = await stranger.get(url.replace("recording.wav", "other.wav"))
    forged = await stranger.get(url.replace("/v2/storage/", "/v2/storage/A"))
    house.clock.advance(600)
    late = await stranger.get(url)

    assert (got.status_code, got.content, got.headers["content-type"]) == (200, WAV, "audio/wav")
    assert "recording.wav" in got.headers["content-disposition"]
    assert (head.status_code, head.headers["content-length"]) == (200, str(len(WAV)))
    assert (tail.status_code, tail.content) == (206, WAV[-4:])
    assert [one.status_code for one in (renamed, forged, late)] == [404, 404, 404]


async def test_links_say_what_the_operator_says(house: House, seeded: dict[str, str]) -> None:
    house.settings = ApiSettings(public_url="https://voice.example/", link_secs=5)
    async with client_of(house, KEY) as api:
        url = (await api.get(f"/recordings/{seeded['recording']}")).json()["data"]["download_urls"]["wav"]

    assert urlsplit(url)[:2] == ("https", "voice.example")
    assert "//v2" not in url


async def test_deleting_deletes_the_file(
    api: httpx.AsyncClient, other: httpx.AsyncClient, house: House, seeded: dict[str, str]
) -> None:
    first, second = seeded["recording"], seeded["new_recording"]
    url = (await api.get(f"/recordings/{first}")).json()["data"]["download_urls"]["wav"]

    assert (await other.delete(f"/recordings/{first}")).status_code == 404
    gone = await api.delete(f"/recordings/{first}")
    foreign = await other.post("/recordings/actions/delete", json={"ids": [second]})
    kept = (await api.get("/recordings")).json()["data"]
    bulk = await api.post("/recordings/actions/delete", json={"ids": [second, first, "none"]})

    assert (gone.status_code, gone.json()["data"]["id"]) == (200, first)
    assert (await api.get(url)).status_code == 404
    assert (foreign.json(), [one["id"] for one in kept]) == ({"status": "ok"}, [second])
    assert bulk.json() == {"status": "ok"}
    assert (await api.get("/recordings")).json()["meta"]["total_results"] == 0
    assert [path for path in (house.folder / "objects").rglob("*") if path.is_file()] == []
    empty = await api.post("/recordings/actions/delete", json={"ids": []})
    assert (empty.status_code, empty.json()["errors"][0]["source"]) == (422, {"pointer": "/ids"})


async def test_lists_are_filtered(api: httpx.AsyncClient, house: House, seeded: dict[str, str]) -> None:
    known = await house.store.read(recordings.find, house.account_id, seeded["recording"])
    assert known is not None
    house.clock.advance(3600)
    later = house.clock.utc()
    another = replace(
        known,
        id="9b0f6c2e-0000-4000-8000-000000000000",
        call_leg_id="other-leg",
        from_="+13125550177",
        created_at=later,
        recording_started_at=later,
        recording_ended_at=later,
    )
    await house.store.tx(recordings.add, another)

    async def ids(query: str) -> set[str]:
        return {one["id"] for one in (await api.get(f"/recordings?{query}")).json()["data"]}

    both = {seeded["recording"], seeded["new_recording"]}
    assert await ids("") == both | {another.id}
    assert await ids("filter[from]=%2B13125550177") == {another.id}
    assert await ids("filter[call_leg_id]=other-leg&filter[connection_id]=17") == {another.id}
    assert await ids(f"filter[call_control_id]={seeded['call']}") == both | {another.id}
    for name in ("created_at", "start_time", "end_time"):
        assert await ids(f"filter[{name}][gte]=2030-01-01T00:30:00Z") == {another.id}
        assert await ids(f"filter[{name}][lte]=2030-01-01T00:30:00Z") == both
    assert await ids("filter[conference_region]=x") == set()
    assert await ids("filter[to]=nobody") == set()
