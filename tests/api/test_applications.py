"""Call control applications over HTTP (spec voice-api §6.1)."""

import httpx
import pytest

from tests.api.house import House

pytestmark = pytest.mark.unit

PATH = "/call_control_applications"
REQUIRED = {"application_name": "reception", "webhook_event_url": "https://app.example/hooks"}


async def made(api: httpx.AsyncClient, **members: object) -> dict[str, object]:
    answer = await api.post(PATH, json={**REQUIRED, **members})
    assert answer.status_code == 201, answer.text
    data: dict[str, object] = answer.json()["data"]
    return data


async def test_a_new_application_has_the_documented_defaults(api: httpx.AsyncClient, house: House) -> None:
    data = await made(api)

    assert data["id"].isdecimal()  # type: ignore[attr-defined]  # JSON
    stamps = house.clock.utc().strftime("%Y-%m-%dT%H:%M:%SZ")
    assert {name: value for name, value in data.items() if name != "id"} == {
        "record_type": "call_control_application",
        **REQUIRED,
        "active": True,
        "anchorsite_override": "Latency",
        "dtmf_type": "RFC 2833",
        "first_command_timeout": False,
        "first_command_timeout_secs": 30,
        "inbound": {
            "channel_limit": None,
            "shaken_stir_enabled": False,
            "sip_subdomain": None,
            "sip_subdomain_receive_settings": "from_anyone",
        },
        "outbound": {"channel_limit": None, "outbound_voice_profile_id": None},
        "webhook_api_version": "2",
        "webhook_event_failover_url": "",
        "webhook_timeout_secs": None,
        "call_cost_in_webhooks": False,
        "redact_dtmf_debug_logging": False,
        "tags": [],
        "created_at": stamps,
        "updated_at": stamps,
    }
    assert house.route_changes == 1


async def test_an_update_changes_what_is_given_and_nothing_else(api: httpx.AsyncClient, house: House) -> None:
    before = await made(
        api, tags=["a"], inbound={"channel_limit": 3, "sip_subdomain": "Desk"}, webhook_timeout_secs=9
    )
    house.clock.advance(60)

    answer = await api.patch(
        f"{PATH}/{before['id']}",
        json={**REQUIRED, "active": False, "inbound": {"channel_limit": None}, "webhook_timeout_secs": None},
    )

    after = answer.json()["data"]
    assert after["inbound"] == before["inbound"] | {"channel_limit": None}  # type: ignore[operator]  # JSON
    assert after["inbound"]["sip_subdomain"] == "desk"
    assert after["updated_at"] > after["created_at"] == before["created_at"]
    unchanged = after.keys() - {"active", "inbound", "updated_at", "webhook_timeout_secs"}
    assert {name: after[name] for name in unchanged} == {name: before[name] for name in unchanged}
    assert (after["active"], after["webhook_timeout_secs"]) == (False, None)
    assert (await api.get(f"{PATH}/{before['id']}")).json()["data"] == after


async def test_an_update_needs_the_two_required_members_again(api: httpx.AsyncClient) -> None:
    data = await made(api)

    answer = await api.patch(f"{PATH}/{data['id']}", json={"active": False})

    assert answer.status_code == 422
    assert [(one["code"], one["source"]) for one in answer.json()["errors"]] == [
        ("10004", {"pointer": "/application_name"}),
        ("10004", {"pointer": "/webhook_event_url"}),
    ]


async def test_a_deleted_application_is_shown_once_more_and_gone(api: httpx.AsyncClient) -> None:
    data = await made(api)

    assert (await api.delete(f"{PATH}/{data['id']}")).json()["data"] == data
    for answer in (await api.get(f"{PATH}/{data['id']}"), await api.delete(f"{PATH}/{data['id']}")):
        assert (answer.status_code, answer.json()["errors"][0]["code"]) == (404, "10005")


async def test_accounts_do_not_see_each_other(api: httpx.AsyncClient, other: httpx.AsyncClient) -> None:
    data = await made(api)
    path = f"{PATH}/{data['id']}"

    assert (await other.get(path)).status_code == 404
    assert (await other.patch(path, json=REQUIRED)).status_code == 404
    assert (await other.delete(path)).status_code == 404
    assert (await other.get(PATH)).json()["data"] == []
    assert (await api.get(path)).status_code == 200


