"""A trainer behind HTTP: a small service of the documented kind, on a real socket."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
from aiohttp import web

from ringline.core.clock import VirtualClock
from ringline.core.ids import Ids
from ringline.finetune.remote import RemoteTrainer
from ringline.store.db import Store
from tests.finetune.shop import ACCOUNT, MODEL, Shop

pytestmark = pytest.mark.unit


@dataclass
class Service:
    """Trains nothing, in so many looks; `answers` come before the usual ones."""

    looks: int = 3
    ends: dict[str, Any] = field(default_factory=lambda: {"status": "succeeded", "adapter": "files/one.gguf"})
    answers: list[web.Response] = field(default_factory=list)
    posted: list[tuple[dict[str, Any], str]] = field(default_factory=list)
    looked: int = 0
    deleted: list[str] = field(default_factory=list)
    keys: set[str | None] = field(default_factory=set)
    adapter: bytes = b"GGUF from afar"

    def app(self) -> web.Application:
        app = web.Application()
        app.router.add_post("/trainer/jobs", self.post)
        app.router.add_get("/trainer/jobs/{id}", self.look)
        app.router.add_delete("/trainer/jobs/{id}", self.delete)
        app.router.add_get("/trainer/jobs/{id}/files/one.gguf", self.file)
        return app

    async def post(self, request: web.Request) -> web.Response:
        self.keys.add(request.headers.get("authorization"))
        form = await request.post()
        parts = {name: part.file.read() for name, part in form.items() if isinstance(part, web.FileField)}
        self.posted.append((json.loads(parts["task"]), parts["data"].decode()))
        if self.answers:
            return self.answers.pop(0)
        return web.json_response({"status": "queued", "id": "mine"}, status=202)

    async def look(self, request: web.Request) -> web.Response:
        self.keys.add(request.headers.get("authorization"))
        if self.answers:
            return self.answers.pop(0)
        self.looked += 1
        report: dict[str, Any] = {"status": "running", "examples": 2, "epochs": 5, "steps": self.looks}
        if self.looked > 1:
            report |= {"step": self.looked, "loss": 1 / self.looked, "tokens": 7 * self.looked}
        return web.json_response(report | (self.ends if self.looked >= self.looks else {}))

    async def delete(self, request: web.Request) -> web.Response:
        self.deleted.append(request.match_info["id"])
        return web.Response(status=204)

    async def file(self, request: web.Request) -> web.Response:
        self.keys.add(request.headers.get("authorization"))
        return web.Response(body=self.adapter)


Open = Callable[[Service], Awaitable[Shop]]


@pytest.fixture
async def opened(sqlite_store: Store, clock: VirtualClock, ids: Ids, tmp_path: Path) -> AsyncIterator[Open]:
    closing: list[Callable[[], Awaitable[None]]] = []

    async def make(service: Service) -> Shop:
        runner = web.AppRunner(service.app())
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        host, port = runner.addresses[0][:2]
        client = httpx.AsyncClient(trust_env=False)
        trainer = RemoteTrainer(f"http://{host}:{port}/trainer/", "secret", client, poll_s=0.001)
        shop = Shop(sqlite_store, clock, tmp_path / "training", trainer, ids=ids)
        shop.jobs.start()
        closing.extend((runner.cleanup, client.aclose, shop.close))
        return shop

    yield make
    for close in reversed(closing):
        await close()


async def test_task_and_data_go_there_and_an_adapter_comes_back(opened: Open, tmp_path: Path) -> None:
    service = Service()
    shop = await opened(service)
    made = await shop.order(seed=11, suffix="far")
    done = await shop.ends(made.id)
    assert (done.status, done.error, done.steps, done.n_epochs, done.trained_tokens) == (
        *("succeeded", None, 3, 5),
        21,
    )
    assert shop.served.held == {made.id: (MODEL, b"GGUF from afar")}
    ((task, data),) = service.posted
    assert (task["id"], task["model"], task["epochs"], task["seed"], task["suffix"]) == (
        *(made.id, MODEL, 3, 11),
        "far",
    )
    assert str(tmp_path) not in json.dumps(task)  # paths of this machine are nobody else's business
    assert [json.loads(line)["line"] for line in data.splitlines()] == [1, 2]
    assert service.keys == {"Bearer secret"}
    assert service.deleted == []


@pytest.mark.parametrize(
    ("ends", "reason"),
    [
        ({"status": "failed", "reason": "out of quota"}, "out of quota"),
        ({"status": "cancelled"}, "the trainer says cancelled"),
        ({"status": "lost"}, "the trainer's report cannot be read: Invalid enum value 'lost'"),
        ({"status": "running", "steps": -1}, "the trainer's report cannot be read"),
    ],
)
async def test_its_reason_is_the_job_s(opened: Open, ends: dict[str, Any], reason: str) -> None:
    shop = await opened(Service(ends=ends))
    failed = await shop.ends((await shop.order()).id)
    assert failed.status == "failed"
    assert failed.error is not None
    assert failed.error.startswith(reason)


async def test_a_refusal_is_told_and_not_repeated(opened: Open) -> None:
    service = Service(answers=[web.Response(status=403, text="this key may not train")])
    shop = await opened(service)
    failed = await shop.ends((await shop.order()).id)
    assert failed.error == "the trainer refused with 403: this key may not train"
    assert len(service.posted) == 1


async def test_a_service_that_is_away_for_a_moment_is_asked_again(opened: Open) -> None:
    taken = web.json_response({"status": "queued"})
    service = Service(answers=[taken, web.Response(status=502), web.Response(status=429)])
    shop = await opened(service)
    assert (await shop.ends((await shop.order()).id)).status == "succeeded"
    assert len(service.posted) == 1


async def test_a_service_that_cannot_take_it_now_gets_it_again(opened: Open) -> None:
    service = Service(answers=[web.Response(status=503)])
    shop = await opened(service)
    made = await shop.order()
    assert (await shop.ends(made.id)).status == "succeeded"
    assert len(service.posted) == 2
    assert any("answered 503" in event.message for event in await shop.told(made.id))


async def test_an_adapter_that_is_none_is_refused(opened: Open) -> None:
    shop = await opened(Service(adapter=b"<html>"))
    failed = await shop.ends((await shop.order()).id)
    assert failed.error == "the trainer left no GGUF adapter"


async def test_cancelling_reaches_the_service(opened: Open) -> None:
    service = Service(looks=1_000_000)
    shop = await opened(service)
    made = await shop.order()
    await shop.reaches(made.id, lambda one: one.step > 0)
    await shop.service.cancel(ACCOUNT, made.id)
    async with asyncio.timeout(10):
        await shop.reaches(made.id, lambda one: service.deleted == [made.id])


async def test_a_stop_of_ours_leaves_the_service_at_work(opened: Open) -> None:
    service = Service(looks=1_000_000)
    shop = await opened(service)
    made = await shop.order()
    await shop.reaches(made.id, lambda one: one.step > 0)
    await shop.jobs.stop()
    assert service.deleted == []
    assert (await shop.now(made.id)).status == "running"
