"""An OpenAI-compatible engine that answers what a test says: chat by script, embeddings by arithmetic.

::

    async with Engine() as engine, Server(folder, settings=engine.settings) as server:
        ...                     # the server's chat and embedding models are the engine's
"""

import asyncio
import base64
import hashlib
import json
import math
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

from aiohttp import web

CHAT_MODEL = "scripted"
EMBEDDING_MODEL = "arithmetic"
DIMENSIONS = 16


@dataclass(frozen=True, slots=True)
class Reply:
    """What the engine says: text, or calls of tools as (name, arguments as JSON)."""

    text: str = ""
    calls: tuple[tuple[str, str], ...] = ()

    def pieces(self) -> Iterator[str]:
        """The text as it is streamed, a word at a time."""
        for number, word in enumerate(self.text.split(" ")):
            yield word if number == 0 else f" {word}"


Script = Callable[[dict[str, Any]], Reply]
"""From the body of a request to what is said."""


def echo(request: dict[str, Any]) -> Reply:
    """Obey where the request says what must come (a schema, a choice, a tool); else repeat what was said."""
    tools = request.get("tools") or []
    wanted = request.get("tool_choice", "auto")
    if tools and wanted not in ("auto", "none"):
        functions = {tool["function"]["name"]: tool["function"] for tool in tools}
        name = wanted["function"]["name"] if isinstance(wanted, dict) else next(iter(functions))
        arguments = smallest(functions[name].get("parameters") or {"type": "object"})
        return Reply(calls=((name, json.dumps(arguments)),))
    if choices := request.get("guided_choice"):
        return Reply(choices[0])
    form = request.get("response_format") or {"type": "text"}
    if form["type"] == "json_schema":
        return Reply(json.dumps(smallest(form["json_schema"]["schema"])))
    if form["type"] == "json_object":
        return Reply("{}")
    return Reply(f"You said: {_last_words(request['messages'])}")


def smallest(schema: dict[str, Any] | bool) -> Any:
    """A small value that a plain JSON schema allows: only what is required, first of what is listed."""
    if isinstance(schema, bool):
        return {}
    if "const" in schema:
        return schema["const"]
    if schema.get("enum"):
        return schema["enum"][0]
    if schema.get("anyOf"):
        return smallest(schema["anyOf"][0])
    kind = schema.get("type", "object")
    if kind == "object":
        known = schema.get("properties", {})
        return {name: smallest(known.get(name, {"type": "null"})) for name in schema.get("required", ())}
    if kind == "array":
        return [smallest(schema.get("items", {"type": "null"}))] * int(schema.get("minItems", 0))
    return {"string": "", "integer": 0, "number": 0, "boolean": False}.get(kind)


