"""What the demo notes of the app's webhooks and frames, and how it waits for them."""

import asyncio
import base64
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest

from ringline.demo.journal import Journal, NotSeen

pytestmark = pytest.mark.unit
BEGAN = datetime(2030, 1, 1, tzinfo=UTC)


def event(kind: str, **payload: object) -> Any:
    data = SimpleNamespace(event_type=kind, occurred_at=BEGAN, payload=SimpleNamespace(**payload))
    return SimpleNamespace(data=data)


def media(number: int, track: str, chunk: int, payload: bytes) -> dict[str, Any]:
    member = {"track": track, "chunk": str(chunk), "payload": base64.b64encode(payload).decode()}
    return {"event": "media", "sequence_number": str(number), "media": member}


async def test_an_event_is_waited_for_by_type_and_members() -> None:
    journal = Journal()
    waiting = asyncio.create_task(journal.next("call.hangup", to="bob"))
    await asyncio.sleep(0)
    journal.event(event("call.hangup", to="alice"))
    journal.event(event("call.answered", to="bob"))
    await asyncio.sleep(0)
    assert not waiting.done()
    journal.event(event("call.hangup", to="bob", hangup_cause="user_busy"))
    assert (await waiting).payload.hangup_cause == "user_busy"


async def test_what_did_not_come_is_said_with_what_did() -> None:
    journal = Journal()
    journal.event(event("call.initiated"))
    with pytest.raises(NotSeen, match=r"no call\.answered within 0 s.*call\.initiated"):
        await journal.next("call.answered", wait_s=0)


def test_a_stream_is_kept_by_track_with_its_digits_and_marks() -> None:
    journal = Journal()
    journal.frame({"event": "connected", "version": "1.0.0"})
    journal.frame({"event": "start", "sequence_number": "1"})
    journal.frame(media(2, "inbound", 1, b"ab"))
    journal.frame(media(3, "outbound", 1, b"xy"))
    journal.frame(media(4, "inbound", 2, b"cd"))
    journal.frame({"event": "mark", "sequence_number": "5", "mark": {"name": "2"}})
    journal.frame({"event": "dtmf", "sequence_number": "6", "dtmf": {"digit": "9"}})
    journal.frame({"event": "stop", "sequence_number": "7"})
    stream = journal.stream
    assert stream.audio == {"inbound": b"abcd", "outbound": b"xy"}
    assert stream.numbers == [1, 2, 3, 4, 5, 6, 7]
    assert stream.digits == "9"
    assert len(stream.marks_s) == 1
    assert 0 <= stream.marks_s[0] < 1
    assert stream.stopped
