"""Transactions: what is committed together, what fails alone, and what a broken database looks like."""

import asyncio
import threading
from datetime import UTC, datetime
from pathlib import Path

import pytest
import sqlalchemy as sa

from ringline.core.clock import VirtualClock
from ringline.core.errors import ConfigError
from ringline.store import db
from ringline.store.db import Store
from ringline.store.errors import StoreUnavailable
from ringline.store.tables import accounts, api_keys
from ringline.store.transaction import announce

pytestmark = pytest.mark.unit
NOW = datetime(2030, 1, 1, 12, 0, 0, 123456, tzinfo=UTC)


def add(conn: sa.Connection, name: str, *, fail: bool = False) -> str:
    conn.execute(accounts.insert().values(id=name, name=name, created_at=NOW))
    if fail:
        raise KeyError(name)
    return name


def names(conn: sa.Connection) -> list[str]:
    return list(conn.execute(sa.select(accounts.c.id).order_by(accounts.c.id)).scalars())


async def test_a_result_comes_back_once_it_is_committed(store: Store) -> None:
    assert await store.tx(add, "a") == "a"
    assert await store.read(names) == ["a"]


async def test_times_keep_their_microseconds_and_zone(store: Store) -> None:
    await store.tx(add, "a")
    assert await store.read(lambda conn: conn.execute(sa.select(accounts.c.created_at)).scalar_one()) == NOW


async def test_a_naive_time_is_refused(store: Store) -> None:
    naive = NOW.replace(tzinfo=None)
    with pytest.raises(sa.exc.StatementError, match="no time zone"):
        await store.tx(
            lambda conn: conn.execute(accounts.insert().values(id="a", name="a", created_at=naive))
        )


async def test_json_keeps_its_shape_on_both_engines(store: Store) -> None:
    from ringline.store.tables import jobs
    from ringline.store.types import EPOCH

    value = {'weird "k.y': [1, 2.5, None, True], "$x": {"ü": "\N{SNOWMAN}"}}

    def keep(conn: sa.Connection) -> object:
        row = {
            "id": "j",
            "account_id": "a",
            "kind": "k",
            "args": value,
            "state": "queued",
            "attempts": 0,
            "max_attempts": 1,
            "run_at": NOW,
            "lease_until": EPOCH,
            "cancel_requested": False,
            "progress_done": 0.0,
            "created_at": NOW,
            "updated_at": NOW,
        }
        conn.execute(jobs.insert(), row)
        return conn.execute(sa.select(jobs.c.args)).scalar_one()

    assert await store.tx(keep) == value


async def test_a_function_that_fails_takes_nobody_with_it(store: Store) -> None:
    outcomes = await asyncio.gather(
        *(store.tx(add, f"{number:02}", fail=number % 3 == 0) for number in range(60)), return_exceptions=True
    )

    kept = [f"{number:02}" for number in range(60) if number % 3]
    assert [one for one in outcomes if isinstance(one, str)] == kept
    assert [str(one) for one in outcomes if isinstance(one, KeyError)] == [
        repr(f"{number:02}") for number in range(0, 60, 3)
    ]
    assert await store.read(names) == kept


async def test_a_broken_rule_of_a_table_fails_alone_too(store: Store) -> None:
    outcomes = await asyncio.gather(*(store.tx(add, f"{n % 10}") for n in range(40)), return_exceptions=True)

    assert sum(isinstance(one, sa.exc.IntegrityError) for one in outcomes) == 30
    assert await store.read(names) == [f"{n}" for n in range(10)]


async def test_transactions_are_run_in_the_order_they_came(sqlite_store: Store) -> None:
    seen: list[int] = []
    await asyncio.gather(*(sqlite_store.tx(lambda conn, n=n: seen.append(n)) for n in range(200)))
    assert seen == list(range(200))


async def test_a_nested_savepoint_belongs_to_its_function(store: Store) -> None:
    def careful(conn: sa.Connection) -> None:
        add(conn, "kept")
        with pytest.raises(KeyError), conn.begin_nested():
            add(conn, "undone", fail=True)

    await store.tx(careful)
    assert await store.read(names) == ["kept"]


async def test_readers_cannot_write(sqlite_store: Store) -> None:
    with pytest.raises(StoreUnavailable, match="readonly"):
        await sqlite_store.read(add, "a")
    assert await sqlite_store.read(names) == []


async def test_a_reader_sees_one_snapshot(sqlite_store: Store) -> None:
    begun, written = threading.Event(), threading.Event()

    def twice(conn: sa.Connection) -> tuple[list[str], list[str]]:
        first = names(conn)
        begun.set()
        written.wait(10)
        return first, names(conn)

    reading = asyncio.create_task(sqlite_store.read(twice))
    await asyncio.to_thread(begun.wait, 10)
    await sqlite_store.tx(add, "a")
    written.set()
    assert await reading == ([], [])


async def test_listeners_hear_commits_and_only_commits(store: Store) -> None:
    heard: list[str] = []
    store.listen("birth", lambda: heard.append("birth"))

    def born(conn: sa.Connection, name: str, *, fail: bool = False) -> None:
        announce(conn, "birth")
        add(conn, name, fail=fail)

    await store.tx(born, "a")
    assert heard == ["birth"]
    with pytest.raises(KeyError):
        await store.tx(born, "b", fail=True)
    await store.tx(add, "c")
    assert heard == ["birth"]


