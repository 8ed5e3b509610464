"""Delivery against a real app on a real socket: order, retries, failover, isolation, what is kept."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import timedelta

import msgspec
import pytest
from aiohttp import web

from ringline.core.clock import VirtualClock
from ringline.core.ids import Ids
from ringline.core.net import Guard, Policy
from ringline.core.settings import WebhookSettings
from ringline.store import deliveries
from ringline.store.db import Store
from ringline.store.deliveries import Delivery as Row
from ringline.store.deliveries import DeliveryFilter
from ringline.store.errors import StoreUnavailable
from ringline.store.keys import signing_seed
from ringline.webhooks.delivery import Delivery
from ringline.webhooks.outbox import QueuedEvent, delivery_id, queue_event, redeliver
from ringline.webhooks.policy import Target
from ringline.webhooks.signing import Signer
from tests.webhooks.receiver import App, Heard, always, in_turn, never

pytestmark = pytest.mark.unit


@dataclass
class Office:
    """A store, a clock that stands still, a deliverer and an app."""

    store: Store
    clock: VirtualClock
    ids: Ids
    app: App
    delivery: Delivery
    handed: bool = False
    """Whether events are leased in their own transaction and handed over, instead of claimed."""

    def event(
        self, *, to: Target | None = None, leg: str | None = "leg", kind: str = "call.answered"
    ) -> QueuedEvent:
        target = to or Target(url=f"{self.app.url}/hook", timeout_ms=20_000)
        return QueuedEvent(
            self.ids.uuid(),
            "account",
            kind,
            self.clock.utc(),
            msgspec.json.encode({"leg": leg}),
            (target,),
            leg_id=leg,
        )

    async def queue(
        self, *, to: Target | None = None, leg: str | None = "leg", kind: str = "call.answered"
    ) -> QueuedEvent:
        event = self.event(to=to, leg=leg, kind=kind)
        lease = self.delivery.offer(event) if self.handed else None
        made = await self.store.tx(queue_event, event, lease)
        if lease is not None:
            self.delivery.take(made)
        return event

    async def row(self, event: QueuedEvent) -> Row:
        found = await self.store.read(deliveries.find_delivery, "account", delivery_id(event.id, 0))
        assert found is not None
        return found

    async def until(self, condition: Callable[[], Awaitable[bool]]) -> None:
        async with asyncio.timeout(20):
            while not await condition():  # noqa: ASYNC110  # the condition is in a database
                await asyncio.sleep(0.005)

    async def settled(self, event: QueuedEvent) -> Row:
        async def over() -> bool:
            return (await self.row(event)).state != "pending"

        await self.until(over)
        return await self.row(event)

    async def tried(self, event: QueuedEvent, times: int) -> None:
        async def enough() -> bool:
            return len((await self.row(event)).attempts) >= times

        await self.until(enough)

    async def advance(self, seconds: float) -> None:
        self.clock.advance(seconds)
        self.delivery.wake()

    def deliverer(self, settings: WebhookSettings | None = None, node: str = "n1") -> Delivery:
        return Delivery(
            self.store,
            self.clock,
            settings or WebhookSettings(),
            guard=Guard(Policy(private=True)),
            ids=self.ids,
            node=node,
        )


@pytest.fixture
async def app() -> AsyncIterator[App]:
    one = App()
    await one.start()
    yield one
    await one.stop()


@pytest.fixture(params=["claimed", "handed over"])
async def office(
    request: pytest.FixtureRequest, sqlite_store: Store, clock: VirtualClock, ids: Ids, app: App
) -> AsyncIterator[Office]:
    one = Office(sqlite_store, clock, ids, app, None, request.param == "handed over")  # type: ignore[arg-type]  # it needs the office itself
    await sqlite_store.tx(signing_seed, "account", ids=ids, now=clock.utc())
    one.delivery = one.deliverer()
    one.delivery.start()

    async def open_() -> bool:
        return one.delivery.offer(one.event()) is not None

    await one.until(open_)
    yield one
    await one.delivery.stop(0)


@pytest.fixture
async def either(store: Store, clock: VirtualClock, ids: Ids, app: App) -> AsyncIterator[Office]:
    """As `office`, on both engines."""
    one = Office(store, clock, ids, app, None)  # type: ignore[arg-type]  # it needs the office itself
    one.delivery = one.deliverer()
    one.delivery.start()
    yield one
    await one.delivery.stop(0)


async def test_an_event_arrives_signed_and_is_recorded(either: Office) -> None:
    either.app.answer = always(200, text="thanks " * 500)
    event = await either.queue()
    (heard,) = await either.app.hears(1)
    row = await either.settled(event)

    assert (heard.method, heard.path) == ("POST", "/hook")
    assert heard.json == {
        "data": {
            "record_type": "event",
            "event_type": "call.answered",
            "id": event.id,
            "occurred_at": "2030-01-01T00:00:00.000000Z",
            "payload": {"leg": "leg"},
        },
        "meta": {"attempt": 1, "delivered_to": f"{either.app.url}/hook"},
    }
    assert heard.headers["content-type"] == "application/json"
    assert heard.headers["user-agent"] == "telnyx-webhooks"
    seed = await either.store.tx(signing_seed, "account", ids=either.ids, now=either.clock.utc())
    heard.verify(Signer(seed).public_key)
    assert (row.state, len(row.attempts)) == ("delivered", 1)
    (attempt,) = row.attempts
    assert (attempt.status, attempt.error, attempt.url) == (200, None, f"{either.app.url}/hook")
    assert attempt.body == ("thanks " * 500)[:1024]
    assert either.delivery.counts == {"attempts": 1, "delivered": 1}


async def test_a_commit_alone_sends(office: Office) -> None:
    """Nobody calls `wake` and the clock stands still: the commit is what wakes the deliverer."""
    await office.app.hears(0)
    await office.queue()
    await office.app.hears(1)


async def test_events_of_a_leg_arrive_in_order(either: Office) -> None:
    events = [await either.queue(leg=f"leg {number % 3}") for number in range(45)]
    heard = await either.app.hears(45)
    for leg in range(3):
        mine = [one.id for one in events if one.leg_id == f"leg {leg}"]
        assert [one.id for one in heard if one.json["data"]["payload"]["leg"] == f"leg {leg}"] == mine


async def test_a_failing_app_is_asked_in_four_rounds_and_the_delivery_fails(either: Office) -> None:
    either.app.answer = always(503)
    event = await either.queue()
    for times, pause in ((1, 1), (2, 2), (3, 4)):
        await either.tried(event, times)
        await either.advance(pause - 0.001)
        await asyncio.sleep(0.02)
        assert len((await either.row(event)).attempts) == times
        await either.advance(0.001)
    row = await either.settled(event)

    assert row.state == "failed"
    assert [one.attempt for one in row.attempts] == [4, 3, 2, 1]
    assert {one.error for one in row.attempts} == {"HTTP status 503"}
    assert [one.attempt for one in either.app.heard] == [1, 2, 3, 4]
    assert {one.id for one in either.app.heard} == {event.id}
    assert either.delivery.counts["failed"] == 1
    assert either.delivery.held == 0


async def test_each_attempt_is_signed_at_its_own_time(office: Office) -> None:
    office.app.answer = in_turn(500, 200)
    event = await office.queue()
    await office.tried(event, 1)
    await office.advance(1)
    await office.settled(event)
    first, second = office.app.heard
    assert int(second.headers["telnyx-timestamp"]) - int(first.headers["telnyx-timestamp"]) == 1
    assert first.headers["telnyx-signature-ed25519"] != second.headers["telnyx-signature-ed25519"]
    assert (first.attempt, second.attempt) == (1, 2)


async def test_the_failover_is_asked_at_once(office: Office) -> None:
    office.app.answer = in_turn(500, 200)
    target = Target(url=f"{office.app.url}/primary", failover_url=f"{office.app.url}/failover")
    row = await office.settled(await office.queue(to=target))
    assert [one.path for one in office.app.heard] == ["/primary", "/failover"]
    assert [one.json["meta"]["delivered_to"] for one in office.app.heard] == [
        target.url,
        target.failover_url,
    ]
    assert row.state == "delivered"


async def test_a_refusal_is_final(office: Office) -> None:
    office.app.answer = always(404)
    row = await office.settled(await office.queue())
    assert (row.state, [one.status for one in row.attempts]) == ("failed", [404])


async def test_an_app_that_is_not_there_is_tried_again_and_found(office: Office) -> None:
    port = office.app.port
    await office.app.stop()
    event = await office.queue(to=Target(url=f"http://127.0.0.1:{port}/hook"))
    await office.tried(event, 1)
    await office.app.start(port)
    await office.advance(1)
    row = await office.settled(event)
    assert row.state == "delivered"
    assert row.attempts[1].status is None
    assert "Connect" in (row.attempts[1].error or "")


async def test_a_time_out_is_the_targets_own(office: Office) -> None:
    office.app.answer = never()
    target = Target(url=office.app.url, timeout_ms=50, retries_ms=())
    row = await office.settled(await office.queue(to=target))
    assert (row.state, row.attempts[0].error) == ("failed", "no answer within 50 ms")


async def test_a_custom_back_off_is_kept(office: Office) -> None:
    office.app.answer = always(500)
    event = await office.queue(to=Target(url=office.app.url, retries_ms=(0, 0, 0, 0, 0)))
    row = await office.settled(event)
    assert (row.state, len(row.attempts)) == ("failed", 6)


async def test_by_get_the_event_is_in_the_query(office: Office) -> None:
    event = await office.queue(to=Target(url=f"{office.app.url}/hook?mine=1%2F2", method="GET"))
    (heard,) = await office.app.hears(1)
    assert (heard.method, heard.body) == ("GET", b"")
    assert heard.query == (
        f"mine=1%2F2&event_type=call.answered&id={event.id}"
        "&occurred_at=2030-01-01T00%3A00%3A00.000000Z&record_type=event&leg=leg"
    )
    seed = await office.store.tx(signing_seed, "account", ids=office.ids, now=office.clock.utc())
    heard.verify(Signer(seed).public_key)


async def test_version_1_is_sent_to_who_asks_for_it(office: Office) -> None:
    await office.queue(to=Target(url=office.app.url, version="1"))
    (heard,) = await office.app.hears(1)
    assert heard.json["event_type"] == "call_answered"


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_redirects_are_followed_with_the_body(office: Office, status: int) -> None:
    async def answer(heard: Heard) -> web.StreamResponse:
        if heard.path == "/end":
            return web.Response(status=200)
        return web.Response(status=status, headers={"location": "/end"})

    office.app.answer = answer
    event = await office.queue()
    row = await office.settled(event)
    first, second = office.app.heard
    assert (second.method, second.path, second.body) == ("POST", "/end", first.body)
    assert (row.state, len(row.attempts), row.attempts[0].status) == ("delivered", 1, 200)


async def test_more_than_three_redirects_are_a_refusal(office: Office) -> None:
    office.app.answer = always(307, headers={"location": "/again"})
    row = await office.settled(await office.queue())
    assert (row.state, row.attempts[0].error) == ("failed", "more than 3 redirects")
    assert len(office.app.heard) == 4


async def test_a_redirect_to_a_forbidden_place_is_not_followed(office: Office) -> None:
    office.app.answer = always(307, headers={"location": "http://169.254.169.254/latest/meta-data"})
    row = await office.settled(await office.queue())
    assert row.state == "failed"
    assert "forbids" in (row.attempts[0].error or "")


@pytest.mark.parametrize(
    "url",
    ["http://169.254.1.1/", "ftp://app.example/", "http://", "http://[::1", "http://user:pw@127.0.0.1/"],
)
async def test_what_the_guard_forbids_is_refused_and_said(office: Office, url: str) -> None:
    row = await office.settled(await office.queue(to=Target(url=url)))
    assert row.state == "failed"
    assert row.attempts[0].status is None
    assert row.attempts[0].error


async def test_names_are_resolved_by_the_guard_alone(
    sqlite_store: Store, clock: VirtualClock, ids: Ids
) -> None:
    """A name that only the guard knows is reached at the address that it vetted, with its own Host header."""
    asked: list[str] = []

    async def resolver(host: str, port: int) -> list[str]:
        asked.append(host)
        return ["127.0.0.1"]

    app = App()
    await app.start()
    office = Office(sqlite_store, clock, ids, app, None)  # type: ignore[arg-type]  # set below
    office.delivery = Delivery(
        sqlite_store,
        clock,
        WebhookSettings(),
        guard=Guard(Policy(private=True), resolver=resolver),
        ids=ids,
        node="n1",
    )
    office.delivery.start()
    for _ in range(3):
        row = await office.settled(await office.queue(to=Target(url=f"http://app.invalid:{app.port}/x")))
        assert row.state == "delivered"
    assert asked == ["app.invalid"]
    assert {one.headers["host"] for one in app.heard} == {f"app.invalid:{app.port}"}
    await office.delivery.stop(0)
    await app.stop()


async def test_a_success_that_dawdles_over_its_body_is_a_success(office: Office) -> None:
    async def answer(heard: Heard) -> web.StreamResponse:
        return web.Response(status=200, body=endless())

    async def endless() -> AsyncIterator[bytes]:
        yield b"well"
        await asyncio.Event().wait()

    office.app.answer = answer
    row = await office.settled(await office.queue(to=Target(url=office.app.url, timeout_ms=300)))
    assert (row.state, row.attempts[0].status) == ("delivered", 200)


async def test_the_next_event_does_not_wait_longer_than_the_order_asks(office: Office) -> None:
    """An app that answers the first event only after it has heard the second one."""
    second_heard = asyncio.Event()

    async def answer(heard: Heard) -> web.StreamResponse:
        if heard.id == first.id:
            await second_heard.wait()
        else:
            second_heard.set()
        return web.Response(status=200)

    office.app.answer = answer
    first = await office.queue(to=Target(url=office.app.url, timeout_ms=8_000))
    second = await office.queue(to=Target(url=office.app.url, timeout_ms=8_000))
    await office.app.hears(1)
    await asyncio.sleep(0.05)
    assert [one.id for one in office.app.heard] == [first.id]
    await office.advance(0.25)
    assert (await office.settled(second)).state == "delivered"
    assert (await office.settled(first)).state == "delivered"


async def test_strict_order_waits_for_the_end(office: Office) -> None:
    await office.delivery.stop(0)
    office.delivery = office.deliverer(WebhookSettings(order="strict"))
    office.delivery.start()
    office.app.answer = in_turn(500, 500, 200)
    first, second = await office.queue(), await office.queue()
    for times in (1, 2):
        await office.tried(first, times)
        await office.advance(4)
    await office.settled(second)
    assert [one.id for one in office.app.heard] == [first.id] * 3 + [second.id]


async def test_strict_order_holds_over_a_restart(office: Office) -> None:
    strict = WebhookSettings(order="strict")
    await office.delivery.stop(0)
    office.delivery = office.deliverer(strict)
    office.delivery.start()
    office.app.answer = in_turn(500, 200)
    first, second = await office.queue(), await office.queue()
    await office.tried(first, 1)
    await office.delivery.stop(0)
    office.delivery = office.deliverer(strict)
    office.delivery.start()
    await asyncio.sleep(0.05)
    assert [one.id for one in office.app.heard] == [first.id]
    await office.advance(1)
    await office.settled(second)
    assert [one.id for one in office.app.heard] == [first.id, first.id, second.id]


async def test_no_order_sends_at_once(office: Office) -> None:
    await office.delivery.stop(0)
    office.delivery = office.deliverer(WebhookSettings(order="none"))
    office.delivery.start()
    office.app.answer = never()
    for _ in range(5):
        await office.queue()
    await office.app.hears(5)


async def test_retries_do_not_block_the_next_events(office: Office) -> None:
    office.app.answer = in_turn(500, 200)
    first, second = await office.queue(), await office.queue()
    assert (await office.settled(second)).state == "delivered"
    assert (await office.row(first)).state == "pending"


async def test_a_dead_app_delays_nobody_else(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    """An app that never answers has more events than fit into memory: another app hears at once."""
    from ringline.webhooks import delivery as module

    monkeypatch.setattr(module, "HELD_PER_ORIGIN", 20)
    await office.delivery.stop(0)
    dead = App()
    await dead.start()
    dead.answer = never()
    office.delivery = office.deliverer()
    office.delivery._lanes._slots = 8
    office.delivery.start()
    try:
        for number in range(module.BATCH + 50):
            await office.queue(to=Target(url=dead.url, timeout_ms=30_000), leg=f"dead {number}")
        for number in range(30):
            await office.queue(leg=f"leg {number}")
        await office.app.hears(30)
        assert len(dead.heard) == 8
    finally:
        await office.delivery.stop(0)
        await dead.stop()


async def test_a_backlog_is_worked_off_once_the_app_is_back(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    from ringline.webhooks import delivery as module

    monkeypatch.setattr(module, "HELD_PER_ORIGIN", 8)
    monkeypatch.setattr(module, "BATCH", 4)
    for number in range(60):
        await office.queue(leg=f"leg {number}")
    await office.app.hears(60)


async def test_what_was_held_by_an_earlier_life_is_sent_at_the_start(either: Office) -> None:
    """A lease of our own name that has not run out is nobody's: its holder is dead."""
    await either.delivery.stop(0)
    event = await either.queue()
    now = either.clock.utc()
    await either.store.tx(
        deliveries.claim, owner="n1", now=now, until=now + timedelta(hours=1), limit=9, without=()
    )
    either.delivery = either.deliverer()
    either.delivery.start()
    await either.app.hears(1)
    assert (await either.settled(event)).state == "delivered"


