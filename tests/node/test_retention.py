"""What is old goes, what is named or young stays; objects of nobody are found shelf by shelf."""

import os
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from ringline.api.buckets import Buckets
from ringline.core.clock import VirtualClock
from ringline.core.ids import Ids
from ringline.jobs.run import Run
from ringline.jobs.runner import Jobs
from ringline.node.orphans import Orphans
from ringline.node.retention import Retention
from ringline.storage.objects import ObjectMissing, ObjectStore, new_key, shelves
from ringline.store import buckets as bucket_rows
from ringline.store import jobs, media, recordings, stt_reports, usage
from ringline.store.buckets import Bucket
from ringline.store.db import Store
from ringline.store.usage import UsageKind, UsageRecord

pytestmark = pytest.mark.unit

DAY = timedelta(days=1)


class Shop:
    """A store, objects in a folder, and the broom over both."""

    def __init__(self, store: Store, folder: Path, clock: VirtualClock, ids: Ids) -> None:
        self.store, self.clock, self.ids = store, clock, ids
        self.folder = folder
        self.objects = ObjectStore.open("", folder)
        self.buckets = Buckets(store, self.objects, clock, ids)

    def orphans(self, days: int = 7) -> Orphans:
        return Orphans(self.store, self.objects, self.buckets, self.ids, days=days)

    def retention(self, *, days: int = 30, usage_days: int = 400) -> Retention:
        orphans = self.orphans()
        return Retention(
            self.store, self.objects, self.clock, days=days, usage_days=usage_days, orphans=orphans
        )

    async def lay(self, key: str, age: timedelta) -> str:
        await self.objects.put(key, b"bytes")
        return self.age(key, age)

    def age(self, key: str, age: timedelta) -> str:
        then = (self.clock.utc() - age).timestamp()
        os.utime(self.folder / key, (then, then))
        return key

    async def sweep(self, orphans: Orphans) -> None:
        for _ in shelves():
            await orphans.sweep_shelf(self.clock.utc())

    async def there(self, key: str) -> bool:
        try:
            await self.objects.head(key)
        except ObjectMissing:
            return False
        return True


@pytest.fixture
def shop(store: Store, tmp_path: Path, clock: VirtualClock, ids: Ids) -> Shop:
    return Shop(store, tmp_path / "objects", clock, ids)


async def chunks(*pieces: bytes) -> AsyncIterator[bytes]:
    for piece in pieces:
        yield piece


async def never(run: Run) -> None: ...


async def named_by_rows(shop: Shop) -> list[str]:
    """A key of each kind of row that names one."""
    now, ids = shop.clock.utc(), shop.ids
    recording = recordings.Recording(
        id=ids.uuid(),
        account_id="a",
        call_control_id=None,
        call_leg_id=None,
        call_session_id=None,
        connection_id=None,
        from_=None,
        to=None,
        channels="single",
        format="wav",
        recording_started_at=None,
        recording_ended_at=None,
        duration_millis=1,
        file_name="a.wav",
        object_key=new_key(ids, "recordings", "wav"),
        size_bytes=5,
        created_at=now,
        updated_at=now,
    )
    item = media.Media(
        id=ids.uuid(),
        account_id="a",
        media_name="hello",
        content_type="audio/wav",
        object_key=new_key(ids, "media", "wav"),
        size_bytes=5,
        expires_at=now + DAY,
        created_at=now,
        updated_at=now,
    )
    report = stt_reports.SttReport(
        id=ids.uuid(),
        account_id="a",
        start_date=now,
        end_date=now,
        object_key=new_key(ids, "files", "csv"),
        created_at=now,
        updated_at=now,
    )
    await shop.store.tx(recordings.add, recording)
    await shop.store.tx(media.create, item, now)
    await shop.store.tx(stt_reports.add, report)
    await shop.store.tx(bucket_rows.create, Bucket(ids.uuid(), "a", "bucket", "", now), 10)
    await shop.buckets.put("a", "bucket", "mine", chunks(b"bytes"))
    _, (piece,) = await shop.store.read(bucket_rows.find_object, "a", "bucket", "mine")
    return [recording.object_key, item.object_key, report.object_key, piece.storage_key]


async def test_what_no_row_names_goes_and_what_one_names_stays(shop: Shop) -> None:
    named = [await shop.lay(key, 400 * DAY) for key in await named_by_rows(shop)]
    lost = [await shop.lay(new_key(shop.ids, kind, "bin"), 8 * DAY) for kind in ("files", "media")]
    lost += [await shop.lay(new_key(shop.ids, "recordings", "wav"), 8 * DAY) for _ in range(9)]
    await shop.sweep(shop.orphans())
    assert [await shop.there(key) for key in named] == [True] * 4
    assert [await shop.there(key) for key in lost] == [False] * 11


