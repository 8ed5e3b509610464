"""Decides what is asked of a conversation and queues it, once for each state of it and of the templates."""

import uuid
from collections.abc import Sequence
from datetime import datetime, timedelta

import msgspec
import sqlalchemy as sa

from ringline.core.clock import Clock
from ringline.core.errors import RinglineError
from ringline.core.ids import Ids
from ringline.jobs.runner import Jobs
from ringline.store import conversations, insight_runs, insights
from ringline.store.conversations import Conversation
from ringline.store.db import Store
from ringline.store.insight_runs import NO_GROUP, Cause, InsightRun
from ringline.store.insights import Insight, InsightGroup

KIND = "insight"
"""Of the jobs that are queued; their argument is the run's id."""

GROUP_KEY = "insight_group_id"
"""The metadata key by which a conversation names its group."""

AT_ONCE = 100
"""Idle conversations that one transaction looks after."""

SUMMARY_NAME = "Summary"
SUMMARY = "Summarise the conversation in a few sentences: what it was about, and how it ended."
_SUMMARIES = uuid.UUID("6f0ad3a4-6f2c-4b57-9b3c-0d0f3ce1a5c1")
_RUNS = uuid.UUID("9a3f6c51-5f0e-4f0c-8d0b-1f6d1d2a7b10")


class NotAsked(RinglineError):
    """There is nothing to generate; the message says why."""


class NoConversation(NotAsked):
    """The account has no such conversation."""


class NoGroup(NotAsked):
    """The account has no such group."""


class Intake:
    """Queues runs; `insight` jobs must be registered."""

    def __init__(self, store: Store, jobs: Jobs, clock: Clock, ids: Ids, *, default_group: str) -> None:
        """`default_group` is the name of the group for conversations whose metadata names none."""
        self._store = store
        self._jobs = jobs
        self._clock = clock
        self._ids = ids
        self._default_group = default_group

    async def request(self, account_id: str, conversation_id: str, group_id: str | None = None) -> InsightRun:
        """Generate a group's insights, as they are now, of a conversation as it is now.

        Returns the run that does, or has done, so: another one once more was said, an insight was assigned or
        taken away, or the instructions or schema of one have changed.

        Without a group it is the one that the conversation's metadata names, else the account's default
        group, else a summary alone. A run that has failed begins anew. Raises `NotAsked`.
        """
        job_id = self._ids.uuid()
        return await self._store.tx(self._requested, account_id, conversation_id, group_id, job_id)

    async def hung_up(self, account_id: str, call_control_id: str) -> None:
        """The call has ended: what was said in it is complete."""
        if await self._store.read(conversations.find_by_call, account_id, call_control_id):
            await self._store.tx(self._after_call, account_id, call_control_id, self._ids.uuid())

    async def look(self, idle: timedelta) -> int:
        """Queue the conversations in which nothing was said for so long; returns how many were looked at."""
        before, looked_at = self._clock.utc() - idle, 0
        while True:
            # Made here: the store's thread must not draw from the randomness of this one.
            job_ids = [self._ids.uuid() for _ in range(AT_ONCE)]
            some = await self._store.tx(self._after_silence, before, job_ids)
            looked_at += some
            if some < AT_ONCE:
                return looked_at

    def _requested(
        self, conn: sa.Connection, account_id: str, conversation_id: str, group_id: str | None, job_id: str
    ) -> InsightRun:
        conversation = conversations.find(conn, account_id, conversation_id)
        if conversation is None:
            raise NoConversation("The conversation could not be found.")
        if not conversation.message_count:
            raise NotAsked("Nothing has been said in this conversation.")
        if group_id is None:
            group = self._group_of(conn, conversation)
        else:
            group = insights.find_group(conn, account_id, group_id)
            if group is None:
                raise NoGroup("The insight group could not be found.")
        if group is None:
            group = _summary(conn, account_id, self._clock.utc())
        if not group.insights:
            raise NotAsked(f"The insight group {group.name} has no insights.")
        return self._queue(conn, conversation, group, "request", job_id)

    def _after_call(self, conn: sa.Connection, account_id: str, call_control_id: str, job_id: str) -> None:
        conversation = conversations.find_by_call(conn, account_id, call_control_id)
        if conversation is not None:
            self._by_itself(conn, conversation, "hangup", job_id)

    def _after_silence(self, conn: sa.Connection, before: datetime, job_ids: Sequence[str]) -> int:
        found = conversations.idle(conn, before, len(job_ids))
        for conversation, job_id in zip(found, job_ids, strict=False):  # there may be fewer than that
            self._by_itself(conn, conversation, "idle", job_id)
        return len(found)

    def _by_itself(self, conn: sa.Connection, conversation: Conversation, cause: Cause, job_id: str) -> None:
        if conversation.message_count <= conversation.seen_count:
            return
        group = self._group_of(conn, conversation)
        if group is not None and group.insights:
            self._queue(conn, conversation, group, cause, job_id)
        else:
            conversations.mark_seen(conn, conversation.id, conversation.message_count)

    def _group_of(self, conn: sa.Connection, conversation: Conversation) -> InsightGroup | None:
        named = conversation.metadata.get(GROUP_KEY)
        if named is not None:
            return insights.find_group(conn, conversation.account_id, named)
        return insights.group_named(conn, conversation.account_id, self._default_group)

    def _queue(
        self, conn: sa.Connection, conversation: Conversation, group: InsightGroup, cause: Cause, job_id: str
    ) -> InsightRun:
        now, version = self._clock.utc(), conversation.message_count
        run = InsightRun(
            id=str(uuid.uuid5(_RUNS, f"{conversation.id}/{group.id}/{version}/{_asked(group)}")),
            account_id=conversation.account_id,
            conversation_id=conversation.id,
            group_id=group.id,
            version=version,
            cause=cause,
            job_id=job_id,
            created_at=now,
            updated_at=now,
        )
        begun = insight_runs.add(conn, run)
        if not begun:
            begun = cause == "request" and insight_runs.retry(conn, run.id, job_id=job_id, now=now)
        if begun:
            self._jobs.queue(conn, job_id, KIND, run.id, account_id=conversation.account_id)
        conversations.mark_seen(conn, conversation.id, version)
        return insight_runs.find(conn, run.id) or run


def group_of_run(conn: sa.Connection, run: InsightRun, now: datetime) -> InsightGroup | None:
    """The group that a run asks, the default insight alone where it has none; None when it was deleted."""
    if run.group_id != NO_GROUP:
        return insights.find_group(conn, run.account_id, run.group_id)
    return _summary(conn, run.account_id, now)


def _summary(conn: sa.Connection, account_id: str, now: datetime) -> InsightGroup:
    summary = Insight(
        id=str(uuid.uuid5(_SUMMARIES, account_id)),
        account_id=account_id,
        name=SUMMARY_NAME,
        instructions=SUMMARY,
        insight_type="default",
        created_at=now,
        updated_at=now,
    )
    return InsightGroup(
        id=NO_GROUP,
        account_id=account_id,
        name="",
        created_at=now,
        updated_at=now,
        insights=(insights.ensure(conn, summary),),
    )


def _asked(group: InsightGroup) -> str:
    """What of the templates makes the results what they are."""
    templates = [(one.id, one.instructions, one.json_schema) for one in group.insights]
    return msgspec.json.encode(templates, order="deterministic").decode()
