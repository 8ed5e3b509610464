"""The application behind a real port."""

import asyncio
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import telnyx
import uvicorn

from ringline.api.ports import ApiSettings
from ringline.core.clock import VirtualClock
from ringline.store.db import Store
from tests.api.house import KEY, House, prepare
from tests.conformance.ai_seeds import models_of

LARGEST = 2**16
"""Bytes of a body that is not media."""


@dataclass
class Served:
    """A house behind a port, and a client of it."""

    house: House
    base_url: str

    def client(self, key: str = KEY, retries: int = 0) -> telnyx.Telnyx:
        return telnyx.Telnyx(api_key=key, base_url=self.base_url, max_retries=retries)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """The application on a free port of loopback, its loop in a thread of its own."""
    found: list[Served] = []
    ready, done = threading.Event(), threading.Event()
    folder = tmp_path_factory.mktemp("served")

    def run() -> None:
        asyncio.run(_serve(folder, found, ready, done))

    thread = threading.Thread(target=run)
    thread.start()
    assert ready.wait(30)
    yield found[0]
    done.set()
    thread.join(30)


class Announcing(uvicorn.Server):
    """Says when it listens."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.listening = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.listening.set()


async def _serve(folder: Path, found: list[Served], ready: threading.Event, done: threading.Event) -> None:
    account_id, other = await prepare(folder / "ringline.db")
    clock = VirtualClock()
    store = Store.open(f"sqlite:///{folder / 'ringline.db'}", clock=clock)
    async with models_of(folder, clock) as models:
        limits = ApiSettings(max_body_bytes=LARGEST)
        house = House(folder, store, clock, account_id, other, settings=limits, **models)
        await _run(house, found, ready, done)
    await store.close()


async def _run(house: House, found: list[Served], ready: threading.Event, done: threading.Event) -> None:
    server = Announcing(
        uvicorn.Config(
            house.app(), host="127.0.0.1", port=0, log_level="warning", server_header=False, lifespan="off"
        )
    )
    serving = asyncio.create_task(server.serve())
    await server.listening.wait()
    port = server.servers[0].sockets[0].getsockname()[1]
    found.append(Served(house, f"http://127.0.0.1:{port}/v2"))
    ready.set()
    await asyncio.to_thread(done.wait)
    server.should_exit = True
    await serving
