"""Connections over HTTP (spec voice-api §6.2)."""

import hashlib
from datetime import timedelta

import httpx
import pytest

from ringline.api.ports import ApiSettings, Registration
from ringline.store import connections
from ringline.store.schema import metadata
from tests.api.conftest import client_of
from tests.api.house import KEY, House

pytestmark = pytest.mark.unit

PATH = "/credential_connections"
PASSWORD = "correct horse"
REQUIRED = {"connection_name": "desk phone", "user_name": "alice1", "password": PASSWORD}


async def made(api: httpx.AsyncClient, **members: object) -> dict[str, object]:
    answer = await api.post(PATH, json={**REQUIRED, **members})
    assert answer.status_code == 201, answer.text
    data: dict[str, object] = answer.json()["data"]
    return data


def ha1(user: str, realm: str, password: str = PASSWORD) -> str:
    return hashlib.sha256(f"{user}:{realm}:{password}".encode()).hexdigest()


async def test_the_password_is_kept_as_digests_only(house: House) -> None:
    house.settings = ApiSettings(sip_realm="home")
    async with client_of(house, KEY) as api:
        data = await made(api)

    kept = await house.store.read(connections.find, house.account_id, str(data["id"]))
    assert kept is not None
    assert kept.secrets.sha256 == ha1("alice1", "home")
    assert kept.secrets.md5 == hashlib.md5(f"alice1:home:{PASSWORD}".encode()).hexdigest()
    assert PASSWORD not in repr(kept)
    assert PASSWORD not in str(data)
    rows = await house.store.read(
        lambda conn: [conn.execute(table.select()).all() for table in metadata.sorted_tables]
    )
    assert str(data["id"]) in repr(rows)
    assert PASSWORD not in repr(rows)
    assert house.route_changes == 1


async def test_a_new_name_needs_the_password_again(api: httpx.AsyncClient, house: House) -> None:
    path = f"{PATH}/{(await made(api))['id']}"

    refused = await api.patch(path, json={"user_name": "bobby2"})
    renamed = await api.patch(path, json={"user_name": "bobby2", "password": "battery staple"})
    same = await api.patch(path, json={"user_name": "bobby2"})

    assert refused.json()["errors"][0]["source"] == {"pointer": "/password"}
    assert (renamed.json()["data"]["user_name"], same.status_code) == ("bobby2", 200)
    kept = (await house.store.read(connections.everything))[0]
    assert kept.secrets.sha256 == ha1("bobby2", "ringline", "battery staple")


async def test_an_update_merges_groups_member_by_member(api: httpx.AsyncClient) -> None:
    before = await made(
        api, inbound={"codecs": ["PCMU"], "channel_limit": 2}, jitter_buffer={"jitterbuffer_msec_min": 80}
    )

    answer = await api.patch(
        f"{PATH}/{before['id']}",
        json={
            "inbound": {"channel_limit": None},
            "outbound": {"outbound_voice_profile_id": "9"},
            "jitter_buffer": {"enable_jitter_buffer": True},
            "rtcp_settings": {"port": "rtcp-mux"},
            "noise_suppression": "both",
            "tags": ["a"],
        },
    )

    after = answer.json()["data"]
    assert (after["inbound"]["codecs"], after["inbound"]["channel_limit"]) == (["PCMU"], None)
    assert after["jitter_buffer"] == {
        "enable_jitter_buffer": True, "jitterbuffer_msec_min": 80, "jitterbuffer_msec_max": 200,
    }  # fmt: skip
    assert after["rtcp_settings"]["port"] == "rtcp-mux"
    changed = {"inbound", "outbound", "jitter_buffer", "rtcp_settings", "noise_suppression", "tags"}
    assert {name for name in after if after[name] != before[name]} == changed


