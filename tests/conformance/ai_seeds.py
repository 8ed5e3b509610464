"""One of each thing that the operations on models, conversations and reports need."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypedDict

import httpx

from ringline.api.buckets import Buckets
from ringline.core.clock import Clock
from ringline.core.settings import Settings, load
from ringline.inference.embedding import Embedder
from ringline.inference.registry import load_registry
from ringline.node.embeddings import make_embeddings
from ringline.node.inference import make_client
from ringline.store import buckets as stored
from ringline.store.buckets import Bucket
from ringline.testing.engine import CHAT_MODEL, Engine
from tests.api.house import House
from tests.conformance.sdk import Witness

BASE_MODEL = "smollm2-135m-instruct"
EXAMPLES = b'{"messages":[{"role":"user","content":"Who?"},{"role":"assistant","content":"Me."}]}\n' * 12


class Models(TypedDict):
    """What a house needs to have models."""

    config: Settings
    embedder: Embedder
    http: httpx.AsyncClient


@asynccontextmanager
async def models_of(folder: Path, clock: Clock) -> AsyncIterator[Models]:
    """A scripted engine for chat and embeddings, and an embedded model that can be trained in name."""
    async with Engine() as engine, make_client() as http:
        config = load(environ={}, overrides={"data": folder, **engine.settings, **_named(engine, folder)})
        _pretend_weights(config)
        yield {"config": config, "embedder": make_embeddings(config, clock, http), "http": http}


def _named(engine: Engine, folder: Path) -> dict[str, object]:
    """The engine with its model by name: a server that is told need not ask, however busy the machine is."""
    file = folder / "engines.toml"
    file.write_text(
        f'[[engine]]\nname = "tests"\nurls = ["{engine.url}"]\n'
        f'dialect = "vllm"\nmodels = ["{CHAT_MODEL}"]\ncontext = 8192\n'
    )
    return {"inference.engines": str(file), "inference.upstream": ()}


def _pretend_weights(config: Settings) -> None:
    """A file of the size of the embedded chat model's weights: it is offered, and nothing is made of it."""
    (model,) = (one for one in load_registry() if one.name == BASE_MODEL)
    (name,) = model.files
    weights = config.models_folder() / model.name / name
    weights.parent.mkdir(parents=True)
    with weights.open("wb") as file:
        file.truncate(model.bytes)


async def one_of_each(sdk: Witness, house: House) -> dict[str, str]:
    """Their ids by name; those called `new_…` are there to be deleted."""
    house.jobs.start()
    ids = {"base_model": BASE_MODEL, "bucket": "training", "file": "training/facts.jsonl"}
    await _keep_examples(house)
    conversations = sdk.ai.conversations
    for new in ("", "new_"):
        conversation = await conversations.create(name="first", metadata={"channel": "phone_call"})
        ids[f"{new}conversation"] = conversation.id
        insight = await conversations.insights.create(name="mood", instructions="How did they feel?")
        ids[f"{new}insight"] = str(insight.data.id)
        group = await conversations.insight_groups.insight_groups(name="calls")
        ids[f"{new}group"] = str(group.data.id)
        report = await sdk.legacy.reporting.batch_detail_records.speech_to_text.create(
            start_date="2030-01-01T00:00:00Z", end_date="2030-01-02T00:00:00Z"
        )
        assert report.data is not None
        ids[f"{new}report"] = str(report.data.id)
    for role in ("user", "assistant"):
        await conversations.add_message(
            ids["conversation"], role=role, content="hello", sent_at="2030-01-01T00:00:00Z"
        )
    job = await sdk.ai.fine_tuning.jobs.create(model=BASE_MODEL, training_file=ids["file"])
    ids["job"] = job.id
    await _reports_written(sdk, ids["report"])
    await house.jobs.stop()
    return ids


async def _keep_examples(house: House) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        yield EXAMPLES

    made = Bucket("training", house.account_id, "training", "", house.clock.utc())
    await house.store.tx(stored.create, made, 10)
    buckets = Buckets(house.store, house.objects, house.clock, house.ids)
    await buckets.put(house.account_id, "training", "facts.jsonl", pieces(), "application/jsonl")


async def _reports_written(sdk: Any, report: str) -> None:
    details = sdk.legacy.reporting.batch_detail_records.speech_to_text
    async with asyncio.timeout(10):
        while (await details.retrieve(report)).data.status == "PENDING":  # noqa: ASYNC110  # told to nobody
            await asyncio.sleep(0.01)
