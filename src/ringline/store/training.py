"""Fine-tuning jobs and their events as rows (spec ai-api §8). What may follow what, `finetune` decides."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any, Literal

import sqlalchemy as sa

from ringline.store.training_tables import training_events, trainings

Level = Literal["info", "warn", "error"]
EventType = Literal["message", "metrics"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Training:
    """One job; `id` is also the name of the model that it makes, `job_id` the durable job at work.

    `n_epochs` None: "auto", not yet decided. `trained_tokens` counts every token of every pass.
    """

    id: str
    account_id: str
    job_id: str
    model: str
    training_file: str
    status: str
    batch_size: int
    learning_rate: float
    seed: int
    created_at: datetime
    suffix: str | None = None
    n_epochs: int | None = None
    metadata: Mapping[str, str] | None = None
    step: int = 0
    steps: int | None = None
    loss: float | None = None
    trained_tokens: int | None = None
    estimated_finish: datetime | None = None
    error: str | None = None
    error_parameter: str | None = None
    started_at: datetime | None = None
    finished_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingEvent:
    """Something that a job has to tell."""

    id: str
    training_id: str
    created_at: datetime
    level: Level
    type: EventType
    message: str
    data: Mapping[str, Any] | None = None


_TRAINING = tuple(field.name for field in fields(Training))
_EVENT = tuple(field.name for field in fields(TrainingEvent))


def create(conn: sa.Connection, training: Training) -> Training:
    """Keep a new job."""
    conn.execute(trainings.insert().values({name: getattr(training, name) for name in _TRAINING}))
    return training


def find(conn: sa.Connection, account_id: str, id: str) -> Training | None:
    """One job of an account."""
    one = trainings.c
    row = conn.execute(sa.select(trainings).where(one.id == id, one.account_id == account_id)).one_or_none()
    return _training(row) if row else None


def page(
    conn: sa.Connection, account_id: str, *, after: str | None = None, limit: int
) -> tuple[list[Training], bool]:
    """Jobs, newest first, from the one behind `after`; and whether there are more."""
    one = trainings.c
    query = sa.select(trainings).where(one.account_id == account_id).order_by(one.seq.desc())
    if after is not None:
        query = query.where(one.seq < _seq(trainings, one.account_id == account_id, one.id == after))
    rows = conn.execute(query.limit(limit + 1)).all()
    return [_training(row) for row in rows[:limit]], len(rows) > limit


def with_status(conn: sa.Connection, status: str) -> list[Training]:
    """The jobs of all accounts that have a status, oldest first."""
    query = sa.select(trainings).where(trainings.c.status == status).order_by(trainings.c.seq)
    return [_training(row) for row in conn.execute(query)]


def revise(
    conn: sa.Connection, id: str, change: Callable[[Training], Training], *events: TrainingEvent
) -> Training | None:
    """Replace a job by what `change` makes of it and keep the events; None when there is no such job.

    What `change` raises undoes everything.
    """
    row = conn.execute(sa.select(trainings).where(trainings.c.id == id).with_for_update()).one_or_none()
    if row is None:
        return None
    changed = change(_training(row))
    values = {name: getattr(changed, name) for name in _TRAINING}
    conn.execute(trainings.update().where(trainings.c.id == id).values(values))
    for event in events:
        add_event(conn, event)
    return changed


def add_event(conn: sa.Connection, event: TrainingEvent) -> None:
    """Keep an event."""
    conn.execute(training_events.insert().values({name: getattr(event, name) for name in _EVENT}))


def events(
    conn: sa.Connection, training_id: str, *, after: str | None = None, limit: int
) -> tuple[list[TrainingEvent], bool]:
    """A job's events, newest first, from the one behind `after`; and whether there are more."""
    one = training_events.c
    query = sa.select(training_events).where(one.training_id == training_id).order_by(one.seq.desc())
    if after is not None:
        query = query.where(one.seq < _seq(training_events, one.training_id == training_id, one.id == after))
    rows = conn.execute(query.limit(limit + 1)).all()
    return [_event(row) for row in rows[:limit]], len(rows) > limit


def _seq(table: sa.Table, *conditions: sa.ColumnElement[bool]) -> sa.ScalarSelect[Any]:
    return sa.select(table.c.seq).where(*conditions).scalar_subquery()


def _training(row: sa.Row[Any]) -> Training:
    return Training(**{name: getattr(row, name) for name in _TRAINING})


def _event(row: sa.Row[Any]) -> TrainingEvent:
    return TrainingEvent(**{name: getattr(row, name) for name in _EVENT})
