"""Jobs with a trainer that is a program: progress, ends, second attempts, cancelling."""

from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from ringline.core.clock import VirtualClock
from ringline.core.errors import RinglineError
from ringline.core.ids import Ids
from ringline.finetune.command import CommandTrainer
from ringline.finetune.errors import TrainingError
from ringline.finetune.job import ATTEMPTS, Limits
from ringline.finetune.state import IllegalMove
from ringline.finetune.task import Trainer
from ringline.storage.objects import StorageUnavailable
from ringline.store.db import Store
from ringline.store.tables import jobs
from tests.finetune.shop import ACCOUNT, MODEL, Shop, facts, scripted

pytestmark = pytest.mark.unit

Open = Callable[..., Shop]


@pytest.fixture
async def opened(sqlite_store: Store, clock: VirtualClock, ids: Ids, tmp_path: Path) -> AsyncIterator[Open]:
    shops: list[Shop] = []

    def make(trainer: Trainer, limits: Limits = Limits()) -> Shop:
        shops.append(Shop(sqlite_store, clock, tmp_path / "training", trainer, ids=ids, limits=limits))
        shops[-1].jobs.start()
        return shops[-1]

    yield make
    for shop in shops:
        await shop.close()


async def test_a_job_ends_as_a_model(opened: Open, tmp_path: Path) -> None:
    shop = opened(scripted("good"))
    made = await shop.order(suffix="Support Desk!", epochs=2, seed=5)
    assert (made.status, made.model, made.n_epochs, made.seed) == ("queued", MODEL, 2, 5)
    assert made.id.startswith("ft-tiny-support-desk-")

    done = await shop.ends(made.id)

    assert (done.status, done.error, done.step, done.steps, done.trained_tokens) == (
        "succeeded",
        None,
        6,
        6,
        60,
    )
    assert done.started_at is not None
    assert done.finished_at is not None
    assert done.loss == pytest.approx(2 / 6)
    assert shop.served.held == {made.id: (MODEL, b"GGUF and so on")}
    assert shop.noted == [(ACCOUNT, MODEL, 60, made.id)]
    events = await shop.told(made.id)
    assert [event.message for event in events if event.type == "message"][:3] == [
        "Created, to be trained on tiny.",
        "Read 2 conversations from training/facts.jsonl.",
        "Training: 2 examples, 6 steps.",
    ]
    last = [event for event in events if event.type == "metrics"][-1]
    assert last.data is not None
    assert (last.data["step"], last.data["total_steps"], last.data["eta_seconds"]) == (6, 6, 0)
    assert last.data["tokens_per_second"] > 0
    folder = tmp_path / "training" / made.id
    await shop.reaches(made.id, lambda one: len(list(folder.iterdir())) == 2)
    assert sorted(path.name for path in folder.iterdir()) == ["adapter.gguf", "task.json"]


async def test_auto_is_decided_by_the_trainer(opened: Open) -> None:
    shop = opened(scripted("good"))
    made = await shop.order(epochs=None)
    assert made.n_epochs is None
    assert (await shop.ends(made.id)).n_epochs == 4


async def test_finished_models_are_served_again_after_a_start(opened: Open) -> None:
    shop = opened(scripted("good"))
    made = await shop.order()
    await shop.ends(made.id)
    shop.served.held.clear()
    await shop.runs.serve_finished()
    assert list(shop.served.held) == [made.id]


async def test_a_model_that_cannot_be_served_again_does_not_keep_a_server_from_starting(opened: Open) -> None:
    shop = opened(scripted("good"))
    await shop.ends((await shop.order()).id)
    shop.served.refusal = RinglineError("the base is gone")
    await shop.runs.serve_finished()


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "facts.jsonl: the file is empty"),
        (facts(("a", "b")) + b"{nonsense\n", "facts.jsonl line 2: not JSON"),
        (
            b'{"messages":[{"role":"user","content":"hi"}]}',
            "facts.jsonl line 1: no message has the role assistant",
        ),
    ],
)
async def test_a_bad_file_fails_with_its_line(opened: Open, tmp_path: Path, data: bytes, reason: str) -> None:
    shop = opened(scripted("good"))
    shop.files.held["training"]["facts.jsonl"] = data
    made = await shop.order()
    failed = await shop.ends(made.id)
    assert failed.status == "failed"
    assert failed.error is not None
    assert failed.error.startswith(reason)
    assert failed.error_parameter == "training_file"
    assert (await shop.told(made.id))[-1].message == f"Failed: {failed.error}"
    assert not (tmp_path / "training" / made.id).exists()


