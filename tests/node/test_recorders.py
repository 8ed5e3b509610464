"""Recorders at a real media plane: what cannot begin says so and leaves nothing behind."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import pytest_asyncio

from ringline.calls.inputs import Input, RecordingFailed, RecordingFinished
from ringline.calls.options import RecordOptions
from ringline.calls.state import LISTENERS, Application, Facts, Instant, Leg, State
from ringline.core.clock import SystemClock
from ringline.core.ids import Ids
from ringline.media.plane import MediaBusy, MediaPlane
from ringline.node.recorders import MediaRecorders
from ringline.node.recordings import Shelf
from ringline.storage.objects import ObjectStore
from ringline.store.db import Store
from ringline.timeline.entries import AnyBody
from tests.media.phone import Inbox

pytestmark = pytest.mark.system

WAV = RecordOptions("wav", "single")


@dataclass
class Desk:
    """One leg, its recorders, and what its mailbox gets."""

    leg: Leg
    plane: MediaPlane
    recorders: MediaRecorders
    spool: Path
    mail: list[Input | AnyBody]

    @property
    def failed(self) -> list[RecordingFailed]:
        return [one for one in self.mail if isinstance(one, RecordingFailed)]


@pytest_asyncio.fixture
async def desk(tmp_path: Path, sqlite_store: Store) -> AsyncIterator[Desk]:
    clock, ids, spool = SystemClock(), Ids.seeded(3), tmp_path / "spool"
    spool.mkdir()
    plane = MediaPlane(
        clock=clock, ids=ids, bind="127.0.0.1", ports=range(45200, 45240), on_event=Inbox(), capacity=4
    )
    await plane.start()
    shelf = Shelf(
        store=sqlite_store,
        objects=ObjectStore.open("", tmp_path / "objects"),
        clock=clock,
        ids=ids,
        base_url=lambda: "http://here",
        link_secret=b"secret",
        link_secs=600,
    )
    mail: list[Input | AnyBody] = []
    recorders = MediaRecorders(
        plane=plane, shelf=shelf, spool=spool, clock=clock, post=lambda _call, what: mail.append(what)
    )
    facts = Facts(
        "v3:a", "leg", "session", "incoming", "+1", "+2", Application("1", "ann"), Instant(0, clock.utc())
    )
    plane.open_leg("v3:a")
    yield Desk(Leg(facts, State.ANSWERED), plane, recorders, spool, mail)
    await recorders.settle()
    await plane.stop()


async def test_a_leg_that_everybody_hears_is_not_recorded_once_more(desk: Desk) -> None:
    for number in range(LISTENERS):
        desk.recorders.start(desk.leg, f"r{number}", WAV)
    assert desk.failed == []
    kept = sorted(desk.spool.iterdir())

    desk.recorders.start(desk.leg, "late", WAV)

    assert desk.failed == [RecordingFailed("late")]
    assert sorted(desk.spool.iterdir()) == kept
    await desk.recorders.settle()
    finished = {one.recording for one in desk.mail if isinstance(one, RecordingFinished)}
    assert finished == {f"r{number}" for number in range(LISTENERS)}
    assert list(desk.spool.iterdir()) == []


async def test_a_leg_that_is_gone_is_not_recorded(desk: Desk) -> None:
    desk.plane.close_leg(desk.leg.id)
    desk.recorders.start(desk.leg, "late", WAV)
    assert desk.failed == [RecordingFailed("late")]
    assert list(desk.spool.iterdir()) == []


async def test_a_file_that_cannot_be_made_gives_the_place_back(desk: Desk) -> None:
    for number in range(LISTENERS):
        (desk.spool / f"r{number}.wav").mkdir()
        desk.recorders.start(desk.leg, f"r{number}", WAV)
    assert len(desk.failed) == LISTENERS
    assert not list(desk.spool.glob("*.json"))
    async with asyncio.timeout(5):
        while True:
            try:
                desk.plane.record(desk.leg.id, "next", rate=8000).close()
                break
            except MediaBusy:  # until the media thread has let go
                await asyncio.sleep(0.01)
