"""The stock SDKs against a running server whose trainer is a program."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest
import pytest_asyncio
import telnyx
from prometheus_client.parser import text_string_to_metric_families

from ringline.testing import Server
from tests.finetune import serving
from tests.finetune.serving import BASE, a_server, until, upload

pytestmark = [pytest.mark.system, pytest.mark.asyncio(loop_scope="module")]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def server(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Server]:
    folder = tmp_path_factory.mktemp("server")
    async with a_server(folder, {"training.command": serving.command("good", 12)}) as running:
        upload(running, "training", "facts.jsonl", ("code?", "ringline"), ("extension?", "42"))
        upload(running, "second", "facts.jsonl", ("code?", "ringline"))
        yield running


@pytest.fixture
def telnyx_client(server: Server) -> telnyx.Telnyx:
    return telnyx.Telnyx(api_key=server.api_key, base_url=server.url, max_retries=0)


@pytest.fixture(params=["/ai", "/ai/openai"])
def openai_client(server: Server, request: pytest.FixtureRequest) -> openai.OpenAI:
    return openai.OpenAI(api_key=server.api_key, base_url=server.url + request.param, max_retries=0)


async def test_telnyx_trains_a_model(telnyx_client: telnyx.Telnyx) -> None:
    jobs = telnyx_client.ai.fine_tuning.jobs
    made = await asyncio.to_thread(
        jobs.create,
        model=BASE,
        training_file="training/facts.jsonl",
        hyperparameters={"n_epochs": 4},
        suffix="support",
    )
    assert made.status in ("queued", "running")
    assert made.id.startswith(f"ft-{BASE}-support-")
    assert made.hyperparameters.n_epochs == 4
    done = await until(lambda: jobs.retrieve(made.id), lambda job: job.finished_at)
    assert (done.status, done.trained_tokens, done.model) == ("succeeded", 120, BASE)
    assert done.created_at <= done.finished_at
    listed = await asyncio.to_thread(jobs.list)
    assert made.id in [job.id for job in listed.data]

    models = await asyncio.to_thread(telnyx_client.ai.openai.list_models)
    (ours,) = [model for model in models.data if model.id == made.id]
    assert ours.base_model == BASE
    (base,) = [model for model in models.data if model.id == BASE]
    assert base.is_fine_tunable

    with pytest.raises(telnyx.UnprocessableEntityError, match=f"train {BASE} instead"):
        await asyncio.to_thread(jobs.create, model=made.id, training_file="training")
    with pytest.raises(telnyx.BadRequestError, match=r"has ended \(succeeded\) and cannot be cancelled"):
        await asyncio.to_thread(jobs.cancel, made.id)


async def test_openai_trains_a_model_and_watches(openai_client: openai.OpenAI) -> None:
    jobs = openai_client.fine_tuning.jobs
    made = await asyncio.to_thread(
        jobs.create,
        model=BASE,
        training_file="s3://training/facts.jsonl",
        method={"type": "supervised", "supervised": {"hyperparameters": {"n_epochs": "auto"}}},
        seed=7,
        metadata={"team": "support"},
    )
    assert (made.object, made.seed, made.metadata) == ("fine_tuning.job", 7, {"team": "support"})
    assert made.fine_tuned_model is None
    done = await until(lambda: jobs.retrieve(made.id), lambda job: job.finished_at)
    assert (done.status, done.fine_tuned_model, done.error) == ("succeeded", made.id, None)
    assert done.hyperparameters.n_epochs == 4  # what the trainer has decided

    events = await asyncio.to_thread(lambda: list(jobs.list_events(made.id, limit=3)))
    assert len(events) == len({event.id for event in events}) > 3  # the SDK has turned pages
    assert events[0].message == f"Finished: the model answers as {made.id}."
    metrics = [event.data for event in events if event.type == "metrics"]
    assert metrics[0]["step"] == metrics[0]["total_steps"] == 12  # type: ignore[index]  # JSON
    (checkpoint,) = (await asyncio.to_thread(jobs.checkpoints.list, made.id)).data
    assert (checkpoint.fine_tuned_model_checkpoint, checkpoint.step_number) == (made.id, 12)

    found = await asyncio.to_thread(lambda: [job.id for job in jobs.list(limit=1)])
    assert made.id in found
    assert len(found) == len(set(found))


async def test_a_training_is_a_job_among_those_that_are_counted(
    server: Server, telnyx_client: telnyx.Telnyx
) -> None:
    def succeeded() -> float:
        text = httpx.get(f"{server.url.removesuffix('/v2')}/metrics").text
        return sum(
            sample.value
            for family in text_string_to_metric_families(text)
            for sample in family.samples
            if sample.name == "ringline_jobs_total" and sample.labels == {"outcome": "succeeded"}
        )

    before = await asyncio.to_thread(succeeded)
    jobs = telnyx_client.ai.fine_tuning.jobs
    await asyncio.to_thread(jobs.create, model=BASE, training_file="training/facts.jsonl")
    await until(succeeded, lambda count: count > before)


@pytest.mark.parametrize(
    ("changed", "pointer", "told"),
    [
        ({"model": "gpt-4-x"}, ["model"], "'gpt-4-x' does not exist"),
        ({"training_file": "nowhere/f.jsonl"}, ["training_file"], "no bucket 'nowhere'"),
        ({"training_file": "training/f.jsonl"}, ["training_file"], "has no object 'f.jsonl'"),
        ({"training_file": "facts.jsonl"}, ["training_file"], "say which: second/facts.jsonl"),
        ({"hyperparameters": {"n_epochs": 51}}, ["hyperparameters", "n_epochs"], "51"),
        ({"hyperparameters": {"n_epochs": "many"}}, ["hyperparameters", "n_epochs"], "many"),
        ({"suffix": "x" * 65}, ["suffix"], "64"),
        ({"method": {"type": "dpo"}}, ["method", "type"], "must be one of: supervised"),
        ({"validation_file": "training/facts.jsonl"}, ["validation_file"], "not available"),
        ({"integrations": [{"type": "wandb", "wandb": {"project": "x"}}]}, ["integrations"], "not available"),
    ],
)
async def test_what_is_wrong_is_named(
    server: Server, changed: dict[str, Any], pointer: list[str], told: str
) -> None:
    client = openai.OpenAI(api_key=server.api_key, base_url=f"{server.url}/ai/openai", max_retries=0)
    wanted: dict[str, Any] = {"model": BASE, "training_file": "training/facts.jsonl"}
    with pytest.raises(openai.UnprocessableEntityError, match=told) as refused:
        await asyncio.to_thread(client.fine_tuning.jobs.create, **wanted | changed)
    assert refused.value.param == ".".join(pointer)


async def test_an_unknown_job_is_not_found(
    telnyx_client: telnyx.Telnyx, openai_client: openai.OpenAI
) -> None:
    for operation in (telnyx_client.ai.fine_tuning.jobs.retrieve, telnyx_client.ai.fine_tuning.jobs.cancel):
        with pytest.raises(telnyx.NotFoundError):
            await asyncio.to_thread(operation, "ft-unknown")
    with pytest.raises(openai.NotFoundError):
        await asyncio.to_thread(openai_client.fine_tuning.jobs.list_events, "ft-unknown")
    with pytest.raises(openai.NotFoundError):
        await asyncio.to_thread(openai_client.fine_tuning.jobs.checkpoints.list, "ft-unknown")


async def test_a_bad_line_is_the_reason(server: Server, telnyx_client: telnyx.Telnyx) -> None:
    upload(server, "training", "bad.jsonl", ("code?", "ringline"), ("empty?", ""))
    client = openai.OpenAI(api_key=server.api_key, base_url=f"{server.url}/ai/openai", max_retries=0)
    made = await asyncio.to_thread(
        client.fine_tuning.jobs.create, model=BASE, training_file="training/bad.jsonl"
    )
    failed = await until(lambda: client.fine_tuning.jobs.retrieve(made.id), lambda job: job.finished_at)
    assert failed.status == "failed"
    assert failed.error.message == "bad.jsonl line 2: message 2 is empty"
    assert (failed.error.code, failed.error.param) == ("invalid_training_file", "training_file")
    assert (await asyncio.to_thread(telnyx_client.ai.fine_tuning.jobs.retrieve, made.id)).status == "failed"


async def test_cancelling_a_job_ends_the_trainer(tmp_path: Path) -> None:
    farewell = tmp_path / "farewell"
    endless = serving.command("endless", 1000, str(farewell))
    async with a_server(tmp_path / "server", {"training.command": endless}) as running:
        upload(running, "training", "facts.jsonl", ("code?", "ringline"))
        jobs = telnyx.Telnyx(api_key=running.api_key, base_url=running.url, max_retries=0).ai.fine_tuning.jobs
        made = await asyncio.to_thread(jobs.create, model=BASE, training_file="training")
        await until(lambda: jobs.retrieve(made.id), lambda job: job.status == "running")
        state = tmp_path / "server" / "data" / "training" / made.id / "state"
        await until(state.exists, bool)
        cancelled = await asyncio.to_thread(jobs.cancel, made.id)
        assert cancelled.status == "cancelled"
        await until(farewell.exists, bool)
        assert (await asyncio.to_thread(jobs.retrieve, made.id)).status == "cancelled"
