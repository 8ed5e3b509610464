"""All ways to carry a WebSocket, held against real servers: the same words for the same failures."""

import asyncio
import base64
import hashlib
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path
from typing import Any

import pytest
from websockets.asyncio.server import ServerConnection
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response

from ringline.core.errors import NotAllowed
from ringline.core.net import Target
from ringline.streams import transport_carried, transport_picows, transport_websockets
from ringline.streams.request import StreamLimits
from ringline.streams.transport import ConnectFailed, Dial, Endpoint, StreamTransport, connect
from tests.streams.apps import resolve, serving
from tests.streams.calls import calling
from tests.streams.certificates import Authority

pytestmark = pytest.mark.system


@pytest.fixture(params=["picows", "websockets", "carried"])
async def dial(request: pytest.FixtureRequest) -> AsyncIterator[Dial]:
    if request.param == "picows":
        yield transport_picows.dial
    elif request.param == "websockets":
        yield transport_websockets.dial
    else:
        async with calling() as calls:
            if not calls.plane.carries:
                pytest.skip("only a compiled media engine carries connections")
            yield transport_carried.dialling(calls.plane)


Reader = asyncio.StreamReader
Writer = asyncio.StreamWriter


@dataclass
class Ear:
    """A receiver that keeps everything."""

    texts: "asyncio.Queue[bytes]" = field(default_factory=asyncio.Queue)
    binaries: "asyncio.Queue[None]" = field(default_factory=asyncio.Queue)
    pongs: "asyncio.Queue[None]" = field(default_factory=asyncio.Queue)
    writable: asyncio.Event = field(default_factory=asyncio.Event)
    closes: "asyncio.Queue[tuple[int | None, str]]" = field(default_factory=asyncio.Queue)

    def on_text(self, message: bytes) -> None:
        self.texts.put_nowait(message)

    def on_binary(self) -> None:
        self.binaries.put_nowait(None)

    def on_pong(self) -> None:
        self.pongs.put_nowait(None)

    def on_writable(self) -> None:
        self.writable.set()

    def on_closed(self, code: int | None, why: str) -> None:
        self.closes.put_nowait((code, why))


@asynccontextmanager
async def connected(
    url: str, dial: Dial, limits: StreamLimits | None = None, **options: Any
) -> AsyncIterator[tuple[StreamTransport, Ear]]:
    ear = Ear()
    transport = await connect(
        url, ear, **{"resolve": resolve, "dial": dial, "limits": limits or StreamLimits(), **options}
    )
    try:
        yield transport, ear
    finally:
        await transport.close(1000, 0.2)


@asynccontextmanager
async def tcp(handler: Callable[[Reader, Writer], Awaitable[None]]) -> AsyncIterator[str]:
    """A server of raw TCP; the URL that leads to it."""

    async def handle(reader: Reader, writer: Writer) -> None:
        try:
            await handler(reader, writer)
        finally:
            writer.close()

    async with await asyncio.start_server(handle, "127.0.0.1", 0) as server:
        yield f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}/"