@pytest.mark.parametrize(
    "failure", [StorageUnavailable("no network"), OSError(28, "No space left on device")]
)
async def test_what_may_be_better_later_is_tried_again(opened: Open, failure: Exception) -> None:
    shop = opened(scripted("good"))
    shop.files.failures.append(failure)
    made = await shop.order()
    assert (await shop.ends(made.id)).status == "succeeded"
    assert [event.message for event in await shop.told(made.id) if event.level == "warn"] == [
        f"Broke off and will be tried again: {failure}"
    ]


async def test_a_job_that_takes_its_server_down_is_given_up(opened: Open) -> None:
    shop = opened(scripted("good"))
    await shop.jobs.stop()
    made = await shop.order()
    worn = jobs.update().where(jobs.c.id == made.job_id).values(attempts=ATTEMPTS)
    await shop.store.tx(lambda conn: conn.execute(worn))
    shop.jobs.start()
    failed = await shop.ends(made.id)
    assert failed.error == f"given up: the server broke off {ATTEMPTS} times while at it"


async def test_a_whole_bucket_is_read(opened: Open) -> None:
    shop = opened(scripted("good"))
    shop.files.held["training"] |= {"folder/": b"", "handbook.md": b"# Hours\nWe are open.\n"}
    made = await shop.order("training")
    assert (await shop.ends(made.id)).status == "succeeded"
    assert "Read 3 conversations from training." in [event.message for event in await shop.told(made.id)]


@pytest.mark.parametrize(
    ("held", "reason"),
    [({}, "training: the bucket is empty"), ({"a.png": b"\x89PNG\xff"}, "a.png: not UTF-8 text")],
)
async def test_a_bucket_without_use_fails(opened: Open, held: dict[str, bytes], reason: str) -> None:
    shop = opened(scripted("good"))
    shop.files.held["training"] = held
    failed = await shop.ends((await shop.order("training")).id)
    assert failed.error is not None
    assert failed.error.startswith(reason)


async def test_too_much_is_refused(opened: Open) -> None:
    shop = opened(scripted("good"), Limits(max_bytes=100))
    failed = await shop.ends((await shop.order()).id)
    assert failed.error == "the training files have more than 0 MB"


@pytest.mark.parametrize("wanted", ["nothing.jsonl", "training/nothing.jsonl", "nothing/facts.jsonl"])
async def test_a_file_that_is_not_there_is_told_at_once(opened: Open, wanted: str) -> None:
    with pytest.raises(TrainingError, match="nothing"):
        await opened(scripted("good")).order(wanted)


async def test_the_trainer_s_reason_is_the_job_s(opened: Open) -> None:
    shop = opened(scripted("refuses"))
    failed = await shop.ends((await shop.order()).id)
    assert (failed.status, failed.error, failed.error_parameter) == ("failed", "the card is on fire", "model")


@pytest.mark.parametrize(
    ("manner", "reason"),
    [
        ("babbles", "the trainer said what is no event"),
        ("quiet", "the trainer left no GGUF adapter"),
    ],
)
async def test_a_trainer_that_breaks_the_rules_is_not_asked_again(
    opened: Open, manner: str, reason: str
) -> None:
    shop = opened(scripted(manner))
    failed = await shop.ends((await shop.order()).id)
    assert failed.status == "failed"
    assert failed.error is not None
    assert failed.error.startswith(reason)


async def test_a_program_that_is_not_there_fails_the_job(opened: Open) -> None:
    shop = opened(CommandTrainer(["/nowhere/trainer", "{data}"]))
    failed = await shop.ends((await shop.order()).id)
    assert failed.error == "the trainer /nowhere/trainer cannot be started: No such file or directory"


