"""An engine that answers as a test tells it, over real HTTP on loopback."""

import asyncio
import json
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

OPENAI = (
    "model messages stream stream_options temperature top_p max_tokens stop seed logprobs top_logprobs n "
    "frequency_penalty presence_penalty response_format tools tool_choice parallel_tool_calls "
    "reasoning_effort"
)
VLLM = (
    "min_p use_beam_search length_penalty chat_template_kwargs structured_outputs guided_regex guided_choice"
)
LLAMA_CPP = "grammar"
KNOWN = frozenset(f"{OPENAI} {VLLM} {LLAMA_CPP}".split())
"""Members of a request that some engine reads; what no engine reads is never sent."""

HEAD = "HTTP/1.1 {status} X\r\ncontent-type: {kind}\r\n{more}connection: close\r\n"


@dataclass
class Exchange:
    """One request, and the way back."""

    body: dict[str, Any]
    headers: dict[str, str]
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def head(self, status: int = 200, kind: str = "text/event-stream", more: str = "") -> None:
        await self.raw(HEAD.format(status=status, kind=kind, more=more).encode() + b"\r\n")

    async def raw(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def event(self, data: object) -> None:
        text = data if isinstance(data, str) else json.dumps(data)
        await self.raw(f"data: {text}\n\n".encode())

    async def text(self, text: str | None, finish: str | None = None) -> None:
        delta = {} if text is None else {"content": text}
        await self.event({"choices": [{"index": 0, "delta": delta, "finish_reason": finish}]})

    async def end(self, prompt: int = 7, completion: int = 2) -> None:
        await self.text(None, "stop")
        usage = {"prompt_tokens": prompt, "completion_tokens": completion}
        await self.event({"choices": [], "usage": usage})
        await self.event("[DONE]")

    async def json(self, status: int, data: object, more: str = "") -> None:
        await self.head(status, "application/json", more)
        await self.raw(json.dumps(data).encode())


Script = Callable[[Exchange], Awaitable[None]]


async def hello(exchange: Exchange) -> None:
    """What is said without a script."""
    await exchange.head()
    await exchange.text("Hello")
    await exchange.text(" there")
    await exchange.end()


def saying(*texts: str) -> Script:
    """Exactly these pieces."""

    async def script(exchange: Exchange) -> None:
        await exchange.head()
        for text in texts:
            await exchange.text(text)
        await exchange.end(completion=len(texts))

    return script


def refusing(status: int, data: object, more: str = "") -> Script:
    """An answer that is no 200."""

    async def script(exchange: Exchange) -> None:
        await exchange.json(status, data, more)

    return script


async def dropping(exchange: Exchange) -> None:
    """Hangs up before a byte."""
    exchange.writer.transport.abort()


@dataclass
class ScriptedEngine:
    """`scripts` are used up one by one, then `otherwise`. `left` is set when a client hangs up on one."""

    url: str = ""
    scripts: deque[Script] = field(default_factory=deque)
    otherwise: Script = hello
    asked: list[dict[str, Any]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    models: tuple[str, ...] = ("scripted",)
    left: asyncio.Event = field(default_factory=asyncio.Event)
    running: int = 0
    most_running: int = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
            headers = {
                name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:-2])
            }
            body = await reader.readexactly(int(headers.get("content-length", 0)))
            exchange = Exchange(json.loads(body or b"{}"), headers, reader, writer)
            if head[0].startswith("GET"):
                await exchange.json(200, {"object": "list", "data": [{"id": name} for name in self.models]})
            else:
                await self._answer(exchange)
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()

    async def _answer(self, exchange: Exchange) -> None:
        self.asked.append(exchange.body)
        self.headers.append(exchange.headers)
        self.running += 1
        self.most_running = max(self.running, self.most_running)
        script = self.scripts.popleft() if self.scripts else self.otherwise
        if unknown := exchange.body.keys() - KNOWN:
            script = refusing(400, {"error": {"message": f"unknown: {sorted(unknown)}"}})
        saying_it = asyncio.ensure_future(script(exchange))
        leaving = asyncio.ensure_future(exchange.reader.read())
        try:
            await asyncio.wait((saying_it, leaving), return_when=asyncio.FIRST_COMPLETED)
            if not saying_it.done():
                self.left.set()
        finally:
            self.running -= 1
            for task in (saying_it, leaving):
                task.cancel()
            await asyncio.gather(saying_it, leaving, return_exceptions=True)


@asynccontextmanager
async def scripted_engine() -> AsyncIterator[ScriptedEngine]:
    """An engine that listens."""
    engine = ScriptedEngine()
    serving: dict[asyncio.Task[None], asyncio.StreamWriter] = {}

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        serving[task] = writer
        try:
            await engine.serve(reader, writer)
        finally:
            del serving[task]

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    host, port = server.sockets[0].getsockname()
    engine.url = f"http://{host}:{port}/v1"
    try:
        yield engine
    finally:
        server.close()
        for writer in serving.values():
            writer.transport.abort()
        await asyncio.gather(*serving)


def closed_port_url() -> str:
    """A URL where nobody listens."""
    import socket

    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{one.getsockname()[1]}/v1"