async def test_user_names_are_unique_on_the_server(api: httpx.AsyncClient, other: httpx.AsyncClient) -> None:
    await made(api)
    second = await made(other, user_name="bobby2")

    for answer in (
        await other.post(PATH, json=REQUIRED),
        await other.patch(f"{PATH}/{second['id']}", json={"user_name": "alice1", "password": PASSWORD}),
    ):
        error = answer.json()["errors"][0]
        assert (answer.status_code, error["code"], error["source"]["pointer"]) == (422, "10012", "/user_name")


@pytest.mark.parametrize(
    ("members", "code", "pointer"),
    [
        ({"password": "short"}, "10025", "/password"),
        ({"password": "x" * 129}, "10025", "/password"),
        ({"call_cost_in_webhooks": True}, "10038", "/call_cost_in_webhooks"),
        ({"user_name": "bob"}, "10025", "/user_name"),
        ({"user_name": "alice.smith"}, "10015", "/user_name"),
        ({"encrypted_media": "SRTP"}, "10038", "/encrypted_media"),
        ({"webhook_api_version": "texml"}, "10038", "/webhook_api_version"),
        ({"webhook_api_version": "3"}, "10032", "/webhook_api_version"),
        ({"sip_uri_calling_preference": "x"}, "10032", "/sip_uri_calling_preference"),
    ],
)
async def test_wrong_members(
    api: httpx.AsyncClient, members: dict[str, object], code: str, pointer: str
) -> None:
    answer = await api.post(PATH, json={**REQUIRED, **members})

    (error,) = answer.json()["errors"]
    assert (answer.status_code, error["code"], error["source"]) == (422, code, {"pointer": pointer})
    assert "x" * 129 not in answer.text


async def test_registration_is_seen_and_expires(api: httpx.AsyncClient, house: House) -> None:
    path = f"{PATH}/{(await made(api))['id']}/actions/check_registration_status"
    now = house.clock.utc()

    never = (await api.post(path)).json()["data"]
    house.registrations["alice1"] = Registration(
        "192.0.2.9", 5060, "UDP", "phone/1", now, now + timedelta(seconds=60)
    )
    fresh = (await api.post(path)).json()["data"]
    house.clock.advance(60)
    stale = (await api.post(path)).json()["data"]

    assert [one["status"] for one in (never, fresh, stale)] == ["Not Registered", "Registered", "Expired"]
    assert (fresh["ip_address"], fresh["port"], fresh["transport"]) == ("192.0.2.9", 5060, "UDP")


async def test_all_kinds_are_listed_together(
    api: httpx.AsyncClient, other: httpx.AsyncClient, house: House
) -> None:
    await made(api)
    house.clock.advance(1)
    application = {"application_name": "desk app", "webhook_event_url": "https://a/b"}
    app_id = (await api.post("/call_control_applications", json=application)).json()["data"]["id"]
    await made(other, user_name="carol3")

    listed = (await api.get("/connections")).json()
    found = (await api.get("/connections?filter[connection_name][contains]=DESK&sort=-created_at")).json()[
        "data"
    ]

    assert [one["record_type"] for one in listed["data"]] == [
        "credential_connection",
        "call_control_application",
    ]
    assert listed["meta"]["total_results"] == 2
    assert [one["connection_name"] for one in found] == ["desk app", "desk phone"]
    assert (await api.get(f"/connections/{app_id}")).json()["data"] == found[0]
    assert (await other.get(f"/connections/{app_id}")).status_code == 404
    assert (await api.get("/connections?filter[fqdn]=a.example")).json()["data"] == []
    counts = (await api.get("/connections/count")).json()["data"]["counts"]
    assert (counts["call_control_applications"], counts["credential_connections"]) == (1, 1)


async def test_a_deleted_connection_is_gone(api: httpx.AsyncClient, other: httpx.AsyncClient) -> None:
    path = f"{PATH}/{(await made(api))['id']}"

    assert (await other.delete(path)).status_code == 404
    assert (await api.delete(path)).status_code == 200
    assert [(await api.get(path)).status_code, (await api.patch(path, json={})).status_code] == [404, 404]
    assert (await api.get(PATH)).json()["data"] == []
