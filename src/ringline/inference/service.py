"""The one door to every chat model, whoever runs it."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Protocol

from ringline.core import log
from ringline.core.clock import SECOND, Clock
from ringline.core.ids import Ids
from ringline.inference.cards import BY_DIALECT, Capabilities, Dialect, ModelCard
from ringline.inference.chat import ChatRequest, Completion, Delta, Usage
from ringline.inference.collecting import Collector
from ringline.inference.errors import EngineFailed, UnknownModel, Unsupported
from ringline.inference.gate import Gate
from ringline.inference.guided.plan import is_quick, plan
from ringline.inference.llama import LlamaHouse, LlamaPlan
from ringline.inference.openai_wire import Offered
from ringline.inference.refusing import refuse_unable
from ringline.inference.registry import Task
from ringline.inference.replicas import Replica
from ringline.inference.roster import Roster, Served
from ringline.inference.upstream import Upstream
from ringline.workers.admission import Limits

DEFAULT_MAX_TOKENS = 8192
"""What Telnyx gives an answer that names no limit (spec ai-api §2)."""

LOOK_EVERY_S = 15.0
"""How often configured engines are asked what they serve, and whether they are up."""

logger = log.get("inference")


class Meter(Protocol):
    """Hears of every answer, whole or as far as it came; neither waits nor raises."""

    def chat(
        self, account_id: str, model: str, prompt_tokens: int, completion_tokens: int, *, engine: str = ""
    ) -> None:
        """`engine` is what answered for the model."""
        ...


@dataclass(frozen=True, slots=True)
class Offer:
    """An engine of the configuration. Without `models` it serves what it lists itself."""

    upstream: Upstream
    models: tuple[str, ...] = ()
    capabilities: Capabilities | None = None
    context: int = 0
    max_completion: int | None = None


@dataclass(frozen=True, slots=True)
class Embedded:
    """A model that we run, and how."""

    card: ModelCard
    plan: LlamaPlan


@dataclass(frozen=True, slots=True)
class Queues:
    """The door of each model, and how long (seconds) a request may stand before it."""

    limits: Limits = field(default_factory=lambda: Limits(in_flight=64, waiting=256))
    embedded: Limits = field(default_factory=lambda: Limits(in_flight=2, waiting=64))
    wait_s: float = 30.0
    total_s: float = 600.0


class Inference:
    """Chat with any model by name; see `chat` for what goes in and out."""

    def __init__(
        self,
        *,
        roster: Roster,
        house: LlamaHouse,
        make_upstream: "MakeUpstream",
        offers: Sequence[Offer] = (),
        embedded: Sequence[Embedded] = (),
        queues: Queues = Queues(),
        clock: Clock,
        ids: Ids,
        meter: Meter,
    ) -> None:
        self._roster = roster
        self._house = house
        self._make_upstream = make_upstream
        self._offers = offers
        self._embedded = {one.card.id: one for one in embedded}
        self._queues = queues
        self._clock = clock
        self._ids = ids
        self._meter = meter
        self._look: asyncio.Task[None] | None = None
        self._looked = asyncio.Event()
        self._leaving: set[asyncio.Task[None]] = set()
        for offer in offers:
            for model in offer.models:
                self._serve_offered(offer, Offered(model, context=offer.context))
        for one in embedded:
            self._serve_embedded(one)

    # ------------------------------------------------------------------ what there is

    def models(self, account_id: str) -> tuple[ModelCard, ...]:
        """The models that an account can ask now, the default one marked."""
        return tuple(self._shown(served) for served in self._roster if served.card.is_for(account_id))

    def card(self, name: str, account_id: str = "") -> ModelCard:
        """The model that a name or an alias means; empty is the default. Raises `UnknownModel`."""
        return self._shown(self._roster.find(name, account_id))

    async def find(self, name: str, account_id: str) -> ModelCard:
        """As `card`, but an unknown name waits for the engines' first lists."""
        return self._shown(await self._find(name, account_id))

    def add_adapter(self, name: str, base: str, path: Path, account_id: str = "", created: int = 0) -> None:
        """Serve a LoRA adapter (a GGUF file) as the model `name`, at once, beside its base.

        With an `account_id` nobody else sees it.

        Raises `UnknownModel`; `Unsupported` when the base is not one that we run ourselves.
        """
        under = self._embedded.get(self.card(base).id)
        if under is None:
            raise Unsupported("model", base, "an adapter of ours: its engine runs elsewhere")
        self.remove(name)
        card = replace(
            under.card,
            id=name,
            base=under.card.id,
            owner=account_id or under.card.owner,
            account_id=account_id,
            created=created,
            is_fine_tunable=False,
        )
        self._serve_embedded(Embedded(card, replace(under.plan, name=name, adapter=path)))

    def remove(self, name: str) -> None:
        """Serve an adapter no longer; answers that are on their way break off. No error if it is unknown."""
        if name in self._house and name not in self._embedded:
            self._roster.drop(name)
            child = self._house.drop(name)
            leaving = asyncio.get_running_loop().create_task(child.stop(), name=f"remove {name}")
            self._leaving.add(leaving)
            leaving.add_done_callback(self._leaving.discard)

    # ------------------------------------------------------------------ asking

    async def complete(self, request: ChatRequest) -> Completion:
        """The whole answer; see `stream`."""
        served = await self._find(request.model, request.account_id)
        collector = Collector()
        async with aclosing(self.stream(request)) as pieces:
            async for piece in pieces:
                collector.add(piece)
        return collector.completion(
            f"chatcmpl-{self._ids.token(18)}", int(self._clock.utc().timestamp()), served.card.id
        )

    async def stream(self, request: ChatRequest) -> AsyncGenerator[Delta | Usage, None]:
        """The answer as it comes, its usage last. Close the generator (`aclosing`) to end the engine's work.

        Raises `UnknownModel`, `Unsupported`, `EngineRefused`, `GuideBroken`, `EngineFailed`;
        `Busy` when the model's queue is full, or no place came free in time.
        """
        until_ns = self._clock.now_ns() + round((request.deadline_s or self._queues.total_s) * SECOND)
        served = await self._find(request.model, request.account_id)
        if is_quick(request):
            planned = plan(request, served.card, self._ids)
        else:
            planned = await asyncio.to_thread(plan, request, served.card, self._ids)
        refuse_unable(planned.request, served.card)
        asked, reader = _within_limits(planned.request, served.card), planned.reader()
        usage: Usage | None = None
        told = 0
        wait = min(self._queues.wait_s, request.deadline_s or self._queues.wait_s)
        async with served.gate.place(request.priority, wait):
            try:
                async with aclosing(served.upstream.stream(asked, served.engine_name, until_ns)) as pieces:
                    async for piece in pieces:
                        if isinstance(piece, Usage):
                            usage = piece
                        told += 1
                        for seen in reader.feed(piece):
                            yield seen
            finally:
                if told:
                    # Of an answer that was given up only its pieces are known; an engine sends one a token.
                    used = usage or Usage(0, told)
                    self._meter.chat(
                        request.account_id,
                        served.card.id,
                        used.prompt_tokens,
                        used.completion_tokens,
                        engine=served.upstream.name,
                    )

    # ------------------------------------------------------------------ life

    def start(self) -> None:
        """Begin to look at the configured engines."""
        self._look = asyncio.create_task(self._keep_looking(), name="engines of inference")

    async def stop(self) -> None:
        """End our children; answers on their way break off."""
        if self._look is not None:
            self._look.cancel()
            with suppress(asyncio.CancelledError):
                await self._look
        await asyncio.gather(*self._leaving)
        await self._house.stop()

    async def _keep_looking(self) -> None:
        while True:
            await asyncio.gather(*(self._look_at(offer) for offer in self._offers))
            self._looked.set()
            await asyncio.sleep(LOOK_EVERY_S)

    async def _look_at(self, offer: Offer) -> None:
        try:
            offered = await offer.upstream.offered()
        except EngineFailed as error:
            logger.warning("engine cannot be reached", engine=offer.upstream.name, reason=str(error))
            return
        by_id = {one.id: one for one in offered}
        for name in offer.models or tuple(by_id):
            self._serve_offered(offer, by_id.get(name, Offered(name)))

    async def _find(self, name: str, account_id: str) -> Served:
        with suppress(UnknownModel):
            served = self._roster.find(name, account_id)
            if served.card.id == name or self._looked.is_set() or not self._offers:
                return served
        # What a name leads to is certain only once the engines have told what they serve.
        if self._look is not None:
            await self._looked.wait()
        return self._roster.find(name, account_id)

    def _shown(self, served: Served) -> ModelCard:
        with suppress(UnknownModel):
            return replace(served.card, is_default=self._roster.find("", "") is served)
        return served.card

    def _serve_offered(self, offer: Offer, offered: Offered) -> None:
        dialect = offer.upstream.dialect
        gate = self._gate_of(offered.id, self._queues.limits)
        card = ModelCard(
            id=offered.id,
            task=Task.CHAT,
            dialect=dialect,
            capabilities=offer.capabilities or BY_DIALECT[dialect],
            context=offer.context or offered.context,
            max_completion=offer.max_completion,
            owner=offered.owner or offer.upstream.name,
            created=offered.created,
        )
        self._roster.put(Served(card, offer.upstream, offered.id, gate))

    def _serve_embedded(self, one: Embedded) -> None:
        child: Replica = self._house.add(one.plan)
        upstream = self._make_upstream(one.card.id, (child,), Dialect.LLAMA_CPP)
        gate = Gate(one.card.id, self._queues.embedded, self._clock)
        self._roster.put(Served(one.card, upstream, one.card.id, gate, is_ours=True))

    def _gate_of(self, name: str, limits: Limits) -> Gate:
        """The gate that the model has already: its places are taken by requests on their way."""
        if name in self._roster:
            return self._roster.find(name, "").gate
        return Gate(name, limits, self._clock)


class MakeUpstream(Protocol):
    """Makes an upstream with this node's client, clock and deadlines."""

    def __call__(self, name: str, replicas: Sequence[Replica], dialect: Dialect) -> Upstream:
        """One engine."""
        ...


def _within_limits(request: ChatRequest, card: ModelCard) -> ChatRequest:
    """The request with a limit to its answer that the model can keep (spec ai-api §2, `max_tokens`)."""
    if card.max_completion is None:
        return request
    wanted = min(request.sampling.max_tokens or DEFAULT_MAX_TOKENS, card.max_completion)
    return replace(request, sampling=replace(request.sampling, max_tokens=wanted))
