"""Legs in the store: whole again after a restart, found by whom they belong to."""

from dataclasses import replace
from datetime import timedelta

import msgspec
import pytest

from ringline.core.clock import VirtualClock
from ringline.core.ids import Ids
from ringline.store import legs
from ringline.store.db import Store
from ringline.store.legs import Leg
from ringline.webhooks.policy import Hooks

pytestmark = pytest.mark.unit

HOOKS = Hooks(url="https://app.example/hook", retries_ms={"call.hangup": (100, 200)})


def leg(ids: Ids, clock: VirtualClock, **more: object) -> Leg:
    values: dict[str, object] = {
        "call_control_id": ids.call_control_id(),
        "account_id": "account",
        "leg_id": ids.uuid(),
        "session_id": "session",
        "connection_id": "17",
        "direction": "incoming",
        "from_": "+13125550100",
        "to": "+13125550199",
        "state": "parked",
        "alive": True,
        "node": "n1",
        "started_at": clock.utc(),
        "webhooks": msgspec.json.decode(msgspec.json.encode(HOOKS)),
    }
    return Leg(**values | more)  # type: ignore[arg-type]  # the table above is checked by the tests themselves


async def test_a_leg_comes_back_whole(store: Store, clock: VirtualClock, ids: Ids) -> None:
    first = leg(ids, clock)
    await store.tx(legs.add_leg, first)
    assert await store.read(legs.find_leg, "account", first.call_control_id) == first
    assert msgspec.convert(first.webhooks, Hooks) == HOOKS
    assert await store.read(legs.find_leg, "another", first.call_control_id) is None


async def test_saving_changes_all_but_the_ids(store: Store, clock: VirtualClock, ids: Ids) -> None:
    first, bystander = leg(ids, clock), leg(ids, clock)
    await store.tx(legs.add_leg, first)
    await store.tx(legs.add_leg, bystander)
    clock.advance(2)
    answered = replace(first, state="answered", answered_at=clock.utc(), client_state="c3RhdGU=")
    clock.advance(7.9)
    ended = answered.ended(clock.utc(), cause="normal_clearing", source="caller", sip="200")
    await store.tx(legs.save_leg, ended)
    assert await store.read(legs.find_leg, "account", first.call_control_id) == ended
    assert await store.read(legs.find_leg, "account", bystander.call_control_id) == bystander
    assert (ended.duration_s(clock.utc() + timedelta(days=1)), bystander.duration_s(clock.utc())) == (7, 0)


async def test_recent_legs_come_newest_first(store: Store, clock: VirtualClock, ids: Ids) -> None:
    mine = []
    for _ in range(3):
        mine.append(leg(ids, clock))
        await store.tx(legs.add_leg, mine[-1])
        clock.advance(1)
    await store.tx(legs.add_leg, leg(ids, clock, account_id="other"))
    assert await store.read(legs.recent_legs, "account", limit=2, offset=1) == ([mine[1], mine[0]], 3)


async def test_a_node_that_starts_finds_what_it_lost(store: Store, clock: VirtualClock, ids: Ids) -> None:
    lost, ended, elsewhere = leg(ids, clock), leg(ids, clock, alive=False), leg(ids, clock, node="n2")
    for one in (lost, ended, elsewhere):
        await store.tx(legs.add_leg, one)
    assert await store.read(legs.lost_legs, "n1") == [lost]


async def test_old_legs_are_forgotten_living_ones_never(store: Store, clock: VirtualClock, ids: Ids) -> None:
    living, ended = leg(ids, clock), leg(ids, clock).ended(clock.utc(), cause="x", source="y", sip="200")
    await store.tx(legs.add_leg, living)
    await store.tx(legs.add_leg, ended)
    clock.advance(86_400)
    assert await store.tx(legs.purge, clock.utc() - timedelta(hours=1)) == 1
    assert (await store.read(legs.recent_legs, "account", limit=9))[0] == [living]
