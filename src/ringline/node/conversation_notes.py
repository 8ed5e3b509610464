"""What is said in a call, as messages of the conversation that belongs to the call.

A conversation belongs to a call when its metadata has the call's `call_control_id`. What the app lets the far
end hear as text is the assistant's; what is recognised of the far end is the user's. Digits never are.
"""

import asyncio
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Self

import sqlalchemy as sa

from ringline.calls.options import Utterance
from ringline.calls.ports import Ledger
from ringline.calls.state import Instant, Leg
from ringline.core import log
from ringline.core.clock import MILLISECOND, Clock
from ringline.speech import ssml
from ringline.store import conversations
from ringline.store.conversations import Message
from ringline.store.db import Store
from ringline.store.errors import StoreUnavailable
from ringline.timeline.entries import AnyBody, PlayoutEnded, PlayoutStarted, SpeechResult
from ringline.webhooks.payload import Payload

MOST_WAITING = 1_000
"""Messages that wait to be written; more are dropped and counted in the log: calls come first."""

TEXTS_REMEMBERED = 16
"""Spoken texts of a leg whose own transcripts may still come: a recognizer takes its time."""


@dataclass(frozen=True, slots=True)
class _Note:
    """A message for the conversation of a call, if it has one."""

    account_id: str
    call_control_id: str
    message: Message


@dataclass(frozen=True, slots=True)
class _Words:
    """What a recognizer heard, in the time it was said; monotonic, never of no length."""

    began_ns: int
    ended_ns: int
    sent_at: datetime

    @classmethod
    def of(cls, result: SpeechResult, known: Instant) -> Self:
        """Words that were known at a moment."""
        ended_ns = known.ns - result.lag_ms * MILLISECOND
        length_ms = max(1, result.length_ms)
        said_ms = result.lag_ms + result.length_ms
        return cls(ended_ns - length_ms * MILLISECOND, ended_ns, known.utc - timedelta(milliseconds=said_ms))


@dataclass(slots=True)
class _Speech:
    """Texts of a leg from their command to their end."""

    texts: dict[str, str] = field(default_factory=dict)
    began: dict[str, Instant] = field(default_factory=dict)
    said: deque[tuple[int, int]] = field(default_factory=lambda: deque(maxlen=TEXTS_REMEMBERED))
    """When texts were heard, from and to; monotonic."""

    def covers(self, words: _Words) -> bool:
        """Whether most of what was heard from us was one of our texts."""
        own = [*self.said, *((began.ns, words.ended_ns) for began in self.began.values())]
        common = sum(max(0, min(words.ended_ns, end) - max(words.began_ns, begin)) for begin, end in own)
        return 2 * common >= words.ended_ns - words.began_ns


class ConversationNotes:
    """A ledger that passes everything on and, once it is written, notes what was said.

    The call never waits for its conversation: notes are written by a task that lives while there are any.
    """

    def __init__(self, ledger: Ledger, store: Store, clock: Clock) -> None:
        self._ledger = ledger
        self._store = store
        self._clock = clock
        self._speech: dict[str, _Speech] = {}
        self._waiting: deque[_Note] = deque()
        self._writing: asyncio.Task[None] | None = None
        self._log = log.get("conversations")

    async def commit(
        self, leg: Leg, at: Instant, entries: Sequence[AnyBody], events: Sequence[Payload]
    ) -> None:
        """Write, then note. Raises what the ledger raises."""
        await self._ledger.commit(leg, at, entries, events)
        for playout in (*leg.playouts, *leg.overlays):
            heard_here = not playout.targets or leg.id in playout.targets
            if isinstance(playout.content, Utterance) and heard_here:
                texts = self._speech.setdefault(leg.id, _Speech()).texts
                texts.setdefault(playout.id, _plain(playout.content))
        for entry in entries:
            message = self._message(leg, at, entry)
            if message is not None:
                self._note(_Note(leg.facts.application.account_id, leg.id, message))

    def forget(self, leg: Leg) -> None:
        """Nothing more will be said."""
        self._speech.pop(leg.id, None)
        self._ledger.forget(leg)

    async def settle(self) -> None:
        """Wait until everything noted is written."""
        if self._writing is not None:
            await self._writing

    def _message(self, leg: Leg, at: Instant, entry: AnyBody) -> Message | None:
        speech = self._speech.get(leg.id)
        match entry:
            case PlayoutStarted(playout=playout) if speech and playout in speech.texts:
                speech.began.setdefault(playout, at)
            case PlayoutEnded(playout=playout, played_ms=played, reason=reason) if speech:
                return self._spoken(speech, at, playout, played, whole=reason == "completed")
            case SpeechResult(text=text, final=True) if text:
                words = _Words.of(entry, at)
                if entry.track == "inbound":
                    return Message(role="user", content=text, sent_at=words.sent_at)
                if not (speech and speech.covers(words)):
                    return Message(role="assistant", content=text, sent_at=words.sent_at)
            case _:
                pass
        return None

    def _spoken(
        self, speech: _Speech, at: Instant, playout: str, played_ms: int, *, whole: bool
    ) -> Message | None:
        text, began = speech.texts.pop(playout, None), speech.began.pop(playout, None)
        if text is None or began is None:
            return None
        speech.said.append((began.ns, at.ns))
        told = {"played_ms": played_ms, "interrupted": not whole}
        return Message(role="assistant", content=text, sent_at=began.utc, metadata=told)

    def _note(self, note: _Note) -> None:
        if len(self._waiting) >= MOST_WAITING:
            self._log.warning("a message of a call was dropped", waiting=len(self._waiting))
            return
        self._waiting.append(note)
        if self._writing is None:
            self._writing = asyncio.create_task(self._write(), name="conversation notes")

    async def _write(self) -> None:
        try:
            while self._waiting:
                await self._append(self._waiting.popleft())
        finally:
            self._writing = None

    async def _append(self, note: _Note) -> None:
        try:
            found = await self._store.read(conversations.find_by_call, note.account_id, note.call_control_id)
            if found is not None:
                now = self._clock.utc()
                await self._store.tx(conversations.append, note.account_id, found.id, note.message, now)
        except (StoreUnavailable, sa.exc.DataError) as reason:  # the second: characters that cannot be kept
            self._log.warning("a message of a call was not kept", reason=str(reason))


def _plain(utterance: Utterance) -> str:
    """The words of an utterance; markup that cannot be read is never heard, so what stands for it is moot."""
    if not utterance.markup:
        return utterance.text
    try:
        segments = ssml.parse(utterance.text)
    except ssml.SsmlError:
        return utterance.text
    words = "".join(segment.text if isinstance(segment, ssml.Text) else " " for segment in segments)
    return " ".join(words.split())
