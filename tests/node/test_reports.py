"""What the rooms tell the meter is what the store keeps."""

from collections.abc import AsyncGenerator
from datetime import UTC, datetime, timedelta

import pytest

from ringline.calls.options import Utterance
from ringline.calls.state import Application, Facts, Instant, Leg, State
from ringline.core.clock import SECOND, VirtualClock
from ringline.node.audio import SpokenSound
from ringline.node.reports import Meter
from ringline.reports.usage import UsageKind, UsageLog, UsageRecord
from ringline.speech.service import SpeechService
from ringline.speech.synthesis import Utterance as Clause
from ringline.speech.voices import Gender, LocalVoice
from ringline.store import usage
from ringline.store.db import Store
from ringline.workers import Priority

pytestmark = pytest.mark.unit
START = datetime(2030, 1, 1, tzinfo=UTC)


class Books:
    """A meter over a store."""

    def __init__(self, store: Store, clock: VirtualClock) -> None:
        self._store = store
        self._log = UsageLog(store)
        self.meter = Meter(self._log, clock)

    async def kept(self, kind: UsageKind) -> list[UsageRecord]:
        await self._log.flush()
        wanted = ("ann", kind, START, START + timedelta(days=1))
        return (await self._store.read(usage.records_after, *wanted, after=None, limit=100))[0]


@pytest.fixture
def books(store: Store) -> Books:
    return Books(store, VirtualClock(START))


async def test_each_kind_keeps_its_own_quantities(books: Books) -> None:
    books.meter.chat("ann", "m", 7, 3, engine="llama")
    books.meter.recognition("ann", "r", 2.5, engine="whisper", source="leg")
    books.meter.synthesis("ann", "voice", 40)
    books.meter.training("ann", "base", 900, 12.0, source="job")
    books.meter.training("ann", "base", 900, 12.0, source="job")

    shared = {"account_id": "ann", "at": START}
    for record in (
        UsageRecord(
            kind=UsageKind.CHAT, model="m", engine="llama", prompt_tokens=7, completion_tokens=3, **shared
        ),
        UsageRecord(
            kind=UsageKind.RECOGNITION, model="r", engine="whisper", source="leg", seconds=2.5, **shared
        ),
        UsageRecord(kind=UsageKind.SYNTHESIS, model="voice", characters=40, **shared),
        UsageRecord(
            kind=UsageKind.TRAINING, model="base", source="job", seconds=12.0, prompt_tokens=900, **shared
        ),
    ):
        assert await books.kept(record.kind) == [record]


def a_leg(name: str, answered_s: float | None, ended_s: float) -> Leg:
    def at(seconds: float) -> Instant:
        return Instant(round(seconds * SECOND), START + timedelta(seconds=seconds))

    facts = Facts(f"v3:{name}", name, "session", "incoming", "+1", "+2", Application("1", "ann"), at(0))
    answered = None if answered_s is None else at(answered_s)
    return Leg(facts, State.ENDED, answered=answered, ended=at(ended_s))


async def test_a_call_counts_from_its_answer_to_its_end(books: Books) -> None:
    books.meter.call(a_leg("answered", 5, 65.5))
    books.meter.call(a_leg("refused", None, 9))
    (call,) = await books.kept(UsageKind.CALL)
    assert (call.source, call.seconds, call.at) == ("answered", 60.5, START + timedelta(seconds=65.5))


class Voice:
    """An engine that says everything at once."""

    voices = (LocalVoice("engine:v", "engine", "v", "en-US", Gender.FEMALE, 1),)

    async def start(self) -> None: ...

    async def stop(self) -> None: ...

    def ready(self) -> bool:
        return True

    async def say(self, utterance: Clause, priority: Priority) -> bytes:
        return bytes(320)


async def test_characters_count_once_and_as_far_as_they_were_spoken() -> None:
    told: list[tuple[str, int]] = []
    speech = SpeechService([Voice()])
    first, second = "One is here.", "Two is here."
    wanted = Utterance(text=f"{first} {second}", voice="female", language="en-US")

    whole = SpokenSound(speech, wanted, lambda voice, count: told.append((voice, count)))
    for _ in range(2):
        assert [block async for block in whole.blocks(8000)]
    assert told == [("engine:v", len(first) + len(second))]

    told.clear()
    stopped: AsyncGenerator[bytes, None] = SpokenSound(
        speech, wanted, lambda voice, count: told.append((voice, count))
    ).blocks(8000)
    await anext(stopped)
    await stopped.aclose()
    ((_, characters),) = told
    assert characters == len(first)
