"""Fine-tuning as this node wires it: which trainer, which bases, whose files."""

import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from ringline.api.buckets import Buckets
from ringline.core.clock import VirtualClock
from ringline.core.errors import ConfigError
from ringline.core.ids import Ids
from ringline.core.settings import InferenceSettings, Settings, SpeechSettings, TrainingSettings
from ringline.finetune.command import CommandTrainer
from ringline.finetune.errors import TrainingFileError
from ringline.finetune.local import LocalTrainer
from ringline.finetune.ports import FineTuned
from ringline.finetune.remote import RemoteTrainer
from ringline.inference.registry import load_registry
from ringline.inference.service import Inference
from ringline.node.finetune import Adapters, BadModel, EmbeddedBases, make_trainer
from ringline.node.inference import make_client, make_inference
from ringline.node.reports import Meter
from ringline.node.training_files import BucketFiles
from ringline.reports.usage import UsageLog
from ringline.storage.objects import ObjectStore
from ringline.store import buckets as rows
from ringline.store.buckets import Bucket
from ringline.store.db import Store
from tests.finetune.serving import BASE, a_hollow_base

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    ("settings", "kind"),
    [
        (TrainingSettings(), LocalTrainer),
        (TrainingSettings(command="train.sh --quick {data}"), CommandTrainer),
        (TrainingSettings(url="http://gpu:9000"), RemoteTrainer),
    ],
)
async def test_the_configured_trainer_trains(settings: TrainingSettings, kind: type) -> None:
    async with httpx.AsyncClient() as client:
        assert isinstance(make_trainer(settings, VirtualClock(), client), kind)


async def test_two_trainers_are_one_too_many() -> None:
    async with httpx.AsyncClient() as client:
        both = TrainingSettings(command="train.sh", url="http://gpu:9000")
        with pytest.raises(ConfigError, match=r"training\.command and training\.url are both set"):
            make_trainer(both, VirtualClock(), client)


@pytest.fixture
async def inference(tmp_path: Path, store: Store) -> AsyncIterator[Inference]:
    settings = Settings(
        data=tmp_path,
        speech=SpeechSettings(models=str(a_hollow_base(tmp_path / "models"))),
        inference=InferenceSettings(),
    )
    client = make_client()
    meter = Meter(UsageLog(store), VirtualClock())
    made = make_inference(settings, VirtualClock(), Ids.seeded(1), client, meter)
    yield made
    await made.stop()
    await client.aclose()


async def test_what_is_embedded_can_be_trained(inference: Inference, tmp_path: Path) -> None:
    bases = EmbeddedBases(inference, load_registry(), tmp_path / "models")
    found = bases.base(BASE, "account")
    assert (found.name, found.weights.parent) == (BASE, tmp_path / "models" / BASE)
    assert found.weights.suffix == ".gguf"
    assert bases.base("gpt-4o-mini", "account") == found  # an alias of the default model
    with pytest.raises(BadModel, match="'nobody' does not exist") as refused:
        bases.base("nobody", "account")
    assert refused.value.parameter == "model"
    shutil.rmtree(tmp_path / "models" / BASE)
    with pytest.raises(BadModel, match="cannot be fine-tuned here"):
        bases.base(BASE, "account")


async def test_a_finished_model_stands_beside_its_base(inference: Inference, tmp_path: Path) -> None:
    await Adapters(inference).add(
        FineTuned("ft-desk", BASE, tmp_path / "adapter.gguf", "account", 1_700_000_000)
    )
    card = inference.card("ft-desk", "account")
    assert (card.base, card.owner, card.created) == (BASE, "account", 1_700_000_000)
    assert inference.card(BASE).base is None
    with pytest.raises(BadModel, match=f"train {BASE} instead"):
        EmbeddedBases(inference, load_registry(), tmp_path / "models").base("ft-desk", "account")


async def test_files_are_those_of_the_account(store: Store, tmp_path: Path) -> None:
    clock, ids = VirtualClock(), Ids.seeded(1)
    buckets = Buckets(store, ObjectStore.open("", tmp_path / "objects"), clock, ids)
    for account, name in (("one", "training"), ("one", "empty"), ("two", "theirs")):
        await store.tx(rows.create, Bucket(ids.uuid(), account, name, "", clock.utc()), 10)

    async def said(text: str) -> AsyncIterator[bytes]:
        yield text.encode()

    await buckets.put("one", "training", "b.jsonl", said("second"))
    await buckets.put("one", "training", "a.jsonl", said("first"))
    files = BucketFiles(buckets)
    assert sorted(await files.buckets("one")) == ["empty", "training"]
    assert await files.buckets("nobody") == []
    assert [key async for key in files.keys("one", "training")] == ["a.jsonl", "b.jsonl"]
    assert await files.has("one", "training", "a.jsonl")
    assert not await files.has("one", "training", "c.jsonl")
    assert not await files.has("two", "training", "a.jsonl")
    assert b"".join([piece async for piece in files.read("one", "training", "a.jsonl")]) == b"first"
    with pytest.raises(TrainingFileError, match="no such object in the bucket training"):
        await anext(aiter(files.read("two", "training", "a.jsonl")))
    with pytest.raises(TrainingFileError, match="theirs: the bucket is gone"):
        await anext(aiter(files.keys("one", "theirs")))
