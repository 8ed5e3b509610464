"""The media streams of all legs of this node."""

import asyncio
from collections.abc import Callable
from datetime import datetime

from ringline.calls.inputs import Input, StreamDown, StreamFailed, StreamUp
from ringline.calls.options import StreamOptions
from ringline.calls.state import Leg
from ringline.core.clock import Clock
from ringline.core.net import Guard, Target
from ringline.core.settings import StreamSettings
from ringline.media.events import MarkReached
from ringline.media.plane import MediaPlane
from ringline.streams import request as streams
from ringline.streams import transport_carried, transport_picows
from ringline.streams.client import Stream
from ringline.streams.playlist import decode_file
from ringline.timeline.entries import AnyBody, StreamControl

Post = Callable[[str, Input | AnyBody], None]


class AppStreams:
    """Opens streams, tells legs what becomes of them, and closes them."""

    def __init__(
        self, *, clock: Clock, plane: MediaPlane, guard: Guard, settings: StreamSettings, post: Post
    ) -> None:
        self._clock = clock
        self._plane = plane
        self._guard = guard
        self._settings = settings
        self._post = post
        self._dial = transport_carried.dialling(plane) if plane.carries else transport_picows.dial
        self._streams: dict[str, Stream] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def open(self, leg: Leg, stream: str, options: StreamOptions, client_state: str | None) -> None:
        """Connect to the app."""
        running = Stream(
            request_of(leg, stream, options, client_state),
            clock=self._clock,
            plane=self._plane,
            resolve=self._resolve,
            on_event=lambda event: self._heard(leg.id, event),
            settings=self._settings,
            decode=decode_file,
            dial=self._dial,
        )
        self._streams[stream] = running
        self._keep(asyncio.create_task(running.connect(), name=f"stream {stream}"))

    def begin(self, leg: Leg, stream: str, client_state: str | None) -> None:
        """Let audio flow."""
        if running := self._streams.get(stream):
            running.begin(leg.id, leg.codec, leg.sampling_rate, client_state=client_state)

    def close(self, leg: Leg, stream: str) -> None:
        """Say stop and close."""
        if running := self._streams.get(stream):
            self._keep(asyncio.create_task(running.stop(), name=f"stop {stream}"))

    def tell_digit(self, stream: str, digit: str, at: datetime) -> None:
        """Send a dtmf frame."""
        if running := self._streams.get(stream):
            running.dtmf(digit, at)

    def on_mark(self, event: MarkReached) -> None:
        """The sample before a mark was sent."""
        if running := self._streams.get(event.stream):
            running.mark_reached(event.name)  # the frame that follows is noted under the app's own name

    async def settle(self) -> None:
        """Wait for what is being opened or closed."""
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _resolve(self, url: str) -> Target:
        return await self._guard.vet(url, ("ws", "wss"))

    def _heard(self, call: str, event: streams.StreamEvent) -> None:
        match event:
            case streams.StreamConnected(stream):
                self._post(call, StreamUp(stream))
            case streams.StreamEnded(stream, by):
                self._streams.pop(stream, None)
                self._post(call, StreamDown(stream, by))
            case streams.StreamFailed(stream, reason):
                self._streams.pop(stream, None)
                self._post(call, StreamFailed(stream, reason))
            case streams.StreamFrameSeen(stream, direction, frame, detail):
                self._post(call, StreamControl(stream, direction, frame, detail))
            case streams.StreamStarted():
                pass

    def _keep(self, task: "asyncio.Task[None]") -> None:
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def request_of(
    leg: Leg, stream: str, options: StreamOptions, client_state: str | None
) -> streams.StreamRequest:
    """What the streams room wants to know of a leg and its options."""
    return streams.StreamRequest(
        stream_id=stream,
        url=options.url,
        track=options.track,
        codec=options.codec,
        bidirectional_mode=options.bidirectional_mode,
        bidirectional_codec=options.bidirectional_codec,
        bidirectional_rate=options.bidirectional_rate,
        target_legs=options.target_legs,
        auth_token=options.auth_token,
        custom_parameters=options.custom_parameters,
        user_id=leg.facts.application.account_id,
        call_control_id=leg.id,
        call_session_id=leg.facts.session_id,
        from_=leg.facts.from_,
        to=leg.facts.to,
        tags=leg.facts.application.tags,
        client_state=client_state,
    )
