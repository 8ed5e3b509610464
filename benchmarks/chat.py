"""Chat streamed through ringline, beside the engine itself and, where it is installed, LiteLLM's proxy."""

import asyncio
import json
import os
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

import aiohttp

from benchmarks.children import spawn
from benchmarks.programs import Program, Unavailable
from benchmarks.report import Result, Table, percentile, verdict
from benchmarks.server import KEY, Server
from benchmarks.usage import memory_kb, used

GOAL_MS = 5.0
STREAMS = 100
TOKENS = 100
GAP_MS = 20
LITELLM = "RINGLINE_BENCH_LITELLM"
"""The variable that names LiteLLM's program, in a virtual environment of its own."""


@dataclass(slots=True)
class Stream:
    """What a client saw: milliseconds to the first token and between those that came apart, and how many."""

    first: float
    tokens: int
    gaps: list[float] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Way:
    """One way to the engine."""

    name: str
    url: str
    pid: int | None


class Client:
    """Streams answers and looks at nothing but when they come."""

    def __init__(self) -> None:
        self._http = aiohttp.ClientSession(
            headers={"Authorization": f"Bearer {KEY}"}, connector=aiohttp.TCPConnector(limit=0)
        )

    async def stream(self, way: Way, tokens: int, gap_ms: float) -> Stream:
        """One answer; raises `Unavailable` when it is not whole."""
        body = {
            "model": "scripted",
            "stream": True,
            "messages": [{"role": "user", "content": f"{tokens} {gap_ms}"}],
        }
        begun = last = time.perf_counter()
        seen = Stream(0.0, 0)
        ended = False
        async with self._http.post(f"{way.url}/chat/completions", json=body) as answer:
            async for piece in answer.content.iter_any():
                now = time.perf_counter()
                if not (came := piece.count(b" word")):
                    ended = ended or b"[DONE]" in piece
                    continue
                if not seen.tokens:
                    seen.first = 1000 * (now - begun)
                else:
                    seen.gaps.append(1000 * (now - last))
                last, ended = now, b"[DONE]" in piece
                seen.tokens += came
            if seen.tokens != tokens or not ended:
                raise Unavailable(f"{way.name}: {answer.status}, {seen.tokens} of {tokens} tokens")
        return seen

    async def close(self) -> None:
        """Close the connections."""
        await self._http.close()


