"""Fine-tuning jobs as rows, on both engines."""

from dataclasses import replace
from datetime import timedelta

import pytest

from ringline.core.clock import VirtualClock
from ringline.store import training
from ringline.store.db import Store
from ringline.store.training import Training, TrainingEvent

pytestmark = pytest.mark.unit


def a_training(clock: VirtualClock, id: str, account_id: str = "account", status: str = "queued") -> Training:
    return Training(
        id=id,
        account_id=account_id,
        job_id=f"job of {id}",
        model="base",
        training_file="bucket/facts.jsonl",
        status=status,
        batch_size=8,
        learning_rate=1e-3,
        seed=2**31 - 1,
        created_at=clock.utc(),
        metadata={"team": "support"},
    )


def an_event(clock: VirtualClock, training_id: str, id: str) -> TrainingEvent:
    return TrainingEvent(
        id=id,
        training_id=training_id,
        created_at=clock.utc(),
        level="info",
        type="metrics",
        message="Step",
        data={"step": 1, "train_loss": 0.25},
    )


async def test_a_job_is_kept_whole(store: Store, clock: VirtualClock) -> None:
    made = await store.tx(training.create, a_training(clock, "ft-a"))
    assert await store.read(training.find, "account", "ft-a") == made
    assert await store.read(training.find, "another", "ft-a") is None
    changes = {
        "n_epochs": 3, "step": 7, "steps": 9, "loss": 0.5, "trained_tokens": 2**40, "status": "failed",
        "estimated_finish": clock.utc() + timedelta(hours=1), "error": "why", "error_parameter": "model",
        "started_at": clock.utc(), "finished_at": clock.utc(),
    }  # fmt: skip
    changed = await store.tx(training.revise, "ft-a", lambda one: replace(one, **changes))
    assert changed == replace(made, **changes)  # type: ignore[arg-type]  # of many types
    assert await store.read(training.find, "account", "ft-a") == changed
    assert await store.tx(training.revise, "unknown", lambda one: one) is None


async def test_a_change_that_is_refused_leaves_no_event(store: Store, clock: VirtualClock) -> None:
    await store.tx(training.create, a_training(clock, "ft-a"))

    def refuse(one: Training) -> Training:
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        await store.tx(training.revise, "ft-a", refuse, an_event(clock, "ft-a", "e"))
    assert await store.read(training.events, "ft-a", limit=5) == ([], False)
    await store.tx(training.revise, "ft-a", lambda one: one, an_event(clock, "ft-a", "e"))
    assert await store.read(training.events, "ft-a", limit=5) == ([an_event(clock, "ft-a", "e")], False)


async def test_lists_go_back_from_the_newest(store: Store, clock: VirtualClock) -> None:
    for number in range(5):
        await store.tx(training.create, a_training(clock, f"ft-{number}"))
        await store.tx(training.add_event, an_event(clock, "ft-0", f"e{number}"))
    await store.tx(training.create, a_training(clock, "ft-other", "another"))
    jobs, more = await store.read(training.page, "account", limit=3)
    assert ([one.id for one in jobs], more) == (["ft-4", "ft-3", "ft-2"], True)
    jobs, more = await store.read(training.page, "account", after="ft-2", limit=3)
    assert ([one.id for one in jobs], more) == (["ft-1", "ft-0"], False)
    assert await store.read(training.page, "account", after="ft-other", limit=3) == ([], False)
    told, more = await store.read(training.events, "ft-0", limit=2)
    assert ([one.id for one in told], more) == (["e4", "e3"], True)
    told, more = await store.read(training.events, "ft-0", after="e3", limit=9)
    assert ([one.id for one in told], more) == (["e2", "e1", "e0"], False)


async def test_finished_ones_are_found_for_every_account(store: Store, clock: VirtualClock) -> None:
    for name, account, status in (
        ("ft-a", "x", "succeeded"),
        ("ft-b", "y", "succeeded"),
        ("ft-c", "x", "failed"),
    ):
        await store.tx(training.create, a_training(clock, name, account, status))
    found = await store.read(training.with_status, "succeeded")
    assert [one.id for one in found] == ["ft-a", "ft-b"]
