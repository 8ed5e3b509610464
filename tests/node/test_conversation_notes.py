"""What is said in a call lands in its conversation, and nowhere else."""

from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import pytest_asyncio

from ringline.calls.options import StoredAudio, Utterance
from ringline.calls.state import Application, Facts, Instant, Leg, Playout, State
from ringline.core.clock import SECOND, VirtualClock
from ringline.node.conversation_notes import MOST_WAITING, ConversationNotes
from ringline.store import conversations
from ringline.store.conversations import Conversation
from ringline.store.db import Store
from ringline.store.errors import StoreUnavailable
from ringline.timeline.entries import AnyBody, DtmfReceived, PlayoutEnded, PlayoutStarted, SpeechResult
from ringline.webhooks.payload import Payload

pytestmark = pytest.mark.unit

START = datetime(2030, 1, 1, tzinfo=UTC)


def at(seconds: float) -> Instant:
    return Instant(round(seconds * SECOND), START + timedelta(seconds=seconds))


class Paper:
    """A ledger that remembers what it was given, unless it is full."""

    def __init__(self) -> None:
        self.entries: list[AnyBody] = []
        self.forgotten: list[str] = []
        self.full = False

    async def commit(
        self, leg: Leg, at: Instant, entries: Sequence[AnyBody], events: Sequence[Payload]
    ) -> None:
        if self.full:
            raise StoreUnavailable("full")
        self.entries += entries

    def forget(self, leg: Leg) -> None:
        self.forgotten.append(leg.id)


@pytest_asyncio.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    opened = Store.open(f"sqlite:///{tmp_path / 'db'}", clock=VirtualClock())
    yield opened
    await opened.close()


@pytest.fixture
def paper() -> Paper:
    return Paper()


@pytest.fixture
def notes(store: Store, paper: Paper) -> ConversationNotes:
    return ConversationNotes(paper, store, VirtualClock())


@pytest_asyncio.fixture
async def leg(store: Store) -> Leg:
    """A call with a conversation; another account's has the same metadata."""
    for account in ("ann", "bob"):
        one = Conversation(
            id=account,
            account_id=account,
            created_at=START,
            last_message_at=START,
            metadata={"call_control_id": "v3:x"},
        )
        await store.tx(conversations.create, one)
    return a_leg()


def a_leg(call: str = "v3:x") -> Leg:
    facts = Facts(call, "leg", "session", "incoming", "+1", "+2", Application("1", "ann"), at(0))
    return Leg(facts, State.ANSWERED)


async def said(store: Store, account: str = "ann") -> list[tuple[str, str | None]]:
    kept = await store.read(conversations.transcript, account)
    return [(one.message.role, one.message.content) for one in kept]


async def speaks(
    notes: ConversationNotes, leg: Leg, text: str, *, reason: str = "completed", markup: bool = False
) -> None:
    """A text is asked for at 1 s, begins at 2 s and ends at 4 s."""
    playout = Playout("p", "speak", Utterance(text, "voice", markup=markup))
    leg.playouts.append(playout)
    await notes.commit(leg, at(1), [], [])
    await notes.commit(leg, at(2), [PlayoutStarted("p", "speak")], [])
    leg.playouts.remove(playout)
    await notes.commit(leg, at(4), [PlayoutEnded("p", 1900, reason)], [])
    await notes.settle()


async def test_a_spoken_text_is_the_assistants(
    notes: ConversationNotes, leg: Leg, store: Store, paper: Paper
) -> None:
    await speaks(notes, leg, "Hello there")
    (kept,) = await store.read(conversations.transcript, "ann")
    assert (kept.message.role, kept.message.content) == ("assistant", "Hello there")
    assert kept.sent_at == at(2).utc
    assert kept.message.metadata == {"played_ms": 1900, "interrupted": False}
    assert await said(store, "bob") == []
    assert paper.entries == [PlayoutStarted("p", "speak"), PlayoutEnded("p", 1900, "completed")]


async def test_a_text_cut_short_says_so(notes: ConversationNotes, leg: Leg, store: Store) -> None:
    await speaks(notes, leg, "Hello there", reason="stopped")
    (kept,) = await store.read(conversations.transcript, "ann")
    assert kept.message.metadata == {"played_ms": 1900, "interrupted": True}


async def test_of_markup_the_words_are_kept(notes: ConversationNotes, leg: Leg, store: Store) -> None:
    await speaks(notes, leg, '<speak>Hello<break time="1s"/><s>you</s></speak>', markup=True)
    assert await said(store) == [("assistant", "Hello you")]


async def test_what_never_began_was_not_said(notes: ConversationNotes, leg: Leg, store: Store) -> None:
    leg.playouts.append(Playout("p", "speak", Utterance("Hello", "voice")))
    await notes.commit(leg, at(1), [], [])
    await notes.commit(leg, at(2), [PlayoutEnded("p", 0, "stopped")], [])
    leg.playouts.append(Playout("q", "speak", Utterance("To the other", "voice"), targets=("v3:other",)))
    await notes.commit(leg, at(3), [], [])
    await notes.commit(leg, at(4), [PlayoutStarted("q", "speak"), PlayoutEnded("q", 9, "completed")], [])
    await notes.settle()
    assert await said(store) == []


