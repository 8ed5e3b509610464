"""What happened to calls, over HTTP (spec voice-api §4)."""

from dataclasses import replace

import httpx
import pytest

from ringline.core.ids import Ids
from ringline.store import legs
from ringline.timeline import log
from ringline.timeline.entries import CommandReceived, Entry
from tests.api.house import House
from tests.api.seeds import one_call, one_delivery

pytestmark = pytest.mark.unit


@pytest.fixture
async def app_id(api: httpx.AsyncClient) -> str:
    """An application."""
    body = {
        "application_name": "reception",
        "webhook_event_url": "https://a/b",
        "outbound": {"outbound_voice_profile_id": "7"},
    }
    return str((await api.post("/call_control_applications", json=body)).json()["data"]["id"])


@pytest.fixture
async def leg(house: House, app_id: str) -> legs.Leg:
    """A call that got a command and told of it."""
    made = await one_call(house, app_id)
    found = await house.store.read(legs.find_leg, house.account_id, made["call"])
    assert found is not None
    return found


async def events(api: httpx.AsyncClient, query: str = "") -> list[dict[str, object]]:
    answer = await api.get(f"/call_events?{query}")
    assert answer.status_code == 200, answer.text
    found: list[dict[str, object]] = answer.json()["data"]
    return found


async def test_commands_and_webhooks_are_told(api: httpx.AsyncClient, house: House, leg: legs.Leg) -> None:
    webhook, command = await events(api)

    ids = {"call_leg_id": leg.leg_id, "call_session_id": leg.session_id, "record_type": "call_event"}
    stamp = "2030-01-01T00:00:00.000000Z"
    assert command == {
        **ids,
        "event_timestamp": stamp,
        "name": "answer",
        "type": "command",
        "metadata": {"command_id": None, "body": {}},
    }
    metadata = webhook.pop("metadata")
    assert webhook == {**ids, "event_timestamp": stamp, "name": "call.answered", "type": "webhook"}
    assert isinstance(metadata, dict)
    assert (metadata["attempt"], metadata["status"]) == (1, "delivered")
    assert metadata["event"]["payload"] == {"call_control_id": leg.call_control_id}


async def test_they_are_filtered(api: httpx.AsyncClient, house: House, leg: legs.Leg, app_id: str) -> None:
    ids = Ids.seeded(9)
    house.clock.advance(60)
    await one_delivery(house, leg, ids, error="HTTP status 500")
    now = house.clock.utc()
    ended = replace(
        leg,
        call_control_id="v3:ended",
        leg_id=ids.uuid(),
        session_id=ids.uuid(),
        connection_id="18",
        from_="+13125550177",
        alive=False,
    )
    await house.store.tx(legs.add_leg, ended)
    await house.store.tx(
        log.append, [Entry(1, 0, now, ended.leg_id, ended.session_id, CommandReceived("hangup", None, "{}"))]
    )

    async def count(query: str) -> int:
        return len(await events(api, query))

    assert await count("") == 4
    assert await count(f"filter[leg_id]={leg.leg_id}") == 3
    assert await count(f"filter[application_session_id]={ended.session_id}") == 1
    assert await count(f"filter[connection_id]={app_id}") == 3
    assert await count("filter[type]=command") == 2
    assert await count("filter[type]=webhook") == 2
    assert await count("filter[failed]=true") == 1
    assert await count("filter[failed]=false") == 3
    assert await count("filter[name]=hangup") == 1
    assert await count("filter[name]=call.answered") == 2
    assert await count("filter[from]=%2B13125550177") == 1
    assert await count("filter[to]=nobody") == 0
    assert await count("filter[status]=completed") == 1
    assert await count("filter[status]=in_progress") == 3
    assert await count("filter[status]=init") == 0
    assert await count("filter[product]=fax") == 0
    assert await count("filter[application_name][contains]=recep") == 3
    assert await count("filter[outbound.outbound_voice_profile_id]=7") == 3
    assert await count("filter[occurred_at][gte]=2030-01-01T00:01:00Z") == 2
    assert await count("filter[occurred_at][gt]=2030-01-01T00:01:00Z") == 0
    assert await count("filter[occurred_at][lt]=2030-01-01T00:01:00Z") == 2
    assert await count("filter[occurred_at][eq]=2030-01-01T00:01:00Z") == 2
    assert await count("filter[occurred_at][lte]=2030-01-01T00:01:00Z&page[size]=3") == 3


