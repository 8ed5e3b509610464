"""Lets far ends hear things: playouts, tones, digits, each other."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Literal

from ringline.calls.effects import Play
from ringline.calls.inputs import Input, PlayoutEnded, PlayoutStarted
from ringline.calls.options import Audio, Utterance
from ringline.calls.state import Leg
from ringline.core import log
from ringline.core.errors import RinglineError
from ringline.core.net import FetchError
from ringline.media import events as media
from ringline.media.feed import BLOCK, PlayoutFeed
from ringline.media.plane import MediaPlane, NoSuchLeg
from ringline.node.audio import AudioLibrary, Sound
from ringline.timeline.entries import AnyBody

Post = Callable[[str, Input | AnyBody], None]
SendInfo = Callable[[str, str, int], None]


@dataclass(slots=True)
class _Item:
    """A playout from its preparation to its end."""

    call: str
    sound: "asyncio.Task[Sound]"
    task: "asyncio.Task[None] | None" = None
    playing: set[str] = field(default_factory=set)
    """Legs on which it has not ended yet."""
    played_ms: int = 0
    stopped: bool = False


class MediaPlayers:
    """The players of all legs of this node."""

    def __init__(self, *, plane: MediaPlane, library: AudioLibrary, post: Post, send_info: SendInfo) -> None:
        self._plane = plane
        self._library = library
        self._post = post
        self._send_info = send_info
        self._items: dict[str, _Item] = {}
        self._log = log.get("players")

    def prepare(self, leg: Leg, playout: str, content: Audio | Utterance) -> None:
        """Begin to fetch."""
        loading = self._library.load(leg.facts.application.account_id, content)
        sound = asyncio.create_task(loading, name=f"prepare {playout}")
        sound.add_done_callback(_seen)
        self._items[playout] = _Item(leg.id, sound)

    def play(self, leg: Leg, play: Play) -> None:
        """Play when it is ready."""
        item = self._items.get(play.playout)
        if item:
            item.task = asyncio.create_task(self._play(item, play), name=f"play {play.playout}")

    def stop(self, leg: Leg, playout: str) -> None:
        """Stop; a playout that was never asked to play just goes."""
        item = self._items.get(playout)
        if item is None:
            return
        item.stopped = True
        item.sound.cancel()
        if item.playing:
            for target in tuple(item.playing):
                self._plane.stop_playout(target, playout)
        else:
            if item.task:
                item.task.cancel()
            self._end(playout, PlayoutEnded(playout, "stopped"))

    def ringback(self, leg: Leg, country: str | None) -> None:
        """Ringing tone on, or off."""
        with suppress(NoSuchLeg):  # a leg that has no media yet has nothing to stop either
            self._plane.tone(leg.id, country)

    def send_digits(self, leg: Leg, digits: str, duration_ms: int) -> None:
        """DTMF in the way the application says."""
        match leg.facts.application.dtmf:
            case "SIP INFO":
                self._send_info(leg.id, digits, duration_ms)
            case "Inband":
                self._plane.send_dtmf(leg.id, digits, duration_ms, "inband")
            case "RFC 2833":
                self._plane.send_dtmf(leg.id, digits, duration_ms, "rfc4733")

    def join(self, leg: Leg, other: str) -> None:
        """Mix two legs."""
        with suppress(NoSuchLeg):  # one of them may have ended meanwhile
            self._plane.bridge(leg.id, other)

    def part(self, leg: Leg) -> None:
        """Leave the mix."""
        with suppress(NoSuchLeg):
            self._plane.unbridge(leg.id)

    def on_media(self, event: media.MediaEvent) -> None:
        """Pass on what the media plane says of playouts."""
        match event:
            case media.PlayoutStarted():
                item = self._items.get(event.playout)
                if item:
                    self._post(item.call, PlayoutStarted(event.playout))
            case media.PlayoutEnded():
                self._ended(event)
            case _:
                pass

    def _ended(self, event: media.PlayoutEnded) -> None:
        item = self._items.get(event.playout)
        if item is None:
            return
        item.playing.discard(event.leg)
        item.played_ms = max(item.played_ms, event.played_ms)
        if not item.playing:
            whole = event.reason == "completed" and not item.stopped
            outcome = PlayoutEnded(event.playout, "completed" if whole else "stopped", item.played_ms)
            self._end(event.playout, outcome)

    async def _play(self, item: _Item, play: Play) -> None:
        try:
            sound = await item.sound
            await self._feed(item, play, sound)
        except asyncio.CancelledError:
            return
        except KeyError:
            self._fail(play.playout, "missing", "no such media_name")
        except FetchError as error:
            self._fail(play.playout, "missing" if error.missing else "failed", str(error))
        except RinglineError as error:
            self._fail(play.playout, "failed", str(error))

    async def _feed(self, item: _Item, play: Play, sound: Sound) -> None:
        feeds: list[PlayoutFeed] = []
        for target in play.targets:
            with suppress(NoSuchLeg):  # the other side may have left
                feeds.append(self._plane.play(target, play.playout, overlay=play.overlay))
                item.playing.add(target)
        if not feeds:
            self._end(play.playout, PlayoutEnded(play.playout, "stopped"))
            return
        try:
            async with asyncio.TaskGroup() as group:
                for feed in feeds:
                    group.create_task(_fill(feed, sound, play.loop, item))
        except* RinglineError as failures:
            for feed in feeds:
                feed.end()
            item.playing.clear()
            raise failures.exceptions[0] from None

    def _fail(self, playout: str, outcome: Literal["missing", "failed"], detail: str) -> None:
        self._log.info("playout failed", playout=playout, reason=detail)
        self._end(playout, PlayoutEnded(playout, outcome, 0, detail))

    def _end(self, playout: str, outcome: PlayoutEnded) -> None:
        item = self._items.pop(playout, None)
        if item:
            self._post(item.call, outcome)


async def _fill(feed: PlayoutFeed, sound: Sound, loop: int, item: _Item) -> None:
    """Push the sound ahead of what is heard, as often as it is wanted (0: until it is stopped)."""
    rounds = 0
    while not item.stopped and (loop == 0 or rounds < loop):
        async for block in sound.blocks(feed.rate):
            for start in range(0, len(block), BLOCK):
                if not await feed.ready():
                    return
                feed.write(block[start : start + BLOCK])
        rounds += 1
    feed.end()


def _seen(task: "asyncio.Task[Sound]") -> None:
    """A failure that nobody waits for is no news: the playout was stopped before it played."""
    if not task.cancelled():
        task.exception()
