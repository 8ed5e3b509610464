"""Insights of this node: made by its models, told by webhooks signed with the account's key."""

import uuid

import msgspec
import sqlalchemy as sa

from ringline.calls.state import Leg
from ringline.conversations.insights.events import (
    Completed,
    CompletedOfCall,
    completed,
    completed_of_call,
)
from ringline.conversations.insights.intake import Intake
from ringline.conversations.insights.job import InsightJob
from ringline.conversations.insights.ports import Model
from ringline.conversations.insights.watch import Watch
from ringline.core.clock import Clock
from ringline.core.ids import Ids
from ringline.core.settings import InsightSettings
from ringline.jobs.runner import Jobs
from ringline.store import legs
from ringline.store.conversations import CALL_KEY, Conversation
from ringline.store.db import Store
from ringline.store.insight_runs import InsightRun
from ringline.store.insights import InsightGroup
from ringline.store.legs import Leg as LegRow
from ringline.webhooks import policy
from ringline.webhooks.outbox import QueuedEvent, queue_event
from ringline.webhooks.policy import Target


class Insights:
    """Everything that makes insights."""

    def __init__(
        self, store: Store, jobs: Jobs, model: Model, settings: InsightSettings, *, clock: Clock, ids: Ids
    ) -> None:
        self._clock = clock
        self.intake = Intake(store, jobs, clock, ids, default_group=settings.group)
        self.watch = Watch(store, clock, self.intake, idle_s=settings.idle_s)
        InsightJob(store, clock, model, self._tell, model_name=settings.model).register(jobs)

    def hung_up(self, leg: Leg) -> None:
        """A call has ended."""
        self.watch.hung_up(leg.facts.application.account_id, leg.id)

    def _tell(
        self, conn: sa.Connection, run: InsightRun, group: InsightGroup, conversation: Conversation
    ) -> None:
        """Queue an event for the group's app, for those of single insights, and for the app of the call.

        Their ids follow from the run's, so the same results are never two events.
        """
        if group.webhook:
            self._queue(conn, run, "group", completed(run, group, run.results), _app(group.webhook))
        webhooks = {insight.id: insight.webhook for insight in group.insights}
        for result in run.results:
            if url := webhooks.get(result.insight_id):
                self._queue(conn, run, result.insight_id, completed(run, group, [result]), _app(url))
        if call_control_id := conversation.metadata.get(CALL_KEY):
            leg = legs.find_leg(conn, run.account_id, call_control_id)
            if leg is not None:
                hooks = msgspec.convert(leg.webhooks, policy.Hooks)
                targets = policy.targets(CompletedOfCall.event_type, hooks)
                self._queue(conn, run, "call", completed_of_call(run, leg), *targets, leg=leg)

    def _queue(
        self,
        conn: sa.Connection,
        run: InsightRun,
        who: str,
        payload: Completed | CompletedOfCall,
        *targets: Target,
        leg: LegRow | None = None,
    ) -> None:
        queue_event(
            conn,
            QueuedEvent(
                id=str(uuid.uuid5(uuid.UUID(run.id), who)),
                account_id=run.account_id,
                event_type=payload.event_type,
                occurred_at=self._clock.utc(),
                payload=msgspec.json.encode(payload),
                targets=targets,
                leg_id=leg.leg_id if leg else None,
                session_id=leg.session_id if leg else None,
            ),
        )


def _app(url: str) -> Target:
    """An app of insights, which is told in the documented, flat form (decision 20)."""
    return Target(url=url, version="flat")
