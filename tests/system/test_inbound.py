"""A phone calls and the app drives: the stock SDK on real SIP and RTP, both ways measured."""

import pytest

from ringline.testing import Phone, tone, wav

from .conftest import Shop

pytestmark = [pytest.mark.system, pytest.mark.asyncio(loop_scope="session")]


async def test_a_call_is_parked_answered_and_hung_up(shop: Shop, phone: Phone) -> None:
    call = phone.dial(shop.sip)
    initiated = await shop.app.inbox.next("call.initiated")
    assert initiated.payload["state"] == "parked"
    assert initiated.payload["to"] == shop.number
    await call.until(call.ringing.is_set, "ringing")
    call_id = initiated.payload["call_control_id"]
    await shop.do(shop.client.calls.actions.answer, call_id)
    await call.answered()
    answered = await shop.app.inbox.next("call.answered")
    assert (answered.payload["codec"], answered.payload["sampling_rate"]) == ("PCMU", 8000)

    await shop.do(shop.client.calls.actions.hangup, call_id)

    await call.ended()
    hangup = await shop.app.inbox.next("call.hangup")
    assert (hangup.payload["hangup_cause"], hangup.payload["hangup_source"]) == ("normal_clearing", "callee")
    assert shop.app.inbox.types == ["call.initiated", "call.answered", "call.hangup"]


async def test_playback_is_heard_and_reported(shop: Shop, phone: Phone) -> None:
    call = phone.dial(shop.sip)
    call_id = await shop.takes(call)
    url = shop.app.serves(wav(tone(600, seconds=1.5)))
    await shop.do(shop.client.calls.actions.start_playback, call_id, audio_url=url)

    ended = await shop.app.inbox.next("call.playback.ended")

    assert ended.payload["status"] == "completed"
    assert ended.payload["media_url"] == url
    await call.until(lambda: call.heard.tone(600).seconds > 1.4, "the whole tone")
    assert call.heard.tone(600).seconds == pytest.approx(1.5, abs=0.04)


async def test_digits_reach_the_app_in_order(shop: Shop, phone: Phone) -> None:
    call = phone.dial(shop.sip)
    call_id = await shop.takes(call)
    call.press("1*0#D")
    digits = [(await shop.app.inbox.next("call.dtmf.received")).payload["digit"] for _ in range(5)]
    assert digits == ["1", "*", "0", "#", "D"]
    await shop.do(shop.client.calls.actions.send_dtmf, call_id, digits="42")
    await call.until(lambda: call.digits == "42", "both digits")


async def test_unknown_numbers_are_not_found(shop: Shop, phone: Phone) -> None:
    call = phone.dial(f"sip:+19999999999@{shop.server.sip}")
    await call.ended()
    assert call.status == 404


async def test_the_caller_gives_up(shop: Shop, phone: Phone) -> None:
    call = phone.dial(shop.sip)
    await shop.app.inbox.next("call.initiated")
    call.hang_up()
    hangup = await shop.app.inbox.next("call.hangup")
    assert hangup.payload["hangup_cause"] == "originator_cancel"
    assert hangup.payload["sip_hangup_cause"] == "487"


@pytest.mark.parametrize(("cause", "status"), [("CALL_REJECTED", 603), ("USER_BUSY", 486)])
async def test_reject(shop: Shop, phone: Phone, cause: str, status: int) -> None:
    call = phone.dial(shop.sip)
    initiated = await shop.app.inbox.next("call.initiated")
    await shop.do(shop.client.calls.actions.reject, initiated.payload["call_control_id"], cause=cause)
    await call.ended()
    assert call.status == status
    await shop.app.inbox.next("call.hangup", sip_hangup_cause=str(status))