async def upgrade(reader: Reader, writer: Writer) -> None:
    """Answer a handshake by hand (RFC 6455 §4.2.2)."""
    head = await reader.readuntil(b"\r\n\r\n")
    key = next(
        line.split(b": ")[1] for line in head.split(b"\r\n") if line.lower().startswith(b"sec-websocket-key")
    )
    accept = base64.b64encode(hashlib.sha1(key + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest())
    writer.write(
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Accept: " + accept + b"\r\n\r\n"
    )


def frame(opcode: int, payload: bytes = b"", *, final: bool = True) -> bytes:
    """A server's frame, unmasked (RFC 6455 §5.2); payloads under 64 KiB."""
    first = opcode | (0x80 if final else 0)
    if len(payload) < 126:
        return bytes([first, len(payload)]) + payload
    return struct.pack(">BBH", first, 126, len(payload)) + payload


TEXT, BINARY, MORE, CLOSE, PING = 1, 2, 0, 8, 9


async def ignore(reader: Reader, _: Writer) -> None:
    await reader.read()


async def refusal(url: str, dial: Dial, limits: StreamLimits | None = None, **options: Any) -> str:
    with pytest.raises(ConnectFailed) as caught:
        async with connected(url, dial, limits, **options):
            pass
    return str(caught.value)


# --- connecting


async def test_nobody_listens(dial: Dial) -> None:
    async with tcp(ignore) as url:
        pass
    assert await refusal(url, dial) == "TCP: Connection refused"


async def test_the_network_policy_forbids_it(dial: Dial) -> None:
    async def forbid(_: str) -> Target:
        raise NotAllowed("the network policy forbids metadata.internal")

    assert "forbids" in await refusal("ws://metadata.internal/", dial, resolve=forbid)


async def test_a_name_that_cannot_be_looked_up(dial: Dial) -> None:
    assert "does not resolve" in await refusal(f"ws://{'x' * 64}.example/", dial)


@pytest.mark.parametrize("status", [HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND, HTTPStatus.OK])
async def test_an_answer_that_is_not_101(dial: Dial, status: HTTPStatus) -> None:
    def refuse(connection: ServerConnection, _: Request) -> Response:
        return connection.respond(status, "no")

    async with serving(process_request=refuse) as app:
        assert await refusal(app.url, dial) == f"the app answered HTTP {int(status)} to the upgrade"


async def test_a_redirect_is_not_followed(dial: Dial) -> None:
    async with serving() as other:

        async def redirect(reader: Reader, writer: Writer) -> None:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(f"HTTP/1.1 302 Found\r\nLocation: {other.url}\r\nContent-Length: 0\r\n\r\n".encode())

        async with tcp(redirect) as url:
            assert await refusal(url, dial) == "the app answered HTTP 302 to the upgrade"
        assert other.sockets.empty()


async def test_the_wrong_accept_key(dial: Dial) -> None:
    async def cheat(reader: Reader, writer: Writer) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Accept: AAAAAAAAAAAAAAAAAAAAAAAAAAA=\r\n\r\n"
        )
        await reader.read()

    async with tcp(cheat) as url:
        assert "no WebSocket handshake" in await refusal(url, dial)


async def test_something_that_is_not_http(dial: Dial) -> None:
    async def chatter(reader: Reader, writer: Writer) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"SSH-2.0-OpenSSH_9.2\r\n\r\n")

    async with tcp(chatter) as url:
        assert "no WebSocket handshake" in await refusal(url, dial)


async def test_a_server_that_hangs_up(dial: Dial) -> None:
    async def leave(reader: Reader, _: Writer) -> None:
        await reader.readuntil(b"\r\n\r\n")

    async with tcp(leave) as url:
        assert "closed the connection" in await refusal(url, dial)


async def test_a_server_that_never_answers(dial: Dial) -> None:
    gone = asyncio.Event()

    async def sit(reader: Reader, _: Writer) -> None:
        await reader.read()
        gone.set()

    async with tcp(sit) as url:
        assert await refusal(url, dial, StreamLimits(connect=0.1)) == "no WebSocket within 0.1 s"
        await gone.wait()


async def test_giving_up_leaves_no_connection_behind(dial: Dial) -> None:
    asked, gone = asyncio.Event(), asyncio.Event()

    async def sit(reader: Reader, _: Writer) -> None:
        await reader.readuntil(b"\r\n\r\n")
        asked.set()
        await reader.read()
        gone.set()

    async with tcp(sit) as url:
        attempt = asyncio.create_task(connect(url, Ear(), resolve=resolve, dial=dial, limits=StreamLimits()))
        await asked.wait()
        attempt.cancel()
        with pytest.raises(asyncio.CancelledError):
            await attempt
        await gone.wait()