async def test_what_another_node_holds_is_left_to_it_until_its_lease_is_over(either: Office) -> None:
    await either.delivery.stop(0)
    event = await either.queue()
    now = either.clock.utc()
    await either.store.tx(
        deliveries.claim, owner="n2", now=now, until=now + timedelta(seconds=30), limit=9, without=()
    )
    either.delivery = either.deliverer()
    either.delivery.start()
    await either.advance(29)
    await asyncio.sleep(0.05)
    assert either.app.heard == []
    await either.advance(1)
    assert (await either.settled(event)).state == "delivered"


async def test_two_nodes_share_the_work_and_nothing_is_sent_twice(either: Office) -> None:
    other = either.deliverer(node="n2")
    other.start()
    try:
        events = [await either.queue(leg=f"leg {number}") for number in range(60)]
        for event in events:
            await either.settled(event)
        assert sorted(one.id for one in either.app.heard) == sorted(one.id for one in events)
        assert either.delivery.counts["delivered"] + other.counts["delivered"] == 60
    finally:
        await other.stop(0)


async def test_leases_are_renewed_while_a_retry_waits(office: Office) -> None:
    office.app.answer = in_turn(500, 200)
    event = await office.queue(to=Target(url=office.app.url, retries_ms=(60_000,)))
    await office.tried(event, 1)
    other = office.deliverer(node="n2")
    other.start()
    for _ in range(5):
        await office.advance(11)
        await asyncio.sleep(0.03)
        other.wake()
        await asyncio.sleep(0.03)
    assert other.held == 0
    await office.advance(5)
    await office.settled(event)
    assert (other.counts, office.delivery.counts["attempts"]) == ({}, 2)
    await other.stop(0)


