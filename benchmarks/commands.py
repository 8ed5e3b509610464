"""How long a command takes while 100 calls talk: to its 200, and to the first packet of its sound."""

import asyncio
import time
from pathlib import Path

from benchmarks.engines import Ringline
from benchmarks.report import Result, Table, percentile, verdict

GOAL_ANSWER_MS = 20
GOAL_EFFECT_MS = 50
TONE_S = 0.7
"""The app's tone lasts 0.5 s; a phone is asked again when it is surely quiet."""


async def run(programs: Path, scratch: Path, quick: bool) -> Result:
    """Commands at an even rate, to calls that stand beside those that talk."""
    live, targets, rate, count = (4, 4, 4, 8) if quick else (100, 20, 20, 600)
    engine = await Ringline.open(programs, scratch / "data", live, quiet=targets)
    url = f"http://127.0.0.1:{engine.app.ports[0]}/tone.wav"
    calls = {phone: await _call(engine, phone) for phone in range(live, live + targets)}
    await engine.customer.act(calls[live], "playback_start", audio_url=url)  # now it is in the cache
    engine.phones.tell("send on")
    await asyncio.sleep(TONE_S + 1)
    answers: dict[str, list[float]] = {"playback_start": [], "client_state_update": []}
    effects: list[float] = []
    missing = 0

    async def play(phone: int) -> None:
        nonlocal missing
        heard, begun = engine.watch(phone), time.time_ns()
        await engine.customer.act(calls[phone], "playback_start", audio_url=url)
        answers["playback_start"].append((time.time_ns() - begun) / 1e6)
        try:
            async with asyncio.timeout(2):
                effects.append((await heard - begun) / 1e6)
        except TimeoutError:
            missing += 1

    async def note(phone: int) -> None:
        begun = time.time_ns()
        await engine.customer.note(calls[phone], "bm90ZQ==")
        answers["client_state_update"].append((time.time_ns() - begun) / 1e6)

    begun = time.monotonic()
    async with asyncio.TaskGroup() as group:
        for number in range(count):
            await asyncio.sleep(max(0.0, begun + number / rate - time.monotonic()))
            phone = live + number % targets
            group.create_task(play(phone))
            group.create_task(note(phone))
    media = engine.media
    await engine.close()
    rows = [[f"{name} → 200", *_cells(times)] for name, times in answers.items()]
    rows.append(["playback_start → first packet", *_cells(effects)])
    every = [time for times in answers.values() for time in times]
    answer, effect = percentile(every, 0.99), percentile(effects, 0.99)
    return Result(
        "commands",
        [Table(("what", "n", "p50 ms", "p99 ms", "max ms"), rows)],
        [
            verdict(f"command → 200: p99 {answer:.1f} ms (goal {GOAL_ANSWER_MS})", answer < GOAL_ANSWER_MS),
            verdict(
                f"command → first packet: p99 {effect:.1f} ms (goal {GOAL_EFFECT_MS}), {missing} never came",
                effect < GOAL_EFFECT_MS and not missing,
            ),
        ],
        "the client is aiohttp in a process of its own on the same two cores and its time is in the numbers; "
        "the file was in the server's cache, so nothing is said of a first download.",
        [
            f"{live} calls with media both ways meanwhile, {2 * rate} commands a second to {targets} more; "
            f"media engine {media}; the first packet by the kernel's time of arrival; a packet leaves every "
            "20 ms, so 10 ms on average are waiting for its turn."
        ],
    )


async def _call(engine: Ringline, phone: int) -> str:
    answered = engine.inbox.counts.get("call.answered", 0)
    call = await engine.customer.dial(engine.callee.uri(phone))
    await engine.inbox.until("call.answered", answered + 1, 10)
    return call


def _cells(times: list[float]) -> list[str]:
    worst = max(times, default=0.0)
    return [
        str(len(times)),
        f"{percentile(times, 0.5):.1f}",
        f"{percentile(times, 0.99):.1f}",
        f"{worst:.1f}",
    ]
