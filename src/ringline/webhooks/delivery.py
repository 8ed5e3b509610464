"""Delivers what the outbox holds.

Pending deliveries are claimed under a lease, which is renewed while the node lives and runs out when it does
not; at a start the leases of the node's earlier life are dropped at once. What the node queues itself it
leases in the same transaction (`offer`, `take`), and so needs no second one to claim it. Every attempt is
kept, and the row says what comes next, before anything follows from it: a kill repeats an attempt at worst.
"""

import asyncio
import heapq
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Literal
from urllib.parse import urlsplit

import msgspec

from ringline.core import log
from ringline.core.clock import MILLISECOND, SECOND, Clock
from ringline.core.ids import Ids
from ringline.core.net import Guard
from ringline.core.settings import WebhookSettings
from ringline.store import deliveries
from ringline.store.db import Store
from ringline.store.deliveries import Claimed
from ringline.store.errors import StoreUnavailable
from ringline.store.keys import signing_seed, signing_seeds
from ringline.webhooks import envelope
from ringline.webhooks.envelope import Event
from ringline.webhooks.lanes import Lanes
from ringline.webhooks.outbox import TOPIC, Lease, QueuedEvent
from ringline.webhooks.policy import Final, Next, Progress, Target, after, origin
from ringline.webhooks.sender import Answer, Sender
from ringline.webhooks.signing import Signer

LEASE = timedelta(seconds=30)
RENEW_NS = 10 * SECOND
IDLE_NS = 5 * SECOND
"""How often the outbox is looked at without being told to: another node may have died."""

BATCH = 256
SLOTS = 128
"""Attempts in flight to one app."""

HELD_PER_ORIGIN = 4_000
"""Deliveries for one app that wait in memory; the rest of its backlog waits in the store."""

USER_AGENT = "telnyx-webhooks"

_log = log.get("webhooks")


@dataclass(slots=True)
class _Held:
    """A delivery that this node has claimed and not finished."""

    claimed: Claimed
    target: Target
    progress: Progress

    @property
    def url(self) -> str:
        return self.progress.url(self.target)

    def event(self) -> Event:
        one = self.claimed
        return Event(one.event_id, one.event_type, one.occurred_at, one.payload)


