"""Numbers over HTTP (spec voice-api §6.2)."""

import httpx
import pytest

from ringline.store import numbers
from tests.api.house import House

pytestmark = pytest.mark.unit


async def ordered(api: httpx.AsyncClient, *wanted: str, **members: object) -> list[str]:
    """Order numbers; returns their ids."""
    body = {"phone_numbers": [{"phone_number": number} for number in wanted], **members}
    answer = await api.post("/number_orders", json=body)
    assert answer.status_code == 200, answer.text
    return [one["id"] for one in answer.json()["data"]["phone_numbers"]]


async def application(api: httpx.AsyncClient, name: str = "reception") -> str:
    body = {"application_name": name, "webhook_event_url": "https://a/b"}
    return str((await api.post("/call_control_applications", json=body)).json()["data"]["id"])


async def listed(api: httpx.AsyncClient, query: str) -> list[str]:
    return [one["phone_number"] for one in (await api.get(f"/phone_numbers?{query}")).json()["data"]]


async def test_an_order_is_complete_at_once(api: httpx.AsyncClient, house: House) -> None:
    app = await application(api)
    body = {
        "phone_numbers": [{"phone_number": "+13125550123"}, {"phone_number": "+442079460123"}],
        "connection_id": app,
        "customer_reference": "ref",
    }

    order = (await api.post("/number_orders", json=body)).json()["data"]

    assert (order["status"], order["phone_numbers_count"], order["requirements_met"]) == ("success", 2, True)
    assert [one["country_code"] for one in order["phone_numbers"]] == ["US", "GB"]
    number = (await api.get(f"/phone_numbers/{order['phone_numbers'][0]['id']}")).json()["data"]
    assert (number["connection_id"], number["connection_name"]) == (app, "reception")
    assert (number["status"], number["customer_reference"]) == ("active", "ref")
    assert (await api.get(f"/number_orders/{order['id']}")).json()["data"] == order
    assert house.route_changes == 2  # the application, the numbers


async def test_a_number_can_be_had_once(api: httpx.AsyncClient, other: httpx.AsyncClient) -> None:
    (number_id,) = await ordered(api, "+13125550123")

    for body in (
        {"phone_numbers": [{"phone_number": "+13125550124"}, {"phone_number": "+13125550123"}]},
        {"phone_numbers": [{"phone_number": "+13125550125"}, {"phone_number": "+13125550125"}]},
    ):
        answer = await other.post("/number_orders", json=body)
        assert (answer.status_code, answer.json()["errors"][0]["code"]) == (422, "10012")
    assert await listed(other, "") == []  # all of an order or nothing

    assert (await api.delete(f"/phone_numbers/{number_id}")).status_code == 200
    await ordered(other, "+13125550123")


@pytest.mark.parametrize(
    ("body", "code", "pointer"),
    [
        ({}, "10004", "/phone_numbers"),
        ({"phone_numbers": []}, "10033", "/phone_numbers"),
        ({"phone_numbers": [{"phone_number": "13125550123"}]}, "10016", "/phone_numbers/0/phone_number"),
        ({"phone_numbers": [{}]}, "10004", "/phone_numbers/0/phone_number"),
        (
            {"phone_numbers": [{"phone_number": "+13125550123"}], "connection_id": "1"},
            "10017",
            "/connection_id",
        ),
    ],
)
async def test_wrong_orders(api: httpx.AsyncClient, body: dict[str, object], code: str, pointer: str) -> None:
    answer = await api.post("/number_orders", json=body)

    (error,) = answer.json()["errors"]
    assert (answer.status_code, error["code"], error["source"]) == (422, code, {"pointer": pointer})


async def test_calls_are_routed_by_the_connection(
    api: httpx.AsyncClient, other: httpx.AsyncClient, house: House
) -> None:
    app, foreign = await application(api), await application(other)
    (number_id,) = await ordered(api, "+13125550123")
    path = f"/phone_numbers/{number_id}"

    given = (await api.patch(path, json={"connection_id": app, "tags": ["vip"]})).json()["data"]
    refused = await api.patch(path, json={"connection_id": foreign})
    kept = await house.store.read(numbers.everything)
    taken = (await api.patch(path, json={"connection_id": ""})).json()["data"]

    assert (given["connection_id"], given["tags"]) == (app, ["vip"])
    assert refused.json()["errors"][0]["code"] == "10017"
    assert [(one.phone_number, one.connection_id) for one in kept] == [("+13125550123", app)]
    assert (taken["connection_id"], taken["tags"]) == (None, ["vip"])


async def test_a_deleted_application_leaves_its_numbers(api: httpx.AsyncClient) -> None:
    app = await application(api)
    (number_id,) = await ordered(api, "+13125550123", connection_id=app)

    await api.delete(f"/call_control_applications/{app}")

    assert (await api.get(f"/phone_numbers/{number_id}")).json()["data"]["connection_id"] is None


