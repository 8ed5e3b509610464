"""Texts into vectors: 32 clients of one text each, beside the bare session and a server without batches."""

import asyncio
import json
import os
import sys
import time
from collections.abc import Awaitable, Callable
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import aiohttp

from benchmarks.onecore import server_alone
from benchmarks.programs import Program, Unavailable
from benchmarks.report import Result, Table, percentile, verdict
from benchmarks.server import KEY, Server
from benchmarks.texts import TEXTS
from benchmarks.usage import children_of, pin, process_ms

MODEL = "all-minilm-l6-v2"
CLIENTS = 32
SIZES = (8, 16, 32)
GOAL_OF_BARE = 0.9
GOAL_OF_UNBATCHED = 3.0
TRANSFORMERS = "RINGLINE_BENCH_TRANSFORMERS"
UNBATCHED = "unbatched server, over HTTP"
TRANSFORMERS_UNBATCHED = "sentence-transformers, unbatched, over HTTP"
ON_ONE_CORE = "ringline, over HTTP, all of it on the one core"

Measure = Callable[[float], Awaitable[dict[str, Any]]]


def models_folder() -> Path:
    """Where the weights are; raises `Unavailable`."""
    folder = Path(os.environ.get("RINGLINE_TEST_MODELS", "ringline-data/models")).absolute()
    if not (folder / MODEL / "model.onnx").is_file():
        raise Unavailable(f"no weights: `ringline models pull {MODEL}`, then set RINGLINE_TEST_MODELS")
    return folder


async def run(programs: Path, scratch: Path, quick: bool) -> Result:
    """All engines in turns; the model has one core, whoever runs it.

    Servers without batches are on that core as a whole, and ringline is once more, to be compared with them.
    """
    del programs
    folder, windows, seconds = models_folder(), 1 if quick else 7, 1.0 if quick else 3.0
    with server_alone() as core:
        bare = await _peer("bare", folder, core)
        room = await _peer("room", folder, None)
        unbatched = await _peer("unbatched", folder, None)
        settings = {"speech.models": folder, "embeddings.workers": 1}
        server = await Server(scratch / "server", settings).start()
        http = Clients(f"{server.url}/embeddings")
        plain = Clients(f"http://127.0.0.1:{unbatched.ports[0]}/v1/embeddings")
        await http.once()
        await plain.once()
        rooms = (room.pid, *children_of(room.pid, "embedding_onnx"))
        servers = (server.pid, *children_of(server.pid, "embedding_onnx"))
        for child in (*rooms[1:], *servers[1:]):
            pin(child, core)
        pin(unbatched.pid, core)
        engines = [
            Engine("bare session, one text a run", (bare.pid,), lambda s: bare.ask(f"{s} 1")),
            *(Engine(f"bare session, {n} texts a run", (bare.pid,), _bare(bare, n)) for n in SIZES),
            Engine("ringline, in the room", rooms, lambda s: room.ask(f"{s} {CLIENTS}")),
            Engine("ringline, over HTTP", servers, http.measure),
            Engine(ON_ONE_CORE, servers, http.measure, core),
            Engine(UNBATCHED, (unbatched.pid,), plain.measure),
            Engine("ringline, over HTTP, one client", servers, lambda s: http.measure(s, 1)),
            Engine(
                "unbatched server, over HTTP, one client", (unbatched.pid,), lambda s: plain.measure(s, 1)
            ),
        ]
        other = await _transformers(core)
        if other is not None:
            beside = Clients(f"http://127.0.0.1:{other.ports[0]}/v1/embeddings")
            await beside.once()
            engines.append(Engine(TRANSFORMERS_UNBATCHED, (other.pid,), beside.measure))
        found: dict[str, list[dict[str, Any]]] = {engine.name: [] for engine in engines}
        for _ in range(windows):
            for engine in engines:
                found[engine.name].append(await engine.window(seconds))
        await http.close()
        await plain.close()
        await server.stop()
        if other is not None:
            await beside.close()
            await other.stop()
        for peer in (bare, room, unbatched):
            await peer.stop()
    return _result(found, windows, seconds)


@dataclass(frozen=True, slots=True)
class Engine:
    """One row: how it is measured, and the processes that are it; the last one runs the model."""

    name: str
    pids: tuple[int, ...]
    measure: Measure
    cores: AbstractSet[int] | None = None
    """Where all of them are kept while they are measured, if that is not where they are anyway."""

    async def window(self, seconds: float) -> dict[str, Any]:
        """What `measure` found, and the CPU milliseconds of a text: in all, and in the model's process."""
        places = {pid: os.sched_getaffinity(pid) for pid in self.pids}
        for pid in self.pids:
            pin(pid, self.cores or places[pid])
        try:
            return await self._window(seconds)
        finally:
            for pid, cores in places.items():
                pin(pid, cores)

    async def _window(self, seconds: float) -> dict[str, Any]:
        before = [process_ms(pid) for pid in self.pids]
        measured = await self.measure(seconds)
        cpu = [process_ms(pid) - then for pid, then in zip(self.pids, before, strict=True)]
        return {**measured, "cpu": sum(cpu) / measured["texts"], "model": cpu[-1] / measured["texts"]}


