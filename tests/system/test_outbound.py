"""The app dials: directly, a registered phone, several at once; limits and refusals."""

import asyncio

import pytest
import telnyx

from ringline.node.directory import UriCalls
from ringline.testing import Phone, tone, wav

from .conftest import Shop

pytestmark = [pytest.mark.system, pytest.mark.asyncio(loop_scope="session")]


async def test_dial_is_answered_and_hung_up_by_the_callee(shop: Shop, phone: Phone) -> None:
    call_id = await shop.dials(
        phone.uri, from_display_name="Ada", custom_headers=[{"name": "X-A", "value": "1"}]
    )
    call = await phone.next_call()
    assert call.incoming is not None
    assert call.incoming.from_display == "Ada"
    assert ("X-A", "1") in [(header.name, header.value) for header in call.headers]
    call.answer()
    await shop.app.inbox.next("call.answered", call_control_id=call_id)
    call.hang_up()
    hangup = await shop.app.inbox.next("call.hangup")
    assert (hangup.payload["hangup_cause"], hangup.payload["hangup_source"]) == ("normal_clearing", "callee")
    status = await shop.do(shop.client.calls.retrieve_status, call_id)
    assert status.data is not None
    assert status.data.is_alive is False


async def test_busy_and_timeout(shop: Shop, phone: Phone) -> None:
    phone.manner = "refuse"
    await shop.dials(phone.uri)
    busy = await shop.app.inbox.next("call.hangup")
    assert (busy.payload["hangup_cause"], busy.payload["sip_hangup_cause"]) == ("user_busy", "486")
    phone.manner = "ring"
    await shop.dials(phone.uri, timeout_secs=5)
    late = await shop.app.inbox.next("call.hangup", wait_s=9)
    assert late.payload["hangup_cause"] == "timeout"
    await phone.calls[-1].ended()


async def test_a_registered_phone_is_reached_over_its_registration(shop: Shop, second_phone: Phone) -> None:
    user = f"desk{shop.number[-4:]}"
    connection = await shop.do(
        shop.client.credential_connections.create,
        connection_name="desk",
        user_name=user,
        password="correct-horse-9",
        sip_uri_calling_preference="unrestricted",
    )
    assert connection.data is not None
    second_phone.user = user
    assert await second_phone.register(shop.server.sip, "correct-horse-9") > 0
    second_phone.manner = "answer"
    host = shop.server.sip.rpartition(":")[0]
    call_id = await shop.dials(f"sip:{user}@{host}:{shop.server.sip.rpartition(':')[2]}")
    await shop.app.inbox.next("call.answered", call_control_id=call_id)
    await shop.do(shop.client.calls.actions.hangup, call_id)
    await (await second_phone.next_call()).ended()


@pytest.mark.parametrize(
    ("preference", "expected"),
    [("unrestricted", [200, 200]), ("internal", [404, 200]), ("disabled", [404, 404])],
)
async def test_who_may_ring_a_phone_by_its_uri(
    shop: Shop, phone: Phone, second_phone: Phone, preference: UriCalls, expected: list[int]
) -> None:
    desk, colleague, password = f"desk{preference}", f"colleague{preference}", "correct-horse-9"
    for user in (desk, colleague):
        await shop.do(
            shop.client.credential_connections.create,
            connection_name=user,
            user_name=user,
            password=password,
            sip_uri_calling_preference=preference,
        )
    second_phone.user, second_phone.manner = desk, "answer"
    await second_phone.register(shop.server.sip, password)
    statuses = []
    for phone.user in ("stranger", colleague):
        call = phone.dial(f"sip:{desk}@{shop.server.sip}", auth=(phone.user, password))
        await call.until(lambda: call.status, "final answer")  # noqa: B023 - awaited within its round
        statuses.append(call.status)
        call.hang_up()
    assert statuses == expected
    assert len(second_phone.calls) == statuses.count(200)


async def test_a_phone_is_called_as_its_connection_says(shop: Shop, second_phone: Phone) -> None:
    second_phone.user, second_phone.manner = f"once{shop.number[-4:]}", "answer"
    connection = await shop.do(
        shop.client.credential_connections.create,
        connection_name="once",
        user_name=second_phone.user,
        password="correct-horse-9",
        inbound={"codecs": ["G729", "G711A"], "channel_limit": 1},
    )
    assert connection.data is not None
    await second_phone.register(shop.server.sip, "correct-horse-9")
    to = f"sip:{second_phone.user}@{shop.server.sip}"
    standing = await shop.dials(to)
    answered = await shop.app.inbox.next("call.answered", call_control_id=standing)
    assert answered.payload["codec"] == "PCMA"
    busy = await shop.dials(to)
    refused = await shop.app.inbox.next("call.hangup", call_control_id=busy)
    assert refused.payload["hangup_cause"] == "user_busy"
    assert len(second_phone.calls) == 1
    await shop.do(shop.client.calls.actions.hangup, standing)
    await shop.app.inbox.next("call.hangup", call_control_id=standing)
    free = await shop.dials(to)
    await shop.app.inbox.next("call.answered", call_control_id=free)
    await shop.do(shop.client.calls.actions.hangup, free)


