"""The leg's media stream (spec media-streaming §1, §7)."""

from ringline.calls import errors, events
from ringline.calls.commands import CommandResult, StreamingStart, StreamingStop
from ringline.calls.context import Context
from ringline.calls.effects import BeginStream, CloseStream, Effect, OpenStream, PlaceLine, TellStream
from ringline.calls.inputs import DigitHeard, StreamDown, StreamFailed, StreamUp
from ringline.calls.options import StreamOptions
from ringline.calls.state import Leg, State, Streaming

Done = tuple[CommandResult, list[Effect]]


def start(leg: Leg, command: StreamingStart, context: Context) -> Done:
    """Open the leg's one stream."""
    leg.require_answered("streaming_start")
    if leg.streaming:
        raise errors.already_streaming()
    leg.require_listener()
    stream_id = context.ids.uuid()
    return CommandResult(stream_id=stream_id), open_stream(leg, command.options, stream_id)


def stop(leg: Leg, command: StreamingStop, _context: Context) -> Done:
    """Close the stream."""
    leg.require_alive()
    streaming = leg.streaming
    if streaming is None or command.stream_id not in (None, streaming.id):
        raise errors.not_streaming()
    return CommandResult(), [CloseStream(streaming.id)]


def open_stream(leg: Leg, options: StreamOptions, stream_id: str) -> list[Effect]:
    """Connect; audio flows when the app took the socket and the leg is answered."""
    leg.streaming = Streaming(stream_id, options)
    return [OpenStream(stream_id, options, leg.client_state)]


def place_when_up(leg: Leg) -> None:
    """Let the INVITE wait for the stream."""
    if leg.streaming:
        leg.streaming.place_when_up = True


def begin_on_answer(leg: Leg, context: Context) -> list[Effect]:
    """Open the stream asked for with the answer, or let audio flow on one that is open already."""
    if leg.streaming:
        return [BeginStream(leg.streaming.id, leg.client_state)] if leg.streaming.up else []
    wanted = leg.on_answer.stream
    if wanted is None:
        return []
    return open_stream(leg, wanted, leg.on_answer.stream_id or context.ids.uuid())


def up(leg: Leg, event: StreamUp, context: Context) -> list[Effect]:
    """The app took the socket."""
    streaming = leg.streaming
    if streaming is None or streaming.id != event.stream or not leg.alive:
        return [CloseStream(event.stream)]
    streaming.up = True
    told = events.streaming_started(leg, streaming)
    if leg.state is State.ANSWERED:
        return [told, BeginStream(streaming.id, leg.client_state)]
    return [told, *_place(leg, streaming)]


def down(leg: Leg, event: StreamDown, context: Context) -> list[Effect]:
    """The stream ended; the call goes on."""
    streaming = _take(leg, event.stream)
    return [events.streaming_stopped(leg, streaming)] if streaming else []


def failed(leg: Leg, event: StreamFailed, context: Context) -> list[Effect]:
    """The stream never came up, or broke; the call goes on."""
    streaming = _take(leg, event.stream)
    if streaming is None:
        return []
    return [
        events.streaming_failed(leg, streaming, event.reason),
        *(_place(leg, streaming) if leg.alive else []),
    ]


def digit(leg: Leg, event: DigitHeard) -> list[Effect]:
    """Tell the app of a key."""
    if leg.streaming is None or not leg.streaming.up:
        return []
    return [TellStream(leg.streaming.id, event.digit, event.at)]


def end_all(leg: Leg, context: Context) -> list[Effect]:
    """At hang-up, say stop."""
    streaming = leg.streaming
    leg.streaming = None
    if streaming is None:
        return []
    told: list[Effect] = [events.streaming_stopped(leg, streaming)] if streaming.up else []
    return [CloseStream(streaming.id), *told]


def _take(leg: Leg, stream_id: str) -> Streaming | None:
    streaming = leg.streaming
    if streaming is None or streaming.id != stream_id:
        return None
    leg.streaming = None
    return streaming


def _place(leg: Leg, streaming: Streaming) -> list[Effect]:
    target = leg.facts.target
    if not streaming.place_when_up or target is None:
        return []
    streaming.place_when_up = False
    return [PlaceLine(target)]
