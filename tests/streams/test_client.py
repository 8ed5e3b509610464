"""A stream against a real WebSocket app; the media plane is moved by hand."""

from datetime import UTC, datetime

import pytest

from ringline.streams.client import Stream
from ringline.streams.frames import (
    AppClear,
    AppMark,
    AppMedia,
    Connected,
    Dtmf,
    Mark,
    Media,
    Start,
    Stop,
)
from ringline.streams.request import (
    StreamConnected,
    StreamEnded,
    StreamFrameSeen,
    StreamStarted,
)
from ringline.streams.session import State
from ringline.streams.transport import Dial
from tests.streams.apps import STREAM, App, Events, Packet, ScriptedPlane, request, send, streaming

pytestmark = pytest.mark.system

MOMENT = datetime(2030, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)


def begin(stream: Stream, codec: str = "PCMU", rate: int = 8000) -> None:
    stream.begin("leg", codec, rate, client_state=None)


async def test_a_whole_stream(app: App, plane: ScriptedPlane, events: Events, dial: Dial) -> None:
    asked = request(app.url, auth_token="s3cret", track="both_tracks")
    async with streaming(asked, plane, events, dial=dial) as stream:
        await stream.connect()
        socket = await app.socket()
        assert socket.request is not None
        assert socket.request.path == "/stream?room=a%20b&x=1"
        assert socket.request.headers["x-telnyx-streaming-auth-token"] == "s3cret"
        assert await app.next(Connected) == Connected("s3cret")
        assert events.outcomes == [StreamConnected(STREAM)]

        stream.begin("leg", "PCMU", 8000, client_state="Zm9v")
        start = await app.next(Start)
        assert (start.sequence, start.client_state, start.media_format.encoding) == (1, "Zm9v", "PCMU")
        assert plane.tap.options == {
            "leg": "leg", "tap": STREAM, "in": True, "out": True, "codec": "PCMU", "rate": 8000
        }  # fmt: skip

        plane.tap.give(Packet("inbound", 1, 0, b"in"), Packet("outbound", 1, 0, b"out"))
        stream.dtmf("5", MOMENT)
        assert await app.next(Media) == Media(STREAM, 2, "inbound", 1, 0, b"in")
        assert await app.next(Media) == Media(STREAM, 3, "outbound", 1, 0, b"out")
        assert await app.next(Dtmf) == Dtmf(STREAM, 4, MOMENT, "5")

        await stream.stop()
        assert (await app.next(Stop)).sequence == 5
        await app.closed.wait()
        assert socket.close_code == 1000
    assert plane.tap.closed
    assert plane.inject.done == [("close", None)]
    assert events.outcomes == [StreamConnected(STREAM), StreamStarted(STREAM), StreamEnded(STREAM, "server")]
    assert stream.state is State.ENDED


async def test_the_app_plays_marks_and_clears(
    app: App, plane: ScriptedPlane, events: Events, dial: Dial
) -> None:
    async with streaming(request(app.url, target_legs="both"), plane, events, dial=dial) as stream:
        await stream.connect()
        begin(stream)
        socket = await app.socket()
        await send(
            socket, AppMedia(b"hello"), AppMark("after hello"), AppMedia(b"world"), AppMark("after world")
        )
        await plane.inject.until(4)
        assert plane.inject.options == {
            "leg": "leg", "stream": STREAM, "codec": "PCMU", "rate": 8000, "target": "both"
        }  # fmt: skip
        kinds = [what for what, _ in plane.inject.done]
        assert kinds == ["write", "mark", "write", "mark"]

        stream.mark_reached(str(plane.inject.done[1][1]))
        assert (await app.next(Mark)).name == "after hello"
        await send(socket, AppMark("last"), AppClear())
        assert [(await app.next(Mark)).name for _ in range(2)] == ["after world", "last"]
        assert plane.inject.done[-1] == ("clear", None)

        stream.mark_reached(str(plane.inject.done[3][1]))  # was on its way when the queue was cleared
        await stream.stop()
        await app.closed.wait()
    assert sum('"mark"' in message for message in app.raw) == 3
    seen = [event for event in events.all if isinstance(event, StreamFrameSeen)]
    assert [(s.direction, s.event, s.detail) for s in seen if s.event in ("mark", "clear")] == [
        ("in", "mark", "after hello"),
        ("in", "mark", "after world"),
        ("out", "mark", "after hello"),
        ("in", "mark", "last"),
        ("in", "clear", ""),
        ("out", "mark", "after world"),
        ("out", "mark", "last"),
    ]