async def test_a_subdomain_belongs_to_one_application_of_the_server(
    api: httpx.AsyncClient, other: httpx.AsyncClient
) -> None:
    await made(api, inbound={"sip_subdomain": "desk"})

    answer = await other.post(PATH, json={**REQUIRED, "inbound": {"sip_subdomain": "DESK"}})

    error = answer.json()["errors"][0]
    assert (answer.status_code, error["code"], error["source"]) == (
        422, "10012", {"pointer": "/inbound/sip_subdomain"},
    )  # fmt: skip


async def test_lists_are_filtered_sorted_and_paged(api: httpx.AsyncClient, house: House) -> None:
    for name, profile in (("alpha one", "7"), ("beta", "77"), ("alpha two", "7")):
        await made(api, application_name=name, outbound={"outbound_voice_profile_id": profile})
        house.clock.advance(1)

    async def names(query: str) -> list[str]:
        return [one["application_name"] for one in (await api.get(f"{PATH}?{query}")).json()["data"]]

    assert await names("") == ["alpha one", "beta", "alpha two"]
    assert await names("filter[application_name][contains]=ALPHA&sort=-created_at") == [
        "alpha two",
        "alpha one",
    ]
    assert await names("filter%5Boutbound.outbound_voice_profile_id%5D=7&sort=-connection_name") == [
        "alpha two", "alpha one",
    ]  # fmt: skip
    second = (await api.get(PATH, params={"page[number]": 2, "page[size]": 2})).json()
    assert [one["application_name"] for one in second["data"]] == ["alpha two"]
    assert second["meta"] == {"page_number": 2, "page_size": 2, "total_pages": 2, "total_results": 3}


@pytest.mark.parametrize(
    ("query", "code", "parameter"),
    [
        ("filter[colour]=red", "10031", "filter[colour]"),
        ("filter[application_name][contains]=ab", "10025", "filter[application_name][contains]"),
        ("filter[application_name]=abc", "10031", "filter[application_name]"),
        ("page[size]=251", "10033", "page[size]"),
        ("page[number]=0", "10033", "page[number]"),
        ("page%5Bnumber%5D=x", "10026", "page[number]"),
        ("sort=colour", "10018", "sort"),
        ("filter[product]=pigeon", "10032", "filter[product]"),
    ],
)
async def test_wrong_queries_are_named(api: httpx.AsyncClient, query: str, code: str, parameter: str) -> None:
    answer = await api.get(f"{PATH}?{query}")

    error = answer.json()["errors"][0]
    assert (answer.status_code, error["code"], error["source"]) == (422, code, {"parameter": parameter})


@pytest.mark.parametrize(
    ("members", "code", "pointer"),
    [
        ({"webhook_event_url": "app.example"}, "10003", "/webhook_event_url"),
        ({"webhook_event_url": "ftp://app.example"}, "10003", "/webhook_event_url"),
        ({"webhook_event_url": "https://x/" + "y" * 2000}, "10003", "/webhook_event_url"),
        ({"webhook_timeout_secs": 31}, "10033", "/webhook_timeout_secs"),
        ({"dtmf_type": "smoke"}, "10032", "/dtmf_type"),
        ({"inbound": {"channel_limit": -1}}, "10033", "/inbound/channel_limit"),
        ({"inbound": {"sip_subdomain": "a.b"}}, "10015", "/inbound/sip_subdomain"),
        ({"inbound": 5}, "10026", "/inbound"),
        ({"active": "perhaps"}, "10026", "/active"),
        ({"call_cost_in_webhooks": True}, "10038", "/call_cost_in_webhooks"),
        ({"application_name": ""}, "10025", "/application_name"),
    ],
)
async def test_wrong_members_are_named(
    api: httpx.AsyncClient, members: dict[str, object], code: str, pointer: str
) -> None:
    answer = await api.post(PATH, json={**REQUIRED, **members})

    error = answer.json()["errors"][0]
    assert (answer.status_code, error["code"], error["source"]) == (422, code, {"pointer": pointer})
