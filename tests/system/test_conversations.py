"""Conversations with the stock SDK and a real server: kept, found, spoken in by the customer and by calls."""

import asyncio
from datetime import UTC, datetime

import pytest
import telnyx

from ringline.testing import Phone

from .conftest import Shop

pytestmark = [pytest.mark.system, pytest.mark.asyncio(loop_scope="session")]


async def test_everything_the_sdk_can_do_with_conversations(shop: Shop) -> None:
    await asyncio.to_thread(_everything, shop.client.ai.conversations)


def _everything(ai: telnyx.resources.ai.ConversationsResource) -> None:
    made = ai.create(
        name="Support call",
        metadata={"assistant_id": "assistant-7", "telnyx_agent_target": "+13128675309"},
        idempotency_key="support-call-1",
    )
    again = ai.create(
        name="Support call",
        metadata={"assistant_id": "assistant-7", "telnyx_agent_target": "+13128675309"},
        idempotency_key="support-call-1",
    )
    assert made.id == again.id
    other = ai.create(name="Chat", metadata={"assistant_id": "assistant-8"})
    assert made.last_message_at == made.created_at

    sent = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    ai.add_message(made.id, role="user", content="What is it?", sent_at=sent, metadata={"n": 1})
    call: dict[str, object] = {
        "id": "c1",
        "type": "function",
        "function": {"name": "look", "arguments": "{}"},
    }
    ai.add_message(made.id, role="assistant", tool_calls=[call])
    ai.add_message(made.id, role="tool", content="42", tool_call_id="c1")
    listed = list(ai.messages.list(made.id, page_size=2))  # two pages
    assert [(one.role, one.text) for one in listed] == [
        ("user", "What is it?"),
        ("assistant", ""),
        ("tool", "42"),
    ]
    assert (listed[0].sent_at, listed[0].metadata) == (sent, {"n": 1})
    assert listed[1].tool_calls is not None
    assert listed[1].tool_calls[0].model_dump() == call

    changed = ai.update(made.id, metadata={"ai_disabled": "true"})
    assert changed.data is not None
    assert changed.data.metadata == {
        "assistant_id": "assistant-7",
        "telnyx_agent_target": "+13128675309",
        "ai_disabled": "true",
    }
    assert ai.retrieve(made.id).data == changed.data

    def found(**asked: str) -> list[str]:
        return [one.id for one in ai.list(**asked).data if one.id in (made.id, other.id)]  # type: ignore[arg-type]

    assert found() == [other.id, made.id]
    assert found(order="created_at.asc") == [made.id, other.id]
    assert found(metadata_assistant_id="eq.assistant-7") == [made.id]
    assert found(metadata_telnyx_agent_target="eq.+13128675309") == [made.id]
    assert found(metadata_assistant_id="in.(assistant-7,assistant-8)", name="like.Supp%") == [made.id]
    assert found(or_=f"(id.eq.{made.id},name.eq.Chat)", order="name") == [other.id, made.id]
    assert found(created_at="lt.2020-01-01") == []
    assert ai.list(limit=1).data[0].id == other.id
    by_key = ai.list(extra_query={"metadata->ai_disabled": "is.true"})
    assert [one.id for one in by_key.data] == [made.id]
    with pytest.raises(telnyx.UnprocessableEntityError, match="there is no operator"):
        ai.list(name="resembles.x")

    for one in (made, other):
        ai.delete(one.id)
    with pytest.raises(telnyx.NotFoundError):
        ai.retrieve(made.id)
    assert found() == []


async def test_what_a_call_is_told_lands_in_its_conversation(shop: Shop, phone: Phone) -> None:
    call_id = await shop.takes(phone.dial(shop.sip))
    ai = shop.client.ai.conversations
    made = await shop.do(ai.create, metadata={"call_control_id": call_id})
    await shop.do(
        shop.client.calls.actions.speak,
        call_id,
        payload="<speak>Good <emphasis>day</emphasis>.</speak>",
        payload_type="ssml",
        voice="female",
    )
    await shop.app.inbox.next("call.speak.ended")
    await shop.do(shop.client.calls.actions.hangup, call_id)
    await shop.app.inbox.next("call.hangup")
    async with asyncio.timeout(10):
        while not (said := (await shop.do(ai.messages.list, made.id)).data):  # noqa: ASYNC110 - in the server
            await asyncio.sleep(0.05)
    (message,) = said
    assert (message.role, message.text) == ("assistant", "Good day.")
    assert message.metadata is not None
    assert message.metadata["interrupted"] is False
    assert int(str(message.metadata["played_ms"])) > 200
    assert message.sent_at is not None
    assert message.created_at is not None
    assert message.sent_at < message.created_at
