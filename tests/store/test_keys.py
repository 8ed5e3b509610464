"""Keys: hashed, listed by prefix, revoked for good; signing keys made once."""

import hashlib

import pytest
import sqlalchemy as sa

from ringline.core.clock import VirtualClock
from ringline.core.ids import Ids
from ringline.store import accounts, keys
from ringline.store.db import Store
from ringline.store.tables import api_keys

pytestmark = pytest.mark.unit


async def test_only_a_hash_is_kept(store: Store, clock: VirtualClock, ids: Ids) -> None:
    secret = keys.new_secret(ids)
    key = await store.tx(keys.create_key, "account", secret, name="first", ids=ids, now=clock.utc())

    row = await store.read(lambda conn: conn.execute(sa.select(api_keys)).one())
    assert row.hash == hashlib.sha256(secret.encode()).hexdigest()
    assert secret not in [str(value) for value in row]
    assert secret.startswith(key.prefix)
    assert len(secret) == 46


async def test_a_key_opens_its_account_until_it_is_revoked(
    store: Store, clock: VirtualClock, ids: Ids
) -> None:
    secret, other = keys.new_secret(ids), keys.new_secret(ids)
    key = await store.tx(keys.create_key, "account", secret, name="first", ids=ids, now=clock.utc())
    await store.tx(keys.create_key, "other account", other, name="second", ids=ids, now=clock.utc())

    assert await store.read(keys.account_of, secret) == "account"
    assert await store.read(keys.account_of, other) == "other account"
    assert await store.read(keys.account_of, secret.lower()) is None
    assert await store.read(keys.account_of, "") is None

    assert await store.tx(keys.revoke_key, key.prefix, clock.utc())
    assert await store.read(keys.account_of, secret) is None
    assert not await store.tx(keys.revoke_key, key.id, clock.utc())
    assert [one.revoked_at for one in await store.read(keys.list_keys, "account")] == [clock.utc()]
    assert len(await store.read(keys.list_keys)) == 2


async def test_a_prefix_of_two_keys_revokes_neither(store: Store, clock: VirtualClock, ids: Ids) -> None:
    for secret in ("KEYsame-1", "KEYsame-2"):
        await store.tx(keys.create_key, "account", secret, name=secret, ids=ids, now=clock.utc())
    assert not await store.tx(keys.revoke_key, "KEYsame-", clock.utc())
    assert await store.read(keys.account_of, "KEYsame-1") == "account"


async def test_a_signing_key_is_made_once(store: Store, clock: VirtualClock, ids: Ids) -> None:
    first = await store.tx(keys.signing_seed, "account", ids=ids, now=clock.utc())
    assert len(first) == 32
    assert await store.tx(keys.signing_seed, "account", ids=ids, now=clock.utc()) == first
    assert await store.tx(keys.signing_seed, "other", ids=ids, now=clock.utc()) != first


async def test_a_server_secret_is_made_once(store: Store, clock: VirtualClock, ids: Ids) -> None:
    links = await store.tx(keys.server_secret, "links", ids=ids, now=clock.utc())
    assert len(links) == 32
    assert await store.tx(keys.server_secret, "links", ids=ids, now=clock.utc()) == links
    assert await store.tx(keys.server_secret, "else", ids=ids, now=clock.utc()) != links


async def test_there_is_always_an_account(store: Store, clock: VirtualClock, ids: Ids) -> None:
    first = await store.tx(accounts.default_account, ids=ids, now=clock.utc())
    clock.advance(1)
    await store.tx(accounts.create_account, "second", ids=ids, now=clock.utc())
    assert await store.tx(accounts.default_account, ids=ids, now=clock.utc()) == first
    assert [one.name for one in await store.read(accounts.list_accounts)] == ["default", "second"]
