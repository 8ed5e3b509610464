"""Buckets in both databases, beside a dictionary that does the same."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import count

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ringline.core.clock import VirtualClock
from ringline.core.ids import Ids
from ringline.store import accounts, bucket_listing, bucket_traffic, bucket_uploads, buckets
from ringline.store.bucket_listing import Query
from ringline.store.bucket_tables import bucket_objects
from ringline.store.bucket_traffic import Tally, Use
from ringline.store.bucket_uploads import PART_LEAST, Upload
from ringline.store.buckets import Bucket, Headers, Piece, StoredObject
from ringline.store.db import Store
from ringline.store.schema import metadata

pytestmark = pytest.mark.unit

ME, NAME = "account", "bucket"
AT = datetime(2030, 1, 1, tzinfo=UTC)
_serial = count()


def anything(_found: StoredObject | None) -> None:
    """A write that nothing forbids."""


def kept(upload: Upload, _parts: Sequence[Piece]) -> Headers:
    """An object that is described as its upload was."""
    return upload.headers


def item(key: str, size: int = 1) -> StoredObject:
    return StoredObject(
        key=key,
        content_id=f"content-{next(_serial)}",
        size_bytes=size,
        etag="0" * 32,
        headers=(("content-type", "text/plain"),),
        modified_at=AT,
    )


def piece(number: int = 1, size: int = 1, md5: str = "0" * 32) -> Piece:
    return Piece(number, f"files/aa/{next(_serial)}.bin", size, md5, AT)


@pytest.fixture
async def made(store: Store) -> Store:
    await store.tx(buckets.create, Bucket("b1", ME, NAME, "", AT), 100)
    return store


async def put(store: Store, *keys: str) -> None:
    for key in keys:
        await store.tx(buckets.put, ME, NAME, item(key), piece(), anything)


async def test_names_are_an_accounts_own(made: Store) -> None:
    with pytest.raises(buckets.BucketExists):
        await made.tx(buckets.create, Bucket("b2", ME, NAME, "", AT), 100)
    theirs = await made.tx(buckets.create, Bucket("b3", "other", NAME, "eu", AT), 100)
    await put(made, "mine")
    with pytest.raises(buckets.NoSuchObject):
        await made.read(buckets.find_object, "other", NAME, "mine")
    assert await made.read(buckets.of_account, "other") == [theirs]
    with pytest.raises(buckets.TooManyBuckets):
        await made.tx(buckets.create, Bucket("b4", ME, "second", "", AT), 1)
    with pytest.raises(buckets.NoSuchBucket):
        await made.tx(buckets.put, "nobody", NAME, item("a"), piece(), anything)


async def test_a_key_has_one_object_and_tells_what_it_left(made: Store) -> None:
    old, new = piece(), piece(size=7)
    assert await made.tx(buckets.put, ME, NAME, item("a"), old, anything) == []
    assert await made.tx(buckets.put, ME, NAME, item("a", 7), new, anything) == [old.storage_key]
    found, pieces = await made.read(buckets.find_object, ME, NAME, "a")
    assert (found.size_bytes, pieces, found.content_type) == (7, (new,), "text/plain")
    assert await made.read(buckets.extent, ME, NAME) == buckets.Extent(1, 7)
    with pytest.raises(buckets.BucketNotEmpty):
        await made.tx(buckets.delete, ME, NAME)
    assert await made.tx(buckets.delete_objects, ME, NAME, ["x", "a", "a"]) == [new.storage_key]
    assert await made.tx(buckets.delete, ME, NAME) == []


async def test_what_a_condition_forbids_is_not_done(made: Store) -> None:
    class Forbidden(Exception):
        pass

    def new_only(found: StoredObject | None) -> None:
        if found:
            raise Forbidden

    await made.tx(buckets.put, ME, NAME, item("a", 3), piece(), new_only)
    with pytest.raises(Forbidden):
        await made.tx(buckets.put, ME, NAME, item("a", 4), piece(), new_only)
    found, pieces = await made.read(buckets.find_object, ME, NAME, "a")
    assert (found.size_bytes, len(pieces)) == (3, 1)


async def test_writers_of_one_key_leave_one_object_and_name_all_else(made: Store) -> None:
    """On PostgreSQL they really run side by side."""
    pieces = [piece() for _ in range(30)]
    left = await asyncio.gather(*(made.tx(buckets.put, ME, NAME, item("a"), one, anything) for one in pieces))
    _found, kept = await made.read(buckets.find_object, ME, NAME, "a")
    named = sorted([key for some in left for key in some] + [one.storage_key for one in kept])
    assert (len(kept), named) == (1, sorted(one.storage_key for one in pieces))


async def test_makers_of_a_bucket_at_once_make_one(store: Store, ids: Ids) -> None:
    account = await store.tx(accounts.create_account, "me", ids=ids, now=AT)

    async def make(name: str) -> type[Exception] | None:
        try:
            await store.tx(buckets.create, Bucket(ids.uuid(), account.id, name, "", AT), 3)
        except (buckets.BucketExists, buckets.TooManyBuckets) as refusal:
            return type(refusal)
        return None

    same = await asyncio.gather(*(make("same") for _ in range(8)))
    assert (same.count(None), same.count(buckets.BucketExists)) == (1, 7)
    others = await asyncio.gather(*(make(f"other-{number}") for number in range(8)))
    assert (others.count(None), others.count(buckets.TooManyBuckets)) == (2, 6)


TRICKY = [
    "a",
    "a/",
    "a/b",
    "a/b/c",
    "a//",
    "a0",
    "b",
    "Z",
    "ä",
    "ä/x",
    "\U0001f642",
    "\uffff",
    "a\x00",
    "a\x00b/",
]


async def test_lists_are_in_the_order_of_utf_8(made: Store) -> None:
    await put(made, *TRICKY)
    page = await made.read(bucket_listing.page, ME, NAME, Query(100))
    assert [one.key for one in page.objects] == sorted(TRICKY, key=str.encode)


def oracle(keys: set[str], prefix: str, delimiter: str) -> list[str]:
    """What a list shows, objects and common prefixes alike, by the words of the S3 reference."""
    shown = set()
    for key in keys:
        if key.startswith(prefix):
            end = key.find(delimiter, len(prefix)) if delimiter else -1
            shown.add(key if end < 0 else key[: end + len(delimiter)])
    return sorted(shown, key=str.encode)


TEXT = st.text(alphabet="ab/é\U0010ffff", max_size=4)


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    keys=st.sets(TEXT.filter(bool), max_size=40),
    prefix=TEXT,
    delimiter=st.sampled_from(["", "/", "b", "//", "é", "a/"]),
    limit=st.integers(1, 7),
)
async def test_pages_of_any_size_show_each_thing_once(
    sqlite_store: Store, keys: set[str], prefix: str, delimiter: str, limit: int
) -> None:
    def empty(conn: sa.Connection) -> None:
        for table in metadata.tables:
            if table.startswith("bucket"):
                conn.exec_driver_sql(f"delete from {table}")

    await sqlite_store.tx(empty)
    await sqlite_store.tx(buckets.create, Bucket("b1", ME, NAME, "", AT), 100)
    await put(sqlite_store, *keys)
    shown: list[str] = []
    start: bytes | None = b""
    while start is not None:
        query = Query(limit, prefix.encode(), delimiter.encode(), start)
        page = await sqlite_store.read(bucket_listing.page, ME, NAME, query)
        here = sorted([one.key for one in page.objects] + list(page.prefixes), key=str.encode)
        assert len(here) == limit or page.next is None
        assert page.last == (here[-1] if here else "")
        shown += here
        start = page.next
    assert shown == oracle(keys, prefix, delimiter)


async def test_a_common_prefix_costs_one_look_up_however_much_is_behind_it(sqlite_store: Store) -> None:
    def fill(conn: sa.Connection) -> None:
        buckets.create(conn, Bucket("b1", ME, NAME, "", AT), 100)
        row = {
            "bucket_id": "b1",
            "content_id": "c",
            "size_bytes": 1,
            "etag": "",
            "headers": [],
            "modified_at": AT,
        }
        keys = [f"{folder}/{number:05}" for folder in "abc" for number in range(4_000)]
        conn.execute(bucket_objects.insert(), [row | {"key": key.encode()} for key in keys])

    await sqlite_store.tx(fill)
    queries = 0

    def counted(conn: sa.Connection) -> bucket_listing.Page:
        @sa.event.listens_for(conn, "after_cursor_execute")
        def after(_conn: object, _cursor: object, statement: str, *_rest: object) -> None:
            nonlocal queries
            queries += "bucket_objects" in statement

        return bucket_listing.page(conn, ME, NAME, Query(1000, b"", b"/"))

    page = await sqlite_store.read(counted)
    assert page.prefixes == ("a/", "b/", "c/")
    assert queries == 4


async def begun(store: Store, key: str = "k", id: str | None = None) -> str:
    upload = Upload(id or f"upload-{next(_serial)}", key, (("content-type", "text/plain"),), AT)
    return (await store.tx(bucket_uploads.begin, ME, NAME, upload)).id


async def test_parts_become_an_object(made: Store, clock: VirtualClock) -> None:
    await put(made, "k")
    before = await made.read(buckets.find_object, ME, NAME, "k")
    upload = await begun(made)
    one, again = piece(1, PART_LEAST, "1" * 32), piece(1, PART_LEAST, "2" * 32)
    unused, last = piece(5, 9, "5" * 32), piece(7, 3, "7" * 32)
    parts = (one, unused, last, again)
    left = [await made.tx(bucket_uploads.add_part, ME, NAME, "k", upload, part) for part in parts]
    assert left == [[], [], [], [one.storage_key]]
    assert await made.read(buckets.find_object, ME, NAME, "k") == before

    wanted = [(1, "2" * 32), (7, "7" * 32)]
    now = clock.utc()
    made_of, gone = await made.tx(bucket_uploads.complete, ME, NAME, "k", upload, wanted, now, anything, kept)

    # The MD5 of 16 bytes of 0x22 and 16 of 0x77.
    assert made_of.etag == "42a7e9e50aab00cabaaaef785d22806a-2"
    assert sorted(gone) == sorted([unused.storage_key, before[1][0].storage_key])
    found, pieces = await made.read(buckets.find_object, ME, NAME, "k")
    assert (found, pieces) == (made_of, (again, last))
    assert found.size_bytes == PART_LEAST + 3
    once_more = await made.tx(bucket_uploads.complete, ME, NAME, "k", upload, wanted, now, anything, kept)
    assert once_more == (made_of, [])
    with pytest.raises(bucket_uploads.NoSuchUpload):
        await made.tx(bucket_uploads.abort, ME, NAME, "k", upload)


async def test_what_cannot_be_completed_stays_as_it_is(made: Store, clock: VirtualClock) -> None:
    upload = await begun(made)
    for part in (piece(1, PART_LEAST - 1), piece(2, 1)):
        await made.tx(bucket_uploads.add_part, ME, NAME, "k", upload, part)
    for wanted, error in (
        ([(1, "0" * 32), (2, "0" * 32)], bucket_uploads.PartTooSmall),
        ([(1, "1" * 32)], bucket_uploads.NoSuchPart),
        ([(3, "0" * 32)], bucket_uploads.NoSuchPart),
    ):
        with pytest.raises(error):
            await made.tx(bucket_uploads.complete, ME, NAME, "k", upload, wanted, clock.utc(), anything, kept)
    with pytest.raises(bucket_uploads.NoSuchUpload):
        await made.tx(bucket_uploads.add_part, ME, NAME, "other", upload, piece())
    assert len((await made.read(bucket_uploads.parts, ME, NAME, "k", upload))[1]) == 2
    with pytest.raises(buckets.NoSuchObject):
        await made.read(buckets.find_object, ME, NAME, "k")
    assert len(await made.tx(bucket_uploads.abort, ME, NAME, "k", upload)) == 2


async def test_a_bucket_goes_with_its_unfinished_uploads(made: Store) -> None:
    ids = [await begun(made), await begun(made, "other")]
    parts = [piece(), piece(2)]
    for upload, key, part in zip(ids, ("k", "other"), parts, strict=True):
        await made.tx(bucket_uploads.add_part, ME, NAME, key, upload, part)
    left = await made.tx(buckets.delete, ME, NAME)
    assert sorted(left) == sorted(part.storage_key for part in parts)


async def test_uploads_are_listed_page_by_page(made: Store) -> None:
    for key, upload in (("a", "2"), ("a", "1"), ("b/x", "3"), ("b/y", "4"), ("ü", "5")):
        await begun(made, key, upload)
    found, after = [], ("", "")
    for _ in range(5):
        page = await made.read(bucket_uploads.page, ME, NAME, limit=1, after=after)
        found += [(one.key, one.id) for one in page.uploads]
        after = page.next or after
    assert found == [("a", "1"), ("a", "2"), ("b/x", "3"), ("b/y", "4"), ("ü", "5")]
    assert page.next is None
    page = await made.read(bucket_uploads.page, ME, NAME, limit=3, delimiter="/")
    assert ([one.id for one in page.uploads], page.prefixes) == (["1", "2"], ("b/",))
    page = await made.read(bucket_uploads.page, ME, NAME, limit=9, delimiter="/", after=page.next or ("", ""))
    assert ([one.id for one in page.uploads], page.prefixes, page.next) == (["5"], (), None)
    page = await made.read(bucket_uploads.page, ME, NAME, limit=9, after=("a", ""))
    assert [one.id for one in page.uploads] == ["3", "4", "5"]
    page = await made.read(bucket_uploads.page, ME, NAME, limit=9, prefix="b/")
    assert [one.id for one in page.uploads] == ["3", "4"]


async def test_what_a_bucket_is_used_for_adds_up(made: Store) -> None:
    first, second = AT, AT + timedelta(hours=1)
    some = [Use(first, "get_obj", Tally(2, 1, 10, 0)), Use(first, "put_obj", Tally(1, 1, 0, 5))]
    await made.tx(bucket_traffic.add, ME, NAME, some)
    more = [Use(first, "get_obj", Tally(1, 1, 7, 0)), Use(second, "get_obj", Tally(1, 0, 0, 0))]
    await made.tx(bucket_traffic.add, ME, NAME, more)
    await made.tx(bucket_traffic.add, ME, "gone", more)
    summed = Use(first, "get_obj", Tally(3, 2, 17, 0))
    assert await made.read(bucket_traffic.between, ME, NAME, first, second) == [summed, some[1]]
    assert await made.read(bucket_traffic.between, ME, NAME, second, second + timedelta(hours=1)) == [more[1]]
    await made.tx(buckets.delete, ME, NAME)
    await made.tx(buckets.create, Bucket("b1", ME, NAME, "", AT), 100)
    assert await made.read(bucket_traffic.between, ME, NAME, first, second) == []
