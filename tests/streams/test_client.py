"""A stream against a real WebSocket app; the media plane is moved by hand."""

import asyncio
import threading
from contextlib import suppress
from datetime import UTC, datetime

import numpy as np
import pytest
from websockets.asyncio.server import ServerConnection
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request

from ringline.media.core.kinds import KEPT_FRAMES
from ringline.media.files import encode_mp3
from ringline.streams import transport_picows
from ringline.streams.client import Stream
from ringline.streams.frames import (
    AppClear,
    AppMark,
    AppMedia,
    Connected,
    Dtmf,
    Error,
    Mark,
    Media,
    Start,
    Stop,
)
from ringline.streams.request import (
    StreamConnected,
    StreamEnded,
    StreamFailed,
    StreamFrameSeen,
    StreamLimits,
    StreamStarted,
)
from ringline.streams.session import IllegalMove, State
from ringline.streams.transport import Dial, Endpoint, Receiver, StreamTransport
from tests.streams.apps import STREAM, App, Events, Packet, ScriptedPlane, request, send, serving, streaming

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
            "leg": "leg",
            "tap": STREAM,
            "in": True,
            "out": True,
            "codec": "PCMU",
            "rate": 8000,
            "little": False,
        }

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
            "leg": "leg", "stream": STREAM, "codec": "PCMU", "rate": 8000, "target": "both", "little": False
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


async def test_an_mp3_is_decoded_and_queued(app: App, plane: ScriptedPlane, events: Events) -> None:
    plane.rate = 16000
    async with streaming(request(app.url, bidirectional_mode="mp3"), plane, events) as stream:
        await stream.connect()
        begin(stream, "G722", 16000)
        socket = await app.socket()
        file = encode_mp3(np.zeros(24000, np.int16), 24000)
        await send(socket, AppMedia(file), AppMark("heard"), AppMedia(b"too soon"))
        assert (await app.next(Error)).code == 100005
        (what, samples), (marked, _) = await plane.inject.until(2)
        assert (what, marked) == ("pcm", "mark")
        assert isinstance(samples, bytes)
        assert len(samples) == pytest.approx(2 * 16000, abs=4000)
        assert (plane.inject.options["codec"], plane.inject.options["rate"]) == ("L16", 16000)


async def test_clear_drops_files_too(app: App, plane: ScriptedPlane, events: Events) -> None:
    held = threading.Event()

    def decode(file: bytes, rate: int, limit: float) -> bytes:
        assert held.wait(5)
        return file

    asked = request(app.url, bidirectional_mode="mp3")
    async with streaming(asked, plane, events, decode=decode) as stream:
        await stream.connect()
        begin(stream)
        await send(await app.socket(), AppMedia(b"file"), AppMark("played"), AppClear())
        assert (await app.next(Mark)).name == "played"
        held.set()
    assert plane.inject.done == [("clear", None), ("close", None)]


async def test_raw_audio_to_a_stream_that_expects_files(
    app: App, plane: ScriptedPlane, events: Events
) -> None:
    async with streaming(request(app.url, bidirectional_mode="mp3"), plane, events) as stream:
        await stream.connect()
        begin(stream)
        await send(await app.socket(), AppMedia(b"\x7f" * 160))
        error = await app.next(Error)
        assert (error.code, error.title) == (100004, "invalid_media")


async def test_an_app_that_greets_before_the_call_is_answered(
    plane: ScriptedPlane, events: Events, dial: Dial
) -> None:
    async def eager(socket: ServerConnection) -> None:
        await send(socket, AppMedia(b"welcome"), AppMark("welcomed"))
        await socket.wait_closed()

    async with (
        serving(eager) as app,
        streaming(request(app.url), plane, events, dial=dial) as stream,
    ):
        await stream.connect()
        begin(stream)
        assert await plane.inject.until(2) == [("write", b"welcome"), ("mark", "1")]


async def test_garbage_does_not_end_the_stream(
    app: App, plane: ScriptedPlane, events: Events, dial: Dial
) -> None:
    async with streaming(request(app.url), plane, events, dial=dial) as stream:
        await stream.connect()
        begin(stream)
        socket = await app.socket()
        garbage = [
            "",
            "null",
            "[" * 1000,
            '{"event":"media","media":{"payload":"?"}}',
            "\0",
            '{"event":"hello"}',
        ]
        await send(socket, *garbage, b"\x00binary")
        codes = [(await app.next(Error)).code for _ in range(7)]
        assert codes == [100003, 100003, 100003, 100004, 100003, 100003, 100003]
        await send(socket, AppMedia(b"still here"))
        assert await plane.inject.until(1) == [("write", b"still here")]
        assert stream.state is State.STREAMING


async def test_five_megabytes_at_once(app: App, plane: ScriptedPlane, events: Events, dial: Dial) -> None:
    audio = bytes(3_800_000)
    async with streaming(request(app.url), plane, events, dial=dial) as stream:
        await stream.connect()
        begin(stream)
        await send(await app.socket(), AppMedia(audio))
        assert await plane.inject.until(1) == [("write", audio)]


