"""Notes wait for nobody, are in the store soon, and outlast a store that is away."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from ringline.core.clock import VirtualClock
from ringline.reports import usage as module
from ringline.reports.usage import BATCH, UsageKind, UsageLog, UsageRecord
from ringline.store import usage
from ringline.store.db import Store
from ringline.store.errors import StoreUnavailable
from ringline.store.sqlite import WriterThread

pytestmark = pytest.mark.unit
NOON = datetime(2030, 1, 1, 12, tzinfo=UTC)


def record(number: int = 0) -> UsageRecord:
    return UsageRecord(kind=UsageKind.CHAT, account_id="a", at=NOON, prompt_tokens=number)


async def kept(store: Store) -> list[int]:
    found, _ = await store.read(
        usage.records_after,
        *("a", UsageKind.CHAT, NOON, NOON + timedelta(hours=1)),
        after=None,
        limit=1_000_000,
    )
    return [one.prompt_tokens for one in found]


async def until(store: Store, count: int) -> list[int]:
    async with asyncio.timeout(5):
        while len(found := await kept(store)) < count:  # noqa: ASYNC110  # a row of a table is no event
            await asyncio.sleep(0.005)
    return found


async def test_notes_are_written_in_order_at_the_stop(sqlite_store: Store) -> None:
    log = UsageLog(sqlite_store)
    log.start()
    for number in range(2 * BATCH + 3):
        log.note(record(number))
    await log.stop()
    assert await kept(sqlite_store) == list(range(2 * BATCH + 3))


async def test_a_full_batch_does_not_wait(sqlite_store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "WAIT_S", 3600.0)
    log = UsageLog(sqlite_store)
    log.start()
    for number in range(BATCH):
        log.note(record(number))
    assert len(await until(sqlite_store, BATCH)) == BATCH
    await log.stop()


async def test_a_few_are_written_after_a_while(sqlite_store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "WAIT_S", 0.01)
    log = UsageLog(sqlite_store)
    log.start()
    for number in (1, 2):
        log.note(record(number))
        assert len(await until(sqlite_store, number)) == number
    await log.stop()


async def test_a_stop_without_a_note_ends(sqlite_store: Store) -> None:
    log = UsageLog(sqlite_store)
    log.start()
    await log.stop()
    assert await kept(sqlite_store) == []


async def test_what_a_store_refuses_is_written_later(
    sqlite_store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = UsageLog(sqlite_store)
    log.note(record(1))
    with monkeypatch.context() as broken:
        broken.setattr(
            WriterThread, "submit", lambda _, one: one.future.set_exception(StoreUnavailable("full"))
        )
        with pytest.raises(StoreUnavailable):
            await log.flush()
    log.note(record(2))
    await log.flush()
    assert await kept(sqlite_store) == [1, 2]
    assert log.lost == 0


async def test_beyond_its_room_the_oldest_go_and_are_counted(
    sqlite_store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "KEPT", 3)
    log = UsageLog(sqlite_store)
    for number in range(5):
        log.note(record(number))
    await log.flush()
    assert await kept(sqlite_store) == [2, 3, 4]
    assert log.lost == 2


async def test_a_record_that_no_store_takes_does_not_hold_up_the_next(
    sqlite_store: Store, clock: VirtualClock
) -> None:
    log = UsageLog(sqlite_store)
    naive = clock.utc().replace(tzinfo=None)
    log.note(UsageRecord(kind=UsageKind.CHAT, account_id="a", at=naive))
    await log.flush()
    log.note(record(1))
    await log.flush()
    assert await kept(sqlite_store) == [1]
    assert log.lost == 1
