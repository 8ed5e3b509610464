"""The durable job that does a run: each insight is found once, kept at once, and told when all are."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import msgspec
import sqlalchemy as sa

from ringline.conversations.insights import transcript, variables
from ringline.conversations.insights.answers import BadAnswer, groupable
from ringline.conversations.insights.generation import Generator, Notes, Question
from ringline.conversations.insights.intake import KIND, group_of_run
from ringline.conversations.insights.ports import Model, Tell
from ringline.core.clock import Clock
from ringline.inference.errors import EngineRefused, InferenceError, Unsupported
from ringline.jobs.run import JobFailed, Run
from ringline.jobs.runner import Jobs
from ringline.store import conversations, insight_runs
from ringline.store.conversations import Conversation
from ringline.store.db import Store
from ringline.store.insight_runs import InsightResult, InsightRun
from ringline.store.insights import InsightGroup
from ringline.workers import Busy

MAX_ATTEMPTS = 10
"""With the pauses between them, about ten minutes for an engine to come back."""

PERMANENT = (BadAnswer, Unsupported, EngineRefused)
"""Asking again would bring the same. An unknown model may be one whose engine is down."""


@dataclass(frozen=True, slots=True)
class Work:
    """What a run has to do."""

    run: InsightRun
    conversation: Conversation
    group: InsightGroup


class InsightJob:
    """Does runs; the job's argument is a run's id."""

    def __init__(self, store: Store, clock: Clock, model: Model, tell: Tell, *, model_name: str) -> None:
        """`model_name` is the model that is asked, empty for the default one."""
        self._store = store
        self._clock = clock
        self._model = model
        self._tell = tell
        self._model_name = model_name

    def register(self, jobs: Jobs) -> None:
        """Let `jobs` do runs."""
        jobs.register(KIND, self.do, max_attempts=MAX_ATTEMPTS)

    async def do(self, job: Run) -> dict[str, int]:
        """Find what is not found yet, then complete the run; returns how many results it has."""
        run_id: str = job.args
        work = await self._store.tx(self._begin, run_id)
        if work is None:
            return {"results": 0}
        messages = await self._store.read(conversations.transcript, work.conversation.id)
        lines = transcript.lines(messages[: work.run.version])
        try:
            wrong = await self._find(job, work, lines)
        except PERMANENT as error:
            raise await self._failed(run_id, str(error)) from error
        except (InferenceError, Busy) as error:
            if job.job.attempts >= job.job.max_attempts:
                raise await self._failed(run_id, str(error)) from error
            raise
        if wrong:
            raise await self._failed(run_id, "; ".join(wrong))
        return {"results": await self._store.tx(self._complete, work)}

    def _begin(self, conn: sa.Connection, run_id: str) -> Work | None:
        now = self._clock.utc()
        run = insight_runs.begin(conn, run_id, now=now)
        if run is None:
            return None
        conversation = conversations.find(conn, run.account_id, run.conversation_id)
        group = group_of_run(conn, run, now)
        if conversation is None:
            return None  # its runs went with it
        if group is None:
            insight_runs.fail(conn, run_id, "the insight group was deleted", now=now)
            return None
        return Work(run, conversation, group)

    async def _find(self, job: Run, work: Work, lines: tuple[str, ...]) -> list[str]:
        """Find every insight that is still missing; returns what was wrong with those that were not found."""
        values = variables.of_conversation(work.conversation.metadata, self._clock.utc())
        questions = [
            Question(one, variables.substitute(one.instructions, values)) for one in work.group.insights
        ]
        known = {result.insight_id for result in work.run.results}
        if known.issuperset(one.insight.id for one in questions):
            return []
        card = await self._model.find(self._model_name, work.run.account_id)
        generator = Generator(self._model, card, work.run.account_id)
        notes = msgspec.convert(job.checkpoint or {}, Notes)
        reading = await generator.read(lines, questions, notes, _keeper(job))
        wrong = []
        for position, question in enumerate(questions):
            await job.progress(position, len(questions))
            if question.insight.id in known:
                continue
            try:
                await self._keep(work.run, position, question, await generator.answer(question, reading))
            except BadAnswer as error:
                wrong.append(str(error))
        return wrong

    async def _keep(self, run: InsightRun, position: int, question: Question, text: str) -> None:
        structured = question.insight.json_schema is not None
        result = InsightResult(
            insight_id=question.insight.id,
            position=position,
            insight_name=question.insight.name,
            structured=structured,
            result=text,
        )
        fields = groupable(text) if structured else {}
        await self._store.tx(insight_runs.record, run.id, result, fields, now=self._clock.utc())

    def _complete(self, conn: sa.Connection, work: Work) -> int:
        found = insight_runs.find(conn, work.run.id)
        if found is None or not insight_runs.complete(conn, work.run.id, now=self._clock.utc()):
            return 0
        self._tell(conn, found, work.group, work.conversation)
        return len(found.results)

    async def _failed(self, run_id: str, reason: str) -> JobFailed:
        await self._store.tx(insight_runs.fail, run_id, reason, now=self._clock.utc())
        return JobFailed(reason)


def _keeper(job: Run) -> Callable[[Notes, int, int], Awaitable[None]]:
    async def keep(notes: Notes, done: int, total: int) -> None:
        await job.save(msgspec.to_builtins(notes), done, total)

    return keep
