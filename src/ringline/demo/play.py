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
from ringline.demo.callers import Scene, Step, perform, rehearse
from ringline.demo.journal import Journal, NotSeen
from ringline.demo.results import write
from ringline.demo.show import Show
from ringline.demo.watch import Watch
from ringline.testing import Phone, Server
from ringline.timeline.export import CallRecord

NUMBER = "+15550100100"


async def play(out: Path, *, keep: bool = False, plain: bool = False, busy: bool = False) -> bool:
    """Play the demo and write to `out`; returns whether every check held.

    With `keep` the server's folder stays in `out`; with `busy` the second phone refuses its calls.
    """
    began = time.monotonic()
    show = Show(plain=plain)
    try:
        with _folder(out, keep=keep) as folder, _settings_put_aside():
            scene, record = await _calls(folder, show, busy=busy)
    finally:
        show.end()
    files = []
    if record is not None:
        scene.rows.append(checks.webhooks("webhooks", record.entries))
        scene.rows.append(checks.packets("sound", record.entries))
        files = write(out, record, scene.recording)
    show.table(scene.rows)
    show.line()
    for file in files:
        show.line(f"wrote {file}")
    wrong = [row.step for row in scene.rows if not row.ok]
    verdict = f"{len(wrong)} checks failed: {', '.join(wrong)}" if wrong else "every check held"
    show.line(f"{verdict}; {time.monotonic() - began:.0f} s", style="bold red" if wrong else "bold green")
    return not wrong


async def _calls(folder: Path, show: Show, *, busy: bool) -> tuple[Scene, CallRecord | None]:
    journal = Journal()
    async with AsyncExitStack() as stack:
        show.step("a ringline server starts, with an API, SIP and RTP on loopback")
        alice = await stack.enter_async_context(Phone(user="alice"))
        bob = await stack.enter_async_context(Phone(user="bob", manner="refuse" if busy else "ask"))
        rehearsal = asyncio.create_task(rehearse(alice))
        server = Server(folder)
        stack.push_async_callback(server.stop)
        await server.start()
        words = await rehearsal
        show.line(f"  API {server.url}, SIP {server.sip}, media engine {alice.plane.engine_kind}")
        client = await stack.enter_async_context(
            telnyx.AsyncTelnyx(api_key=server.api_key, base_url=server.url, max_retries=0, timeout=10)
        )
        app = await stack.enter_async_context(
            VoiceApp(client, bob.uri, on_event=journal.event, on_frame=journal.frame)
        )
        try:
            found = await client.get("/public_key", cast_to=dict[str, dict[str, str]])
            client.public_key = found["data"]["public"]
            await app.take_number(NUMBER)
        except telnyx.APIError as error:
            raise NotSeen(f"the app got no number from the server: {error}") from error
        scene = Scene(journal, alice, bob, f"sip:{NUMBER}@{server.sip}", words)
        async with Watch(folder / "data" / "ringline.db", show.entries) as watch:

            async def begins(step: Step) -> None:
                await watch.look()
                show.step(step.what)

            await perform(scene, begins)
            await watch.settled()
    return scene, watch.record


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
