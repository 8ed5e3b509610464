"""Two phones joined by the app: bridge, transfer, and what each hears."""

import pytest

from ringline.testing import Phone, tone

from .conftest import Shop

pytestmark = [pytest.mark.system, pytest.mark.asyncio(loop_scope="session")]


async def test_bridged_phones_hear_each_other_and_share_their_end(
    shop: Shop, phone: Phone, second_phone: Phone
) -> None:
    first = phone.dial(shop.sip)
    first_id = await shop.takes(first)
    second_phone.manner = "answer"
    second_id = await shop.dials(second_phone.uri, link_to=first_id)
    second = await second_phone.next_call()
    await shop.app.inbox.next("call.answered", call_control_id=second_id)

    await shop.do(
        shop.client.calls.actions.bridge,
        call_control_id_to_bridge=first_id,
        call_control_id_to_bridge_with=second_id,
    )

    for call_id in (first_id, second_id):
        await shop.app.inbox.next("call.bridged", call_control_id=call_id)
    first.say(tone(500, seconds=2))
    second.say(tone(1100, seconds=2))
    await second.until(lambda: second.heard.tone(500).seconds > 1.5, "the first phone")
    await first.until(lambda: first.heard.tone(1100).seconds > 1.5, "the second phone")
    assert first.heard.tone(500).seconds == 0
    first.press("5")
    await second.until(lambda: second.digits == "5", "the key")
    first.hang_up()
    await second.ended()
    for call_id in (first_id, second_id):
        await shop.app.inbox.next("call.hangup", call_control_id=call_id)


async def test_transfer_dials_bridges_and_survives_a_busy_target(
    shop: Shop, phone: Phone, second_phone: Phone
) -> None:
    caller = phone.dial(shop.sip)
    caller_id = await shop.takes(caller)
    second_phone.manner = "refuse"
    await shop.do(shop.client.calls.actions.transfer, caller_id, to=second_phone.uri)
    busy = await shop.app.inbox.next("call.hangup")
    assert busy.payload["hangup_cause"] == "user_busy"
    assert not caller.over
    second_phone.manner = "ring"
    await shop.do(shop.client.calls.actions.transfer, caller_id, to=second_phone.uri)
    await second_phone.next_call()
    target = await second_phone.next_call()
    await caller.until(lambda: len(caller.heard.loud()) > 0, "ringing")
    target.answer()
    await shop.app.inbox.next("call.bridged", call_control_id=caller_id)
    caller.say(tone(600, seconds=1.5))
    await target.until(lambda: target.heard.tone(600).seconds > 1, "the caller")
    target.hang_up()
    await caller.ended()


async def test_an_unanswered_call_can_be_transferred(shop: Shop, phone: Phone, second_phone: Phone) -> None:
    caller = phone.dial(shop.sip)
    initiated = await shop.app.inbox.next("call.initiated")
    await shop.do(
        shop.client.calls.actions.transfer, initiated.payload["call_control_id"], to=second_phone.uri
    )
    target = await second_phone.next_call()
    assert not caller.is_answered
    target.answer()
    await caller.answered()
    target.say(tone(700, seconds=1.5))
    await caller.until(lambda: caller.heard.tone(700).seconds > 1, "the target")
    caller.hang_up()
    await target.ended()


async def test_parking_after_the_bridge(shop: Shop, phone: Phone, second_phone: Phone) -> None:
    first = phone.dial(shop.sip)
    first_id = await shop.takes(first)
    second_phone.manner = "answer"
    await shop.do(
        shop.client.calls.actions.transfer, first_id, to=second_phone.uri, park_after_unbridge="self"
    )
    second = await second_phone.next_call()
    await shop.app.inbox.next("call.bridged", call_control_id=first_id)
    second.hang_up()
    await shop.app.inbox.next("call.hangup")
    assert not first.over
    await shop.do(shop.client.calls.actions.hangup, first_id)
    await first.ended()
