"""What a call leaves behind in its node: nothing. Counted over two hundred calls of every fate."""

import asyncio
import gc
import os
from collections import Counter
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from ringline.core.settings import load
from ringline.node.node import Node
from ringline.testing import App, Received, tone, wav
from tests.speech.hearing import tone_engine

from . import rawsip

pytestmark = [pytest.mark.system, pytest.mark.asyncio(loop_scope="session")]

WARM, MEASURED = 40, 160
AT_ONCE = 20
NUMBER = "+15550199999"
KEY = "KEYleak"
TALK = {
    "record": "record-from-answer",
    "record_format": "wav",
    "transcription": True,
    "transcription_config": {"transcription_tracks": "both", "interim_results": True},
}
"""How a call that is answered is answered."""
NOISE = 12
"""Objects of one kind that caches and the garbage collector may hold more after a batch than before it."""

POOLED = 4 * AT_ONCE
"""Descriptors of connections that wait for the next webhook or request: both ends are in this process."""


class Customer:
    """An app that answers, rejects or hangs up as the caller's name asks, and a phone of bare bytes."""

    def __init__(self, node: Node, app: App, client: httpx.AsyncClient) -> None:
        self._node = node
        self._app = app
        self._client = client
        self._sound = app.serves(wav(tone(500, 0.3)))
        self._tasks: set[asyncio.Task[None]] = set()
        self._ended: dict[str, asyncio.Event] = {}
        self.connection_id = ""
        app.inbox.status = self._hear

    async def batch(self, wire: rawsip.Wire, numbers: range) -> None:
        """So many calls, some at once."""
        gate = asyncio.Semaphore(AT_ONCE)

        async def one(number: int) -> None:
            async with gate, asyncio.timeout(30):
                if number % 4 == 3:
                    await self._out(wire, f"out{number}")
                else:
                    await self._in(wire, f"{('talk', 'reject', 'cancel')[number % 4]}{number}")

        await asyncio.gather(*[one(number) for number in numbers])
        await asyncio.gather(*self._tasks)

    async def _in(self, wire: rawsip.Wire, name: str) -> None:
        def request(method: str, body: bytes = b"", branch: str = name, to_tag: str = "") -> bytes:
            return rawsip.request(
                method,
                uri,
                body=body,
                contact=wire.port,
                call_id=name,
                user=name,
                branch=branch,
                to_tag=to_tag,
            )

        uri = f"sip:{NUMBER}@{self._node.sip_address}"
        over = self._ended[name] = asyncio.Event()
        wire.send(request("INVITE", rawsip.offer()))
        if name.startswith("cancel"):
            await wire.answer(name, least=180)
            wire.send(request("CANCEL"))
        answer = await wire.answer(name, method="INVITE")
        tag = rawsip.header(answer, "To").partition("tag=")[2]
        branch = "ack" + name if rawsip.status_of(answer) == 200 else name
        wire.send(request("ACK", branch=branch, to_tag=tag))
        await over.wait()

    async def _out(self, wire: rawsip.Wire, name: str) -> None:
        over = self._ended[name] = asyncio.Event()
        body = {"connection_id": self.connection_id, "from": name, "to": f"sip:{name}@127.0.0.1:{wire.port}"}
        response = await self._client.post("/calls", json=body)
        assert response.status_code == 200
        await over.wait()

    def _hear(self, event: Received) -> int:
        match event.type:
            case "call.initiated" if event.payload["direction"] == "incoming":
                self._later(self._answer(event))
            case "call.playback.ended":
                self._later(self._command(event, "hangup", {}))
            case "call.hangup":
                self._ended[_name(event)].set()
        return 200

    async def _answer(self, event: Received) -> None:
        if _name(event).startswith("talk"):
            await self._command(event, "answer", TALK)
            await self._command(event, "playback_start", {"audio_url": self._sound})
        elif _name(event).startswith("reject"):
            await self._command(event, "reject", {"cause": "USER_BUSY"})

    async def _command(self, event: Received, name: str, body: dict[str, Any]) -> None:
        call_id = event.payload["call_control_id"]
        await self._client.post(f"/calls/{call_id}/actions/{name}", json=body)

    def _later(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def _name(event: Received) -> str:
    """Who calls, of an incoming leg; whom we call as, of an outgoing one."""
    caller: str = event.payload["from"]
    return caller.removeprefix("sip:").partition("@")[0]


def census() -> Counter[str]:
    """Everything alive that a call might leave: objects of ours, tasks, descriptors, timers."""
    gc.collect()
    kinds = Counter(
        f"{type(one).__module__}.{type(one).__qualname__}"
        for one in gc.get_objects()
        if type(one).__module__.startswith("ringline")
        and not type(one).__module__.startswith("ringline.testing")
    )
    kinds["tasks"] = len(asyncio.all_tasks())
    kinds["descriptors"] = len(os.listdir("/proc/self/fd"))
    kinds["timers"] = sum(
        isinstance(one, asyncio.TimerHandle) and not one.cancelled() for one in gc.get_objects()
    )
    return kinds


async def settled() -> Counter[str]:
    """What is left when a leg has lingered and a transaction has waited for copies (T4, RFC 3261 §17)."""
    await asyncio.sleep(6)  # the subject is what these five seconds do not clear
    return census()


@asynccontextmanager
async def running(folder: Path, recognizer: str) -> AsyncIterator[Node]:
    """A node in this process, and the URL of the recognizer that it asks."""
    values = {"api_key": KEY, "data": folder, "http.port": 0, "sip.port": 0, "sip.t1_ms": 20}
    values |= {"recognition.remote_url": recognizer, "recognition.tracks": 4 * AT_ONCE}
    node = Node(load(None, {}, {**values, "sip.invites_per_second": 1000, "media.ports": "10000-13999"}))
    await node.start()
    try:
        yield node
    finally:
        gc.unfreeze()
        await node.stop(0)


async def test_nothing_is_left_of_two_hundred_calls(tmp_path: Path) -> None:
    async with (
        tone_engine() as engine,
        running(tmp_path, engine.url) as node,
        App() as app,
        rawsip.udp(node.sip_address) as wire,
    ):
        headers = {"authorization": f"Bearer {KEY}"}
        async with httpx.AsyncClient(base_url=node.http_url, headers=headers, timeout=20) as client:
            customer = Customer(node, app, client)
            body = {"application_name": "leaks", "webhook_event_url": app.hook}
            made = await client.post("/call_control_applications", json=body)
            customer.connection_id = made.json()["data"]["id"]
            order = {"phone_numbers": [{"phone_number": NUMBER}], "connection_id": customer.connection_id}
            await client.post("/number_orders", json=order)

            await customer.batch(wire, range(WARM))
            before = await settled()
            await customer.batch(wire, range(WARM, WARM + MEASURED))
            after = await settled()

            assert {
                kind: after[kind] - before[kind]
                for kind in after
                if after[kind] - before[kind] > (POOLED if kind == "descriptors" else NOISE)
            } == {}
            assert app.inbox.types.count("call.hangup") == WARM + MEASURED
            assert app.inbox.types.count("call.recording.saved") == (WARM + MEASURED) // 4
            assert len(engine.sent) >= (WARM + MEASURED) // 4
            assert (await client.get(node.http_url.removesuffix("/v2") + "/healthz")).json()["calls"] == 0