@pytest.mark.parametrize("token", ["a\r\nX-Evil: 1", "grün", "tab\t", "nul\0"])
async def test_a_token_that_no_header_can_carry(dial: Dial, token: str) -> None:
    assert "auth token" in await refusal("ws://127.0.0.1:1/", dial, auth_token=token)


async def test_what_the_app_is_asked(dial: Dial) -> None:
    async with serving() as app:
        url = f"ws://localhost:{app.port}/räum/a b?q=%2F&r=\u00fc&s=[1]"
        async with connected(url, dial, auth_token="t0k=en"):
            socket = await app.socket()
    assert socket.request is not None
    assert socket.request.path == "/r%C3%A4um/a%20b?q=%2F&r=%C3%BC&s=[1]"
    headers = socket.request.headers
    assert headers["Host"] == f"localhost:{app.port}"
    assert headers["x-telnyx-streaming-auth-token"] == "t0k=en"
    assert "Sec-WebSocket-Protocol" not in headers
    assert "Sec-WebSocket-Extensions" not in headers
    assert "Authorization" not in headers


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("ws://example.com:80/a", "ws://example.com/a"),
        ("wss://example.com:443/", "wss://example.com/"),
        ("wss://example.com:8443/", "wss://example.com:8443/"),
        ("ws://[::1]:9000/x", "ws://[::1]:9000/x"),
    ],
)
def test_the_url_names_the_host_and_no_default_port(url: str, shown: str) -> None:
    scheme, _, rest = url.partition("://")
    host, _, path = rest.rpartition("/")
    name, _, port = host.rpartition(":")
    target = Target(scheme, name.strip("[]"), int(port), "192.0.2.1", f"/{path}")
    assert Endpoint(target, (), StreamLimits(), None).url == shown


async def test_the_connection_goes_to_the_vetted_address(dial: Dial) -> None:
    async with serving() as app:

        async def pinned(_: str) -> Target:
            return Target("ws", "app.invalid", app.port, "127.0.0.1", "/")

        async with connected("ws://ignored/", dial, resolve=pinned):
            socket = await app.socket()
            assert socket.request is not None
            assert socket.request.headers["Host"] == f"app.invalid:{app.port}"


# --- TLS


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    folder: Path = tmp_path_factory.mktemp("certificates")
    return Authority(folder)


async def test_tls_by_address_and_by_name(dial: Dial, authority: Authority) -> None:
    async with serving(ssl=authority.server("localhost", "127.0.0.1")) as app:
        for host in ("127.0.0.1", "localhost"):
            async with connected(f"wss://{host}:{app.port}/", dial, tls=authority.client()) as (
                transport,
                ear,
            ):
                socket = await app.socket()
                await socket.send("x" * 100_000)
                assert len(await ear.texts.get()) == 100_000
                transport.ping()
                await ear.pongs.get()


@pytest.mark.parametrize(
    ("names", "expired", "trusted", "why"),
    [
        (("elsewhere.example",), False, True, "IP address mismatch"),
        (("127.0.0.1",), True, True, "expired"),
        (("127.0.0.1",), False, False, "self-signed certificate|unable to get local issuer"),
    ],
)
@pytest.mark.filterwarnings("ignore:.*:ResourceWarning")
async def test_a_certificate_that_must_not_pass(
    dial: Dial, authority: Authority, names: tuple[str, ...], expired: bool, trusted: bool, why: str
) -> None:
    async with serving(ssl=authority.server(*names, expired=expired)) as app:
        tls = authority.client() if trusted else None
        said = await refusal(f"wss://127.0.0.1:{app.port}/", dial, tls=tls)
        assert said.startswith("TLS: ")
        assert any(reason in said for reason in why.split("|"))
        assert app.sockets.empty()


async def test_tls_towards_a_plain_server(dial: Dial, authority: Authority) -> None:
    async with serving() as app:
        said = await refusal(f"wss://127.0.0.1:{app.port}/", dial, tls=authority.client())
        assert said.startswith(("TLS: ", "broken during the handshake: "))
        assert not said.endswith(": ")