async def test_the_last_day_is_shown_unless_more_is_asked_for(
    api: httpx.AsyncClient, house: House, leg: legs.Leg
) -> None:
    house.clock.advance(24 * 3600)

    assert await events(api) == []
    assert await events(api, "filter[type]=command") == []
    assert len(await events(api, f"filter[leg_id]={leg.leg_id}")) == 2
    for asked in ("gte", "gt"):
        assert len(await events(api, f"filter[occurred_at][{asked}]=2029-12-31")) == 2
    for asked in ("lt", "lte"):
        assert len(await events(api, f"filter[occurred_at][{asked}]=2030-01-02")) == 2


async def test_nobody_sees_the_events_of_others(
    other: httpx.AsyncClient, leg: legs.Leg, api: httpx.AsyncClient
) -> None:
    (delivery,) = (await api.get("/webhook_deliveries")).json()["data"]

    assert await events(other) == []
    assert await events(other, f"filter[leg_id]={leg.leg_id}") == []
    assert (await other.get("/webhook_deliveries")).json()["data"] == []
    assert (await other.get(f"/webhook_deliveries/{delivery['id']}")).status_code == 404
    assert (await other.post(f"/webhook_deliveries/{delivery['id']}/actions/redeliver")).status_code == 404


async def test_deliveries_show_their_attempts(api: httpx.AsyncClient, house: House, leg: legs.Leg) -> None:
    await one_delivery(house, leg, Ids.seeded(9), error="HTTP status 500")

    failed, delivered = (await api.get("/webhook_deliveries")).json()["data"]

    assert (failed["status"], delivered["status"]) == ("failed", "delivered")
    (attempt,) = failed["attempts"]
    assert attempt["http"]["response"] == {"status": 500, "body": "thanks"}
    assert (attempt["error"], attempt["errors"]) == ("HTTP status 500", [10015])
    assert delivered["webhook"]["event_type"] == "call.answered"
    assert (await api.get(f"/webhook_deliveries/{failed['id']}")).json()["data"] == failed
    for query, count in (
        ("filter[status][eq]=failed", 1),
        ("filter[status]=delivered", 1),
        ("filter[event_type]=call.answered", 2),
        ("filter[event_type]=call.hangup", 0),
        ("filter[webhook][contains]=call.answ", 2),
        ("filter[attempts][contains]=HTTP status", 1),
        ("filter[started_at][gte]=2031-01-01", 0),
        ("filter[finished_at][lte]=2031-01-01", 2),
    ):
        assert len((await api.get(f"/webhook_deliveries?{query}")).json()["data"]) == count, query


async def test_a_delivery_can_be_sent_again(api: httpx.AsyncClient, leg: legs.Leg) -> None:
    (delivery,) = (await api.get("/webhook_deliveries")).json()["data"]
    path = f"/webhook_deliveries/{delivery['id']}"

    again = await api.post(f"{path}/actions/redeliver")
    waiting = (await api.get(path)).json()["data"]
    twice = await api.post(f"{path}/actions/redeliver")

    assert again.json() == {"data": {"result": "ok", "deliveries": 1}}
    assert (waiting["status"], len(waiting["attempts"])) == (None, 1)
    assert (twice.status_code, twice.json()["errors"][0]["code"]) == (422, "10036")


async def test_status_of_a_call(api: httpx.AsyncClient, house: House, leg: legs.Leg) -> None:
    alive = (await api.get(f"/calls/{leg.call_control_id}")).json()["data"]
    active = (await api.get(f"/connections/{leg.connection_id}/active_calls")).json()

    assert (alive["is_alive"], alive["call_leg_id"]) == (True, leg.leg_id)
    assert active["data"] == [
        {
            "record_type": "call",
            "call_control_id": leg.call_control_id,
            "call_leg_id": leg.leg_id,
            "call_session_id": leg.session_id,
            "client_state": "",
            "call_duration": 0,
        }
    ]
    assert active["meta"]["total_results"] == 1
    assert (await api.get(f"/connections/{leg.connection_id}/active_calls?page[number]=2")).json()[
        "data"
    ] == []
