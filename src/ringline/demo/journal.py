"""What the voice app was told: its webhooks and stream frames with the time of each, to be waited for."""

import asyncio
import binascii
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from ringline.core.errors import RinglineError

WAIT_S = 20.0
"""Longest that anything may take; nothing does on a machine that is not busy with something else."""


class NotSeen(RinglineError):
    """What was waited for did not happen; the message lists what did."""


@dataclass(frozen=True, slots=True)
class Seen:
    """A webhook. `at` is in seconds of this process's monotonic clock, `payload` the SDK's own object."""

    at: float
    occurred_at: datetime
    """When it happened, by the server's clock."""
    type: str
    payload: Any


@dataclass(slots=True)
class Stream:
    """A media stream, as far as it has come."""

    audio: dict[str, bytearray] = field(default_factory=dict)
    """Payloads by track."""
    numbers: list[int] = field(default_factory=list)
    """`sequence_number` of each frame that has one."""
    digits: str = ""
    marks_s: list[float] = field(default_factory=list)
    """Seconds from the audio before each mark until that audio was played."""
    stopped: bool = False


class Journal:
    """Its `event` and `frame` are for the app to call."""

    def __init__(self) -> None:
        self.events: list[Seen] = []
        self.stream = Stream()
        self._arrived: dict[str, float] = {}
        self._changed = asyncio.Event()

    def event(self, event: Any) -> None:
        """A webhook came."""
        data = event.data
        self.events.append(Seen(time.monotonic(), data.occurred_at, data.event_type, data.payload))
        self._changed.set()

    def frame(self, frame: dict[str, Any]) -> None:
        """A frame came over the WebSocket."""
        stream = self.stream
        if "sequence_number" in frame:
            stream.numbers.append(int(frame["sequence_number"]))
        match frame["event"]:
            case "media":
                media = frame["media"]
                stream.audio.setdefault(media["track"], bytearray()).extend(
                    binascii.a2b_base64(media["payload"])
                )
                if media["track"] == "inbound":
                    self._arrived[media["chunk"]] = time.monotonic()
            case "mark":
                stream.marks_s.append(time.monotonic() - self._arrived[frame["mark"]["name"]])
            case "dtmf":
                stream.digits += frame["dtmf"]["digit"]
            case "stop":
                stream.stopped = True
            case _:
                pass
        self._changed.set()

    def of(self, event_type: str, **payload: object) -> Seen | None:
        """The first webhook of this type whose payload has these members."""
        for seen in self.events:
            if seen.type == event_type and all(
                getattr(seen.payload, name, None) == value for name, value in payload.items()
            ):
                return seen
        return None

    async def next(self, event_type: str, *, wait_s: float = WAIT_S, **payload: object) -> Seen:
        """Like `of`, once there is one; raises `NotSeen`."""
        await self.until(lambda: self.of(event_type, **payload) is not None, event_type, wait_s)
        found = self.of(event_type, **payload)
        assert found is not None
        return found

    async def until(self, holds: Callable[[], bool], what: str, wait_s: float = WAIT_S) -> None:
        """Wait until `holds()`, looking again with whatever comes; raises `NotSeen`."""
        try:
            async with asyncio.timeout(wait_s):
                while not holds():
                    self._changed.clear()
                    await self._changed.wait()
        except TimeoutError as error:
            last = ", ".join(seen.type for seen in self.events[-4:]) or "nothing"
            raise NotSeen(f"no {what} within {wait_s:g} s; the last events were: {last}") from error