# --- talking


async def test_five_megabytes_in_one_message(dial: Dial) -> None:
    message = "x" * (5 * 1024 * 1024)
    async with serving() as app, connected(app.url, dial) as (_, ear):
        socket = await app.socket()
        await socket.send(message)
        assert len(await ear.texts.get()) == len(message)


async def test_a_message_over_the_limit_ends_the_connection(dial: Dial) -> None:
    closed = asyncio.Event()
    codes: list[int | None] = []

    async def flood(socket: ServerConnection) -> None:
        try:
            await socket.send("x" * 2000)
            await socket.recv()
        except ConnectionClosed:
            codes.append(socket.close_code)
            closed.set()

    async with serving(flood) as app, connected(app.url, dial, StreamLimits(message_bytes=1000)) as (_, ear):
        code, why = await ear.closes.get()
        assert code is None
        assert "protocol" in why
        await closed.wait()
        assert codes == [1009]
        assert ear.texts.empty()


@pytest.mark.parametrize("cut", [1, 2])
async def test_messages_in_fragments(dial: Dial, cut: int) -> None:
    async with serving() as app, connected(app.url, dial) as (_, ear):
        socket = await app.socket()
        await socket.send([*["hel", "lo ", "world"][:cut], "!"])
        assert await ear.texts.get() == ("hel!" if cut == 1 else "hello !").encode()
        await socket.send([b"bin", b"ary"])
        await ear.binaries.get()
        await socket.send(b"binary")
        await ear.binaries.get()
        await socket.send("after")
        assert await ear.texts.get() == b"after"


async def test_a_ping_between_fragments(dial: Dial) -> None:
    async def handler(reader: Reader, writer: Writer) -> None:
        await upgrade(reader, writer)
        writer.write(
            frame(TEXT, b"a", final=False) + frame(PING, b"?") + frame(MORE, b"b") + frame(CLOSE, b"\x03\xe8")
        )
        await reader.read()

    async with tcp(handler) as url, connected(url, dial) as (_, ear):
        assert await ear.texts.get() == b"ab"
        assert (await ear.closes.get())[0] == 1000


@pytest.mark.parametrize(
    "wire",
    [
        frame(MORE, b"of nothing"),
        frame(TEXT, b"a", final=False) + frame(TEXT, b"b"),
        frame(3, b"reserved opcode"),
        frame(PING, b"x" * 126),
        b"\x81\x81\0\0\0\0x",
        b"\x81\xff" + bytes([0x80] + [0] * 7),
        frame(CLOSE, b"\x03"),
        frame(CLOSE, struct.pack(">H", 999)),
    ],
    ids=[
        "continuation",
        "interrupted",
        "opcode",
        "long-ping",
        "masked",
        "length",
        "short-close",
        "bad-close",
    ],
)
async def test_an_app_that_breaks_the_protocol_is_left(dial: Dial, wire: bytes) -> None:
    async def handler(reader: Reader, writer: Writer) -> None:
        await upgrade(reader, writer)
        writer.write(wire)
        await reader.read()

    async with tcp(handler) as url, connected(url, dial) as (_, ear):
        code, why = await ear.closes.get()
        assert code is None
        assert "protocol" in why
        assert ear.texts.empty()


async def test_a_message_in_the_same_packet_as_the_handshake(dial: Dial) -> None:
    async def handler(reader: Reader, writer: Writer) -> None:
        await upgrade(reader, writer)
        writer.write(frame(TEXT, b"already"))
        await reader.read()

    async with tcp(handler) as url, connected(url, dial) as (_, ear):
        assert await ear.texts.get() == b"already"


# --- ending