async def test_a_delivery_can_be_sent_again(either: Office) -> None:
    either.app.answer = in_turn(404, 200)
    event = await either.queue()
    assert (await either.settled(event)).state == "failed"
    assert await either.store.tx(redeliver, event.id, now=either.clock.utc(), account_id="account") == 1
    await either.app.hears(2)
    row = await either.settled(event)
    assert (row.state, [one.attempt for one in row.attempts]) == ("delivered", [2, 1])


async def test_a_stop_lets_first_attempts_end(office: Office) -> None:
    release = asyncio.Event()

    async def answer(heard: Heard) -> web.StreamResponse:
        await release.wait()
        return web.Response(status=200)

    office.app.answer = answer
    events = [await office.queue(leg="leg") for _ in range(3)]
    await office.app.hears(1)
    stopping = asyncio.create_task(office.delivery.stop(10))
    await asyncio.sleep(0)
    release.set()
    await stopping
    assert [one.id for one in office.app.heard] == [one.id for one in events]
    assert {(await office.row(one)).state for one in events} == {"delivered"}


async def test_a_stop_does_not_wait_for_pauses_between_rounds(office: Office) -> None:
    office.app.answer = always(500)
    event = await office.queue()
    await office.tried(event, 1)
    async with asyncio.timeout(20):
        await office.delivery.stop(600)
    assert (await office.row(event)).state == "pending"
    office.app.answer = always(200)
    office.delivery = office.deliverer(node="another")
    office.delivery.start()
    await office.advance(1)
    assert (await office.settled(event)).state == "delivered"