@pytest.mark.parametrize("code", [1000, 1001])
async def test_the_app_ends_the_stream(
    app: App, plane: ScriptedPlane, events: Events, dial: Dial, code: int
) -> None:
    async with streaming(request(app.url), plane, events, dial=dial) as stream:
        await stream.connect()
        begin(stream)
        await (await app.socket()).close(code)
        assert (await events.next(StreamEnded)).by == "app"
        assert plane.tap.closed
        assert plane.inject.done == [("close", None)]
        plane.tap.give(Packet("inbound", 1, 0, b"late"))
        stream.dtmf("1", MOMENT)
        stream.mark_reached("1")
    assert len(events.outcomes) == 3


@pytest.mark.parametrize("code", [1011, 4000])
async def test_the_app_closes_in_anger(
    app: App, plane: ScriptedPlane, events: Events, dial: Dial, code: int
) -> None:
    async with streaming(request(app.url), plane, events, dial=dial) as stream:
        await stream.connect()
        begin(stream)
        await (await app.socket()).close(code)
        failed = await events.next(StreamFailed)
        assert (failed.reason, failed.detail) == ("connection_lost", f"the app closed with {code}")


async def test_the_app_is_reset(app: App, plane: ScriptedPlane, events: Events, dial: Dial) -> None:
    async with streaming(request(app.url), plane, events, dial=dial) as stream:
        await stream.connect()
        begin(stream)
        (await app.socket()).transport.abort()
        assert (await events.next(StreamFailed)).reason == "connection_lost"


async def test_the_app_is_gone_before_the_call_is_answered(
    app: App, plane: ScriptedPlane, events: Events, dial: Dial
) -> None:
    async with streaming(request(app.url), plane, events, dial=dial) as stream:
        await stream.connect()
        (await app.socket()).transport.abort()
        await events.next(StreamFailed)
        begin(stream)
        assert plane.taps == []


async def test_an_app_that_closes_at_once(plane: ScriptedPlane, events: Events, dial: Dial) -> None:
    async def leave(socket: ServerConnection) -> None:
        await socket.close(1000)

    async with serving(leave) as app, streaming(request(app.url), plane, events, dial=dial) as stream:
        await stream.connect()
        assert (await events.next(StreamEnded)).by == "app"
    assert events.outcomes == [StreamConnected(STREAM), StreamEnded(STREAM, "app")]


async def test_never_connected(plane: ScriptedPlane, events: Events, dial: Dial) -> None:
    async with serving() as app:
        pass
    async with streaming(request(app.url), plane, events, dial=dial) as stream:
        await stream.connect()
        begin(stream)
    assert events.outcomes == [StreamFailed(STREAM, "connection_failed", "TCP: Connection refused")]


async def test_stopped_while_connecting(plane: ScriptedPlane, events: Events, dial: Dial) -> None:
    asked = asyncio.Event()

    async def think(connection: ServerConnection, _: Request) -> None:
        asked.set()
        await connection.wait_closed()

    async with (
        serving(process_request=think) as app,
        streaming(request(app.url), plane, events, dial=dial) as stream,
    ):
        connecting = asyncio.create_task(stream.connect())
        await asked.wait()
        await stream.stop()
        await connecting
        assert events.outcomes == [StreamEnded(STREAM, "server")]


async def test_a_connect_that_is_given_up(plane: ScriptedPlane, events: Events, dial: Dial) -> None:
    asked, gone = asyncio.Event(), asyncio.Event()

    async def think(connection: ServerConnection, _: Request) -> None:
        asked.set()
        await connection.wait_closed()
        gone.set()

    async with (
        serving(process_request=think) as app,
        streaming(request(app.url), plane, events, dial=dial) as stream,
    ):
        connecting = asyncio.create_task(stream.connect())
        await asked.wait()
        connecting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await connecting
        await gone.wait()
    assert events.outcomes == [StreamEnded(STREAM, "server")]


async def test_stopped_in_the_moment_of_connecting(plane: ScriptedPlane, events: Events) -> None:
    """The socket is open, but `connect` has not heard of it yet."""
    dialled = asyncio.Event()

    async def dial(endpoint: Endpoint, receiver: Receiver) -> StreamTransport:
        transport = await transport_picows.dial(endpoint, receiver)
        dialled.set()
        return transport

    async with serving() as app, streaming(request(app.url), plane, events, dial=dial) as stream:
        connecting = asyncio.create_task(stream.connect())
        await dialled.wait()
        await stream.stop()
        await connecting
        await (await app.socket()).wait_closed()
        assert events.outcomes == [StreamEnded(STREAM, "server")]