async def test_what_is_young_may_yet_get_its_row(shop: Shop) -> None:
    written = await shop.buckets.write(chunks(b"bytes"))
    young = shop.age(written.storage_key, 7 * DAY - timedelta(seconds=1))
    await shop.sweep(shop.orphans())
    assert await shop.there(young)
    shop.clock.advance(2)
    await shop.sweep(shop.orphans())
    assert not await shop.there(young)


async def test_foreign_files_are_left_alone(shop: Shop) -> None:
    shelf = shop.folder / "files" / "3f"
    shelf.mkdir(parents=True)
    for name in ("notes.txt", "3f2c.bin", "backup#old"):
        (shelf / name).write_bytes(b"not ours")
        os.utime(shelf / name, (0, 0))
    (shelf / "3f2c.bin#2").write_bytes(b"what a killed put leaves")
    os.utime(shelf / "3f2c.bin#2", (0, 0))
    await shop.sweep(shop.orphans())
    assert sorted(os.listdir(shelf)) == ["3f2c.bin", "backup#old", "notes.txt"]


async def test_zero_days_remove_nothing(shop: Shop) -> None:
    old = await shop.lay(new_key(shop.ids, "files", "bin"), 400 * DAY)
    await shop.sweep(shop.orphans(days=0))
    assert await shop.there(old)


async def test_one_round_sweeps_one_shelf(shop: Shop) -> None:
    lost = [await shop.lay(f"{shelf}/{shop.ids.uuid()}.bin", 8 * DAY) for shelf in shelves()]
    orphans = shop.orphans()
    for round_ in range(1, 4):
        await orphans.sweep_shelf(shop.clock.utc())
        assert sum([not await shop.there(key) for key in lost]) == round_


async def test_what_somebody_reads_is_left_until_he_has_done(shop: Shop) -> None:
    """An object of two pieces is replaced while it is read, and its second piece becomes an orphan."""
    first, second = await shop.buckets.write(chunks(b"one")), await shop.buckets.write(chunks(b"two"))
    now = shop.clock.utc()
    pieces = [
        bucket_rows.Piece(number, one.storage_key, one.size_bytes, one.md5, now)
        for number, one in enumerate((first, second), 1)
    ]
    for one in pieces:
        shop.age(one.storage_key, 8 * DAY)
    reading = await shop.buckets.read(pieces, 0, 6)
    assert await anext(reading) == b"one"
    await shop.sweep(shop.orphans())
    assert b"".join([piece async for piece in reading]) == b"two"
    assert not await shop.there(second.storage_key)


async def test_usage_has_a_time_of_its_own(shop: Shop) -> None:
    def heard(at: datetime) -> UsageRecord:
        return UsageRecord(kind=UsageKind.RECOGNITION, account_id="a", at=at, seconds=1.0)

    async def kept() -> list[datetime]:
        span = (shop.clock.utc() - 999 * DAY, shop.clock.utc())
        found, _ = await shop.store.read(
            usage.records_after, "a", UsageKind.RECOGNITION, *span, after=None, limit=10
        )
        return [one.at for one in found]

    now = shop.clock.utc()
    times = [now - 401 * DAY, now - 399 * DAY, now]
    await shop.store.tx(usage.add, [heard(at) for at in times])
    await shop.retention(usage_days=0).sweep()
    assert await kept() == times
    await shop.retention(usage_days=400).sweep()
    assert await kept() == times[1:]


async def test_ended_jobs_go_with_the_timelines(shop: Shop) -> None:
    now = shop.clock.utc()
    ended = {"state": jobs.JobState.SUCCEEDED, "finished_at": now - 31 * DAY, "lease_owner": None}
    runner = Jobs(shop.store, shop.clock, ids=shop.ids, node="n")
    runner.register("work", never)
    for _ in range(2):
        await runner.submit("work", None, account_id="a")
    (claimed, _) = await shop.store.tx(jobs.claim, ("work",), owner="n", now=now, until=now + DAY, limit=2)
    await shop.store.tx(jobs.save, claimed.id, ended, owner="n")
    await shop.retention(days=0).sweep()
    assert (await shop.store.read(jobs.list_jobs, "a", limit=9))[1] == 2
    await shop.retention(days=30).sweep()
    (left,), _ = await shop.store.read(jobs.list_jobs, "a", limit=9)
    assert left.id != claimed.id
