"""Puts the demo together: a server, a voice app, two phones; plays it, shows it, judges it."""

import asyncio
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import AsyncExitStack, contextmanager
from pathlib import Path

import telnyx

from ringline.core.settings import PREFIX
from ringline.demo import checks
from ringline.demo.app import VoiceApp
from ringline.demo.callers import Scene, Step, perform
from ringline.demo.journal import Journal
from ringline.demo.results import write
from ringline.demo.show import Show
from ringline.demo.watch import Watch
from ringline.testing import Phone, Server

NUMBER = "+15550100100"


async def play(out: Path, *, keep: bool = False, plain: bool = False, busy: bool = False) -> bool:
    """Play the demo and write to `out`; returns whether every check held.

    With `keep` the server's folder stays in `out`; with `busy` the second phone refuses its calls.
    """
    began = time.monotonic()
    show = Show(plain=plain)
    with _folder(out, keep=keep) as folder, _settings_put_aside():
        try:
            scene, watch = await _calls(folder, show, busy=busy)
        finally:
            show.end()
    files = []
    if watch.record is not None:
        scene.rows.append(checks.webhooks("webhooks", watch.record.entries))
        scene.rows.append(checks.packets("sound", watch.record.entries))
        files = write(out, watch.record, scene.recording)
    show.table(scene.rows)
    show.line()
    for file in files:
        show.line(f"wrote {file}")
    wrong = [row.step for row in scene.rows if not row.ok]
    verdict = (
        f"{len(wrong)} checks failed: {', '.join(wrong)}" if wrong else f"all {len(scene.rows)} checks held"
    )
    show.line(f"{verdict}; {time.monotonic() - began:.0f} s", style="bold red" if wrong else "bold green")
    return not wrong


async def _calls(folder: Path, show: Show, *, busy: bool) -> tuple[Scene, Watch]:
    journal = Journal()
    async with AsyncExitStack() as stack:
        show.step("a ringline server starts, with an API, SIP and RTP on loopback")
        server = await stack.enter_async_context(Server(folder))
        show.line(f"          API {server.url}, SIP {server.sip}")
        client = await stack.enter_async_context(
            telnyx.AsyncTelnyx(api_key=server.api_key, base_url=server.url, max_retries=0, timeout=10)
        )
        found = await client.get("/public_key", cast_to=dict[str, dict[str, str]])
        client.public_key = found["data"]["public"]
        alice = await stack.enter_async_context(Phone(user="alice"))
        bob = await stack.enter_async_context(Phone(user="bob", manner="refuse" if busy else "ask"))
        app = await stack.enter_async_context(
            VoiceApp(client, bob.uri, on_event=journal.event, on_frame=journal.frame)
        )
        await app.take_number(NUMBER)
        scene = Scene(journal, alice, bob, f"sip:{NUMBER}@{server.sip}")
        await scene.rehearse()
        async with Watch(folder / "data" / "ringline.db", show.entries) as watch:

            def begins(step: Step) -> None:
                show.step(step.what)

            await perform(scene, begins)
            await _delivered(watch)
    return scene, watch


async def _delivered(watch: Watch) -> None:
    """Give the last webhooks a moment to be written down as delivered."""
    from ringline.timeline.readers import webhooks

    for _ in range(20):
        await watch.look()
        if watch.record is None or all(one.state == "delivered" for one in webhooks(watch.record.entries)):
            return
        await asyncio.sleep(0.1)


@contextmanager
def _folder(out: Path, *, keep: bool) -> Iterator[Path]:
    """A folder for the server, which does not outlive the demo unless it is to be kept."""
    if keep:
        shutil.rmtree(out / "server", ignore_errors=True)
        yield out / "server"
        return
    with tempfile.TemporaryDirectory(prefix="ringline-demo-") as folder:
        yield Path(folder)


@contextmanager
def _settings_put_aside() -> Iterator[None]:
    """The demo's server is not the user's: it shares no store, no key and no port with it."""
    aside = {name: value for name, value in os.environ.items() if name.startswith(PREFIX)}
    for name in aside:
        del os.environ[name]
    try:
        yield
    finally:
        os.environ.update(aside)
