"""Exactly so many calls and no more, however they come: by phone, by API, one by one or all at once."""

from collections import Counter
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
import telnyx

from ringline.testing import Phone, Server

from . import rawsip
from .conftest import MakeShop, Shop

pytestmark = [pytest.mark.system, pytest.mark.asyncio(loop_scope="session")]

LIMIT = 3


@pytest_asyncio.fixture(
    scope="module",
    loop_scope="session",
    params=[{"calls.limit": LIMIT}, {"media.ports": "19001-19008"}],
    ids=["calls.limit", "pairs of ports"],
)
async def server(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Server]:
    """A server with few places."""
    async with Server(tmp_path_factory.mktemp("few"), settings=request.param) as running:
        yield running


async def test_the_call_over_the_limit_is_told_to_come_back(shop: Shop, phone: Phone) -> None:
    standing = []
    for _ in range(LIMIT):  # one after the other: webhooks of different calls have no order
        standing.append(phone.dial(shop.sip))
        await shop.takes(standing[-1])
    refused = await phone.dial(shop.sip).ended()
    assert refused.status == 503
    assert any(one.name == "Retry-After" and int(one.value) > 0 for one in refused.end_headers)
    with pytest.raises(telnyx.InternalServerError, match="10037") as full:
        await shop.dials(phone.uri)
    assert full.value.status_code == 503
    assert int(full.value.response.headers["retry-after"]) > 0
    call_id = shop.app.inbox.received[0].payload["call_control_id"]
    with pytest.raises(telnyx.InternalServerError, match="10037"):
        await shop.do(shop.client.calls.actions.transfer, call_id, to=phone.uri)
    standing[0].hang_up()
    await shop.app.inbox.next("call.hangup")
    await shop.takes(phone.dial(shop.sip))


async def test_invites_in_one_segment_take_the_places_there_are(shop: Shop) -> None:
    async with rawsip.tcp(shop.server.sip) as wire:
        call_ids = [f"burst{number}" for number in range(LIMIT + 4)]
        wire.send(
            b"".join(
                rawsip.request("INVITE", shop.sip, transport="TCP", call_id=one, body=rawsip.offer())
                for one in call_ids
            )
        )
        answers = [await wire.answer(one, least=180) for one in call_ids]
    statuses = Counter(map(rawsip.status_of, answers))
    assert statuses == {180: LIMIT, 503: 4}
    for answer in answers:
        assert bool(rawsip.header(answer, "Retry-After")) is (rawsip.status_of(answer) == 503)
    for _ in range(LIMIT):
        event = await shop.app.inbox.next("call.initiated")
        await shop.do(shop.client.calls.actions.hangup, event.payload["call_control_id"])
        await shop.app.inbox.next("call.hangup")
    assert shop.app.inbox.types.count("call.initiated") == LIMIT


async def test_a_list_of_targets_has_places_for_all_or_for_none(shop: Shop, phone: Phone) -> None:
    phone.manner = "ring"
    standing = await shop.dials(phone.uri)
    with pytest.raises(telnyx.InternalServerError, match="10037"):
        await shop.do(
            shop.client.calls.dial,
            connection_id=shop.connection_id,
            from_=shop.number,
            to=[phone.uri] * LIMIT,
        )
    assert len(phone.calls) <= 1
    await shop.do(shop.client.calls.actions.hangup, standing)
    await shop.app.inbox.next("call.hangup")


async def test_an_application_has_limits_of_its_own(make_shop: MakeShop, phone: Phone) -> None:
    shop = await make_shop(inbound={"channel_limit": 1}, outbound={"channel_limit": 1})
    phone.manner = "ring"
    standing = await shop.dials(phone.uri)
    with pytest.raises(telnyx.PermissionDeniedError, match="90043"):
        await shop.dials(phone.uri)
    call = phone.dial(shop.sip)
    call_id = await shop.takes(call)
    assert (await phone.dial(shop.sip).ended()).status == 486
    for one in (standing, call_id):
        await shop.do(shop.client.calls.actions.hangup, one)
        await shop.app.inbox.next("call.hangup", call_control_id=one)
