"""What the doctor says of healthy and sick apps."""

import asyncio

import numpy as np
import pytest
from websockets.asyncio.server import ServerConnection
from websockets.http11 import Request, Response

from ringline.core.clock import SystemClock
from ringline.core.errors import NotAllowed
from ringline.core.net import Target
from ringline.media.files import encode_mp3
from ringline.streams.doctor import Finding, Level, examine
from ringline.streams.frames import AppMark, AppMedia, Connected, Mark, Media, Start, Stop
from ringline.streams.request import StreamLimits, StreamRequest
from ringline.streams.transport import Dial
from tests.streams.apps import App, request, resolve, send, serving

pytestmark = pytest.mark.system


async def visit(asked: StreamRequest, dial: Dial, listen: float = 0.06) -> list[Finding]:
    limits = StreamLimits(connect=1, close=0.05)
    return await examine(asked, resolve=resolve, clock=SystemClock(), listen=listen, limits=limits, dial=dial)


def texts(findings: list[Finding], level: Level) -> list[str]:
    return [finding.text for finding in findings if finding.level is level]


async def test_a_healthy_app(dial: Dial) -> None:
    marks: asyncio.Queue[Mark] = asyncio.Queue()

    async def bot(socket: ServerConnection) -> None:
        await send(socket, AppMedia(bytes(4000)), AppMark("spoken"))
        await app.handle(socket)

    async with serving(bot) as server:
        app = App(port=server.port)
        findings = await visit(request(app.url, auth_token="t"), dial)
        marks.put_nowait(await app.next(Mark))
    assert texts(findings, Level.FAIL) == texts(findings, Level.WARN) == []
    assert (await marks.get()).name == "spoken"
    report = "\n".join(map(str, findings))
    assert "127.0.0.1" in findings[0].text
    assert "ws handshake in" in report
    assert "the app sent 1 × mark, 1 × media" in report
    assert "its audio is 0.50 s long if it is PCMU at 8000 Hz" in report
    assert "ping answered" in report
    assert "answered our close" in report


async def test_the_app_sees_what_it_would_see_in_a_call(app: App, dial: Dial) -> None:
    findings = await visit(request(app.url), dial, listen=0.1)
    assert isinstance(await app.frames.get(), Connected)
    assert isinstance(await app.frames.get(), Start)
    media = [await app.frames.get() for _ in range(5)]
    assert [frame.chunk for frame in media if isinstance(frame, Media)] == [1, 2, 3, 4, 5]
    assert isinstance(await app.frames.get(), Stop)
    assert any("sent nothing" in text for text in texts(findings, Level.OK))


async def test_mistakes_are_listed_but_not_all(dial: Dial) -> None:
    async def confused(socket: ServerConnection) -> None:
        await send(socket, *['{"event":"audio"}'] * 5, b"\0")
        await socket.wait_closed()

    async with serving(confused) as app:
        failures = texts(await visit(request(app.url), dial), Level.FAIL)
    assert len(failures) == 4
    assert "audio" in failures[0]
    assert failures[-1] == "and 3 more messages were refused"


@pytest.mark.parametrize(
    ("payload", "level", "text"),
    [
        (encode_mp3(np.zeros(24000, np.int16), 24000), Level.OK, "its file plays for 1"),
        (b"\xff" * 160, Level.FAIL, "no mp3 file"),
    ],
    ids=["mp3", "raw"],
)
async def test_files_are_tried(dial: Dial, payload: bytes, level: Level, text: str) -> None:
    async def bot(socket: ServerConnection) -> None:
        await send(socket, AppMedia(payload))
        await socket.wait_closed()

    async with serving(bot) as app:
        findings = await visit(request(app.url, bidirectional_mode="mp3"), dial)
    assert any(text in shown for shown in texts(findings, level))


async def test_an_app_that_leaves(dial: Dial) -> None:
    async def leave(socket: ServerConnection) -> None:
        await socket.close(1011)

    async with serving(leave) as app:
        findings = await visit(request(app.url), dial, listen=5)
    assert "the stream ended before we stopped it: the app closed with 1011" in texts(findings, Level.FAIL)


async def test_an_app_that_is_frozen(unresponsive: App, dial: Dial) -> None:
    warnings = texts(await visit(request(unresponsive.url), dial), Level.WARN)
    assert warnings == ["the ping was not answered", "the app did not answer our close frame"]


@pytest.mark.parametrize(("status", "text"), [(403, "HTTP 403"), (301, "HTTP 301")])
async def test_an_app_that_refuses(dial: Dial, status: int, text: str) -> None:
    def refuse(connection: ServerConnection, _: Request) -> Response:
        return connection.respond(status, "no")

    async with serving(process_request=refuse) as app:
        findings = await visit(request(app.url), dial)
    assert findings[-1].level is Level.FAIL
    assert text in findings[-1].text
    assert "upgrade" in findings[-1].advice


async def test_nobody_there(dial: Dial) -> None:
    async with serving() as app:
        pass
    [_, refused] = await visit(request(app.url), dial)
    assert refused.text == "TCP: Connection refused"
    assert "is the app running" in str(refused)


async def test_a_forbidden_address(dial: Dial) -> None:
    async def forbid(_: str) -> Target:
        raise NotAllowed("the network policy forbids 169.254.169.254")

    [finding] = await examine(
        request("ws://169.254.169.254/"), resolve=forbid, clock=SystemClock(), dial=dial
    )
    assert (finding.level, finding.text) == (Level.FAIL, "the network policy forbids 169.254.169.254")


async def test_a_name_server_that_sleeps(dial: Dial) -> None:
    async def sleep(_: str) -> Target:
        await asyncio.Event().wait()
        raise AssertionError

    limits = StreamLimits(connect=0.01)
    [finding] = await examine(
        request("ws://x/"), resolve=sleep, clock=SystemClock(), limits=limits, dial=dial
    )
    assert "does not resolve in time" in finding.text
