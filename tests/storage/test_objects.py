"""Objects in a folder and in S3: the same, whichever it is."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ringline.core.errors import ConfigError
from ringline.core.ids import Ids
from ringline.storage import objects
from ringline.storage.objects import ObjectMissing, ObjectStore, StorageUnavailable, new_key
from tests.storage.s3 import S3

pytestmark = pytest.mark.unit
KINDS: tuple[objects.Kind, ...] = ("recordings", "media", "files")
KILLED = """
import asyncio, os, sys
from pathlib import Path
from ringline.storage.objects import ObjectStore

async def some():
    yield b"x" * 6_000_000
    yield b"x" * 6_000_000
    os._exit(9)

asyncio.run(ObjectStore.open("", Path(sys.argv[1])).put(sys.argv[2], some()))
"""
KEY = "recordings/3f/3f2c0000-0000-4000-8000-000000000000.wav"


@pytest.fixture
async def s3(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[S3]:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "access")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    server = S3()
    await server.start()
    yield server
    await server.stop()


@pytest.fixture(params=["folder", "s3"])
async def store(request: pytest.FixtureRequest, tmp_path: Path, s3: S3) -> ObjectStore:
    if request.param == "folder":
        return ObjectStore.open("", tmp_path / "objects")
    return ObjectStore.open(f"s3://bucket/some/prefix?endpoint={s3.url}&region=eu-west-1", tmp_path)


async def whole(store: ObjectStore, key: str, **part: int) -> bytes:
    return b"".join([piece async for piece in await store.get(key, **part)])


async def test_what_was_put_can_be_got(store: ObjectStore) -> None:
    await store.put(KEY, b"RIFF....")
    assert await whole(store, KEY) == b"RIFF...."
    assert await store.read(KEY, 8) == b"RIFF...."
    info = await store.head(KEY)
    assert (info.key, info.size) == (KEY, 8)
    assert info.modified_at.tzinfo is not None
    await store.put(KEY, b"again")
    assert await whole(store, KEY) == b"again"


@pytest.mark.parametrize(("start", "end"), [(0, 3), (2, 5), (2, None), (9, 99), (10, None), (5, 5), (50, 60)])
async def test_a_range_is_the_bytes_it_names(store: ObjectStore, start: int, end: int | None) -> None:
    await store.put(KEY, b"0123456789")
    got = b"".join([piece async for piece in await store.get(KEY, start=start, end=end)])
    assert got == b"0123456789"[start:end]


async def test_an_empty_object_is_one(store: ObjectStore) -> None:
    await store.put(KEY, b"")
    assert await whole(store, KEY) == b""
    assert (await store.head(KEY)).size == 0


async def test_large_things_come_from_streams_and_files_in_parts(store: ObjectStore, tmp_path: Path) -> None:
    block = os.urandom(1_000_000)
    file = tmp_path / "large"
    file.write_bytes(block * 11)

    async def stream() -> AsyncIterator[bytes]:
        for _ in range(12):
            yield block

    await store.put(KEY, file)
    assert (await store.head(KEY)).size == 11_000_000
    await store.put(KEY, stream())
    pieces = [len(piece) async for piece in await store.get(KEY)]
    assert sum(pieces) == 12_000_000
    assert max(pieces) < 8 * objects.CHUNK + objects.PART
    assert await whole(store, KEY, start=999_999, end=1_000_001) == block[-1:] + block[:1]


async def test_a_stream_that_breaks_leaves_nothing(store: ObjectStore) -> None:
    async def breaks() -> AsyncIterator[bytes]:
        yield b"x" * 1_000_000
        raise OSError("the app hung up")

    with pytest.raises(StorageUnavailable, match="hung up"):
        await store.put(KEY, breaks())
    with pytest.raises(ObjectMissing):
        await store.head(KEY)


async def test_what_is_not_there_is_missing(store: ObjectStore) -> None:
    for attempt in (store.head(KEY), store.get(KEY), store.read(KEY, 10)):
        with pytest.raises(ObjectMissing):
            await attempt


async def test_what_is_deleted_is_gone_and_may_be_deleted_again(store: ObjectStore) -> None:
    await store.put(KEY, b"x")
    await store.delete(KEY)
    await store.delete(KEY)
    with pytest.raises(ObjectMissing):
        await store.head(KEY)


async def test_reading_at_once_has_a_limit(store: ObjectStore) -> None:
    await store.put(KEY, b"x" * 11)
    with pytest.raises(StorageUnavailable, match="11 bytes"):
        await store.read(KEY, 10)


async def test_a_broken_s3_is_said(s3: S3, tmp_path: Path) -> None:
    store = ObjectStore.open(f"s3://bucket?endpoint={s3.url}", tmp_path)
    await store.put(KEY, b"x")
    s3.broken = True
    for attempt in (store.put(KEY, b"y"), store.head(KEY), store.get(KEY), store.delete(KEY)):
        with pytest.raises(StorageUnavailable):
            await attempt


async def test_s3_keys_lie_under_the_prefix(s3: S3, tmp_path: Path) -> None:
    store = ObjectStore.open(f"s3://bucket/some/prefix?endpoint={s3.url}", tmp_path)
    await store.put(KEY, b"x")
    assert list(s3.objects) == [f"some/prefix/{KEY}"]


@pytest.mark.parametrize(
    "key",
    [
        "",
        "a",
        "../etc/passwd",
        "a/../b",
        "/a/b",
        "a//b",
        "a/b/",
        "a/.b",
        "A/b",
        "a/b\n",
        "a/b\0",
        "a/ü",
        "a/..b",
    ],
)
async def test_what_is_no_key_is_refused(tmp_path: Path, key: str) -> None:
    store = ObjectStore.open("", tmp_path)
    for attempt in (store.put(key, b""), store.get(key), store.head(key), store.delete(key)):
        with pytest.raises(ValueError, match="no object key"):
            await attempt


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50, deadline=None)
@given(key=st.text(alphabet="abc./_-A\\", max_size=12))
async def test_no_key_leads_out_of_the_folder(tmp_path: Path, key: str) -> None:
    folder = tmp_path / "inner" / "objects"
    store = ObjectStore.open("", folder)
    with suppress(ValueError, StorageUnavailable):  # no key; or a folder stands where the object should
        await store.put(key, b"x")
    outside = {path for path in tmp_path.rglob("*") if path.is_file() and folder not in path.parents}  # noqa: ASYNC240  # a test
    assert outside == set()


def test_new_keys_are_keys_and_never_the_same() -> None:
    ids = Ids.seeded(1)
    keys = [new_key(ids, "recordings", "wav") for _ in range(100)]
    assert len(set(keys)) == 100
    for key in keys:
        objects._check(key)
    kind, shard, name = keys[0].split("/")
    assert (kind, name[:2], name[-4:]) == ("recordings", shard, ".wav")


@pytest.mark.parametrize("extension", ["", "../x", "W", "a.b", "toolongext"])
def test_an_extension_is_one_of_ours(extension: str) -> None:
    with pytest.raises(ValueError, match="extension"):
        new_key(Ids.seeded(1), "media", extension)


@pytest.mark.parametrize(
    "url", ["http://x/y", "s3://", "s3://bucket?endpoint=http://x&nonsense=1", "gs://bucket", "bucket"]
)
def test_other_urls_are_refused_with_advice(tmp_path: Path, url: str) -> None:
    with pytest.raises(ConfigError, match=r"storage\.url"):
        ObjectStore.open(url, tmp_path)


async def test_a_folder_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    store = ObjectStore.open("", tmp_path)
    (tmp_path / "recordings").write_text("a file where a folder should be")  # a test
    with pytest.raises(StorageUnavailable, match="could not be stored"):
        await store.put(KEY, b"x")


async def test_a_shelf_lists_what_is_on_it_and_is_ours(store: ObjectStore) -> None:
    ids = Ids.seeded(1)
    keys = [new_key(ids, "files", "bin") for _ in range(40)]
    for key in (*keys, "files/3f/notes.txt", KEY):
        await store.put(key, b"1234")
    listed = []
    for shelf in (name for name in objects.shelves() if name.startswith("files/")):
        async for some in store.shelved(shelf):
            assert all(one.key.startswith(f"{shelf}/") and one.size == 4 for one in some)
            assert all(one.modified_at.tzinfo is not None for one in some)
            listed += [one.key for one in some]
    assert sorted(listed) == sorted(keys)
    (recording,) = [some async for some in store.shelved("recordings/3f")]
    assert [one.key for one in recording] == [KEY]


def test_every_key_is_on_one_shelf() -> None:
    shelves = objects.shelves()
    assert len(set(shelves)) == len(shelves) == 768
    for key in (new_key(Ids.seeded(seed), kind, "wav") for seed in range(20) for kind in KINDS):
        assert key.rpartition("/")[0] in shelves


async def test_a_store_that_is_gone_lists_nothing(s3: S3, tmp_path: Path) -> None:
    there = ObjectStore.open(f"s3://bucket?endpoint={s3.url}", tmp_path)
    await s3.stop()
    with pytest.raises(StorageUnavailable, match="files/00 could not be listed"):
        _ = [some async for some in there.shelved("files/00")]


async def test_what_a_killed_put_leaves_is_dropped_once_it_is_old(tmp_path: Path) -> None:
    folder = tmp_path / "objects"
    store = ObjectStore.open("", folder)
    await store.put(KEY, b"whole")
    killed = await asyncio.create_subprocess_exec(sys.executable, "-c", KILLED, str(folder), KEY)
    assert await killed.wait() == 9
    (partial,) = (file for file in (folder / KEY).parent.iterdir() if file.name != Path(KEY).name)
    written = partial.stat().st_mtime
    assert await store.drop_partial("recordings/3f", datetime.fromtimestamp(written - 1, UTC)) == 0
    assert await store.drop_partial("recordings/40", datetime.fromtimestamp(written + 1, UTC)) == 0
    assert await store.drop_partial("recordings/3f", datetime.fromtimestamp(written + 1, UTC)) == 1
    assert [file.name for file in partial.parent.iterdir()] == [Path(KEY).name]
    assert await store.read(KEY, 5) == b"whole"


async def test_s3_has_nothing_partial_to_see(s3: S3, tmp_path: Path) -> None:
    store = ObjectStore.open(f"s3://bucket?endpoint={s3.url}", tmp_path)
    assert await store.drop_partial("files/00", datetime.max.replace(tzinfo=UTC)) == 0
