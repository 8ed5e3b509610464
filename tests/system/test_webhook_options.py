"""Where a call's webhooks go and how: the options of spec webhooks §2, as an app asks for them."""

import asyncio
import base64
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
import telnyx
from aiohttp import web
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from ringline.testing import App, Phone

from .conftest import MakeShop, Shop

pytestmark = [pytest.mark.system, pytest.mark.asyncio(loop_scope="session")]


def state(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def paths(app: App, event_type: str) -> list[str]:
    """Where deliveries of this event arrived, in order."""
    return [urlsplit(one.path).path for one in app.inbox.received if one.type == event_type]


async def test_webhook_url_of_an_answer_takes_over(shop: Shop, phone: Phone) -> None:
    call = phone.dial(shop.sip)
    initiated = await shop.app.inbox.next("call.initiated")
    await shop.do(
        shop.client.calls.actions.answer,
        initiated.payload["call_control_id"],
        webhook_url=shop.app.url + "/hook/mine?x=1",
    )
    answered = await shop.app.inbox.next("call.answered")
    assert answered.path == "/hook/mine?x=1"
    assert answered.event["meta"] == {"attempt": 1, "delivered_to": shop.app.url + "/hook/mine?x=1"}
    call.hang_up()
    await shop.app.inbox.next("call.hangup")
    assert paths(shop.app, "call.initiated") == ["/hook"]
    assert paths(shop.app, "call.hangup") == ["/hook/mine"]


async def test_webhook_urls_by_event(shop: Shop, phone: Phone) -> None:
    phone.manner = "answer"
    await shop.dials(
        phone.uri,
        webhook_url=shop.app.url + "/hook/rest",
        webhook_urls={"call.answered": [shop.app.url + "/hook/a", shop.app.url + "/hook/b"]},
    )
    first = await shop.app.inbox.next("call.answered")
    second = await shop.app.inbox.next("call.answered")
    assert first.id == second.id
    assert sorted(paths(shop.app, "call.answered")) == ["/hook/a", "/hook/b"]
    (await phone.next_call()).hang_up()
    await shop.app.inbox.next("call.hangup")
    assert paths(shop.app, "call.hangup") == ["/hook/rest"]


async def test_webhooks_by_get_are_signed_over_their_query(shop: Shop, phone: Phone) -> None:
    shop.app.inbox.verify = None
    phone.manner = "answer"
    await shop.dials(
        phone.uri,
        webhook_url=shop.app.url + "/hook/get?mine=1",
        webhook_url_method="GET",
        client_state=state("a+b&c"),
    )
    (await phone.next_call()).hang_up()
    events = [
        one
        for kind in ("call.initiated", "call.answered", "call.hangup")
        for one in [await shop.app.inbox.next(kind)]
    ]
    key = await shop.do(shop.client.get, "/public_key", cast_to=dict[str, Any])
    public = Ed25519PublicKey.from_public_bytes(base64.b64decode(key["data"]["public"]))
    for one in events:
        query = urlsplit(one.path).query
        signed = f"{one.headers['telnyx-timestamp']}|{query}".encode()
        public.verify(base64.b64decode(one.headers["telnyx-signature-ed25519"]), signed)
        assert one.event["data"]["mine"] == "1"
        assert one.event["data"]["client_state"] == state("a+b&c")
        assert one.event["data"]["record_type"] == "event"


async def test_failed_deliveries_go_to_the_failover_at_once(make_shop: MakeShop, phone: Phone) -> None:
    async with App() as backup:
        shop = await make_shop(webhook_event_failover_url=backup.url + "/hook/backup")
        shop.app.inbox.status = lambda one: 404 if one.type == "call.initiated" else 200
        call = phone.dial(shop.sip)
        rescued = await backup.inbox.next("call.initiated")
        assert rescued.event["meta"]["attempt"] == 2
        assert rescued.event["meta"]["delivered_to"] == backup.url + "/hook/backup"
        assert rescued.id == (await shop.app.inbox.next("call.initiated")).id
        call.hang_up()
        await shop.app.inbox.next("call.hangup")
        assert backup.inbox.types == ["call.initiated"]
        assert shop.app.inbox.types == ["call.initiated", "call.hangup"]


async def test_a_refusal_is_final_and_a_fault_is_tried_again(shop: Shop, phone: Phone) -> None:
    answers = {"call.initiated": iter([500, 429, 200]), "call.hangup": iter([400])}
    shop.app.inbox.status = lambda one: next(answers[one.type], 200)
    phone.manner = "refuse"
    await shop.dials(phone.uri, webhook_retries_policies={"call.initiated": {"retries_ms": [30, 60]}})
    await shop.app.inbox.until(lambda: shop.app.inbox.types.count("call.initiated") == 3, "three attempts")
    attempts = [one for one in shop.app.inbox.received if one.type == "call.initiated"]
    assert [one.event["meta"]["attempt"] for one in attempts] == [1, 2, 3]
    assert len({one.id for one in attempts}) == 1
    assert len({one.headers["telnyx-signature-ed25519"] for one in attempts}) == 3
    await shop.app.inbox.next("call.hangup")
    failed = await delivery(shop, "call.hangup", "failed")
    assert [one["http"]["response"]["status"] for one in failed["attempts"]] == [400]


async def test_redirects_are_followed_with_their_body_three_times(shop: Shop, phone: Phone) -> None:
    async def hop(request: web.Request) -> web.Response:
        left = int(request.match_info["left"])
        where = f"/hop/{left - 1}" if left > 1 else shop.app.url + "/hook/there"
        return web.Response(status=(301, 302, 303, 307)[left % 4], headers={"location": where})

    async with Serving(hop, "/hop/{left}") as url:
        phone.manner = "refuse"
        await shop.dials(phone.uri, webhook_url=f"{url}/hop/3")
        there = await shop.app.inbox.next("call.initiated")
        assert there.event["meta"]["delivered_to"] == f"{url}/hop/3"
        await shop.dials(
            phone.uri,
            webhook_urls={"call.initiated": f"{url}/hop/4"},
            webhook_retries_policies={"call.initiated": {"retries_ms": []}},
        )
        await shop.app.inbox.next("call.hangup")
        await shop.app.inbox.next("call.hangup")
        await delivery(shop, "call.initiated", "failed")
        assert paths(shop.app, "call.initiated") == ["/hook/there"]


async def test_a_slow_app_delays_the_next_event_only_so_long(make_shop: MakeShop, phone: Phone) -> None:
    release = asyncio.Event()
    seen: list[str] = []

    async def slow(request: web.Request) -> web.Response:
        event = (await request.json())["data"]["event_type"]
        seen.append(event)
        if event == "call.initiated":
            await release.wait()
        return web.Response()

    async with Serving(slow, "/slow") as url:
        shop = await make_shop(webhook_timeout_secs=10)
        phone.manner = "answer"
        await shop.dials(phone.uri, webhook_urls={"call.initiated": f"{url}/slow"})
        await shop.app.inbox.next("call.answered")
        assert seen == ["call.initiated"]
        release.set()


async def test_a_webhook_that_times_out_is_tried_again(make_shop: MakeShop, phone: Phone) -> None:
    asked = asyncio.Queue[int]()
    hang = asyncio.Event()

    async def silent(request: web.Request) -> web.Response:
        asked.put_nowait((await request.json())["meta"]["attempt"])
        await hang.wait()
        return web.Response()

    async with Serving(silent, "/silent") as url:
        shop = await make_shop(webhook_timeout_secs=1)
        phone.manner = "refuse"
        await shop.dials(
            phone.uri,
            webhook_urls={"call.initiated": f"{url}/silent"},
            webhook_retries_policies={"call.initiated": {"retries_ms": [1]}},
        )
        async with asyncio.timeout(8):
            assert [await asked.get(), await asked.get()] == [1, 2]
        hang.set()


async def test_client_state_is_echoed_until_it_is_replaced(shop: Shop, phone: Phone) -> None:
    call = phone.dial(shop.sip)
    initiated = await shop.app.inbox.next("call.initiated")
    call_id = initiated.payload["call_control_id"]
    actions = shop.client.calls.actions
    assert initiated.payload["client_state"] is None
    await shop.do(actions.answer, call_id, client_state=state("one"))
    assert (await shop.app.inbox.next("call.answered")).payload["client_state"] == state("one")
    call.press("1")
    assert (await shop.app.inbox.next("call.dtmf.received")).payload["client_state"] == state("one")
    await shop.do(actions.update_client_state, call_id, client_state=state("two"))
    call.press("2")
    assert (await shop.app.inbox.next("call.dtmf.received")).payload["client_state"] == state("two")
    with pytest.raises(telnyx.UnprocessableEntityError, match="90017"):
        await shop.do(actions.update_client_state, call_id, client_state="not base64!")
    with pytest.raises(telnyx.UnprocessableEntityError, match="10015"):
        await shop.do(actions.answer, call_id, client_state=state("refused"))
    status = await shop.do(shop.client.calls.retrieve_status, call_id)
    assert status.data is not None
    assert status.data.client_state == state("two")
    await shop.do(actions.hangup, call_id, client_state="")
    assert not (await shop.app.inbox.next("call.hangup")).payload["client_state"]


async def test_a_command_id_repeats_to_no_effect_unless_it_was_refused(shop: Shop, phone: Phone) -> None:
    call = phone.dial(shop.sip)
    initiated = await shop.app.inbox.next("call.initiated")
    call_id = initiated.payload["call_control_id"]
    actions = shop.client.calls.actions
    with pytest.raises(telnyx.UnprocessableEntityError, match="90034"):
        await shop.do(actions.send_dtmf, call_id, digits="5", command_id="digits")
    await shop.do(actions.answer, call_id, command_id="answer")
    await shop.do(actions.answer, call_id, command_id="answer")
    await call.answered()
    await shop.app.inbox.next("call.answered")
    for _ in range(3):
        await shop.do(actions.send_dtmf, call_id, digits="5", command_id="digits")
    await shop.do(actions.send_dtmf, call_id, digits="6", command_id="more")
    await call.until(lambda: call.digits.endswith("6"), "the last digit")
    assert call.digits == "56"


async def delivery(shop: Shop, event_type: str, status: str) -> dict[str, Any]:
    """This shop's delivery of the event, once it has that status."""
    headers = {"authorization": f"Bearer {shop.server.api_key}"}
    wanted = {"filter[status][eq]": status, "filter[event_type]": event_type, "page[size]": "250"}
    async with asyncio.timeout(8), httpx.AsyncClient(headers=headers) as client:
        while True:
            page = await client.get(f"{shop.server.url}/webhook_deliveries", params=wanted)
            for one in page.json()["data"]:
                if one["webhook"]["payload"]["connection_id"] == shop.connection_id:
                    found: dict[str, Any] = one
                    return found
            await asyncio.sleep(0.05)


class Serving:
    """An HTTP server on loopback with one handler, while the block runs."""

    def __init__(self, handler: Callable[[web.Request], Awaitable[web.Response]], path: str) -> None:
        self._app = web.Application()
        self._app.router.add_route("*", path, handler)
        self._runner = web.AppRunner(self._app, shutdown_timeout=0.1)

    async def __aenter__(self) -> str:
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        return f"http://127.0.0.1:{self._runner.addresses[0][1]}"

    async def __aexit__(self, *_error: object) -> None:
        await self._runner.cleanup()