async def test_a_store_that_fails_for_a_while_loses_nothing(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The disk is full when the first attempt is to be recorded."""

    def limit(conn: object, more: int) -> None:
        pages = conn.exec_driver_sql("PRAGMA page_count").scalar_one()  # type: ignore[attr-defined]
        conn.exec_driver_sql(f"PRAGMA max_page_count={pages + more}")  # type: ignore[attr-defined]

    async def answer(heard: Heard) -> web.StreamResponse:
        if len(office.app.heard) == 1:
            with suppress(StoreUnavailable):  # its commit may be shared with one that finds the disk full
                await office.store.tx(limit, 0)
        return web.Response(status=200, text="x" * 1024)

    await office.delivery.stop(0)
    office.app.answer = answer
    events = [await office.queue(leg=f"leg {number}") for number in range(40)]
    office.delivery = office.deliverer()
    office.delivery.start()
    async with asyncio.timeout(20):
        while not office.delivery.counts["store_errors"]:  # noqa: ASYNC110  # a counter has no event
            await asyncio.sleep(0.01)
    office.app.answer = always(200)
    async with asyncio.timeout(20):
        while True:
            with suppress(StoreUnavailable):  # as above
                await office.store.tx(limit, 10_000)
                break
    await office.advance(1)
    for event in events:
        assert (await office.settled(event)).state == "delivered"


async def test_a_fault_of_ours_stops_nothing_else(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    """A target that this version cannot read stays where it is; the others go out."""
    from ringline.store.tables import deliveries as table

    await office.delivery.stop(0)
    broken = await office.queue(leg="broken")
    await office.store.tx(
        lambda conn: conn.execute(table.update().values(target={"url": 17})),
    )
    fine = await office.queue(leg="fine")
    office.delivery = office.deliverer()
    office.delivery.start()
    assert (await office.settled(fine)).state == "delivered"
    assert (await office.row(broken)).state == "pending"
    assert office.delivery.counts["faults"] == 1


async def test_connections_are_kept(office: Office) -> None:
    ports: set[object] = set()

    async def answer(heard: Heard) -> web.StreamResponse:
        return web.Response(status=200, text="ok")

    office.app.answer = answer
    assert office.app._runner is not None
    for _ in range(5):
        await office.settled(await office.queue())
    server = office.app._runner.server
    assert server is not None
    ports |= set(server.connections)
    assert len(ports) == 1


async def test_deliveries_are_listed_as_the_api_shows_them(office: Office) -> None:
    event = await office.queue()
    await office.settled(event)
    found, total = await office.store.read(
        deliveries.list_deliveries, "account", DeliveryFilter(state="delivered"), limit=20
    )
    assert (total, [one.event_id for one in found]) == (1, [event.id])


async def test_a_full_deliverer_leaves_events_to_the_store_until_it_has_caught_up(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ringline.webhooks.delivery.HELD_PER_ORIGIN", 4)
    monkeypatch.setattr("ringline.webhooks.delivery.SLOTS", 1)
    office.handed = True
    gate = asyncio.Event()

    async def after_the_gate(_heard: Heard) -> web.StreamResponse:
        await gate.wait()
        return web.Response()

    office.app.answer = after_the_gate
    waiting = [await office.queue(leg=f"leg{number}") for number in range(4)]
    assert office.delivery.held == 4
    late = office.event(leg="late")
    assert office.delivery.offer(late) is None
    gate.set()
    for event in waiting:
        assert (await office.settled(event)).state == "delivered"
    await office.store.tx(queue_event, late)
    assert (await office.settled(late)).state == "delivered"
    assert office.delivery.offer(office.event()) is not None


async def test_a_stranger_s_events_and_a_stopped_deliverer_s_are_queued(office: Office) -> None:
    event = office.event()
    assert office.delivery.offer(replace(event, account_id="unknown")) is None
    await office.delivery.stop(0)
    assert office.delivery.offer(event) is None
