"""Recognizers at legs: a real media plane, a real recognizer, and an engine that knows tones."""

import asyncio
from array import array
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import pytest
import pytest_asyncio

from ringline.calls.inputs import (
    Input,
    TranscriptHeard,
    TranscriptionEnded,
    TranscriptionFailed,
    TranscriptionUp,
)
from ringline.calls.options import TranscriptionOptions
from ringline.calls.state import Application, Facts, Instant, Leg, State
from ringline.core.clock import SystemClock, VirtualClock
from ringline.core.errors import ApiError
from ringline.core.ids import Ids
from ringline.media.plane import LocalMedia, MediaPlane
from ringline.node.transcription import LiveTranscribers
from ringline.speech.recognition import Heard, Passage, RecognitionUnavailable
from ringline.speech.recognition_service import RecognitionService
from ringline.timeline.entries import AnyBody
from tests.media.phone import Inbox, Phone
from tests.media.signals import sine
from tests.speech.hearing import words_in

pytestmark = pytest.mark.system

ALPHA, BRAVO = 440, 660
BOTH = TranscriptionOptions(tracks=("inbound", "outbound"))


class Engine:
    """Loads when the test lets it, and writes down the words of tones."""

    names = ("tones",)

    def __init__(self) -> None:
        self.loaded = asyncio.Event()
        self.loaded.set()
        self.broken = ""
        self.there = True
        self._asked = 0
        self._more = asyncio.Condition()

    async def asked_for(self, passages: int) -> None:
        """Wait until it was asked for so many."""
        async with self._more:
            await self._more.wait_for(lambda: self._asked >= passages)

    def understands(self, language: str) -> bool:
        return language != "tlh"

    async def start(self) -> None:
        await self.loaded.wait()

    async def stop(self) -> None:
        """Nothing runs."""

    def ready(self) -> bool:
        return self.there

    def has_room(self) -> bool:
        return True

    async def transcribe(self, passage: Passage) -> Heard:
        async with self._more:
            self._asked += 1
            self._more.notify_all()
        if self.broken:
            raise RecognitionUnavailable(self.broken, "Mend it")
        first, *_ = [*words_in(passage.pcm).split(), ""]
        return Heard(f"{first.capitalize()}!" if first else "", 0.5)


def silence(seconds: float) -> "array[int]":
    return array("h", bytes(2 * round(8000 * seconds)))


@dataclass
class Desk:
    """One leg with a far end, and what its mailbox gets."""

    plane: MediaPlane
    recognizers_clock: VirtualClock
    transcribers: LiveTranscribers
    engine: Engine
    leg: Leg
    phone: Phone
    local: LocalMedia
    mail: list[Input | AnyBody]
    came: asyncio.Event
    accounts: list[tuple[str, str, float, str, str | None]] = field(default_factory=list)

    async def until(self, *kinds: type) -> Input | AnyBody:
        """The first input of these kinds."""
        async with asyncio.timeout(15):
            while True:
                for one in self.mail:
                    if isinstance(one, kinds):
                        return one
                self.came.clear()
                await self.came.wait()

    async def text(self, count: int = 1) -> list[tuple[str, str]]:
        """Track and words, once there are so many."""
        async with asyncio.timeout(15):
            while len(self.heard) < count:
                self.came.clear()
                await self.came.wait()
        return [(one.track, one.text) for one in self.heard]

    @property
    def heard(self) -> list[TranscriptHeard]:
        return [one for one in self.mail if isinstance(one, TranscriptHeard)]


@pytest_asyncio.fixture
async def desk() -> AsyncIterator[Desk]:
    clock, engine, phone = SystemClock(), Engine(), Phone()
    plane = MediaPlane(
        clock=clock,
        ids=Ids.seeded(3),
        bind="127.0.0.1",
        ports=range(45000, 45100),
        on_event=Inbox(),
        capacity=8,
    )
    await plane.start()
    recognizers_clock = VirtualClock()
    recognizer = RecognitionService([engine], tracks=2, clock=recognizers_clock)
    mail: list[Input | AnyBody] = []
    came = asyncio.Event()

    def post(_call: str, what: Input | AnyBody) -> None:
        mail.append(what)
        came.set()

    accounts: list[tuple[str, str, float, str, str | None]] = []

    def count(account: str, model: str, seconds: float, *, engine: str, source: str | None = None) -> None:
        accounts.append((account, model, seconds, engine, source))

    transcribers = LiveTranscribers(plane=plane, recognizer=recognizer, note=count, clock=clock, post=post)
    facts = Facts(
        "v3:a", "leg", "session", "incoming", "+1", "+2", Application("1", "ann"), Instant(0, clock.utc())
    )
    local = plane.open_leg("v3:a")
    plane.set_remote("v3:a", phone.remote())
    leg = Leg(facts, State.ANSWERED)
    yield Desk(plane, recognizers_clock, transcribers, engine, leg, phone, local, mail, came, accounts)
    await transcribers.settle()
    await recognizer.stop()
    await plane.stop()
    phone.close()


