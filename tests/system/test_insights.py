"""Insights with the stock SDK and a real server: found, told once by signed webhooks, whatever is killed."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import telnyx

from ringline.testing import App, Phone, Server
from ringline.testing.engine import Engine, Reply

pytestmark = [pytest.mark.system, pytest.mark.asyncio(loop_scope="session")]

COMPLETED = "conversation.insights.completed"
SCORE = {
    "type": "object",
    "properties": {"score": {"type": "integer"}, "mood": {"enum": ["good", "bad"]}},
    "required": ["score", "mood"],
    "additionalProperties": False,
}


def said(request: dict[str, Any]) -> Reply:
    """JSON where a schema is asked for, else the task."""
    if "response_format" in request:
        return Reply('{"score": 4, "mood": "good"}')
    return Reply(str(request["messages"][-1]["content"]).rpartition("Task: ")[2])


class Desk:
    """A customer with an insight group whose webhooks come to an app."""

    def __init__(self, server: Server, app: App) -> None:
        self.app = app
        self.client = telnyx.AsyncTelnyx(api_key=server.api_key, base_url=server.url, max_retries=0)
        self.group_id = ""

    async def verify(self) -> None:
        """Check each webhook's signature as the SDK does."""
        key: Any = await self.client.get("/public_key", cast_to=object)
        verifier = telnyx.Telnyx(api_key="x", public_key=key["data"]["public"])
        self.app.inbox.verify = lambda body, headers: verifier.webhooks.unwrap(body, headers=headers)

    async def prepare(self, name: str = "default") -> None:
        """Make the group: a text and a structured insight."""
        ai = self.client.ai.conversations
        group = await ai.insight_groups.insight_groups(name=name, webhook=self.app.hook)
        self.group_id = group.data.id
        for made in (
            await ai.insights.create(name="Topic", instructions="Topic for {{who}}?"),
            await ai.insights.create(name="Score", instructions="Score?", json_schema=dict(SCORE)),
        ):
            await ai.insight_groups.insights.assign(made.data.id, group_id=self.group_id)

    async def speak(self, **metadata: str) -> str:
        """A short conversation."""
        made = await self.client.ai.conversations.create(metadata=metadata)
        for role, text in (("user", "Where is my order?"), ("assistant", "On its way.")):
            await self.client.ai.conversations.add_message(made.id, role=role, content=text)
        return made.id

    async def found(self, conversation_id: str) -> list[tuple[str, list[str]]]:
        """Status and results of a conversation's runs."""
        listed = await self.client.ai.conversations.retrieve_conversations_insights(conversation_id)
        return [(run.status, [one.result for one in run.conversation_insights]) for run in listed.data]


@asynccontextmanager
async def open_desk(folder: Path, engine: Engine, **settings: object) -> AsyncIterator[tuple[Desk, Server]]:
    """A server whose models are the engine's, and its customer."""
    wanted = engine.settings | {f"insights.{name}": value for name, value in settings.items()}
    async with App() as app, Server(folder, settings=wanted) as server:
        desk = Desk(server, app)
        async with desk.client:
            await desk.verify()
            yield desk, server


RESULTS = ["Topic for Ann?", '{"score":4,"mood":"good"}']


async def test_an_idle_conversation_is_analysed_told_and_counted(tmp_path: Path) -> None:
    async with Engine(said) as engine, open_desk(tmp_path, engine, idle_s=1) as (desk, _):
        await desk.prepare()
        conversation_id = await desk.speak(who="Ann", assistant_id="assistant-1")
        told = await desk.app.inbox.next(COMPLETED, conversation_id=conversation_id, wait_s=30)

        assert told.event.keys() >= {"id", "occurred_at"}
        documented = {name: value for name, value in told.event.items() if name not in ("id", "occurred_at")}
        found = documented.pop("insights")
        assert documented == {
            "event_type": COMPLETED,
            "conversation_id": conversation_id,
            "insight_group_id": desk.group_id,
            "insight_group_name": "default",
        }
        assert [one.keys() for one in found] == [{"insight_id", "insight_name", "result"}] * 2
        assert [(one["insight_name"], one["result"]) for one in found] == [
            ("Topic", "Topic for Ann?"),
            ("Score", {"score": 4, "mood": "good"}),
        ]
        assert await desk.found(conversation_id) == [("completed", RESULTS)]
        counted = await desk.client.ai.conversations.conversation_insights.retrieve_aggregates(
            group_by=["score", "metadata.assistant_id"]
        )
        assert [one.model_dump() for one in counted.data] == [
            {"record_count": 1, "score": 4, "metadata.assistant_id": "assistant-1"}
        ]


async def test_a_hang_up_brings_the_insights_of_the_call(tmp_path: Path) -> None:
    async with (
        Engine(said) as engine,
        open_desk(tmp_path, engine, idle_s=0) as (desk, server),
        Phone(manner="answer") as phone,
    ):
        await desk.prepare()
        application = await desk.client.call_control_applications.create(
            application_name="t", webhook_event_url=desk.app.hook
        )
        assert application.data is not None
        dialled = await desk.client.calls.dial(
            connection_id=str(application.data.id), from_="+15550001", to=phone.uri
        )
        assert dialled.data is not None
        call = await phone.next_call()
        await desk.app.inbox.next("call.answered")
        conversation_id = await desk.speak(who="Ann", call_control_id=dialled.data.call_control_id)
        assert await desk.found(conversation_id) == []
        call.hang_up()

        told = await desk.app.inbox.next("call.conversation_insights.generated", wait_s=30)
        event = telnyx.Telnyx(api_key="x").webhooks.unsafe_unwrap(told.body.decode())
        assert type(event).__name__ == "CallConversationInsightsGeneratedWebhookEvent"
        assert told.payload["call_control_id"] == dialled.data.call_control_id
        assert [one["result"] for one in told.payload["results"]] == [
            "Topic for Ann?",
            {"score": 4, "mood": "good"},
        ]
        await desk.app.inbox.next(COMPLETED, conversation_id=conversation_id)
        assert await desk.found(conversation_id) == [("completed", RESULTS)]
        assert server.log.count("Traceback") == 0


async def test_a_killed_server_finishes_and_tells_once(tmp_path: Path) -> None:
    asked = asyncio.Event()

    def reply(request: dict[str, Any]) -> Reply:
        asked.set()
        return said(request)

    async with Engine(reply) as engine, open_desk(tmp_path, engine, idle_s=1) as (desk, server):
        await desk.prepare()
        ids = [await desk.speak(who="Ann") for _ in range(6)]
        await asyncio.wait_for(asked.wait(), 30)
        await server.kill()
        await server.start()
        desk.client.base_url = server.url
        for conversation_id in ids:
            await desk.app.inbox.next(COMPLETED, conversation_id=conversation_id, wait_s=60)
        for conversation_id in ids:
            assert await desk.found(conversation_id) == [("completed", RESULTS)]
        events = {one.id: one.payload["conversation_id"] for one in desk.app.inbox.received}
        assert sorted(events.values()) == sorted(ids)