async def test_a_phone_places_as_many_calls_as_its_connection_allows(shop: Shop, phone: Phone) -> None:
    phone.user = f"talk{shop.number[-4:]}"
    await shop.do(
        shop.client.credential_connections.create,
        connection_name="talk",
        user_name=phone.user,
        password="correct-horse-9",
        outbound={"channel_limit": 1},
    )
    auth = (phone.user, "correct-horse-9")
    standing = phone.dial(shop.sip, auth=auth)
    call_id = await shop.takes(standing)
    assert (await phone.dial(shop.sip, auth=auth).ended()).status == 486
    await shop.do(shop.client.calls.actions.hangup, call_id)
    await shop.app.inbox.next("call.hangup", call_control_id=call_id)
    call_id = await shop.takes(phone.dial(shop.sip, auth=auth))
    await shop.do(shop.client.calls.actions.hangup, call_id)


async def test_a_wrong_password_is_refused(shop: Shop, second_phone: Phone) -> None:
    user = f"lock{shop.number[-4:]}"
    await shop.do(
        shop.client.credential_connections.create,
        connection_name="lock",
        user_name=user,
        password="correct-horse-9",
    )
    second_phone.user = user
    with pytest.raises(Exception, match="401"):
        await second_phone.register(shop.server.sip, "wrong")


async def test_the_first_of_several_to_answer_wins(shop: Shop, phone: Phone, second_phone: Phone) -> None:
    phone.manner, second_phone.manner = "ring", "ask"
    await shop.do(
        shop.client.calls.dial,
        connection_id=shop.connection_id,
        from_=shop.number,
        to=[phone.uri, second_phone.uri],
    )
    slow, fast = await phone.next_call(), await second_phone.next_call()
    fast.answer()
    await shop.app.inbox.next("call.answered", to=second_phone.uri)
    await slow.ended()
    hangup = await shop.app.inbox.next("call.hangup")
    assert hangup.payload["to"] == phone.uri


async def test_audio_and_digits_start_with_the_answer(shop: Shop, phone: Phone) -> None:
    phone.manner = "answer"
    url = shop.app.serves(wav(tone(700, seconds=1)))
    await shop.dials(phone.uri, audio_url=url)
    call = await phone.next_call()
    await call.until(lambda: call.heard.tone(700).seconds > 0.9, "the tone")
    assert (await shop.app.inbox.next("call.playback.ended")).payload["status"] == "completed"
    await shop.dials(phone.uri, send_digits_on_answer="12")
    second = await phone.next_call()
    await second.until(lambda: second.digits == "12", "digits")


async def test_a_command_id_counts_once(shop: Shop, phone: Phone) -> None:
    phone.manner = "ring"
    first, second = await asyncio.gather(
        shop.dials(phone.uri, command_id="once"), shop.dials(phone.uri, command_id="once")
    )
    repeated = await shop.dials(phone.uri, command_id="once")
    assert first == second == repeated
    await phone.next_call()
    assert len(phone.calls) == 1
    await shop.do(shop.client.calls.actions.hangup, repeated)


async def test_refusals_have_the_right_exception_and_pointer(shop: Shop, phone: Phone) -> None:
    with pytest.raises(telnyx.UnprocessableEntityError) as wrong:
        await shop.do(
            shop.client.calls.dial, connection_id="1234567890123456789", from_=shop.number, to=phone.uri
        )
    assert "/connection_id" in str(wrong.value.body)
    call_id = await shop.dials(phone.uri)
    with pytest.raises(telnyx.UnprocessableEntityError, match="90034"):
        await shop.do(shop.client.calls.actions.start_recording, call_id, format="wav", channels="single")
    await shop.do(shop.client.calls.actions.hangup, call_id)
    await shop.app.inbox.next("call.hangup")
    with pytest.raises(telnyx.UnprocessableEntityError, match="90018"):
        await shop.do(shop.client.calls.actions.hangup, call_id)
    with pytest.raises(telnyx.UnprocessableEntityError, match="90015"):
        await shop.do(shop.client.calls.actions.hangup, "v3:unknown")
