"""httpx over aiohttp's connections, against servers that behave and servers that do not."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import httpx
import pytest

from ringline.inference.engine_transport import EngineTransport

pytestmark = pytest.mark.unit

Handler = Callable[[bytes, asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]

CHUNKED = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"


class Server:
    """Sockets whose every request is answered by `handler`, which is given the head."""

    def __init__(self, handler: Handler) -> None:
        self._handler = handler
        self.connections = 0
        self.left = asyncio.Event()
        self.url = ""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            while True:
                await self._handler(await reader.readuntil(b"\r\n\r\n"), reader, writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            self.left.set()
        finally:
            writer.close()


@asynccontextmanager
async def serving(handler: Handler) -> AsyncIterator[tuple[Server, httpx.AsyncClient]]:
    server = Server(handler)
    listening = await asyncio.start_server(server.serve, "127.0.0.1", 0)
    server.url = f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}"
    async with httpx.AsyncClient(transport=EngineTransport(), timeout=5.0) as client:
        yield server, client
    listening.close()
    await listening.wait_closed()


async def echo(head: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    length = next((int(x[16:]) for x in head.lower().split(b"\r\n") if x.startswith(b"content-length: ")), 0)
    body = head.split(b"\r\n")[0] + b"|" + await reader.readexactly(length)
    writer.write(
        b"HTTP/1.1 201 Made\r\nx-two: a\r\nx-two: b\r\ncontent-length: %d\r\n\r\n" % len(body) + body
    )


async def test_what_was_sent_arrives_and_the_connection_is_kept() -> None:
    async with serving(echo) as (server, client):
        answers = [await client.post(f"{server.url}/v1/a%2Fb?c=d%20e", content=b"hello") for _ in range(3)]
        plain = await client.get(f"{server.url}/v1/models")
    assert [answer.content for answer in answers] == [b"POST /v1/a%2Fb?c=d%20e HTTP/1.1|hello"] * 3
    assert plain.content == b"GET /v1/models HTTP/1.1|"
    assert answers[0].status_code == 201
    assert answers[0].headers.get_list("x-two") == ["a", "b"]
    assert server.connections == 1


async def test_headers_are_those_of_the_request() -> None:
    heads: list[bytes] = []

    async def keep(head: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heads.append(head.lower())
        await echo(head, reader, writer)

    async with serving(keep) as (server, client):
        await client.post(server.url, content=b"x", headers={"authorization": "Bearer k", "x-a": "1"})
    lines = heads[0].split(b"\r\n")
    assert b"authorization: bearer k" in lines
    assert b"x-a: 1" in lines
    for once in (b"host: ", b"content-length: ", b"user-agent: ", b"accept: ", b"accept-encoding: "):
        assert sum(line.startswith(once) for line in lines) == 1


async def test_pieces_come_as_they_are_sent() -> None:
    more = asyncio.Event()

    async def stream(_head: bytes, _reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(CHUNKED + b"3\r\none\r\n")
        await more.wait()
        writer.write(b"3\r\ntwo\r\n0\r\n\r\n")

    async with serving(stream) as (server, client), client.stream("GET", server.url) as answer:
        pieces = answer.aiter_raw()
        assert await anext(pieces) == b"one"
        more.set()
        assert [piece async for piece in pieces] == [b"two"]


async def test_who_leaves_a_stream_closes_its_connection() -> None:
    async def endless(_head: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(CHUNKED + b"3\r\none\r\n")
        await reader.readexactly(1)

    async with serving(endless) as (server, client):
        async with client.stream("GET", server.url) as answer:
            assert await anext(answer.aiter_raw()) == b"one"
        async with asyncio.timeout(5):
            await server.left.wait()


async def test_a_request_that_is_cancelled_closes_its_connection() -> None:
    asked = asyncio.Event()

    async def silent(_head: bytes, reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
        asked.set()
        await reader.readexactly(1)

    async with serving(silent) as (server, client):
        request = asyncio.create_task(client.get(server.url))
        await asked.wait()
        request.cancel()
        with pytest.raises(asyncio.CancelledError):
            await request
        async with asyncio.timeout(5):
            await server.left.wait()


async def test_nobody_is_sent_elsewhere() -> None:
    async def elsewhere(_head: bytes, _reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 302 Found\r\nlocation: /x\r\nset-cookie: a=b\r\ncontent-length: 0\r\n\r\n")

    async with serving(elsewhere) as (server, client):
        assert (await client.get(server.url)).status_code == 302


@pytest.mark.parametrize(
    ("sent", "error"),
    [
        (b"", httpx.RemoteProtocolError),
        (b"no HTTP at all\r\n\r\n", httpx.RemoteProtocolError),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nabc", httpx.RemoteProtocolError),
        (CHUNKED + b"3\r\none\r\n", httpx.RemoteProtocolError),
        (CHUNKED + b"zzz\r\none\r\n", httpx.RemoteProtocolError),
    ],
)
async def test_a_server_that_breaks_off_or_babbles(sent: bytes, error: type[Exception]) -> None:
    async def broken(_head: bytes, _reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(sent)
        await writer.drain()
        raise ConnectionError

    async with serving(broken) as (server, client):
        with pytest.raises(error):
            await client.get(server.url)


async def test_nobody_listens() -> None:
    async with httpx.AsyncClient(transport=EngineTransport()) as client:
        with pytest.raises(httpx.ConnectError):
            await client.get("http://127.0.0.1:9/v1/models")


async def test_a_silent_server_is_given_up_after_the_read_timeout() -> None:
    async def silent(_head: bytes, reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
        await reader.readexactly(1)

    async with serving(silent) as (server, client):
        with pytest.raises(httpx.ReadTimeout):
            await client.get(server.url, timeout=httpx.Timeout(5.0, read=0.05))


async def test_a_client_that_was_never_used_closes() -> None:
    await httpx.AsyncClient(transport=EngineTransport()).aclose()
