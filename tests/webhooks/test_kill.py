"""kill -9 at any moment: what was committed is delivered, in order, and nothing is made up."""

import asyncio
import random
import sys
from collections.abc import AsyncIterator

import pytest

from tests.webhooks.receiver import App, Heard, in_turn
from tests.webhooks.victim import LEGS

pytestmark = pytest.mark.fault


@pytest.fixture
async def app() -> AsyncIterator[App]:
    one = App()
    await one.start()
    yield one
    await one.stop()


async def child(url: str, app: App, mode: str) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.webhooks.victim", url, app.url, mode), stdout=asyncio.subprocess.PIPE
    )


async def until_killed(process: asyncio.subprocess.Process, app: App, after: int) -> set[tuple[int, int]]:
    """Kill it when the app has heard `after` requests; what it has said in full before it died."""
    assert process.stdout is not None
    said: set[tuple[int, int]] = set()
    killing = asyncio.create_task(kill_after(process, app, after))
    while line := await process.stdout.readline():
        if not line.endswith(b"\n"):
            break
        leg, number = line.split()
        said.add((int(leg), int(number)))
    await killing
    await process.wait()
    return said


async def kill_after(process: asyncio.subprocess.Process, app: App, after: int) -> None:
    await app.hears(after, within=20)
    process.kill()


def what(heard: Heard) -> tuple[int, int]:
    payload = heard.json["data"]["payload"]
    return payload["leg"], payload["number"]


@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_nothing_committed_is_lost(database: str, app: App, seed: int) -> None:
    chance = random.Random(seed)
    # Some attempts fail, so that retries are among what the kill interrupts.
    app.answer = in_turn(*(chance.choice((200, 200, 200, 500, 429)) for _ in range(3_000)), 200)
    victim = await child(database, app, "queue")
    said = await asyncio.wait_for(until_killed(victim, app, chance.randint(1, 60)), 30)
    survivor = await child(database, app, "deliver")
    assert await asyncio.wait_for(survivor.wait(), 30) == 0

    heard = [what(one) for one in app.heard]
    assert said <= set(heard)
    for leg in range(LEGS):
        numbers = [number for place, number in dict.fromkeys(heard) if place == leg]
        assert numbers == list(range(len(numbers))), "first attempts of a leg begin in order"
    ids: dict[tuple[int, int], set[str]] = {}
    for one in app.heard:
        ids.setdefault(what(one), set()).add(one.id)
    assert {len(found) for found in ids.values()} == {1}, "a repeat is the same event"