async def test_a_dead_app_is_found_by_pings(
    plane: ScriptedPlane, events: Events, dial: Dial, unresponsive: App
) -> None:
    limits = StreamLimits(ping_interval=0.03)
    async with streaming(request(unresponsive.url), plane, events, dial=dial, limits=limits) as stream:
        await stream.connect()
        begin(stream)
        failed = await events.next(StreamFailed)
        assert (failed.reason, failed.detail) == ("connection_lost", "2 pings were not answered")
        assert plane.tap.closed


async def test_an_app_that_answers_pings_lives(
    app: App, plane: ScriptedPlane, events: Events, dial: Dial
) -> None:
    limits = StreamLimits(ping_interval=0.02)
    async with streaming(request(app.url), plane, events, dial=dial, limits=limits) as stream:
        await stream.connect()
        begin(stream)
        socket = await app.socket()
        for _ in range(5):
            await app.pings.get()
        await send(socket, AppMark("alive"))
        stream.mark_reached(str((await plane.inject.until(1))[0][1]))
        assert (await app.next(Mark)).name == "alive"


async def test_a_slow_app_loses_the_oldest_frames_and_sees_the_hole(
    app: App, plane: ScriptedPlane, events: Events, dial: Dial
) -> None:
    payload = bytes(1920)  # 20 ms of L16 at 48 kHz
    async with streaming(request(app.url), plane, events, dial=dial) as stream:
        await stream.connect()
        begin(stream)
        socket = await app.socket()
        await app.next(Start)
        socket.transport.pause_reading()
        sent = 4000
        for chunk in range(1, sent + 1):
            plane.tap.give(Packet("inbound", chunk, chunk * 20 - 20, payload))
        socket.transport.resume_reading()
        received = [await app.next(Media)]
        while received[-1].chunk < sent:
            received.append(await app.next(Media))
        plane.tap.give(Packet("inbound", sent + 1, sent * 20, payload))
        received.append(await app.next(Media))

        chunks = [frame.chunk for frame in received]
        assert chunks == sorted(set(chunks))
        assert len(chunks) < sent, "something was dropped"
        assert chunks[-2 - KEPT_FRAMES + 1 :] == list(range(sent - KEPT_FRAMES + 1, sent + 2)), (
            "the newest were kept"
        )
        assert all(frame.sequence == frame.chunk + 1 for frame in received), "both numbers show the hole"
        assert stream.state is State.STREAMING


async def test_a_slow_app_is_not_told_every_mistake(
    app: App, plane: ScriptedPlane, events: Events, dial: Dial
) -> None:
    async with streaming(request(app.url), plane, events, dial=dial) as stream:
        await stream.connect()
        begin(stream)
        socket = await app.socket()
        await app.next(Start)
        socket.transport.pause_reading()
        for chunk in range(1, 4001):
            plane.tap.give(Packet("inbound", chunk, chunk * 20 - 20, bytes(1920)))
        await send(socket, "nonsense", AppMedia(b"sense"))
        await plane.inject.until(1)
        assert stream.dropped_replies == 1
        socket.transport.resume_reading()


async def test_an_app_that_asks_and_never_reads_is_left(
    app: App, plane: ScriptedPlane, events: Events, dial: Dial
) -> None:
    limits = StreamLimits(unread_bytes=50_000)
    async with streaming(request(app.url), plane, events, dial=dial, limits=limits) as stream:
        await stream.connect()
        begin(stream)
        socket = await app.socket()
        socket.transport.pause_reading()
        with suppress(ConnectionClosed):
            while stream.state is State.STREAMING:
                await send(socket, AppMark("x" * 4000), AppClear(), "nonsense")
        failed = await events.next(StreamFailed)
        assert failed.detail == "the app does not read what it asked for"


async def test_begin_before_connect_is_our_mistake(app: App, plane: ScriptedPlane, events: Events) -> None:
    async with streaming(request(app.url), plane, events) as stream:
        with pytest.raises(IllegalMove, match="cannot begin while it is idle"):
            begin(stream)


async def test_a_call_without_room_for_more_audio(app: App, plane: ScriptedPlane, events: Events) -> None:
    async with streaming(request(app.url), plane, events) as stream:
        await stream.connect()
        begin(stream)
        plane.inject.full = True
        await send(await app.socket(), AppMedia(b"x"))
        assert (await app.next(Error)).code == 100005


async def test_a_leg_without_room_for_a_stream(
    app: App, plane: ScriptedPlane, events: Events, dial: Dial
) -> None:
    plane.busy = True
    async with streaming(request(app.url), plane, events, dial=dial) as stream:
        await stream.connect()
        begin(stream)
        assert (await app.next(Error)).code == 100002
        socket = await app.socket()
        await socket.wait_closed()
        assert socket.close_code == 1011
    assert plane.inject.done == [("close", None)]
    assert isinstance(events.outcomes[-1], StreamFailed)
    assert events.outcomes[-1].detail == "no audio for the stream: the leg has as many taps as it can have"
