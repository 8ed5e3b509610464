"""Fine-tuning jobs over HTTP (spec ai-api §8); nothing is trained here, rows are put as a trainer would."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import openai.types.fine_tuning as openai_types
import pytest
import telnyx.types.ai.fine_tuning as telnyx_types
from openai.types.fine_tuning.jobs import FineTuningJobCheckpoint

from ringline.finetune.service import KIND, FineTuning
from ringline.jobs.run import Run
from ringline.jobs.runner import Jobs
from ringline.store import training
from ringline.store.tables import jobs as job_rows
from ringline.store.training import TrainingEvent
from tests.api.conftest import client_of
from tests.api.house import KEY, OTHER_KEY, House
from tests.finetune.shop import MODEL, MemoryFiles, OneBase

pytestmark = pytest.mark.unit

TELNYX, OPENAI = "/ai/fine_tuning/jobs", "/ai/openai/fine_tuning/jobs"
BODY = {"model": MODEL, "training_file": "training/facts.jsonl"}


class OwnFiles(MemoryFiles):
    """The same for every account."""

    async def buckets(self, account_id: str) -> list[str]:
        return sorted(self.held)


async def _never(run: Run) -> None:
    raise AssertionError("jobs are not started here")


@pytest.fixture
def trained(house: House) -> House:
    """A house with one model to train and one file."""
    jobs = Jobs(house.store, house.clock, ids=house.ids, node="test")
    jobs.register(KIND, _never)
    files = OwnFiles({"training": {"facts.jsonl": b"{}"}})
    house.training = FineTuning(
        *(house.store, house.clock, house.ids), jobs=jobs, files=files, bases=OneBase(Path("/weights.gguf"))
    )
    return house


@pytest.fixture
def api(trained: House) -> httpx.AsyncClient:
    return client_of(trained, KEY)


async def made(api: httpx.AsyncClient, path: str = TELNYX, **members: object) -> dict[str, Any]:
    answer = await api.post(path, json={**BODY, **members})
    assert answer.status_code == 200, answer.text
    job: dict[str, Any] = answer.json()
    return job


@pytest.mark.parametrize("path", [TELNYX, OPENAI])
async def test_a_new_job_is_what_both_sdks_expect(api: httpx.AsyncClient, trained: House, path: str) -> None:
    job = await made(api, path, suffix="desk")
    assert job == {
        "id": job["id"],
        "object": "fine_tuning.job",
        "created_at": int(trained.clock.utc().timestamp()),
        "finished_at": None,
        "estimated_finish": None,
        "fine_tuned_model": None,
        "hyperparameters": {"n_epochs": 3, "batch_size": 8, "learning_rate_multiplier": 1.0},
        "model": MODEL,
        "organization_id": trained.account_id,
        "status": "queued",
        "trained_tokens": None,
        "training_file": "training/facts.jsonl",
        "validation_file": None,
        "result_files": [],
        "seed": job["seed"],
        "error": None,
        "metadata": None,
    }
    assert "/" not in job["id"]
    telnyx_types.FineTuningJob.model_validate(job, strict=True)
    openai_types.FineTuningJob.model_validate(job, strict=True)
    for look in (TELNYX, OPENAI):
        assert (await api.get(f"{look}/{job['id']}")).json() == job
        assert (await api.get(look)).json() == {"object": "list", "data": [job], "has_more": False}


@pytest.mark.parametrize(
    ("members", "shown"),
    [
        ({"n_epochs": 50}, {"n_epochs": 50}),
        ({"n_epochs": "auto"}, {"n_epochs": 3}),
        ({"n_epochs": None}, {"n_epochs": 3}),
        (
            {"batch_size": 1, "learning_rate_multiplier": 0.5},
            {"batch_size": 1, "learning_rate_multiplier": 0.5},
        ),
        ({"batch_size": "auto", "learning_rate_multiplier": "auto"}, {"batch_size": 8}),
    ],
)
@pytest.mark.parametrize("where", ["hyperparameters", "method"])
async def test_hyperparameters_stand_in_two_places(
    api: httpx.AsyncClient, where: str, members: dict[str, Any], shown: dict[str, Any]
) -> None:
    given: Any = members
    if where == "method":
        given = {"type": "supervised", "supervised": {"hyperparameters": members}}
    job = await made(api, **{where: given})
    assert job["hyperparameters"] == job["hyperparameters"] | shown


@pytest.mark.parametrize(
    ("members", "code", "pointer"),
    [
        ({"model": None}, "10004", "/model"),
        ({"model": "another"}, "10015", "/model"),
        ({"training_file": "nowhere/x"}, "10015", "/training_file"),
        ({"training_file": ""}, "10025", "/training_file"),
        ({"hyperparameters": {"n_epochs": 0}}, "10033", "/hyperparameters/n_epochs"),
        ({"hyperparameters": {"batch_size": 257}}, "10033", "/hyperparameters/batch_size"),
        (
            {"hyperparameters": {"learning_rate_multiplier": 0}},
            "10033",
            "/hyperparameters/learning_rate_multiplier",
        ),
        ({"seed": -1}, "10033", "/seed"),
        ({"validation_file": "x"}, "10038", "/validation_file"),
        ({"integrations": [1]}, "10038", "/integrations"),
        ({"metadata": {"a": "x" * 513}}, "10025", "/metadata/a"),
    ],
)
async def test_a_mistake_is_pointed_at(
    api: httpx.AsyncClient, members: dict[str, Any], code: str, pointer: str
) -> None:
    answer = await api.post(TELNYX, json={**BODY, **members})
    assert answer.status_code == 422
    (problem,) = answer.json()["errors"]
    assert (problem["code"], problem["source"]["pointer"]) == (code, pointer)
    assert answer.json()["error"]["type"] == "invalid_request_error"
    assert (await api.get(TELNYX)).json()["data"] == []


async def test_what_is_left_open_may_be_null(api: httpx.AsyncClient) -> None:
    job = await made(
        api,
        hyperparameters=None,
        suffix=None,
        seed=None,
        method=None,
        metadata=None,
        validation_file=None,
        integrations=[],
    )
    assert job["hyperparameters"]["n_epochs"] == 3


async def test_a_job_belongs_to_its_account(api: httpx.AsyncClient, trained: House) -> None:
    job = await made(api)
    async with client_of(trained, OTHER_KEY) as other:
        assert (await other.get(TELNYX)).json()["data"] == []
        for answer in (
            await other.get(f"{TELNYX}/{job['id']}"),
            await other.get(f"{TELNYX}/{job['id']}/events"),
            await other.get(f"{OPENAI}/{job['id']}/checkpoints"),
            await other.post(f"{TELNYX}/{job['id']}/cancel"),
        ):
            assert answer.status_code == 404
            assert answer.json()["errors"][0]["code"] == "10005"
    assert (await api.get(f"{TELNYX}/{job['id']}")).json()["status"] == "queued"


async def test_a_job_is_cancelled_once(api: httpx.AsyncClient, trained: House) -> None:
    job = await made(api)
    trained.clock.advance(5)
    answer = await api.post(f"{TELNYX}/{job['id']}/cancel", headers={"content-type": "application/json"})
    assert answer.status_code == 200
    assert (answer.json()["status"], answer.json()["finished_at"]) == ("cancelled", job["created_at"] + 5)
    states = await trained.store.read(lambda conn: list(conn.execute(job_rows.select()).mappings()))
    assert [state["state"] for state in states] == ["cancelled"]
    again = await api.post(f"{OPENAI}/{job['id']}/cancel")
    assert again.status_code == 400
    assert (
        again.json()["errors"][0]["detail"]
        == "This job has ended (cancelled) and cannot be cancelled any more."
    )


async def test_an_end_is_shown_with_all_that_belongs_to_it(api: httpx.AsyncClient, trained: House) -> None:
    good, bad = await made(api), await made(api, metadata={"team": "desk"})
    trained.clock.advance(60)
    ended = {"finished_at": trained.clock.utc(), "step": 6, "steps": 6, "loss": 0.25}
    await trained.store.tx(
        training.revise, good["id"], lambda one: replace(one, status="succeeded", trained_tokens=99, **ended)
    )
    await trained.store.tx(
        training.revise,
        bad["id"],
        lambda one: replace(
            one, status="failed", error="f.jsonl line 2: no", error_parameter="training_file", **ended
        ),
    )
    done = (await api.get(f"{OPENAI}/{good['id']}")).json()
    assert (done["fine_tuned_model"], done["trained_tokens"]) == (good["id"], 99)
    assert done["finished_at"] == done["created_at"] + 60
    failed = (await api.get(f"{OPENAI}/{bad['id']}")).json()
    assert (failed["error"], failed["fine_tuned_model"], failed["metadata"]) == (
        {"code": "invalid_training_file", "message": "f.jsonl line 2: no", "param": "training_file"},
        None,
        {"team": "desk"},
    )
    (checkpoint,) = (await api.get(f"{OPENAI}/{good['id']}/checkpoints")).json()["data"]
    FineTuningJobCheckpoint.model_validate(checkpoint, strict=True)
    assert checkpoint["metrics"] == {"step": 6, "train_loss": 0.25}
    none = (await api.get(f"{TELNYX}/{bad['id']}/checkpoints")).json()
    assert none == {"object": "list", "data": [], "has_more": False, "first_id": None, "last_id": None}


async def test_events_come_in_pages(api: httpx.AsyncClient, trained: House) -> None:
    job = await made(api)
    for step in (1, 2):
        event = TrainingEvent(
            id=f"e{step}",
            training_id=job["id"],
            created_at=trained.clock.utc(),
            level="info",
            type="metrics",
            message=f"Step {step}",
            data={"step": step},
        )
        await trained.store.tx(training.add_event, event)
    page = (await api.get(f"{OPENAI}/{job['id']}/events", params={"limit": 2})).json()
    assert ([event["id"] for event in page["data"]], page["has_more"]) == (["e2", "e1"], True)
    for event in page["data"]:
        openai_types.FineTuningJobEvent.model_validate(event, strict=True)
    rest = (await api.get(f"{TELNYX}/{job['id']}/events", params={"after": "e1"})).json()
    assert ([event["message"] for event in rest["data"]], rest["has_more"]) == (
        [f"Created, to be trained on {MODEL}."],
        False,
    )
    refused = await api.get(f"{OPENAI}/{job['id']}/events", params={"limit": 0})
    assert (refused.status_code, refused.json()["errors"][0]["source"]) == (422, {"parameter": "limit"})


async def test_jobs_come_in_pages(api: httpx.AsyncClient) -> None:
    first, second = await made(api), await made(api)
    page = (await api.get(OPENAI, params={"limit": 1})).json()
    assert ([job["id"] for job in page["data"]], page["has_more"]) == ([second["id"]], True)
    rest = (await api.get(OPENAI, params={"limit": 1, "after": second["id"]})).json()
    assert ([job["id"] for job in rest["data"]], rest["has_more"]) == ([first["id"]], False)
