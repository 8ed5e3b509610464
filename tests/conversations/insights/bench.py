"""Insights as a node makes them: the real store, jobs and models' door; the engine is a test's."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from ringline.core.clock import SystemClock
from ringline.core.ids import Ids
from ringline.core.settings import InferenceSettings, Settings
from ringline.jobs.runner import Jobs
from ringline.node.inference import make_client, make_inference
from ringline.node.insights import Insights
from ringline.node.reports import Meter
from ringline.reports.usage import UsageLog
from ringline.store import conversations, insight_runs, insights
from ringline.store.conversations import Conversation, Message
from ringline.store.db import Store
from ringline.store.insight_runs import InsightRun, RunStatus
from ringline.store.insights import Insight, InsightGroup
from ringline.store.tables import events

ACCOUNT = "account"
ENDED = (RunStatus.COMPLETED, RunStatus.FAILED)


@dataclass
class Bench:
    """One life of a node's insights."""

    store: Store
    jobs: Jobs
    insights: Insights
    clock: SystemClock
    ids: Ids

    async def insight(self, name: str, schema: dict[str, Any] | None = None, **values: Any) -> Insight:
        """A template."""
        now = self.clock.utc()
        made = Insight(
            id=self.ids.uuid(),
            account_id=ACCOUNT,
            name=name,
            instructions=values.pop("instructions", f"Find {name}."),
            json_schema=schema,
            created_at=now,
            updated_at=now,
            **values,
        )
        return await self.store.tx(insights.create, made)

    async def group(self, *members: Insight, name: str = "default", webhook: str = "") -> InsightGroup:
        """A group of these."""
        now = self.clock.utc()
        made = InsightGroup(
            id=self.ids.uuid(),
            account_id=ACCOUNT,
            name=name,
            webhook=webhook,
            created_at=now,
            updated_at=now,
            insights=members,
        )
        return await self.store.tx(insights.create_group, made)

    async def conversation(self, *said: str, **metadata: str) -> str:
        """A conversation in which user and assistant take turns."""
        now = self.clock.utc()
        made = Conversation(
            id=self.ids.uuid(), account_id=ACCOUNT, created_at=now, last_message_at=now, metadata=metadata
        )
        await self.store.tx(conversations.create, made)
        await self.say(made.id, *said)
        return made.id

    async def say(self, conversation_id: str, *said: str) -> None:
        """Go on with a conversation."""
        roles = ("user", "assistant")
        added = [Message(role=roles[number % 2], content=text) for number, text in enumerate(said)]
        await self.store.tx(conversations.extend, ACCOUNT, conversation_id, added, self.clock.utc())

    async def ended(self, run_id: str, wait_s: float = 30) -> InsightRun:
        """A run once it has ended."""
        async with asyncio.timeout(wait_s):
            while True:
                run = await self.store.read(insight_runs.find, run_id)
                assert run is not None
                if run.status in ENDED:
                    return run
                await asyncio.sleep(0.01)

    async def job_ended(self, job_id: str) -> None:
        """Wait until a job has ended."""
        async with asyncio.timeout(20):
            while True:
                job = await self.jobs.find(job_id, account_id=ACCOUNT)
                assert job is not None
                if job.state.ended:
                    return
                await asyncio.sleep(0.01)

    async def runs(self, conversation_id: str) -> list[InsightRun]:
        """All runs of a conversation, newest first."""
        found, total = await self.store.read(insight_runs.page, ACCOUNT, conversation_id, limit=99)
        assert total == len(found)
        return found

    async def events(self) -> Sequence[sa.Row[Any]]:
        """The events that were queued, oldest first."""
        return await self.store.read(
            lambda conn: conn.execute(sa.select(events).order_by(events.c.seq)).all()
        )


@asynccontextmanager
async def life(database: str, engine_url: str, folder: Path, *, node: str = "node") -> AsyncIterator[Bench]:
    """Open the store and run jobs until the end of the block; all models are the engine's."""
    settings = Settings(data=folder, inference=InferenceSettings(upstream=(engine_url,)))
    async with life_of(database, settings, node=node) as bench:
        yield bench


@asynccontextmanager
async def life_of(database: str, settings: Settings, *, node: str = "node") -> AsyncIterator[Bench]:
    """As `life`, with the models of these settings."""
    clock, ids = SystemClock(), Ids()
    store = Store.open(database, clock=clock)
    client = make_client()
    inference = make_inference(settings, clock, ids, client, Meter(UsageLog(store), clock))
    jobs = Jobs(store, clock, ids=ids, node=node)
    made = Insights(store, jobs, inference, settings.insights, clock=clock, ids=ids)
    inference.start()
    jobs.start()
    try:
        yield Bench(store, jobs, made, clock, ids)
    finally:
        await jobs.stop()
        await inference.stop()
        await client.aclose()
        await store.close()