async def test_a_caller_who_gave_up_before_his_turn_writes_nothing(sqlite_store: Store) -> None:
    gate = threading.Event()
    blocking = asyncio.create_task(sqlite_store.tx(lambda conn: gate.wait(10)))
    waiting = asyncio.create_task(sqlite_store.tx(add, "a"))
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    gate.set()
    await blocking
    assert await sqlite_store.read(names) == []


async def test_too_many_waiting_are_refused_at_once(
    sqlite_store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(db, "QUEUE_LIMIT", 5)
    gate = threading.Event()
    waiting = [asyncio.create_task(sqlite_store.tx(lambda conn: gate.wait(10))) for _ in range(5)]
    await asyncio.sleep(0)
    with pytest.raises(StoreUnavailable, match="5 transactions are waiting"):
        await sqlite_store.tx(names)
    gate.set()
    await asyncio.gather(*waiting)
    assert await sqlite_store.tx(names) == []


async def test_close_finishes_what_was_given(database: str, clock: VirtualClock) -> None:
    store = Store.open(database, clock=clock)
    waiting = [asyncio.create_task(store.tx(add, f"{n:02}")) for n in range(30)]
    await asyncio.sleep(0)
    await store.close()
    assert len(await asyncio.gather(*waiting)) == 30

    with pytest.raises(StoreUnavailable, match="closed"):
        await store.tx(names)
    with pytest.raises(StoreUnavailable, match="closed"):
        await store.read(names)
    await store.close()
    again = Store.open(database, clock=clock)
    assert len(await again.read(names)) == 30
    await again.close()


async def test_a_full_disk_is_said_and_survived(sqlite_store: Store) -> None:
    """SQLite is told that the file may grow no more: the error is the one of a full disk."""

    def limit(conn: sa.Connection, more: int) -> None:
        pages = conn.exec_driver_sql("PRAGMA page_count").scalar_one()
        conn.exec_driver_sql(f"PRAGMA max_page_count={pages + more}")

    def large(conn: sa.Connection, name: str) -> None:
        conn.execute(accounts.insert().values(id=name, name="x" * 200_000, created_at=NOW))

    await sqlite_store.tx(add, "before")
    await sqlite_store.tx(limit, 4)
    outcomes = await asyncio.gather(
        *(sqlite_store.tx(large, f"large{n}") for n in range(3)), return_exceptions=True
    )
    assert [type(one) for one in outcomes] == [StoreUnavailable] * 3
    assert "full" in str(outcomes[0])
    await sqlite_store.tx(limit, 100_000)
    await sqlite_store.tx(large, "after")
    assert await sqlite_store.read(names) == ["after", "before"]


async def test_postgres_connections_that_break_are_said_and_replaced(
    empty_postgres: str, clock: VirtualClock
) -> None:
    store = Store.open(empty_postgres, clock=clock)

    def kill_the_others(conn: sa.Connection) -> None:
        conn.exec_driver_sql(
            "select pg_terminate_backend(pid) from pg_stat_activity where pid <> pg_backend_pid()"
            " and backend_type = 'client backend' and datname = current_database()"
        )

    inside = threading.Event()

    def long(conn: sa.Connection) -> None:
        inside.set()
        conn.exec_driver_sql("select pg_sleep(30)")

    try:
        victim = asyncio.create_task(store.tx(long))
        await asyncio.to_thread(inside.wait, 10)
        await store.tx(kill_the_others)
        with pytest.raises(StoreUnavailable):
            await victim
        await asyncio.gather(*(store.tx(names) for _ in range(12)))
        assert await store.read(names) == []
    finally:
        await store.close()


async def test_a_server_that_is_not_there_is_said(tmp_path: Path, clock: VirtualClock) -> None:
    with pytest.raises(StoreUnavailable):
        Store.open(f"postgresql+psycopg://nobody@/none?host={tmp_path}", clock=clock)
    with pytest.raises(StoreUnavailable, match="unable to open"):
        Store.open(f"sqlite:///{tmp_path}/no/such/folder/store.db", clock=clock)


async def test_a_file_that_is_no_database_is_said(tmp_path: Path, clock: VirtualClock) -> None:
    (tmp_path / "letter.db").write_text("Dear Sir, " * 1000)
    with pytest.raises(StoreUnavailable, match="not a database"):
        Store.open(f"sqlite:///{tmp_path / 'letter.db'}", clock=clock)


@pytest.mark.parametrize(
    "url", ["mysql://x/y", "sqlite://", "sqlite:///:memory:", "nonsense", "postgresql://h/d"]
)
def test_other_urls_are_refused_with_advice(url: str, clock: VirtualClock) -> None:
    with pytest.raises(ConfigError, match=r"store\.url"):
        Store.open(url, clock=clock)


async def test_keys_are_unique_over_the_server(store: Store) -> None:
    row = {"account_id": "a", "hash": "h" * 64, "name": "n", "prefix": "p", "created_at": NOW}
    await store.tx(lambda conn: conn.execute(api_keys.insert(), {"id": "1"} | row))
    with pytest.raises(sa.exc.IntegrityError):
        await store.tx(lambda conn: conn.execute(api_keys.insert(), {"id": "2"} | row))
