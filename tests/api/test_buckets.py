"""Buckets over JSON, by the stock SDK's paths, and what their links open."""

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime, timedelta

import httpx
import pytest

from tests.api.conftest import client_of
from tests.api.house import KEY, House

pytestmark = pytest.mark.unit

BASE = "http://api.test"


@pytest.fixture
async def s3(house: House) -> AsyncIterator[httpx.AsyncClient]:
    """Requests to `/s3/…` with the first account's key."""
    async with client_of(house, KEY) as client:
        client.base_url = httpx.URL(f"{BASE}/s3")
        await client.put("/bucket")
        yield client


@pytest.mark.parametrize("key", ["a.txt", "folder/ü b.txt", "a%2Fb", "a+b//c", "x/presigned_url"])
async def test_a_link_reads_and_writes_one_object(
    house: House, s3: httpx.AsyncClient, api: httpx.AsyncClient, stranger: httpx.AsyncClient, key: str
) -> None:
    encoded = "".join(f"%{byte:02X}" for byte in key.encode())
    response = await api.post(f"/storage/buckets/bucket/{encoded}/presigned_url", json={"ttl": 60})
    assert response.status_code == 200
    content = response.json()["content"]
    assert datetime.fromisoformat(content["expires_at"]).timestamp() == house.clock.utc().timestamp() + 60
    url = content["presigned_url"]
    assert content["token"] in url

    assert (await stranger.put(url, content=b"by link")).status_code == 200
    assert (await stranger.get(url)).content == b"by link"
    assert (await stranger.head(url)).headers["content-length"] == "7"
    assert (await s3.get(f"/bucket/{encoded}")).content == b"by link"
    assert (await stranger.delete(url)).status_code == 403
    assert (await stranger.get(url.replace("/bucket/", "/bucket/other"))).status_code == 403
    assert (await stranger.get(url[:-3] + "AAA")).status_code == 403

    house.clock.advance(61)
    over = await stranger.get(url)
    assert (over.status_code, "<Code>AccessDenied</Code>" in over.text) == (403, True)


async def test_a_link_needs_a_key_a_bucket_and_a_time(
    s3: httpx.AsyncClient, api: httpx.AsyncClient, other: httpx.AsyncClient, stranger: httpx.AsyncClient
) -> None:
    path = "/storage/buckets/bucket/a/presigned_url"
    assert (await stranger.post(path)).status_code == 401
    assert (await other.post(path)).status_code == 404
    assert (await api.post("/storage/buckets/nothing/a/presigned_url")).status_code == 404
    assert (await api.post(path)).status_code == 200
    for ttl in (0, -1, 604_801, "long"):
        assert (await api.post(path, json={"ttl": ttl})).status_code == 422
    assert (await api.post(f"/storage/buckets/bucket/{'k' * 1025}/presigned_url")).status_code == 422
    assert (await api.post("/storage/buckets/bucket/%FF/presigned_url")).status_code == 422


async def test_usage_counts_what_is_there(
    s3: httpx.AsyncClient, api: httpx.AsyncClient, other: httpx.AsyncClient, stranger: httpx.AsyncClient
) -> None:
    path = "/storage/buckets/bucket/usage/storage"
    await asyncio.gather(*(s3.put(f"/bucket/{key}", content=b"x" * 700) for key in "ab"))
    (usage,) = (await api.get(path)).json()["data"]
    assert (usage["num_objects"], usage["size"], usage["size_kb"]) == (2, 1400, 2)
    assert (await other.get(path)).status_code == 404
    assert (await stranger.get(path)).status_code == 401
    assert (await api.get("/storage/buckets/No%00Name/usage/storage")).status_code == 404


async def test_what_is_asked_of_a_bucket_is_counted_by_the_hour(house: House) -> None:
    application = house.app()
    headers = {"authorization": f"Bearer {KEY}"}
    transport = httpx.ASGITransport(app=application)
    async with httpx.AsyncClient(transport=transport, base_url=BASE, headers=headers) as client:
        start = house.clock.utc()
        await client.put("/s3/bucket")
        await client.put("/s3/bucket/a", content=b"12345")
        await client.get("/s3/bucket/a")
        await client.head("/s3/bucket/a")
        await client.get("/s3/bucket/none")
        await client.get("/s3/elsewhere/a")
        house.clock.advance(3600)
        await client.delete("/s3/bucket/a")
        house.clock.advance(20)
        await client.get("/s3/bucket")
        period = {"filter[start_time]": start.isoformat(), "filter[end_time]": house.clock.utc().isoformat()}

        hours = (await client.get("/v2/storage/buckets/bucket/usage/api", params=period)).json()["data"]

        assert [datetime.fromisoformat(hour["timestamp"]).hour for hour in hours] == [0, 1]
        found = {(at, one["category"]): one for at, hour in enumerate(hours) for one in hour["categories"]}
        counts = {what: (one["ops"], one["successful_ops"]) for what, one in found.items()}
        assert counts == {
            (0, "create_bucket"): (1, 1),
            (0, "put_obj"): (1, 1),
            (0, "get_obj"): (3, 2),
            (1, "delete_obj"): (1, 1),
            (1, "list_bucket"): (1, 1),
        }
        assert found[0, "put_obj"]["bytes_received"] == 5
        assert found[0, "get_obj"]["bytes_sent"] > 5
        assert hours[0]["total"]["ops"] == 5
        first = period | {"filter[end_time]": (start + timedelta(hours=1)).isoformat()}
        answer = await client.get("/v2/storage/buckets/bucket/usage/api", params=first)
        assert answer.json()["data"] == hours[:1]
        assert (await client.get("/v2/storage/buckets/bucket/usage/api")).status_code == 422
        assert (await client.get("/v2/storage/buckets/none/usage/api", params=period)).status_code == 404
        assert (await client.delete("/s3/bucket")).status_code == 204
        await application.state.deps.buckets.traffic.flush()
