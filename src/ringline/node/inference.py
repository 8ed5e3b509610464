"""The chat models of this node: the engines of the configuration, and the embedded one."""

import os
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import httpx

from ringline.core.clock import Clock
from ringline.core.ids import Ids
from ringline.core.settings import InferenceSettings, Settings
from ringline.inference.cards import BY_DIALECT, Dialect, ModelCard
from ringline.inference.engine_transport import EngineTransport
from ringline.inference.engines import Engine, EngineFile, checked_urls, load_engines
from ringline.inference.llama import LlamaHouse, LlamaPlan
from ringline.inference.registry import Model, Task, load_registry
from ringline.inference.replicas import FixedReplica, Replica
from ringline.inference.roster import Roster, shipped_aliases
from ringline.inference.service import Embedded, Inference, Meter, Offer, Queues
from ringline.inference.upstream import Deadlines, Upstream
from ringline.inference.weights import is_present
from ringline.workers.admission import Limits

LLAMA = "llama.cpp"
MOST_THREADS = 8
"""Beyond it small models become no faster."""


def make_client() -> httpx.AsyncClient:
    """The connections to engines, as many as are asked for: how many answers run is decided at each door.

    Whoever asks for it closes it.
    """
    return httpx.AsyncClient(transport=EngineTransport(), trust_env=False, timeout=httpx.Timeout(10.0))


def make_inference(
    settings: Settings, clock: Clock, ids: Ids, client: httpx.AsyncClient, meter: Meter
) -> Inference:
    """No model at all is no error until somebody asks for one. Raises `ConfigError`."""
    one = settings.inference
    file = load_engines(Path(one.engines)) if one.engines else EngineFile()
    engines = (*_first_engine(one), *file.engines)
    deadlines = Deadlines(one.connect_s, one.first_s, one.idle_s, one.total_s)
    upstream = partial(_upstream, client=client, clock=clock, deadlines=deadlines)
    offers = [
        Offer(
            upstream(engine.name, [FixedReplica(url, engine.key) for url in engine.urls], engine.dialect),
            engine.models,
            engine.capabilities,
            engine.context,
            engine.max_completion,
        )
        for engine in engines
    ]
    return Inference(
        roster=Roster(one.model, shipped_aliases() | dict(file.aliases)),
        house=LlamaHouse(one.loaded, clock, ids),
        make_upstream=upstream,
        offers=offers,
        embedded=_embedded(settings),
        queues=Queues(
            Limits(one.in_flight, one.waiting), Limits(one.slots, one.waiting), one.wait_s, one.total_s
        ),
        clock=clock,
        ids=ids,
        meter=meter,
    )


def _upstream(
    name: str,
    replicas: Sequence[Replica],
    dialect: Dialect,
    *,
    client: httpx.AsyncClient,
    clock: Clock,
    deadlines: Deadlines,
) -> Upstream:
    return Upstream(name, replicas, client, clock, dialect=dialect, deadlines=deadlines)


def _first_engine(one: InferenceSettings) -> tuple[Engine, ...]:
    if not one.upstream:
        return ()
    dialect = Dialect(one.upstream_dialect)
    return (
        Engine(
            name="upstream",
            urls=checked_urls(one.upstream, "inference.upstream"),
            key=one.upstream_key.get_secret_value(),
            dialect=dialect,
            capabilities=BY_DIALECT[dialect],
        ),
    )


def _embedded(settings: Settings) -> Sequence[Embedded]:
    folder = settings.models_folder()
    chat = [model for model in load_registry() if model.task is Task.CHAT and model.engine == LLAMA]
    return [_embed(model, folder, settings.inference) for model in chat if is_present(model, folder)]


def _embed(model: Model, folder: Path, one: InferenceSettings) -> Embedded:
    weights = folder / model.name / next(iter(model.files))
    context = min(one.context, model.context or one.context)
    card = ModelCard(
        id=model.name,
        task=Task.CHAT,
        dialect=Dialect.LLAMA_CPP,
        capabilities=replace(BY_DIALECT[Dialect.LLAMA_CPP], thinking=False, choices=one.slots),
        context=context,
        max_completion=context // 4,
        created=int(weights.stat().st_mtime),
        languages=model.languages,
        licence=model.licence,
        parameters=model.parameters or 0,
        description=model.provenance,
        is_fine_tunable=True,
    )
    plan = LlamaPlan(
        name=model.name,
        model=weights,
        context=context,
        slots=one.slots,
        threads=one.threads or max(1, min(MOST_THREADS, (os.cpu_count() or 1) - 1)),
        idle_s=max(one.loaded_s, one.total_s + 60),
    )
    return Embedded(card, plan)