@pytest.mark.parametrize(
    ("payload", "code"),
    [(b"\x03\xe8bye", 1000), (b"\x03\xe9", 1001), (b"", 1005), (b"\x03\xf3", 1011), (b"\x0f\xa1", 4001)],
)
async def test_the_app_closes(dial: Dial, payload: bytes, code: int) -> None:
    answers: asyncio.Queue[bytes] = asyncio.Queue()

    async def handler(reader: Reader, writer: Writer) -> None:
        await upgrade(reader, writer)
        writer.write(frame(CLOSE, payload))
        answers.put_nowait(await reader.read())

    async with tcp(handler) as url, connected(url, dial) as (_, ear):
        assert await ear.closes.get() == (code, f"the app closed with {code}")
        assert (await answers.get())[0] == 0x88, "a close frame is answered by one (RFC 6455 §5.5.1)"


async def test_the_connection_breaks(dial: Dial) -> None:
    async def handler(reader: Reader, writer: Writer) -> None:
        await upgrade(reader, writer)
        await writer.drain()
        writer.transport.abort()

    async with tcp(handler) as url, connected(url, dial) as (_, ear):
        assert await ear.closes.get() == (None, "the connection broke")


async def test_we_close_and_the_app_reads_all_we_said_before(dial: Dial) -> None:
    async with serving() as app:
        async with connected(app.url, dial) as (transport, ear):
            socket = await app.socket()
            await socket.send("still talking")
            transport.send(b'{"event":"clear"}')
            await asyncio.gather(transport.close(1000, 2), socket.wait_closed())
        assert (socket.close_code, app.closed.is_set()) == (1000, False)
        assert (await ear.closes.get())[0] == 1000


async def test_an_app_that_does_not_answer_our_close(dial: Dial) -> None:
    async def handler(reader: Reader, writer: Writer) -> None:
        await upgrade(reader, writer)
        await reader.read()

    async with tcp(handler) as url, connected(url, dial) as (transport, ear):
        await transport.close(1000, 0.05)
        assert await ear.closes.get() == (None, "the app did not answer our close frame")
        transport.send(b"after the end")
        transport.ping()
        transport.abort("twice")
        await transport.close(1000, 0.05)
        assert ear.closes.empty()


async def test_abort(dial: Dial) -> None:
    async with serving() as app, connected(app.url, dial) as (transport, ear):
        transport.abort("enough")
        assert await ear.closes.get() == (None, "enough")


async def test_our_own_mistake_costs_one_connection(
    dial: Dial, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    class Clumsy(Ear):
        def on_text(self, message: bytes) -> None:
            raise ZeroDivisionError("ours")

    ear = Clumsy()
    async with serving() as app:
        await connect(app.url, ear, resolve=resolve, dial=dial, limits=StreamLimits())
        await (await app.socket()).send("anything")
        code, why = await ear.closes.get()
        assert code is None
        assert "our own mistake" in why
    assert "ZeroDivisionError" in caplog.text + "".join(capsys.readouterr())


# --- backpressure


async def test_an_app_that_does_not_read_fills_our_buffer_and_is_told_when_it_drains(dial: Dial) -> None:
    reading = asyncio.Event()

    async def lazy(reader: Reader, writer: Writer) -> None:
        await upgrade(reader, writer)
        await reading.wait()
        await reader.read()

    async with tcp(lazy) as url, connected(url, dial) as (transport, ear):
        sent = 0
        while transport.writable:
            transport.send(b"x" * 1000)
            sent += 1
            assert sent < 100_000
        assert transport.unsent > 0
        reading.set()
        await ear.writable.wait()
        assert transport.writable


async def test_an_app_that_closes_but_reads_nothing_is_let_go(dial: Dial) -> None:
    leave, done = asyncio.Event(), asyncio.Event()

    async def handler(reader: Reader, writer: Writer) -> None:
        await upgrade(reader, writer)
        await leave.wait()
        writer.write(frame(CLOSE, b"\x03\xe8"))
        await done.wait()

    async with tcp(handler) as url, connected(url, dial, StreamLimits(close=0.05)) as (transport, ear):
        while transport.writable:
            transport.send(b"x" * 1000)
        leave.set()
        assert await ear.closes.get() == (1000, "the app closed with 1000")
        done.set()
