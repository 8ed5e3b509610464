"""Fine-tuning on this node: the trainer that is configured, files of buckets, the models that we run."""

import os
import shlex
from collections import Counter
from pathlib import Path

import httpx

from ringline.api.buckets import Buckets
from ringline.core.clock import Clock
from ringline.core.errors import ConfigError
from ringline.core.ids import Ids
from ringline.core.settings import Settings, TrainingSettings
from ringline.finetune.command import CommandTrainer
from ringline.finetune.errors import TrainingError
from ringline.finetune.job import FineTuneJobs, Limits
from ringline.finetune.local import LocalTrainer
from ringline.finetune.ports import Base, Bases, FineTuned, Note, Served
from ringline.finetune.remote import RemoteTrainer
from ringline.finetune.service import KIND, FineTuning
from ringline.finetune.task import Trainer
from ringline.inference.errors import UnknownModel
from ringline.inference.registry import Registry, load_registry
from ringline.inference.service import Inference
from ringline.inference.weights import is_present
from ringline.jobs.runner import Jobs
from ringline.node.training_files import BucketFiles
from ringline.store.db import Store

MEGABYTE = 1_000_000
NEVER = 1_000_000
"""Attempts of the durable job: `FineTuneJobs` itself decides when to give up, for its rows must say so."""


class BadModel(TrainingError):
    """A model that cannot be trained."""

    parameter = "model"


class EmbeddedBases:
    """The models that this server runs itself: an adapter can only be served beside these."""

    def __init__(self, inference: Inference, registry: Registry, folder: Path) -> None:
        self._inference = inference
        self._models = {model.name: model for model in registry}
        self._folder = folder

    def base(self, model: str, account_id: str) -> Base:
        """The model that the name means to an account; raises `BadModel`."""
        try:
            card = self._inference.card(model, account_id)
        except UnknownModel as error:
            raise BadModel(str(error).rstrip(".")) from error
        if card.base is not None:
            raise BadModel(f"{model} is a fine-tuned model; train {card.base} instead")
        found = self._models.get(card.id)
        if not card.is_fine_tunable or found is None or not is_present(found, self._folder):
            raise BadModel(f"the model {model} cannot be fine-tuned here")
        (weights,) = (self._folder / found.name / file for file in found.files if file.endswith(".gguf"))
        return Base(card.id, weights)


class Adapters:
    """A `Served` over the inference room."""

    def __init__(self, inference: Inference) -> None:
        self._inference = inference

    async def add(self, model: FineTuned) -> None:
        """Serve an adapter from now on."""
        self._inference.add_adapter(model.name, model.base, model.adapter, model.owner, model.created)


class Training:
    """The jobs of fine-tuning and what they stand on.

    They have a runner of their own with one place: hours of training must not keep other jobs waiting, and
    two at once would each be half as fast.
    """

    def __init__(
        self,
        settings: Settings,
        store: Store,
        clock: Clock,
        ids: Ids,
        *,
        node: str,
        buckets: Buckets,
        bases: Bases,
        served: Served,
        note: Note,
        http: httpx.AsyncClient,
    ) -> None:
        one = settings.training
        self.trainer = make_trainer(one, clock, http)
        self._jobs = Jobs(store, clock, ids=ids, node=f"{node} training", slots=1)
        files = BucketFiles(buckets)
        self._runs = FineTuneJobs(
            store,
            clock,
            ids,
            trainer=self.trainer,
            files=files,
            bases=bases,
            served=served,
            note=note,
            folder=settings.data / "training",
            limits=Limits(longest=one.longest_tokens, max_bytes=one.max_file_mb * MEGABYTE),
        )
        self._jobs.register(KIND, self._runs.run, max_attempts=NEVER)
        self.service = FineTuning(store, clock, ids, jobs=self._jobs, files=files, bases=bases)

    @property
    def counts(self) -> Counter[str]:
        """Of its runner, as `Jobs.counts`."""
        return self._jobs.counts

    async def start(self) -> None:
        """Serve what was trained before, and go on with what was not finished."""
        await self._runs.serve_finished()
        self._jobs.start()

    async def stop(self) -> None:
        """Leave what runs where it is; the next start goes on with it."""
        await self._jobs.stop()
        await self.trainer.stop()


def make_trainer(settings: TrainingSettings, clock: Clock, http: httpx.AsyncClient) -> Trainer:
    """The one that is configured; raises `ConfigError` for two."""
    if settings.command and settings.url:
        raise ConfigError("training.command and training.url are both set; keep one of them")
    if settings.url:
        return RemoteTrainer(settings.url, settings.key.get_secret_value(), http)
    if settings.command:
        return CommandTrainer(shlex.split(settings.command))
    threads = settings.threads or max(1, (os.cpu_count() or 2) - 1)
    return LocalTrainer(clock, threads=threads, save_every=settings.save_every)


def make_training(
    settings: Settings,
    store: Store,
    clock: Clock,
    ids: Ids,
    *,
    node: str,
    buckets: Buckets,
    inference: Inference,
    note: Note,
    http: httpx.AsyncClient,
) -> Training:
    """Fine-tuning of the models that `inference` runs itself. Raises `ConfigError`."""
    bases = EmbeddedBases(inference, load_registry(), settings.models_folder())
    return Training(
        *(settings, store, clock, ids),
        node=node,
        buckets=buckets,
        bases=bases,
        served=Adapters(inference),
        note=note,
        http=http,
    )
