"""An OpenAI-compatible engine over real HTTP whose answers a test decides."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

Reply = Callable[[dict[str, Any]], str | int]
"""From a request's body: what the model says, or the HTTP status of a refusal."""


@dataclass
class Engine:
    """The engine, and what it was asked."""

    reply: Reply
    context: int = 8192
    url: str = ""
    asked: list[dict[str, Any]] = field(default_factory=list)
    hold: asyncio.Event | None = None
    """Answers wait for it, if there is one."""
    silent_at: int = 0
    """The number, from 1, of a question that is never answered."""
    silent: asyncio.Event = field(default_factory=asyncio.Event)
    """Set once that question has come."""

    @property
    def prompts(self) -> list[str]:
        """The user's message of each question."""
        return [str(one["messages"][-1]["content"]) for one in self.asked]

    async def chat(self, request: web.Request) -> web.StreamResponse:
        body = await request.json()
        self.asked.append(body)
        if len(self.asked) == self.silent_at:
            self.silent.set()
            await asyncio.Event().wait()
        if self.hold is not None:
            await self.hold.wait()
        said = self.reply(body)
        if isinstance(said, int):
            return web.json_response({"error": {"message": "scripted"}}, status=said)
        answer = web.StreamResponse(headers={"content-type": "text/event-stream"})
        await answer.prepare(request)
        for choice in (
            {"index": 0, "delta": {"role": "assistant", "content": said}, "finish_reason": None},
            {"index": 0, "delta": {}, "finish_reason": "stop"},
        ):
            chunk = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "scripted"}
            await answer.write(f"data: {json.dumps(chunk | {'choices': [choice]})}\n\n".encode())
        usage = {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15}
        await answer.write(f"data: {json.dumps({'id': 'c', 'choices': [], 'usage': usage})}\n\n".encode())
        await answer.write(b"data: [DONE]\n\n")
        return answer

    async def models(self, _request: web.Request) -> web.Response:
        card = {"id": "scripted", "object": "model", "created": 1, "owned_by": "test"}
        return web.json_response({"object": "list", "data": [card | {"max_model_len": self.context}]})


@asynccontextmanager
async def serve(reply: Reply, *, context: int = 8192) -> AsyncIterator[Engine]:
    """Serve on loopback; `url` ends in /v1."""
    engine = Engine(reply, context)
    app = web.Application(client_max_size=16_000_000)
    app.router.add_post("/v1/chat/completions", engine.chat)
    app.router.add_get("/v1/models", engine.models)
    runner = web.AppRunner(app, shutdown_timeout=0.5)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    engine.url = f"http://127.0.0.1:{runner.addresses[0][1]}/v1"
    try:
        yield engine
    finally:
        await runner.cleanup()