async def test_each_track_has_its_own_words_and_seconds(desk: Desk) -> None:
    desk.transcribers.start(desk.leg, "t1", BOTH)
    await desk.until(TranscriptionUp)
    feed = desk.plane.play("v3:a", "p")
    feed.write(sine(BRAVO, 0.6, 8000).tobytes())
    feed.end()
    await desk.phone.say(desk.local, sine(ALPHA, 0.6, 8000))

    assert sorted(await desk.text(2)) == [("inbound", "Alpha!"), ("outbound", "Bravo!")]
    assert {one.confidence for one in desk.heard} == {0.5}
    assert all(500 <= one.length_ms <= 1300 for one in desk.heard)  # with some silence around
    desk.transcribers.stop(desk.leg, "t1")
    assert await desk.until(TranscriptionEnded) == TranscriptionEnded("t1")
    counted = {source: seconds for _, _, seconds, _, source in desk.accounts}
    assert counted["t1:outbound"] == pytest.approx(0.6, abs=0.05)
    assert counted["t1:inbound"] > counted["t1:outbound"]
    assert {(account, engine) for account, _, _, engine, _ in desk.accounts} == {("ann", "Google")}


async def test_what_is_said_while_the_engine_loads_is_heard_even_after_the_call(desk: Desk) -> None:
    desk.engine.loaded.clear()
    desk.transcribers.start(desk.leg, "t1", TranscriptionOptions())
    await desk.phone.say(desk.local, sine(ALPHA, 0.6, 8000))
    desk.transcribers.stop(desk.leg, "t1")
    desk.plane.close_leg("v3:a")
    assert desk.mail == []
    desk.engine.loaded.set()

    await desk.until(TranscriptionEnded)
    assert [type(one) for one in desk.mail] == [TranscriptionUp, TranscriptHeard, TranscriptionEnded]
    assert await desk.text() == [("inbound", "Alpha!")]


async def test_plain_words_are_asked_for(desk: Desk) -> None:
    desk.transcribers.start(desk.leg, "t1", TranscriptionOptions(plain=True, model="latest_long"))
    await desk.phone.say(desk.local, sine(ALPHA, 0.6, 8000))
    desk.transcribers.stop(desk.leg, "t1")
    assert await desk.text() == [("inbound", "alpha")]


async def test_a_language_that_nobody_understands_ends_it(desk: Desk) -> None:
    desk.transcribers.start(desk.leg, "t1", TranscriptionOptions(language="tlh", model="phone_call"))
    failed = await desk.until(TranscriptionFailed)
    assert failed == TranscriptionFailed("t1", "No engine here understands tlh")
    assert desk.accounts == []


async def test_an_engine_that_stays_broken_ends_it(desk: Desk) -> None:
    desk.engine.broken = "Out of memory"
    desk.transcribers.start(desk.leg, "t1", TranscriptionOptions(silence_ms=100))
    for number in range(1, 4):
        await desk.phone.say(desk.local, sine(ALPHA, 0.4, 8000))
        await desk.phone.say(desk.local, silence(0.4))
        async with asyncio.timeout(15):
            await desk.engine.asked_for(number)
        desk.recognizers_clock.advance(31)
    failed = await desk.until(TranscriptionFailed, TranscriptionEnded)
    assert isinstance(failed, TranscriptionFailed)
    assert "Out of memory" in failed.reason
    desk.transcribers.stop(desk.leg, "t1")
    assert desk.heard == []
    ((_, _, seconds, _, source),) = desk.accounts
    assert (source, seconds > 1) == ("t1:inbound", True)


async def test_a_leg_without_media_cannot_be_heard(desk: Desk) -> None:
    desk.plane.close_leg("v3:a")
    desk.transcribers.start(desk.leg, "t1", TranscriptionOptions())
    assert isinstance(await desk.until(TranscriptionFailed), TranscriptionFailed)


async def test_who_cannot_be_heard_is_told_at_once(desk: Desk) -> None:
    desk.transcribers.require(BOTH)
    desk.transcribers.start(desk.leg, "t1", TranscriptionOptions())
    await desk.until(TranscriptionUp)
    desk.transcribers.require(TranscriptionOptions())
    with pytest.raises(ApiError, match=r"recognition\.tracks") as busy:
        desk.transcribers.require(BOTH)
    assert (busy.value.status, busy.value.problems[0].code, busy.value.retry_after) == (503, "10037", 5)
    desk.engine.there = False
    with pytest.raises(ApiError, match=r"recognition\.remote_url") as lacking:
        desk.transcribers.require(TranscriptionOptions())
    assert (lacking.value.status, lacking.value.problems[0].code) == (422, "10038")


async def test_the_end_of_the_node_does_not_wait_for_ever(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ringline.node.transcription.SETTLE_S", 0.05)
    desk.engine.loaded.clear()
    desk.transcribers.start(desk.leg, "t1", TranscriptionOptions())
    await desk.transcribers.settle()
    assert await desk.until(TranscriptionFailed) == TranscriptionFailed("t1", "The node stopped")


async def test_the_end_of_the_node_waits_for_last_words(desk: Desk) -> None:
    desk.transcribers.start(desk.leg, "t1", TranscriptionOptions())
    await desk.until(TranscriptionUp)
    await desk.phone.say(desk.local, sine(ALPHA, 0.6, 8000))
    await desk.transcribers.settle()
    assert await desk.text() == [("inbound", "Alpha!")]
    assert desk.mail[-1] == TranscriptionEnded("t1")