class Delivery:
    """The server's one deliverer. Commits wake it by themselves; `wake` does so by hand."""

    def __init__(
        self, store: Store, clock: Clock, settings: WebhookSettings, *, guard: Guard, ids: Ids, node: str
    ) -> None:
        """`node` names this process among those that share the store, and stays the same over restarts."""
        self._store = store
        self._clock = clock
        self._settings = settings
        self._ids = ids
        self._node = node
        self._sender = Sender(guard=guard, clock=clock)
        self._lanes = Lanes(order=settings.order, wait_ns=settings.order_wait_ms * MILLISECOND, slots=SLOTS)
        self._held: dict[str, _Held] = {}
        self._per_origin: Counter[str] = Counter()
        self._behind: set[str] = set()  # origins that have a backlog in the store
        self._later: list[tuple[int, str]] = []  # (when, delivery): pauses between rounds
        self._signers: dict[str, Signer] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._awake = asyncio.Event()
        self._look_at = 0
        self._runner: asyncio.Task[None] | None = None
        self._released = False
        """Whether the leases of an earlier life are gone: from then on this node leases."""
        self._stopping = False
        self._stopped = False
        self.counts: Counter[str] = Counter()
        """`attempts`, `delivered`, `failed`, `store_errors`, `faults` since the start."""
        store.listen(TOPIC, self.wake)

    @property
    def held(self) -> int:
        """Deliveries in memory: in flight, waiting for their turn or for a retry."""
        return len(self._held)

    def wake(self) -> None:
        """Look at the outbox and the clock now."""
        self._look_at = 0
        self._awake.set()

    def offer(self, event: QueuedEvent) -> Lease | None:
        """The lease under which this node takes the event's deliveries from its own commit; None: queue it.

        What waits in the store must go first, so an origin with a backlog there gets no more by this way
        until half of what is held has gone.
        """
        if not self._released or self._stopping or event.account_id not in self._signers:
            return None
        for target in event.targets:
            if self._per_origin[target.origin] >= HELD_PER_ORIGIN:
                self._behind.add(target.origin)
            if target.origin in self._behind:
                return None
        return Lease(self._node, self._clock.utc() + LEASE)

    def take(self, deliveries: Sequence[Claimed]) -> None:
        """Deliver what was queued in a transaction, made under a lease of ours, that is committed."""
        for one in deliveries:
            self._take(_Held(one, one.target, one.progress))
        self._pump()
        self._awake.set()

    def start(self) -> None:
        """Begin to deliver, first of all what an earlier life of this node left."""
        self._runner = asyncio.create_task(self._run(), name="webhook delivery")

    async def stop(self, drain_secs: float) -> None:
        """Let attempts in flight and first attempts end for up to `drain_secs`, then let go of the rest."""
        runner, self._runner = self._runner, None
        if runner is None:
            return
        self._stopping = True
        self.wake()
        await asyncio.wait([runner], timeout=drain_secs)
        self._stopped = True
        left = [runner, *self._tasks]
        for task in left:
            task.cancel()
        await asyncio.wait(left)
        await self._sender.close()
        try:
            await self._store.tx(deliveries.release, owner=self._node)
        except StoreUnavailable as error:
            _log.warning("leases not released", error=str(error))

    async def _run(self) -> None:
        renew_at = self._clock.now_ns() + RENEW_NS
        while True:
            self._awake.clear()
            try:
                if not self._released:
                    await self._store.tx(deliveries.release, owner=self._node)
                    for account_id, seed in (await self._store.read(signing_seeds)).items():
                        self._signers[account_id] = Signer(seed)
                    self._released = True
                if self._clock.now_ns() >= renew_at:
                    await self._renew()
                    renew_at = self._clock.now_ns() + RENEW_NS
                if self._clock.now_ns() >= self._look_at:
                    self._look_at = self._clock.now_ns() + IDLE_NS
                    if await self._claim() == BATCH:
                        self._look_at = 0
            except StoreUnavailable as error:
                self.counts["store_errors"] += 1
                self._look_at = self._clock.now_ns() + SECOND
                _log.warning("outbox not readable", error=str(error))
            except Exception:  # an edge: whatever is wrong, later events are still to be delivered
                self.counts["faults"] += 1
                self._look_at = self._clock.now_ns() + SECOND
                _log.exception("outbox not readable")
            self._pump()
            if self._stopping and self._drained():
                return
            await self._sleep(min(self._look_at, renew_at))

    def _drained(self) -> bool:
        return self._look_at > 0 and len(self._later) == len(self._held)

    async def _sleep(self, until: int) -> None:
        if self._later:
            until = min(until, self._later[0][0])
        if (lane := self._lanes.deadline()) is not None:
            until = min(until, lane)
        with suppress(TimeoutError):
            async with asyncio.timeout(max(0, until - self._clock.now_ns()) / SECOND):
                await self._awake.wait()

    async def _renew(self) -> None:
        held = list(self._held)
        if held:
            await self._store.tx(deliveries.renew, held, owner=self._node, until=self._clock.utc() + LEASE)

    async def _claim(self) -> int:
        now = self._clock.utc()
        full = [name for name, count in self._per_origin.items() if count >= HELD_PER_ORIGIN]
        taken = await self._store.tx(
            deliveries.claim, owner=self._node, now=now, until=now + LEASE, limit=BATCH, without=full
        )
        for account_id in {one.account_id for one in taken} - self._signers.keys():
            seed = await self._store.tx(signing_seed, account_id, ids=self._ids, now=now)
            self._signers[account_id] = Signer(seed)
        for one in taken:
            try:
                target = msgspec.convert(one.target, Target)
                progress = msgspec.convert(one.progress, Progress)
            except msgspec.ValidationError as error:
                # Another version's: it is left alone and comes back when its lease is over.
                self.counts["faults"] += 1
                _log.error("delivery not readable", delivery_id=one.id, error=str(error))
            else:
                self._take(_Held(one, target, progress))
        if len(taken) < BATCH:
            self._behind -= {name for name in self._behind if self._per_origin[name] < HELD_PER_ORIGIN // 2}
        return len(taken)

    def _take(self, held: _Held) -> None:
        one = held.claimed
        if one.id in self._held:
            return  # the clock jumped over our own lease; it is at work already
        self._held[one.id] = held
        self._per_origin[one.origin] += 1
        if one.attempts == 0:
            self._lanes.add(one.id, one.origin, one.leg_id)
            return
        self._lanes.hold(one.id, one.origin, one.leg_id)
        pause = max(timedelta(), one.next_at - self._clock.utc())
        self._retry(held, round(pause.total_seconds() * SECOND))

    def _retry(self, held: _Held, delay_ns: int) -> None:
        if delay_ns:
            heapq.heappush(self._later, (self._clock.now_ns() + delay_ns, held.claimed.id))
        else:
            self._lanes.retry(held.claimed.id, origin(held.url))

    def _pump(self) -> None:
        if self._stopped:
            return
        now = self._clock.now_ns()
        while self._later and self._later[0][0] <= now:
            held = self._held[heapq.heappop(self._later)[1]]
            self._lanes.retry(held.claimed.id, origin(held.url))
        for item, place in self._lanes.start(now):
            task = asyncio.create_task(self._attempt(self._held[item], place))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _attempt(self, held: _Held, place: str) -> None:
        try:
            attempt, step = await self._try(held, place)
            if await self._record(attempt, held, step) and isinstance(step, Next):
                held.progress = step.progress
                self._retry(held, step.delay_ms * MILLISECOND)
            else:
                self._drop(held)
        except Exception:  # an edge: the row comes back when its lease is over
            self.counts["faults"] += 1
            _log.exception("webhook attempt broke", event_id=held.claimed.event_id)
            self._drop(held)
        self._pump()
        self._awake.set()

    async def _try(self, held: _Held, place: str) -> tuple[deliveries.Attempt, Next | Final]:
        one, url = held.claimed, held.url
        started_at, started_ns = self._clock.utc(), self._clock.now_ns()
        try:
            answer = await self._send(held)
        finally:
            self._lanes.ended(one.id, place)
        self.counts["attempts"] += 1
        self._pump()
        return deliveries.Attempt(
            delivery_id=one.id,
            attempt=held.progress.attempt,
            account_id=one.account_id,
            event_id=one.event_id,
            leg_id=one.leg_id,
            url=url,
            method=held.target.method,
            started_at=started_at,
            started_ns=started_ns,
            finished_at=self._clock.utc(),
            latency_us=(self._clock.now_ns() - started_ns) // 1_000,
            status=answer.status,
            error=answer.error or None,
            body=answer.body,
        ), after(held.target, held.progress, answer.outcome)

    async def _send(self, held: _Held) -> Answer:
        event, target = held.event(), held.target
        url = held.url
        if target.method == "GET":
            joint = "&" if "?" in url else "?"
            url = f"{url.partition('#')[0]}{joint}{envelope.query(event)}"
            body, signed = b"", urlsplit(url).query.encode()
        else:
            body = signed = envelope.body(
                event, attempt=held.progress.attempt, delivered_to=url, version=target.version
            )
        headers = self._signers[held.claimed.account_id].headers(signed, self._clock.utc())
        headers |= {"content-type": "application/json", "user-agent": USER_AGENT}
        return await self._sender.send(
            url,
            method=target.method,
            body=body,
            headers=headers,
            timeout_ms=target.timeout_ms or self._settings.timeout_ms,
        )

    async def _record(self, attempt: deliveries.Attempt, held: _Held, step: Next | Final) -> bool:
        state: Literal["pending", "delivered", "failed"] = "pending" if isinstance(step, Next) else step.state
        progress = step.progress if isinstance(step, Next) else held.progress
        delay = timedelta(milliseconds=step.delay_ms if isinstance(step, Next) else 0)
        while True:
            try:
                kept = await self._store.tx(
                    deliveries.record_attempt,
                    attempt,
                    owner=self._node,
                    state=state,
                    progress=progress,
                    next_at=attempt.finished_at + delay,
                )
            except StoreUnavailable as error:
                # The outcome is known and must not be forgotten: the row is ours as long as we live.
                self.counts["store_errors"] += 1
                _log.warning("attempt not recorded", event_id=attempt.event_id, error=str(error))
                await asyncio.sleep(1)
                continue
            if kept and state != "pending":
                self.counts[state] += 1
            return kept

    def _drop(self, held: _Held) -> None:
        one = held.claimed
        del self._held[one.id]
        self._per_origin[one.origin] -= 1
        if not self._per_origin[one.origin]:
            del self._per_origin[one.origin]
        elif self._per_origin[one.origin] == HELD_PER_ORIGIN * 3 // 4:
            self.wake()  # there is room for the origin's backlog again
        self._lanes.settled(one.id)