async def run(programs: Path, scratch: Path, quick: bool) -> Result:
    """First tokens of one stream after the other, in turns; then many streams at once."""
    del programs
    turns, windows, streams = (10, 1, 10) if quick else (200, 3, STREAMS)
    engine = await Program.start(Path(sys.executable), "-m", "benchmarks.scripted_engine")
    at = f"http://127.0.0.1:{engine.ports[0]}/v1"
    server = await Server(
        scratch / "server", {"inference.upstream": at, "inference.in_flight": 1000, "inference.waiting": 1000}
    ).start()
    ways = [Way("engine itself", at, None), Way("ringline", server.url, server.pid)]
    if program := os.environ.get(LITELLM):
        ways.append(await litellm(Path(program), at, scratch))
    client = Client()
    for way in ways:
        for _ in range(5):
            await client.stream(way, 3, 0)
    firsts: dict[str, list[float]] = {way.name: [] for way in ways}
    for _ in range(turns):
        for way in ways:
            firsts[way.name].append((await client.stream(way, 2, 0)).first)
    paced: dict[str, list[Window]] = {way.name: [] for way in ways}
    rushed: dict[str, list[Window]] = {way.name: [] for way in ways}
    for _ in range(windows):
        for way in ways:
            paced[way.name].append(await Window.of(client, way, streams, TOKENS, GAP_MS))
            rushed[way.name].append(await Window.of(client, way, streams, 2 if quick else 10, 0, rounds=3))
    memory = {way.name: memory_kb(way.pid) // 1024 if way.pid else None for way in ways}
    await client.close()
    await server.stop()
    await engine.stop()
    return _result(ways, firsts, paced, rushed, memory, (turns, windows, streams))


async def litellm(program: Path, engine: str, scratch: Path) -> Way:
    """LiteLLM's proxy before the same engine, with its answers' costs and logs switched off."""
    settings = {
        "model_list": [
            {
                "model_name": "scripted",
                "litellm_params": {"model": "openai/scripted", "api_base": engine, "api_key": "none"},
            }
        ],
        "general_settings": {"master_key": KEY},
        "litellm_settings": {"telemetry": False, "num_retries": 0},
    }
    file = scratch / "litellm.yaml"
    file.write_text(json.dumps(settings))  # JSON is YAML too
    port = 20_000 + os.getpid() % 20_000
    process = await spawn(
        *(program, "--config", file, "--host", "127.0.0.1", "--port", port, "--num_workers", 1),
        env={**os.environ, "LITELLM_LOCAL_MODEL_COST_MAP": "True", "LITELLM_LOG": "ERROR"},
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    async with aiohttp.ClientSession() as http:
        for _ in range(240):
            try:
                async with http.get(f"http://127.0.0.1:{port}/health/liveliness") as answer:
                    if answer.status == 200:
                        return Way("LiteLLM's proxy", f"http://127.0.0.1:{port}/v1", process.pid)
            except aiohttp.ClientError:
                await asyncio.sleep(0.5)
    raise Unavailable(f"{program} did not start")


@dataclass(frozen=True, slots=True)
class Window:
    """Many streams at once, `rounds` of them one after the other on each."""

    seconds: float
    cpu_us: float
    streams: list[Stream]

    @classmethod
    async def of(
        cls, client: Client, way: Way, count: int, tokens: int, gap_ms: float, rounds: int = 1
    ) -> "Window":
        """Measure one."""

        async def one() -> list[Stream]:
            return [await client.stream(way, tokens, gap_ms) for _ in range(rounds)]

        before, begun = used(way.pid) if way.pid else None, time.perf_counter()
        streams = [stream for many in await asyncio.gather(*(one() for _ in range(count))) for stream in many]
        took = time.perf_counter() - begun
        cpu = used(way.pid).since(before).total / 1e3 if way.pid and before else 0.0
        return cls(took, cpu / sum(stream.tokens for stream in streams), streams)

    @property
    def answers(self) -> float:
        """Whole answers a second."""
        return len(self.streams) / self.seconds


def _cells(values: list[float]) -> str:
    return f"{percentile(values, 0.5):.1f} / {percentile(values, 0.99):.1f}"


def _result(
    ways: list[Way],
    firsts: dict[str, list[float]],
    paced: dict[str, list[Window]],
    rushed: dict[str, list[Window]],
    memory: dict[str, int | None],
    sizes: tuple[int, int, int],
) -> Result:
    turns, windows, streams = sizes
    engine = ways[0].name
    alone, together, at_once = [], [], []
    overhead = {}
    for way in ways:
        name = way.name
        overhead[name] = median(firsts[name]) - median(firsts[engine])
        alone.append([name, _cells(firsts[name]), f"{overhead[name]:.1f}"])
        begun = [stream.first for window in paced[name] for stream in window.streams]
        gaps = [gap for window in paced[name] for stream in window.streams for gap in stream.gaps]
        cost = f"{median(window.cpu_us for window in paced[name]):.0f}" if way.pid else "–"
        together.append([name, _cells(begun), _cells(gaps), cost, str(memory[name] or "–")])
        rate = median(window.answers for window in rushed[name])
        first = [stream.first for window in rushed[name] for stream in window.streams]
        cost = f"{median(window.cpu_us for window in rushed[name]):.0f}" if way.pid else "–"
        at_once.append([name, f"{rate:.0f}", _cells(first), cost])
    return Result(
        "chat",
        [
            Table(
                (
                    f"one stream at a time, {turns} each in turns",
                    "first token ms p50 / p99",
                    "more than the engine",
                ),
                alone,
            ),
            Table(
                (
                    f"{streams} streams of {1000 // GAP_MS} tokens/s",
                    "first token ms p50 / p99",
                    "between tokens ms p50 / p99",
                    "CPU µs/token",
                    "MB",
                ),
                together,
            ),
            Table(
                (
                    f"{streams} clients, answers of 10 tokens at once",
                    "answers/s",
                    "first token ms p50 / p99",
                    "CPU µs/token",
                ),
                at_once,
            ),
        ],
        [
            verdict(
                f"first token {overhead['ringline']:.1f} ms later than the engine's (goal {GOAL_MS:g})",
                overhead["ringline"] <= GOAL_MS,
            )
        ],
        "engine, proxies and clients share the cores, so with many streams each waits for the others; the "
        "engine costs nothing but its sockets, and a token is one event, as engines send them.",
        [
            f"A scripted engine that begins at once; HTTP on loopback; {windows} windows each, in turns; "
            + ("LiteLLM was not installed." if len(ways) == 2 else "LiteLLM with one worker.")
        ],
    )