async def test_what_cannot_be_served_has_not_succeeded(opened: Open) -> None:
    shop = opened(scripted("good"))
    shop.served.refusal = RinglineError("no room")
    failed = await shop.ends((await shop.order()).id)
    assert failed.error == "trained, but the adapter cannot be served: no room"


async def test_a_death_is_followed_by_another_try(opened: Open) -> None:
    shop = opened(scripted("dies at half"))
    made = await shop.order()
    assert (await shop.ends(made.id)).status == "succeeded"
    messages = [event.message for event in await shop.told(made.id)]
    assert "Broke off and will be tried again: the trainer ended with status 9: no word why" in messages
    assert "Training: going on after step 3, 6 steps." in messages


async def test_a_trainer_that_only_dies_is_given_up(opened: Open) -> None:
    shop = opened(scripted("dies"))
    made = await shop.order()
    failed = await shop.ends(made.id)
    assert failed.error == (
        f"given up after {ATTEMPTS} attempts: the trainer ended with status 7: first line | out of memory"
    )
    warnings = [event for event in await shop.told(made.id) if event.level == "warn"]
    assert len(warnings) == ATTEMPTS - 1


async def test_cancelling_ends_the_program(opened: Open, tmp_path: Path) -> None:
    farewell = tmp_path / "farewell"
    shop = opened(scripted("endless", 6, str(farewell)))
    made = await shop.order()
    await shop.reaches(made.id, lambda one: one.step > 0)

    cancelled = await shop.service.cancel(ACCOUNT, made.id)

    assert cancelled is not None
    assert cancelled.status == "cancelled"
    folder = tmp_path / "training" / made.id
    await shop.reaches(made.id, lambda one: farewell.exists() and not folder.exists())
    after = await shop.now(made.id)
    assert (after.status, after.finished_at) == ("cancelled", cancelled.finished_at)
    assert not shop.served.held
    with pytest.raises(IllegalMove, match="a job that is cancelled cannot be cancelled"):
        await shop.service.cancel(ACCOUNT, made.id)


async def test_a_job_that_waits_is_cancelled_before_it_begins(opened: Open) -> None:
    shop = opened(scripted("endless", 6, "/dev/null"))
    running, waiting = await shop.order(), await shop.order()
    await shop.reaches(running.id, lambda one: one.step > 0)
    assert (await shop.now(waiting.id)).status == "queued"
    await shop.service.cancel(ACCOUNT, waiting.id)
    await shop.service.cancel(ACCOUNT, running.id)
    await shop.reaches(running.id, lambda one: one.status == "cancelled")
    assert [event.message for event in await shop.told(waiting.id)] == [
        "Created, to be trained on tiny.",
        "Cancelled.",
    ]


async def test_jobs_are_their_account_s(opened: Open) -> None:
    shop = opened(scripted("good"))
    made = await shop.order()
    assert await shop.service.find("another", made.id) is None
    assert await shop.service.cancel("another", made.id) is None
    assert await shop.service.page("another", limit=10) == ([], False)
    await shop.ends(made.id)


async def test_pages_go_back_from_the_newest(opened: Open) -> None:
    shop = opened(scripted("good"))
    made = [await shop.order() for _ in range(3)]
    first, more = await shop.service.page(ACCOUNT, limit=2)
    assert ([one.id for one in first], more) == ([made[2].id, made[1].id], True)
    rest, more = await shop.service.page(ACCOUNT, after=first[-1].id, limit=2)
    assert ([one.id for one in rest], more) == ([made[0].id], False)
    assert await shop.service.page(ACCOUNT, after="unknown", limit=2) == ([], False)
    for one in made:
        await shop.ends(one.id)
    events, more = await shop.service.events(made[0].id, limit=1)
    assert more
    assert events[0].message.startswith("Finished")
    older, _ = await shop.service.events(made[0].id, after=events[0].id, limit=1)
    assert older[0].id != events[0].id
