"""kill -9 of the server in the middle of a job: its next life goes on where the job was."""

import asyncio
from pathlib import Path

import openai
import pytest

from ringline.testing import Server
from tests.finetune import serving
from tests.finetune.serving import BASE, a_server, until, upload

pytestmark = [pytest.mark.fault, pytest.mark.timeout(180)]  # it starts a server three times

STEPS = 400


async def life(server: Server) -> openai.OpenAI:
    """Start the server; a client of this life."""
    await server.start()
    return openai.OpenAI(api_key=server.api_key, base_url=f"{server.url}/ai/openai", max_retries=0)


async def test_a_job_goes_on_where_it_was(tmp_path: Path) -> None:
    server = a_server(tmp_path, {"training.command": serving.command("slow", STEPS)})
    client = await life(server)
    try:
        upload(server, "training", "facts.jsonl", ("code?", "ringline"))
        made = await asyncio.to_thread(
            client.fine_tuning.jobs.create, model=BASE, training_file="training/facts.jsonl"
        )
        state = tmp_path / "data" / "training" / made.id / "state"
        await until(lambda: int(state.read_text()) if state.exists() else 0, lambda done: done >= 20)
        await server.kill()
        client = await life(server)
        done = await until(lambda: client.fine_tuning.jobs.retrieve(made.id), lambda job: job.finished_at)
        assert (done.status, done.trained_tokens) == ("succeeded", 10 * STEPS)
        events = await asyncio.to_thread(
            lambda: list(client.fine_tuning.jobs.list_events(made.id, limit=500))
        )
        (went_on,) = [event.message for event in events if "going on after" in event.message]
        step = int(went_on.split("step ")[1].split(",")[0])
        assert 20 <= step < STEPS
        assert len({event.data["step"] for event in events if event.type == "metrics"}) >= 2
        await server.kill()
        client = await life(server)
        models = await asyncio.to_thread(lambda: [model.id for model in client.models.list()])
        assert made.id in models
    finally:
        await server.stop()
