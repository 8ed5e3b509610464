"""What the app hears: webhooks as they come, with the time of their first byte."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec


@dataclass(frozen=True, slots=True)
class Hook:
    """One webhook. `at_ns` is UTC, nanoseconds."""

    at_ns: int
    signed: bool
    id: str
    type: str
    occurred_ns: int
    payload: dict[str, Any]

    @property
    def call(self) -> str:
        """Which call it is about."""
        return str(self.payload.get("call_control_id", ""))

    @property
    def delay_ms(self) -> float:
        """From the event to its first byte at the app."""
        return (self.at_ns - self.occurred_ns) / 1e6


def parse(line: str) -> Hook:
    """Read a line that the app printed."""
    _, at, is_signed, body = line.split(" ", 3)
    event = msgspec.json.decode(body)["data"]
    occurred = datetime.fromisoformat(event["occurred_at"])
    seconds = int(occurred.timestamp())
    occurred_ns = seconds * 1_000_000_000 + occurred.microsecond * 1000
    return Hook(int(at), is_signed == "1", event["id"], event["event_type"], occurred_ns, event["payload"])


class Inbox:
    """All webhooks; `react` is called with each."""

    def __init__(self) -> None:
        self.hooks: list[Hook] = []
        self.counts: dict[str, int] = {}
        self.react: Callable[[Hook], None] = lambda _hook: None
        self._changed = asyncio.Event()

    def take(self, line: str) -> None:
        """A line of the app."""
        if not line.startswith("hook "):
            return
        hook = parse(line)
        self.hooks.append(hook)
        self.counts[hook.type] = self.counts.get(hook.type, 0) + 1
        self.react(hook)
        self._changed.set()

    def clear(self) -> None:
        """Forget them."""
        self.hooks.clear()
        self.counts.clear()

    async def until(self, event_type: str, times: int, within_s: float) -> bool:
        """Wait until so many of one type have come; False when they have not."""
        try:
            async with asyncio.timeout(within_s):
                while self.counts.get(event_type, 0) < times:
                    self._changed.clear()
                    await self._changed.wait()
        except TimeoutError:
            return False
        return True