async def test_lists_are_filtered(api: httpx.AsyncClient, other: httpx.AsyncClient, house: House) -> None:
    app = await application(api, "front desk")
    us = (await ordered(api, "+13125550123", connection_id=app, customer_reference='a "b"'))[0]
    house.clock.advance(1)
    await ordered(api, "+14165550123", "+491511234567")
    await ordered(other, "+13125550999")
    await api.patch(f"/phone_numbers/{us}", json={"tags": ["vip", "x"]})
    every = ["+13125550123", "+14165550123", "+491511234567"]

    assert await listed(api, "sort=phone_number") == every
    assert await listed(api, "sort=-phone_number&page[size]=2") == every[:0:-1]
    for query in (
        "filter[country_iso_alpha2]=US",
        "filter[phone_number]=3125550",
        "filter[phone_number]=%2B1312",
        f"filter[connection_id]={app}",
        "filter[voice.connection_name]=front%20desk",
        "filter[voice.connection_name][contains]=ont",
        "filter[voice.connection_name][starts_with]=FRONT",
        "filter[voice.connection_name][ends_with]=desk",
        "filter[tag]=vip",
        "filter[without_tags]=false",
        'filter[customer_reference]=a "b"',
    ):
        assert await listed(api, query) == every[:1], query
    assert await listed(api, "filter[country_iso_alpha2]=ca,DE&sort=phone_number") == every[1:]
    assert await listed(api, "filter[without_tags]=true&sort=phone_number") == every[1:]
    for query in (
        "filter[source]=ported", "filter[number_type][eq]=mobile", "filter[status]=deleted", "filter[tag]=vi",
        "filter[country_iso_alpha2]=FR", "filter[voice.usage_payment_method]=channel",
    ):  # fmt: skip
        assert await listed(api, query) == [], query
    slim = (await api.get("/phone_numbers/slim?filter[tag]=vip")).json()["data"]
    assert [one["phone_number"] for one in slim] == every[:1]
    assert "tags" not in slim[0]


async def test_numbers_belong_to_their_account(api: httpx.AsyncClient, other: httpx.AsyncClient) -> None:
    (number_id,) = await ordered(api, "+13125550123")
    path = f"/phone_numbers/{number_id}"

    assert (await other.get(path)).status_code == 404
    assert (await other.patch(path, json={"tags": []})).status_code == 404
    assert (await other.delete(path)).status_code == 404
    assert (await other.get(f"{path}/voice")).status_code == 404
    assert (await api.get("/phone_numbers/%2B13125550123")).json()["data"]["id"] == number_id


async def test_voice_settings_are_kept_member_by_member(api: httpx.AsyncClient) -> None:
    (number_id,) = await ordered(api, "+13125550123", connection_id=await application(api, "front desk"))
    path = f"/phone_numbers/{number_id}/voice"

    before = (await api.get(path)).json()["data"]
    await api.patch(path, json={"call_recording": {"inbound_call_recording_channels": "dual"}})
    await api.patch(
        path, json={"call_recording": {"inbound_call_recording_format": "mp3"}, "tech_prefix_enabled": True}
    )
    after = (await api.get(path)).json()["data"]

    assert before["call_recording"]["inbound_call_recording_channels"] == "single"
    assert after["call_recording"] == {
        "inbound_call_recording_enabled": False,
        "inbound_call_recording_channels": "dual",
        "inbound_call_recording_format": "mp3",
    }
    assert after["tech_prefix_enabled"] is True
    named = (await api.get("/phone_numbers/voice?filter[connection_name][contains]=front")).json()["data"]
    assert named == [after]
    assert (await api.get("/phone_numbers/voice?filter[connection_name][contains]=back")).json()["data"] == []


@pytest.mark.parametrize(
    ("group", "switch"),
    [
        ("call_forwarding", "call_forwarding_enabled"),
        ("call_recording", "inbound_call_recording_enabled"),
    ],
)
async def test_what_only_an_application_does_cannot_be_switched_on(
    api: httpx.AsyncClient, group: str, switch: str
) -> None:
    (number_id,) = await ordered(api, "+13125550123")
    path = f"/phone_numbers/{number_id}/voice"
    refused = await api.patch(path, json={group: {switch: True}})
    [error] = refused.json()["errors"]
    assert (refused.status_code, error["code"], error["source"]) == (
        422,
        "10038",
        {"pointer": f"/{group}/{switch}"},
    )
    assert (await api.patch(path, json={group: {switch: False}})).json()["data"][group][switch] is False


async def test_orders_are_listed_and_referred_to(api: httpx.AsyncClient, house: House) -> None:
    await ordered(api, "+13125550123", customer_reference="one")
    house.clock.advance(10)
    await ordered(api, "+13125550124", "+13125550125")
    middle = "2030-01-01T00:00:05Z"

    async def counts(query: str) -> list[int]:
        found = (await api.get(f"/number_orders?{query}")).json()["data"]
        return [order["phone_numbers_count"] for order in found]

    assert await counts("") == [2, 1]
    assert await counts(f"filter[created_at][lt]={middle}") == [1]
    assert await counts(f"filter[created_at][gt]={middle}") == [2]
    assert await counts("filter[phone_numbers_count]=2") == [2]
    assert await counts("filter[customer_reference]=one") == [1]
    assert await counts("filter[status]=failure") == []
    assert await counts("filter[requirements_met]=false") == []
    order_id = (await api.get("/number_orders")).json()["data"][0]["id"]
    changed = await api.patch(f"/number_orders/{order_id}", json={"customer_reference": "two"})
    assert changed.json()["data"]["customer_reference"] == "two"
    assert (await api.patch(f"/number_orders/{order_id}", json={})).json()["data"][
        "customer_reference"
    ] == "two"
    assert (await api.get("/number_orders/none")).status_code == 404


async def test_what_is_offered_can_be_ordered_and_is_offered_no_more(api: httpx.AsyncClient) -> None:
    query = "/available_phone_numbers?filter[national_destination_code]=312&filter[limit]=2"

    first = (await api.get(query)).json()
    offered = [one["phone_number"] for one in first["data"]]
    await ordered(api, *offered)
    second = [one["phone_number"] for one in (await api.get(query)).json()["data"]]

    assert offered == ["+13125550100", "+13125550101"]
    assert second == ["+13125550102", "+13125550103"]
    assert first["meta"] == first["metadata"] == {"best_effort_results": 0, "total_results": 2}
    assert (await api.get("/available_phone_numbers?filter[features]=sms")).json()["data"] == []
    assert (await api.get("/available_phone_numbers?filter[phone_number_type]=mobile")).json()["data"] == []