class Engine:
    """`async with Engine(script) as engine:` serves it on a free port of loopback."""

    def __init__(self, script: Script = echo) -> None:
        self.script = script
        self.asked: list[dict[str, Any]] = []
        """Bodies of the chats that were asked for, oldest first."""
        self.url = ""
        """Its base URL, ending in /v1."""
        self._runner: web.AppRunner | None = None

    @property
    def settings(self) -> dict[str, object]:
        """Settings that make a ringline server use it."""
        return {
            "inference.upstream": self.url,
            "inference.upstream_dialect": "vllm",
            "embeddings.urls": self.url,
            "embeddings.models": EMBEDDING_MODEL,
        }

    async def __aenter__(self) -> Self:
        """Serve."""
        app = web.Application(client_max_size=64_000_000)
        app.router.add_get("/v1/models", self._models)
        app.router.add_post("/v1/chat/completions", self._chat)
        app.router.add_post("/v1/embeddings", self._embed)
        self._runner = web.AppRunner(app, shutdown_timeout=1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        host, port = self._runner.addresses[0][:2]
        self.url = f"http://{host}:{port}/v1"
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop."""
        assert self._runner is not None
        await self._runner.cleanup()

    async def _models(self, _request: web.Request) -> web.Response:
        names = (CHAT_MODEL, EMBEDDING_MODEL)
        data = [{"id": name, "object": "model", "created": 1, "owned_by": "tests"} for name in names]
        return web.json_response({"object": "list", "data": data})

    async def _chat(self, request: web.Request) -> web.StreamResponse:
        body = await request.json()
        self.asked.append(body)
        reply = self.script(body)
        stream = web.StreamResponse(headers={"content-type": "text/event-stream"})
        await stream.prepare(request)
        count = body.get("n") or 1
        for index in range(count):
            for delta in _deltas(reply, index, logprobs=bool(body.get("logprobs"))):
                await _send(stream, {"choices": [delta]})
                await asyncio.sleep(0)
        words = sum(1 for _ in reply.pieces()) * count
        prompt = len(json.dumps(body["messages"]).split())
        usage = {"prompt_tokens": prompt, "completion_tokens": words, "total_tokens": prompt + words}
        await _send(stream, {"choices": [], "usage": usage})
        await stream.write(b"data: [DONE]\n\n")
        return stream

    async def _embed(self, request: web.Request) -> web.Response:
        body = await request.json()
        given = body["input"]
        texts = given if isinstance(given, list) else [given]
        data = []
        for index, text in enumerate(texts):
            vector = vector_of(str(text), body.get("dimensions") or DIMENSIONS)
            coded = base64.b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode()
            in_base64 = body.get("encoding_format") == "base64"
            data.append({"object": "embedding", "index": index, "embedding": coded if in_base64 else vector})
        tokens = sum(len(str(text).split()) for text in texts)
        usage = {"prompt_tokens": tokens, "total_tokens": tokens}
        return web.json_response({"object": "list", "data": data, "model": body["model"], "usage": usage})


def vector_of(text: str, dimensions: int = DIMENSIONS) -> list[float]:
    """A vector of length 1; texts that share words have vectors that are near each other."""
    sums = [0.0] * dimensions
    for word in text.lower().split() or [""]:
        digest = hashlib.shake_128(word.encode()).digest(dimensions)
        sums = [total + byte - 127.5 for total, byte in zip(sums, digest, strict=True)]
    length = math.hypot(*sums)
    return [one / length for one in sums]


def _deltas(reply: Reply, index: int, *, logprobs: bool) -> Iterator[dict[str, Any]]:
    if reply.calls:
        calls = [
            {
                "index": number,
                "id": f"call_{number}",
                "type": "function",
                "function": {"name": name, "arguments": text},
            }
            for number, (name, text) in enumerate(reply.calls)
        ]
        yield {"index": index, "delta": {"role": "assistant", "tool_calls": calls}, "finish_reason": None}
        yield {"index": index, "delta": {}, "finish_reason": "tool_calls"}
        return
    for piece in reply.pieces():
        delta: dict[str, Any] = {"index": index, "delta": {"content": piece}, "finish_reason": None}
        if logprobs:
            token = {"token": piece, "logprob": -0.5, "bytes": list(piece.encode())}
            delta["logprobs"] = {"content": [{**token, "top_logprobs": [token]}]}
        yield delta
    yield {"index": index, "delta": {}, "finish_reason": "stop"}


def _last_words(messages: list[dict[str, Any]]) -> str:
    said = [one for one in messages if one["role"] in ("user", "tool")] or messages
    content = (said[-1].get("content") if said else None) or ""
    if isinstance(content, str):
        return content
    return " ".join(part.get("text", "") for part in content if part["type"] == "text")


async def _send(stream: web.StreamResponse, chunk: dict[str, Any]) -> None:
    whole = {
        "id": "chatcmpl-1",
        "object": "chat.completion.chunk",
        "created": 1,
        "model": CHAT_MODEL,
        **chunk,
    }
    await stream.write(b"data: " + json.dumps(whole).encode() + b"\n\n")
