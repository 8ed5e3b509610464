"""An OpenAI-compatible chat engine that writes a script: `python -m benchmarks.scripted_engine`.

A request's first message says how: `TOKENS GAP_MS`. The first token is sent at once, each further one after
the gap; with a gap of 0 all of them at once. It prints `ready PORT`, and does nothing else than this.
"""

import asyncio
import json
import re

HEAD = (
    b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncache-control: no-cache\r\n"
    b"transfer-encoding: chunked\r\n\r\n"
)
LENGTH = re.compile(rb"content-length: *(\d+)", re.IGNORECASE)
MODELS = json.dumps(
    {"object": "list", "data": [{"id": "scripted", "object": "model", "created": 1}]}
).encode()


def _event(delta: dict[str, str], finish: str | None = None) -> bytes:
    body = {
        "id": "chatcmpl-scripted",
        "object": "chat.completion.chunk",
        "created": 1,
        "model": "scripted",
        "choices": [{"index": 0, "delta": delta, "finish_reason": finish}],
    }
    return _chunk(f"data: {json.dumps(body)}\n\n".encode())


def _chunk(data: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(data), data)


ROLE = _event({"role": "assistant", "content": ""})
TOKEN = _event({"content": " word"})
LAST = _event({}, "stop") + _chunk(b"data: [DONE]\n\n") + b"0\r\n\r\n"


async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """One connection, kept for many requests."""
    try:
        while True:
            head = await reader.readuntil(b"\r\n\r\n")
            if head.startswith(b"GET"):
                writer.write(
                    b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n"
                    b"content-length: %d\r\n\r\n%s" % (len(MODELS), MODELS)
                )
                continue
            found = LENGTH.search(head)
            assert found is not None
            body = json.loads(await reader.readexactly(int(found[1])))
            tokens, gap = body["messages"][0]["content"].split()
            await _write(writer, int(tokens), float(gap) / 1000)
    except (asyncio.IncompleteReadError, ConnectionError):
        writer.close()


async def _write(writer: asyncio.StreamWriter, tokens: int, gap: float) -> None:
    writer.write(HEAD + ROLE + TOKEN)
    if not gap:
        writer.write(TOKEN * (tokens - 1) + LAST)
        await writer.drain()
        return
    loop = asyncio.get_running_loop()
    begun = loop.time()
    for number in range(1, tokens):
        await asyncio.sleep(begun + number * gap - loop.time())
        writer.write(TOKEN)
    writer.write(LAST)


async def main() -> None:
    """Listen until killed."""
    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    print("ready", server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
