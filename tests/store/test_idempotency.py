"""A request that is made twice has one effect."""

import asyncio
from datetime import timedelta

import pytest

from ringline.core.clock import VirtualClock
from ringline.store import idempotency
from ringline.store.db import Store
from ringline.store.idempotency import Earlier

pytestmark = pytest.mark.unit
MINUTE = timedelta(seconds=60)


async def test_the_first_goes_on_and_the_second_hears_of_it(store: Store, clock: VirtualClock) -> None:
    when = {"now": clock.utc(), "ttl": MINUTE}
    assert await store.tx(idempotency.begin, "a", "v3:leg", "k", **when) is None
    assert await store.tx(idempotency.begin, "a", "v3:leg", "k", **when) == Earlier(None, None, True)
    await store.tx(idempotency.finish, "a", "v3:leg", "k", status=200, response=b"{}")
    assert await store.tx(idempotency.begin, "a", "v3:leg", "k", **when) == Earlier(200, b"{}", True)


async def test_keys_are_apart_by_account_and_scope(store: Store, clock: VirtualClock) -> None:
    when = {"now": clock.utc(), "ttl": MINUTE}
    for account, scope in (("a", "x"), ("a", "y"), ("b", "x")):
        assert await store.tx(idempotency.begin, account, scope, "k", **when) is None


async def test_a_key_is_free_again_after_its_time(store: Store, clock: VirtualClock) -> None:
    assert await store.tx(idempotency.begin, "a", "x", "k", now=clock.utc(), ttl=MINUTE) is None
    clock.advance(59.999)
    assert await store.tx(idempotency.begin, "a", "x", "k", now=clock.utc(), ttl=MINUTE) is not None
    clock.advance(0.001)
    assert await store.tx(idempotency.begin, "a", "x", "k", now=clock.utc(), ttl=MINUTE) is None


async def test_another_request_under_the_same_key_is_told_apart(store: Store, clock: VirtualClock) -> None:
    when = {"now": clock.utc(), "ttl": MINUTE}
    await store.tx(idempotency.begin, "a", "x", "k", fingerprint="one", **when)
    same = await store.tx(idempotency.begin, "a", "x", "k", fingerprint="one", **when)
    other = await store.tx(idempotency.begin, "a", "x", "k", fingerprint="two", **when)
    assert same is not None
    assert other is not None
    assert (same.same, other.same) == (True, False)


async def test_a_failed_request_may_be_made_again(store: Store, clock: VirtualClock) -> None:
    when = {"now": clock.utc(), "ttl": MINUTE}
    await store.tx(idempotency.begin, "a", "x", "k", **when)
    await store.tx(idempotency.forget, "a", "x", "k")
    assert await store.tx(idempotency.begin, "a", "x", "k", **when) is None


async def test_of_many_at_once_exactly_one_is_first(store: Store, clock: VirtualClock) -> None:
    outcomes = await asyncio.gather(
        *(store.tx(idempotency.begin, "a", "x", "k", now=clock.utc(), ttl=MINUTE) for _ in range(20))
    )
    assert outcomes.count(None) == 1


async def test_purge_forgets_the_expired(store: Store, clock: VirtualClock) -> None:
    await store.tx(idempotency.begin, "a", "x", "old", now=clock.utc(), ttl=MINUTE)
    await store.tx(idempotency.begin, "a", "x", "new", now=clock.utc(), ttl=3 * MINUTE)
    clock.advance(120)
    assert await store.tx(idempotency.purge, clock.utc()) == 1
    assert await store.tx(idempotency.begin, "a", "x", "new", now=clock.utc(), ttl=MINUTE) is not None