def _bare(peer: Program, size: int) -> Measure:
    return lambda seconds: peer.ask(f"{seconds} {size}")


async def _peer(mode: str, folder: Path, core: set[int] | None) -> Program:
    peer = await Program.start(Path(sys.executable), "-m", "benchmarks.embedding_peers", mode, folder)
    if core is not None:
        pin(peer.pid, core)
    return peer


async def _transformers(core: set[int]) -> Program | None:
    """The server on sentence-transformers, if it is there."""
    if not (named := os.environ.get(TRANSFORMERS)):
        return None
    python, _, model = named.partition(" ")
    peer = await Program.start(Path(python), "-m", "benchmarks.embedding_transformers", model)
    pin(peer.pid, core)
    return peer


class Clients:
    """Clients that each ask for one text and, once they have it, for the next."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._http = aiohttp.ClientSession(
            headers={"Authorization": f"Bearer {KEY}"}, connector=aiohttp.TCPConnector(limit=0)
        )

    async def once(self, at: int = 0) -> None:
        """One request; raises `Unavailable` when it is refused."""
        body = {"model": MODEL, "input": TEXTS[at % len(TEXTS)]}
        async with self._http.post(self._url, json=body) as answer:
            text = await answer.read()
            if answer.status != 200 or len(json.loads(text)["data"][0]["embedding"]) != 384:
                raise Unavailable(f"{self._url} answered {answer.status}: {text[:200]!r}")

    async def measure(self, seconds: float, count: int = CLIENTS) -> dict[str, Any]:
        """Texts a second, and how long each took."""
        times: list[float] = []
        begun = time.perf_counter()

        async def client(number: int) -> None:
            at = number
            while (now := time.perf_counter()) - begun < seconds:
                await self.once(at)
                times.append(time.perf_counter() - now)
                at += count

        await asyncio.gather(*map(client, range(count)))
        took = time.perf_counter() - begun
        return {"rate": len(times) / took, "texts": len(times), "times": times}

    async def close(self) -> None:
        """Close the connections."""
        await self._http.close()


def _result(found: dict[str, list[dict[str, Any]]], windows: int, seconds: float) -> Result:
    rates = {name: median(one["rate"] for one in many) for name, many in found.items()}
    best = max(rates[f"bare session, {size} texts a run"] for size in SIZES)
    rows = []
    for name, many in found.items():
        times = [1000 * each for one in many for each in one.get("times", ())]
        shown = f"{percentile(times, 0.5):.1f} / {percentile(times, 0.99):.1f}" if times else "–"
        cpu, model = (median(one[key] for one in many) for key in ("cpu", "model"))
        texts = " ; ".join(f"{one['rate']:.0f}" for one in many)
        rows.append([name, texts, f"{rates[name] / best:.2f}", f"{cpu:.2f}", f"{model:.2f}", shown])
    goals = []
    for name in ("ringline, in the room", "ringline, over HTTP"):
        part = rates[name] / best
        goals.append(
            verdict(f"{name}: {part:.2f} × the bare session (goal {GOAL_OF_BARE})", part >= GOAL_OF_BARE)
        )
    if TRANSFORMERS_UNBATCHED in rates:
        part = rates[ON_ONE_CORE] / rates[TRANSFORMERS_UNBATCHED]
        said = f"{part:.2f} × sentence-transformers without batches (goal {GOAL_OF_UNBATCHED:g})"
        goals.append(verdict(said, part >= GOAL_OF_UNBATCHED))
    else:
        goals.append(f"not measured: sentence-transformers without batches (goal {GOAL_OF_UNBATCHED:g})")
    possible = best / rates["bare session, one text a run"]
    goals.append(
        f"{rates[ON_ONE_CORE] / rates[UNBATCHED]:.2f} × our own engine without batches, of {possible:.2f} "
        "that batches make of the bare session on this CPU"
    )
    return Result(
        "embeddings",
        [
            Table(
                ("engine", "texts/s", "× bare, best batch", "CPU ms/text", "of it the model", "ms p50 / p99"),
                rows,
            )
        ],
        goals,
        "one model on one core of a CPU: where a batch is much cheaper than its texts one by one (a GPU, a "
        "large model) they are worth far more than here; the clients share the other core with the server.",
        [
            f"{MODEL} with 8-bit integers on onnxruntime, one thread; {len(TEXTS)} texts of 6 to 90 tokens; "
            f"{CLIENTS} clients of one text each if nothing else is said; {windows} windows of {seconds:g} s "
            "each, in turns; ratios of medians. The model has one core for itself; servers without batches "
            "have that core for all they do, and are compared with ringline on it as a whole. The bare "
            "session is given texts sorted by length, the others are not."
        ],
    )