async def test_files_and_digits_are_no_messages(notes: ConversationNotes, leg: Leg, store: Store) -> None:
    leg.playouts.append(Playout("p", "playback", StoredAudio("a.wav")))
    entries: list[AnyBody] = [
        PlayoutStarted("p", "a.wav"),
        DtmfReceived("5"),
        PlayoutEnded("p", 9, "completed"),
    ]
    await notes.commit(leg, at(1), entries, [])
    await notes.settle()
    assert await said(store) == []


async def test_both_sides_transcripts_land_in_order(notes: ConversationNotes, leg: Leg, store: Store) -> None:
    entries = [
        SpeechResult("Hello?", final=False),
        SpeechResult("Hello, who is there?", final=True),
        SpeechResult("A colleague of mine.", final=True, track="outbound"),
        SpeechResult("", final=True),
        SpeechResult("Ah.", final=True),
    ]
    await notes.commit(leg, at(1), entries, [])
    await notes.settle()
    assert await said(store) == [
        ("user", "Hello, who is there?"),
        ("assistant", "A colleague of mine."),
        ("user", "Ah."),
    ]


def ours(text: str, *, length_ms: int = 0, lag_ms: int = 0) -> SpeechResult:
    return SpeechResult(text, final=True, track="outbound", length_ms=length_ms, lag_ms=lag_ms)


async def test_a_text_is_not_written_twice_by_its_own_transcript(
    notes: ConversationNotes, leg: Leg, store: Store
) -> None:
    leg.playouts.append(Playout("p", "speak", Utterance("Hello there", "voice")))
    await notes.commit(leg, at(1), [PlayoutStarted("p", "speak")], [])
    await notes.commit(leg, at(2), [ours("hello", length_ms=700, lag_ms=300)], [])
    await notes.commit(leg, at(3), [PlayoutEnded("p", 1900, "completed")], [])
    leg.playouts.clear()
    await notes.commit(leg, at(12), [ours("there", length_ms=900, lag_ms=9100), ours("no time is known")], [])
    await notes.settle()
    assert await said(store) == [("assistant", "Hello there"), ("assistant", "no time is known")]


async def test_a_colleague_is_written_although_a_text_was_spoken_just_before(
    notes: ConversationNotes, leg: Leg, store: Store
) -> None:
    await speaks(notes, leg, "One moment please")  # from 2 s to 4 s
    heard = [
        ours("please", length_ms=800, lag_ms=900),  # from 3.3 s to 4.1 s
        SpeechResult("Thanks", final=True, length_ms=400, lag_ms=100),
        ours("Hello, this is Bob", length_ms=800, lag_ms=100),  # from 4.1 s to 4.9 s
    ]
    await notes.commit(leg, at(5), heard, [])
    await notes.settle()
    assert await said(store) == [
        ("assistant", "One moment please"),
        ("user", "Thanks"),
        ("assistant", "Hello, this is Bob"),
    ]
    *_, thanks, bob = await store.read(conversations.transcript, "ann")
    assert (thanks.sent_at, bob.sent_at) == (at(4.5).utc, at(4.1).utc)


async def test_a_call_without_a_conversation_leaves_nothing(
    notes: ConversationNotes, leg: Leg, store: Store, paper: Paper
) -> None:
    alone = a_leg("v3:y")
    await speaks(notes, alone, "Hello")
    notes.forget(alone)
    assert await said(store) == []
    assert paper.forgotten == ["v3:y"]


async def test_what_was_not_written_was_not_said(
    notes: ConversationNotes, leg: Leg, store: Store, paper: Paper
) -> None:
    paper.full = True
    heard = [SpeechResult("Hello", final=True)]
    with pytest.raises(StoreUnavailable):
        await notes.commit(leg, at(1), heard, [])
    paper.full = False
    await notes.commit(leg, at(1), heard, [])
    await notes.settle()
    assert await said(store) == [("user", "Hello")]


async def test_a_store_that_is_gone_does_not_stop_the_call(
    notes: ConversationNotes, leg: Leg, store: Store
) -> None:
    await store.close()
    await notes.commit(leg, at(1), [SpeechResult("Hello", final=True)], [])
    await notes.settle()
    await notes.commit(leg, at(2), [SpeechResult("again", final=True)], [])
    await notes.settle()


async def test_more_than_can_wait_is_dropped(notes: ConversationNotes, leg: Leg, store: Store) -> None:
    flood = [SpeechResult(str(number), final=True) for number in range(MOST_WAITING + 5)]
    await notes.commit(leg, at(1), flood, [])
    await notes.settle()
    assert len(await said(store)) == MOST_WAITING
